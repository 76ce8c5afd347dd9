"""How the learning rate moves over a run: six kinds, each with only the fields it uses, and the factor they give.

The factors are those of sd-scripts (``library/train_util.py`` get_scheduler_fix, which calls ``transformers``); the
same names mean other curves in other trainers. A kind that has no warm-up has no ``warmup_percent`` field, so the
contradiction cannot be written down.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, assert_never, cast

from pydantic import BeforeValidator, Field

from enogu.recipe.section import Section, about

_POLYNOMIAL_END_RATE = 1e-7


WarmupPercent = Annotated[
    float,
    Field(
        ge=0,
        le=100,
        description="The share of all steps, in percent, over which the learning rate first rises from zero.",
        json_schema_extra=about("F6", kohya="lr_warmup_steps"),
    ),
]


class ConstantSchedule(Section):
    """The same learning rate from the first step to the last."""

    kind: Literal["constant"] = Field(default="constant", json_schema_extra=about("F7", kohya="lr_scheduler"))
    """How the learning rate moves over the run."""


class ConstantWithWarmupSchedule(Section):
    """A rise during the warm-up, then the same learning rate to the end."""

    kind: Literal["constant_with_warmup"] = Field(
        default="constant_with_warmup", json_schema_extra=about("F7", kohya="lr_scheduler")
    )
    """How the learning rate moves over the run."""

    warmup_percent: WarmupPercent = 0.0


class LinearSchedule(Section):
    """A straight fall to zero at the last step."""

    kind: Literal["linear"] = Field(default="linear", json_schema_extra=about("F7", kohya="lr_scheduler"))
    """How the learning rate moves over the run."""

    warmup_percent: WarmupPercent = 0.0


class CosineSchedule(Section):
    """A fall to zero that starts and ends gently."""

    kind: Literal["cosine"] = Field(default="cosine", json_schema_extra=about("F7", kohya="lr_scheduler"))
    """How the learning rate moves over the run."""

    warmup_percent: WarmupPercent = 0.0


class CosineWithRestartsSchedule(Section):
    """Several cosine falls one after another, each starting again at the full learning rate."""

    kind: Literal["cosine_with_restarts"] = Field(
        default="cosine_with_restarts", json_schema_extra=about("F7", kohya="lr_scheduler")
    )
    """How the learning rate moves over the run."""

    warmup_percent: WarmupPercent = 0.0

    cycles: int = Field(default=1, ge=1, le=1000, json_schema_extra=about("F8", kohya="lr_scheduler_num_cycles"))
    """How many times the learning rate starts high and falls to zero; 1 is a single cosine fall."""


class PolynomialSchedule(Section):
    """A fall to almost zero whose bend is chosen by its power."""

    kind: Literal["polynomial"] = Field(default="polynomial", json_schema_extra=about("F7", kohya="lr_scheduler"))
    """How the learning rate moves over the run."""

    warmup_percent: WarmupPercent = 0.0

    power: float = Field(
        default=1.0, gt=0, le=10, json_schema_extra=about("F7", kohya="lr_scheduler_power", advanced=True)
    )
    """The bend of the fall: 1 is a straight line, more falls early, less falls late."""


def _cosine_with_restarts_unless_said(value: object) -> object:
    """``[schedule]`` with no ``kind`` means the default kind, as a recipe with no ``[schedule]`` does."""
    if not isinstance(value, dict):
        return value
    return {"kind": "cosine_with_restarts", **cast("dict[str, object]", value)}


Schedule = Annotated[
    ConstantSchedule
    | ConstantWithWarmupSchedule
    | LinearSchedule
    | CosineSchedule
    | CosineWithRestartsSchedule
    | PolynomialSchedule,
    Field(discriminator="kind"),
    BeforeValidator(_cosine_with_restarts_unless_said),
]


def learning_rate_factor(schedule: Schedule, step: int, num_steps: int, learning_rate: float) -> float:
    """What the learning rate is multiplied by for the update after ``step`` finished ones (0 for the first), 0 … 1.

    ``num_steps`` counts optimizer updates of the whole run. ``learning_rate`` matters to polynomial only, which ends at
    1e-7 whatever it started from. At and after ``num_steps`` the falling kinds give 0.
    """
    warmup = warmup_steps(schedule, num_steps)
    if step < warmup:
        return step / max(1, warmup)
    progress = (step - warmup) / max(1, num_steps - warmup)
    match schedule:
        case ConstantSchedule() | ConstantWithWarmupSchedule():
            return 1.0
        case LinearSchedule():
            return max(0.0, 1.0 - progress)
        case CosineSchedule():
            return _cosine_fall(min(progress, 1.0))
        case CosineWithRestartsSchedule():
            return 0.0 if progress >= 1.0 else _cosine_fall((schedule.cycles * progress) % 1.0)
        case PolynomialSchedule():
            rate = (learning_rate - _POLYNOMIAL_END_RATE) * max(0.0, 1.0 - progress) ** schedule.power
            return (rate + _POLYNOMIAL_END_RATE) / learning_rate
        case _:
            assert_never(schedule)


def warmup_steps(schedule: Schedule, num_steps: int) -> int:
    """How many of ``num_steps`` updates the warm-up takes: the percentage, rounded (as kohya_ss)."""
    if isinstance(schedule, ConstantSchedule):
        return 0
    return round(schedule.warmup_percent * num_steps / 100)


def _cosine_fall(progress: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * progress))
