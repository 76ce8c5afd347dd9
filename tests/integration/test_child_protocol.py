"""The child's side of the pipe by itself, line for line: garbage, a worker that is gone, SIGTERM (decision 0013)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from enogu.engine.loop import TrainPicture
from enogu.worker.engine_messages import DrawJob, PictureToTrain, PlacedBaseModel, TrainJob, command_line
from tests.unit.engine.tiny_run import tiny_recipe

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")

PATIENCE_SECONDS = 60


class Child:
    """A child whose lines we write and read ourselves."""

    def __init__(self, process: subprocess.Popen[bytes], commands: IO[bytes], events: IO[bytes]) -> None:
        self.process, self._commands, self._events = process, commands, events

    def send(self, *lines: bytes) -> None:
        self._commands.write(b"".join(lines))
        self._commands.flush()

    def hear(self, until: str = "") -> list[dict[str, Any]]:
        """Up to the event of that name, or to the end."""
        heard: list[dict[str, Any]] = []
        for line in self._events:
            heard.append(json.loads(line))
            if heard[-1]["event"] == until:
                return heard
        return heard

    def hang_up(self) -> None:
        self._commands.close()


@contextmanager
def _started(kind: str, parent: int | None = None) -> Iterator[Child]:
    module = {"real": "engine_child", "fake": "fake_engine"}[kind]
    options = ["--seconds-per-step", "0.02"] if kind == "fake" else []
    with subprocess.Popen(
        [
            *(sys.executable, "-m", f"enogu.worker.{module}", "--device", "cpu", "--threads", "1"),
            *("--parent", str(os.getpid() if parent is None else parent)),
            *options,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Child(process, process.stdin, process.stdout)
        finally:
            process.kill()


@pytest.fixture(params=["fake", "real"])
def start(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Starts a child of either kind."""
    return lambda parent=None: _started(request.param, parent)


@pytest.fixture
def job(tiny_base_folder: Path, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path) -> TrainJob:
    """Twelve steps."""
    pictures = [PictureToTrain(str(p.path), p.caption, p.repeats, p.width, p.height, p.folder) for p in tiny_pictures]
    recipe = tiny_recipe("training.epochs=3").model_dump(mode="json")
    base = PlacedBaseModel(str(tiny_base_folder), "tiny")
    return TrainJob("run", recipe, pictures, base, tmp_path / "out", tmp_path / "cache")


def test_garbage_is_told_and_what_follows_is_done(start: Callable[..., Any], job: TrainJob) -> None:
    """A line that names its run or drawing ends that, so that nobody waits for it."""
    with start() as child:
        child.send(
            b"\xff\xfe\n[]\n\n",
            b'{"command": "dance"}\n',
            b'{"command": "train", "job": {"run_id": "lost", "x": 1}}\n',
            b'{"command": "draw", "job": {"drawing_id": "lost"}}\n',
            b'{"command": "draw", "job": 7}\n',
            b"[" * 100_000 + b"\n",
            command_line("stop"),
            command_line("draw", _drawing(job, "whole")),
            command_line("quit"),
        )
        said = child.hear()
        assert child.process.wait(PATIENCE_SECONDS) == 0
    kinds = [event["event"] for event in said]
    assert kinds.count("ProtocolFailed") == 7
    assert [(e["run_id"], e["kind"]) for e in said if e["event"] == "Failed"] == [("lost", "ProtocolFailed")]
    assert [(e["drawing_id"], e["kind"]) for e in said if e["event"] == "DrawFailed"] == [("lost", "ProtocolFailed")]
    assert said[-1] == {"event": "DrawFinished", "drawing_id": "whole"}


def test_a_drawing_on_another_base_model_beside_a_training_is_told_that_it_is_busy(
    start: Callable[..., Any], job: TrainJob
) -> None:
    with start() as child:
        other = PlacedBaseModel(str(job.out), "other")
        child.send(command_line("train", job))
        child.hear("Started")
        child.send(command_line("draw", _drawing(job, "other", other)), command_line("draw", _drawing(job, "same")))
        said = child.hear("DrawFinished")
        child.send(command_line("quit"))
        rest = child.hear()
    ends = [(e["drawing_id"], e.get("kind")) for e in said if e["event"] in ("DrawFailed", "DrawFinished")]
    assert ends == [("other", "Busy"), ("same", None)]
    assert rest[-1]["event"] == "Stopped"


def test_a_stop_and_a_quit_lose_no_drawing_that_was_asked_before(start: Callable[..., Any], job: TrainJob) -> None:
    """Mostly drawn behind the training, since whoever stops a run does not wait for pictures."""
    with start() as child:
        child.send(command_line("train", job))
        child.hear("Started")
        child.send(command_line("draw", _drawing(job, "later")), command_line("stop"), command_line("quit"))
        said = child.hear()
    ends = [event["event"] for event in said if event["event"] in ("Stopped", "DrawFinished")]
    assert ends in (["Stopped", "DrawFinished"], ["DrawFinished", "Stopped"])
    assert said[-1]["event"] == ends[-1]


def test_quit_and_sigterm_keep_the_state_first(start: Callable[..., Any], job: TrainJob) -> None:
    with start() as child:
        child.send(command_line("train", job))
        child.hear("Started")
        child.process.send_signal(signal.SIGTERM)
        said = child.hear()
        assert child.process.wait(PATIENCE_SECONDS) == 0
    assert [event["event"] for event in said][-2:] == ["Checkpointed", "Stopped"]
    assert (job.out / "tiny-state" / "state.safetensors").is_file()


def test_a_child_whose_worker_hangs_up_ends_at_once_and_saves_nothing(start: Callable[..., Any], job: TrainJob) -> None:
    """Somebody else may have the run by then."""
    with start() as child:
        child.send(command_line("train", job))
        child.hear("Started")
        child.hang_up()
        said = child.hear()
        child.process.wait(PATIENCE_SECONDS)
    assert not [event for event in said if event["event"] in ("Finished", "Stopped")]


def test_a_child_whose_worker_was_gone_before_it_began_ends(start: Callable[..., Any]) -> None:
    with start(parent=1) as child:
        assert child.hear() == []
        assert child.process.wait(PATIENCE_SECONDS) == 0


def _drawing(job: TrainJob, drawing_id: str, base: PlacedBaseModel | None = None) -> DrawJob:
    return DrawJob(drawing_id, base or job.base_model, "a hat", job.out / drawing_id, width=64, height=64, steps=2)
