"""Zips that are odd or hostile in one known way each, made byte by byte where zipfile refuses to."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping


def packed(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An honest zip; names that are not ASCII are flagged as UTF-8."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_raw_names(files: Mapping[bytes, bytes]) -> bytes:
    """Names as bytes of no stated encoding: each is put in the place of an ASCII name of its length."""
    stand_ins = {bytes([65 + number]) * len(name): name for number, name in enumerate(files)}
    data = packed({stand_in.decode(): files[name] for stand_in, name in stand_ins.items()})
    for stand_in, name in stand_ins.items():
        assert data.count(stand_in) == 2
        data = data.replace(stand_in, name)
    return data


def with_entry(name: str, data: bytes = b"x", *, mode: int = 0, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """One entry with a Unix mode of one's choice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        entry.compress_type = compression
        archive.writestr(entry, data)
    return buffer.getvalue()


def link(name: str = "a.png", target: bytes = b"/etc/passwd") -> bytes:
    return with_entry(name, target, mode=stat.S_IFLNK | 0o777)


def pipe(name: str = "a.png") -> bytes:
    return with_entry(name, b"", mode=stat.S_IFIFO | 0o644)


def encrypted(name: str = "a.png") -> bytes:
    """Flagged so; the content does not matter."""
    data = bytearray(packed({name: b"x" * 20}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def with_extra_name(raw: bytes, name: str, checksum: int | None = None) -> bytes:
    """An entry ``raw`` with Info-ZIP's field that tells its name in UTF-8."""
    stand_in = "A" * len(raw)
    content = struct.pack("<BI", 1, zlib.crc32(raw) if checksum is None else checksum) + name.encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(stand_in)
        entry.extra = struct.pack("<HH", 0x7075, len(content)) + content
        archive.writestr(entry, b"x")
    return buffer.getvalue().replace(stand_in.encode(), raw)


def lying_about_size(name: str = "a.png", claimed: int = 10) -> bytes:
    """4000 bytes that both headers call ``claimed`` bytes."""
    data = bytearray(packed({name: bytes(range(250)) * 16}))
    central = data.index(b"PK\1\2")
    data[22:26] = data[central + 24 : central + 28] = struct.pack("<I", claimed)
    return bytes(data)


def two_names_for_one_content() -> bytes:
    """Two entries whose content is the same bytes of the archive, as the densest bombs have them."""
    data = packed({"a.png": b"1" * 500, "b.png": b"2" * 500})
    first = data.index(b"PK\1\2")
    second = data.index(b"PK\1\2", first + 4)
    return data[: second + 42] + struct.pack("<I", 0) + data[second + 46 :]


def with_huge_contents() -> bytes:
    """A table of contents of 9 MiB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(150):
            entry = zipfile.ZipInfo(f"{number}.png")
            entry.comment = bytes(65000)
            archive.writestr(entry, b"")
    return buffer.getvalue()
