"""How pictures enter training: how often, at which size, in which buckets."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from enogu.recipe.section import Section, about


def _half_the_resolution(given: dict[str, Any]) -> int:
    """512 → 256, 1024 → 512; a multiple of the step, and at least one step."""
    step: int = given["bucket_step"]
    return max(step, given["resolution"] // 2 // step * step)


def _twice_the_resolution(given: dict[str, Any]) -> int:
    """512 → 1024, 1024 → 2048: at 1024 a largest side of 1024 would leave out 832x1216 and its like."""
    return given["resolution"] * 2


class PictureRules(Section):
    """How pictures enter training: how often, at which size, in which buckets."""

    repeats: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        json_schema_extra=about("F1", kohya="num_repeats", default="the number in the folder's name, else 1"),
    )
    """How many times each picture is used in one epoch."""

    resolution: int = Field(
        default=512, ge=64, le=4096, multiple_of=8, json_schema_extra=about("F28", kohya="resolution")
    )
    """The training size in pixels: a square picture is trained at this width and height."""

    buckets: bool = Field(default=True, json_schema_extra=about("F28", kohya="enable_bucket"))
    """Keep the shape of tall and wide pictures instead of cropping all of them to a square."""

    bucket_step: int = Field(
        default=64,
        ge=8,
        le=512,
        multiple_of=8,
        json_schema_extra=about("F28", kohya="bucket_reso_steps", advanced=True),
    )
    """Sides of buckets are multiples of this many pixels."""

    min_bucket: int = Field(
        default_factory=_half_the_resolution,
        ge=8,
        le=4096,
        json_schema_extra=about("F28", kohya="min_bucket_reso", advanced=True, default="half the resolution"),
    )
    """The shortest side a bucket may have, in pixels."""

    max_bucket: int = Field(
        default_factory=_twice_the_resolution,
        ge=64,
        le=8192,
        json_schema_extra=about("F28", kohya="max_bucket_reso", advanced=True, default="twice the resolution"),
    )
    """The longest side a bucket may have, in pixels."""

    no_upscale: bool = Field(default=False, json_schema_extra=about("F28", kohya="bucket_no_upscale", advanced=True))
    """Never enlarge a small picture; it is trained at its own size instead."""

    flip: bool = Field(default=False, json_schema_extra=about("F28", kohya="flip_aug"))
    """Show each picture mirrored half of the time; leave it off when left and right differ, as with a side parting."""

    random_crop: bool = Field(default=False, json_schema_extra=about("F28", kohya="random_crop", advanced=True))
    """Cut what is over a picture's bucket away at another place each time, not evenly; steps take longer."""

    masked_loss: bool = Field(default=False, json_schema_extra=about("F28", kohya="masked_loss", advanced=True))
    """Learn from the opaque parts of pictures only, or of the white parts of their masks, where there are some."""

    prior_loss_weight: float = Field(
        default=1.0, ge=0, le=10, json_schema_extra=about("F28", kohya="prior_loss_weight", advanced=True)
    )
    """How much regularisation pictures count beside those that are to be learnt."""

    background: str = Field(
        default="#ffffff", pattern=r"^#[0-9a-fA-F]{6}$", json_schema_extra=about("D3", advanced=True)
    )
    """The colour put behind transparent pictures, as #rrggbb."""
