"""Ways from noise to a picture, under the names that A1111 and Forge give them: samplers, and schedule types.

A schedule type says at which strengths of noise the sampler stops on its way (ComfyUI calls it the scheduler). Not
every sampler goes along every schedule, and rectified flow knows one way alone; what may be chosen is told here once,
for the form, the API, the command line and the engine.
"""

from __future__ import annotations

from typing import Literal

Sampler = Literal["ddim", "euler", "euler_a", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "lcm"]
SAMPLER_TITLES: dict[Sampler, str] = {
    "ddim": "DDIM",
    "euler": "Euler",
    "euler_a": "Euler a",
    "heun": "Heun",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "unipc": "UniPC",
    "lcm": "LCM",
}
"""What A1111 calls each sampler, in forms and in the text inside pictures."""

ScheduleType = Literal["automatic", "karras", "exponential", "sgm_uniform"]
SCHEDULE_TITLES: dict[ScheduleType, str] = {
    "automatic": "Automatic",
    "karras": "Karras",
    "exponential": "Exponential",
    "sgm_uniform": "SGM Uniform",
}
"""``automatic`` is what the base model and the sampler say; ``karras`` is equation 5 of Karras et al. 2022;
``exponential`` goes evenly in the logarithm of the noise; ``sgm_uniform`` goes evenly in time from the very last step.
"""

_ALL: tuple[ScheduleType, ...] = ("automatic", "karras", "exponential", "sgm_uniform")
_SCHEDULES: dict[Sampler, tuple[ScheduleType, ...]] = {
    "ddim": ("automatic", "sgm_uniform"),
    "euler": _ALL,
    "euler_a": ("automatic", "sgm_uniform"),
    "heun": _ALL,
    "dpmpp_2m": _ALL,
    "dpmpp_2m_sde": _ALL,
    "unipc": _ALL,
    "lcm": ("automatic",),
}


def samplers_of(family: str) -> tuple[Sampler, ...]:
    """Those that draw with base models of a family, the usual one first."""
    return ("euler",) if family == "flux" else tuple(SAMPLER_TITLES)


def schedules_of(sampler: Sampler, family: str) -> tuple[ScheduleType, ...]:
    """The schedules that a sampler can go along, ``automatic`` first."""
    return ("automatic",) if family == "flux" else _SCHEDULES[sampler]


def why_not_drawn(sampler: str, schedule: str, family: str, family_title: str) -> tuple[str, str] | None:
    """What is wrong with a choice and its cure, in words; None when it can be drawn."""
    if sampler not in SAMPLER_TITLES:
        return f"There is no sampler {sampler!r}.", f"Use one of {', '.join(SAMPLER_TITLES)}."
    if schedule not in SCHEDULE_TITLES:
        return f"There is no schedule type {schedule!r}.", f"Use one of {', '.join(SCHEDULE_TITLES)}."
    known = samplers_of(family)
    if sampler not in known:
        return (
            f"{family_title} is drawn with {SAMPLER_TITLES[known[0]]}, not with {SAMPLER_TITLES[sampler]}.",
            f"Set the sampler (in a recipe: previews.sampler) to {known[0]}.",
        )
    schedules = schedules_of(sampler, family)
    if schedule not in schedules:
        return (
            f"{SAMPLER_TITLES[sampler]} cannot be drawn along the schedule {SCHEDULE_TITLES[schedule]}.",
            f"Choose one of {', '.join(SCHEDULE_TITLES[one] for one in schedules)}, or another sampler.",
        )
    return None
