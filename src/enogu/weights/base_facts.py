"""What the header of a single-file base model tells: family by keys and widths, the rest by metadata (C4).

Key names are those of the files that people share: Stability's layout (``model.diffusion_model.…``) for SD1.5, SD2 and
SDXL, Black Forest Labs' for Flux, with or without ComfyUI's prefix. A family's branches (Pony, Illustrious) have the
same keys, so they are known by metadata only, and otherwise left open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from enogu.errors import BaseModelRefused
from enogu.weights.derivatives import derivative_in
from enogu.weights.families import Derivative, Family, PredictionType
from enogu.weights.lora_layouts import Shape, adapted_layers

UNET = "model.diffusion_model."
_CROSS_ATTENTION = re.compile(r"(input|middle|output)_blocks?\.[\d.]*transformer_blocks\.\d+\.attn2\.to_k\.weight")
_FAMILY_OF_WIDTH: Mapping[int, Family] = {768: "sd15", 1024: "sd2", 2048: "sdxl"}
_NATIVE_SIDES: Mapping[Family, int] = {"sd15": 512, "sd2": 768, "sdxl": 1024, "flux": 1024}
_TEXT_ENCODERS: Mapping[Family, tuple[tuple[str, ...], ...]] = {
    "sd15": (("cond_stage_model.",),),
    "sd2": (("cond_stage_model.",),),
    "sdxl": (("conditioner.embedders.0.",), ("conditioner.embedders.1.",)),
    "flux": (("text_encoders.clip_l.",), ("text_encoders.t5xxl.",)),
}
"""For each text encoder, what its keys may begin with."""
_VAE = ("first_stage_model.", "vae.")
_OTHER_FAMILIES: tuple[tuple[str, str], ...] = (
    ("joint_blocks.0.", "Stable Diffusion 3"),
    ("double_layers.0.", "AuraFlow"),
    ("cap_embedder.", "Lumina"),
    ("t_embedder.mlp.0.weight", "a diffusion transformer of a family that is not known here"),
    ("blocks.0.self_attn.q.weight", "a video model"),
    ("transformer_blocks.0.attn.add_q_proj.weight", "a part of a diffusers folder"),
    ("down_blocks.0.resnets.0.conv1.weight", "a part of a diffusers folder (its U-Net)"),
)
_PHOTOS = re.compile(r"photo|realis|3d\b|cosplay|cinematic", re.IGNORECASE)
_DRAWN = re.compile(r"anime|manga|2d\b|cartoon|illustrat|furry|アニメ|イラスト", re.IGNORECASE)


@dataclass(frozen=True)
class CheckpointFacts:
    """What a single-file base model is."""

    family: Family
    derivative: Derivative
    prediction_type: PredictionType
    native_side: int
    """Side in pixels of the pictures that it was made for: the metadata's word, else the family's."""
    title: str
    licence: str
    style: str
    """``2d``, ``3d`` or empty, when the metadata says so."""
    missing: tuple[str, ...] = ()
    """What a whole checkpoint has and this file has not: ``text encoder``, ``VAE``."""
    special: str = ""
    """Another task than drawing from a prompt, such as inpainting; to be read after "made for"."""


def describe_checkpoint(name: str, metadata: Mapping[str, str], shapes: Mapping[str, Shape]) -> CheckpointFacts:
    """Facts of the file called ``name``. Raises BaseModelRefused when it is no base model of a family that is known
    here, saying what it is as far as that can be seen.
    """
    unet = _without_prefix(shapes)
    family = _family(unet)
    if family is None:
        raise BaseModelRefused(f"{name} is {_what_else(shapes, unet)}.", "Give a base model's file.")
    texts = [metadata.get(key) for key in ("modelspec.title", "modelspec.tags", "modelspec.description")]
    merged = [metadata.get(key) for key in ("modelspec.merged_from", "sd_merge_models", "sd_merge_recipe")]
    return CheckpointFacts(
        family=family,
        derivative=_derivative(family, unet, [*texts, *merged]),
        prediction_type=_prediction_type(family, metadata, shapes),
        native_side=_native_side(family, metadata),
        title=_shown(metadata.get("modelspec.title", ""))[:120],
        licence=_shown(metadata.get("modelspec.license", ""))[:200],
        style=style_in(texts),
        missing=_missing(family, shapes),
        special=_special(family, unet),
    )


def checkpoint_family(shapes: Mapping[str, Shape]) -> Family | None:
    """The family of a file with these tensors, by their names and widths; None when it is no base model."""
    return _family(_without_prefix(shapes))


def style_in(texts: Iterable[str | None]) -> str:
    """``2d`` or ``3d`` when these words speak of one of them only; otherwise empty."""
    said = " ".join(text for text in texts if text)
    is_drawn, is_photo = bool(_DRAWN.search(said)), bool(_PHOTOS.search(said))
    return "" if is_drawn == is_photo else "2d" if is_drawn else "3d"


def _shown(text: str) -> str:
    """Without what no page and no database can hold: control signs, NUL, halves of letters."""
    return "".join(sign for sign in text if sign.isprintable()).strip()


def _without_prefix(shapes: Mapping[str, Shape]) -> dict[str, Shape]:
    """The network that denoises; Flux' is also shared bare, as a file of its own."""
    inside = {name[len(UNET) :]: shape for name, shape in shapes.items() if name.startswith(UNET)}
    return inside or dict(shapes)


def _family(unet: Mapping[str, Shape]) -> Family | None:
    if "double_blocks.0.img_attn.qkv.weight" in unet and "single_blocks.0.linear1.weight" in unet:
        return "flux"
    if "input_blocks.0.0.weight" not in unet:
        return None
    widths = {shape[1] for name, shape in unet.items() if _CROSS_ATTENTION.fullmatch(name) and len(shape) == 2}
    if len(widths) != 1:
        return None
    width = widths.pop()
    is_labelled = "label_emb.0.0.weight" in unet  # SDXL is told the size of the picture
    small: Family = "sdxl" if is_labelled else "sd15"
    family = small if width < 768 else _FAMILY_OF_WIDTH.get(width)  # small networks, for tests
    return family if family is None or (family == "sdxl") == is_labelled else None


def _what_else(shapes: Mapping[str, Shape], unet: Mapping[str, Shape]) -> str:
    if adapted_layers(shapes):
        return "a LoRA, no base model"
    if "input_blocks.0.0.weight" in unet:
        width = next((s[1] for name, s in unet.items() if _CROSS_ATTENTION.fullmatch(name) and len(s) == 2), None)
        return "the SDXL refiner, which draws nothing by itself" if width == 1280 else "of a family that is not known"
    for beginning, what in _OTHER_FAMILIES:
        if any(name.startswith(beginning) for name in unet):
            return what
    if any(name.startswith(("encoder.down", "decoder.up", "first_stage_model.")) for name in shapes):
        return "a VAE alone"
    if any(name.startswith(("text_model.", "encoder.block.", "cond_stage_model.")) for name in shapes):
        return "a text encoder alone"
    return f"no base model that is known here: it holds {len(shapes)} tensors"


def _derivative(family: Family, unet: Mapping[str, Shape], texts: Iterable[str | None]) -> Derivative:
    if family == "flux":
        return "" if any(name.startswith("guidance_in.") for name in unet) else "schnell"
    return derivative_in(*texts) if family == "sdxl" else ""


def _prediction_type(family: Family, metadata: Mapping[str, str], shapes: Mapping[str, Shape]) -> PredictionType:
    """Files that predict v hold an empty tensor called ``v_pred``, or say so; otherwise it is epsilon."""
    if family == "flux":
        return "flow"
    said = metadata.get("modelspec.prediction_type", "").strip().lower()
    if "v_pred" in shapes or said in ("v", "v_prediction", "v-prediction"):
        return "v_prediction"
    return "epsilon"


def _native_side(family: Family, metadata: Mapping[str, str]) -> int:
    found = re.fullmatch(r"(\d{3,4})x(\d{3,4})", metadata.get("modelspec.resolution", "").strip())
    return max(int(found[1]), int(found[2])) if found else _NATIVE_SIDES[family]


def _missing(family: Family, shapes: Mapping[str, Shape]) -> tuple[str, ...]:
    wanted = _TEXT_ENCODERS[family]
    num_there = sum(any(name.startswith(beginnings) for name in shapes) for beginnings in wanted)
    missing: list[str] = []
    if num_there < len(wanted):
        missing.append("text encoder" if len(wanted) == 1 else "text encoders")
    if not any(name.startswith(_VAE) for name in shapes):
        missing.append("VAE")
    return tuple(missing)


def _special(family: Family, unet: Mapping[str, Shape]) -> str:
    name, channels = ("img_in.weight", 64) if family == "flux" else ("input_blocks.0.0.weight", 4)
    shape = unet.get(name, ())
    if len(shape) < 2 or shape[1] == channels:
        return ""
    return {9: "inpainting", 8: "editing pictures", 5: "depth maps", 7: "upscaling"}.get(shape[1], "another task")
