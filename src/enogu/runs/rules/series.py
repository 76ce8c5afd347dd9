"""The loss curve: one number per step, smoothed as TensorBoard does it, and thinned out without losing its peaks.

A step may be told twice, by a worker that died and by the one that took over from an earlier state; both say the same,
and the later one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LossPoint:
    """One step of the curve."""

    step: int
    loss: float
    smoothed: float


def losses_by_step(events: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """From the data of Stepped events: ``losses`` are those of the steps up to and with ``step``. Sorted by step."""
    losses: dict[int, float] = {}
    for event in events:
        last, some = int(event["step"]), event["losses"]
        for step, loss in enumerate(some, last - len(some) + 1):
            losses[step] = float(loss)
    return dict(sorted(losses.items()))


def smoothed(losses: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average with ``weight`` (0 to below 1) on the past.

    Debiased as in TensorBoard: divided by what the weights so far add up to, so that the curve begins at its first
    value and not at zero.
    """
    average, total, result = 0.0, 0.0, []
    for loss in losses:
        average = weight * average + (1 - weight) * loss
        total = weight * total + (1 - weight)
        result.append(average / total)
    return result


def loss_points(losses: Mapping[int, float], weight: float, most_points: int | None = None) -> list[LossPoint]:
    """The curve, smoothed over every step and only then thinned out to at most ``most_points`` (at least 2).

    Each stretch of steps keeps its lowest and highest loss, in order, and the ends are kept: a peak that was a step
    long is still to be seen. The smoothed value beside each is the true one of that step.
    """
    steps, values = list(losses), list(losses.values())
    points = [
        LossPoint(step, loss, mean) for step, loss, mean in zip(steps, values, smoothed(values, weight), strict=True)
    ]
    if most_points is None or len(points) <= max(2, most_points):
        return points
    inner, num_stretches = points[1:-1], (max(2, most_points) - 2) // 2
    kept = [points[0]]
    for number in range(num_stretches):
        stretch = inner[number * len(inner) // num_stretches : (number + 1) * len(inner) // num_stretches]
        if stretch:
            ends = {min(stretch, key=lambda one: one.loss).step, max(stretch, key=lambda one: one.loss).step}
            kept += [one for one in stretch if one.step in ends]
    return [*kept, points[-1]]
