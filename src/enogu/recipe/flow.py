"""What only base models of rectified flow have, Flux: which strengths of noise are trained, and the told guidance."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.config import JsonDict

from enogu.recipe.section import Section, about


def _about(kohya: str) -> JsonDict:
    return about("C3", kohya=kohya, advanced=True, families=("flux",))


FlowTimesteps = Literal["uniform", "sigmoid", "shift", "flux_shift"]


class FlowRules(Section):
    """How a base model of rectified flow (Flux) is trained; others leave this be."""

    timesteps: FlowTimesteps = Field(default="shift", json_schema_extra=_about("timestep_sampling"))
    """Which strengths of noise are trained most: middle ones (sigmoid), or stronger ones (shift, flux_shift)."""

    sigmoid_scale: float = Field(
        default=1.0,
        gt=0,
        le=10,
        json_schema_extra=_about("sigmoid_scale"),
    )
    """How far strengths of noise spread around the middle one; smaller keeps closer to it."""

    shift: float = Field(
        default=3.1582,
        gt=0,
        le=20,
        json_schema_extra=_about("discrete_flow_shift"),
    )
    """How much further strong noise is favoured when timesteps is shift; 1 favours none."""

    guidance: float = Field(
        default=1.0,
        ge=0,
        le=30,
        json_schema_extra=_about("guidance_scale"),
    )
    """The guidance that the base model is told while it learns; 1 is usual, and draws well at 3.5."""
