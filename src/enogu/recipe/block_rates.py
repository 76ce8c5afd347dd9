"""How much each block of the U-Net learns, with sd-scripts' lists and presets (networks/lora.py, ``down_lr_weight`` …).

A list has one number a block: 12, 1 and 12 on SD1.5, 9, 3 and 9 on SDXL. sd-scripts fills a short list up and cuts a
long one off with a warning; here a list of another length is refused. A block with 0 gets no adapter at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from enogu.recipe.section import refuse

LENGTHS: dict[int, tuple[int, int, int]] = {25: (12, 1, 12), 23: (9, 3, 9)}
"""How many blocks of the U-Net go down, are in the middle and go up, by how many it has in Kohya's count."""
PRESETS = ("cosine", "sine", "linear", "reverse_linear", "zeros")
_PRESET = re.compile(rf"({'|'.join(PRESETS)})(?:\s*\+\s*(\d*\.?\d+))?")
_MOST = 100.0


def checked_side(text: str) -> str:
    """A list for the way down or up, or a preset; refused when it is neither."""
    text = text.strip()
    if not text or _PRESET.fullmatch(text):
        return text
    return _checked(text, sorted({lengths[0] for lengths in LENGTHS.values()}))


def checked_middle(text: str) -> str:
    """A list for the middle; refused when it is none."""
    text = text.strip()
    return _checked(text, sorted({lengths[1] for lengths in LENGTHS.values()})) if text else ""


def num_numbers(text: str) -> int | None:
    """How many numbers a list has; None for a preset and for nothing."""
    return None if not text or _PRESET.fullmatch(text) else len(text.split(","))


def block_factors(down: str, middle: str, up: str, num_blocks: int) -> tuple[float, ...] | None:
    """What each block's rate is multiplied by, ``num_blocks`` of them; None when nothing is said.

    Raises ValueError when a list is not as long as this U-Net has blocks.
    """
    if not (down or middle or up):
        return None
    lengths = LENGTHS.get(num_blocks)
    if lengths is None:
        raise ValueError("This base model's family has no such blocks.")
    sides = [_factors(text, length) for text, length in zip((down, middle, up), lengths, strict=True)]
    found = tuple(factor for side in sides for factor in side)
    return found if len(found) == num_blocks else (1.0, *found, 1.0)


def _factors(text: str, length: int) -> tuple[float, ...]:
    if not text:
        return (1.0,) * length
    if preset := _PRESET.fullmatch(text):
        return tuple(factor + float(preset[2] or 0) for factor in _curve(preset[1], length))
    numbers = tuple(float(part) for part in text.split(","))
    if len(numbers) != length:
        raise ValueError(f"{text!r} has {len(numbers)} numbers, and there are {length} blocks.")
    return numbers


def _curve(name: str, length: int) -> list[float]:
    """sine rises as a quarter of a wave, cosine falls so; linear rises, reverse_linear falls."""
    rising = [number / (length - 1) for number in range(length)]
    match name:
        case "zeros":
            return [0.0] * length
        case "linear":
            return rising
        case "reverse_linear":
            return rising[::-1]
        case _:
            wave = [math.sin(math.pi / 2 * share) for share in rising]
            return wave if name == "sine" else wave[::-1]


def _checked(text: str, lengths: Sequence[int]) -> str:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        refuse(f"{text!r} is no list of numbers.", f"Write numbers with commas, or one of {', '.join(PRESETS)}.")
    if len(numbers) not in lengths:
        refuse(
            f"it has {len(numbers)} numbers.",
            f"Give {lengths[1]} for SD1.5 or {lengths[0]} for SDXL."
            if lengths[0] == 9
            else f"Give {lengths[0]} for SD1.5 or {lengths[1]} for SDXL.",
        )
    if not all(math.isfinite(number) and 0 <= number <= _MOST for number in numbers):
        refuse("a block's number is out of range.", f"Numbers go from 0 to {_MOST:g}; 0 leaves a block alone.")
    return ",".join(f"{number:g}" for number in numbers)
