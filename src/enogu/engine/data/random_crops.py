"""Latents of pictures that are cut at another place each time (``pictures.random_crop``, sd-scripts' random_crop).

What is over the bucket is cut off unevenly: the first pixel that is kept is drawn from 0 to all that is over, on each
side by itself. The draw is a pure function of the step (decision 0006), so there is nothing to save. Latents cannot be
kept then: there are as many as places. What is kept is the picture as it was resized, up to a limit.

sd-scripts tells SDXL the place of the middle whatever it cuts; here it is told the place that was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from PIL import Image

from enogu.engine.data.latent_cache import Latents, PlacedPicture, decoded, encoded
from enogu.engine.data.masks import MaskedPicture, mask_of
from enogu.engine.data.pixels import placed_pixels
from enogu.engine.families import LoadedBase
from enogu.imaging.resizing import resize
from enogu.recipe.buckets import Placement
from enogu.recipe.draws import random_for

MOST_KEPT_BYTES = 1024 * 2**20
"""Of resized pictures; those beyond it are read from their files each time."""


def place_at_random(placement: Placement, run_seed: int, *draw: int) -> Placement:
    """``placement`` with the crop of the draw (step, micro-step, sample): even over all places there are."""
    chance = random_for(run_seed, "crop", *draw)
    return replace(
        placement,
        crop_left=chance.randint(0, placement.resized_width - placement.bucket.width),
        crop_top=chance.randint(0, placement.resized_height - placement.bucket.height),
    )


class RandomCrops:
    """``of(index, flip, draw)`` cuts one picture and encodes what is left; its mask is cut with it."""

    def __init__(
        self, base: LoadedBase, pictures: Sequence[PlacedPicture], masked: Sequence[MaskedPicture], run_seed: int
    ) -> None:
        """``masked`` are the same pictures with their masks, or none at all where masks do not count."""
        self._base, self._pictures, self._run_seed = base, pictures, run_seed
        self._masks = {index: mask for index, one in enumerate(masked) if (mask := mask_of(one)) is not None}
        self._kept: dict[int, Image.Image] = {}
        self._kept_bytes = 0

    def of(self, index: int, flip: bool, draw: tuple[int, ...]) -> tuple[Latents, torch.Tensor | None]:
        """Latents of this draw's crop, and the mask [1, H, W] of the latents, None where all of it counts.

        Raises PictureRefused naming a picture that cannot be read any more.
        """
        picture = self._pictures[index]
        place = place_at_random(picture.placement, self._run_seed, *draw)
        cut = replace(picture, placement=place)
        latents = encoded(self._base, cut, placed_pixels(self._resized(index), place, flip), flip)
        mask = self._masks.get(index)
        if mask is None:
            return latents, None
        pixels_3HW = placed_pixels(Image.merge("RGB", (mask, mask, mask)), place, flip)
        return latents, F.avg_pool2d((pixels_3HW[:1] + 1) / 2, self._base.family.pixels_per_latent)

    def _resized(self, index: int) -> Image.Image:
        if index in self._kept:
            return self._kept[index]
        picture = self._pictures[index]
        image = resize(decoded(picture), picture.placement.resized_width, picture.placement.resized_height)
        size = 3 * image.width * image.height
        if self._kept_bytes + size <= MOST_KEPT_BYTES:
            self._kept[index] = image
            self._kept_bytes += size
        return image
