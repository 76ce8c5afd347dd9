"""A state that a disk has damaged never ends a run: the one before it, or the beginning, gives the same bytes (G6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from enogu.engine.control import Asked, Between
from enogu.engine.events import Checkpointed, Failed, Finished, Started, WentBack
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainingStopped, TrainPicture
from enogu.engine.lora_file import LoraFile
from enogu.errors import WrongUse
from tests.unit.engine.tiny_run import Run, random_lora, tiny_recipe, tiny_train

RECIPE = tiny_recipe(
    "saving.checkpoint_every_n_steps=2", "optimizer.kind=prodigy", "captions.shuffle=true", "training.ema_decay=0.9"
)


def cut_off(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


def turn_a_bit(data: bytes) -> bytes:
    """In the middle of the numbers, where the format itself notices nothing."""
    broken = bytearray(data)
    broken[len(data) * 2 // 3] ^= 4
    return bytes(broken)


def overwrite_the_start(data: bytes) -> bytes:
    return b"\0" * 4096 + data[4096:]


def empty(_: bytes) -> bytes:
    return b""


DAMAGES = (cut_off, turn_a_bit, overwrite_the_start, empty)


@pytest.fixture(scope="module")
def straight(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """The run that nobody stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        return tiny_train(RECIPE, tiny_pictures, tiny_base, tmp_path_factory.mktemp("straight"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_with_a_damaged_newest_state_the_run_goes_on_from_the_older_one(
    tiny_base: LoadedBase,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    straight: Run,
    damage: Callable[[bytes], bytes],
) -> None:
    """States of steps 2 and 4 are kept, 5 when it stops; 5 is damaged."""
    run = _stopped(tiny_pictures, tiny_base, tmp_path / "out", at=5)
    assert [event.step for event in run.said(Checkpointed)] == [2, 4, 5]
    newest = run.out / "tiny-state" / "state.safetensors"
    newest.write_bytes(damage(newest.read_bytes()))
    resumed = tiny_train(RECIPE, tiny_pictures, tiny_base, run.out, resume=True)
    (went_back,) = resumed.said(WentBack)
    assert went_back.step == 4
    assert went_back.damage
    assert resumed.said(Started)[0].step == 4
    assert resumed.losses == straight.losses[4:]
    assert resumed.file_bytes() == straight.file_bytes()


def test_with_both_states_damaged_the_run_begins_again_and_ends_the_same(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, straight: Run
) -> None:
    run = _stopped(tiny_pictures, tiny_base, tmp_path / "out", at=6)
    for path in (run.out / "tiny-state").iterdir():
        path.write_bytes(turn_a_bit(path.read_bytes()))
    resumed = tiny_train(RECIPE, tiny_pictures, tiny_base, run.out, resume=True)
    assert [event.step for event in resumed.said(WentBack)] == [0]
    assert resumed.losses == straight.losses
    assert resumed.file_bytes() == straight.file_bytes()


def test_a_run_that_trains_a_lora_further_begins_again_with_that_lora(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """With it at hand; without it the run says so, since what it would begin with is another thing."""
    recipe = tiny_recipe("saving.checkpoint_every_n_steps=2", "start_from=other.safetensors")
    start = LoraFile(Path("other.safetensors"), random_lora(tiny_base, 4, seed=3), {}, "")
    wanted = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "straight", start=start)
    with pytest.raises(TrainingStopped):
        tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out", start=start, between_steps=_stop(3))
    for path in (tmp_path / "out" / "tiny-state").iterdir():
        path.write_bytes(b"")
    run = Run(tmp_path / "out")
    with pytest.raises(WrongUse, match="and so is the one before it"):
        tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out", resume=True, run=run)
    assert run.said(Failed)[0].step == 0
    resumed = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out", resume=True, start=start)
    assert resumed.said(Finished)
    assert resumed.file_bytes() == wanted.file_bytes()


def test_a_run_whose_states_are_whole_says_nothing_of_damage(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, straight: Run
) -> None:
    run = _stopped(tiny_pictures, tiny_base, tmp_path / "out", at=5)
    resumed = tiny_train(RECIPE, tiny_pictures, tiny_base, run.out, resume=True)
    assert not resumed.said(WentBack)
    assert resumed.losses == straight.losses[5:]
    assert resumed.file_bytes() == straight.file_bytes()


def _stopped(pictures: tuple[TrainPicture, ...], base: LoadedBase, out: Path, at: int) -> Run:
    run = Run(out)
    with pytest.raises(TrainingStopped):
        tiny_train(RECIPE, pictures, base, out, run=run, between_steps=_stop(at))
    return run


def _stop(at: int) -> Callable[[Between], Asked]:
    return lambda between: Asked(stop=between.step == at)
