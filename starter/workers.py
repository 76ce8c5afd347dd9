"""Several single-threaded workers on one set of weights in shared memory: how the small networks here are trained.

Two workers of one thread are a third faster than one process of two threads, since the layers are too small to be
split. Worker 0 is the caller: it adds up the gradients, takes the step, and the others see the new weights at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

Backward = Callable[[int, int, int], float]
"""(step, worker, number of pictures there are) -> loss; adds to the gradients of the shared parameters."""


class Workers:
    """``backward_for(worker)`` is called once in each worker's own process and gives its ``Backward``."""

    def __init__(
        self, parameters: list[torch.Tensor], backward_for: Callable[[int], Backward], num_workers: int
    ) -> None:
        self._parameters = parameters
        self._num_workers = num_workers
        for parameter in parameters:
            parameter.data.share_memory_()
        context = torch.multiprocessing.get_context("fork")
        self._shared: dict[str, Any] = {
            "start": context.Barrier(num_workers),
            "done": context.Barrier(num_workers),
            "now": torch.zeros(2, dtype=torch.int64).share_memory_(),
            "gradients": torch.zeros(num_workers - 1, sum(p.numel() for p in parameters)).share_memory_(),
        }
        self._others = [
            context.Process(target=self._work, args=(backward_for, worker), daemon=True)
            for worker in range(1, num_workers)
        ]
        for process in self._others:
            process.start()
        zero_gradients(parameters)
        self._backward = backward_for(0)

    def backward(self, step: int, num_pictures: int = 0) -> float:
        """The mean gradient of all workers in ``.grad``; returns worker 0's loss."""
        self._shared["now"].copy_(torch.tensor([step, num_pictures]))
        self._shared["start"].wait()
        loss = self._backward(step, 0, num_pictures)
        self._shared["done"].wait()
        offset = 0
        for parameter in self._parameters:
            for other in self._shared["gradients"]:
                parameter.grad.add_(other[offset : offset + parameter.numel()].view_as(parameter))
            parameter.grad.div_(self._num_workers)
            offset += parameter.numel()
        return loss

    def stop(self) -> None:
        """Let the other workers end."""
        self._shared["now"].fill_(-1)
        self._shared["start"].wait()
        for process in self._others:
            process.join()

    def _work(self, backward_for: Callable[[int], Backward], worker: int) -> None:
        torch.set_num_threads(1)
        zero_gradients(self._parameters)
        backward = backward_for(worker)
        while True:
            self._shared["start"].wait()
            step, num_pictures = self._shared["now"].tolist()
            if step < 0:
                return
            backward(step, worker, num_pictures)
            gradients = [p.grad.contiguous().flatten() for p in self._parameters]
            torch.cat(gradients, out=self._shared["gradients"][worker - 1])
            zero_gradients(self._parameters)
            self._shared["done"].wait()


def zero_gradients(parameters: list[torch.Tensor]) -> None:
    """In place, and zero rather than None: not every step uses every layer."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
        else:
            parameter.grad.zero_()
