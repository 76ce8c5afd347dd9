"""The figures of memory are what the networks hold: measured again, and on real tensors."""

from __future__ import annotations

import gc
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from enogu.engine.families import load_base_model
from enogu.engine.memory import choose_compute
from enogu.engine.optim import make_optimizer
from enogu.recipe import memory, recipe_from_values
from tests.tiny_base import write_tiny_base
from tests.unit.engine.tiny_run import plain_lora

sys.path.append(str(Path(__file__).parents[3] / "tools"))
import measure_memory


def test_the_starter_measured_again_gives_the_figures_that_are_kept() -> None:
    kept = tomllib.loads(measure_memory.FIGURES.read_text("utf-8"))["starter"]
    assert tomllib.loads(measure_memory.as_toml({"starter": measure_memory.figures_of("starter")}))["starter"] == kept


def test_the_real_networks_have_as_many_numbers_and_places_as_they_are_known_for() -> None:
    kept = tomllib.loads(measure_memory.FIGURES.read_text("utf-8"))
    assert [round(kept[name]["network"]["parameters"] / 1e6) for name in ("sd15", "sdxl", "flux")] == [860, 2567, 11901]
    assert [round(text["parameters"] / 1e6) for text in kept["flux"]["text"]] == [123, 4762]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_fake_tensors_tell_what_real_ones_hold(tmp_path: Path, checkpointing: bool) -> None:
    """The same network with weights: peak of one pass forward and backward, within a hundredth."""
    base = load_base_model(write_tiny_base(tmp_path / "tiny"), choose_compute("none", "cpu"))
    config = dict(base.networks["unet"].config)
    real = measure_memory.unet(config)
    with measure_memory.fake_networks(torch.float32):
        fake_peak = measure_memory.unet(config).training_peak(16, checkpointing)
    gc.collect()
    assert real.training_peak(16, checkpointing) == pytest.approx(fake_peak, rel=0.01)


@pytest.mark.parametrize("kind", ["adamw", "adafactor", "lion", "dadaptation", "dadapt_adam", "prodigy"])
def test_optimizers_keep_as_much_of_each_number_as_the_estimate_says(tmp_path: Path, kind: str) -> None:
    base = load_base_model(write_tiny_base(tmp_path / "tiny"), choose_compute("none", "cpu"))
    targets = base.family.targets(base)
    parameters = plain_lora(targets, 64, 64.0, 1)
    optimizer = make_optimizer(recipe_from_values({"optimizer": {"kind": kind}}), parameters)
    optimizer.step()
    kept = sum(
        one.nbytes for state in optimizer.state.values() for one in state.values() if isinstance(one, torch.Tensor)
    )
    numbers = sum(flat.numel() for flat in parameters.flat.values())
    assert kept / numbers == pytest.approx(memory._KEPT_BYTES[kind], rel=0.05)
