r"""``FILE:0.8``: a LoRA file with its weight, as people write it on a command line, Windows paths included.

The colon of ``C:\x.safetensors`` is no weight's: what stands behind the last colon is a weight only if it is a number,
and a file whose whole name ends in ``:0.8`` is still found by that name.
"""

from __future__ import annotations

import math
from pathlib import Path

from enogu.errors import WrongUse

LOWEST_WEIGHT, HIGHEST_WEIGHT = -1.0, 2.0
"""As the slider of the drawing page (product I2)."""


def parse_lora(text: str) -> tuple[Path, float]:
    """Path and weight (1 when none is written). Raises WrongUse for a weight out of range."""
    if _exists(text):
        return Path(text), 1.0
    name, colon, tail = text.rpartition(":")
    try:
        weight = float(tail)
    except ValueError:
        return Path(text), 1.0
    if not colon or not name:
        return Path(text), 1.0
    if not math.isfinite(weight) or not LOWEST_WEIGHT <= weight <= HIGHEST_WEIGHT:
        raise WrongUse(
            f"{name} is to be used at weight {tail}.",
            f"Weights go from {LOWEST_WEIGHT:g} to {HIGHEST_WEIGHT:g}; 0.8 is usual.",
        )
    return Path(name), weight


def parse_lora_of_two_weights(text: str) -> tuple[Path, float, float]:
    """``FILE:0.8:0.4``: path, weight of the U-Net's layers, and of the text encoders' (the same when there is one).

    Raises WrongUse for a weight out of range.
    """
    path, last = parse_lora(text)
    if str(path) == text or _exists(str(path)):
        return path, last, last
    first_path, first = parse_lora(str(path))
    return (first_path, first, last) if first_path != path else (path, last, last)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # a name too long for this disk
        return False
