"""Fit a picture to its bucket: resize to cover it, then crop, with the numbers of a recipe's Placement.

The kernels follow sd-scripts (library/train_util.py): area averaging when shrinking, Lanczos when enlarging. Pillow's
BOX is no substitute for area averaging: it counts a source pixel fully or not at all, so at a scale of 1.5 output
pixels average one or two source pixels by turns, and thin lines come and go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fit_to_bucket(
    image: Image.Image,
    *,
    resized_width: int,
    resized_height: int,
    crop_left: int,
    crop_top: int,
    bucket_width: int,
    bucket_height: int,
) -> Image.Image:
    """An RGB picture resized to ``resized_*`` and cropped to ``bucket_*`` at ``crop_*``, all in pixels.

    Raises ValueError when the crop box does not lie inside the resized picture: that plan is wrong.
    """
    box = (crop_left, crop_top, crop_left + bucket_width, crop_top + bucket_height)
    if min(crop_left, crop_top) < 0 or box[2] > resized_width or box[3] > resized_height:
        raise ValueError(f"crop box {box} is not inside {resized_width}×{resized_height}")
    return resize(image, resized_width, resized_height).crop(box)


def resize(image: Image.Image, width: int, height: int) -> Image.Image:
    """Area averaging when neither side grows, else Lanczos; RGB in, RGB out; the same picture when the size fits."""
    import numpy as np

    if image.size == (width, height):
        return image
    if width > image.width or height > image.height:
        return image.resize((width, height), Image.Resampling.LANCZOS)
    pixels_HWC = np.asarray(image.convert("RGB"))
    narrow_HWC = np.swapaxes(_averaged(np.swapaxes(_averaged(pixels_HWC, height), 0, 1), width), 0, 1)
    return Image.fromarray(np.rint(narrow_HWC).astype(np.uint8))


def _averaged(pixels_NWC: NDArray[np.generic], count: int) -> NDArray[np.float32]:
    """Mean over ``count`` equal intervals of the first axis, source pixels weighted by how much of them is covered.

    As matrix products over a few intervals at a time: the weights are a band matrix, and this is ten times as fast as
    gathering or ``np.add.reduceat``, while only the rows at work are held as float32.
    """
    import numpy as np

    length, *others = pixels_NWC.shape
    pixels_NK = np.ascontiguousarray(pixels_NWC).reshape(length, -1)
    edges = np.arange(count + 1, dtype=np.float64) * length / count
    means_MK = np.empty((count, pixels_NK.shape[1]), dtype=np.float32)
    for start in range(0, count, _INTERVALS_AT_ONCE):
        stop = min(start + _INTERVALS_AT_ONCE, count)
        source = np.arange(int(edges[start]), min(int(np.ceil(edges[stop])), length))
        left, right = edges[start:stop, None], edges[start + 1 : stop + 1, None]
        covered = np.clip(np.minimum(source + 1, right) - np.maximum(source, left), 0.0, None)
        weights = (covered * count / length).astype(np.float32)
        means_MK[start:stop] = weights @ pixels_NK[source[0] : source[-1] + 1].astype(np.float32)
    return means_MK.reshape(count, *others)


_INTERVALS_AT_ONCE = 16
