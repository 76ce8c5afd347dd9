"""The header of a safetensors file, read and bounded by ourselves: quick, without torch, and safe on any bytes.

The library reads headers of up to 100 MB; the largest honest one we know (Flux with its text encoders) has a few
hundred kilobytes, so ours may have 32 MB. What passes here also passes the library's own rules: offsets lie inside the
file, follow each other without gap or overlap, and fit dtype and shape.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enogu.errors import AdapterRefused, WrongUse

MAX_HEADER_BYTES = 32 * 2**20
MOST_TENSORS = 100_000
LONGEST_NAME = 500
MOST_DIMENSIONS = 8

_DTYPE_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
_PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
"""A bare pickle, or the zip that torch puts one into."""
_SCALARS = {"F16": "<e", "F32": "<f", "F64": "<d"}

ReadRange = Callable[[int, int], bytes]
"""The bytes from a start up to and without an end; fewer at the file's end."""


@dataclass(frozen=True)
class Header:
    """The JSON header of a safetensors file: metadata, and name to (dtype, shape)."""

    metadata: dict[str, str]
    tensors: dict[str, tuple[str, tuple[int, ...]]]
    num_bytes: int
    """Of the whole file."""
    offsets: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]], repr=False)
    """Where each tensor begins and ends, counted from the file's start."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name to shape alone."""
        return {name: shape for name, (_, shape) in self.tensors.items()}


class _Damaged(Exception):
    """What is wrong with a header, in words."""


def read_header(path: Path, refusal: type[WrongUse] = AdapterRefused) -> Header:
    """Read and check the header alone. Raises ``refusal``: missing, a pickle, damaged, another format."""
    if not path.is_file():
        raise refusal(f"There is no file {path}.", "Check the path.")
    try:
        with path.open("rb") as file:

            def read(start: int, end: int) -> bytes:
                file.seek(start)
                return file.read(end - start)

            return parse_header(path.name, path.stat().st_size, read, refusal)
    except OSError as error:
        raise refusal(f"{path.name} cannot be read: {error.strerror or error}.", "Check its permissions.") from error


def parse_header(name: str, size_bytes: int, read: ReadRange, refusal: type[WrongUse] = AdapterRefused) -> Header:
    """``read_header`` of a file that is somewhere else, such as in the store of files; ``name`` is for the message."""
    start = read(0, 8)
    if start.startswith(_PICKLE_STARTS):
        raise refusal(
            f"{name} is a pickle, which can run any program when it is opened, whatever its name ends in.",
            "Use a .safetensors copy of it.",
        )
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > min(size_bytes - 8, MAX_HEADER_BYTES):
        raise refusal(f"{name} is no safetensors file, or is cut off.", "Copy or download it again.")
    try:
        return _checked(_parse(read(8, 8 + length)), 8 + length, size_bytes)
    except (ValueError, RecursionError) as error:
        raise refusal(f"{name} has a damaged header: it is no JSON.", "Copy or download it again.") from error
    except _Damaged as error:
        raise refusal(f"{name} has a damaged header: {error}.", "Copy or download it again.") from error


def tensor_bytes_sha256(path: Path) -> str:
    """sha256 of everything after the header: equal for equal weights whatever the metadata (civitai: AutoV3)."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        file.seek(8 + length)
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_scalars(header: Header, read: ReadRange, names: Iterable[str]) -> list[float]:
    """The finite numbers among these tensors that hold a single floating-point number; others are left out."""
    found: list[float] = []
    for name in names:
        dtype, _ = header.tensors[name]
        start, end = header.offsets[name]
        if dtype == "BF16" and end - start == 2:
            value = struct.unpack("<f", b"\0\0" + read(start, end))[0]
        elif dtype in _SCALARS and end - start == struct.calcsize(_SCALARS[dtype]):
            value = struct.unpack(_SCALARS[dtype], read(start, end))[0]
        else:
            continue
        if math.isfinite(value):
            found.append(float(value))
    return found


def reader_of(path: Path) -> ReadRange:
    """A ``ReadRange`` over a file on this disk, opened anew for each range."""

    def read(start: int, end: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    return read


def _parse(text: bytes) -> dict[str, Any]:
    content = json.loads(text.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    if not isinstance(content, dict):
        raise _Damaged("it is no list of tensors")
    return content


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise _Damaged("a name stands in it twice")
    return content


def _no_constant(text: str) -> None:
    raise _Damaged(f"it holds {text}")


def _checked(content: dict[str, Any], data_start: int, size_bytes: int) -> Header:
    metadata = content.pop("__metadata__", None)
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _Damaged("its metadata is no list of texts")
    if len(content) > MOST_TENSORS:
        raise _Damaged(f"it names {len(content):,} tensors, and {MOST_TENSORS:,} are accepted")
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {}
    offsets: dict[str, tuple[int, int]] = {}
    for name, entry in content.items():
        dtype, shape, start, end = _entry(name, entry)
        tensors[name] = (dtype, shape)
        offsets[name] = (data_start + start, data_start + end)
    position = data_start
    for name, (start, end) in sorted(offsets.items(), key=lambda item: item[1]):
        if start != position:
            raise _Damaged(f"{name[:80]} overlaps another tensor, or there is a gap before it")
        position = end
    if position != size_bytes:
        raise _Damaged(f"its tensors end at byte {position:,}, and the file at {size_bytes:,}")
    return Header(metadata, tensors, size_bytes, offsets)


def _entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    shown = "".join(letter for letter in name[:80] if letter.isprintable())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise _Damaged(f"a tensor is called '{shown}', which is no name")
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _Damaged(f"{shown} is not described by dtype, shape and offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPE_BITS:
        raise _Damaged(f"{shown} is of an unknown type")
    if not _whole_numbers(shape) or len(shape) > MOST_DIMENSIONS:
        raise _Damaged(f"the shape of {shown} is none")
    if not _whole_numbers(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _Damaged(f"the place of {shown} is none")
    if math.prod(shape) * _DTYPE_BITS[dtype] != 8 * (offsets[1] - offsets[0]):
        raise _Damaged(f"{shown} has another size than its shape says")
    return dtype, tuple(shape), offsets[0], offsets[1]


def _whole_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int and 0 <= number < 2**60 for number in value)
