"""Bring a picture's colours to sRGB with the ICC profile it carries.

Phones save Display P3 and print shops CMYK; read without their profile, skin turns grey and CMYK turns neon, and a LoRA
learns that. A profile that is missing, is sRGB already, does not fit the picture or is broken changes nothing.
"""

from __future__ import annotations

import io

from PIL import Image, ImageCms


def converted_to_srgb(image: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """An RGB or CMYK picture in sRGB, mode RGB; any other, or one without a usable profile, as it is."""
    if not icc_profile or len(icc_profile) > _MAX_PROFILE_BYTES or _is_srgb(icc_profile):
        return image
    if image.mode not in ("RGB", "CMYK") or icc_profile[_COLOUR_SPACE].rstrip() != image.mode.encode():
        return image
    try:
        converted = ImageCms.profileToProfile(
            image,
            io.BytesIO(icc_profile),
            ImageCms.createProfile("sRGB"),  # pyright: ignore  (Pillow leaves its type open)
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        return image
    return converted or image


_MAX_PROFILE_BYTES = 4 << 20
_COLOUR_SPACE = slice(16, 20)
"""Data colour space in an ICC header (ICC.1:2022, 7.2)."""


def _is_srgb(icc_profile: bytes) -> bool:
    """Whether its description says sRGB, as ASCII (version 2) or UTF-16 (version 4)."""
    return any(name in icc_profile for name in (b"sRGB", "sRGB".encode("utf-16-be")))
