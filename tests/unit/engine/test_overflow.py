"""Training in fp16 with a scaled loss: gradients that overflow cost a step each, and too many of them the run (F4)."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from enogu.engine import loop
from enogu.engine.control import Asked, Between
from enogu.engine.events import Failed, Saved
from enogu.engine.failures import NotANumber
from enogu.engine.families import LoadedBase, load_base_model
from enogu.engine.loop import MOST_OVERFLOWS, TrainingStopped, TrainPicture
from enogu.engine.tensor_files import metadata_of
from tests.unit.engine.tiny_run import Run, tiny_recipe, tiny_train

RECIPE = tiny_recipe("saving.checkpoint_every_n_steps=1", "training.ema_decay=0.9")
STATE = Path("tiny-state") / "state.safetensors"
FIRST_SCALE = 65536.0


@pytest.fixture(scope="module")
def half_base(tiny_base_folder: Path, tiny_base: LoadedBase) -> LoadedBase:
    """The frozen networks in fp16 on the CPU, which is slow and does."""
    return load_base_model(tiny_base_folder, dataclasses.replace(tiny_base.compute, dtype=torch.float16))


@pytest.fixture
def overflowing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], bool]], None]:
    """``overflowing(at)``: the gradient of each step for which ``at`` is true (from 0) has an infinite number."""

    def begin(at: Callable[[int], bool]) -> None:
        gradients = loop._Run._gradients

        def broken(run: Any, *given: Any) -> torch.Tensor:
            total = gradients(run, *given)
            if at(run.step):
                run.parameters.flat["unet"].grad[3] = torch.inf
            return total

        monkeypatch.setattr(loop._Run, "_gradients", broken)

    return begin


@pytest.mark.parametrize("optimizer", ["adamw", "adafactor", "lion", "prodigy", "dadaptation", "dadapt_adam"])
def test_a_step_whose_gradient_overflows_is_left_out_and_the_scale_is_halved(
    half_base: LoadedBase,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    overflowing: Callable[[Callable[[int], bool]], None],
    optimizer: str,
) -> None:
    """Steps 3 and 4 change neither weights nor what the optimizer keeps; the others do, and the loss is counted."""
    overflowing(lambda step: step in (2, 3))
    rate = () if optimizer.startswith(("prodigy", "dadapt")) else ("optimizer.learning_rate=0.001",)
    recipe = tiny_recipe("training.epochs=2", f"optimizer.kind={optimizer}", *rate, "saving.checkpoint_every_n_steps=1")
    states: list[dict[str, torch.Tensor]] = []
    scales: list[float] = []

    def look(between: Between) -> Asked:
        from safetensors.torch import load_file

        path = tmp_path / "out" / STATE
        if between.step and not between.only_stop:
            tensors = load_file(path)
            states.append({name: tensor for name, tensor in tensors.items() if name != "losses"})
            scales.append(json.loads(metadata_of(path)["loss_scaler"])["scale"])
        return Asked()

    run = tiny_train(recipe, tiny_pictures, half_base, tmp_path / "out", between_steps=look)
    assert len(run.losses) == 8
    assert scales == [FIRST_SCALE, FIRST_SCALE, *[FIRST_SCALE / 2], *[FIRST_SCALE / 4] * 5]
    for before in (1, 2):
        assert all(torch.equal(states[before][name], states[before + 1][name]) for name in states[before])
    for before in (0, 3, 5):
        assert any(not torch.equal(states[before][name], states[before + 1][name]) for name in states[before])
    assert all(bool(torch.isfinite(tensor).all()) for tensor in states[-1].values())


def test_a_run_that_is_resumed_behind_an_overflow_has_the_lowered_scale_and_the_same_bytes(
    half_base: LoadedBase,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    overflowing: Callable[[Callable[[int], bool]], None],
) -> None:
    overflowing(lambda step: step in (1, 4))
    straight = tiny_train(RECIPE, tiny_pictures, half_base, tmp_path / "straight")
    first = Run(tmp_path / "out")
    with pytest.raises(TrainingStopped):
        tiny_train(RECIPE, tiny_pictures, half_base, first.out, run=first, between_steps=_stop(3))
    assert json.loads(metadata_of(first.out / STATE)["loss_scaler"])["scale"] == FIRST_SCALE / 2
    resumed = tiny_train(RECIPE, tiny_pictures, half_base, first.out, resume=True)
    assert json.loads(metadata_of(first.out / STATE)["loss_scaler"])["scale"] == FIRST_SCALE / 4
    assert first.losses + resumed.losses == straight.losses
    assert resumed.file_bytes() == straight.file_bytes()


def test_too_many_overflows_one_after_another_end_the_run_in_words(
    half_base: LoadedBase,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    overflowing: Callable[[Callable[[int], bool]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From step 6 on: the file of step 8 has the last good weights, and is named."""
    monkeypatch.setattr(loop, "MOST_OVERFLOWS", 3)
    overflowing(lambda step: step >= 5)
    recipe = tiny_recipe("training.epochs=4", "saving.checkpoint_every_n_steps=1")
    run = Run(tmp_path / "out")
    with pytest.raises(NotANumber, match=r"The gradient became (inf|nan) at step 9: most likely fp16"):
        tiny_train(recipe, tiny_pictures, half_base, run.out, run=run)
    (failed,) = run.said(Failed)
    assert "The last good file is tiny-000002.safetensors" in failed.message
    assert "bf16" in failed.cure
    assert failed.kind == "NotANumber"
    assert [event.step for event in run.said(Saved)] == [4, 8]
    assert MOST_OVERFLOWS == 32, "65536 halved so often is nothing"


def test_overflows_with_good_steps_between_them_never_end_a_run(
    half_base: LoadedBase,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    overflowing: Callable[[Callable[[int], bool]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "MOST_OVERFLOWS", 1)
    overflowing(lambda step: step % 2 == 0)
    run = tiny_train(tiny_recipe(), tiny_pictures, half_base, tmp_path / "out")
    assert run.result is not None
    assert run.result.num_steps == 8


def test_without_a_scaled_loss_the_first_overflow_ends_the_run(
    tiny_base: LoadedBase,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    overflowing: Callable[[Callable[[int], bool]], None],
) -> None:
    overflowing(lambda step: step == 2)
    with pytest.raises(NotANumber, match="at step 3"):
        tiny_train(tiny_recipe("saving.checkpoint_every_n_steps=1"), tiny_pictures, tiny_base, tmp_path / "out")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_base_computes_in_half_and_everything_that_learns_in_fp32(
    tiny_base: LoadedBase,
    tiny_base_folder: Path,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
) -> None:
    """Weights and what the network is given and answers in half; adapter, gradient, average and optimizer in fp32."""
    base = load_base_model(tiny_base_folder, dataclasses.replace(tiny_base.compute, dtype=dtype))
    answers: set[torch.dtype] = set()
    learning: set[torch.dtype] = set()
    predict, update = base.family.predict, loop._Run._update

    def watched(*given: Any) -> torch.Tensor:
        answer = predict(*given)
        answers.add(answer.dtype)
        return answer

    def updated(run: Any, *given: Any) -> torch.Tensor:
        answer = update(run, *given)
        kept = [value for one in run.optimizer.state.values() for value in one.values()]
        tensors = [*run.parameters.flat.values(), *run.average.tensors.values(), answer, *kept]
        tensors += [flat.grad for flat in run.parameters.flat.values()]
        learning.update(tensor.dtype for tensor in tensors if isinstance(tensor, torch.Tensor))
        return answer

    monkeypatch.setattr(loop._Run, "_update", updated)
    watching = dataclasses.replace(base, family=dataclasses.replace(base.family, predict=watched))
    tiny_train(tiny_recipe("training.epochs=1", "training.ema_decay=0.9"), tiny_pictures, watching, tmp_path / "out")
    assert {parameter.dtype for parameter in base.networks["unet"].parameters()} == {dtype}
    assert answers == {dtype}
    assert learning == {torch.float32}


def _stop(at: int) -> Callable[[Between], Asked]:
    return lambda between: Asked(stop=between.step == at)
