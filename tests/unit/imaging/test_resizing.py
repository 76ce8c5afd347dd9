"""Fitting pictures to buckets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enogu.imaging.resizing import fit_to_bucket, resize
from tests.hostile_pictures import photo


def test_a_picture_that_fits_is_not_touched() -> None:
    image = photo(64, 64)
    assert resize(image, 64, 64) is image


def test_it_is_resized_then_cropped_where_the_plan_says() -> None:
    image = photo(200, 100)
    fitted = fit_to_bucket(
        image, resized_width=128, resized_height=64, crop_left=32, crop_top=0, bucket_width=64, bucket_height=64
    )
    assert fitted.size == (64, 64)
    assert np.array_equal(np.asarray(fitted), np.asarray(resize(image, 128, 64))[:, 32:96])


def test_a_plan_that_crops_outside_the_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match="not inside 128×64"):
        fit_to_bucket(
            photo(), resized_width=128, resized_height=64, crop_left=80, crop_top=0, bucket_width=64, bucket_height=64
        )


def test_enlarging_uses_the_lanczos_kernel() -> None:
    image = photo(40, 30)
    expected = image.resize((80, 60), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(resize(image, 80, 60)), np.asarray(expected))


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_shrinking_is_the_mean_over_the_area_covered(width: int, height: int, data: st.DataObject) -> None:
    """Against the definition: enlarge by repetition until both grids fit into it, then average whole blocks."""
    to_width, to_height = data.draw(st.integers(1, width)), data.draw(st.integers(1, height))
    pixels_HWC = np.random.default_rng(width * 41 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    fine = pixels_HWC.repeat(to_height, axis=0).repeat(to_width, axis=1).astype(np.float64)
    expected = fine.reshape(to_height, height, to_width, width, 3).mean(axis=(1, 3))
    got = np.asarray(resize(Image.fromarray(pixels_HWC), to_width, to_height), dtype=np.float64)
    assert np.abs(got - expected).max() <= 0.501


def test_a_flat_picture_stays_flat() -> None:
    assert resize(Image.new("RGB", (1999, 1333), (10, 200, 255)), 640, 448).getextrema() == (
        (10, 10),
        (200, 200),
        (255, 255),
    )
