"""``<lora:name:weight>`` in a prompt, read as A1111 reads it (modules/extra_networks.py, extensions-builtin/Lora).

A tag goes out of the text that the encoder reads, and nothing else there changes: what A1111 encodes is what we encode.
Without a weight it is 1. The longer forms ``<lora:name:te:unet>`` and ``<lora:name:te=0.8:unet=0.8>`` are understood as
long as both parts have one weight; a LoRA that is written twice counts with the sum, as it is loaded twice there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from enogu.drawings.entities import HIGHEST_WEIGHT, LOWEST_WEIGHT, MOST_LORAS, DrawingRefused, LoraWish

_TAG = re.compile(r"<(lora|lyco):([^<>]+)>", re.IGNORECASE)
_HYPERNETWORK = re.compile(r"<hypernet:([^<>]+)>", re.IGNORECASE)


@dataclass(frozen=True)
class ParsedPrompt:
    """A prompt and the LoRAs that were written in it."""

    text: str
    """What the encoder reads."""
    loras: tuple[LoraWish, ...]
    """In the order of their first tags, each once."""


def parse_prompt(prompt: str) -> ParsedPrompt:
    """Take the LoRAs out of a prompt. Raises DrawingRefused for a tag that cannot be followed."""
    if found := _HYPERNETWORK.search(prompt):
        raise DrawingRefused(f"The prompt asks for the hypernetwork {found[1]!r}.", "Enogu draws with LoRAs only.")
    loras = [_read_tag(match[0], match[2]) for match in _TAG.finditer(prompt)]
    return ParsedPrompt(_TAG.sub("", prompt).strip(), add_up(loras))


def add_up(loras: Sequence[LoraWish]) -> tuple[LoraWish, ...]:
    """Each LoRA once, with the sum of its weights."""
    weights: dict[str, float] = {}
    for lora in loras:
        weights[lora.reference] = round(weights.get(lora.reference, 0.0) + lora.weight, 6)
    return tuple(LoraWish(reference, weight) for reference, weight in weights.items())


def check_weights(loras: Sequence[LoraWish]) -> None:
    """Raises DrawingRefused for a weight out of range, or more LoRAs than may be used at once."""
    if len(loras) > MOST_LORAS:
        raise DrawingRefused(f"{len(loras)} LoRAs are asked for.", f"At most {MOST_LORAS} can be used at once.")
    for lora in loras:
        if not math.isfinite(lora.weight) or not LOWEST_WEIGHT <= lora.weight <= HIGHEST_WEIGHT:
            raise DrawingRefused(
                f"{lora.reference} is to be used at weight {lora.weight:g}.",
                f"Weights go from {LOWEST_WEIGHT:g} to {HIGHEST_WEIGHT:g}; 0.8 is usual.",
            )


def write_tag(name: str, weight: float) -> str:
    """As A1111 writes it."""
    return f"<lora:{name}:{weight:g}>"


def with_triggers(prompt: str, triggers: Sequence[str]) -> str:
    """``prompt`` with those of the triggers in front that it does not hold as a tag of its own."""
    tags = {tag.strip().strip("()[]").partition(":")[0].strip().casefold() for tag in prompt.split(",")}
    missing = [
        trigger
        for trigger in dict.fromkeys(triggers)
        if trigger.strip() and not {part.strip().casefold() for part in trigger.split(",")} <= tags
    ]
    return ", ".join([*missing, *([prompt] if prompt.strip() else [])])


def _read_tag(tag: str, inside: str) -> LoraWish:
    name, *settings = (part.strip() for part in inside.split(":"))
    if not name:
        raise DrawingRefused(f"{tag} names no LoRA.", "Write <lora:name:0.8>.")
    named = dict(part.split("=", 1) for part in settings if "=" in part)
    places = [part for part in settings if "=" not in part]
    if unknown := [key for key in named if key not in ("te", "unet", "dyn")]:
        raise DrawingRefused(f"{tag} sets {unknown[0]!r}, which Enogu does not know.", "Write <lora:name:0.8>.")
    if named.get("dyn") or len(places) > 2:
        raise DrawingRefused(f"{tag} asks for another dim, which Enogu does not do.", "Write <lora:name:0.8>.")
    text = named.get("te", places[0] if places else "1")
    picture = named.get("unet", places[1] if len(places) > 1 else text if "te" in named or places else "1")
    weights = {_number(tag, text), _number(tag, picture)}
    if len(weights) > 1:
        raise DrawingRefused(
            f"{tag} wants one weight for the text encoder and another for the picture.",
            "Enogu uses one weight for both: write <lora:name:0.8>.",
        )
    return LoraWish(name, weights.pop())


def _number(tag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DrawingRefused(f"{text!r} in {tag} is no weight.", "Write a number, such as <lora:name:0.8>.") from None
