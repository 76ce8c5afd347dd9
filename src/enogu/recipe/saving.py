"""Which files a run leaves, and how often it could be resumed from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enogu.recipe.section import Section, about

SavePrecision = Literal["fp32", "fp16", "bf16"]


class SavingRules(Section):
    """Which files a run leaves, and how often it could be resumed from."""

    every_n_epochs: int = Field(default=1, ge=1, le=10_000, json_schema_extra=about("F25", kohya="save_every_n_epochs"))
    """A LoRA file is saved after every this many epochs, and always after the last."""

    precision: SavePrecision = Field(default="fp16", json_schema_extra=about("F26", kohya="save_precision"))
    """The number format of the saved file: fp16 is read everywhere and half as large as fp32."""

    checkpoint_every_n_steps: int = Field(default=50, ge=1, le=1_000_000, json_schema_extra=about("G6", advanced=True))
    """How often the state is kept from which a stopped run goes on."""
