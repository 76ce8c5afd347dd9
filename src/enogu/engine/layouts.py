"""The same LoRA under the names of different programs: read any of them as Kohya's, write Kohya's as diffusers'.

Kohya's names are what the engine works with. Files of diffusers and PEFT (``unet.…lora_A``, ``transformer.…``), ComfyUI
(``diffusion_model.…``), ai-toolkit and OneTrainer are renamed when they are opened. Flux' query, key and value, which
diffusers has apart, become one LoRA of the added dims, exactly: the As below each other, the Bs on a diagonal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from enogu.engine.families.unet import ldm_path
from enogu.errors import AdapterRefused
from enogu.weights.lora_layouts import DOWN_ENDINGS, AdaptedLayer, adapted_layers, family_of

Tensors = Mapping[str, torch.Tensor]

_UP_OF_DOWN = {
    ".lora_down.weight": ".lora_up.weight",
    ".lora_A.weight": ".lora_B.weight",
    ".lora_A.default.weight": ".lora_B.default.weight",
    ".lora.down.weight": ".lora.up.weight",
    "_lora.down.weight": "_lora.up.weight",
}
_LENGTHS = (
    ".dora_scale", ".lora_magnitude_vector", ".lora_magnitude_vector.weight", ".lora_magnitude_vector.default.weight",
)  # fmt: skip
"""What a DoRA's lengths are called: by LyCORIS, and by PEFT in files and in memory."""
_UNET_PLACE = re.compile(r"(down_blocks_(\d+)|up_blocks_(\d+)|mid_block)_([a-z]+)_(\d+)_(.+)")
_LDM_PLACE = re.compile(r"(input_blocks_(\d+)|middle_block|output_blocks_(\d+))_(\d+)_(.+)")
_DIFFUSERS_RESNET = {
    "in_layers_2": "conv1", "out_layers_3": "conv2",
    "emb_layers_1": "time_emb_proj", "skip_connection": "conv_shortcut",
}  # fmt: skip
_FLUX_DOUBLE = {
    "norm1_linear": ("img_mod_lin", 0), "norm1_context_linear": ("txt_mod_lin", 0),
    "attn_to_q": ("img_attn_qkv", 0), "attn_to_k": ("img_attn_qkv", 1), "attn_to_v": ("img_attn_qkv", 2),
    "attn_add_q_proj": ("txt_attn_qkv", 0), "attn_add_k_proj": ("txt_attn_qkv", 1),
    "attn_add_v_proj": ("txt_attn_qkv", 2), "attn_to_out_0": ("img_attn_proj", 0),
    "attn_to_add_out": ("txt_attn_proj", 0), "ff_net_0_proj": ("img_mlp_0", 0), "ff_net_2": ("img_mlp_2", 0),
    "ff_context_net_0_proj": ("txt_mlp_0", 0), "ff_context_net_2": ("txt_mlp_2", 0),
}  # fmt: skip
"""What diffusers calls a layer of a block of two streams: Kohya's layer, and which part of it."""
_FLUX_SINGLE = {
    "norm_linear": ("modulation_lin", 0), "proj_out": ("linear2", 0), "attn_to_q": ("linear1", 0),
    "attn_to_k": ("linear1", 1), "attn_to_v": ("linear1", 2), "proj_mlp": ("linear1", 3),
}  # fmt: skip
_FUSED = ("img_attn_qkv", "txt_attn_qkv", "linear1")
_WORDS = re.compile(
    "|".join(
        sorted(
            [
                *("down_blocks", "up_blocks", "mid_block", "transformer_blocks", "single_transformer_blocks"),
                *("attentions", "resnets", "downsamplers", "upsamplers", "attn1", "attn2", "attn", "to_q", "to_k"),
                *("to_v", "to_out", "to_add_out", "add_q_proj", "add_k_proj", "add_v_proj", "proj_in", "proj_out"),
                *("proj_mlp", "ff_context", "ff", "net", "proj", "norm1_context", "norm1", "norm", "linear"),
                *("time_emb_proj", "conv_shortcut", "conv1", "conv2", "conv", "text_model", "encoder", "layers"),
                *("self_attn", "q_proj", "k_proj", "v_proj", "out_proj", "mlp", "fc1", "fc2", "block", "layer"),
                *("SelfAttention", "DenseReluDense", "wi_0", "wi_1", "wo", r"\d+", "q", "k", "v", "o"),
            ],
            key=len,
            reverse=True,
        )
    )
)


@dataclass
class _Pair:
    """One LoRA of one layer, with its scale in B."""

    down: torch.Tensor
    up: torch.Tensor
    alpha: torch.Tensor | None
    """As in the file; None where it stands for the dim."""
    lengths: torch.Tensor | None = None
    """A DoRA's, of rows, in any shape."""

    @property
    def scale(self) -> float:
        """alpha / dim."""
        return 1.0 if self.alpha is None else float(self.alpha) / self.down.shape[0]


def to_kohya(tensors: Tensors, family: str = "") -> dict[str, torch.Tensor]:
    """The tensors of a LoRA of any layout under Kohya's names. What is not known keeps its name.

    ``family`` is for a caller who knows it; otherwise the tensors tell.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    layers = adapted_layers(shapes)
    family = family or family_of(layers)
    renamed = dict(tensors)
    parts: dict[str, dict[int, _Pair]] = {}
    for layer in layers:
        ending = next(ending for ending in DOWN_ENDINGS if layer.name.endswith(ending))
        found = _kohya_place(layer, family)
        stem = layer.name[: -len(ending)]
        if found is None or ending not in _UP_OF_DOWN or stem + _UP_OF_DOWN[ending] not in tensors:
            continue
        down, up = renamed.pop(layer.name), renamed.pop(stem + _UP_OF_DOWN[ending])
        key, part = found
        lengths = next((renamed.pop(stem + one) for one in _LENGTHS if stem + one in renamed), None)
        parts.setdefault(key, {})[part] = _Pair(down, up, renamed.pop(f"{stem}.alpha", None), lengths)
    for key, pairs in parts.items():
        one = pairs[0] if len(pairs) == 1 and not key.endswith(_FUSED) else _fused(key, pairs)
        renamed[f"{key}.lora_down.weight"], renamed[f"{key}.lora_up.weight"] = one.down, one.up
        if one.alpha is not None:
            renamed[f"{key}.alpha"] = one.alpha
        if one.lengths is not None:
            renamed[f"{key}.dora_scale"] = _as_kohya_has_them(one)
    return renamed


def to_diffusers(tensors: Tensors, family: str = "") -> dict[str, torch.Tensor]:
    """Kohya's tensors under diffusers' names, as PEFT has them: ``unet.….lora_A.weight``; the scale is put into B.

    Of LoRA, LoCon and DoRA. Raises AdapterRefused for a DoRA whose lengths are not of rows in every layer of a network.
    """
    kohya = to_kohya(tensors, family)
    layers = adapted_layers({name: tuple(tensor.shape) for name, tensor in kohya.items()})
    family = family or family_of(layers)
    named: dict[str, torch.Tensor] = {}
    with_lengths: dict[str, set[bool]] = {}
    for layer in layers:
        stem = layer.name.removesuffix(".lora_down.weight")
        if stem == layer.name:
            continue
        pair = _Pair(kohya[layer.name], kohya[f"{stem}.lora_up.weight"], kohya.get(f"{stem}.alpha"))
        up, lengths = pair.up * pair.scale, kohya.get(f"{stem}.dora_scale")
        with_lengths.setdefault(layer.part, set()).add(lengths is not None)
        if len(with_lengths[layer.part]) > 1 or (lengths is not None and lengths.shape[0] != up.shape[0]):
            raise AdapterRefused(
                f"diffusers knows no DoRA such as this one: {stem} is not as the others, or has lengths of columns.",
                "Keep Kohya's layout; or merge it into its base model, extract a LoRA from the two, and convert that.",
            )
        for path, rows in _diffusers_paths(layer, family, up.shape[0], pair.down.shape[1]):
            named[f"{path}.lora_A.weight"] = pair.down.clone()
            named[f"{path}.lora_B.weight"] = up[rows].contiguous()
            if lengths is not None:
                one = lengths.flatten()[rows].contiguous()
                name = f"{path}.lora_magnitude_vector.weight"  # transformers 5 finds it by no shorter name
                named[name] = one.view(1, -1, 1, 1) if up.ndim == 4 else one
    return named


def _as_kohya_has_them(pair: _Pair) -> torch.Tensor:
    """A DoRA's lengths as [out, 1] or [out, 1, 1, 1]; those of columns, which LyCORIS may have, as they are."""
    assert pair.lengths is not None  # noqa: S101 (for the types: who asks has looked)
    if pair.lengths.numel() != pair.up.shape[0]:
        return pair.lengths
    return pair.lengths.reshape(-1, *[1] * (pair.down.ndim - 1)).contiguous()


def _kohya_place(layer: AdaptedLayer, family: str) -> tuple[str, int] | None:
    """Kohya's key of a layer, and which part of a fused layer it is; None where it is not known."""
    path = layer.path
    if layer.part.startswith("text_encoder"):
        beginning = {
            "sdxl": {"text_encoder": "lora_te1_", "text_encoder_2": "lora_te2_"},
            "flux": {"text_encoder": "lora_te1_", "text_encoder_2": "lora_te3_", "text_encoder_3": "lora_te3_"},
        }.get(family, {"text_encoder": "lora_te_"}).get(layer.part)
        is_clip = path.startswith("encoder_layers_")
        return None if beginning is None else (f"{beginning}{'text_model_' if is_clip else ''}{path}", 0)
    if layer.part == "transformer" or path.startswith(("transformer_blocks_", "single_transformer_blocks_")):
        return flux_place(path)
    if layer.part != "unet":
        return None
    if layer.layout == "diffusers_old":
        path = re.sub(r"_to_out$", "_to_out_0", path.replace("_processor_", "_"))
    if family == "sdxl":
        path = _ldm(path)
    elif family in ("sd15", "sd2"):
        path = _diffusers(path)
    return f"lora_unet_{path}", 0


def flux_place(path: str) -> tuple[str, int] | None:
    """Kohya's key of a layer of diffusers' transformer, and which part of a fused layer it is; None where unknown."""
    found = re.fullmatch(r"(single_)?transformer_blocks_(\d+)_(.+)", path)
    known = (_FLUX_SINGLE if found[1] else _FLUX_DOUBLE).get(found[3]) if found else None
    if found is None or known is None:
        return None
    return f"lora_unet_{'single' if found[1] else 'double'}_blocks_{found[2]}_{known[0]}", known[1]


def _ldm(path: str) -> str:
    """diffusers' path of SDXL's U-Net with underscores to Stability's; Stability's stays."""
    found = _UNET_PLACE.fullmatch(path)
    if found is None:
        return path
    side = "mid_block" if found[1] == "mid_block" else found[1][: found[1].rindex("_")] + "." + (found[2] or found[3])
    return ldm_path(f"{side}.{found[4]}.{found[5]}.{found[6]}").replace(".", "_")


def _diffusers(path: str) -> str:
    """Stability's path with underscores to diffusers'; diffusers' stays."""
    found = _LDM_PLACE.fullmatch(path)
    if found is None:
        return path
    rest = _DIFFUSERS_RESNET.get(found[5], found[5])
    is_attention = re.match(r"transformer_blocks_|proj_in|proj_out", rest) is not None
    if found[1] == "middle_block":
        return f"mid_block_attentions_0_{rest}" if is_attention else f"mid_block_resnets_{int(found[4]) // 2}_{rest}"
    side = "down_blocks" if found[2] else "up_blocks"
    if rest in ("op", "conv"):
        block = int(found[2]) // 3 - 1 if found[2] else int(found[3]) // 3
        return f"{side}_{block}_{'downsamplers' if found[2] else 'upsamplers'}_0_conv"
    number = int(found[2]) - 1 if found[2] else int(found[3])
    return f"{side}_{number // 3}_{'attentions' if is_attention else 'resnets'}_{number % 3}_{rest}"


def _fused(key: str, pairs: Mapping[int, _Pair]) -> _Pair:
    """One LoRA of a fused layer. Parts that share their A stay of one dim; a part that is missing changes nothing."""
    if len(pairs) == 1 and 0 in pairs and pairs[0].up.shape[0] > pairs[0].down.shape[1]:
        return pairs[0]  # fused in the file already
    some = next(iter(pairs.values()))
    width = some.down.shape[1]
    heights = [width] * 3 + ([4 * width] if key.endswith("linear1") else [])
    for part, pair in pairs.items():
        heights[part] = pair.up.shape[0]
    order = sorted(pairs)
    lengths = _fused_lengths(key, [pairs[part] for part in order], len(heights))
    is_shared = len(pairs) == len(heights) and all(
        pair.scale == some.scale and torch.equal(pair.down, some.down) for pair in pairs.values()
    )
    if is_shared:
        return _Pair(some.down, torch.cat([pairs[part].up for part in order]), some.alpha, lengths)
    dims = [pairs[part].down.shape[0] for part in order]
    up = some.up.new_zeros(sum(heights), sum(dims))
    for number, part in enumerate(order):
        row, column = sum(heights[:part]), sum(dims[:number])
        up[row : row + heights[part], column : column + dims[number]] = pairs[part].up * pairs[part].scale
    return _Pair(torch.cat([pairs[part].down for part in order]), up, None, lengths)


def _fused_lengths(key: str, pairs: list[_Pair], num_parts: int) -> torch.Tensor | None:
    """A row that no length is told for has that of the base model's, which nobody knows here."""
    known = [pair.lengths.flatten() for pair in pairs if pair.lengths is not None]
    if not known:
        return None
    if len(known) < num_parts or any(one.numel() != pair.up.shape[0] for one, pair in zip(known, pairs, strict=True)):
        raise AdapterRefused(
            f"This DoRA has no lengths for some parts of {key}, which are one layer here.",
            "Use it in the program that made it, or train one on all of query, key and value.",
        )
    return torch.cat(known)


def _diffusers_paths(layer: AdaptedLayer, family: str, num_out: int, num_in: int) -> list[tuple[str, slice]]:
    """diffusers' path of each part of one of Kohya's layers, and which rows of B are its own."""
    whole = slice(0, num_out)
    if layer.part.startswith("text_encoder"):
        part = "text_encoder_2" if layer.part == "text_encoder_3" else layer.part
        return [(f"{part}.{_dotted(layer.path)}", whole)]
    if family != "flux":
        return [(f"unet.{_dotted(_diffusers(layer.path))}", whole)]
    found = re.fullmatch(r"(double|single)_blocks_(\d+)_(.+)", layer.path)
    if found is None:
        return []
    is_single = found[1] == "single"
    table = _FLUX_SINGLE if is_single else _FLUX_DOUBLE
    start = f"transformer.{'single_' if is_single else ''}transformer_blocks.{found[2]}."
    ours = sorted((part, theirs) for theirs, (kohya, part) in table.items() if kohya == found[3])
    if len(ours) == 1:
        return [(start + _dotted(ours[0][1]), whole)]
    ends = [*range(0, 3 * num_in + 1, num_in), num_out][: len(ours) + 1]
    return [(start + _dotted(theirs), slice(ends[part], ends[part + 1])) for part, theirs in ours]


def _dotted(path: str) -> str:
    """A path with underscores as the module's own, with dots between the words it is made of."""
    words: list[str] = []
    while path:
        found = _WORDS.match(path)
        if found is None or (len(found[0]) < len(path) and path[len(found[0])] != "_"):
            return ".".join([*words, path])
        words.append(found[0])
        path = path[len(found[0]) + 1 :]
    return ".".join(words)
