"""A safetensors file whose bytes depend on its content alone.

``safetensors.torch.save`` writes the metadata in the order of a hash map that is seeded anew in each process, so the
same LoRA saved twice differs in its header. Here the header is written again with sorted keys; tensor bytes stay as
they are. A disk that is full is then an OSError of ours to word, and not safetensors' own error.

The format has no checksum: a bit that turned on a disk is read as another weight. A *sealed* file names its own sha256
in its metadata, taken over the header without that name and over all tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from safetensors.torch import save

SEAL = "sha256"
"""The name of a sealed file's own hash in its metadata."""
LONGEST_HEADER = 100_000_000
"""As in safetensors' own reader, bytes."""


def tensor_file_bytes(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> bytes:
    """The whole file: 8 bytes of header length, the JSON header (padded to 8 with blanks), the tensors."""
    entries, data = _saved(tensors, metadata)
    return b"".join((*_start(entries, metadata), data))


def sealed_file_bytes(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> bytes:
    """The same with the file's own hash in its metadata."""
    entries, data = _saved(tensors, metadata)
    hashed = hashlib.sha256(_header(entries, metadata))
    hashed.update(data)
    return b"".join((*_start(entries, {**metadata, SEAL: hashed.hexdigest()}), data))


def damage_of(path: Path) -> str | None:
    """What is wrong with a sealed file, None when every byte is as it was written. Raises OSError.

    A file without a seal is whole when its length is what its header says.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(LONGEST_HEADER, size - 8):
            return "its header is cut off or no header"
        try:
            found: Any = json.loads(file.read(length))
            metadata = dict(found.pop("__metadata__", {}))
            end = max((int(entry["data_offsets"][1]) for entry in found.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return "its header is no header"
        if 8 + length + end != size:
            return f"it has {size} bytes instead of {8 + length + end}"
        seal = metadata.pop(SEAL, None)
        if seal is not None and seal != _hash_of(found, metadata, file):
            return "its numbers are not those that were written"
    return None


def metadata_of(path: Path) -> dict[str, str]:
    """The plain values of a header. Raises OSError, and ValueError for a file without one."""
    with path.open("rb") as file:
        found: Any = json.loads(file.read(min(LONGEST_HEADER, int.from_bytes(file.read(8), "little"))))
    return dict(found.get("__metadata__", {}))


def _saved(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> tuple[dict[str, Any], memoryview]:
    """The header's entries in the order of their numbers, and the numbers."""
    data = save(dict(tensors), dict(metadata))
    length = int.from_bytes(data[:8], "little")
    found: dict[str, Any] = json.loads(data[8 : 8 + length])
    found.pop("__metadata__", None)
    return found, memoryview(data)[8 + length :]


def _header(entries: Mapping[str, Any], metadata: Mapping[str, str]) -> bytes:
    ordered = sorted(entries.items(), key=lambda entry: (entry[1]["data_offsets"], entry[0]))
    whole = {"__metadata__": dict(sorted(metadata.items())), **dict(ordered)}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _start(entries: Mapping[str, Any], metadata: Mapping[str, str]) -> tuple[bytes, bytes]:
    header = _header(entries, metadata)
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little"), header


def _hash_of(entries: Mapping[str, Any], metadata: Mapping[str, str], rest: IO[bytes]) -> str:
    try:
        hashed = hashlib.sha256(_header(entries, metadata))
    except (ValueError, KeyError, TypeError):
        return ""
    while chunk := rest.read(1 << 20):
        hashed.update(chunk)
    return hashed.hexdigest()
