"""Pixels of a placed picture: -1 to 1, channels first, mirrored when asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from enogu.engine.data.latent_cache import PlacedPicture, decoded, picture_sha256
from enogu.engine.data.pixels import placed_pixels
from enogu.recipe.buckets import Bucket, Placement


def test_pixels_go_from_minus_one_to_one_and_are_cropped_at_the_placement() -> None:
    levels_HWC = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3)
    levels_HWC[1, 2] = (0, 255, 51)
    pixels = placed_pixels(Image.fromarray(levels_HWC), Placement(Bucket(2, 2), 6, 4, 2, 1), False)
    assert pixels.shape == (3, 2, 2)
    assert pixels.dtype == torch.float32
    torch.testing.assert_close(pixels[:, 0, 0], torch.tensor([-1.0, 1.0, -0.6]))
    torch.testing.assert_close(pixels, torch.from_numpy(levels_HWC[1:3, 2:4] / 127.5 - 1).permute(2, 0, 1).float())


def test_a_flipped_picture_is_mirrored_left_to_right() -> None:
    levels_HWC = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    place = Placement(Bucket(3, 2), 3, 2, 0, 0)
    image = Image.fromarray(levels_HWC)
    assert torch.equal(placed_pixels(image, place, True), placed_pixels(image, place, False).flip(-1))


def test_what_is_transparent_has_the_colour_of_the_background(tmp_path: Path) -> None:
    """D3: pictures.background, by the share that shows through: colour times opacity and background times the rest."""
    levels_HW4 = np.zeros((16, 48, 4), dtype=np.uint8)
    for third, opacity in enumerate((255, 0, 51)):
        levels_HW4[:, 16 * third : 16 * third + 16] = (200, 100, 0, opacity)
    Image.fromarray(levels_HW4).save(tmp_path / "bean.png")
    picture = PlacedPicture(
        tmp_path / "bean.png", picture_sha256(tmp_path / "bean.png"), Placement(Bucket(48, 16), 48, 16, 0, 0), "#102030"
    )
    shown = np.asarray(decoded(picture), dtype=int)[8, 8::16]
    background = np.array([0x10, 0x20, 0x30])
    wanted = [[200, 100, 0], background, np.round(0.2 * np.array([200, 100, 0]) + 0.8 * background)]
    assert np.abs(shown - np.array(wanted)).max() <= 1
