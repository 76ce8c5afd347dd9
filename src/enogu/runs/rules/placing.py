"""What the pictures of a run are called where it is trained: by number, so that every machine has the same order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from enogu.recipe import PictureSize
from enogu.runs.entities import FrozenPicture


def file_name(number: int, picture: FrozenPicture) -> str:
    """``000001.png`` for the first; the ending is the picture's own, where it has a plain one."""
    ending = picture.name.rpartition(".")[2].lower()
    return f"{number:06d}.{ending}" if re.fullmatch(r"[a-z0-9]{1,5}", ending) else f"{number:06d}"


def sizes_of(pictures: Sequence[FrozenPicture]) -> list[PictureSize]:
    """The pictures as far as plan and price care, under those names."""
    return [
        PictureSize(file_name(number, one), one.width, one.height, one.repeats, one.is_regularisation)
        for number, one in enumerate(pictures, 1)
    ]
