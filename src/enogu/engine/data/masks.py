"""Which parts of a picture are learnt: its transparency, or a mask of its own, brought to the size of its latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from enogu.engine.data.pixels import placed_pixels
from enogu.errors import PictureRefused
from enogu.imaging.decoding import open_picture, open_transparency
from enogu.recipe.buckets import Placement


@dataclass(frozen=True)
class MaskedPicture:
    """A picture of the training set with its mask's file, if it has one, and the place the plan gave it."""

    path: Path
    mask: Path | None
    placement: Placement
    width: int
    height: int
    mask_cut: tuple[int, ...] | None = None
    """The part of the mask that belongs to the picture, and the size it then has: left, top, width, height and two."""


def masks_of(
    pictures: Sequence[MaskedPicture], *, flips: Sequence[bool], pixels_per_latent: int
) -> dict[tuple[int, bool], torch.Tensor]:
    """How much each place of each picture counts, fp32 [1, H, W] in 0..1 by (index, flip).

    White of the mask, or opaque where it has transparent parts, is 1; a picture without either is left out, as all of
    it counts. As sd-scripts: the red channel by 255, area-averaged to the latents, and not made up for by the size of
    what is left. Raises PictureRefused for a mask of another size than its picture.
    """
    found: dict[tuple[int, bool], torch.Tensor] = {}
    for index, picture in enumerate(pictures):
        mask = mask_of(picture)
        if mask is None:
            continue
        for flip in flips:
            pixels_3HW = placed_pixels(Image.merge("RGB", (mask, mask, mask)), picture.placement, flip)
            share_1HW = (pixels_3HW[:1] + 1) / 2
            found[index, flip] = F.avg_pool2d(share_1HW, pixels_per_latent)
    return found


def mask_of(picture: MaskedPicture) -> Image.Image | None:
    """How much each pixel of the whole picture counts, 0 to 255; None where all of it does."""
    if picture.mask is None:
        alpha = open_transparency(picture.path)
        return None if alpha is None or np.asarray(alpha).min() == 255 else alpha
    alpha = open_transparency(picture.mask)
    is_cut_out = alpha is not None and np.asarray(alpha).min() < 255
    mask = alpha if alpha is not None and is_cut_out else open_picture(picture.mask).image.getchannel("R")
    if picture.mask_cut is not None:
        left, top, width, height, *size = picture.mask_cut
        mask = mask.crop((left, top, left + width, top + height)).resize((size[0], size[1]), Image.Resampling.BOX)
    if mask.size != (picture.width, picture.height):
        raise PictureRefused(
            f"The mask {picture.mask.name} has {mask.width}x{mask.height} pixels and {picture.path.name} "
            f"{picture.width}x{picture.height}.",
            "Draw the mask on a copy of the picture, so that both have one size.",
        )
    return mask
