"""What is trained: the kind of adapter, its size, and the parts of the base model it is put on.

One class per kind, told apart by ``kind``. A second kind makes ``Adapter`` a tagged union, as ``Schedule`` is.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from enogu.recipe.section import Section, about

Parts = Literal["unet_and_text_encoder", "unet", "text_encoder"]


def _same_as_dim(given: dict[str, Any]) -> float:
    return float(given["dim"])


class LoraAdapter(Section):
    """A LoRA: two thin matrices beside each linear layer of attention."""

    kind: Literal["lora"] = Field(default="lora", json_schema_extra=about("F13", kohya="network_module"))
    """The kind of adapter."""

    dim: int = Field(default=16, ge=1, le=1024, json_schema_extra=about("F13", kohya="network_dim"))
    """How much the LoRA can hold: more catches finer detail, but the file grows and copies its pictures sooner."""

    alpha: float = Field(
        default_factory=_same_as_dim,
        gt=0,
        le=1024,
        json_schema_extra=about("F14", kohya="network_alpha", default="the same as dim"),
    )
    """The strength of what is learnt is alpha divided by dim; half of dim learns half as fast."""

    parts: Parts = Field(
        default="unet_and_text_encoder", json_schema_extra=about("F10", kohya="network_train_unet_only")
    )
    """Which parts learn: the U-Net (how things look), the text encoder (what words mean), or both."""


Adapter = LoraAdapter
