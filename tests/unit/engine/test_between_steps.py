"""What may be asked between two steps, how long the rest takes, and why a run ended (G2, G6, G8)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from enogu.engine import loop
from enogu.engine.control import Asked, Between
from enogu.engine.events import Checkpointed, Failed, Finished, Sampled, SampleFailed, Saved, Started, Stepped, Stopped
from enogu.engine.failures import OutOfMemory, failed_event, in_words, kind_of
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainingStopped, TrainPicture
from enogu.engine.pace import Pace
from enogu.engine.sample import DrawRequest, draw
from enogu.errors import BaseModelRefused, EnoguError, Problem, RecipeRefused, TrainingFailed
from enogu.recipe.plan import PictureSize, plan_training
from enogu.whole_file import storage_failed
from tests.unit.engine.tiny_run import Run, header_of, random_lora, tiny_recipe, tiny_train

CHECKPOINTING = "training.gradient_checkpointing=true"
PROMPTS = 'previews.prompts=["mame"]'


def test_whatever_is_done_between_steps_the_files_are_the_same(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, fixed_date: None
) -> None:
    """Save, sample and drawing with another LoRA after each single step; sha256 of every file as Saved told it."""
    recipe = tiny_recipe(PROMPTS, "captions.shuffle=true", "noise.multires_iterations=3")
    straight = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "straight")

    file = loop.LoraFile(Path("other.safetensors"), random_lora(tiny_base, 2, seed=1), {}, "")

    def between_steps(between: Between) -> Asked:
        request = DrawRequest("a hat", width=64, height=64, steps=2, seed=between.step)
        assert draw(tiny_base, request, [(file, 1.0)], targets=between.targets)
        return Asked(save=True, sample=True)

    disturbed = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "disturbed", between_steps=between_steps)
    wanted = {Path(event.path).name: event.sha256 for event in straight.said(Saved)}
    told = {Path(event.path).name: event.sha256 for event in disturbed.said(Saved)}
    assert wanted.items() <= told.items()
    assert len(told) == len(wanted) + 7
    assert disturbed.losses == straight.losses
    assert straight.file_bytes().items() <= disturbed.file_bytes().items()


def test_a_file_saved_now_bears_its_step_and_epoch_and_a_state_follows(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """F25: the name sd-scripts gives to files of steps."""
    run = tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "out", between_steps=_at(5, Asked(save=True)))
    (saved,) = [event for event in run.said(Saved) if event.step == 5]
    assert (Path(saved.path).name, saved.epoch) == ("tiny-step00000005.safetensors", 2)
    metadata = header_of(Path(saved.path))["__metadata__"]
    assert (metadata["ss_steps"], metadata["ss_epoch"], metadata["ss_num_epochs"]) == ("5", "2", "2")
    assert Checkpointed(5, str(tmp_path / "out" / "tiny-state" / "state.safetensors")) in run.events
    assert saved.path not in run.said(Finished)[0].files


def test_previews_of_now_are_drawn_without_a_file_and_under_the_step(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """What they show is what a file saved at the same step draws."""
    both = _at(2, Asked(save=True, sample=True))
    run = tiny_train(tiny_recipe(PROMPTS), tiny_pictures, tiny_base, tmp_path / "out", between_steps=both)
    (now,) = [event for event in run.said(Sampled) if event.step == 2]
    assert Path(now.path).name == "tiny_000002_00_1.png"
    alone = tiny_train(
        tiny_recipe(PROMPTS), tiny_pictures, tiny_base, tmp_path / "b", between_steps=_at(2, Asked(sample=True))
    )
    assert not list((tmp_path / "b").glob("*-step*"))
    (again,) = [event for event in alone.said(Sampled) if event.step == 2]
    assert Path(again.path).read_bytes() == Path(now.path).read_bytes()


def test_asking_for_previews_of_a_run_without_prompts_is_answered(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    run = tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "o", between_steps=_at(2, Asked(sample=True)))
    (failed,) = run.said(SampleFailed)
    assert "previews.prompts" in failed.reason
    assert run.said(Finished)


def test_a_stop_while_pictures_are_encoded_ends_before_the_first_step(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """With many pictures that takes minutes; nobody waits them out to stop."""
    run = Run(tmp_path / "out")
    with pytest.raises(TrainingStopped):
        tiny_train(
            tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "out", run=run, between_steps=lambda _: Asked(stop=True)
        )
    assert run.events[-1] == Stopped(0)
    assert len(run.events) == 2
    assert run.said(Started) == []


@pytest.mark.parametrize("at", [4, 8], ids=["in the middle", "after the last step"])
def test_a_stop_while_previews_are_drawn_is_heard_and_a_resume_draws_them(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, fixed_date: None, at: int
) -> None:
    """On a CPU they take minutes. On another machine the file they are drawn from is missing: the state is enough."""
    recipe = tiny_recipe('previews.prompts=["mame", "a hat"]', "saving.checkpoint_every_n_steps=1000")
    straight = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "straight")
    run = Run(tmp_path / "stopped")
    asked: list[int] = []

    def between_steps(between: Between) -> Asked:
        asked.append(between.step if between.only_stop else 0)
        return Asked(stop=asked[-1] == at and asked.count(at) == 2)  # at the second step of its pictures

    with pytest.raises(TrainingStopped):
        tiny_train(recipe, tiny_pictures, tiny_base, run.out, run=run, between_steps=between_steps)
    assert run.events[-2:] == [Checkpointed(at, str(run.out / "tiny-state" / "state.safetensors")), Stopped(at)]
    assert not run.said(SampleFailed)
    assert not [event for event in run.said(Sampled) if event.step == at]
    other = tmp_path / "other"
    (other / "tiny-state").mkdir(parents=True)
    state = (run.out / "tiny-state" / "state.safetensors").read_bytes()
    (other / "tiny-state" / "state.safetensors").write_bytes(state)
    resumed = tiny_train(recipe, tiny_pictures, tiny_base, other, resume=True)
    assert {event.prompt_index for event in resumed.said(Sampled) if event.step == at} == {0, 1}
    assert {**run.file_bytes(), **resumed.file_bytes()} == straight.file_bytes()
    assert resumed.file_bytes().keys() >= {f"sample/tiny_e{at // 4:06d}_0{index}_1.png" for index in (0, 1)}


def test_a_state_alone_is_enough_for_another_machine_to_take_over(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, fixed_date: None
) -> None:
    """G6: in the middle, and after the last step, whose file is then written again."""
    recipe = tiny_recipe(PROMPTS, "training.epochs=3")
    straight = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "straight")
    last = straight.said(Finished)[0].num_steps
    state = Path("tiny-state") / "state.safetensors"
    for step in (6, last):
        first, second = tmp_path / f"first {step}", tmp_path / f"second {step}"
        if step == last:
            tiny_train(recipe, tiny_pictures, tiny_base, first)
        else:
            with pytest.raises(TrainingStopped):
                tiny_train(recipe, tiny_pictures, tiny_base, first, between_steps=_at(step, Asked(stop=True)))
        (second / state).parent.mkdir(parents=True)
        (second / state).write_bytes((first / state).read_bytes())
        resumed = tiny_train(recipe, tiny_pictures, tiny_base, second, resume=True)
        assert resumed.result is not None
        assert all(path.exists() for path in resumed.result.files)
        assert [Path(path).name for path in resumed.said(Finished)[0].files][-1] == "tiny.safetensors"
        assert {**Run(first).file_bytes(), **resumed.file_bytes()} == straight.file_bytes()
        assert "tiny.safetensors" in resumed.file_bytes()


def test_memory_and_time_left_are_told_with_the_steps(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    run = tiny_train(tiny_recipe(PROMPTS), tiny_pictures, tiny_base, tmp_path / "out")
    stepped = run.said(Stepped)
    assert stepped[0].seconds_left > 0 == stepped[-1].seconds_left
    assert all(event.memory_mib > 50 for event in stepped)


def test_the_rest_is_steps_and_files_and_previews_as_long_as_they_took() -> None:
    """Four epochs of one step; previews with every second file."""
    recipe = tiny_recipe(
        PROMPTS, "training.epochs=4", "training.batch_size=1", "previews.every_n_epochs=2", "pictures.repeats=1"
    )
    plan = plan_training(recipe, [PictureSize("a", 64, 64, 1)])
    assert plan.num_steps == 4
    pace = Pace(plan, recipe)
    assert pace.seconds_left(0) == 0
    pace.stepped(1, 2.0)
    pace.saved(1, 1.0)
    assert pace.seconds_left(1) == pytest.approx(3 * 2 + 1)  # how long previews take is not known yet
    pace.stepped(1, 2.0)
    pace.saved(2, 10.0)
    assert pace.seconds_left(2) == pytest.approx(2 * 2 + 1 + 10)
    assert pace.seconds_left(4) == 0


# --- why a run ended ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "OutOfMemory"),
        (MemoryError(), "OutOfMemory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …"), "OutOfMemory"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8.63 GB, max allowed: 9.07 GB)."), "OutOfMemory"),
        (RuntimeError("CUDA error: out of memory"), "OutOfMemory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "OutOfMemory"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "OutOfMemory"),
        (RuntimeError("HIP error: out of memory"), "OutOfMemory"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "Unforeseen"),
        (OutOfMemory("The computer ran out of memory."), "OutOfMemory"),
        (loop.NotANumber("The loss became nan."), "NotANumber"),
        (BaseModelRefused("It has no unet."), "BaseModelRefused"),
        (ValueError("a bug"), "Unforeseen"),
    ],
)
def test_every_cause_has_a_stable_word(error: BaseException, kind: str) -> None:
    assert kind_of(error) == kind
    worded = in_words(error)
    assert (worded is None) == (kind == "Unforeseen")


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (MemoryError(), "The computer"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "The computer"),
        (torch.OutOfMemoryError("CUDA out of memory"), "The graphics card"),
        (RuntimeError("MPS backend out of memory"), "The graphics card"),
    ],
)
def test_whose_memory_ran_out_is_said(error: BaseException, where: str) -> None:
    worded = in_words(error)
    assert worded is not None
    assert worded.message.startswith(where)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, "DiskFull"), (errno.EDQUOT, "DiskFull"), (errno.EROFS, "StorageFailed")]
)
def test_a_full_disk_is_told_apart_from_other_trouble_with_files(number: int, kind: str) -> None:
    try:
        raise storage_failed(Path("a"), OSError(number, "no")) from OSError(number, "no")
    except EnoguError as error:
        assert kind_of(error) == kind


@pytest.mark.parametrize(
    ("settings", "field", "suggested"),
    [
        (("training.batch_size=4",), "training.gradient_checkpointing", True),
        ((CHECKPOINTING, "training.batch_size=4"), "training.batch_size", 1),
        ((CHECKPOINTING, "training.batch_size=1", "pictures.resolution=768"), "pictures.resolution", 512),
        ((CHECKPOINTING, "training.batch_size=1", "pictures.resolution=64", "adapter.dim=32"), "adapter.dim", 16),
        (
            (CHECKPOINTING, "training.batch_size=1", "pictures.resolution=64", "adapter.dim=1", "adapter.alpha=1"),
            "",
            None,
        ),
    ],
)
def test_without_memory_the_next_try_is_a_smaller_one(
    settings: tuple[str, ...], field: str, suggested: int | None
) -> None:
    """What costs least of the result first: checkpointing, batch, resolution, dim."""
    failed = failed_event(3, OutOfMemory("It is full."), tiny_recipe(*settings))
    assert (failed.step, failed.field, failed.suggested) == (3, field, suggested)


def test_numbers_that_explode_suggest_half_the_learning_rate(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "learning_rate_factor", lambda *_: 1e32)
    run = Run(tmp_path / "out")
    with pytest.raises(TrainingFailed):
        tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "out", run=run)
    (failed,) = run.said(Failed)
    assert (failed.kind, failed.field, failed.suggested) == ("NotANumber", "optimizer.learning_rate", 0.01)


def test_a_refused_recipe_names_its_field() -> None:
    failed = failed_event(0, RecipeRefused((Problem("adapter.dim", "It is -1."),)), None)
    assert (failed.kind, failed.field, failed.suggested) == ("RecipeRefused", "adapter.dim", None)


def test_a_bug_is_not_hidden_as_a_failure_in_words(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    def broken(_: Between) -> Asked:
        raise KeyError("a bug")

    run = Run(tmp_path / "out")
    with pytest.raises(KeyError):
        tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "out", run=run, between_steps=broken)
    assert run.said(Failed) == []


def _at(step: int, asked: Asked) -> Callable[[Between], Asked]:
    """Ask once, behind ``step``."""
    return lambda between: asked if between.step == step else Asked()
