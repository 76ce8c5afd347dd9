"""The header of a safetensors file, read and bounded by ourselves: quick, without torch, and safe on any bytes."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from enogu.errors import AdapterRefused

MAX_HEADER_BYTES = 100 * 2**20
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True)
class Header:
    """The JSON header of a safetensors file: metadata, and name to (dtype, shape)."""

    metadata: dict[str, str]
    tensors: dict[str, tuple[str, tuple[int, ...]]]
    num_bytes: int


def read_header(path: Path) -> Header:
    """Read and check the header alone. Raises AdapterRefused: missing, a pickle, damaged, another format."""
    if not path.is_file():
        raise AdapterRefused(f"There is no file {path}.", "Check the path.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start[:2] in _PICKLE_STARTS or zipfile.is_zipfile(path):
            raise AdapterRefused(
                f"{path.name} is a pickle, which can run any program when it is opened, whatever its name ends in.",
                "Use a .safetensors copy of it.",
            )
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise AdapterRefused(f"{path.name} is no safetensors file, or is cut off.", "Copy or download it again.")
        try:
            content = json.loads(file.read(length))
            metadata = {str(k): str(v) for k, v in (content.pop("__metadata__", None) or {}).items()}
            tensors = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in content.items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise AdapterRefused(f"{path.name} has a damaged header.", "Copy or download it again.") from error
    return Header(metadata, tensors, size)


def tensor_bytes_sha256(path: Path) -> str:
    """sha256 of everything after the header: equal for equal weights whatever the metadata (civitai: AutoV3)."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        file.seek(8 + length)
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
