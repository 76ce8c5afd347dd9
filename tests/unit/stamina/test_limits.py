"""Limits of a stamina plan (A3): each is named with its field and its cure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enogu.stamina.entities import PlanLimits, StaminaPlan
from enogu.stamina.rules.limits import over_limits
from tests.unit.stamina.reference_run import reference_wish

WORK = reference_wish().quote().work


def plan_with(**limits: int) -> StaminaPlan:
    return StaminaPlan(
        name="small",
        stamina_per_day=100,
        trial_days=0,
        trial_stamina=0,
        queue_priority=5,
        limits=PlanLimits(**limits),
    )


def test_a_plan_without_limits_allows_any_run() -> None:
    assert over_limits(plan_with(), replace(WORK, steps=10**6, resolution=4096), 10**6) == ()


@pytest.mark.parametrize(
    ("limit", "value", "path"),
    [
        ("most_pictures", 7, "pictures"),
        ("most_steps", 700, "training.epochs"),
        ("most_resolution", 512, "pictures.resolution"),
    ],
)
def test_a_run_is_refused_just_above_a_limit_and_not_at_it(limit: str, value: int, path: str) -> None:
    assert over_limits(plan_with(**{limit: value}), WORK, 7) == ()
    (problem,) = over_limits(plan_with(**{limit: value - 1}), WORK, 7)
    assert problem.path == path
    assert "'small'" in problem.message
    assert problem.cure
