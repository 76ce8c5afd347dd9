"""How the decoder and its child talk over two pipes: a length, a JSON header, then the parts the header announces.

JSON and raw bytes rather than pickles, as multiprocessing would send: a child that a hostile picture took over could
answer with a pickle that runs in the parent. Every length is held against a bound before it is read.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import IO, Any, cast

MAX_HEADER_BYTES = 64 * 1024
_LENGTH = struct.Struct(">I")


class Garbled(Exception):
    """What came is not a message, or is larger than allowed."""


def write_message(file: IO[bytes], header: dict[str, Any], parts: Sequence[bytes | memoryview] = ()) -> None:
    """Send one message. Raises OSError when nobody reads any more."""
    encoded = json.dumps({**header, "part_bytes": [len(part) for part in parts]}).encode()
    if len(encoded) > MAX_HEADER_BYTES:
        raise Garbled(f"a header of {len(encoded)} bytes")
    file.write(_LENGTH.pack(len(encoded)) + encoded)
    for part in parts:
        file.write(part)
    file.flush()


def read_message(file: IO[bytes], max_part_bytes: int) -> tuple[dict[str, Any], list[bytes]]:
    """Wait for one message. Raises EOFError when the other side is gone, Garbled when it sends something else."""
    (length,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
    if length > MAX_HEADER_BYTES:
        raise Garbled(f"a header of {length} bytes")
    try:
        header: object = json.loads(_exactly(file, length))
    except (ValueError, RecursionError) as error:
        raise Garbled("a header that is not JSON") from error
    if not isinstance(header, dict):
        raise Garbled("a header that is no object")
    fields = cast(dict[str, Any], header)
    sizes: object = fields.pop("part_bytes", None)
    if not isinstance(sizes, list):
        raise Garbled("a header without parts")
    lengths = [size for size in cast(list[object], sizes) if type(size) is int and size >= 0]
    if len(lengths) != len(cast(list[object], sizes)) or sum(lengths) > max_part_bytes:
        raise Garbled("parts of a length that is not allowed")
    return fields, [_exactly(file, size) for size in lengths]


def _exactly(file: IO[bytes], count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data
