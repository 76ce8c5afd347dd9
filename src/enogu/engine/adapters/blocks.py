"""Kohya's number of the block that a layer of the U-Net belongs to, by its key (sd-scripts, networks/lora.py).

SD1.5 counts 25 blocks, SDXL 23, Flux 19 double and 38 single ones; the first that no adapter is on counts too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SD15 = re.compile(r"lora_unet_(down|up)_blocks_(\d+)_(resnets|attentions|downsamplers|upsamplers)_(\d+)_")
_SDXL = re.compile(r"lora_unet_(input_blocks|middle_block|output_blocks)_(\d+)_")
_FLUX = re.compile(r"lora_unet_(double|single)_blocks_(\d+)_")


def block_of(key: str) -> int | None:
    """0 to 24 on SD1.5, 0 to 22 on SDXL, 0 to 56 on Flux; None outside of all blocks."""
    if found := _SD15.match(key):
        side, block, kind, number = found[1], int(found[2]), found[3], int(found[4])
        inside = 3 * block + (2 if kind.endswith("samplers") else number)
        return inside + (1 if side == "down" else 13)
    if key.startswith("lora_unet_mid_block_"):
        return 12
    if found := _SDXL.match(key):
        return int(found[2]) + {"input_blocks": 1, "middle_block": 10, "output_blocks": 13}[found[1]]
    if found := _FLUX.match(key):
        return int(found[2]) + (0 if found[1] == "double" else 19)
    return None


def num_blocks_of(keys: Iterable[str]) -> int:
    """How many blocks the network with these layers has: 25, 23 or 57; 0 when none of them is in a block."""
    for key in keys:
        if _SD15.match(key) or key.startswith("lora_unet_mid_block_"):
            return 25
        if _SDXL.match(key):
            return 23
        if _FLUX.match(key):
            return 57
    return 0
