"""What the header of a LoRA file tells: family by its keys and widths, dim by its shapes, the rest by its metadata.

Metadata can be missing or false (mergers drop it, names are free text), so what can be seen in the tensors is taken
from them. Key names are those of sd-scripts 0.10 (networks/lora.py, train_network.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

Shape = tuple[int, ...]

NUM_TOP_TAGS = 20
_DOWN_ENDINGS = (".lora_down.weight", ".lora_A.weight", ".hada_w1_a", ".lokr_w1", ".lokr_w1_a")
_TEXT_WIDTHS = {768: "sd15", 1024: "sd2", 2048: "sdxl"}
"""Width of the text states that the U-Net's cross-attention reads, by family."""


def describe_lora(
    metadata: Mapping[str, str], shapes: Mapping[str, Shape], alphas: Sequence[float] = ()
) -> dict[str, Any]:
    """Plain values for a person and a machine; what is not known is None, what is not a LoRA says so.

    ``alphas`` are the values of the ``.alpha`` tensors; without them the metadata's word is taken.
    """
    downs = {name: shape for name, shape in shapes.items() if name.endswith(_DOWN_ENDINGS)}
    if not downs:
        return {"kind": "safetensors file without a LoRA", "num_tensors": len(shapes)}
    return {
        "kind": "LoRA",
        "family": guess_family(shapes),
        "name": metadata.get("ss_output_name") or metadata.get("modelspec.title"),
        "trigger": metadata.get("enogu_trigger") or metadata.get("modelspec.trigger_phrase"),
        "dim": _dims(metadata, downs),
        "alpha": _one_or_all([_plain(alpha) for alpha in alphas]) or _number(metadata.get("ss_network_alpha")),
        "modules": count_modules(downs),
        "base_model": metadata.get("ss_sd_model_name"),
        "steps": _number(metadata.get("ss_steps")),
        "epoch": _number(metadata.get("ss_epoch")),
        "num_epochs": _number(metadata.get("ss_num_epochs")),
        "num_steps": _number(metadata.get("ss_max_train_steps")),
        "pictures": _pictures(metadata),
        "resolution": metadata.get("ss_resolution") or metadata.get("modelspec.resolution"),
        "learning_rate": _number(metadata.get("ss_learning_rate")),
        "clip_skip": _number(metadata.get("ss_clip_skip")),
        "seed": _number(metadata.get("ss_seed")),
        "top_tags": top_tags(metadata),
        "model_hash": metadata.get("sshs_model_hash"),
        "legacy_hash": metadata.get("sshs_legacy_hash"),
    }


def guess_family(shapes: Mapping[str, Shape]) -> str:
    """``sd15``, ``sd2``, ``sdxl``, ``flux``, or ``unknown``; never by the file's name.

    By key prefixes, then by how wide the text states are; the starter's small networks are of the SD1.5 architecture
    and have its keys.
    """
    if any(name.startswith(("lora_unet_double_blocks", "lora_unet_single_blocks", "transformer.")) for name in shapes):
        return "flux"
    if any(name.startswith(("lora_te1_", "lora_te2_")) for name in shapes):
        return "sdxl"
    reading = {
        shape[1] for name, shape in shapes.items() if name.endswith("attn2_to_k.lora_down.weight") and len(shape) > 1
    }
    known = {_TEXT_WIDTHS[width] for width in reading if width in _TEXT_WIDTHS}
    if len(known) == 1:
        return known.pop()
    if any(name.startswith(("lora_unet_", "lora_te_")) for name in shapes):
        return "sd15" if not reading or max(reading) < 768 else "unknown"
    return "unknown"


def count_modules(downs: Mapping[str, Shape]) -> dict[str, int]:
    """How many layers of each part are adapted."""
    counts = Counter("text_encoder" if name.startswith(("lora_te", "text_encoder")) else "unet" for name in downs)
    return {part: counts[part] for part in ("unet", "text_encoder") if counts[part]}


def top_tags(metadata: Mapping[str, str]) -> dict[str, int]:
    """The most frequent tags of the training captions, counted over all folders (``ss_tag_frequency``)."""
    counts: Counter[str] = Counter()
    for folder in _json_object(metadata.get("ss_tag_frequency")).values():
        if isinstance(folder, dict):
            counts.update({str(tag): times for tag, times in folder.items() if isinstance(times, int)})
    return dict(counts.most_common(NUM_TOP_TAGS))


def _dims(metadata: Mapping[str, str], downs: Mapping[str, Shape]) -> int | float | list[int | float] | None:
    """From the shapes: one number when all layers share it, else every one that occurs."""
    found = _one_or_all(
        [shape[0] for name, shape in downs.items() if shape and "lok" not in name and "hada" not in name]
    )
    return _number(metadata.get("ss_network_dim")) if found is None else found


def _one_or_all(values: Sequence[int | float]) -> int | float | list[int | float] | None:
    """The value that all share, or every one that occurs in rising order; None of nothing."""
    different = sorted(set(values))
    return different[0] if len(different) == 1 else different or None


def _pictures(metadata: Mapping[str, str]) -> int | None:
    counts = [
        folder.get("img_count")
        for folder in _json_object(metadata.get("ss_dataset_dirs")).values()
        if isinstance(folder, dict)
    ]
    whole = [count for count in counts if isinstance(count, int)]
    return sum(whole) if whole else None


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _number(text: str | None) -> int | float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return _plain(value)


def _plain(value: float) -> int | float:
    return int(value) if value.is_integer() else value
