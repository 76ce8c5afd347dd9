"""Open a LoRA file somebody hands us: safetensors only, tensors of a LoRA, in words when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from enogu.errors import AdapterRefused
from enogu.weights.header import read_header, tensor_bytes_sha256


@dataclass(frozen=True)
class LoraFile:
    """A LoRA in memory: Kohya's tensors, metadata, and the sha256 of the tensor bytes (``sshs_model_hash``)."""

    path: Path
    tensors: dict[str, torch.Tensor]
    metadata: dict[str, str]
    tensor_sha256: str


def load_lora(path: Path) -> LoraFile:
    """Tensors of a Kohya LoRA on the CPU. Raises AdapterRefused with the reason."""
    header = read_header(path)
    if not any(name.endswith(".lora_down.weight") for name in header.tensors):
        raise AdapterRefused(
            f"{path.name} is no LoRA in Kohya's layout: none of its {len(header.tensors)} tensors is a lora_down.",
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
    return LoraFile(path, tensors, header.metadata, tensor_bytes_sha256(path))
