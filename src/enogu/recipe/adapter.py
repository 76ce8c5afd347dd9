"""What is trained: the kind of adapter, its size, and the parts of the base model it is put on.

Five kinds with LyCORIS' and sd-scripts' meaning. Sizes of single blocks are one text, as kohya_ss writes them: a list
of numbers between commas whose length tells the family.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field

from enogu.recipe.section import Section, about, refuse

Parts = Literal["unet_and_text_encoder", "unet", "text_encoder"]
PARTS: dict[Parts, tuple[str, ...]] = {
    "unet_and_text_encoder": ("unet", "text_encoder"), "unet": ("unet",), "text_encoder": ("text_encoder",)
}  # fmt: skip
NUM_BLOCKS = {25: "SD1.5", 23: "SDXL", 57: "Flux"}
"""How many values a list of blocks has, as in sd-scripts; Flux: 19 double and 38 single blocks."""
_KIND = about("F13", kohya="network_module")


def _same_as_dim(given: dict[str, Any]) -> float:
    return float(given["dim"])


def _same_as_conv_dim(given: dict[str, Any]) -> float:
    return float(given["conv_dim"])


def block_values(text: str) -> tuple[float, ...]:
    """``"4,4,8,…"`` as numbers; none of an empty text."""
    return tuple(float(part) for part in text.split(",")) if text.strip() else ()


def _is_a_list_of_blocks(text: str) -> str:
    """Kohya's lists: one number from 0 to 1024 for each block of one of the families."""
    if not text.strip():
        return ""
    try:
        values = block_values(text)
    except ValueError:
        refuse(f"{text!r} is no list of numbers.", "Write one number for each block, with commas between them.")
    lengths = ", ".join(f"{count} for {family}" for count, family in NUM_BLOCKS.items())
    if len(values) not in NUM_BLOCKS:
        refuse(f"it has {len(values)} numbers.", f"Give one number for each block: {lengths}.")
    if not all(math.isfinite(value) and 0 <= value <= 1024 for value in values):
        refuse("a block's number is out of range.", "Numbers go from 0 to 1024; 0 leaves a block alone.")
    return ",".join(f"{value:g}" for value in values)


def _whole(text: str) -> str:
    if any(value != int(value) for value in block_values(text)):
        refuse("a block's dim is no whole number.", "Use whole numbers; 0 leaves a block alone.")
    return text


Dim = Annotated[
    int,
    Field(
        ge=1,
        le=1024,
        description="How much it can hold: more catches finer detail, but files grow and pictures are copied sooner.",
        json_schema_extra=about("F13", kohya="network_dim"),
    ),
]
Alpha = Annotated[
    float,
    Field(
        gt=0,
        le=1024,
        description="The strength of what is learnt is alpha divided by dim; half of dim learns half as fast.",
        json_schema_extra=about("F14", kohya="network_alpha", default="the same as dim"),
    ),
]
PartsThatLearn = Annotated[
    Parts,
    Field(
        description="Which parts learn: the U-Net (how things look), the text encoder (what words mean), or both.",
        json_schema_extra=about("F10", kohya="network_train_unet_only"),
    ),
]
ConvDim = Annotated[
    int,
    Field(
        ge=0,
        le=1024,
        description="The dim on the U-Net's convolutions, where texture and line are; 0 leaves them alone.",
        json_schema_extra=about("F13", kohya="network_args.conv_dim", advanced=True),
    ),
]
ConvAlpha = Annotated[
    float,
    Field(
        ge=0,
        le=1024,
        description="The alpha of the convolutions.",
        json_schema_extra=about("F14", kohya="network_args.conv_alpha", advanced=True, default="the same as conv_dim"),
    ),
]
BlockDims = Annotated[
    str,
    Field(
        max_length=2000,
        description="A dim for each block of the U-Net in place of dim: 25 numbers on SD1.5, 23 on SDXL, 57 on Flux.",
        json_schema_extra=about("F15", kohya="network_args.block_dims", advanced=True),
    ),
    AfterValidator(_is_a_list_of_blocks),
    AfterValidator(_whole),
]
BlockAlphas = Annotated[
    str,
    Field(
        max_length=2000,
        description="An alpha for each block of the U-Net in place of alpha, as many as there are dims.",
        json_schema_extra=about("F15", kohya="network_args.block_alphas", advanced=True),
    ),
    AfterValidator(_is_a_list_of_blocks),
]
RankStabilised = Annotated[
    bool,
    Field(
        description="Divide alpha by the root of dim instead of dim, so that large dims learn as fast as small ones.",
        json_schema_extra=about("F14", kohya="network_args.rs_lora", advanced=True),
    ),
]
NetworkDropout = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="The share of the adapter's inner values that is left out in each step, from 0 to 1.",
        json_schema_extra=about("F13", kohya="network_dropout", advanced=True),
    ),
]
RankDropout = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="The chance of each rank of the adapter to be left out in a step, from 0 to 1.",
        json_schema_extra=about("F13", kohya="network_args.rank_dropout", advanced=True),
    ),
]
ModuleDropout = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="The chance of each adapted layer to be left out in a step, from 0 to 1.",
        json_schema_extra=about("F13", kohya="network_args.module_dropout", advanced=True),
    ),
]


class LoraAdapter(Section):
    """A LoRA: two thin matrices beside each linear layer of attention."""

    kind: Literal["lora"] = Field(default="lora", json_schema_extra=_KIND)
    """The kind of adapter."""

    dim: Dim = 16
    alpha: Alpha = Field(default_factory=_same_as_dim)
    parts: PartsThatLearn = "unet_and_text_encoder"
    block_dims: BlockDims = ""
    block_alphas: BlockAlphas = ""
    rank_stabilised: RankStabilised = False
    network_dropout: NetworkDropout = 0.0
    rank_dropout: RankDropout = 0.0
    module_dropout: ModuleDropout = 0.0


class LoconAdapter(Section):
    """A LoCon: a LoRA that is put on the U-Net's convolutions too (C3Lier in sd-scripts)."""

    kind: Literal["locon"] = Field(default="locon", json_schema_extra=_KIND)
    """The kind of adapter."""

    dim: Dim = 16
    alpha: Alpha = Field(default_factory=_same_as_dim)
    conv_dim: Annotated[ConvDim, Field(ge=1)] = 8
    conv_alpha: ConvAlpha = Field(default_factory=_same_as_conv_dim)
    parts: PartsThatLearn = "unet_and_text_encoder"
    block_dims: BlockDims = ""
    block_alphas: BlockAlphas = ""
    rank_stabilised: RankStabilised = False
    network_dropout: NetworkDropout = 0.0
    rank_dropout: RankDropout = 0.0
    module_dropout: ModuleDropout = 0.0


class LohaAdapter(Section):
    """A LoHa: the product, number by number, of two LoRAs; of the same size it reaches the square of their rank."""

    kind: Literal["loha"] = Field(default="loha", json_schema_extra=_KIND)
    """The kind of adapter."""

    dim: Dim = 8
    alpha: Alpha = Field(default_factory=_same_as_dim)
    conv_dim: ConvDim = 0
    conv_alpha: ConvAlpha = Field(default_factory=_same_as_conv_dim)
    parts: PartsThatLearn = "unet_and_text_encoder"
    block_dims: BlockDims = ""
    block_alphas: BlockAlphas = ""
    rank_stabilised: RankStabilised = False
    rank_dropout: RankDropout = 0.0
    module_dropout: ModuleDropout = 0.0


class LokrAdapter(Section):
    """A LoKr: a small matrix laid over a larger one (Kronecker product); the smallest files of all."""

    kind: Literal["lokr"] = Field(default="lokr", json_schema_extra=_KIND)
    """The kind of adapter."""

    dim: Dim = 8
    alpha: Alpha = Field(default_factory=_same_as_dim)
    conv_dim: ConvDim = 0
    conv_alpha: ConvAlpha = Field(default_factory=_same_as_conv_dim)

    factor: int = Field(
        default=-1, ge=-1, le=1024, json_schema_extra=about("F13", kohya="network_args.factor", advanced=True)
    )
    """The side of the small matrix: larger makes smaller files; -1 is as square as it goes."""

    decompose_both: bool = Field(
        default=False, json_schema_extra=about("F13", kohya="network_args.decompose_both", advanced=True)
    )
    """Make the small matrix of two thinner ones too, where that is smaller."""

    parts: PartsThatLearn = "unet_and_text_encoder"
    block_dims: BlockDims = ""
    block_alphas: BlockAlphas = ""
    rank_stabilised: RankStabilised = False
    rank_dropout: RankDropout = 0.0
    module_dropout: ModuleDropout = 0.0


class DoraAdapter(Section):
    """A DoRA: a LoRA for the direction of each weight, and one number for its length."""

    kind: Literal["dora"] = Field(default="dora", json_schema_extra=_KIND)
    """The kind of adapter."""

    dim: Dim = 16
    alpha: Alpha = Field(default_factory=_same_as_dim)
    conv_dim: ConvDim = 0
    conv_alpha: ConvAlpha = Field(default_factory=_same_as_conv_dim)
    parts: PartsThatLearn = "unet_and_text_encoder"
    block_dims: BlockDims = ""
    block_alphas: BlockAlphas = ""
    rank_stabilised: RankStabilised = False
    network_dropout: NetworkDropout = 0.0
    rank_dropout: RankDropout = 0.0
    module_dropout: ModuleDropout = 0.0


def _lora_unless_said(value: object) -> object:
    """``[adapter]`` with no ``kind`` means the default kind, as a recipe with no ``[adapter]`` does."""
    if not isinstance(value, dict):
        return value
    return {"kind": "lora", **cast("dict[str, object]", value)}


Adapter = Annotated[
    LoraAdapter | LoconAdapter | LohaAdapter | LokrAdapter | DoraAdapter,
    Field(discriminator="kind"),
    BeforeValidator(_lora_unless_said),
]


def dims_of_convolutions(adapter: Adapter) -> tuple[int, float]:
    """Dim and alpha of the convolutions; (0, 0) when they are left alone."""
    if isinstance(adapter, LoraAdapter) or adapter.conv_dim == 0:
        return 0, 0.0
    return adapter.conv_dim, adapter.conv_alpha


def kohya_network(adapter: Adapter) -> tuple[str, dict[str, str]]:
    """sd-scripts' network_module, and those of its network_args that are not at their default."""
    module, args = _MODULES[adapter.kind]
    found = dict(args)
    conv_dim, conv_alpha = dims_of_convolutions(adapter)
    if conv_dim:
        found |= {"conv_dim": str(conv_dim), "conv_alpha": str(conv_alpha)}
    elif found:
        found["preset"] = "attn-mlp"
    for name, info in type(adapter).model_fields.items():
        kohya = cast("dict[str, Any]", info.json_schema_extra or {}).get("kohya", "")
        value = getattr(adapter, name)
        if str(kohya).startswith("network_args.") and not name.startswith("conv_") and value != info.default:
            found[str(kohya).removeprefix("network_args.")] = str(value)
    return module, found


_MODULES: dict[str, tuple[str, dict[str, str]]] = {
    "lora": ("networks.lora", {}),
    "locon": ("networks.lora", {}),
    "loha": ("lycoris.kohya", {"algo": "loha"}),
    "lokr": ("lycoris.kohya", {"algo": "lokr"}),
    "dora": ("lycoris.kohya", {"algo": "locon", "dora_wd": "True"}),
}
