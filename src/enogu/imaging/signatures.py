"""What a file is by its first bytes, and the few header fields that must be known before a reader may touch it."""

from __future__ import annotations

import struct
from typing import IO

from PIL import Image


def find_format(head: bytes) -> str | None:
    """PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF by the first bytes (a few dozen are enough), else None."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and _is_bitmap_header(head):
        return "BMP"
    return "AVIF" if _file_type_brands(head) & {b"avif", b"avis"} else None


def describe_content(head: bytes) -> str:
    """A few words on what a file that is no readable picture contains instead, for its refusal."""
    brands = _file_type_brands(head)
    if brands & {b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"}:
        return "it is a HEIC picture"
    if brands:
        return "it is a video"
    for signature, name in _OTHER_CONTENT:
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(signature):
            return name
    return "it contains text" if _is_text(head) else "its content is of no known kind"


def webp_size(head: bytes) -> tuple[int, int] | None:
    """Canvas width and height from a WebP header (RFC 9649 section 2), or None when the header is of no known kind."""
    kind = head[12:16]
    if kind == b"VP8X" and len(head) >= 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and len(head) >= 30:
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def png_orientation(file: IO[bytes]) -> int:
    """EXIF orientation of a PNG's eXIf chunk, wherever it lies, without decoding pixels; 1 when there is none."""
    file.seek(8)
    for _ in range(_MAX_PNG_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return 1
        length, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf" and length <= _MAX_EXIF_BYTES:
            exif = Image.Exif()
            exif.load(file.read(length))
            return int(exif.get(0x0112, 1))
        if kind == b"IEND":
            return 1
        file.seek(length + 4, 1)
    return 1


_MAX_PNG_CHUNKS = 100_000
_MAX_EXIF_BYTES = 1 << 20

_OTHER_CONTENT = (
    (b"8bps", "it is a Photoshop file"),
    (b"%pdf", "it is a PDF"),
    (b"pk\x03\x04", "it is a zip file"),
    (b"\x1f\x8b", "it is a gzip file"),
    (b"\xff\x0a", "it is a JPEG XL picture"),
    (b"\0\0\0\x0cjxl ", "it is a JPEG XL picture"),
    (b"\0\0\0\x0cjp  ", "it is a JPEG 2000 picture"),
    (b"\0\0\x01\0", "it is an icon"),
    (b"<svg", "it is an SVG drawing"),
    (b"<!doctype html", "it is a web page (perhaps the download failed)"),
    (b"<html", "it is a web page (perhaps the download failed)"),
    (b"version https://git-lfs", "it is a Git LFS pointer, not the picture itself"),
)


def _file_type_brands(head: bytes) -> set[bytes]:
    """Brands of an ISO media file's ``ftyp`` box: AVIF, HEIC and videos share that container."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12]} | {head[at : at + 4] for at in range(16, end - 3, 4)}


def _is_bitmap_header(head: bytes) -> bool:
    return len(head) >= 18 and int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    for encoding in ("utf-8", "cp932"):
        for cut in range(4):  # a character may be cut at the end of what was read
            try:
                head[: len(head) - cut].decode(encoding)
            except UnicodeDecodeError:
                continue
            return True
    return False
