"""Open a LoRA file somebody hands us: safetensors only, tensors of a LoRA, in words when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from enogu.engine.adapters.deltas import MARKS
from enogu.engine.layouts import to_kohya
from enogu.errors import AdapterRefused
from enogu.weights.families import TITLES, title, why_not_together
from enogu.weights.header import read_header, tensor_bytes_sha256
from enogu.weights.lora_facts import family_said
from enogu.weights.lora_layouts import adapted_layers, family_of


@dataclass(frozen=True)
class LoraFile:
    """A LoRA in memory: Kohya's tensors, metadata, and the sha256 of the tensor bytes (``sshs_model_hash``)."""

    path: Path
    tensors: dict[str, torch.Tensor]
    metadata: dict[str, str]
    tensor_sha256: str


def load_lora(path: Path) -> LoraFile:
    """A LoRA's tensors on the CPU under Kohya's names, whatever program wrote it. Raises AdapterRefused."""
    header = read_header(path)
    if not adapted_layers(header.shapes):
        raise AdapterRefused(
            f"{path.name} is no LoRA: none of its {len(header.tensors)} tensors has a LoRA's name.",
            "Choose a LoRA file.",
        )
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise AdapterRefused(f"{path.name} could not be read: {error}", "Copy or download it again.") from error
    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor.float()).all())]
    if broken:
        raise AdapterRefused(
            f"{path.name} holds numbers that are no numbers (NaN), in {broken[0]}.", "Use an earlier epoch of it."
        )
    kohya = to_kohya(tensors)
    if not any(name.endswith(f".{mark}") for name in kohya for mark in MARKS):
        raise AdapterRefused(
            f"{path.name} is a LoRA of a kind or in a layout that is not known here.", "Convert it to Kohya's layout."
        )
    return LoraFile(path, kohya, header.metadata, tensor_bytes_sha256(path))


def refuse_another_family(lora: LoraFile, base_name: str, base_family: str) -> None:
    """Raises AdapterRefused with both families, where the LoRA's is known and is another one (C5)."""
    layers = adapted_layers({name: tuple(tensor.shape) for name, tensor in lora.tensors.items()})
    family = family_of(layers, family_said(lora.metadata))
    words = why_not_together(lora.path.stem, family, base_name, base_family)
    if family in TITLES and words:
        raise AdapterRefused(words, f"Choose a base model of the family {title(family)}.")
