"""Safe decoding (product D2, D3)."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from enogu.errors import PictureRefused, WrongUse
from enogu.imaging.decoding import MAX_PIXELS, check_picture, open_picture, parse_colour, probe_picture
from tests import hostile_pictures as hostile

FOLDER_NAME = "絵 の フォルダ (1)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A path with Japanese, spaces and parentheses: every test goes through it."""
    folder = tmp_path / FOLDER_NAME
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_a_broken_picture_is_refused_with_its_name_and_a_cure(folder: Path, name: str) -> None:
    path = hostile.REFUSED[name](folder / f"豆 {name}")
    before = path.read_bytes()
    with pytest.raises(PictureRefused) as refusal:
        open_picture(path)
    assert refusal.value.message.startswith(f"豆 {name} ")
    assert refusal.value.message.endswith(".")
    assert refusal.value.cure
    assert "\n" not in str(refusal.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", hostile.REFUSED)
def test_checking_finds_what_opening_would_find(folder: Path, name: str) -> None:
    path = hostile.REFUSED[name](folder / name)
    with pytest.raises(PictureRefused):
        check_picture(path)


@pytest.mark.parametrize("name", hostile.ODD)
def test_an_odd_picture_is_read_as_upright_rgb_of_its_size(folder: Path, name: str) -> None:
    path = hostile.ODD[name](folder / name)
    before = path.read_bytes()
    picture = open_picture(path)
    assert (picture.image.mode, picture.image.size) == ("RGB", (64, 48))
    assert (picture.info.width, picture.info.height, picture.info.path) == (64, 48, path)
    assert picture.sha256 == hashlib.sha256(before).hexdigest()
    assert probe_picture(path) == check_picture(path) == picture.info
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.png", "is empty (0 bytes)"),
        ("text.png", "is not a picture we can read: it contains text"),
        ("one_pixel.png", "is 1×1 pixels; each side must be at least 16"),
        ("huge_header.png", "is 50,000×50,000 pixels, more than 100 megapixels"),
        ("huge_header.webp", "is 16,777,216×255 pixels"),
        ("truncated.png", "is cut short or damaged"),
        ("truncated.jpg", "is cut short or damaged"),
        ("phone.jpg", "it is a HEIC picture"),
        ("drawing.svg", "it is an SVG drawing"),
        ("float.tif", "has 32 bits a channel"),
    ],
)
def test_the_reason_says_what_is_wrong(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(PictureRefused) as refusal:
        open_picture(hostile.REFUSED[name](folder / name))
    assert reason in refusal.value.message


def test_a_header_of_fifty_thousand_pixels_a_side_costs_no_memory(folder: Path) -> None:
    path = hostile.huge_header_png(folder / "huge.png")
    tracemalloc.start()
    with pytest.raises(PictureRefused):
        open_picture(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 5_000_000


def test_the_limit_is_ours_and_not_where_pillow_begins_to_warn(folder: Path) -> None:
    """Pillow warns from 89 megapixels on; warnings are errors in tests, so this would raise."""
    assert probe_picture(hostile.huge_header_png(folder / "large.png", 10_000, 10_000)).width == 10_000
    with pytest.raises(PictureRefused, match="10,001×10,000"):
        probe_picture(hostile.huge_header_png(folder / "larger.png", 10_001, 10_000))
    assert MAX_PIXELS == 100_000_000


def test_a_picture_is_known_by_its_content_and_not_by_its_name(folder: Path) -> None:
    assert open_picture(hostile.ODD["png_inside.jpg"](folder / "photo.jpg")).info.format == "PNG"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phone_picture_is_turned_upright(folder: Path, orientation: int) -> None:
    """D3: all eight EXIF orientations."""
    path = hostile.rotated_jpeg(folder / "photo.jpg", orientation)
    picture = open_picture(path)
    assert picture.info == probe_picture(path)
    assert ("Turned upright by its EXIF orientation." in picture.info.notes) == (orientation != 1)
    difference = np.abs(np.asarray(picture.image, dtype=int) - np.asarray(hostile.quadrants(), dtype=int))
    assert difference.mean() < 8


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_exif_orientation_counts_in_every_format_that_carries_it(folder: Path, format_name: str) -> None:
    path = folder / "turned"
    stored = hostile.quadrants().transpose(Image.Transpose.ROTATE_90)
    stored.save(path, format=format_name, exif=hostile.exif_bytes(6))
    picture = open_picture(path)
    assert picture.image.size == (picture.info.width, picture.info.height) == (64, 48)
    assert check_picture(path) == probe_picture(path) == picture.info
    red, green, blue = hostile.pixel(picture.image, (8, 8))
    assert red > 200 > 60 > max(green, blue)


def test_a_png_whose_exif_lies_behind_its_pixels_is_turned_too(folder: Path) -> None:
    data = hostile.png_bytes(hostile.quadrants().transpose(Image.Transpose.ROTATE_90))
    exif = hostile.png_chunk(b"eXIf", hostile.exif_bytes(6).removeprefix(b"Exif\0\0"))
    path = folder / "turned.png"
    path.write_bytes(data[:-12] + exif + data[-12:])
    assert probe_picture(path).width == 64
    assert hostile.pixel(open_picture(path).image, (8, 8)) == (255, 0, 0)


def test_an_orientation_that_does_not_exist_is_ignored(folder: Path) -> None:
    path = folder / "odd.png"
    hostile.quadrants().save(path, exif=hostile.exif_bytes(77))
    assert hostile.pixel(open_picture(path).image, (8, 8)) == (255, 0, 0)


@pytest.mark.parametrize(
    ("name", "opaque"),
    [("palette_transparent.png", (255, 0, 0)), ("rgba.png", (255, 0, 0)), ("grey_alpha.png", (100, 100, 100))],
)
def test_transparency_is_laid_on_the_chosen_colour(folder: Path, name: str, opaque: tuple[int, int, int]) -> None:
    """D3."""
    path = hostile.ODD[name](folder / name)
    on_blue = open_picture(path, background="#0000ff").image
    on_white = open_picture(path).image
    assert hostile.pixel(on_blue, (5, 5)) == hostile.pixel(on_white, (5, 5)) == opaque
    half = name == "rgba.png"
    assert hostile.pixel(on_blue, (60, 5)) == ((0, 0, 127) if half else (0, 0, 255))
    assert hostile.pixel(on_white, (60, 5)) == ((127, 127, 127) if half else (255, 255, 255))
    assert "Has transparency: laid on the background colour." in probe_picture(path).notes


def test_a_transparent_colour_key_is_laid_on_the_background(folder: Path) -> None:
    path = folder / "key.png"
    hostile.quadrants().save(path, transparency=(255, 0, 0))
    assert hostile.pixel(open_picture(path, background="#010203").image, (5, 5)) == (1, 2, 3)


def test_a_transparent_grey_of_sixteen_bits_is_laid_on_the_background(folder: Path) -> None:
    path = folder / "key16.png"
    rows = (b"\0" + np.array([1000] * 32 + [40000] * 32, dtype=">u2").tobytes()) * 48
    path.write_bytes(hostile.raw_png(64, 48, 16, 0, rows, hostile.png_chunk(b"tRNS", struct.pack(">H", 1000))))
    image = open_picture(path, background="#010203").image
    assert (hostile.pixel(image, (5, 5)), hostile.pixel(image, (60, 5))) == ((1, 2, 3), (156, 156, 156))


def test_sixteen_bit_grey_is_scaled_and_not_clipped(folder: Path) -> None:
    path = hostile.grey16_png(folder / "grey16.png")
    row = np.asarray(open_picture(path).image)[0]
    assert (row[:, 0] == row[:, 1]).all() and (row[:, 0] == row[:, 2]).all()
    assert np.abs(row[:, 0].astype(int) - np.linspace(0, 255, 64)).max() <= 0.51
    assert "16 bits a channel: reduced to 8." in probe_picture(path).notes


def test_sixteen_bit_colour_keeps_its_ramp(folder: Path) -> None:
    path = hostile.rgb16_png(folder / "rgb16.png")
    row = np.asarray(open_picture(path).image)[0].astype(int)
    assert np.abs(row[:, 0] - np.linspace(0, 255, 64)).max() <= 1
    assert (row[:, 1] == 255).all() and (row[:, 2] == 0).all()
    assert "16 bits a channel: reduced to 8." in probe_picture(path).notes


def test_a_big_endian_sixteen_bit_tiff_is_scaled_too(folder: Path) -> None:
    path = folder / "grey16.tif"
    Image.fromarray(np.full((48, 64), 0x8000, dtype=">u2")).save(path, format="TIFF")
    assert hostile.pixel(open_picture(path).image, (5, 5)) == (128, 128, 128)


def test_a_cmyk_jpeg_has_its_colours(folder: Path) -> None:
    path = hostile.cmyk_jpeg(folder / "cmyk.jpg")
    image = open_picture(path).image
    for at, colour in {(8, 8): (255, 0, 0), (56, 8): (0, 255, 0), (8, 40): (0, 0, 255), (56, 40): (255,) * 3}.items():
        assert np.abs(np.subtract(hostile.pixel(image, at), colour)).max() < 12
    assert "CMYK: converted to RGB." in probe_picture(path).notes


@pytest.mark.parametrize("name", ["animated.gif", "animated.webp"])
def test_of_an_animation_the_first_frame_is_used(folder: Path, name: str) -> None:
    """D2."""
    path = hostile.ODD[name](folder / name)
    assert hostile.pixel(open_picture(path).image, (5, 5)) == (255, 0, 0)
    assert "Animated: only the first frame is used." in probe_picture(path).notes


def test_a_colour_that_is_none_is_wrong_use(folder: Path) -> None:
    with pytest.raises(WrongUse, match="greenish"):
        open_picture(hostile.ODD["plain.png"](folder / "a.png"), background="greenish")
    assert parse_colour("#fff") == parse_colour("white") == (255, 255, 255)


def test_a_folder_named_like_a_picture_is_refused(folder: Path) -> None:
    (folder / "folder.png").mkdir()
    with pytest.raises(PictureRefused, match=r"folder\.png is not a file"):
        probe_picture(folder / "folder.png")


def test_a_picture_that_is_gone_is_refused(folder: Path) -> None:
    with pytest.raises(PictureRefused, match=r"gone\.png cannot be read"):
        open_picture(folder / "gone.png")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_a_pipe_named_like_a_picture_does_not_hang(folder: Path) -> None:
    with pytest.raises(PictureRefused, match="is not a file"):
        open_picture(hostile.named_pipe(folder / "pipe.png"))


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="POSIX permissions")
def test_a_picture_one_may_not_read_is_refused(folder: Path) -> None:
    path = hostile.ODD["plain.png"](folder / "secret.png")
    path.chmod(0)
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    with pytest.raises(PictureRefused, match=r"secret\.png cannot be read"):
        open_picture(path)


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@given(data=st.data())
def test_whatever_the_bytes_are_a_picture_comes_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, format_name: str, data: st.DataObject
) -> None:
    """Bytes turned over and cut off at random: never another exception, never a warning."""
    buffer = io.BytesIO()
    hostile.photo(24, 20).save(buffer, format=format_name)
    damaged = bytearray(buffer.getvalue())
    places = st.integers(0, len(damaged) - 1)
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        damaged[at] = value
    path = tmp_path_factory.getbasetemp() / f"damaged.{format_name.lower()}"
    path.write_bytes(damaged[: data.draw(st.integers(1, len(damaged)))])
    try:
        assert open_picture(path).image.mode == "RGB"
    except PictureRefused as refusal:
        assert refusal.message.startswith(path.name)
