"""Where the layers that a LoRA changes lie in a base model's files: tensors' names by Kohya's keys, without networks.

Of one file the names are its maker's (Stability's, OpenCLIP's, Black Forest Labs'); of a diffusers folder they are
``unet/conv_in.weight`` here, the folder's part first. Two things are not one to one: OpenCLIP's query, key and value
are rows of one tensor (SDXL's second text encoder), and of Flux diffusers has apart what Kohya adapts as one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from enogu.engine.families.flux.single_file import CLIP, T5, WITH_PREFIX
from enogu.engine.families.sd15.single_file import TEXT
from enogu.engine.families.sdxl.single_file import BIG_G, CLIP_L, UNET
from enogu.engine.families.unet import ldm_path
from enogu.engine.layouts import flux_place

Shapes = Mapping[str, tuple[int, ...]]
_OPEN_CLIP = {"attn.out_proj": "self_attn_out_proj", "mlp.c_fc": "mlp_fc1", "mlp.c_proj": "mlp_fc2"}
_OPEN_CLIP_WEIGHT = re.compile(r"transformer\.resblocks\.(\d+)\.(.+?)(?:\.weight|_weight)")
_SD15_UP_WITH_ATTENTION = frozenset({1, 2, 3})


_ADAPTED = re.compile(
    r"lora_unet_(?:.+_)?(?:transformer_blocks_\d+_.+|proj_in|proj_out)|lora_unet_(?:double|single)_blocks_.+"
    r"|lora_te\d?_text_model_encoder_layers_.+|lora_te3_encoder_block_.+_(?:q|k|v|o|wi|wi_0|wi_1|wo)"
)
_CONVOLUTIONAL = re.compile(
    r"lora_unet_.+_(?:conv1|conv2|conv|conv_shortcut|time_emb_proj|in_layers_2|out_layers_3|emb_layers_1"
    r"|skip_connection|op)"
)


@dataclass(frozen=True)
class PlacedLayer:
    """A layer and the tensors that are its weight, one below the other; or the rows of one tensor that are."""

    key: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    rows: slice | None = None

    @property
    def is_adapted(self) -> bool:
        """Whether a LoRA is on it, as ``Family.targets`` of the networks says."""
        return _ADAPTED.fullmatch(self.key) is not None

    @property
    def is_convolutional(self) -> bool:
        """Whether it is of a convolutional block, as ``Family.conv_targets`` says."""
        return _CONVOLUTIONAL.fullmatch(self.key) is not None and not self.is_adapted


def layers_in_file(family: str, shapes: Shapes) -> list[PlacedLayer]:
    """Of one file of this family."""
    weights = {name: shape for name, shape in shapes.items() if name.endswith("weight") and len(shape) >= 2}
    if family == "flux":
        return _flux_file(weights)
    texts = {TEXT: "lora_te_"} if family == "sd15" else {CLIP_L: "lora_te1_"}
    found: list[PlacedLayer] = []
    for name, shape in weights.items():
        path = name.removesuffix(".weight")
        if path.startswith(UNET):
            place = path.removeprefix(UNET)
            ours = _sd15_path(place) if family == "sd15" else place
            if ours:
                found.append(PlacedLayer("lora_unet_" + ours.replace(".", "_"), (name,), shape))
        elif name.startswith(BIG_G):
            found += _big_g(name, shape)
        else:
            found += _text_layers(name, shape, texts)
    return found


def layers_in_folder(family: str, shapes: Shapes, layers_per_block: int = 2) -> list[PlacedLayer]:
    """Of a diffusers folder of this family; ``layers_per_block`` is the U-Net's."""
    texts = {
        "sd15": {"text_encoder/": "lora_te_"},
        "sdxl": {"text_encoder/": "lora_te1_", "text_encoder_2/": "lora_te2_"},
        "flux": {"text_encoder/": "lora_te1_"},
    }[family]
    found: list[PlacedLayer] = []
    parts: dict[str, dict[int, str]] = {}
    for name, shape in shapes.items():
        if not name.endswith(".weight") or len(shape) < 2:
            continue
        path = name.removesuffix(".weight")
        if path.startswith("unet/"):
            place = path.removeprefix("unet/")
            if family == "sdxl":
                place = _ldm_or_nothing(place, layers_per_block)
            if place:
                found.append(PlacedLayer("lora_unet_" + place.replace(".", "_"), (name,), shape))
        elif path.startswith("transformer/"):
            if (known := flux_place(path.removeprefix("transformer/").replace(".", "_"))) is not None:
                parts.setdefault(known[0], {})[known[1]] = name
        elif family == "flux" and path.startswith("text_encoder_2/"):
            key = "lora_te3_" + path.removeprefix("text_encoder_2/").replace(".", "_")
            found.append(PlacedLayer(key, (name,), shape))
        else:
            found += _text_layers(name, shape, texts)
    for key, those in parts.items():
        names = tuple(those[part] for part in sorted(those))
        height = sum(shapes[name][0] for name in names)
        found.append(PlacedLayer(key, names, (height, *shapes[names[0]][1:])))
    return found


def _text_layers(name: str, shape: tuple[int, ...], texts: Mapping[str, str]) -> list[PlacedLayer]:
    """A layer of a text encoder under transformers' names, with or without ``text_model.``"""
    for start, beginning in texts.items():
        if name.startswith(start):
            path = name.removeprefix(start).removeprefix("text_model.").removesuffix(".weight")
            return [PlacedLayer(f"{beginning}text_model_{path.replace('.', '_')}", (name,), shape)]
    return []


def _big_g(name: str, shape: tuple[int, ...]) -> list[PlacedLayer]:
    found = _OPEN_CLIP_WEIGHT.fullmatch(name.removeprefix(BIG_G))
    if found is None:
        return []
    start = f"lora_te2_text_model_encoder_layers_{found[1]}_"
    if found[2] == "attn.in_proj":
        third = shape[0] // 3
        return [
            PlacedLayer(
                f"{start}self_attn_{letter}_proj", (name,), (third, shape[1]), slice(i * third, (i + 1) * third)
            )
            for i, letter in enumerate("qkv")
        ]
    return [PlacedLayer(start + _OPEN_CLIP[found[2]], (name,), shape)] if found[2] in _OPEN_CLIP else []


def _flux_file(weights: Shapes) -> list[PlacedLayer]:
    found: list[PlacedLayer] = []
    for name, shape in weights.items():
        path = name.removesuffix(".weight")
        bare = path.removeprefix(WITH_PREFIX)
        if bare.startswith(("double_blocks.", "single_blocks.")):
            found.append(PlacedLayer("lora_unet_" + bare.replace(".", "_"), (name,), shape))
        elif path.startswith(T5):
            found.append(PlacedLayer("lora_te3_" + path.removeprefix(T5).replace(".", "_"), (name,), shape))
        else:
            found += _text_layers(name, shape, {CLIP: "lora_te1_"})
    return found


def _ldm_or_nothing(path: str, layers_per_block: int) -> str:
    try:
        return ldm_path(path, layers_per_block)
    except ValueError:
        return ""


def _sd15_path(place: str) -> str:
    """diffusers' path of a layer of SD1.5's U-Net by Stability's; empty for one that no LoRA is on."""
    exact, of_attention = _sd15_places()
    if place in exact:
        return exact[place]
    start = next((start for start in of_attention if place.startswith(f"{start}.")), "")
    return of_attention[start] + place[len(start) :] if start else ""


@lru_cache(maxsize=1)
def _sd15_places() -> tuple[dict[str, str], dict[str, str]]:
    """Convolutional layers, and where attention begins: Stability's name to diffusers'."""
    sides = [f"down_blocks.{block}" for block in range(4)] + ["mid_block"] + [f"up_blocks.{b}" for b in range(4)]
    convolutional = [
        f"{side}.resnets.{number}.{layer}"
        for side in sides
        for number in range(3 if side.startswith("up") else 2)
        for layer in ("conv1", "conv2", "time_emb_proj", "conv_shortcut")
    ]
    convolutional += [f"down_blocks.{block}.downsamplers.0.conv" for block in range(3)]
    convolutional += [f"up_blocks.{block}.upsamplers.0.conv" for block in range(3)]
    attention = [f"down_blocks.{block}.attentions.{number}" for block in range(3) for number in range(2)]
    attention += ["mid_block.attentions.0"]
    attention += [f"up_blocks.{block}.attentions.{number}" for block in (1, 2, 3) for number in range(3)]

    def named(paths: list[str]) -> dict[str, str]:
        return {ldm_path(path, up_with_attention=_SD15_UP_WITH_ATTENTION): path for path in paths}

    return named(convolutional), named(attention)
