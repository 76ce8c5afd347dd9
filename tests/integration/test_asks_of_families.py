"""Pause, resume, save now and sample now, asked as a worker asks: heard behind the very step, in each family (G2, G6).

The child's own loop with the real engine, in this process: a line that comes while a step is made is put in at the
moment at which that step's state is told, so that "within one step" is no matter of luck. And once in a real child
that is killed while it does what it was asked.
"""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import pytest

from enogu.worker.child_loop import ChildLoop
from enogu.worker.engine_child import RealEngine
from enogu.worker.engine_host import EngineDied, EngineHost
from enogu.worker.engine_messages import PictureToTrain, PlacedBaseModel, TrainJob, command_line
from tests.tiny_base import write_tiny_base
from tests.tiny_flux import write_tiny_flux
from tests.tiny_sdxl import write_tiny_sdxl
from tests.unit.engine.tiny_run import tiny_recipe, write_tiny_pictures

BASES: dict[str, Callable[[Path], Path]] = {"sd15": write_tiny_base, "sdxl": write_tiny_sdxl, "flux": write_tiny_flux}
SETTINGS = (
    "previews.prompts=a hat",
    "saving.checkpoint_every_n_steps=1",
    "optimizer.learning_rate=0.002",
)


class Listener(io.RawIOBase):
    """Where the child's events go; answers some of them with lines of its own, as a worker would."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.answers: dict[int, tuple[str, ...]] = {}
        """What to ask when the state of a step is told for the first time."""
        self.loop = ChildLoop(io.BytesIO(), cast(IO[bytes], self))

    def write(self, line: Any) -> int:
        event = json.loads(bytes(line))
        self.events.append(event)
        if event["event"] == "Checkpointed":
            for what in self.answers.pop(event["step"], ()):
                self.loop._take(command_line(what))
        return len(line)

    def said(self, *names: str) -> list[tuple[str, int]]:
        return [(event["event"], event["step"]) for event in self.events if event["event"] in names]


@pytest.fixture(scope="module", params=sorted(BASES))
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PlacedBaseModel:
    folder = BASES[request.param](tmp_path_factory.mktemp("bases") / request.param)
    return PlacedBaseModel(str(folder), f"Tiny {request.param}")


@pytest.fixture(scope="module")
def engine() -> RealEngine:
    return RealEngine("cpu", 1)


@pytest.fixture
def make_job(base: PlacedBaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TrainJob]:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    pictures = [
        PictureToTrain(str(p.path), p.caption, p.repeats, p.width, p.height, p.folder)
        for p in write_tiny_pictures(tmp_path / "pictures")[:3]
    ]
    sampler = ("previews.sampler=euler",) if "flux" in base.name else ()
    recipe = tiny_recipe(*SETTINGS, *sampler).model_dump(mode="json")

    def make(name: str, *, resume: bool = False) -> TrainJob:
        return TrainJob(name, recipe, pictures, base, tmp_path / name, tmp_path / "cache", resume)

    return make


def test_what_is_asked_while_a_step_is_made_is_done_behind_that_step(
    engine: RealEngine, make_job: Callable[..., TrainJob]
) -> None:
    """Save and sample at 2; pause, with a save behind it, at 4; then the run goes on, with all its bytes."""
    straight = Listener()
    straight.loop._train(engine, make_job("straight"))
    assert straight.events[-1]["event"] == "Finished", straight.events[-1]
    assert not straight.said("SampleFailed")
    asked = Listener()
    asked.answers = {2: ("save", "sample"), 4: ("stop", "save")}
    asked.loop._train(engine, make_job("asked"))
    out = make_job("asked").out
    extra = [event for event in asked.events if event["event"] == "Saved" and "-step" in event["path"]]
    assert [(event["step"], Path(event["path"]).name) for event in extra] == [
        (2, "tiny-step00000002.safetensors"),
        (4, "tiny-step00000004.safetensors"),
    ]
    assert not asked.said("SampleFailed")
    assert (out / "sample" / "tiny_000002_00_1.png").is_file()
    assert asked.said("Stopped") == [("Stopped", 4)]
    assert [event["event"] for event in asked.events[-2:]] == ["Checkpointed", "Stopped"]
    assert max(event["step"] for event in asked.events if event["event"] == "Stepped") == 4
    resumed = Listener()
    resumed.loop._train(engine, make_job("asked", resume=True))
    assert resumed.said("Started") == [("Started", 4)]
    assert _files_of(out) == _files_of(make_job("straight").out)
    assert _losses_of(asked) + _losses_of(resumed) == _losses_of(straight)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_paused_then_saved_then_killed_a_run_goes_on_to_the_same_bytes(
    engine: RealEngine, make_job: Callable[..., TrainJob]
) -> None:
    """The child is killed as soon as both are asked, wherever it is with them, and a new one goes on."""
    straight = Listener()
    straight.loop._train(engine, make_job("straight"))
    host = EngineHost(None, "cpu", threads=1)
    try:
        with pytest.raises(EngineDied):
            for event in host.train(make_job("killed")):
                if event["event"] == "Checkpointed" and event["step"] == 3:
                    host.ask("stop")
                    host.ask("save")
                    assert host.process_id is not None
                    os.kill(host.process_id, signal.SIGKILL)
                if event["event"] in ("Finished", "Failed"):
                    raise AssertionError(event)
                if event["event"] == "Stopped":  # it was quicker than the signal
                    raise EngineDied("It had stopped already.", "", -9, ())
    finally:
        host.close(5)
    resumed = Listener()
    resumed.loop._train(engine, make_job("killed", resume=True))
    assert resumed.events[-1]["event"] == "Finished"
    assert 3 <= resumed.said("Started")[0][1] < 6
    assert _files_of(make_job("killed").out) == _files_of(make_job("straight").out)


def _files_of(out: Path) -> dict[str, bytes]:
    """LoRA files and previews of the plan."""
    found = [*out.glob("*.safetensors"), *out.glob("sample/*_e*.png")]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found if "-step" not in path.name}


def _losses_of(listener: Listener) -> list[float]:
    return [loss for event in listener.events if event["event"] == "Stepped" for loss in event["losses"]]
