"""Crop methods (product D3, D5)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from enogu.errors import WrongUse
from enogu.imaging.crops import Box, CropMethod, choose_crop, cut
from tests import hostile_pictures as hostile


class FacesAt:
    """A face finder that answers with what it was given."""

    def __init__(self, *faces: Box) -> None:
        self.faces = faces

    def find_faces(self, image: Image.Image) -> Sequence[Box]:
        return self.faces


def scene(width: int, height: int, at: tuple[int, int]) -> Image.Image:
    """Dull grey with one colourful, patterned disc."""
    image = Image.new("RGB", (width, height), (120, 124, 120))
    draw = ImageDraw.Draw(image)
    x, y = at
    draw.ellipse((x - 40, y - 40, x + 40, y + 40), fill=(230, 120, 90), outline="black", width=4)
    draw.ellipse((x - 20, y - 15, x - 8, y), fill="white")
    draw.ellipse((x + 8, y - 15, x + 20, y), fill="white")
    return image


def holds(box: Box, x: int, y: int) -> bool:
    return box.left <= x < box.left + box.width and box.top <= y < box.top + box.height


def test_none_keeps_the_whole_picture_at_its_size() -> None:
    image = hostile.photo(300, 200)
    crop = choose_crop(image, "none", (64, 64))
    assert (crop.box, crop.width, crop.height, crop.method, crop.note) == (Box(0, 0, 300, 200), 300, 200, "none", "")
    assert cut(image, crop).tobytes() == image.tobytes()


def test_the_centre_is_the_largest_part_of_the_wanted_shape() -> None:
    assert choose_crop(hostile.photo(300, 200), "centre", (64, 64)).box == Box(50, 0, 200, 200)
    assert choose_crop(hostile.photo(200, 300), "centre", (64, 64)).box == Box(0, 50, 200, 200)
    assert choose_crop(hostile.photo(300, 200), "centre", (64, 128)).box == Box(100, 0, 100, 200)


@pytest.mark.parametrize("x", [60, 300, 540])
def test_smart_goes_where_the_eye_goes(x: int) -> None:
    """D5."""
    crop = choose_crop(scene(600, 200, (x, 100)), "smart", (128, 128))
    assert (crop.method, crop.box.width, crop.box.height) == ("smart", 200, 200)
    assert holds(crop.box, x, 100)


def test_smart_finds_its_place_in_large_pictures_too() -> None:
    image = scene(600, 200, (540, 100)).resize((3000, 1000))
    box = choose_crop(image, "smart", (128, 128)).box
    assert (box.width, box.height) == (1000, 1000) and holds(box, 2700, 500)


def test_a_face_fills_a_third_of_the_crop_and_lies_above_its_middle() -> None:
    crop = choose_crop(hostile.photo(1000, 1000), "face", (128, 128), face_finder=FacesAt(Box(600, 300, 100, 100)))
    assert crop.method == "face" and crop.note == ""
    assert (crop.box.width, crop.box.height) == (300, 300)
    assert crop.box == Box(500, 230, 300, 300)


@pytest.mark.parametrize("face", [Box(0, 0, 90, 90), Box(900, 900, 100, 100), Box(0, 0, 1000, 1000)])
def test_a_face_at_the_edge_is_in_the_crop(face: Box) -> None:
    box = choose_crop(hostile.photo(1000, 1000), "face", (128, 192), face_finder=FacesAt(face)).box
    assert box.left >= 0 and box.top >= 0 and box.left + box.width <= 1000 and box.top + box.height <= 1000
    assert holds(box, face.left + face.width // 2, face.top + face.height // 2)


def test_without_a_face_it_says_that_it_cropped_to_what_draws_the_eye() -> None:
    """D5: an honest fallback."""
    image = scene(600, 200, (540, 100))
    for finder, reason in ((FacesAt(), "No face was found"), (None, "No face finder is installed")):
        crop = choose_crop(image, "face", (128, 128), face_finder=finder)
        assert crop.method == "smart" and holds(crop.box, 540, 100)
        assert crop.note == f"{reason}: cropped to what draws the eye instead."


def test_a_rectangle_by_hand_keeps_its_shape_and_gets_as_many_pixels() -> None:
    crop = choose_crop(hostile.photo(1000, 800), "hand", (100, 100), box=Box(10, 20, 400, 100))
    assert (crop.box, crop.width, crop.height, crop.method) == (Box(10, 20, 400, 100), 200, 50, "hand")
    assert cut(hostile.photo(1000, 800), crop).size == (200, 50)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (None, "needs its rectangle"),
        (Box(-1, 0, 50, 50), "does not lie inside the picture of 100×80 pixels"),
        (Box(60, 0, 50, 50), "does not lie inside"),
        (Box(0, 0, 0, 50), "does not lie inside"),
        (Box(0, 0, 15, 50), "15×50 pixels is too small"),
    ],
)
def test_a_rectangle_that_cannot_be_is_wrong_use(box: Box | None, message: str) -> None:
    with pytest.raises(WrongUse, match=message) as error:
        choose_crop(hostile.photo(100, 80), "hand", (64, 64), box=box)
    assert error.value.cure


def test_a_size_that_is_too_small_is_wrong_use() -> None:
    with pytest.raises(WrongUse, match="8×64 pixels is too small"):
        choose_crop(hostile.photo(), "centre", (8, 64))


def test_a_crop_that_is_enlarged_says_so() -> None:
    crop = choose_crop(hostile.photo(100, 100), "centre", (256, 256))
    assert crop.note == "Enlarged 2.6 times: the picture has too few pixels there."


def test_a_crop_changes_nothing_in_the_picture_it_is_made_from() -> None:
    """D3."""
    image = scene(600, 200, (540, 100))
    before = image.tobytes()
    result = cut(image, choose_crop(image, "smart", (64, 64)))
    result.paste("red", (0, 0, 64, 64))
    assert image.tobytes() == before and result.size == (64, 64)
    whole = cut(image, choose_crop(image, "none", (64, 64)))
    whole.paste("red", (0, 0, 64, 64))
    assert image.tobytes() == before


SIDES = st.integers(16, 300)


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.sampled_from(["centre", "smart", "face"]), st.data())
def test_a_crop_lies_inside_and_comes_out_at_the_wanted_size(
    picture: tuple[int, int], size: tuple[int, int], method: CropMethod, data: st.DataObject
) -> None:
    image = Image.new("RGB", picture, "grey")
    left, top = data.draw(st.integers(0, picture[0] - 1)), data.draw(st.integers(0, picture[1] - 1))
    face = Box(left, top, data.draw(st.integers(1, picture[0] - left)), data.draw(st.integers(1, picture[1] - top)))
    crop = choose_crop(image, method, size, face_finder=FacesAt(face))
    assert cut(image, crop).size == (crop.width, crop.height) == size
    assert crop.box.left >= 0 and crop.box.top >= 0
    assert crop.box.left + crop.box.width <= picture[0] and crop.box.top + crop.box.height <= picture[1]
    assert crop.box.width == picture[0] or crop.box.height == picture[1] or crop.method == "face"
