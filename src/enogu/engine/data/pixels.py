"""From a picture file to the pixels of its place in a bucket."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from enogu.imaging.resizing import fit_to_bucket
from enogu.recipe.buckets import Placement


def placed_pixels(image: Image.Image, placement: Placement, flip: bool) -> torch.Tensor:
    """Pixels in -1..1, fp32 [3, H, W] of the bucket, mirrored left to right when ``flip``."""
    left, top, _, _ = placement.crop_box
    fitted = fit_to_bucket(
        image,
        resized_width=placement.resized_width,
        resized_height=placement.resized_height,
        crop_left=left,
        crop_top=top,
        bucket_width=placement.bucket.width,
        bucket_height=placement.bucket.height,
    )
    pixels_HWC = np.asarray(fitted, dtype=np.float32) / 127.5 - 1
    if flip:
        pixels_HWC = pixels_HWC[:, ::-1]
    return torch.from_numpy(np.ascontiguousarray(pixels_HWC)).permute(2, 0, 1)
