"""Tools on LoRA files: other layouts and precisions, several as one, other ranks, the difference of two, a comparison.

All work on Kohya's names, in fp32, layer by layer; files of other layouts are renamed when they are opened. LoHa and
LoKr are taken as the products of two matrices that they are (``adapters.products``) and come out as LoRA. The
singular values of B A are found from two small QR decompositions, so that B A is never made for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from enogu.engine.adapters.blocks import block_of
from enogu.engine.adapters.deltas import kind_of, layers_of, scale_of
from enogu.engine.adapters.products import as_lora
from enogu.engine.base_files import open_base
from enogu.engine.export import save_lora
from enogu.engine.families.placed_layers import PlacedLayer
from enogu.engine.layouts import to_diffusers
from enogu.engine.lora_file import LoraFile, load_lora
from enogu.engine.merging import LoraToMerge
from enogu.errors import AdapterRefused, WrongUse

Method = Literal["fixed", "sv_ratio", "sv_cumulative", "sv_fro"]
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_SMALLEST_VALUE = 1e-6
Tensors = dict[str, torch.Tensor]
Progress = Callable[[int, int], None]
"""Told how many layers are done, and of how many."""


def _untold(_done: int, _total: int) -> None: ...


@dataclass(frozen=True)
class ResizedLayer:
    """A layer's rank before and after, and which share of its Frobenius norm is left, 0 to 1."""

    key: str
    rank_before: int
    rank: int
    retained: float


@dataclass(frozen=True)
class ComparedLayer:
    """A layer of two files: cosine of the angle between their changes, and each change's Frobenius norm."""

    key: str
    block: int | None
    cosine: float
    norm_a: float
    norm_b: float


def convert(path: Path, out: Path, *, layout: Literal["kohya", "diffusers"], precision: str) -> LoraFile:
    """The same LoRA in another layout and precision. Raises AdapterRefused, WrongUse."""
    file = load_lora(path)
    tensors = to_diffusers(_without_cores(file)) if layout == "diffusers" else file.tensors
    return _write(out, tensors, file.metadata, precision)


def merge(
    files: Sequence[LoraToMerge],
    out: Path,
    *,
    rank: int | None,
    precision: str,
    on_progress: Progress = _untold,
) -> LoraFile:
    """Several LoRAs at their weights as one: exactly, with added ranks, or brought to ``rank`` by singular values.

    Text encoders may have a weight of their own; what has weight 0 adds no rank.
    """
    _check_out(out)
    metadata: dict[str, str] = {}
    layers: list[tuple[dict[str, dict[str, torch.Tensor]], float, float]] = []
    for one in files:
        file = load_lora(one.path)
        metadata = metadata or file.metadata
        layers.append((_plain_layers(file), one.weight, one.text_weight))
    merged: Tensors = {}
    keys = dict.fromkeys(key for those, _, _ in layers for key in those)
    for done, key in enumerate(keys):
        on_progress(done, len(keys))
        weighed = [
            (those[key], text_weight if key.startswith("lora_te") else weight)
            for those, weight, text_weight in layers
            if key in those
        ]
        parts = _alike([(layer, weight) for layer, weight in weighed if weight != 0])
        if not parts:
            continue
        shapes = {(part["lora_up.weight"].shape[0], *part["lora_down.weight"].shape[1:]) for part, _ in parts}
        if len(shapes) > 1:
            raise AdapterRefused(
                f"The LoRAs do not fit each other: {key} has different widths in them.",
                "Merge LoRAs of one base model.",
            )
        down = torch.cat([part["lora_down.weight"].float() for part, _ in parts])
        up = torch.cat([part["lora_up.weight"].float() * (scale_of(part) * weight) for part, weight in parts], dim=1)
        if rank is None and down.shape[0] > min(down[0].numel(), up.shape[0]):
            rank_of_all = min(down[0].numel(), up.shape[0])  # a LoHa or LoKr: more ranks than the weight has
            down, up, _ = _reduced(down, up, rank_of_all, "fixed", None)
        if rank is not None and rank < down.shape[0]:
            down, up, _ = _reduced(down, up, rank, "fixed", None)
        _put(merged, key, down, up, 1.0)
    if not merged:
        raise WrongUse("At these weights nothing would change.", "Give a weight that is not 0.")
    metadata = _titled(metadata, out)
    metadata["modelspec.merged_from"] = ", ".join(
        f"{one.path.name}:{one.weight:g}" + (f":{one.text_weight:g}" if one.text_weight != one.weight else "")
        for one in files
    )
    return _write(out, merged, _with_dims(metadata, merged, "merged"), precision)


def resize(
    path: Path,
    out: Path,
    *,
    rank: int,
    method: Method,
    parameter: float | None,
    precision: str,
    on_progress: Progress = _untold,
) -> tuple[LoraFile, list[ResizedLayer]]:
    """Another rank by singular values, at most ``rank``; the scale stays, so that alpha follows the rank (as Kohya)."""
    _check_method(method, parameter)
    file = load_lora(path)
    resized: Tensors = {}
    told: list[ResizedLayer] = []
    layers = _plain_layers(file)
    for done, (key, layer) in enumerate(layers.items()):
        on_progress(done, len(layers))
        down, up = layer["lora_down.weight"].float(), layer["lora_up.weight"].float()
        new_down, new_up, retained = _reduced(down, up, rank, method, parameter)
        _put(resized, key, new_down, new_up, scale_of(layer))
        told.append(ResizedLayer(key, down.shape[0], new_down.shape[0], retained))
    metadata = {**_titled(file.metadata, out), "modelspec.merged_from": path.name}
    return _write(out, resized, _with_dims(metadata, resized, "resized"), precision), told


def extract(
    base: Path,
    tuned: Path,
    out: Path,
    *,
    dim: int,
    conv_dim: int,
    precision: str,
    said: str = "",
    on_progress: Progress = _untold,
) -> tuple[LoraFile, list[ResizedLayer]]:
    """What a tuned base model has learnt, as a LoRA: the largest singular values of tuned - base, layer by layer.

    Files or diffusers folders, in any pair; neither is made a network, so that memory holds a layer of each. A text
    encoder that one of the two lacks is left out. ``said`` is what the file says it was made from.
    """
    _check_out(out)
    tensors: Tensors = {}
    told: list[ResizedLayer] = []
    with open_base(base) as before, open_base(tuned) as after:
        if before.family.name != after.family.name:
            raise WrongUse(
                f"One is {before.family.title}, the other {after.family.title}.", "Choose two of one family."
            )
        pairs = _layers_of_both(before.layers, after.layers, with_convolutions=conv_dim > 0)
        for done, (first, second) in enumerate(pairs):
            on_progress(done, len(pairs))
            rank = conv_dim if len(first.shape) == 4 and first.shape[2] > 1 else dim
            found = _largest_difference(before.weight(first), after.weight(second), rank)
            if found is not None:
                down, up, s = found
                _put(tensors, first.key, down, up, 1.0)
                told.append(ResizedLayer(first.key, len(s), down.shape[0], _share(s, down.shape[0])))
        metadata = _titled(before.family.metadata, out)
    if not tensors:
        raise WrongUse("The two base models are the same.", "Choose a tuned one and the one it was made from.")
    metadata["modelspec.merged_from"] = said or f"{tuned.stem} - {base.stem}"
    return _write(out, tensors, _with_dims(metadata, tensors, "extracted"), precision), told


def _largest_difference(
    before: torch.Tensor, after: torch.Tensor, most: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
    """A and B of at most this rank, and all singular values; None where nothing differs."""
    weight = before.float()
    change = after.float().reshape(weight.shape) - weight
    if not bool(change.any()):
        return None
    u, s, v = torch.linalg.svd(change.flatten(1), full_matrices=False)
    rank = min(most, len(s))
    root = s[:rank].sqrt()
    down = (root[:, None] * v[:rank]).view(rank, *weight.shape[1:])
    up = (u[:, :rank] * root).view(weight.shape[0], rank, *[1] * (weight.ndim - 2))
    return down, up, s


def _layers_of_both(
    before: Sequence[PlacedLayer], after: Sequence[PlacedLayer], *, with_convolutions: bool
) -> list[tuple[PlacedLayer, PlacedLayer]]:
    """In pairs, those that are adapted. Raises AdapterRefused where one is not the same in both."""

    def wanted(layers: Sequence[PlacedLayer]) -> dict[str, PlacedLayer]:
        return {
            layer.key: layer for layer in layers if layer.is_adapted or (with_convolutions and layer.is_convolutional)
        }

    first, second = wanted(before), wanted(after)
    parts = {_part_of(key) for key in first} & {_part_of(key) for key in second}
    pairs: list[tuple[PlacedLayer, PlacedLayer]] = []
    for key in dict.fromkeys([*first, *second]):
        if _part_of(key) not in parts:
            continue
        a, b = first.get(key), second.get(key)
        if a is None or b is None or _flat(a.shape) != _flat(b.shape):
            raise AdapterRefused(f"{key} is not the same layer in both.", "Choose two of one architecture.")
        pairs.append((a, b))
    return pairs


def _part_of(key: str) -> str:
    """``unet``, ``te1`` and so on."""
    return key.split("_", 2)[1]


def _flat(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A 1x1 convolution is written with two sides by some."""
    return shape[:2] if shape[2:] == (1, 1) else shape


def compare(a: Path, b: Path, *, on_progress: Progress = _untold) -> list[ComparedLayer]:
    """Layer by layer; a layer that one file lacks has norm 0 there and cosine 0. B A of neither is made."""
    first, second = _plain_layers(load_lora(a)), _plain_layers(load_lora(b))
    told: list[ComparedLayer] = []
    keys = dict.fromkeys([*first, *second])
    for done, key in enumerate(keys):
        on_progress(done, len(keys))
        left, right = first.get(key), second.get(key)
        norm_a = 0.0 if left is None else _dot(left, left) ** 0.5
        norm_b = 0.0 if right is None else _dot(right, right) ** 0.5
        both = left is not None and right is not None and norm_a > 0 and norm_b > 0
        cosine = _dot(left, right) / (norm_a * norm_b) if both and left and right else 0.0
        told.append(ComparedLayer(key, block_of(key), cosine, norm_a, norm_b))
    return told


def _without_cores(file: LoraFile) -> Tensors:
    """Of LoRA, LoCon and DoRA, with Tucker's cores put into A. Raises AdapterRefused for what diffusers cannot load."""
    tensors = dict(file.tensors)
    for key, layer in layers_of(file.tensors).items():
        kind = kind_of(layer)
        has_core = "lora_mid.weight" in layer
        if kind not in ("lora", "dora") or (kind == "dora" and has_core):
            raise AdapterRefused(
                f"{file.path.name} is no LoRA, LoCon or DoRA, and diffusers has no names for what it is.",
                "Make it a LoRA first (enogu lora resize --rank 64 says how much of it that keeps), then convert that.",
            )
        product = as_lora(key, layer) if has_core else None
        if product is not None:
            del tensors[f"{key}.lora_mid.weight"]
            tensors |= {f"{key}.{name}": tensor for name, tensor in product.items()}
    return tensors


def _alike(parts: Sequence[tuple[dict[str, torch.Tensor], float]]) -> list[tuple[dict[str, torch.Tensor], float]]:
    """A 1x1 convolution is written with four sides by some and with two by others; then all have four."""
    sides = {part["lora_down.weight"].ndim for part, _ in parts}
    if sides != {2, 4}:
        return list(parts)
    return [
        ({**part, **{n: t[:, :, None, None] for n, t in part.items() if n.endswith(".weight") and t.ndim == 2}}, weight)
        for part, weight in parts
    ]


def _dot(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> float:
    """<s B A, t D C> = s t sum((B^T D) * (A C^T))."""
    (down_a, up_a), (down_b, up_b) = _matrices(a), _matrices(b)
    if down_a.shape[1] != down_b.shape[1] or up_a.shape[0] != up_b.shape[0]:
        raise AdapterRefused("The two LoRAs have layers of different widths.", "Compare LoRAs of one base model.")
    total = ((up_a.t() @ up_b) * (down_a @ down_b.t())).sum()
    return max(float(total) * scale_of(a) * scale_of(b), 0.0 if a is b else -float("inf"))


def _matrices(layer: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    return layer["lora_down.weight"].double().flatten(1), layer["lora_up.weight"].double().flatten(1)


def _plain_layers(file: LoraFile) -> dict[str, dict[str, torch.Tensor]]:
    """Every layer as the product of two matrices. Raises AdapterRefused for a DoRA, which is none."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for key, layer in layers_of(file.tensors).items():
        product = as_lora(key, layer)
        if product is None:
            raise AdapterRefused(
                f"{file.path.name} cannot be taken as a LoRA: what {key} does depends on the base model (DoRA).",
                "Merge it into its base model (enogu lora merge --into), then extract a LoRA from the two.",
            )
        found[key] = product
    return found


def _reduced(
    down: torch.Tensor, up: torch.Tensor, most: int, method: Method, parameter: float | None
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The best pair of a lower rank, and which share of the norm it keeps."""
    q_up, r_up = torch.linalg.qr(up.flatten(1))
    q_down, r_down = torch.linalg.qr(down.flatten(1).t())
    u, s, v = torch.linalg.svd(r_up @ r_down.t(), full_matrices=False)
    rank = _rank_for(s, most, method, parameter)
    new_up = (q_up @ u[:, :rank]) * s[:rank]
    new_down = v[:rank] @ q_down.t()
    return (
        new_down.reshape(rank, *down.shape[1:]).contiguous(),
        new_up.reshape(up.shape[0], rank, *up.shape[2:]).contiguous(),
        _share(s, rank),
    )


def _rank_for(s: torch.Tensor, most: int, method: Method, parameter: float | None) -> int:
    """sd-scripts' resize_lora.py: by the ratio to the largest value, their sum, or that of their squares."""
    if float(s[0]) <= _SMALLEST_VALUE:
        return 1
    if method == "fixed" or parameter is None:
        return min(most, len(s))
    if method == "sv_ratio":
        wanted = int((s > s[0] / parameter).sum())
    elif method == "sv_cumulative":
        wanted = int(torch.searchsorted(s.cumsum(0) / s.sum(), parameter)) + 1
    else:
        wanted = int(torch.searchsorted(s.pow(2).cumsum(0) / s.pow(2).sum(), parameter**2)) + 1
    return min(max(1, wanted), most, len(s))


def _share(s: torch.Tensor, rank: int) -> float:
    total = float(s.pow(2).sum())
    return float((s[:rank].pow(2).sum() / total).sqrt()) if total else 1.0


def _check_method(method: Method, parameter: float | None) -> None:
    if method == "fixed":
        return
    fits = parameter is not None and (parameter >= 1 if method == "sv_ratio" else 0 < parameter <= 1)
    if not fits:
        raise WrongUse(
            f"{method} needs a number.", "sv_ratio: 2 or more; sv_cumulative and sv_fro: from 0 to 1, 0.9 is usual."
        )


def _put(tensors: Tensors, key: str, down: torch.Tensor, up: torch.Tensor, scale: float) -> None:
    tensors[f"{key}.lora_down.weight"] = down
    tensors[f"{key}.lora_up.weight"] = up
    tensors[f"{key}.alpha"] = torch.tensor(scale * down.shape[0])


def _titled(metadata: Mapping[str, str], out: Path) -> dict[str, str]:
    """What is made is called as its file, by programs that go by the name in the file too."""
    return {**metadata, "ss_output_name": out.stem, "modelspec.title": out.stem}


def _with_dims(metadata: Mapping[str, str], tensors: Tensors, what: str) -> dict[str, str]:
    """Dim and alpha as sd-scripts' tools write them: the number that all layers share, else Dynamic."""
    dims = {tensor.shape[0] for name, tensor in tensors.items() if name.endswith(".lora_down.weight")}
    alphas = {float(tensor) for name, tensor in tensors.items() if name.endswith(".alpha")}
    comment = metadata.get("ss_training_comment", "")
    return {
        **metadata,
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(dims.pop()) if len(dims) == 1 else "Dynamic",
        "ss_network_alpha": str(alphas.pop()) if len(alphas) == 1 else "Dynamic",
        "ss_network_args": json.dumps({}),
        "ss_training_comment": f"{what} by Enogu" + (f"; {comment}" if comment and comment != "None" else ""),
    }


def _check_out(out: Path) -> None:
    if out.exists():
        raise WrongUse(f"{out} is there already.", "Choose another --out, or move it away.")
    if out.suffix != ".safetensors":
        raise WrongUse(f"{out.name} does not end in .safetensors.", f"Write {out.stem}.safetensors.")


def _write(out: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str], precision: str) -> LoraFile:
    """With new hashes; nothing that is there is overwritten."""
    _check_out(out)
    dtype = DTYPES.get(precision)
    cast = {name: (tensor if dtype is None else tensor.to(dtype)).contiguous() for name, tensor in tensors.items()}
    kept = {name: value for name, value in metadata.items() if not name.startswith("sshs_")}
    save_lora(out, cast, kept)
    return load_lora(out)
