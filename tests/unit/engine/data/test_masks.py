"""Masks: what of a picture is learnt (F28; facts/trainers.md 2d)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from enogu.engine.data.masks import MaskedPicture, masks_of
from enogu.errors import PictureRefused
from enogu.recipe.buckets import Bucket, Placement, place_in_bucket
from tests.unit.engine.tiny_run import write_rectangles

PLACE = place_in_bucket(Bucket(64, 64), 128, 64)
"""Its middle: 32 pixels are cut off left and right."""


def _picture(folder: Path, mask: Path | None = None, *, alpha: bool = False, place: Placement = PLACE) -> MaskedPicture:
    path = folder / "hat.png"
    write_rectangles(path, 128, 64, 1)
    if alpha:
        with Image.open(path) as image:
            opaque = Image.fromarray(_half())
            image.putalpha(opaque)
            image.save(path)
    return MaskedPicture(path, mask, place, 128, 64)


def _half() -> np.ndarray:
    """White from column 60 on."""
    mask_HW = np.zeros((64, 128), dtype=np.uint8)
    mask_HW[:, 60:] = 255
    return mask_HW


def _wanted(flip: bool) -> np.ndarray:
    """Cut out, then the mean of every 8 by 8 pixels."""
    cut = _half()[:, 32:96] / 255
    cut = cut[:, ::-1] if flip else cut
    return cut.reshape(8, 8, 8, 8).mean(axis=(1, 3))


@pytest.mark.parametrize("alpha", [True, False])
def test_a_mask_goes_the_way_of_its_picture_and_is_averaged_to_the_latents(tmp_path: Path, alpha: bool) -> None:
    Image.fromarray(_half()).save(tmp_path / "mask.png")
    picture = _picture(tmp_path, None if alpha else tmp_path / "mask.png", alpha=alpha)
    found = masks_of([picture], flips=(False, True), pixels_per_latent=8)
    for flip in (False, True):
        assert found[0, flip].shape == (1, 8, 8)
        np.testing.assert_allclose(found[0, flip][0].numpy(), _wanted(flip), atol=1e-6)


def test_the_transparency_of_the_whole_picture_is_cut_as_its_crop_was(tmp_path: Path) -> None:
    """A crop has no transparency any more: its original stands in for a mask."""
    whole = np.zeros((100, 200), dtype=np.uint8)
    whole[20:84, 30:158] = _half()
    alpha = Image.fromarray(whole)
    Image.merge("RGBA", (*Image.new("RGB", alpha.size, "red").split(), alpha)).save(tmp_path / "whole.png")
    write_rectangles(tmp_path / "crop.png", 128, 64, 1)
    picture = MaskedPicture(
        tmp_path / "crop.png", tmp_path / "whole.png", PLACE, 128, 64, mask_cut=(30, 20, 128, 64, 128, 64)
    )
    found = masks_of([picture], flips=(False,), pixels_per_latent=8)
    np.testing.assert_allclose(found[0, False][0].numpy(), _wanted(False), atol=1e-6)


def test_a_picture_without_transparency_and_mask_counts_whole(tmp_path: Path) -> None:
    assert masks_of([_picture(tmp_path)], flips=(False,), pixels_per_latent=8) == {}


def test_a_mask_of_another_size_is_refused_with_both_names(tmp_path: Path) -> None:
    Image.fromarray(_half()[:32]).save(tmp_path / "mask.png")
    with pytest.raises(PictureRefused, match=r"mask\.png has 128x32 pixels and hat\.png 128x64"):
        masks_of([_picture(tmp_path, tmp_path / "mask.png")], flips=(False,), pixels_per_latent=8)


def test_all_of_a_mask_is_between_nothing_and_all(tmp_path: Path) -> None:
    (mask,) = masks_of([_picture(tmp_path, alpha=True)], flips=(True,), pixels_per_latent=8).values()
    assert torch.all((mask >= 0) & (mask <= 1))
