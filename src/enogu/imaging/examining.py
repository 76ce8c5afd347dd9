"""All that a dataset keeps of a picture, found in one decoding: size, hashes, quality and a thumbnail.

Pure functions on bytes. Strangers' pictures are to be looked at through ``decoder.SafeDecoder``, which calls these in
a limited process of its own.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from enogu.imaging.decoding import PictureInfo, decode_picture
from enogu.imaging.duplicates import Fingerprint, find_fingerprint
from enogu.imaging.quality import QualityMeasures, measure_quality

THUMBNAIL_SIDE = 384
"""Longest side of a thumbnail, in pixels."""


@dataclass(frozen=True)
class Examination:
    """What one look at a picture told."""

    info: PictureInfo
    file_sha256: str
    """Hex digest of the file's bytes."""
    pixel_sha256: str
    """Hex digest of size and decoded pixels: equal for the same picture in two lossless files (product D4)."""
    fingerprint: Fingerprint | None
    """What finds near duplicates; None for a picture of one colour."""
    quality: QualityMeasures
    thumbnail: bytes
    """A WebP file, at most THUMBNAIL_SIDE on its longer side, sRGB, without metadata."""


def examine_picture(data: bytes, name: str, background: str = "#ffffff") -> Examination:
    """Decode ``data`` and describe it; ``name`` is for messages. Raises PictureRefused, or WrongUse for the colour."""
    decoded = decode_picture(data, Path(name), background)
    return Examination(
        info=decoded.info,
        file_sha256=decoded.sha256,
        pixel_sha256=pixel_sha256(decoded.image),
        fingerprint=find_fingerprint(decoded.image),
        quality=measure_quality(decoded.image),
        thumbnail=thumbnail_webp(decoded.image),
    )


def pixel_sha256(image: Image.Image) -> str:
    """Hex digest of an RGB picture's width, height and pixels."""
    digest = hashlib.sha256(f"{image.width}x{image.height} RGB\n".encode())
    digest.update(image.convert("RGB").tobytes())
    return digest.hexdigest()


def thumbnail_webp(image: Image.Image, side: int = THUMBNAIL_SIDE) -> bytes:
    """A small copy as a WebP file; never larger than the picture itself."""
    small = image.copy() if max(image.size) <= side else _shrunk(image, side)
    buffer = io.BytesIO()
    small.save(buffer, format="WEBP", quality=80, method=2)
    return buffer.getvalue()


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
