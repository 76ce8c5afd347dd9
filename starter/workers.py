"""Several single-threaded workers on one set of weights in shared memory: how the small networks here are trained.

Two workers of one thread are a third faster than one process of two threads, since the layers are too small to be
split. Every worker adds the gradient of its own pictures; then each takes the optimizer's step for its share of the
matrices, which with Muon costs as much as several pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from muon import MuonAndAdamW

Backward = Callable[[int, int, int], float]
"""(step, worker, number of pictures there are) -> loss; adds to the gradients of the shared parameters."""


class Workers:
    """``backward_for(worker)`` is called once in each worker's own process and gives its ``Backward``.

    ``averaged`` are copies of ``parameters`` that follow them as a moving average.
    """

    def __init__(
        self,
        parameters: list[torch.Tensor],
        averaged: list[torch.Tensor],
        optimizer: MuonAndAdamW,
        backward_for: Callable[[int], Backward],
        num_workers: int,
    ) -> None:
        self._parameters, self._averaged, self._optimizer = parameters, averaged, optimizer
        self._num_workers = num_workers
        for tensor in (*parameters, *averaged, *optimizer.buffers()):
            tensor.data.share_memory_()
        context = torch.multiprocessing.get_context("fork")
        self._shared: dict[str, Any] = {
            "start": context.Barrier(num_workers),
            "backward done": context.Barrier(num_workers),
            "step done": context.Barrier(num_workers),
            "now": torch.zeros(2, dtype=torch.int64).share_memory_(),
            "rates": torch.zeros(2, dtype=torch.float64).share_memory_(),
            "gradients": torch.zeros(num_workers, sum(p.numel() for p in parameters)).share_memory_(),
        }
        self._others = [
            context.Process(target=self._work, args=(backward_for, worker), daemon=True)
            for worker in range(1, num_workers)
        ]
        for process in self._others:
            process.start()
        torch.set_num_threads(1)
        zero_gradients(parameters)
        self._backward = backward_for(0)

    def step(self, step: int, lr: float, ema_decay: float, num_pictures: int = 0) -> float:
        """One step of all workers; returns worker 0's loss."""
        self._shared["now"].copy_(torch.tensor([step, num_pictures]))
        self._shared["rates"].copy_(torch.tensor([lr, ema_decay]))
        return self._step(self._backward, 0)

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
        while self._step(backward, worker) is not None:
            pass

    def _step(self, backward: Backward, worker: int) -> Any:
        self._shared["start"].wait()
        step, num_pictures = self._shared["now"].tolist()
        if step < 0:
            return None
        loss = backward(step, worker, num_pictures)
        gradients = [p.grad.contiguous().flatten() for p in self._parameters]
        torch.cat(gradients, out=self._shared["gradients"][worker])
        self._shared["backward done"].wait()
        lr, ema_decay = self._shared["rates"].tolist()
        mine = self._optimizer.share(worker, self._num_workers)
        offset = 0
        for parameter in self._parameters:
            if id(parameter) in mine:
                rows = self._shared["gradients"][:, offset : offset + parameter.numel()]
                torch.mean(rows, 0, out=parameter.grad.view(-1))
            offset += parameter.numel()
        self._optimizer.step(lr, worker, self._num_workers)
        with torch.no_grad():
            for parameter, average in zip(self._parameters, self._averaged, strict=True):
                if id(parameter) in mine:
                    average.lerp_(parameter, 1 - ema_decay)
        zero_gradients(self._parameters)
        self._shared["step done"].wait()
        return loss


def zero_gradients(parameters: list[torch.Tensor]) -> None:
    """In place, and zero rather than None: not every step uses every layer."""
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
        else:
            parameter.grad.zero_()
