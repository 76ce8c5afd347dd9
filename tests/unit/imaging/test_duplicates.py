"""Exact, near and mirrored duplicates (product D4)."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from enogu.imaging.duplicates import (
    Duplicate,
    DuplicateGroup,
    Fingerprint,
    KnownPicture,
    find_duplicates,
    find_fingerprint,
    parse_fingerprint,
)
from enogu.imaging.examining import pixel_sha256
from enogu.starter_data import path as starter_path
from tests.unit.imaging.test_quality import texture

ORIGINALS = {
    "texture": lambda: texture(320, 7),
    "lines": lambda: shipped("lines/lines_03.png"),
    "mame": lambda: shipped("mame/mame_02.png"),
}


def shipped(name: str) -> Image.Image:
    with Image.open(starter_path("pictures") / name) as image:
        return image.convert("RGB")


def known(image: Image.Image) -> KnownPicture:
    return KnownPicture(pixel_sha256(image), find_fingerprint(image), image.width * image.height)


def as_jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=40)
    return Image.open(buffer).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    """Two hundredths off each side."""
    return ImageOps.crop(image, round(image.width * 0.02))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half": lambda image: image.resize((image.width // 2, image.height // 2)),
    "larger": lambda image: image.resize((image.width * 3 // 2, image.height * 3 // 2)),
    "jpeg": as_jpeg,
    "cropped": cropped,
    "cropped, small and jpeg": lambda image: as_jpeg(cropped(image).resize((200, 200))),
    "brighter": lambda image: image.point(lambda level: min(255, level * 11 // 10)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("original", ORIGINALS)
def test_a_changed_copy_is_near(original: str, change: str) -> None:
    image = ORIGINALS[original]()
    ((group),) = find_duplicates([known(image), known(CHANGES[change](image))])
    kept = 1 if change == "larger" else 0
    assert group == DuplicateGroup(kept, (Duplicate(1 - kept, "near"),))


@pytest.mark.parametrize("original", ORIGINALS)
def test_a_flipped_copy_is_reported_as_such(original: str) -> None:
    image = ORIGINALS[original]()
    flipped = ImageOps.mirror(as_jpeg(image)).resize((250, 250))
    ((group),) = find_duplicates([known(image), known(flipped)])
    assert group.others in ((Duplicate(1, "mirrored"),), (Duplicate(0, "mirrored"),))


def test_the_same_pixels_are_exact_duplicates() -> None:
    image = texture(64)
    assert find_duplicates([known(image), known(texture(64, 2)), known(image.copy())]) == (
        DuplicateGroup(0, (Duplicate(2, "exact"),)),
    )


def test_different_pictures_are_left_alone() -> None:
    pictures = [known(texture(96, seed)) for seed in range(12)]
    assert find_duplicates(pictures) == ()


def test_no_two_of_a_shipped_set_count_as_duplicates() -> None:
    """They show one figure in one style, in one case but for face, arms and ground."""
    for name in ("mame", "lines"):
        files = sorted((starter_path("pictures") / name).glob("*.png"))
        assert find_duplicates([known(shipped(f"{name}/{file.name}")) for file in files]) == ()


def test_pictures_of_one_colour_are_duplicates_only_when_they_are_the_same() -> None:
    plain = [known(Image.new("RGB", (64, 64), colour)) for colour in ("white", "black", "red", "white")]
    assert all(picture.fingerprint is None for picture in plain)
    assert find_duplicates(plain) == (DuplicateGroup(0, (Duplicate(3, "exact"),)),)


def test_the_largest_is_kept_and_copies_of_a_copy_go_with_it() -> None:
    image = texture(320, 7)
    small = CHANGES["half"](image)
    pictures = [known(small), known(image), known(small)]
    assert find_duplicates(pictures) == (DuplicateGroup(1, (Duplicate(0, "near"), Duplicate(2, "near"))),)


def test_a_fingerprint_is_kept_as_text() -> None:
    fingerprint = find_fingerprint(texture(64))
    assert fingerprint is not None
    assert parse_fingerprint(str(fingerprint)) == fingerprint
    for wrong in ("", "0" * 159, "g" * 160, "0" * 162):
        with pytest.raises(ValueError, match="hex"):
            parse_fingerprint(wrong)


def random_known(count: int, seed: int = 0) -> list[KnownPicture]:
    draw = random.Random(seed)
    return [
        KnownPicture(
            f"{index:064x}", Fingerprint(*(draw.getrandbits(64) for _ in range(4)), bytes(48)), draw.randrange(10**6)
        )
        for index in range(count)
    ]


def test_ten_thousand_pictures_are_grouped_in_a_moment() -> None:
    """Processor time, since the machine may be busy; a loop over pairs would take minutes."""
    pictures = random_known(10_000)
    copies = [KnownPicture(f"copy {index}", picture.fingerprint, 0) for index, picture in enumerate(pictures[:500])]
    before = time.process_time()
    groups = find_duplicates([*pictures, *copies])
    assert time.process_time() - before < 3
    assert len(groups) == 500


def test_ten_thousand_copies_of_one_picture_are_one_group() -> None:
    (one,) = random_known(1)
    pictures = [KnownPicture(str(index), one.fingerprint, 1) for index in range(10_000)]
    (group,) = find_duplicates(pictures)
    assert (group.kept, len(group.others)) == (0, 9_999)


BITS = st.integers(0, 2**64 - 1)
FEW_BITS = st.integers(0, 2**12 - 1)
"""Fingerprints that are often near each other."""
PICTURES = st.builds(
    KnownPicture,
    st.sampled_from(["a", "b", "c", "d", "e", "f"]),
    st.none() | st.builds(Fingerprint, FEW_BITS, FEW_BITS, BITS, BITS, st.sampled_from([bytes(48), bytes(range(48))])),
    st.integers(1, 3),
)


@given(st.lists(PICTURES, max_size=12))
def test_a_picture_is_in_one_group_at_most_and_the_kept_one_is_the_largest(pictures: list[KnownPicture]) -> None:
    groups = find_duplicates(pictures)
    members = [index for group in groups for index in (group.kept, *(other.index for other in group.others))]
    assert len(set(members)) == len(members)
    for group in groups:
        assert group.others
        assert all(pictures[other.index].num_pixels <= pictures[group.kept].num_pixels for other in group.others)
        for other in group.others:
            same = pictures[other.index].pixel_sha256 == pictures[group.kept].pixel_sha256
            assert same == (other.kind == "exact")


@given(PICTURES, st.lists(PICTURES, max_size=6), st.randoms(use_true_random=False))
def test_exact_copies_are_always_found(
    picture: KnownPicture, others: list[KnownPicture], chance: random.Random
) -> None:
    pictures = [picture, picture, *others]
    chance.shuffle(pictures)
    listed = {other.index for group in find_duplicates(pictures) for other in group.others}
    left = [one.pixel_sha256 for index, one in enumerate(pictures) if index not in listed]
    assert len(set(left)) == len(left)
