"""How far off a prediction is: the measure of the error, four kinds with sd-scripts' meaning (``loss_type``)."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field

from enogu.recipe.section import Section, about

_KIND = about("F28", kohya="loss_type", advanced=True)

HuberSchedule = Annotated[
    Literal["constant", "exponential", "snr"],
    Field(
        description="How the bound between small and large errors moves with the noise: snr lowers it as noise grows.",
        json_schema_extra=about("F28", kohya="huber_schedule", advanced=True),
    ),
]
HuberBound = Annotated[
    float,
    Field(
        gt=0,
        le=10,
        description="Errors larger than this count less than their square; the lowest bound where a schedule moves it.",
        json_schema_extra=about("F28", kohya="huber_c", advanced=True),
    ),
]
HuberScale = Annotated[
    float,
    Field(
        gt=0,
        le=1000,
        description="A constant or exponential bound is multiplied by this.",
        json_schema_extra=about("F28", kohya="huber_scale", advanced=True),
    ),
]


class SquaredLoss(Section):
    """The square of the error: the usual one."""

    kind: Literal["l2"] = Field(default="l2", json_schema_extra=_KIND)
    """How errors are measured."""


class AbsoluteLoss(Section):
    """The error itself, whatever its sign: large errors count less than in the usual one."""

    kind: Literal["l1"] = Field(default="l1", json_schema_extra=_KIND)
    """How errors are measured."""


class HuberLoss(Section):
    """Like the square for small errors and like the error itself for large ones: odd pictures spoil less."""

    kind: Literal["huber"] = Field(default="huber", json_schema_extra=_KIND)
    """How errors are measured."""

    bound_schedule: HuberSchedule = "snr"
    bound: HuberBound = 0.1
    bound_scale: HuberScale = 1.0


class SmoothL1Loss(Section):
    """Huber divided by its bound: large errors count alike under every noise."""

    kind: Literal["smooth_l1"] = Field(default="smooth_l1", json_schema_extra=_KIND)
    """How errors are measured."""

    bound_schedule: HuberSchedule = "snr"
    bound: HuberBound = 0.1
    bound_scale: HuberScale = 1.0


def _l2_unless_said(value: object) -> object:
    """``[loss]`` with no ``kind`` means the default kind, as a recipe with no ``[loss]`` does."""
    if not isinstance(value, dict):
        return value
    return {"kind": "l2", **cast("dict[str, object]", value)}


Loss = Annotated[
    SquaredLoss | AbsoluteLoss | HuberLoss | SmoothL1Loss,
    Field(discriminator="kind"),
    BeforeValidator(_l2_unless_said),
]
