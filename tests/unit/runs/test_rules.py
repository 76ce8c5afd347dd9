"""What is decided about runs without a database: states, curves, changes to recipes, expectations, notes."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.recipe import plan_training, recipe_from_values
from enogu.runs.entities import FrozenPicture, RunState, Speed
from enogu.runs.rules import changing, expecting, noting, placing, series, states
from tests.unit.runs.places import REFERENCE, SMALL

STATES: tuple[RunState, ...] = get_args(RunState)
LOSSES = st.lists(st.floats(0, 10, allow_nan=False), min_size=1, max_size=300)


def pictures(num: int = 7, caption: str = "zdm, 1boy", repeats: int = 20) -> list[FrozenPicture]:
    return [FrozenPicture(str(n), f"{n}.png", "0" * 64, caption, repeats, 768, 768, "20_zdm") for n in range(num)]


def test_nothing_leaves_a_finished_run_and_ended_ones_are_only_retried() -> None:
    for move, (sources, _) in states.TRANSITIONS.items():
        assert "finished" not in sources
        if sources & states.ENDED:
            assert move == "retry"


def test_every_state_is_reached_and_every_state_that_goes_on_can_be_cancelled() -> None:
    assert {target for _, target in states.TRANSITIONS.values()} == set(STATES)
    assert states.TRANSITIONS["cancel"][0] == states.GOING_ON
    assert set(STATES) == states.GOING_ON | states.ENDED


def test_a_step_that_was_told_twice_counts_once() -> None:
    events = [{"step": 3, "losses": [0.3, 0.2, 0.1]}, {"step": 2, "losses": [0.25]}, {"step": 4, "losses": [0.4]}]
    assert series.losses_by_step(events) == {1: 0.3, 2: 0.25, 3: 0.1, 4: 0.4}


@given(LOSSES, st.floats(0, 0.99))
def test_a_smoothed_curve_begins_at_its_first_loss_and_stays_within_them(losses: list[float], weight: float) -> None:
    found = series.smoothed(losses, weight)
    assert found[0] == pytest.approx(losses[0])
    assert all(min(losses) - 1e-9 <= one <= max(losses) + 1e-9 for one in found)


@given(LOSSES, st.integers(2, 100))
def test_a_thinned_curve_keeps_its_ends_and_its_extremes(losses: list[float], most: int) -> None:
    whole = series.loss_points(dict(enumerate(losses, 1)), 0.9)
    thin = series.loss_points(dict(enumerate(losses, 1)), 0.9, most)
    assert len(thin) <= max(2, most)
    assert (thin[0], thin[-1]) == (whole[0], whole[-1])
    assert set(thin) <= set(whole)
    assert [one.step for one in thin] == sorted({one.step for one in thin})
    if most >= 4:
        assert max(one.loss for one in thin) == max(losses)
        assert min(one.loss for one in thin) == min(losses)


WRONG: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"adapter": {"dim": 4, "alpha": 8.0}}, {"adapter.alpha": 4.0}),
    ({"captions": {"keep_tokens": 3}}, {"captions.shuffle": True}),
    ({"pictures": {"no_upscale": True, "buckets": False}}, {"pictures.buckets": True}),
    ({"pictures": {"resolution": 520}}, {"pictures.resolution": 512}),
    ({"noise": {"multires_discount": 0.5}}, {"noise.multires_discount": None}),
    ({"adapter": {"parts": "unet"}, "optimizer": {"text_encoder_learning_rate": 1e-4}},
     {"optimizer.text_encoder_learning_rate": None}),
    ({"training": {"epochs": 0}}, {"training.epochs": 1}),
    ({"noise": {"random_offset": True}}, {"noise.random_offset": None}),
    ({"noise": {"min_timestep": 500, "max_timestep": 400}}, {"noise.min_timestep": None}),
    ({"noise": {"zero_terminal_snr": True, "prediction": "epsilon"}}, {"noise.zero_terminal_snr": None}),
    ({"optimizer": {"kind": "prodigy", "unet_learning_rate": 1e-4}}, {"optimizer.unet_learning_rate": None}),
    ({"optimizer": {"kind": "adafactor", "relative_step": True}}, {"schedule.kind": "constant"}),
    ({"optimizer": {"kind": "adafactor", "warmup_init": True}}, {"optimizer.warmup_init": None}),
    ({"schedule": {"kind": "constant", "warmup": 0.1}}, {"schedule.warmup": None}),
]  # fmt: skip


@pytest.mark.parametrize(("values", "fix"), WRONG)
def test_a_contradiction_comes_with_the_change_that_mends_it(values: dict[str, Any], fix: dict[str, Any]) -> None:
    """F29: and the change was tried out."""
    problem, *others = changing.problems_of(values)
    assert not others
    assert changing.fix_of(problem, values) == fix
    assert changing.problems_of(changing.changed(values, fix)) == ()


def test_a_new_kind_drops_what_it_does_not_have() -> None:
    values = {"schedule": {"kind": "cosine_with_restarts", "cycles": 3}}
    assert changing.changed(values, {"schedule.kind": "constant"}) == {"schedule": {"kind": "constant"}}
    assert values["schedule"]["cycles"] == 3


def test_differences_count_defaults_that_follow_another_field() -> None:
    before, after = recipe_from_values({}), recipe_from_values({"adapter": {"dim": 32}})
    assert {one.path: one.after for one in changing.differences(before, after)} == {
        "adapter.dim": 32,
        "adapter.alpha": 32.0,
    }


def test_a_run_is_expected_to_take_as_long_as_its_pixels_say() -> None:
    """G1."""
    recipe = recipe_from_values(SMALL)
    plan = plan_training(recipe, placing.sizes_of(pictures()))
    speed = Speed("sd15", "cpu", recipe.adapter.parts, expecting.pixels_per_step(recipe) // 2, 2.0, 1.0, 10.0)
    assert expecting.expected_seconds(recipe, plan, [speed]) == pytest.approx(10 + plan.num_steps / 1.0)
    assert expecting.expected_seconds(recipe, plan, []) is None


def test_a_waiting_run_starts_when_the_workers_are_through_with_those_before_it() -> None:
    """G1: two workers, one of them idle."""
    found = expecting.outlook([100.0], [30.0, 50.0], 7.0, num_workers=2)
    assert (found.ahead, found.starts_in_seconds, found.ends_in_seconds) == (2, 80.0, 87.0)
    assert expecting.outlook([None], [], 7.0, num_workers=1).starts_in_seconds is None
    assert expecting.outlook([], [], None, num_workers=0).starts_in_seconds is None


def test_a_meter_says_nothing_of_a_run_that_was_too_short() -> None:
    meter = expecting.SpeedMeter(0.0)
    meter.hear({"event": "Started", "device": "cpu"}, 5.0)
    meter.hear({"event": "Stepped", "losses": [0.1] * 10, "steps_per_second": 2.0}, 10.0)
    recipe = recipe_from_values(SMALL)
    assert meter.measured(recipe, "sd15") is None
    meter.hear({"event": "Stepped", "losses": [0.1] * 10, "steps_per_second": 2.0}, 15.0)
    meter.hear({"event": "Saved"}, 16.0)
    meter.hear({"event": "Sampled"}, 18.0)
    speed = meter.measured(recipe, "sd15")
    assert speed is not None
    assert (speed.steps_per_second, speed.seconds_to_start, speed.seconds_per_preview) == (2.0, 5.0, 2.0)


def kinds_of(values: dict[str, Any], shown: list[FrozenPicture], family: str = "sd15") -> list[str]:
    return [one.kind for one in noting.notes_on(recipe_from_values(values), shown, family)]


def test_notes_say_what_often_goes_wrong() -> None:
    assert kinds_of({**REFERENCE, "trigger": "zdm"}, pictures()) == []
    assert kinds_of({}, pictures(1, caption="")) == ["no_captions", "no_trigger", "one_picture"]
    assert kinds_of({"trigger": "a"}, [*pictures(3), *pictures(1, caption=" ")]) == ["some_captions"]
    assert kinds_of({"trigger": "a", "pictures": {"resolution": 128}}, pictures()) == ["far_from_native_size"]
    assert kinds_of({"trigger": "a", "training": {"epochs": 100}}, pictures()) == ["long_run"]


def test_a_failure_names_the_setting_to_change_first() -> None:
    """G8."""
    recipe = recipe_from_values({"training": {"batch_size": 4}})
    memory = noting.failure_of("OutOfMemory", "Out of memory.", "", recipe)
    assert (memory.path, memory.value) == ("training.gradient_checkpointing", True)
    assert memory.changes == {"training.gradient_checkpointing": True}
    recipe = recipe_from_values({"training": {"batch_size": 4, "gradient_checkpointing": True}})
    memory = noting.failure_of("OutOfMemory", "Out of memory.", "", recipe)
    assert (memory.path, memory.value) == ("training.batch_size", 2)
    small = noting.failure_of(
        "OutOfMemory", "x", "", recipe_from_values({"training": {"batch_size": 1, "gradient_checkpointing": True}})
    )
    assert (small.path, small.value) == ("pictures.resolution", 384)
    nan = noting.failure_of("TrainingFailed", "The loss became nan at step 3.", "", recipe)
    assert (nan.path, nan.value) == ("optimizer.learning_rate", 2.5e-5)
    told = noting.failure_of("X", "x", "", recipe, "adapter.dim", 8)
    assert (told.path, told.value) == ("adapter.dim", 8)
