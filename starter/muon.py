"""Muon for the small networks here: momentum whose matrices are made orthogonal before the step.

Keller Jordan and others, "Muon: An optimizer for hidden layers in neural networks" (2024), with the scale of Liu and
others, "Muon is scalable for LLM training" (2025, eq. 4), so that AdamW's learning rates can be used.
``torch.optim.Muon`` is the same in bfloat16, which is hundreds of times slower than float32 on this project's machines,
and takes no convolutions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
NUM_ITERATIONS = 5
MOMENTUM = 0.95


def orthogonal(matrix: torch.Tensor) -> torch.Tensor:
    """The nearest matrix with singular values near one, [M, N] -> [M, N], by Newton and Schulz' quintic."""
    a, b, c = COEFFICIENTS
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(NUM_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if matrix.shape[0] > matrix.shape[1] else x


@torch.no_grad()
def muon_step(parameter: torch.Tensor, kept: torch.Tensor, lr: float, weight_decay: float) -> None:
    """One update in place from ``parameter.grad``, with Nesterov's momentum in ``kept``."""
    kept.lerp_(parameter.grad, 1 - MOMENTUM)
    direction = parameter.grad.lerp(kept, MOMENTUM).flatten(1)
    scale = 0.2 * max(direction.shape) ** 0.5
    parameter.mul_(1 - lr * weight_decay)
    parameter.add_(orthogonal(direction).view_as(parameter), alpha=-lr * scale)


class MuonAndAdamW:
    """Muon for matrices and convolutions, AdamW for vectors and for the lookup tables named in ``tables``.

    The matrices can be shared out among workers (``starter/workers.py``); worker 0 does all that is AdamW's.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        lr: float,
        weight_decay: float,
        tables: Iterable[torch.Tensor] = (),
    ) -> None:
        by_adamw = {id(table) for table in tables}
        self._vectors: list[torch.Tensor] = []
        self._matrices: list[torch.Tensor] = []
        for parameter in parameters:
            is_matrix = parameter.ndim >= 2 and id(parameter) not in by_adamw
            (self._matrices if is_matrix else self._vectors).append(parameter)
        self._kept = [torch.zeros_like(matrix) for matrix in self._matrices]
        self._weight_decay = weight_decay
        self._adamw = torch.optim.AdamW(self._vectors, lr=lr, weight_decay=weight_decay, betas=(0.9, 0.99), fused=True)

    def buffers(self) -> list[torch.Tensor]:
        """What workers must see alike."""
        return self._kept

    def share(self, worker: int, num_workers: int) -> set[int]:
        """Ids of the parameters that ``worker`` updates."""
        vectors = self._vectors if worker == 0 else []
        return {id(p) for p in (*vectors, *(self._matrices[i] for i in self._share(worker, num_workers)))}

    def step(self, lr: float, worker: int = 0, num_workers: int = 1) -> None:
        """One update of the worker's share at learning rate ``lr``."""
        for i in self._share(worker, num_workers):
            muon_step(self._matrices[i], self._kept[i], lr, self._weight_decay)
        if worker == 0:
            torch.nn.utils.clip_grad_norm_(self._vectors, 1.0)
            for group in self._adamw.param_groups:
                group["lr"] = lr
            self._adamw.step()

    def state_dict(self) -> dict[str, Any]:
        """For ``load_state_dict`` of one made from the same parameters."""
        return {"kept": [tensor.clone() for tensor in self._kept], "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the other one stood."""
        for mine, other in zip(self._kept, state["kept"], strict=True):
            mine.copy_(other)
        self._adamw.load_state_dict(state["adamw"])

    def _share(self, worker: int, num_workers: int) -> list[int]:
        """Every worker's numbers of matrices; the largest first, to whoever has least to do."""
        costs = [_cost(matrix) for matrix in self._matrices]
        loads = [0.0] * num_workers
        mine: list[int] = []
        for i in sorted(range(len(costs)), key=lambda i: -costs[i]):
            lightest = min(range(num_workers), key=lambda w: loads[w])
            loads[lightest] += costs[i]
            if lightest == worker:
                mine.append(i)
        return mine


def _cost(matrix: torch.Tensor) -> float:
    rows = matrix.shape[0]
    columns = matrix.numel() // rows
    return float(min(rows, columns) ** 2 * max(rows, columns))
