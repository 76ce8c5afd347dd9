"""What is pointed out in a picture (product D4)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from enogu.imaging.quality import QualityMeasures, find_problems, measure_quality
from enogu.starter_data import path as starter_path
from tests import hostile_pictures as hostile

FINE = QualityMeasures(blur=0.3, bright_level=0.9, dark_level=0.05)


def texture(side: int = 384, seed: int = 1) -> Image.Image:
    """Noise with the spectrum of photographs: amplitude falls as 1/frequency."""
    frequency = np.fft.fftfreq(side)
    radius = np.hypot(frequency[:, None], frequency[None])
    radius[0, 0] = 1
    noise = np.random.default_rng(seed).standard_normal((side, side))
    waves = np.real(np.fft.ifft2(np.fft.fft2(noise) / radius))
    levels = np.clip((waves - waves.mean()) / waves.std() * 45 + 128, 0, 255)
    return Image.fromarray(levels.astype(np.uint8)).convert("RGB")


def line_drawing(side: int = 384) -> Image.Image:
    """A few thin lines on white: next to no detail, and still sharp."""
    image = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 60, 300, 330), outline="black", width=3)
    draw.line((20, 20, 360, 200), fill="black", width=3)
    return image


def kinds(image: Image.Image, resolution: int = 256) -> list[str]:
    return [problem.kind for problem in find_problems(measure_quality(image), image.width, image.height, resolution)]


@pytest.mark.parametrize("picture", [texture(), line_drawing(), texture().convert("L").convert("RGB")])
def test_a_sharp_picture_has_nothing_to_be_pointed_out(picture: Image.Image) -> None:
    assert kinds(picture) == []


def test_none_of_the_shipped_pictures_is_called_bad() -> None:
    for name in ("lines/lines_01.png", "mame/mame_01.png", "mame/mame_05.png"):
        with Image.open(starter_path("pictures") / name) as image:
            assert kinds(image.convert("RGB")) == []


@pytest.mark.parametrize("picture", [texture(), line_drawing()])
def test_a_blurred_picture_is_pointed_out_however_little_detail_it_has(picture: Image.Image) -> None:
    assert "blurred" in kinds(picture.filter(ImageFilter.GaussianBlur(5)))


def test_blur_in_one_direction_counts_too() -> None:
    moved = texture().resize((32, 384)).resize((384, 384), Image.Resampling.BICUBIC)
    assert kinds(moved) == ["blurred"]


def test_stripes_are_not_blurred_for_having_no_detail_along_themselves() -> None:
    stripes = np.zeros((128, 128, 3), dtype=np.uint8)
    stripes[::8] = 255
    assert measure_quality(Image.fromarray(stripes)).blur < 0.3
    assert measure_quality(Image.fromarray(stripes.swapaxes(0, 1).copy())).blur < 0.3


def test_a_large_photograph_that_is_sharp_at_the_size_of_a_training_is_sharp() -> None:
    large = texture(512).resize((2048, 2048), Image.Resampling.BICUBIC)
    assert kinds(large) == []


def test_more_blur_never_measures_as_less() -> None:
    measured = [measure_quality(texture().filter(ImageFilter.GaussianBlur(radius))).blur for radius in (0, 1, 2, 4)]
    assert measured == sorted(measured)


def test_a_dark_and_an_overexposed_picture_are_pointed_out() -> None:
    assert kinds(texture().point(lambda level: level // 6)) == ["dark"]
    assert kinds(texture().point(lambda level: 180 + level * 75 // 255)) == ["washed_out"]


def test_a_figure_on_black_and_lines_on_white_are_neither() -> None:
    figure = Image.new("RGB", (384, 384), "black")
    figure.paste(texture(200), (90, 90))
    assert kinds(figure) == []
    assert kinds(line_drawing()) == []


@pytest.mark.parametrize("colour", ["white", "black", "#808080"])
def test_a_picture_of_one_colour_is_said_to_be_that_and_nothing_else(colour: str) -> None:
    assert kinds(Image.new("RGB", (300, 300), colour)) == ["blank"]


def test_too_small_is_measured_in_area_as_buckets_are() -> None:
    assert find_problems(FINE, 1024, 256, 512) == ()
    (problem,) = find_problems(FINE, 300, 400, 512)
    assert problem.kind == "too_small"
    assert problem.message == "300×400 pixels are too few to train at 512: it would be enlarged 1.5 times."
    assert find_problems(FINE, 500, 500, 512) == ()


@pytest.mark.parametrize("size", [(16, 16), (16, 4000), (3000, 17)])
def test_odd_shapes_are_measured(size: tuple[int, int]) -> None:
    measures = measure_quality(hostile.photo(*size))
    assert 0 <= measures.blur <= 1


@given(st.integers(0, 255), st.integers(0, 255), st.integers(16, 40))
def test_measures_lie_between_zero_and_one(low: int, high: int, side: int) -> None:
    pixels = np.full((side, side, 3), low, dtype=np.uint8)
    pixels[:, side // 2 :] = high
    measures = measure_quality(Image.fromarray(pixels))
    assert 0 <= measures.blur <= 1
    assert 0 <= measures.dark_level <= measures.bright_level <= 1
