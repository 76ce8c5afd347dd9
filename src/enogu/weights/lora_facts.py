"""What the header of a LoRA file tells: family by its keys and widths, dim by its shapes, the rest by its metadata.

Metadata can be missing or false (mergers drop it, names are free text), so what can be seen in the tensors is taken
from them. Key names are those of sd-scripts 0.10 (networks/lora.py, train_network.py) and of the layouts in
``lora_layouts``.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from enogu.weights.derivatives import derivative_in
from enogu.weights.lora_layouts import AdaptedLayer, Shape, adapted_layers, family_of, layout_of

NUM_TOP_TAGS = 20
LONGEST_TEXT = 500
_ALGORITHMS = (("lora", ("lora_down", "lora_A", "lora.down")), ("loha", ("hada_",)), ("lokr", ("lokr_",)))


def describe_lora(
    metadata: Mapping[str, str], shapes: Mapping[str, Shape], alphas: Sequence[float] = ()
) -> dict[str, Any]:
    """Plain values for a person and a machine; what is not known is None, what is not a LoRA says so.

    ``alphas`` are the values of the ``.alpha`` tensors; without them the metadata's word is taken.
    """
    layers = adapted_layers(shapes)
    if not layers:
        return {"kind": "safetensors file without a LoRA", "num_tensors": len(shapes)}
    base_model = _text(metadata, "ss_sd_model_name")
    titles = (base_model, metadata.get("modelspec.title"), metadata.get("ss_output_name"))
    return {
        "kind": "LoRA",
        "family": family_of(layers, family_said(metadata)),
        "derivative": derivative_in(*titles) or None,
        "layout": layout_of(layers),
        "algorithm": _algorithm(shapes),
        "name": _text(metadata, "ss_output_name", "modelspec.title"),
        "trigger": _text(metadata, "enogu_trigger", "modelspec.trigger_phrase", "ss_trigger_words"),
        "dim": _dims(metadata, layers),
        "alpha": _one_or_all([_plain(alpha) for alpha in alphas]) or _number(metadata.get("ss_network_alpha")),
        "modules": count_modules(layers),
        "base_model": base_model,
        "steps": _number(metadata.get("ss_steps")),
        "epoch": _number(metadata.get("ss_epoch")),
        "num_epochs": _number(metadata.get("ss_num_epochs")),
        "num_steps": _number(metadata.get("ss_max_train_steps")),
        "pictures": _pictures(metadata),
        "resolution": _text(metadata, "ss_resolution", "modelspec.resolution"),
        "learning_rate": _number(metadata.get("ss_learning_rate")),
        "clip_skip": _number(metadata.get("ss_clip_skip")),
        "seed": _number(metadata.get("ss_seed")),
        "top_tags": top_tags(metadata),
        "model_hash": _text(metadata, "sshs_model_hash"),
        "legacy_hash": _text(metadata, "sshs_legacy_hash"),
    }


def guess_family(shapes: Mapping[str, Shape]) -> str:
    """``sd15``, ``sd2``, ``sdxl``, ``flux``, or ``unknown``, by the tensors alone."""
    return family_of(adapted_layers(shapes))


def family_said(metadata: Mapping[str, str]) -> str:
    """The family that the metadata names; empty when it names none that we know."""
    version = metadata.get("ss_base_model_version", "")
    architecture = metadata.get("modelspec.architecture", "").lower()
    if version.startswith("sdxl_") or architecture.startswith("stable-diffusion-xl"):
        return "sdxl"
    if version.startswith("flux") or architecture.startswith("flux-1"):
        return "flux"
    if metadata.get("ss_v2") == "True" or version.startswith("sd_v2") or architecture.startswith("stable-diffusion-v2"):
        return "sd2"
    if version.startswith("sd_v1") or architecture.startswith("stable-diffusion-v1"):
        return "sd15"
    return ""


def count_modules(layers: Iterable[AdaptedLayer]) -> dict[str, int]:
    """How many layers of each part are adapted; several text encoders together."""
    counts = Counter("text_encoder" if layer.part.startswith("text_encoder") else "unet" for layer in layers)
    return {part: counts[part] for part in ("unet", "text_encoder") if counts[part]}


def top_tags(metadata: Mapping[str, str]) -> dict[str, int]:
    """The most frequent tags of the training captions, counted over all folders (``ss_tag_frequency``)."""
    counts: Counter[str] = Counter()
    for folder in _json_object(metadata.get("ss_tag_frequency")).values():
        if isinstance(folder, dict):
            counts.update({str(tag): times for tag, times in folder.items() if isinstance(times, int)})
    return {_shown(tag): times for tag, times in counts.most_common(NUM_TOP_TAGS)}


def _algorithm(shapes: Mapping[str, Shape]) -> str:
    if any(name.endswith(".dora_scale") or ".lora_magnitude_vector" in name for name in shapes):
        return "dora"
    if any(len(shape) == 4 and shape[2:] != (1, 1) for name, shape in shapes.items() if "lora_" in name):
        return "locon"
    return next((name for name, marks in _ALGORITHMS if any(mark in key for key in shapes for mark in marks)), "lora")


def _dims(metadata: Mapping[str, str], layers: Iterable[AdaptedLayer]) -> int | float | list[int | float] | None:
    """From the shapes: one number when all layers share it, else every one that occurs."""
    sizes: list[int | float] = []
    for layer in layers:
        if layer.name.endswith(".hada_w1_a") and len(layer.shape) == 2:
            sizes.append(layer.shape[1])
        elif layer.shape and "lokr" not in layer.name and "hada" not in layer.name:
            sizes.append(layer.shape[0])
    found = _one_or_all(sizes)
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


def _text(metadata: Mapping[str, str], *keys: str) -> str | None:
    """The first of these that says something; ``None`` is how sd-scripts spells that nothing is known."""
    for key in keys:
        value = metadata.get(key, "").strip()
        if value and value != "None":
            return _shown(value)
    return None


def _shown(text: str) -> str:
    """Without signs that no database and no page wants (NUL, half surrogates), and not endless."""
    return "".join(letter for letter in text[:LONGEST_TEXT] if letter.isprintable())


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
    return _plain(value) if math.isfinite(value) else None


def _plain(value: float) -> int | float:
    return int(value) if value.is_integer() else value
