"""What may be chosen for drawing: every offer can be drawn, and what cannot is refused in words (I3)."""

from __future__ import annotations

import pytest

from enogu.recipe.samplers import SAMPLER_TITLES, SCHEDULE_TITLES, samplers_of, schedules_of, why_not_drawn


@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux"])
def test_what_is_offered_is_accepted_and_nothing_else(family: str) -> None:
    offered = {(sampler, schedule) for sampler in samplers_of(family) for schedule in schedules_of(sampler, family)}
    for sampler in SAMPLER_TITLES:
        for schedule in SCHEDULE_TITLES:
            assert (why_not_drawn(sampler, schedule, family, "X") is None) == ((sampler, schedule) in offered)


def test_a_refusal_names_the_choice_and_the_cure() -> None:
    assert why_not_drawn("plms", "automatic", "sd15", "SD1.5") == (
        "There is no sampler 'plms'.",
        "Use one of ddim, euler, euler_a, heun, dpmpp_2m, dpmpp_2m_sde, unipc, lcm.",
    )
    assert why_not_drawn("euler", "beta", "sd15", "SD1.5") == (
        "There is no schedule type 'beta'.",
        "Use one of automatic, karras, exponential, sgm_uniform.",
    )
    assert why_not_drawn("ddim", "automatic", "flux", "Flux") == (
        "Flux is drawn with Euler, not with DDIM.",
        "Set the sampler (in a recipe: previews.sampler) to euler.",
    )
    assert why_not_drawn("euler_a", "karras", "sdxl", "SDXL") == (
        "Euler a cannot be drawn along the schedule Karras.",
        "Choose one of Automatic, SGM Uniform, or another sampler.",
    )
