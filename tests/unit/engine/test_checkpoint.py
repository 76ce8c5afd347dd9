"""The state a run goes on from, and whose it is (G6: stop and resume; F23)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from enogu.engine import checkpoint
from enogu.engine.adapters.parameters import AdapterParameters
from enogu.engine.checkpoint import (
    DamagedState,
    Restored,
    RunState,
    fingerprint_of,
    has_state,
    load_checkpoint,
    older_path,
    restore,
    save_checkpoint,
    state_path,
)
from enogu.engine.families import LoadedBase
from enogu.engine.optim import make_optimizer
from enogu.engine.tensor_files import metadata_of, tensor_file_bytes
from enogu.errors import StorageFailed, WrongUse
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
def test_a_state_that_is_cut_off_is_found_out_and_changes_nothing(
    tiny_base: LoadedBase, tmp_path: Path, keep: int
) -> None:
    parameters, optimizer = _stepped(tiny_base, steps=1, seed=1)
    path = state_path(tmp_path, "tiny")
    save_checkpoint(path, RunState(1, 0.0, (0.1,)), parameters, optimizer, SCALER, "print")
    path.write_bytes(path.read_bytes()[:keep])
    others, other_optimizer = _stepped(tiny_base, steps=1, seed=2)
    before = {part: flat.detach().clone() for part, flat in others.flat.items()}
    with pytest.raises(DamagedState):
        load_checkpoint(path, others, other_optimizer, SCALER, "print")
    assert all(torch.equal(others.flat[part], flat) for part, flat in before.items())


def test_any_single_bit_that_turned_is_found_out(tmp_path: Path) -> None:
    """In the length of the header, in the header and in the numbers: of every byte of a small state one bit."""
    path = tmp_path / "state.safetensors"
    weight = torch.zeros(3, requires_grad=True)
    parameters = AdapterParameters({"unet": weight}, {})
    optimizer = torch.optim.SGD([weight], 0.1, momentum=0.5)
    weight.grad = torch.ones(3)
    optimizer.step()
    save_checkpoint(path, RunState(1, 0.0, (0.1,)), parameters, optimizer, SCALER, "print")
    good = path.read_bytes()
    unnoticed: list[int] = []
    for at in range(len(good)):
        broken = bytearray(good)
        broken[at] ^= 1 << (at % 8)
        path.write_bytes(broken)
        with suppress(DamagedState):
            load_checkpoint(path, parameters, optimizer, SCALER, "print")
            unnoticed.append(at)
    assert unnoticed == []


def test_a_missing_state_is_a_damaged_one(tiny_base: LoadedBase, tmp_path: Path) -> None:
    parameters, optimizer = _stepped(tiny_base, steps=1, seed=1)
    with pytest.raises(DamagedState, match="No such file"):
        load_checkpoint(tmp_path / "state.safetensors", parameters, optimizer, SCALER, "print")


def test_a_state_without_a_seal_is_read_as_before(tiny_base: LoadedBase, tmp_path: Path) -> None:
    """Runs that were paused by an earlier version go on."""
    parameters, optimizer = _stepped(tiny_base, steps=2, seed=1)
    path = state_path(tmp_path, "tiny")
    save_checkpoint(path, RunState(2, 0.0, (0.1, 0.2)), parameters, optimizer, SCALER, "print")
    metadata = metadata_of(path)
    del metadata["sha256"]
    path.write_bytes(tensor_file_bytes(load_file(path), metadata))
    others, other_optimizer = _stepped(tiny_base, steps=0, seed=2)
    assert load_checkpoint(path, others, other_optimizer, SCALER, "print").step == 2
    assert all(torch.equal(others.flat[part], flat) for part, flat in parameters.flat.items())


def test_the_last_two_states_are_kept_and_a_damaged_one_is_never_kept_as_the_older(
    tiny_base: LoadedBase, tmp_path: Path
) -> None:
    parameters, optimizer = _stepped(tiny_base, steps=1, seed=1)
    path = state_path(tmp_path, "tiny")

    def save(step: int) -> None:
        save_checkpoint(path, RunState(step, 0.0, ()), parameters, optimizer, SCALER, "print")

    def found() -> Restored:
        return restore(path, parameters, optimizer, SCALER, "print")

    assert found() == Restored(None)
    for step in (2, 4, 6):
        save(step)
    assert _step_of(path) == 6
    assert _step_of(older_path(path)) == 4
    assert sorted(one.name for one in path.parent.iterdir()) == ["older.safetensors", "state.safetensors"]
    path.write_bytes(path.read_bytes()[:-1])
    restored = found()
    assert restored.state is not None
    assert restored.state.step == 4
    assert "instead of" in restored.damage
    assert _step_of(path) == 4
    save(6)
    path.write_bytes(b"")
    assert found().state == RunState(4, 0.0, ())
    path.write_bytes(b"")
    nothing = found()
    assert nothing.state is None
    assert nothing.damage


def test_between_the_two_renames_the_older_state_is_enough(tiny_base: LoadedBase, tmp_path: Path) -> None:
    parameters, optimizer = _stepped(tiny_base, steps=1, seed=1)
    path = state_path(tmp_path, "tiny")
    save_checkpoint(path, RunState(2, 0.0, ()), parameters, optimizer, SCALER, "print")
    path.rename(older_path(path))
    assert has_state(path)
    assert restore(path, parameters, optimizer, SCALER, "print") == Restored(RunState(2, 0.0, ()))


def test_a_disk_without_second_names_keeps_two_states_too(
    tiny_base: LoadedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    parameters, optimizer = _stepped(tiny_base, steps=1, seed=1)
    path = state_path(tmp_path, "tiny")
    for step in (2, 4):
        save_checkpoint(path, RunState(step, 0.0, ()), parameters, optimizer, SCALER, "print")
    assert (_step_of(older_path(path)), _step_of(path)) == (2, 4)


@pytest.mark.parametrize("bad_writes", [1, 2])
def test_what_reads_back_differently_is_written_once_more_and_never_replaces_a_good_state(
    tiny_base: LoadedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad_writes: int
) -> None:
    """The disk turns a bit of what it is given."""
    parameters, optimizer = _stepped(tiny_base, steps=1, seed=1)
    path = state_path(tmp_path, "tiny")
    save_checkpoint(path, RunState(2, 0.0, ()), parameters, optimizer, SCALER, "print")
    left = [bad_writes]

    def turning(_file: int, data: bytes = b"") -> None:
        if left[0]:
            left[0] -= 1
            (aside,) = path.parent.glob(".*.part")
            broken = bytearray(aside.read_bytes())
            broken[-5] ^= 16
            aside.write_bytes(broken)

    monkeypatch.setattr(checkpoint.os, "fsync", turning)
    if bad_writes == 1:
        save_checkpoint(path, RunState(4, 0.0, ()), parameters, optimizer, SCALER, "print")
    else:
        with pytest.raises(StorageFailed, match="reads back differently") as failed:
            save_checkpoint(path, RunState(4, 0.0, ()), parameters, optimizer, SCALER, "print")
        assert "disk" in failed.value.cure
    monkeypatch.undo()
    state = load_checkpoint(path, parameters, optimizer, SCALER, "print")
    assert state.step == (4 if bad_writes == 1 else 2)
    assert not list(path.parent.glob(".*.part"))


def _step_of(path: Path) -> int:
    return int(metadata_of(path)["step"])


def _stepped(base: LoadedBase, steps: int, seed: int) -> tuple[AdapterParameters, torch.optim.Optimizer]:
    parameters = plain_lora(base.family.targets(base), 4, 2.0, seed)
    optimizer = make_optimizer(tiny_recipe(), parameters)
    for step in range(steps):
        for flat in parameters.flat.values():
            assert flat.grad is not None
            flat.grad.copy_(torch.randn(flat.shape, generator=torch.Generator().manual_seed(seed * 100 + step)))
        optimizer.step()
    return parameters, optimizer
