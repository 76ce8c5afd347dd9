"""The sizes that suit a base model: its own square, and upright and lying ones of about as many pixels."""

from __future__ import annotations

import math

_RATIOS = (3 / 4, 2 / 3, 9 / 16)
_TALL_SD15 = (512, 768)
"""Half as many pixels again as the square: what users of SD1.5 draw whole figures with."""


def suitable_sizes(family: str, own_side: int) -> tuple[tuple[int, int], ...]:
    """Width and height, the square first, then upright ones from stout to slim, then the same lying down.

    Sides are multiples of an eighth of the square's, 64 at most: at 1024 these are the sizes that SDXL was trained on.
    """
    step = max(8, min(64, own_side // 8 // 8 * 8))
    upright: list[tuple[int, int]] = []
    for ratio in _RATIOS:
        width = round(own_side * math.sqrt(ratio) / step) * step
        upright.append((width, own_side * own_side // width // step * step))
    if family == "sd15" and own_side == _TALL_SD15[0]:
        upright.append(_TALL_SD15)
    different = [size for size in dict.fromkeys(upright) if size[0] < size[1]]
    return ((own_side, own_side), *different, *((height, width) for width, height in different))
