"""A run from its start to its bill: real slices, a child process with the fake engine, a worker in this process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.bootstrap import Studio, open_studio
from enogu.datasets import service as datasets
from enogu.imaging.decoder import DirectDecoder
from enogu.imaging.infotext import parse_infotext, read_png_parameters
from enogu.runs import service as runs
from enogu.runs.entities import Run
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.storage.database import reading, transaction, utc_now
from enogu.worker import run_handler
from enogu.worker.engine_host import EngineHost
from enogu.worker.in_process import run_one_job

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills a process by a signal")

FAKE = (sys.executable, "-m", "enogu.worker.fake_engine")
RECIPE = {
    "base_model": "starter",
    "pictures": {"resolution": 128, "repeats": 2},
    "training": {"epochs": 4, "batch_size": 2},
    "adapter": {"dim": 4},
    "saving": {"checkpoint_every_n_steps": 3},
    "previews": {"prompts": ["mame, smile"], "steps": 4},
}


class Workshop:
    """A studio with an account that pays, the sample pictures, and a worker's engine."""

    def __init__(self, home: Path) -> None:
        self.studio: Studio = open_studio(Settings(home))
        with transaction(self.studio.engine) as session:
            self.account: Account = accounts.create_account(session, "someone", None, utc_now())
            dataset = datasets.ensure_samples(session, self.studio.files, DirectDecoder(), self.account.id)
        assert dataset is not None
        self.dataset_id = dataset.id
        self.host = EngineHost([*FAKE, "--seconds-per-step", "0.02"], "cpu")

    def start(self) -> Run:
        with transaction(self.studio.engine) as session:
            wish = runs.RunWish(self.dataset_id, RECIPE)
            return runs.start_run(session, self.studio.settings, self.studio.metering, self.account, wish, utc_now())

    def work(self, host: EngineHost | None = None) -> None:
        job = run_one_job(self.studio, lanes=("train",), engine_host=host or self.host, beat_seconds=0.1)
        assert job is not None

    def get(self, run: Run) -> Run:
        with reading(self.studio.engine) as session:
            return runs.get_run(session, self.account.id, run.id)

    def files_of(self, run: Run) -> dict[str, str]:
        """sha256 by name, of what the recipe asks for."""
        with reading(self.studio.engine) as session:
            epochs = runs.list_epochs(session, self.account.id, run.id)
        return {epoch.filename: epoch.sha256 for epoch in epochs if not epoch.is_extra}

    def stamina_left(self) -> int:
        with reading(self.studio.engine) as session:
            return stamina.get_balance(session, self.studio.metering, self.account, utc_now()).stamina

    def wait_until(self, run: Run, is_so: Callable[[Run], bool]) -> None:
        end = time.monotonic() + 20
        while not is_so(self.get(run)):
            assert time.monotonic() < end, self.get(run)
            time.sleep(0.01)

    def meanwhile(self, do: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=do, daemon=True)
        thread.start()
        return thread


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    monkeypatch.setattr(run_handler, "ASK_SECONDS", 0.02)
    monkeypatch.setattr(run_handler, "BATCH_SECONDS", 0.05)
    shop = Workshop(tmp_path / "home")
    yield shop
    shop.host.close(3)
    shop.studio.close()


def test_a_run_ends_with_its_files_its_pictures_and_its_bill(workshop: Workshop, tmp_path: Path) -> None:
    """F1, F24, F27: what was asked for is kept and can be taken out again."""
    run = workshop.start()
    before = workshop.stamina_left()
    workshop.work()
    done = workshop.get(run)
    assert (done.state, done.step, done.charged) == ("finished", run.num_steps, run.quoted)
    assert len(workshop.files_of(run)) == 4
    with reading(workshop.studio.engine) as session:
        samples = runs.list_samples(session, workshop.account.id, run.id)
        curve = runs.loss_curve(session, workshop.account.id, run.id, weight=0.5)
        file = runs.find_epoch(session, workshop.account.id, run.id, 4)
    assert [sample.epoch for sample in samples] == [1, 2, 3, 4]
    assert len(curve) == run.num_steps
    assert done.charged > 0
    assert workshop.stamina_left() == before  # it was reserved when the run was started
    picture = tmp_path / "sample.png"
    picture.write_bytes(b"".join(workshop.studio.files.get(samples[-1].sha256)))
    assert parse_infotext(read_png_parameters(picture) or "").prompt.startswith("mame, smile")
    assert file is not None
    assert b"networks.lora" in b"".join(workshop.studio.files.get(file.sha256))


def test_a_run_whose_engine_was_killed_goes_on_to_the_same_bytes(workshop: Workshop) -> None:
    """G6, G8: a failure in words that costs nothing, and its retry does not begin anew."""
    straight = workshop.start()
    workshop.work()
    killed = workshop.start()

    def kill_it() -> None:
        workshop.wait_until(killed, lambda run: run.checkpoint_step >= 3)
        pid = workshop.host.process_id
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    killer = workshop.meanwhile(kill_it)
    workshop.work()
    killer.join(20)
    failed = workshop.get(killed)
    assert failed.failure is not None
    assert (failed.state, failed.failure.kind, failed.charged) == ("failed", "OutOfMemory", 0)
    assert 3 <= failed.checkpoint_step < failed.num_steps
    with transaction(workshop.studio.engine) as session:
        studio = workshop.studio
        runs.retry_run(session, studio.settings, studio.metering, workshop.account, killed.id, utc_now())
    workshop.work()
    done = workshop.get(killed)
    assert (done.state, done.attempt, done.charged) == ("finished", 2, killed.quoted)
    assert workshop.files_of(killed) == workshop.files_of(straight)


def test_a_paused_run_goes_on_elsewhere_to_the_same_bytes(workshop: Workshop) -> None:
    """G2, G5: another worker has its own engine and none of the first one's files."""
    straight = workshop.start()
    workshop.work()
    paused = workshop.start()

    def pause_it() -> None:
        workshop.wait_until(paused, lambda run: run.checkpoint_step >= 3)
        with transaction(workshop.studio.engine) as session:
            runs.ask_run(session, workshop.account.id, paused.id, "save", utc_now())
        with transaction(workshop.studio.engine) as session:
            runs.pause_run(session, workshop.account.id, paused.id, utc_now())

    person = workshop.meanwhile(pause_it)
    workshop.work()
    person.join(20)
    assert workshop.get(paused).state == "paused"
    work = workshop.studio.settings.home / "work"
    work.rename(work.with_name("the first machine's"))
    with transaction(workshop.studio.engine) as session:
        runs.resume_run(session, workshop.studio.metering, workshop.account, paused.id, utc_now())
    other = EngineHost(FAKE, "cpu")
    workshop.work(other)
    other.close(3)
    assert workshop.get(paused).state == "finished"
    assert workshop.files_of(paused) == workshop.files_of(straight)


def test_a_failure_of_the_engine_is_the_runs_with_what_to_change(workshop: Workshop) -> None:
    run = workshop.start()
    failing = EngineHost([*FAKE, "--fail-at", "5"], "cpu")
    workshop.work(failing)
    failing.close(3)
    failed = workshop.get(run)
    assert failed.failure is not None
    assert (failed.state, failed.failure.kind, failed.failure.path) == (
        "failed",
        "NotANumber",
        "optimizer.learning_rate",
    )
    assert failed.charged == 0
