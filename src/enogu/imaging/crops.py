"""Where to cut a picture (product D5): not at all, in the centre, where the eye goes, around a face, or by hand.

A crop is a box in the upright picture and the size it is brought to; ``choose_crop`` finds the box and says how it
found it, ``cut`` applies it. Both work on decoded pictures, so rotation by EXIF is applied and transparency laid on
its colour already (``decoding``), and no original is ever written.

The eye's place is libvips' "attention" (skin tones, saturated colours and edges against their surroundings). Faces
are found by whatever ``FaceFinder`` the caller has; without one, or when it finds none, the crop falls back to
attention and says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from PIL import Image

from enogu.errors import WrongUse
from enogu.imaging.decoding import MIN_SIDE
from enogu.imaging.resizing import resize

if TYPE_CHECKING:
    pass


CropMethod = Literal["none", "centre", "smart", "face", "hand"]


@dataclass(frozen=True)
class Box:
    """A rectangle in an upright picture, in its pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Crop:
    """Which part of a picture is used, at which size, and how that was found."""

    box: Box
    width: int
    """Of the result, in pixels."""
    height: int
    method: CropMethod
    """What was really done, which is not always what was asked for."""
    note: str = ""
    """A sentence when it is not, or when the result had to be enlarged."""


class FaceFinder(Protocol):
    """Anything that finds faces, photographed or drawn."""

    def find_faces(self, image: Image.Image) -> Sequence[Box]:
        """The faces in an RGB picture, the surest first; none when there is none."""
        ...


def choose_crop(
    image: Image.Image,
    method: CropMethod,
    size: tuple[int, int],
    *,
    box: Box | None = None,
    face_finder: FaceFinder | None = None,
) -> Crop:
    """The part of ``image`` (RGB, upright) that comes to ``size`` (width, height in pixels).

    ``none`` keeps the whole picture at its own size. ``centre``, ``smart`` and ``face`` take the largest part with the
    shape of ``size``; ``face`` a smaller one when the face is small, so that it fills a third of the crop's height.
    ``hand`` takes ``box`` and keeps its shape: the result has as many pixels as ``size``. Raises WrongUse when the box
    is missing or not inside the picture, or when ``size`` is too small.
    """
    if method == "none":
        return Crop(Box(0, 0, image.width, image.height), image.width, image.height, "none")
    width, height = size
    if min(width, height) < MIN_SIDE:
        raise WrongUse(f"A crop of {width}×{height} pixels is too small.", f"Take at least {MIN_SIDE} on each side.")
    if method == "hand":
        return _by_hand(image, box, size)
    largest = _largest(image, size)
    if method == "centre":
        left, top = (image.width - largest[0]) // 2, (image.height - largest[1]) // 2
        return _crop(Box(left, top, *largest), size, "centre")
    if method == "face":
        faces = face_finder.find_faces(image) if face_finder else ()
        if faces:
            return _crop(_around(faces[0], image, largest, size), size, "face")
        reason = "No face was found" if face_finder else "No face finder is installed"
        return _crop(_attended(image, largest), size, "smart", f"{reason}: cropped to what draws the eye instead.")
    return _crop(_attended(image, largest), size, "smart")


def cut(image: Image.Image, crop: Crop) -> Image.Image:
    """The crop as a new picture; the given one stays as it is. Raises WrongUse when the box is not inside it."""
    _check_inside(image, crop.box)
    box = crop.box
    part = image.crop((box.left, box.top, box.left + box.width, box.top + box.height))
    return resize(part, crop.width, crop.height)


_FACE_SHARE = 1 / 3
"""Of a crop's height that a face fills, when the picture has enough pixels around it."""
_FACE_HEIGHT_IN_CROP = 0.4
"""Where the face's middle lies, from the crop's top: a little above its centre, as portraits are made."""
_MAX_ENLARGED = 2.0
"""A crop around a small face is not so tight that it would be enlarged more than this."""
_ATTENTION_SIDE = 512
"""Longest side, in pixels, at which attention is looked for: libvips itself looks at a far smaller copy."""


def _largest(image: Image.Image, size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of the largest box with the shape of ``size``."""
    scale = min(image.width / size[0], image.height / size[1])
    return min(image.width, max(1, round(size[0] * scale))), min(image.height, max(1, round(size[1] * scale)))


def _attended(image: Image.Image, largest: tuple[int, int]) -> Box:
    """The box of that size where libvips' attention would cut."""
    import numpy as np
    import pyvips  # here, since loading it costs a tenth of a second that most callers need not pay

    width, height = largest
    if (width, height) == image.size:
        return Box(0, 0, width, height)
    scale = min(1.0, _ATTENTION_SIDE / max(image.size))
    small = image if scale == 1 else image.resize(_scaled(image.size, scale), Image.Resampling.BOX)
    small_width, small_height = (min(a, b) for a, b in zip(_scaled(largest, scale), small.size, strict=True))
    seen = pyvips.Image.new_from_array(np.ascontiguousarray(small.convert("RGB")), interpretation="srgb")
    part = seen.smartcrop(small_width, small_height, interesting="attention")
    left, top = round(-int(part.xoffset) / scale), round(-int(part.yoffset) / scale)
    return _inside(image, left, top, width, height)


def _around(face: Box, image: Image.Image, largest: tuple[int, int], size: tuple[int, int]) -> Box:
    """A box of the shape of ``largest`` with the face in it, as large as it takes and as there is room for."""
    height = min(largest[1], max(round(face.height / _FACE_SHARE), round(size[1] / _MAX_ENLARGED)))
    width = max(1, round(height * largest[0] / largest[1]))
    if width < min(face.width * 1.5, largest[0]):  # a tall shape: do not cut the cheeks
        width = min(largest[0], round(face.width * 1.5))
        height = min(largest[1], max(1, round(width * largest[1] / largest[0])))
    left = round(face.left + face.width / 2 - width / 2)
    top = round(face.top + face.height / 2 - height * _FACE_HEIGHT_IN_CROP)
    return _inside(image, left, top, width, height)


def _by_hand(image: Image.Image, box: Box | None, size: tuple[int, int]) -> Crop:
    if box is None:
        raise WrongUse("A crop by hand needs its rectangle.", "Draw it in the picture.")
    _check_inside(image, box)
    if min(box.width, box.height) < MIN_SIDE:
        raise WrongUse(
            f"A rectangle of {box.width}×{box.height} pixels is too small.", f"Take at least {MIN_SIDE} on each side."
        )
    scale = (size[0] * size[1] / (box.width * box.height)) ** 0.5
    wanted = max(MIN_SIDE, round(box.width * scale)), max(MIN_SIDE, round(box.height * scale))
    return _crop(box, wanted, "hand")


def _crop(box: Box, size: tuple[int, int], method: CropMethod, note: str = "") -> Crop:
    enlarged = max(size[0] / box.width, size[1] / box.height)
    if enlarged > 1.1:
        note = f"{note} Enlarged {enlarged:.1f} times: the picture has too few pixels there.".strip()
    return Crop(box, *size, method, note)


def _inside(image: Image.Image, left: int, top: int, width: int, height: int) -> Box:
    """The box moved as little as it takes to lie inside the picture."""
    return Box(max(0, min(left, image.width - width)), max(0, min(top, image.height - height)), width, height)


def _check_inside(image: Image.Image, box: Box) -> None:
    right, bottom = box.left + box.width, box.top + box.height
    if min(box.left, box.top) < 0 or min(box.width, box.height) < 1 or right > image.width or bottom > image.height:
        raise WrongUse(
            f"The rectangle {box.left},{box.top} {box.width}×{box.height} does not lie inside the picture of "
            f"{image.width}×{image.height} pixels.",
            "Draw it again.",
        )


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
