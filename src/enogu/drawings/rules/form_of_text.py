"""A picture's ``parameters`` text as fields of the drawing page's form, as far as Enogu has them (I4).

What A1111, Forge and Civitai write is read; what we cannot draw (upscaling passes, other samplers, variation seeds) is
named, so that nobody wonders why the picture comes out another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enogu.drawings.entities import MOST_SEED, DrawingRefused, LoraWish
from enogu.drawings.rules.lora_tags import ParsedPrompt, parse_prompt
from enogu.imaging.infotext import Infotext, parse_infotext
from enogu.recipe.samplers import SAMPLER_TITLES, SCHEDULE_TITLES, Sampler, schedules_of

_USED = frozenset({"Steps", "Sampler", "CFG scale", "Seed", "Size", "Model hash", "Model", "Clip skip", "Lora hashes"})
_HARMLESS = frozenset({"Version", "User", "RNG", "Hashes", "Civitai resources", "Civitai metadata", "TI hashes"})
_CHANGES_THE_PICTURE = (
    "Hires", "Denoising", "Variation", "Seed resize", "Refiner", "Init image", "Face restoration", "Tiling",
    "ADetailer", "ControlNet", "Mask", "Conditional mask", "Token merging", "VAE",
)  # fmt: skip
_SCHEDULES = ("Karras", "Exponential", "Polyexponential", "SGM Uniform", "Automatic")
_LIKE: dict[str, Sampler] = {
    "dpm++ 2m": "dpmpp_2m",
    "dpm++ sde": "dpmpp_2m_sde",
    "dpm++ 3m sde": "dpmpp_2m_sde",
    "dpm2": "heun",
    "dpm++ 2s a": "euler_a",
    "dpm2 a": "euler_a",
    "plms": "ddim",
    "k_euler": "euler",
    "k_euler_a": "euler_a",
    "k_euler_ancestral": "euler_a",
}
"""The nearest that there is, of those that A1111 and others have."""


@dataclass(frozen=True)
class FormOfText:
    """What a text says, before anybody looks into the library."""

    prompt: str
    negative_prompt: str
    fields: dict[str, Any]
    loras: tuple[LoraWish, ...]
    lora_hashes: Mapping[str, str]
    base_model_name: str
    base_model_hash: str
    notes: list[str] = field(default_factory=list[str])
    others: dict[str, str] = field(default_factory=dict[str, str])


def read_form(text: str) -> FormOfText:
    """Any text is read: without settings it is all prompt."""
    said = parse_infotext(text)
    notes: list[str] = []
    prompt = _prompt(said.prompt, notes)
    others = {key: value for key, value in said.settings.items() if key not in _USED | _HARMLESS}
    return FormOfText(
        prompt=prompt.text,
        negative_prompt=said.negative_prompt,
        fields=_fields(said, others, notes),
        loras=prompt.loras,
        lora_hashes=said.lora_hashes,
        base_model_name=said.settings.get("Model", ""),
        base_model_hash=said.settings.get("Model hash", ""),
        notes=notes,
        others=others,
    )


def _prompt(text: str, notes: list[str]) -> ParsedPrompt:
    try:
        return parse_prompt(text)
    except DrawingRefused as error:
        notes.append(str(error))
        return ParsedPrompt(text, ())


def _fields(said: Infotext, others: dict[str, str], notes: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if said.size is not None:
        fields["width"], fields["height"] = said.size
    for key, name, lowest, highest, kind in (
        ("Steps", "steps", 1, 200, int),
        ("CFG scale", "cfg", 1, 30, float),
        ("Seed", "seed", 0, MOST_SEED, int),
        ("Clip skip", "clip_skip", 1, 12, int),
    ):
        if key in said.settings:
            value = _number(said.settings[key])
            if value is not None and lowest <= value <= highest:
                fields[name] = kind(value)
            else:
                notes.append(f"{key} is {said.settings[key]!r} and was left out: it goes from {lowest} to {highest}.")
    if "Clip skip" not in said.settings and said.settings:
        fields["clip_skip"] = 1
    if "Sampler" in said.settings:
        _sampler(said.settings["Sampler"], others, fields, notes)
    changing = [key for key in others if key.startswith(_CHANGES_THE_PICTURE)]
    if changing:
        notes.append(f"Enogu does not do what {', '.join(changing)} say, so the picture will be another.")
    if said.settings and said.settings.get("RNG", "GPU") != "CPU":
        notes.append("The picture was begun with another machine's noise (RNG), so the seed draws another one here.")
    return fields


def _sampler(written: str, others: dict[str, str], fields: dict[str, Any], notes: list[str]) -> None:
    """By A1111's name, also by the older ones that hold the schedule (``DPM++ 2M Karras``)."""
    name = written.strip()
    schedule = others.pop("Schedule type", "")
    for one in _SCHEDULES:
        if name.casefold().endswith(f" {one.casefold()}"):
            name, schedule = name[: -len(one) - 1], one
    titles: dict[str, Sampler] = {title.casefold(): key for key, title in SAMPLER_TITLES.items()}
    titles |= {key: key for key in SAMPLER_TITLES}
    found = titles.get(name.casefold())
    if found is None:
        found = _LIKE.get(name.casefold(), "euler_a" if name.casefold().endswith(" a") else "dpmpp_2m")
        notes.append(f"Enogu has no sampler {name}; {SAMPLER_TITLES[found]} is the nearest.")
    fields["sampler"] = found
    wanted = schedule.strip().casefold().replace(" ", "_")
    if wanted in SCHEDULE_TITLES and wanted in schedules_of(found, ""):
        fields["schedule_type"] = wanted
    elif schedule and wanted not in ("normal", "uniform"):
        others["Schedule type"] = schedule
        notes.append(
            f"The schedule {schedule} is not there: the sampler's own is used, so the picture will be another."
        )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value else None
