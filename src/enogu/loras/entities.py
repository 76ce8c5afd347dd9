"""The nouns of the LoRA library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from enogu.errors import WrongUse


@dataclass(frozen=True)
class Lora:
    """One LoRA file in somebody's library."""

    id: str
    owner_id: str
    name: str
    """As in ``<lora:name:weight>``: unique for its owner, without colons and angle brackets."""
    filename: str
    """As it is downloaded, ``.safetensors`` included."""
    family: str
    """As its tensors say: ``sd15``, ``sd2``, ``sdxl``, ``flux`` or ``unknown``."""
    sha256: str
    size_bytes: int
    trigger: str
    dim: float | None
    alpha: float | None
    preview_sha256: str | None
    run_id: str | None
    """Of the run whose epoch it is; the run may have been deleted since."""
    epoch: int | None
    base_model_name: str
    """What it was trained on, as its metadata says; may be empty."""
    notes: str
    negative: str
    """What to put into the negative prompt; may be empty."""
    preferred_weight: float
    """0 means that nothing is preferred, as in A1111."""
    facts: Mapping[str, Any] = field(repr=False)
    """``weights.lora_facts.describe_lora`` of its header."""
    created_at: datetime
    deleted_at: datetime | None = None


@dataclass(frozen=True)
class LoraPage:
    """LoRAs, newest first, and where the next ones begin."""

    loras: tuple[Lora, ...]
    total: int
    next_offset: int | None


@dataclass(frozen=True)
class FittingBaseModel:
    """A base model that a LoRA can be used with (C5)."""

    id: str
    name: str
    family: str
    is_same_derivative: bool
    """Whether it is of the branch that the LoRA was trained on, as far as is known: those come first."""


Tool = Literal["convert", "merge", "merge_into", "resize", "extract", "compare"]
TOOL_KIND = "lora_tool"
"""The kind of the job that uses a tool."""


@dataclass(frozen=True)
class ToolInput:
    """A LoRA as it was when a tool was asked for, with the weight of its layers and of those in text encoders."""

    id: str
    name: str
    sha256: str
    weight: float = 1.0
    text_weight: float = 1.0


@dataclass(frozen=True)
class ToolBase:
    """A base model that a tool reads: the one that is merged into; of an extraction the tuned one, then its origin."""

    id: str
    name: str


@dataclass(frozen=True)
class ToolWish:
    """What is asked of a tool, as far as it is known without opening files. What a tool has no use for is its default.

    ``method`` is ``fixed``, ``sv_ratio``, ``sv_cumulative`` or ``sv_fro``, with ``parameter`` for all but the first;
    ``precision`` is ``fp32``, ``fp16``, ``bf16`` or ``same``.
    """

    tool: Tool
    name: str
    """Of what is made; empty for a comparison."""
    inputs: tuple[ToolInput, ...] = ()
    bases: tuple[ToolBase, ...] = ()
    layout: str = "kohya"
    precision: str = "same"
    rank: int | None = None
    conv_rank: int = 0
    method: str = "fixed"
    parameter: float | None = None


class ToolRefused(WrongUse):
    """A tool that cannot be used as it was asked for."""


class LoraNameRefused(WrongUse):
    """A name that ``<lora:name:weight>`` cannot hold, or that another LoRA of this owner's has."""
