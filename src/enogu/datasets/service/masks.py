"""Masks: which part of a picture is to be learnt (F28). Kept as grey pictures; originals stay as they are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from enogu.datasets.entities import IncomingMask
from enogu.errors import PictureRefused
from enogu.imaging.decoder import Decoder
from enogu.storage.files import Files

if TYPE_CHECKING:
    import numpy as np

MASK_BYTES = 64 * 2**20


def keep_mask(files: Files, decoder: Decoder, mask: IncomingMask, *, picture_name: str, width: int, height: int) -> str:
    """Decode it and put it into the store of files as a grey PNG; its sha256.

    As sd-scripts reads masks: the red channel, white is learnt. A file with transparent parts is taken for the picture
    with its background removed: what is opaque is learnt. Raises PictureRefused when it is not as large as the upright
    picture, or cannot be read; StorageFailed.
    """
    grey = read_mask(decoder, mask)
    if grey.size != (width, height):
        raise PictureRefused(
            f"The mask {mask.name} has {grey.width}x{grey.height} pixels and {picture_name} {width}x{height}.",
            "Draw the mask on a copy of the picture, so that both have one size.",
        )
    buffer = io.BytesIO()
    grey.save(buffer, format="PNG", compress_level=6)
    return files.put([buffer.getvalue()], MASK_BYTES).sha256


def read_mask(decoder: Decoder, mask: IncomingMask) -> Image.Image:
    """How much of each place is learnt, mode L. Raises PictureRefused."""
    import numpy as np  # a server starts without it

    on_white = _red(decoder, mask, "#ffffff")
    on_black = _red(decoder, mask, "#000000")
    opaque = 255 - (on_white.astype(np.int16) - on_black)
    is_cut_out = int(opaque.min()) < 255
    return Image.fromarray(np.clip(opaque, 0, 255).astype(np.uint8) if is_cut_out else on_white)


def _red(decoder: Decoder, mask: IncomingMask, background: str) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    import numpy as np

    return np.asarray(decoder.decode(mask.data, mask.name, background).image.getchannel("R"))
