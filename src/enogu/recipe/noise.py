"""The noise that is put on pictures in training, and how much each strength of it counts."""

from __future__ import annotations

from pydantic import Field

from enogu.recipe.section import Section, about


class NoiseRules(Section):
    """The noise that is put on pictures in training, and how much each strength of it counts."""

    min_snr_gamma: float | None = Field(
        default=None, gt=0, le=100, json_schema_extra=about("F12", kohya="min_snr_gamma", advanced=True, default="off")
    )
    """Lets nearly clean pictures count less, which learns faster; 5 is usual."""

    offset: float = Field(default=0.0, ge=0, le=1, json_schema_extra=about("F20", kohya="noise_offset", advanced=True))
    """Teaches very dark and very bright pictures; 0.05 to 0.1 is usual, 0 is off."""

    multires_iterations: int = Field(
        default=0, ge=0, le=16, json_schema_extra=about("F21", kohya="multires_noise_iterations", advanced=True)
    )
    """Adds coarse noise in this many sizes, for wider tones and composition; 6 to 10 is usual, 0 is off."""

    multires_discount: float = Field(
        default=0.3, gt=0, le=1, json_schema_extra=about("F22", kohya="multires_noise_discount", advanced=True)
    )
    """How much of the coarse noise is kept from each size to the next coarser one."""
