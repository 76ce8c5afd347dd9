"""A safetensors file whose bytes depend on its content alone.

``safetensors.torch.save`` writes the metadata in the order of a hash map that is seeded anew in each process, so the
same LoRA saved twice differs in its header. Here the header is written again with sorted keys; tensor bytes stay as
they are. A disk that is full is then an OSError of ours to word, and not safetensors' own error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import save


def tensor_file_bytes(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> bytes:
    """The whole file: 8 bytes of header length, the JSON header (padded to 8 with blanks), the tensors."""
    data = save(dict(tensors), dict(metadata))
    length = int.from_bytes(data[:8], "little")
    found: dict[str, Any] = json.loads(data[8 : 8 + length])
    found.pop("__metadata__", None)
    entries = sorted(found.items(), key=lambda entry: (entry[1]["data_offsets"], entry[0]))
    header = json.dumps(
        {"__metadata__": dict(sorted(metadata.items())), **dict(entries)}, ensure_ascii=False, separators=(",", ":")
    ).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]
