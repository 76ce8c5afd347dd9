"""The names that tensors of a LoRA have in different programs' files, and what they tell.

Kohya (``lora_unet_down_blocks_0_…lora_down.weight``), PEFT and diffusers (``unet.down_blocks.0.….lora_A.weight``,
``transformer.…``), ComfyUI and ai-toolkit (``diffusion_model.double_blocks.0.…``), OneTrainer (``lora_transformer_…``).
Names are made alike first (dots to underscores, the layout's beginning cut off), so that each rule is written once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Shape = tuple[int, ...]
Layout = Literal["kohya", "peft", "comfyui", "diffusers_old", "onetrainer", "unknown"]

DOWN_ENDINGS = (
    ".lora_down.weight", ".lora_A.weight", ".lora_A.default.weight", ".lora.down.weight", "_lora.down.weight",
    ".hada_w1_a", ".lokr_w1", ".lokr_w1_a",
)  # fmt: skip
_BEGINNINGS: tuple[tuple[str, Layout, str], ...] = (
    ("lora_unet_", "kohya", "unet"),
    ("lora_te1_", "kohya", "text_encoder"),
    ("lora_te2_", "kohya", "text_encoder_2"),
    ("lora_te3_", "kohya", "text_encoder_3"),
    ("lora_te_", "kohya", "text_encoder"),
    ("lycoris_", "kohya", "unet"),
    ("lora_transformer_", "onetrainer", "transformer"),
    ("diffusion_model_", "comfyui", "unet"),
    ("unet_", "peft", "unet"),
    ("transformer_", "peft", "transformer"),
    ("text_encoder_2_", "peft", "text_encoder_2"),
    ("text_encoder_", "peft", "text_encoder"),
)
_CROSS_ATTENTION = ("attn2_to_k", "attn2_processor_to_k")
_TEXT_WIDTHS = {768: "sd15", 1024: "sd2", 2048: "sdxl"}
"""Width of the text states that the U-Net's cross-attention reads, by family."""


@dataclass(frozen=True)
class AdaptedLayer:
    """One layer that a LoRA changes."""

    name: str
    """Of its first tensor, as in the file."""
    layout: Layout
    part: str
    """``unet``, ``transformer``, ``text_encoder``, ``text_encoder_2``, ``text_encoder_3``, or empty."""
    path: str
    """Inside the part, with underscores."""
    shape: Shape
    """Of its first tensor."""


def adapted_layers(shapes: Mapping[str, Shape]) -> list[AdaptedLayer]:
    """The layers that these tensors change; none when it is no LoRA."""
    layers: list[AdaptedLayer] = []
    for name, shape in shapes.items():
        ending = next((ending for ending in DOWN_ENDINGS if name.endswith(ending)), None)
        if ending is None:
            continue
        alike = name[: -len(ending)].replace(".", "_")
        for beginning, layout, part in _BEGINNINGS:
            if alike.startswith(beginning):
                old = ending.endswith("lora.down.weight")
                path = alike[len(beginning) :]
                layers.append(AdaptedLayer(name, "diffusers_old" if old else layout, part, path, shape))
                break
        else:
            layers.append(AdaptedLayer(name, "unknown", "", alike, shape))
    return layers


def layout_of(layers: Iterable[AdaptedLayer]) -> Layout:
    """The layout that most layers have."""
    counts: Counter[Layout] = Counter(layer.layout for layer in layers)
    return counts.most_common(1)[0][0] if counts else "unknown"


def family_of(layers: Iterable[AdaptedLayer], said: str = "") -> str:
    """``sd15``, ``sd2``, ``sdxl``, ``flux``, or ``unknown``; never by the file's name.

    By names of layers, then by how wide the text states are. The starter's small networks are of the SD1.5 architecture
    and have its names. ``said`` is the family in the metadata, and counts only where the tensors leave it open: a LoRA
    of CLIP-L alone may be SDXL's or Flux'.
    """
    layers = list(layers)
    if any(_is_flux(layer) for layer in layers):
        return "flux"
    if any(layer.part in ("transformer", "text_encoder_3", "") for layer in layers):
        return "unknown"
    unet = [layer for layer in layers if layer.part == "unet"]
    if unet and not any(_is_of_a_unet(layer.path) for layer in unet):
        return "unknown"
    if any(layer.part == "text_encoder_2" or layer.name.startswith("lora_te1_") for layer in layers):
        return said if said in ("sdxl", "flux") and not unet else "sdxl"
    return _by_width(layers)


def _is_flux(layer: AdaptedLayer) -> bool:
    path = layer.path
    if layer.part == "unet":
        return path.startswith(("double_blocks_", "single_blocks_")) and (
            "_img_attn_" in path or "_txt_attn_" in path or "_img_m" in path or "_txt_m" in path
            or "_linear" in path or path.endswith("_modulation_lin")
        )  # fmt: skip
    if layer.part != "transformer":
        return False
    return path.startswith("single_transformer_blocks_") or "_ff_context_" in path or path.endswith("_norm1_linear")


def _is_of_a_unet(path: str) -> bool:
    return path.startswith(
        ("down_blocks_", "mid_block_", "up_blocks_", "input_blocks_", "middle_block_", "output_blocks_",
         "conv_in", "conv_out", "time_embed", "label_emb", "out_")
    )  # fmt: skip


def _by_width(layers: list[AdaptedLayer]) -> str:
    reading = {layer.shape[1] for layer in layers if layer.path.endswith(_CROSS_ATTENTION) and len(layer.shape) > 1}
    known = {_TEXT_WIDTHS[width] for width in reading if width in _TEXT_WIDTHS}
    if len(known) == 1:
        return known.pop()
    if known or any(width > 768 for width in reading):
        return "unknown"
    if any("_transformer_blocks_9_" in layer.path for layer in layers):  # ten deep: SDXL alone
        return "sdxl"
    if any(layer.part == "unet" for layer in layers):
        return "sd15"
    widths = {layer.shape[1] for layer in layers if layer.path.endswith("self_attn_q_proj") and len(layer.shape) > 1}
    return "sd2" if widths == {1024} else "sd15" if layers else "unknown"
