"""Seconds to expect: measured where they can be, and said to be unknown where they cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from enogu.base_models import BaseModelFolder
from enogu.cli.progress import in_words
from enogu.cli.speed import FEWEST_STEPS, Speed, SpeedMeter, estimate, keep_speed, read_speeds
from enogu.recipe import PictureSize, plan_training, recipe_from_values

BASE = BaseModelFolder("mine", Path("/mine"), "sd15", "epsilon", "home", 1000)
RECIPE = recipe_from_values({"previews": {"prompts": ("a", "b")}})
PLAN = plan_training(RECIPE, [PictureSize(str(number), 512, 512, 10) for number in range(10)])
SPEED = Speed("mine", 1000, "cuda", "float16", RECIPE.adapter.parts, 512 * 512 * 2, 5.0, 2.0, 10.0)


def test_a_measured_speed_counts_start_steps_and_previews() -> None:
    expected = estimate(RECIPE, PLAN, BASE, [SPEED])
    assert PLAN.num_steps == 500
    assert expected.seconds == 10 + 500 / 5 + 20 * 2
    assert not expected.is_rough and "5 steps a second on cuda" in expected.words


def test_other_sizes_are_scaled_and_said_to_be_rough() -> None:
    expected = estimate(RECIPE, PLAN, BASE, [replace(SPEED, pixels_per_step=SPEED.pixels_per_step // 2)])
    assert expected.seconds == 10 + 500 / 2.5 + 40
    assert expected.is_rough and "another picture or batch size" in expected.words


def test_what_was_never_measured_is_said_to_be_unknown() -> None:
    assert estimate(RECIPE, PLAN, BASE, []).seconds is None
    assert estimate(RECIPE, PLAN, BASE, [replace(SPEED, base_bytes=1)]).seconds is None


def test_the_starter_has_a_first_guess_that_says_it_is_one() -> None:
    expected = estimate(RECIPE, PLAN, replace(BASE, name="starter", origin="starter"), [])
    assert expected.seconds is not None and expected.is_rough
    assert "guess" in expected.words


def test_the_latest_measurement_replaces_an_earlier_one_of_its_kind(tmp_path: Path) -> None:
    keep_speed(tmp_path, SPEED)
    keep_speed(tmp_path, replace(SPEED, device="cpu"))
    keep_speed(tmp_path, replace(SPEED, steps_per_second=6.0))
    assert [(speed.device, speed.steps_per_second) for speed in read_speeds(tmp_path)] == [("cuda", 6.0), ("cpu", 5.0)]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"base": "x"}]', "null"])
def test_a_damaged_record_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "speeds.json").write_text(content)
    assert read_speeds(tmp_path) == []
    keep_speed(tmp_path, SPEED)
    assert read_speeds(tmp_path) == [SPEED]


def test_a_meter_tells_steps_previews_and_start_apart() -> None:
    meter = SpeedMeter(began_at=100.0)
    meter.hear({"event": "Started", "device": "cuda", "dtype": "float16"}, 110.0)
    meter.hear({"event": "Stepped", "losses": [0.1] * FEWEST_STEPS, "steps_per_second": 4.0}, 115.0)
    meter.hear({"event": "Saved"}, 115.0)
    meter.hear({"event": "Sampled"}, 118.0)
    meter.hear({"event": "Sampled"}, 119.0)
    speed = meter.measured(RECIPE, BASE)
    assert speed is not None
    assert (speed.seconds_to_start, speed.steps_per_second, speed.seconds_per_preview) == (10.0, 4.0, 2.0)


def test_a_run_of_a_few_steps_leaves_no_record() -> None:
    meter = SpeedMeter(began_at=0.0)
    meter.hear({"event": "Started", "device": "cpu", "dtype": "float32"}, 1.0)
    meter.hear({"event": "Stepped", "losses": [0.1] * (FEWEST_STEPS - 1), "steps_per_second": 4.0}, 2.0)
    assert meter.measured(RECIPE, BASE) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (42, "42 s"), (59.6, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_seconds_are_said_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
