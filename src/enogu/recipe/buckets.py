"""Aspect buckets: which size a picture is trained at, and which part of it survives. Kohya's algorithm, exactly.

Pictures of one batch must have one shape. A bucket is such a shape: about ``resolution``² pixels, sides in multiples
of ``step``. Each picture goes to the bucket of the nearest aspect ratio, is scaled to cover it, and centre-cropped.
The rules (with their oddities) are those of sd-scripts, ``library/train_util.py`` BucketManager and
``library/model_util.py`` make_bucket_resolutions, so that a set behaves as its maker knows it. Own ideas would be
better for tall pictures, but would change step counts people rely on.

Two departures, both where sd-scripts stops with an assertion: a side is never rounded down to nothing, and a picture
too small or too long for the no-upscale rule is enlarged just enough to fill its bucket.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Bucket:
    """A training size in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Placement:
    """How one picture gets into its bucket, in pixels: resize to ``resized_*``, then cut the bucket out at the crop."""

    bucket: Bucket
    resized_width: int
    resized_height: int
    crop_left: int
    crop_top: int

    @property
    def crop_box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) in the resized picture, as Pillow's ``crop`` takes it."""
        return (
            self.crop_left,
            self.crop_top,
            self.crop_left + self.bucket.width,
            self.crop_top + self.bucket.height,
        )


def make_buckets(resolution: int, *, min_side: int, max_side: int, step: int) -> tuple[Bucket, ...]:
    """All buckets of about ``resolution``² pixels, sorted (512, 256…1024, 64 gives 17).

    ``min_side`` is lowered and ``max_side`` raised to a multiple of ``step`` (sd-scripts, BucketManager).
    Raises ValueError when no side fits.
    """
    min_side = max(step, min_side // step * step)
    max_side = math.ceil(max_side / step) * step
    if step < 1 or resolution < step or min_side > max_side:
        raise ValueError(f"no bucket: resolution {resolution}, sides {min_side} to {max_side}, step {step}")
    area = resolution * resolution
    square = resolution // step * step
    found = {Bucket(square, square)}
    for width in range(min_side, max_side + step, step):
        height = min(max_side, area // width // step * step)
        if height >= min_side:
            found |= {Bucket(width, height), Bucket(height, width)}
    return tuple(sorted(found))


def choose_bucket(buckets: Sequence[Bucket], width: int, height: int) -> Bucket:
    """The bucket a picture of this size belongs to: the same size if there is one, else the nearest width/height.

    Nearest by the plain difference of ratios, the first of equals in sorted order, as sd-scripts (select_bucket).
    """
    same = Bucket(width, height)
    if same in buckets:
        return same
    ratio = width / height
    return min(sorted(buckets), key=lambda bucket: abs(bucket.width / bucket.height - ratio))


def place_in_bucket(bucket: Bucket, width: int, height: int) -> Placement:
    """Scale a ``width``×``height`` picture to cover ``bucket``, and crop the middle (sd-scripts, select_bucket)."""
    scale = max(bucket.width / width, bucket.height / height)
    resized_width = max(bucket.width, int(width * scale + 0.5))
    resized_height = max(bucket.height, int(height * scale + 0.5))
    return _crop_the_middle(bucket, resized_width, resized_height)


def place_without_upscaling(resolution: int, step: int, width: int, height: int) -> Placement:
    """The bucket of a picture that must not be enlarged: its own size, shrunk to ``resolution``² pixels if larger.

    Sides go down to a multiple of ``step``; smallest and largest side do not count, so nearly every picture may get a
    bucket of its own (sd-scripts, select_bucket with no_upscale).
    """
    resized_width, resized_height = _shrunk_size(resolution * resolution, step, width, height)
    bucket = Bucket(_at_least_one(resized_width, step), _at_least_one(resized_height, step))
    if resized_width < bucket.width or resized_height < bucket.height:
        return place_in_bucket(bucket, width, height)
    return _crop_the_middle(bucket, resized_width, resized_height)


def _shrunk_size(area: int, step: int, width: int, height: int) -> tuple[int, int]:
    """The size at ``area`` pixels with one side on a multiple of ``step``: the one that keeps the shape better."""
    if width * height <= area:
        return width, height
    ratio = width / height
    exact_width = math.sqrt(area * ratio)
    by_width = _at_least_one(int(exact_width + 0.5), step)
    height_by_width = _at_least_one(int(by_width / ratio + 0.5), step)
    by_height = _at_least_one(int(area / exact_width + 0.5), step)
    width_by_height = _at_least_one(int(by_height * ratio + 0.5), step)
    if abs(by_width / height_by_width - ratio) < abs(width_by_height / by_height - ratio):
        return by_width, int(by_width / ratio + 0.5)
    return int(by_height * ratio + 0.5), by_height


def _at_least_one(side: int, step: int) -> int:
    """``side`` lowered to a multiple of ``step``, but never to nothing."""
    return max(step, side - side % step)


def _crop_the_middle(bucket: Bucket, resized_width: int, resized_height: int) -> Placement:
    return Placement(
        bucket=bucket,
        resized_width=resized_width,
        resized_height=resized_height,
        crop_left=(resized_width - bucket.width) // 2,
        crop_top=(resized_height - bucket.height) // 2,
    )
