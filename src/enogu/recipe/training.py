"""The length and the mechanics of a run: epochs, batches, number format."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from enogu.recipe.section import Section, about

MixedPrecision = Literal["none", "fp16", "bf16"]


class TrainingRules(Section):
    """The length and the mechanics of a run."""

    epochs: int = Field(default=10, ge=1, le=10_000, json_schema_extra=about("F2", kohya="max_train_epochs"))
    """How many times the whole set is gone through; a LoRA file can be saved after each."""

    batch_size: int = Field(default=2, ge=1, le=256, json_schema_extra=about("F3", kohya="train_batch_size"))
    """How many pictures are looked at in one step."""

    mixed_precision: MixedPrecision = Field(default="fp16", json_schema_extra=about("F4", kohya="mixed_precision"))
    """The number format of the arithmetic: fp16 and bf16 halve the memory on a graphics card, none is exact."""

    clip_skip: int = Field(default=2, ge=1, le=12, json_schema_extra=about("F24", kohya="clip_skip"))
    """How many layers from its end the text encoder is read: 2 for anime base models, 1 for most others."""

    gradient_accumulation: int = Field(
        default=1, ge=1, le=1024, json_schema_extra=about("F28", kohya="gradient_accumulation_steps", advanced=True)
    )
    """How many batches are added up before the weights change, as if the batch were that much larger."""

    validation_split: float = Field(
        default=0.0, ge=0, le=0.5, json_schema_extra=about("F28", kohya="validation_split", advanced=True)
    )
    """This share of the pictures is never trained, and the loss on them tells when learning turns into copying."""

    validate_every_n_epochs: int = Field(
        default=1, ge=1, le=10_000, json_schema_extra=about("F28", kohya="validate_every_n_epochs", advanced=True)
    )
    """The loss on the pictures that are held out is measured after every this many epochs."""

    gradient_checkpointing: bool = Field(
        default=False, json_schema_extra=about("F28", kohya="gradient_checkpointing", advanced=True)
    )
    """Needs much less memory and about a quarter more time, since part of each step is computed twice."""

    retry_with_checkpointing: bool = Field(default=True, json_schema_extra=about("G8", advanced=True))
    """Where memory runs out in a step, go on with gradient checkpointing from that step instead of failing."""

    fp8_base: bool = Field(default=False, json_schema_extra=about("F28", kohya="fp8_base", advanced=True))
    """Keeps the base model's frozen weights in eight bits: half their memory, some time, and a little exactness."""

    blocks_to_swap: int = Field(
        default=0, ge=0, le=35, json_schema_extra=about("F28", kohya="blocks_to_swap", advanced=True)
    )
    """So many of Flux' blocks wait in main memory until they are needed: a graphics card's memory for time."""

    train_t5: bool = Field(
        default=False, json_schema_extra=about("F10", kohya="network_args.train_t5xxl", advanced=True)
    )
    """Teaches Flux' large text encoder T5 too, beside the small one: much more memory, and larger files."""

    ema_decay: float | None = Field(
        default=None, ge=0.5, lt=1, json_schema_extra=about("F28", advanced=True, default="off")
    )
    """Saves a running average of what is learnt, which is calmer than the last step; 0.99 to 0.999 is usual."""

    scale_weight_norms: float | None = Field(
        default=None,
        gt=0,
        le=100,
        json_schema_extra=about("F28", kohya="scale_weight_norms", advanced=True, default="off"),
    )
    """No layer's change may grow over this size, which holds back burnt pictures; 1 is usual."""
