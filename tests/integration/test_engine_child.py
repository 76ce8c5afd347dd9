"""The engine in a child, the real one and the fake: both keep the same promises to the worker (G2, G6, G8)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from enogu.imaging.infotext import parse_infotext, read_png_parameters
from enogu.worker.engine_host import (
    DrawJob,
    EngineDied,
    EngineHost,
    PictureToTrain,
    PlacedBaseModel,
    PlacedLora,
    TrainJob,
)
from tests.tiny_base import write_tiny_base
from tests.unit.engine.tiny_run import tiny_recipe, write_tiny_pictures

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and process groups")

FAKE = (sys.executable, "-m", "enogu.worker.fake_engine")
MOMENT = 20.0
"""No wait here is longer than this; seconds."""


@dataclass(frozen=True)
class Setting:
    """An engine, and what it works with."""

    kind: str
    folder: Path
    base: PlacedBaseModel
    other_base: PlacedBaseModel
    pictures: list[PictureToTrain]

    def host(self, *options: str, **more: Any) -> EngineHost:
        command: Sequence[str] | None = None
        if self.kind == "fake":
            command = [*FAKE, "--seconds-per-step", "0.02", *options]
        return EngineHost(command, "cpu", threads=1, **more)

    def job(self, run_id: str, *settings: str, resume: bool = False, out: Path | None = None) -> TrainJob:
        recipe = tiny_recipe("training.epochs=3", "previews.prompts=a hat", *settings).model_dump(mode="json")
        out = out or self.folder / run_id
        return TrainJob(run_id, recipe, self.pictures, self.base, out, self.folder / "cache", resume)

    def drawing(self, drawing_id: str, **more: Any) -> DrawJob:
        values: dict[str, Any] = {"base_model": self.base, "width": 64, "height": 64, "steps": 2, **more}
        return DrawJob(drawing_id=drawing_id, prompt="1girl, hat", out=self.folder / drawing_id, **values)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[PlacedBaseModel, PlacedBaseModel]:
    places = [write_tiny_base(tmp_path_factory.mktemp("bases") / name, seed) for seed, name in enumerate("ab")]
    return PlacedBaseModel(str(places[0]), "Tiny A"), PlacedBaseModel(str(places[1]), "Tiny B")


@pytest.fixture(params=["fake", "real"])
def setting(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    bases: tuple[PlacedBaseModel, PlacedBaseModel],
    monkeypatch: pytest.MonkeyPatch,
) -> Setting:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    pictures = [
        PictureToTrain(str(p.path), p.caption, p.repeats, p.width, p.height, p.folder)
        for p in write_tiny_pictures(tmp_path / "pictures")
    ]
    return Setting(request.param, tmp_path, *bases, pictures)


@pytest.fixture(scope="module")
def warm_hosts() -> Iterator[dict[str, EngineHost]]:
    """One child of each kind for the tests that do not end it: torch takes seconds to load."""
    hosts: dict[str, EngineHost] = {}
    yield hosts
    for host in hosts.values():
        host.close(5)


@pytest.fixture
def host(setting: Setting, warm_hosts: dict[str, EngineHost]) -> EngineHost:
    if setting.kind not in warm_hosts:
        warm_hosts[setting.kind] = setting.host()
    return warm_hosts[setting.kind]


@pytest.fixture
def own_host(setting: Setting) -> Iterator[EngineHost]:
    """One to be ended by its test."""
    host = setting.host()
    yield host
    host.close(5)


fake_only = pytest.mark.parametrize("setting", ["fake"], indirect=True)
"""For what the two engines have in common (child_loop): starting torch again would take seconds and show no more."""


def names(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def until(events: Iterator[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """What is said up to and with the first ``name``."""
    heard: list[dict[str, Any]] = []
    for event in events:
        heard.append(event)
        if event["event"] == name:
            return heard
    raise AssertionError(f"No {name} among {names(heard)}.")


def files_of(out: Path) -> dict[str, bytes]:
    """LoRA files and previews of the plan; not what was asked for between."""
    found = [*out.glob("*.safetensors"), *out.glob("sample/*_e*.png")]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found if "-step" not in path.name}


def in_thread(do: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(do()), daemon=True)
    thread.start()
    return thread, answers


def wait_for(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + MOMENT
    while not is_so():
        assert time.monotonic() < end, "It did not happen in time."
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


# ---- what goes well --------------------------------------------------------------------------------------------------


def test_a_training_says_and_writes_all_up_to_its_end(setting: Setting, host: EngineHost) -> None:
    events = list(host.train(setting.job("whole")))
    assert {event["run_id"] for event in events} == {"whole"}
    assert names(events)[-1] == "Finished"
    assert {"Loaded", "Cached", "Started", "Stepped", "Saved", "Sampled", "Checkpointed"} <= set(names(events))
    stepped = [event for event in events if event["event"] == "Stepped"]
    assert sum(len(event["losses"]) for event in stepped) == 12
    assert stepped[-1]["seconds_left"] >= 0 and stepped[0]["memory_mib"] > 0
    saved = [Path(event["path"]) for event in events if event["event"] == "Saved"]
    assert [path.name for path in saved] == ["tiny-000001.safetensors", "tiny-000002.safetensors", "tiny.safetensors"]
    with safe_open(saved[-1], framework="numpy") as file:
        metadata = file.metadata()
        keys = set(file.keys())
    assert (metadata["ss_network_dim"], metadata["ss_network_module"]) == ("4", "networks.lora")
    assert metadata["ss_base_model_version"] == "sd_v1"
    assert any(key.startswith("lora_unet_") and key.endswith(".lora_down.weight") for key in keys)
    sampled = next(event for event in events if event["event"] == "Sampled")
    assert "a hat" in parse_infotext(read_png_parameters(Path(sampled["path"])) or "").prompt


def test_a_second_run_finds_its_base_model_warm(setting: Setting, host: EngineHost) -> None:
    list(host.draw(setting.drawing("elsewhere", base_model=setting.other_base, steps=1)))
    (first, *_), (second, *_) = (host.train(setting.job(name)) for name in ("first", "second"))
    assert (first["event"], first["base_model"], first["was_warm"]) == ("Loaded", "Tiny A", False)
    assert (second["event"], second["base_model"], second["was_warm"]) == ("Loaded", "Tiny A", True)


def test_saving_and_sampling_now_change_no_bit_of_the_result(setting: Setting, host: EngineHost) -> None:
    list(host.train(setting.job("straight")))
    events = host.train(setting.job("asked"))
    heard = until(events, "Started")
    host.ask("save")
    host.ask("sample")
    heard += list(events)
    extra = next(event for event in heard if event["event"] == "Saved" and "-step" in event["path"])
    assert Path(extra["path"]).name == f"tiny-step{extra['step']:08d}.safetensors"
    assert any(event["event"] == "Checkpointed" and event["step"] == extra["step"] for event in heard)
    now = [event for event in heard if event["event"] == "Sampled" and "_e0" not in event["path"]]
    assert len(now) == 1 and Path(now[0]["path"]).is_file()
    assert files_of(setting.folder / "asked") == files_of(setting.folder / "straight")


def test_a_stopped_run_goes_on_to_the_same_bytes(setting: Setting, host: EngineHost) -> None:
    list(host.train(setting.job("straight")))
    events = host.train(setting.job("stopped"))
    heard = until(events, "Started")
    host.ask("stop")
    heard += list(events)
    assert names(heard)[-2:] == ["Checkpointed", "Stopped"]
    assert 0 < heard[-1]["step"] < 12
    rest = list(host.train(setting.job("stopped", resume=True)))
    started = next(event for event in rest if event["event"] == "Started")
    assert started["step"] == heard[-1]["step"]
    assert files_of(setting.folder / "stopped") == files_of(setting.folder / "straight")


def test_a_run_taken_over_with_its_state_alone_ends_the_same(setting: Setting, host: EngineHost) -> None:
    """Another machine has the state from the store of files, and none of the earlier epochs."""
    list(host.train(setting.job("straight")))
    events = host.train(setting.job("here"))
    until(chain([until(events, "Saved")[-1]], events), "Checkpointed")
    host.ask("stop")
    list(events)
    there = setting.folder / "there" / "tiny-state"
    there.mkdir(parents=True)
    (there / "state.safetensors").write_bytes((setting.folder / "here/tiny-state/state.safetensors").read_bytes())
    events = list(host.train(setting.job("here", resume=True, out=there.parent)))
    assert names(events)[-1] == "Finished"
    straight, resumed = files_of(setting.folder / "straight"), files_of(there.parent)
    assert resumed["tiny.safetensors"] == straight["tiny.safetensors"]
    assert all(straight[name] == content for name, content in resumed.items())
    assert "tiny-000001.safetensors" not in resumed


@fake_only
def test_a_stop_that_comes_while_the_engine_starts_is_not_lost(setting: Setting, own_host: EngineHost) -> None:
    thread, answers = in_thread(lambda: list(own_host.train(setting.job("early"))))
    wait_for(lambda: own_host.process_id is not None)
    own_host.ask("stop")
    thread.join(MOMENT)
    assert names(answers[0])[-1] == "Stopped"


# ---- drawing ---------------------------------------------------------------------------------------------------------


def test_an_idle_engine_draws_pictures_that_say_how(setting: Setting, host: EngineHost) -> None:
    list(host.train(setting.job("trained", "previews.prompts=[]")))
    lora = PlacedLora(str(setting.folder / "trained/tiny.safetensors"), 0.8, "mame v1.5")
    events = list(host.draw(setting.drawing("drawn", count=2, seed=7, loras=[lora])))
    assert names(events)[-1] == "DrawFinished"
    steps = [(event["done"], event["total"]) for event in events if event["event"] == "DrawStepped"]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    drew = [event for event in events if event["event"] == "Drew"]
    assert [(event["number"], event["seed"], Path(event["path"]).name) for event in drew] == [
        (0, 7, "00.png"),
        (1, 8, "01.png"),
    ]
    found = parse_infotext(read_png_parameters(Path(drew[0]["path"])) or "")
    assert "<lora:mame v1.5:0.8>" in found.prompt
    assert found.settings["Model"] == "Tiny A"


def test_a_drawing_between_two_steps_changes_no_bit_of_the_training(setting: Setting, host: EngineHost) -> None:
    list(host.train(setting.job("straight")))
    alone = list(host.draw(setting.drawing("alone")))
    events = host.train(setting.job("busy", "training.mixed_precision=none"))
    until(events, "Started")
    thread, answers = in_thread(lambda: list(host.draw(setting.drawing("beside"))))
    rest = list(events)
    thread.join(MOMENT)
    assert names(answers[0])[-1] == "DrawFinished"
    assert names(rest)[-1] == "Finished"
    assert files_of(setting.folder / "busy") == files_of(setting.folder / "straight")
    pictures = [next(e for e in said if e["event"] == "Drew")["path"] for said in (alone, answers[0])]
    assert Path(pictures[0]).read_bytes() == Path(pictures[1]).read_bytes()


def test_a_drawing_on_another_base_model_waits_for_the_training(setting: Setting, host: EngineHost) -> None:
    events = host.train(setting.job("first"))
    until(events, "Started")
    thread, answers = in_thread(lambda: list(host.draw(setting.drawing("other", base_model=setting.other_base))))
    assert names(list(events))[-1] == "Finished"
    thread.join(MOMENT)
    assert names(answers[0])[-1] == "DrawFinished"


def test_a_waiting_drawing_can_be_cancelled(setting: Setting, host: EngineHost) -> None:
    cancelled = threading.Event()
    events = host.train(setting.job("first"))
    until(events, "Started")
    job = setting.drawing("other", base_model=setting.other_base)
    thread, answers = in_thread(lambda: list(host.draw(job, cancelled=cancelled.is_set)))
    cancelled.set()
    thread.join(MOMENT)
    assert (names(answers[0]), answers[0][0]["kind"]) == (["DrawFailed"], "Cancelled")
    assert names(list(events))[-1] == "Finished"


def test_a_drawing_in_the_middle_can_be_cancelled(setting: Setting, host: EngineHost) -> None:
    heard: list[dict[str, Any]] = []
    for event in host.draw(setting.drawing("long", steps=100, count=10), cancelled=lambda: len(heard) > 3):
        heard.append(event)
    assert (heard[-1]["event"], heard[-1]["kind"]) == ("DrawFailed", "Cancelled")
    assert names(list(host.draw(setting.drawing("next"))))[-1] == "DrawFinished"


@pytest.mark.parametrize("wrong", ["sampler", "size", "lora", "base model"])
def test_a_drawing_that_cannot_be_says_why(setting: Setting, host: EngineHost, wrong: str) -> None:
    no_lora = setting.folder / "no lora.safetensors"
    no_lora.write_bytes(b"nothing of the kind")
    values: dict[str, Any] = {
        "sampler": {"sampler": "unheard_of"},
        "size": {"width": 77},
        "lora": {"loras": [PlacedLora(str(no_lora), 1.0, "no lora")]},
        "base model": {"base_model": PlacedBaseModel(str(setting.folder / "gone"), "Gone")},
    }[wrong]
    *_, last = host.draw(setting.drawing("wrong", **values))
    assert last["event"] == "DrawFailed"
    assert last["message"] and last["cure"]
    assert last["kind"] in ("WrongUse", "AdapterRefused", "BaseModelRefused")


# ---- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["recipe", "picture", "base model", "state"])
def test_a_run_that_cannot_be_fails_in_words(setting: Setting, host: EngineHost, wrong: str) -> None:
    job = setting.job("wrong")
    pictures, base, recipe = list(job.pictures), job.base_model, dict(job.recipe)
    resume = False
    if wrong == "recipe":
        recipe["adapter"] = {**recipe["adapter"], "dim": -1}
    elif wrong == "picture":
        gone = str(setting.folder / "gone.png")
        pictures[0] = PictureToTrain(gone, "a", 1, 64, 64, "1_a")
    elif wrong == "base model":
        base = PlacedBaseModel(str(setting.folder / "gone"), "Gone")
    else:
        resume = True
        list(host.train(setting.job("another", "seed=8", out=job.out)))
    *_, last = host.train(TrainJob("wrong", recipe, pictures, base, job.out, job.cache, resume))
    kind = {
        "recipe": "RecipeRefused",
        "picture": "PictureRefused",
        "base model": "BaseModelRefused",
        "state": "WrongUse",
    }[wrong]
    assert (last["event"], last["kind"]) == ("Failed", kind)
    assert last["message"]
    assert last["field"] == ("adapter.dim" if wrong == "recipe" else "")
    if wrong == "picture":
        assert "gone.png" in last["message"]
    assert names(list(host.draw(setting.drawing("after"))))[-1] == "DrawFinished"


def test_a_killed_child_is_an_error_in_words_and_the_next_job_has_a_new_one(
    setting: Setting, own_host: EngineHost
) -> None:
    list(own_host.train(setting.job("straight")))
    events = own_host.train(setting.job("killed"))
    until(events, "Checkpointed")
    pid = own_host.process_id
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineDied, match="memory") as died:
        list(events)
    assert died.value.return_code == -9
    assert "batch_size" in died.value.cure
    assert names(list(own_host.train(setting.job("killed", resume=True))))[-1] == "Finished"
    assert own_host.process_id != pid
    assert files_of(setting.folder / "killed") == files_of(setting.folder / "straight")


@fake_only
def test_a_host_that_kills_its_child_leaves_no_process(setting: Setting, own_host: EngineHost) -> None:
    events = own_host.train(setting.job("lost"))
    until(events, "Started")
    pid = own_host.process_id
    assert pid is not None
    own_host.kill()
    assert not is_running(pid)
    with pytest.raises(EngineDied, match="ended by its worker") as died:
        list(events)
    assert died.value.return_code is None


def test_a_host_that_closes_lets_a_training_keep_its_state(setting: Setting, own_host: EngineHost) -> None:
    events = own_host.train(setting.job("closing"))
    heard = until(events, "Started")
    pid = own_host.process_id
    assert pid is not None
    thread, _ = in_thread(lambda: own_host.close(MOMENT))
    heard += list(events)
    thread.join(MOMENT)
    assert names(heard)[-2:] == ["Checkpointed", "Stopped"]
    assert not is_running(pid)


@fake_only
def test_a_training_that_nobody_hears_any_more_is_ended(setting: Setting, own_host: EngineHost) -> None:
    events = own_host.train(setting.job("left"))
    until(events, "Started")
    pid = own_host.process_id
    assert pid is not None
    events.close()  # type: ignore[attr-defined]
    wait_for(lambda: not is_running(pid))
    assert names(list(own_host.draw(setting.drawing("next"))))[-1] == "DrawFinished"


@fake_only
def test_sigterm_stops_a_training_with_its_state_and_ends_the_child(setting: Setting, own_host: EngineHost) -> None:
    events = own_host.train(setting.job("told"))
    heard = until(events, "Started")
    pid = own_host.process_id
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    heard += list(events)
    assert names(heard)[-2:] == ["Checkpointed", "Stopped"]
    wait_for(lambda: not is_running(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_child_ends_when_its_worker_is_killed(setting: Setting, tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys, threading, time
            from enogu.worker.engine_host import EngineHost, DrawJob, PlacedBaseModel
            from pathlib import Path
            host = EngineHost(sys.argv[3:] or None, "cpu", threads=1)
            def first():  # in a thread that ends, as a worker's do
                list(host.draw(DrawJob("d", PlacedBaseModel(sys.argv[1], "a"), "a", Path(sys.argv[2]), width=64,
                                       height=64, steps=1)))
            thread = threading.Thread(target=first)
            thread.start()
            thread.join()
            time.sleep(0.3)
            print(host.process_id, flush=True)
            time.sleep(60)
            """
        )
    )
    command = [sys.executable, str(script), setting.base.folder, str(tmp_path / "d")]
    with subprocess.Popen([*command, *(FAKE if setting.kind == "fake" else [])], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        assert is_running(pid)
        worker.kill()
    wait_for(lambda: not is_running(pid))


def test_lines_that_are_no_commands_are_refused_and_the_child_goes_on(setting: Setting, host: EngineHost) -> None:
    assert names(list(host.draw(setting.drawing("first"))))[-1] == "DrawFinished"
    pid, child = host.process_id, host._child
    assert child is not None
    for line in (b"\n", b"rubbish\n", b"[1]\n", b"\xff\x00\n", b'{"command": "dance"}\n', b'{"command": "train"}\n'):
        child.send(line)
    assert names(list(host.draw(setting.drawing("second"))))[-1] == "DrawFinished"
    assert host.process_id == pid


@fake_only
def test_closing_twice_or_before_anything_began_does_no_harm(setting: Setting) -> None:
    host = setting.host()
    host.close(1)
    host.kill()
    host.ask("stop")
    host.close(1)
    assert host.process_id is None


def test_an_engine_that_cannot_start_says_so(tmp_path: Path) -> None:
    job = DrawJob("d", PlacedBaseModel(str(tmp_path), "a"), "a", tmp_path)
    for command, words in (
        ([str(tmp_path / "missing")], "cannot be started"),
        ([sys.executable, "-c", "import sys; sys.exit('no torch here')"], "no torch here"),
    ):
        with pytest.raises(EngineDied, match=words):
            list(EngineHost(command).draw(job))
    slow = EngineHost([sys.executable, "-c", "import time; time.sleep(60)"], start_seconds=0.3)
    with pytest.raises(EngineDied, match="did not start within"):
        list(slow.draw(job))
    assert slow.process_id is None


def test_the_child_does_not_get_what_opens_the_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENOGU_DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "PGPASSWORD", "HF_TOKEN"):
        monkeypatch.setenv(name, "sesame")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    show = "import os, sys; sys.exit(str([k for k, v in os.environ.items() if v == 'sesame' or k.startswith('CUDA')]))"
    with pytest.raises(EngineDied) as died:
        list(EngineHost([sys.executable, "-c", show]).draw(DrawJob("d", PlacedBaseModel("a", "a"), "a", tmp_path)))
    assert died.value.last_words == ("['CUDA_VISIBLE_DEVICES']",)


@pytest.mark.parametrize("kind", ["NotANumber", "OutOfMemory"])
def test_the_fake_fails_and_dies_when_it_is_told_to(
    bases: tuple[PlacedBaseModel, PlacedBaseModel], tmp_path: Path, kind: str
) -> None:
    pictures = [
        PictureToTrain(str(p.path), p.caption, p.repeats, p.width, p.height, p.folder)
        for p in write_tiny_pictures(tmp_path / "pictures")
    ]
    setting = Setting("fake", tmp_path, *bases, pictures)
    failing = setting.host("--fail-at", "5", "--fail-kind", kind)
    *_, last = failing.train(setting.job("fails"))
    assert (last["event"], last["kind"], last["step"]) == ("Failed", kind, 4)
    assert last["field"] and last["suggested"]
    failing.close(2)
    dying = setting.host("--die-at", "5")
    with pytest.raises(EngineDied):
        list(dying.train(setting.job("dies")))
    dying.close(2)


def test_the_fake_starts_at_once_and_without_torch(
    bases: tuple[PlacedBaseModel, PlacedBaseModel], tmp_path: Path
) -> None:
    code = "import enogu.worker.fake_engine, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
