"""Aspect buckets (F28): sd-scripts' algorithm, by its worked examples and by rules over all pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.recipe import Bucket, Placement, choose_bucket, make_buckets
from enogu.recipe.buckets import place_in_bucket, place_without_upscaling

SIDES = st.integers(16, 10_000)
STEPS = st.sampled_from([8, 32, 64])


@st.composite
def _bucket_settings(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """(resolution, shortest side, longest side, step) as a recipe may hold them."""
    step = draw(STEPS)
    resolution = step * draw(st.integers(2, 24))
    return resolution, draw(st.integers(step, resolution)), draw(st.integers(resolution, 4 * resolution)), step


@pytest.mark.parametrize(
    ("resolution", "shortest", "longest", "step", "count"),
    [
        (512, 256, 1024, 64, 17),
        (768, 256, 1024, 64, 19),
        (1024, 256, 1024, 64, 25),
        (1024, 512, 2048, 64, 33),
        (1024, 256, 2048, 64, 41),
        (1024, 512, 2048, 32, 65),
    ],
)
def test_the_number_of_buckets_is_that_of_sd_scripts(
    resolution: int, shortest: int, longest: int, step: int, count: int
) -> None:
    """Counts of facts/trainers.md 2h."""
    assert len(make_buckets(resolution, min_side=shortest, max_side=longest, step=step)) == count


def test_the_shortest_side_goes_down_and_the_longest_up_to_a_multiple_of_the_step() -> None:
    """sd-scripts, BucketManager: min_size // steps * steps, ceil(max_size / steps) * steps."""
    assert make_buckets(512, min_side=300, max_side=1000, step=64) == make_buckets(
        512, min_side=256, max_side=1024, step=64
    )


def test_there_is_always_a_square_also_where_a_longer_side_would_fit() -> None:
    """sd-scripts adds it by itself: beside 960 there is room for 1024 in the area of 1000 x 1000."""
    buckets = make_buckets(1000, min_side=512, max_side=2048, step=64)
    assert {Bucket(960, 960), Bucket(960, 1024)} <= set(buckets)


def test_the_resized_side_is_rounded_to_the_nearest_pixel() -> None:
    """sd-scripts: int(side * scale + 0.5); 730.7 of 999 is 731, and so is 731.4 of 1000."""
    square = Bucket(512, 512)
    assert place_in_bucket(square, 999, 700).resized_width == place_in_bucket(square, 1000, 700).resized_width == 731
    assert place_in_bucket(square, 700, 999).resized_height == place_in_bucket(square, 700, 1000).resized_height == 731


def test_1024_with_a_longest_side_of_1024_has_no_832x1216() -> None:
    """Trap 2 of facts/trainers.md 6: every bucket that is not square is then 1024 long, with fewer pixels."""
    small = make_buckets(1024, min_side=256, max_side=1024, step=64)
    large = make_buckets(1024, min_side=512, max_side=2048, step=64)
    assert Bucket(832, 1216) not in small
    assert {Bucket(832, 1216), Bucket(768, 1344)} <= set(large)
    assert all(max(bucket.width, bucket.height) == 1024 for bucket in small)


def test_a_picture_of_exactly_a_buckets_size_goes_there_though_another_ratio_ties() -> None:
    buckets = (Bucket(256, 256), Bucket(512, 512))
    assert choose_bucket(buckets, 512, 512) == Bucket(512, 512)
    assert choose_bucket(buckets, 700, 700) == Bucket(256, 256)


def test_the_nearest_ratio_is_by_plain_difference_and_not_by_logarithm() -> None:
    """sd-scripts' bias against tall pictures, kept: by logarithm 0.74 would be nearer to 1 than to 0.5."""
    buckets = (Bucket(256, 512), Bucket(512, 512))
    assert choose_bucket(buckets, 74, 100) == Bucket(256, 512)
    assert choose_bucket(buckets, 76, 100) == Bucket(512, 512)


def test_a_wide_picture_is_scaled_to_the_buckets_height_and_its_middle_kept() -> None:
    assert place_in_bucket(Bucket(512, 512), 1000, 500) == Placement(Bucket(512, 512), 1024, 512, 256, 0)


def test_a_tall_picture_is_scaled_to_the_buckets_width_and_its_middle_kept() -> None:
    assert place_in_bucket(Bucket(512, 512), 500, 1003) == Placement(Bucket(512, 512), 512, 1027, 0, 257)


def test_without_upscaling_a_small_picture_keeps_its_size_and_loses_only_the_rest() -> None:
    assert place_without_upscaling(512, 64, 300, 420) == Placement(Bucket(256, 384), 300, 420, 22, 18)


def test_without_upscaling_a_picture_of_the_full_area_is_not_shrunk() -> None:
    assert place_without_upscaling(512, 64, 1024, 256) == Placement(Bucket(1024, 256), 1024, 256, 0, 0)


def test_without_upscaling_a_large_picture_is_shrunk_to_the_area_by_the_side_that_keeps_its_shape() -> None:
    """3000x2000 to 512²: exact 627x418; by width 576/384 = 1.5 without error, so one side becomes 576."""
    placed = place_without_upscaling(512, 64, 3000, 2000)
    assert (placed.resized_width, placed.resized_height) == (576, 384)
    assert placed.bucket == Bucket(576, 384)


def test_without_upscaling_the_better_of_two_roundings_wins() -> None:
    """2000x900 to 512²: exact 763x343. By width 704x256 (2.75), by height 704x320 (2.2): the height is rounded."""
    placed = place_without_upscaling(512, 64, 2000, 900)
    assert (placed.resized_width, placed.resized_height) == (711, 320)
    assert placed.bucket == Bucket(704, 320)


def test_without_upscaling_a_picture_smaller_than_a_step_is_enlarged_just_to_fill_one() -> None:
    """sd-scripts would make a bucket of no width."""
    placed = place_without_upscaling(512, 64, 20, 200)
    assert placed.bucket == Bucket(64, 192)
    assert placed.resized_width == 64


def test_a_resolution_under_one_step_has_no_bucket() -> None:
    with pytest.raises(ValueError, match="no bucket"):
        make_buckets(32, min_side=64, max_side=128, step=64)


@given(_bucket_settings())
def test_buckets_are_multiples_of_the_step_within_area_and_limits_and_come_in_pairs(
    settings: tuple[int, int, int, int],
) -> None:
    resolution, shortest, longest, step = settings
    buckets = make_buckets(resolution, min_side=shortest, max_side=longest, step=step)
    assert Bucket(resolution, resolution) in buckets
    assert list(buckets) == sorted(set(buckets))
    for bucket in buckets:
        assert bucket.width % step == 0 and bucket.height % step == 0
        assert bucket.width * bucket.height <= resolution * resolution
        assert Bucket(bucket.height, bucket.width) in buckets
        assert min(bucket.width, bucket.height) > shortest - step
        assert max(bucket.width, bucket.height) < longest + step


@given(_bucket_settings(), SIDES, SIDES)
def test_every_picture_covers_a_bucket_and_its_crop_lies_in_the_resized_picture(
    settings: tuple[int, int, int, int], width: int, height: int
) -> None:
    resolution, shortest, longest, step = settings
    buckets = make_buckets(resolution, min_side=shortest, max_side=longest, step=step)
    placed = place_in_bucket(choose_bucket(buckets, width, height), width, height)
    assert placed.bucket in buckets
    _assert_sound(placed, width, height)
    # Scaled to cover: one side fits exactly, so no more is cut away than the shape demands.
    assert placed.resized_width == placed.bucket.width or placed.resized_height == placed.bucket.height


@given(st.integers(2, 24), STEPS, SIDES, SIDES)
def test_without_upscaling_every_picture_is_placed_and_none_with_a_whole_step_is_enlarged(
    steps: int, step: int, width: int, height: int
) -> None:
    placed = place_without_upscaling(steps * step, step, width, height)
    assert placed.bucket.width % step == 0 and placed.bucket.height % step == 0
    _assert_sound(placed, width, height)
    is_ordinary = 1 / 4 <= width / height <= 4 and min(width, height) >= step
    if is_ordinary and steps >= 8:
        assert placed.resized_width <= width and placed.resized_height <= height
        assert placed.resized_width * placed.resized_height <= (steps * step) ** 2 * 1.01 + width + height


def _assert_sound(placed: Placement, width: int, height: int) -> None:
    left, top, right, bottom = placed.crop_box
    assert 0 <= left < right <= placed.resized_width
    assert 0 <= top < bottom <= placed.resized_height
    assert (right - left, bottom - top) == (placed.bucket.width, placed.bucket.height)
    # The middle, to the pixel.
    assert abs(left - (placed.resized_width - right)) <= 1
    assert abs(top - (placed.resized_height - bottom)) <= 1
    # The shape is kept to within the rounding of a pixel on either side.
    scale_x, scale_y = placed.resized_width / width, placed.resized_height / height
    assert abs(scale_x - scale_y) <= max(1 / width, 1 / height) * 1.001
