"""ICC profiles."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from enogu.imaging.colours import converted_to_srgb
from enogu.imaging.decoding import open_picture
from tests import hostile_pictures as hostile


def matrix_profile(primaries_XYZ: list[tuple[float, float, float]], gamma: float = 2.2) -> bytes:
    """A minimal ICC version 2 display profile with the given (D50-adapted) primaries."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    description = b"desc" + bytes(4) + struct.pack(">I", 5) + b"wide\0" + bytes(78)
    tags = {b"desc": description, b"cprt": b"text" + bytes(4) + b"CC0\0"}
    tags[b"wtpt"] = b"XYZ " + bytes(4) + b"".join(map(fixed, (0.9642, 1.0, 0.8249)))
    for name, primary in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries_XYZ, strict=True):
        tags[name] = b"XYZ " + bytes(4) + b"".join(map(fixed, primary))
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        tags[name] = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    table, body, offset = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, offset + len(body), len(content))
        body += padded
    size = 128 + len(table) + len(body)
    header = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp"
    header += bytes(28) + b"".join(map(fixed, (0.9642, 1.0, 0.8249)))
    return header + bytes(128 - len(header)) + table + body


DISPLAY_P3 = matrix_profile([(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)])


def test_a_display_p3_picture_becomes_srgb(tmp_path: Path) -> None:
    path = tmp_path / "p3.png"
    Image.new("RGB", (32, 32), (200, 120, 100)).save(path, icc_profile=DISPLAY_P3)
    red, green, blue = hostile.pixel(open_picture(path).image, (5, 5))
    assert red > 205 and green < 119 and blue < 100  # the same colour needs stronger numbers in the smaller space


def test_greys_stay_grey_and_transparency_stays(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.new("RGBA", (32, 32), (128, 128, 128, 0)).save(path, icc_profile=DISPLAY_P3)
    assert hostile.pixel(open_picture(path, background="#102030").image, (5, 5)) == (16, 32, 48)
    grey = hostile.pixel(converted_to_srgb(Image.new("RGB", (32, 32), (128, 128, 128)), DISPLAY_P3), (0, 0))
    assert np.ptp(grey) <= 1


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
@pytest.mark.parametrize(
    "profile",
    [
        None,
        b"",
        b"nonsense",
        bytes(16) + b"RGB " + bytes(300),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_a_missing_broken_or_srgb_profile_changes_nothing(mode: str, profile: bytes | None) -> None:
    image = Image.new(mode, (16, 16), 90 if mode == "L" else (90,) * len(mode))
    assert converted_to_srgb(image, profile) is image
