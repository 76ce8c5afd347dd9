"""The state a run goes on from, and whose it is (G6: stop and resume; F23)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from enogu.engine.adapters.parameters import AdapterParameters
from enogu.engine.checkpoint import (
    RunState,
    fingerprint_of,
    load_checkpoint,
    read_checkpoint_metadata,
    save_checkpoint,
    state_path,
)
from enogu.engine.families import LoadedBase
from enogu.engine.optim import make_optimizer
from enogu.errors import WrongUse
from tests.unit.engine.tiny_run import plain_lora, tiny_recipe

PICTURES = (("a" * 64, "1girl", 2), ("b" * 64, "hat", 1))
SCALER = torch.amp.GradScaler("cpu", enabled=False)


def test_all_that_was_saved_comes_back_to_the_bit(tiny_base: LoadedBase, tmp_path: Path) -> None:
    recipe = tiny_recipe()
    parameters, optimizer = _stepped(tiny_base, steps=3, seed=1)
    state = RunState(3, 1700000000.25, (0.1, 1 / 3, 0.7), ("tiny-000001.safetensors",))
    path = state_path(tmp_path, "tiny")
    save_checkpoint(path, state, parameters, optimizer, SCALER, "print")
    others, other_optimizer = _stepped(tiny_base, steps=1, seed=2)
    assert load_checkpoint(path, others, other_optimizer, SCALER, "print") == state
    for part, flat in parameters.flat.items():
        assert torch.equal(others.flat[part], flat)
    for index, entry in optimizer.state_dict()["state"].items():
        for name, value in entry.items():
            assert torch.equal(other_optimizer.state_dict()["state"][index][name], value)
    assert other_optimizer.param_groups[0]["full_rate"] == recipe.optimizer.learning_rate


def test_the_matrices_still_share_the_flat_memory_after_loading(tiny_base: LoadedBase, tmp_path: Path) -> None:
    parameters, optimizer = _stepped(tiny_base, steps=1, seed=1)
    path = state_path(tmp_path, "tiny")
    save_checkpoint(path, RunState(1, 0.0, (0.1,)), parameters, optimizer, SCALER, "print")
    fresh, fresh_optimizer = _stepped(tiny_base, steps=0, seed=5)
    load_checkpoint(path, fresh, fresh_optimizer, SCALER, "print")
    for key, (a_RI, b_OR) in fresh.matrices.items():
        assert torch.equal(a_RI, parameters.matrices[key][0])
        assert torch.equal(b_OR, parameters.matrices[key][1])


@pytest.mark.parametrize(
    "setting",
    [
        "optimizer.learning_rate=0.01",
        "seed=8",
        "training.epochs=3",
        "training.batch_size=1",
        "captions.shuffle=true",
        "noise.offset=0.1",
        "adapter.dim=8",
        "saving.precision=fp16",
        "pictures.flip=true",
        "trigger=bean",
    ],
)
def test_another_recipe_has_another_fingerprint(setting: str) -> None:
    ours = fingerprint_of(tiny_recipe(), PICTURES, "base")
    assert fingerprint_of(tiny_recipe(setting), PICTURES, "base") != ours


@pytest.mark.parametrize(
    "pictures",
    [
        PICTURES[:1],
        PICTURES[::-1],
        (("c" * 64, "1girl", 2), PICTURES[1]),
        (("a" * 64, "1boy", 2), PICTURES[1]),
        (("a" * 64, "1girl", 3), PICTURES[1]),
    ],
)
def test_other_pictures_captions_or_repeats_have_another_fingerprint(
    pictures: tuple[tuple[str, str, int], ...],
) -> None:
    ours = fingerprint_of(tiny_recipe(), PICTURES, "base")
    assert fingerprint_of(tiny_recipe(), pictures, "base") != ours


def test_another_base_model_has_another_fingerprint() -> None:
    assert fingerprint_of(tiny_recipe(), PICTURES, "base") != fingerprint_of(tiny_recipe(), PICTURES, "other")


@pytest.mark.parametrize(
    "setting", ["previews.prompts=mame", "previews.steps=9", "saving.checkpoint_every_n_steps=1", "previews.weight=0.8"]
)
def test_previews_and_the_checkpoint_interval_may_change(setting: str) -> None:
    """They change no weight."""
    ours = fingerprint_of(tiny_recipe(), PICTURES, "base")
    assert fingerprint_of(tiny_recipe(setting), PICTURES, "base") == ours


def test_the_state_of_another_run_is_refused_and_changes_nothing(tiny_base: LoadedBase, tmp_path: Path) -> None:
    parameters, optimizer = _stepped(tiny_base, steps=2, seed=1)
    path = state_path(tmp_path, "tiny")
    save_checkpoint(path, RunState(2, 0.0, (0.1, 0.2)), parameters, optimizer, SCALER, "print")
    others, other_optimizer = _stepped(tiny_base, steps=1, seed=2)
    before = {part: flat.detach().clone() for part, flat in others.flat.items()}
    with pytest.raises(WrongUse, match="another recipe, other pictures or another base model") as refused:
        load_checkpoint(path, others, other_optimizer, SCALER, "another print")
    assert "--resume" in refused.value.cure
    assert all(torch.equal(others.flat[part], flat) for part, flat in before.items())


@pytest.mark.parametrize("keep", [0, 5, 200, -10])
def test_a_damaged_state_is_refused_in_words(tiny_base: LoadedBase, tmp_path: Path, keep: int) -> None:
    parameters, optimizer = _stepped(tiny_base, steps=1, seed=1)
    path = state_path(tmp_path, "tiny")
    save_checkpoint(path, RunState(1, 0.0, (0.1,)), parameters, optimizer, SCALER, "print")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WrongUse, match="could not be read"):
        load_checkpoint(path, parameters, optimizer, SCALER, "print")


def test_a_missing_state_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="could not be read"):
        read_checkpoint_metadata(tmp_path / "state.safetensors")


def _stepped(base: LoadedBase, steps: int, seed: int) -> tuple[AdapterParameters, torch.optim.Optimizer]:
    parameters = plain_lora(base.family.targets(base), 4, 2.0, seed)
    optimizer = make_optimizer(tiny_recipe(), parameters)
    for step in range(steps):
        for flat in parameters.flat.values():
            assert flat.grad is not None
            flat.grad.copy_(torch.randn(flat.shape, generator=torch.Generator().manual_seed(seed * 100 + step)))
        optimizer.step()
    return parameters, optimizer
