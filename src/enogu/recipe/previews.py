"""The pictures drawn with each saved file, to see how the run comes along."""

from __future__ import annotations

from pydantic import Field

from enogu.recipe.samplers import Sampler
from enogu.recipe.section import Section, about

_MAX_SEED = 2**32 - 1


class PreviewRules(Section):
    """The pictures drawn with each saved file, to see how the run comes along."""

    prompts: tuple[str, ...] = Field(
        default=(), max_length=100, strict=False, json_schema_extra=about("F27", kohya="sample_prompts")
    )
    """What to draw, one text per picture; none draws no previews."""

    negative_prompt: str = Field(default="", json_schema_extra=about("F27", kohya="sample_prompts --n"))
    """What should not be in the previews."""

    sampler: Sampler = Field(default="ddim", json_schema_extra=about("F27", kohya="sample_sampler", advanced=True))
    """The method that turns noise into a picture."""

    steps: int = Field(default=20, ge=1, le=200, json_schema_extra=about("F27", kohya="sample_prompts --s"))
    """How many times a preview is refined; more is slower and cleaner."""

    cfg: float = Field(default=7.0, ge=1, le=30, json_schema_extra=about("F27", kohya="sample_prompts --l"))
    """How closely a preview follows its prompt."""

    width: int | None = Field(
        default=None,
        ge=64,
        le=4096,
        multiple_of=8,
        json_schema_extra=about("F27", kohya="sample_prompts --w", default="the resolution"),
    )
    """The width of previews in pixels."""

    height: int | None = Field(
        default=None,
        ge=64,
        le=4096,
        multiple_of=8,
        json_schema_extra=about("F27", kohya="sample_prompts --h", default="the resolution"),
    )
    """The height of previews in pixels."""

    seed: int = Field(default=1, ge=0, le=_MAX_SEED, json_schema_extra=about("F27", kohya="sample_prompts --d"))
    """The seed of the previews: the same in each epoch, so that only the LoRA differs."""

    count: int = Field(default=1, ge=1, le=64, json_schema_extra=about("F27", advanced=True))
    """How many pictures are drawn per prompt, with the seed counting up."""

    weight: float = Field(default=1.0, ge=-1, le=2, json_schema_extra=about("F27", advanced=True))
    """How strongly the LoRA is applied in previews."""

    every_n_epochs: int = Field(
        default=1, ge=1, le=10_000, json_schema_extra=about("F27", kohya="sample_every_n_epochs", advanced=True)
    )
    """Of the saved files, those of every this many epochs get previews; the last one always does."""
