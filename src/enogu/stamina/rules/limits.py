"""What a stamina plan does not allow of a run, as problems with field and cure (A3)."""

from __future__ import annotations

from collections.abc import Iterator

from enogu.errors import Problem
from enogu.stamina.entities import StaminaPlan, Work


def over_limits(plan: StaminaPlan, work: Work, num_pictures: int) -> tuple[Problem, ...]:
    """Every limit of ``plan`` that a run of ``num_pictures`` pictures and this ``work`` is over; empty when none."""
    return tuple(_over_limits(plan, work, num_pictures))


def _over_limits(plan: StaminaPlan, work: Work, num_pictures: int) -> Iterator[Problem]:
    limits, name = plan.limits, plan.name
    if limits.most_pictures is not None and num_pictures > limits.most_pictures:
        message = f"{num_pictures:,} are more than the {limits.most_pictures:,} that the plan '{name}' allows."
        yield Problem("pictures", message, "Leave some out.")
    if limits.most_steps is not None and work.steps > limits.most_steps:
        message = f"{work.steps:,} steps are more than the {limits.most_steps:,} that the plan '{name}' allows."
        yield Problem("training.epochs", message, "Lower it, or pictures.repeats.")
    if limits.most_resolution is not None and work.resolution > limits.most_resolution:
        message = f"{work.resolution} is more than the {limits.most_resolution} that the plan '{name}' allows."
        yield Problem("pictures.resolution", message, f"Set it to {limits.most_resolution} or less.")
