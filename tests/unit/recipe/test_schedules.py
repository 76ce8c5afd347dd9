"""Learning rate schedules (F6, F7, F8) against formulas written anew from facts/trainers.md 2i."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from enogu.recipe import Schedule, learning_rate_factor, warmup_steps

KINDS = ["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"]


def _schedule(kind: str, **fields: object) -> Schedule:
    return TypeAdapter[Schedule](Schedule).validate_python({"kind": kind, **fields})


def _reference(kind: str, step: int, total: int, warmup: int, *, rate: float, cycles: int, power: float) -> float:
    """The table of 2i, row by row."""
    if kind != "constant" and step < warmup:
        return step / max(1, warmup)
    p = (step - warmup) / max(1, total - warmup)
    return {
        "constant": lambda: 1.0,
        "constant_with_warmup": lambda: 1.0,
        "linear": lambda: 1 - p,
        "cosine": lambda: 0.5 * (1 + math.cos(2 * math.pi * 0.5 * p)),
        "cosine_with_restarts": lambda: 0.0 if p >= 1 else 0.5 * (1 + math.cos(math.pi * ((cycles * p) % 1))),
        "polynomial": lambda: ((rate - 1e-7) * (1 - p) ** power + 1e-7) / rate,
    }[kind]()


@given(
    kind=st.sampled_from(KINDS),
    total=st.integers(1, 5000),
    part=st.floats(0, 1),
    percent=st.floats(0, 100),
    cycles=st.integers(1, 20),
    power=st.floats(0.1, 5),
    rate=st.floats(1e-6, 1),
)
def test_every_kind_follows_its_formula(
    kind: str, total: int, part: float, percent: float, cycles: int, power: float, rate: float
) -> None:
    step = round(part * total)
    fields = {"warmup_percent": percent} if kind != "constant" else {}
    fields |= {"cycles": cycles} if kind == "cosine_with_restarts" else {}
    fields |= {"power": power} if kind == "polynomial" else {}
    schedule = _schedule(kind, **fields)
    warmup = warmup_steps(schedule, total)
    assume(step >= warmup or kind != "constant")
    expected = _reference(kind, step, total, warmup, rate=rate, cycles=cycles, power=power)
    got = learning_rate_factor(schedule, step, total, rate)
    assert got == pytest.approx(expected, abs=1e-12)
    assert 0 <= got <= 1


def test_the_share_of_the_warm_up_is_rounded_to_the_nearest_step() -> None:
    """F6, as kohya_ss: round(percent * steps / 100)."""
    schedule = _schedule("linear", warmup_percent=7)
    assert [warmup_steps(schedule, steps) for steps in (5, 10, 20, 25, 100)] == [0, 1, 1, 2, 7]


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_warm_up_rises_in_a_straight_line_from_zero(kind: str) -> None:
    """F6: 10 % of 200 steps are 20."""
    schedule = _schedule(kind, warmup_percent=10)
    assert warmup_steps(schedule, 200) == 20
    assert [learning_rate_factor(schedule, step, 200, 1e-4) for step in (0, 5, 10, 20)] == [0, 0.25, 0.5, 1]


@pytest.mark.parametrize("kind", ["linear", "cosine", "cosine_with_restarts"])
def test_falling_kinds_end_at_zero_and_stay_there(kind: str) -> None:
    """Trap 3 of facts/trainers.md 6: restarts end at 0."""
    schedule = _schedule(kind)
    assert learning_rate_factor(schedule, 0, 100, 1e-4) == 1
    assert learning_rate_factor(schedule, 100, 100, 1e-4) == pytest.approx(0)
    assert learning_rate_factor(schedule, 150, 100, 1e-4) == pytest.approx(0)


def test_restarts_jump_back_to_the_full_rate_each_cycle() -> None:
    """F8: four cycles of 25 steps, a hard restart without decay."""
    schedule = _schedule("cosine_with_restarts", cycles=4)
    factors = [learning_rate_factor(schedule, step, 100, 1e-4) for step in range(100)]
    assert [step for step, factor in enumerate(factors) if factor == 1] == [0, 25, 50, 75]
    assert factors[24] < 0.01


def test_one_cycle_of_restarts_is_a_cosine() -> None:
    one, other = _schedule("cosine_with_restarts"), _schedule("cosine")
    for step in range(101):
        assert learning_rate_factor(one, step, 100, 1e-4) == pytest.approx(learning_rate_factor(other, step, 100, 1e-4))


def test_polynomial_ends_at_a_ten_millionth_whatever_it_began_with() -> None:
    for rate in (1e-4, 1e-2, 1.0):
        assert learning_rate_factor(_schedule("polynomial"), 100, 100, rate) * rate == pytest.approx(1e-7)
        assert learning_rate_factor(_schedule("polynomial"), 500, 100, rate) * rate == pytest.approx(1e-7)


def test_a_warm_up_over_the_whole_run_divides_by_nothing() -> None:
    for kind in KINDS[1:]:
        schedule = _schedule(kind, warmup_percent=100)
        assert [learning_rate_factor(schedule, step, 1, 1e-4) for step in (0,)] == [0]


def test_the_factors_are_those_of_transformers() -> None:
    """The code sd-scripts really calls, where it is at hand."""
    optimization = pytest.importorskip("transformers.optimization", exc_type=ImportError)
    makers = {
        "linear": lambda o: optimization.get_linear_schedule_with_warmup(o, 10, 100),
        "cosine": lambda o: optimization.get_cosine_schedule_with_warmup(o, 10, 100),
        "cosine_with_restarts": lambda o: optimization.get_cosine_with_hard_restarts_schedule_with_warmup(
            o, 10, 100, 3
        ),
        "polynomial": lambda o: optimization.get_polynomial_decay_schedule_with_warmup(o, 10, 100, power=2.0),
        "constant_with_warmup": lambda o: optimization.get_constant_schedule_with_warmup(o, 10),
    }
    extra = {"cosine_with_restarts": {"cycles": 3}, "polynomial": {"power": 2.0}}
    import torch

    for kind, make in makers.items():
        optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1e-4)
        theirs = make(optimizer)
        schedule = _schedule(kind, warmup_percent=10, **extra.get(kind, {}))
        for step in range(100):
            ours = learning_rate_factor(schedule, step, 100, 1e-4) * 1e-4
            assert ours == pytest.approx(theirs.get_last_lr()[0], rel=1e-9, abs=1e-15), (kind, step)
            optimizer.step()
            theirs.step()
