"""The running average of the adapter (F28: EMA)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from enogu.engine.averaging import Average
from enogu.engine.control import Asked, Between
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainingStopped, TrainPicture
from tests.unit.engine.tiny_run import tiny_recipe, tiny_train

EMA = "training.ema_decay=0.6"


def test_the_average_follows_by_its_formula_and_gives_back_what_was_there() -> None:
    """average = d * average + (1 - d) * value, d = min(decay, (1 + step) / (10 + step)); in numpy."""
    flat = {"unet": torch.linspace(-1, 1, 5)}
    average, wanted = Average(flat, 0.25), np.linspace(-1, 1, 5)
    for step in range(1, 6):
        flat["unet"] += step
        decay = min(0.25, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * flat["unet"].double().numpy()
        average.follow(step)
    before = flat["unet"].clone()
    with average.in_place():
        np.testing.assert_allclose(flat["unet"].numpy(), wanted, rtol=1e-5)
    assert torch.equal(flat["unet"], before)


def test_files_hold_the_average_of_what_a_run_without_it_learns(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """The losses, and so what is learnt, are the same to the bit."""
    kept: list[dict[str, torch.Tensor]] = []

    def keep_each(between: Between) -> Asked:
        return Asked(save=True)

    plain = tiny_train(
        tiny_recipe("training.epochs=1"), tiny_pictures, tiny_base, tmp_path / "plain", between_steps=keep_each
    )
    for step in (1, 2, 3):
        kept.append(load_file(plain.out / f"tiny-step{step:08d}.safetensors"))
    kept.append(load_file(plain.out / "tiny.safetensors"))
    averaged = tiny_train(tiny_recipe("training.epochs=1", EMA), tiny_pictures, tiny_base, tmp_path / "ema")
    assert averaged.losses == plain.losses
    ours = load_file(averaged.out / "tiny.safetensors")
    for name in (name for name in ours if name.endswith("lora_up.weight")):
        wanted = torch.zeros_like(ours[name])
        for step, tensors in enumerate(kept, 1):
            wanted = wanted.lerp(tensors[name], 1 - min(0.6, (1 + step) / (10 + step)))
        torch.testing.assert_close(ours[name], wanted)
        assert not torch.equal(ours[name], kept[-1][name])


def test_a_resumed_run_goes_on_with_the_same_average(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, fixed_date: None
) -> None:
    """G6, to the bit."""
    straight = tiny_train(tiny_recipe(EMA), tiny_pictures, tiny_base, tmp_path / "straight")
    with pytest.raises(TrainingStopped):
        tiny_train(
            tiny_recipe(EMA), tiny_pictures, tiny_base, tmp_path / "out", between_steps=lambda at: Asked(at.step == 3)
        )
    resumed = tiny_train(tiny_recipe(EMA), tiny_pictures, tiny_base, tmp_path / "out", resume=True)
    assert resumed.file_bytes() == straight.file_bytes()
