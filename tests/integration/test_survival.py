"""Workers are killed at random until all is done: everything ends well, once, for its price and with its bytes (G6)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.bootstrap import Studio, open_studio
from enogu.datasets import service as datasets
from enogu.imaging.decoder import DirectDecoder
from enogu.runs import service as runs
from enogu.runs.entities import Run
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.storage.database import reading, transaction, utc_now
from tests.tiny_base import write_tiny_base

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes by a signal")

SCRIPT = Path(__file__).with_name("run_worker_to_kill.py")
LONGEST_SECONDS = 400
RECIPE = {
    "pictures": {"resolution": 64, "repeats": 1, "bucket_step": 64},
    "training": {"epochs": 3, "batch_size": 2},
    "adapter": {"dim": 4},
    "saving": {"checkpoint_every_n_steps": 2},
    "previews": {"prompts": ["mame, smile"], "steps": 2, "width": 64, "height": 64},
}


class Site:
    """A studio in which somebody with a large plan wants much at once, and workers that are killed."""

    def __init__(self, settings: Settings, engine: str) -> None:
        self.studio: Studio = open_studio(settings)
        self.engine = engine
        self.chance = random.Random(7)
        self.num_kills = 0
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        with transaction(self.studio.engine) as session:
            made = accounts.create_account(session, "someone", None, utc_now(), plan_name="pro")
            self.account: Account = accounts.get_account(session, made.id)
            dataset = datasets.ensure_samples(session, self.studio.files, DirectDecoder(), made.id)
        assert dataset is not None
        self.dataset_id = dataset.id

    def start(self, seed: int = 42, base_model: str = "starter") -> Run:
        wish = runs.RunWish(self.dataset_id, {**RECIPE, "seed": seed, "base_model": base_model})
        with transaction(self.studio.engine) as session:
            return runs.start_run(session, self.studio.settings, self.studio.metering, self.account, wish, utc_now())

    def work(self, name: str) -> None:
        """Start the worker ``name``, or start it again."""
        environment = os.environ | {
            "ENOGU_HOME": str(self.studio.settings.home),
            "ENOGU_DATABASE_URL": self.studio.settings.database_url,
            "PYTHONPATH": str(SCRIPT.parents[2]),
            "OMP_NUM_THREADS": "1",
            "SOURCE_DATE_EPOCH": "1700000000",
        }
        log = (self.studio.settings.home / f"{name}.log").open("ab")
        with log:
            self.workers[name] = subprocess.Popen(
                [sys.executable, SCRIPT, name, self.engine], env=environment, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """As the kernel does it when memory runs out: no signal handler, no good-bye."""
        self.workers[name].kill()
        self.workers[name].wait(30)
        self.num_kills += 1

    def runs(self) -> tuple[Run, ...]:
        with reading(self.studio.engine) as session:
            return runs.list_runs(session, self.account.id, limit=100)

    def resume_parked(self) -> None:
        """What a person does whose run stopped because its worker died twice at one place."""
        for run in self.runs():
            if run.state == "parked":
                with transaction(self.studio.engine) as session:
                    runs.retry_run(session, self.studio.settings, self.studio.metering, self.account, run.id, utc_now())

    def until_over(self, *, kill_after: tuple[float, float] | None, most_kills: int = 1000) -> None:
        """Until every run has finished; meanwhile workers are killed and started again.

        A kill waits for progress since the last one and then for a random time between the two of ``kill_after``
        in seconds: so a quick machine has no fewer of them than a slow one, and none meets a worker that only starts.
        """
        until = time.monotonic() + LONGEST_SECONDS
        steps_at_kill, next_kill = 0, None
        while any(run.state != "finished" for run in self.runs()):
            assert time.monotonic() < until, [(run.state, run.step, run.failure) for run in self.runs()]
            steps = sum(run.step for run in self.runs())
            if next_kill is None and steps != steps_at_kill and kill_after and self.num_kills < most_kills:
                next_kill = time.monotonic() + self.chance.uniform(*kill_after)
            if next_kill is not None and time.monotonic() >= next_kill:
                name = self.chance.choice(sorted(self.workers))
                self.kill(name)
                self.work(name)
                steps_at_kill, next_kill = sum(run.step for run in self.runs()), None
            self.resume_parked()
            time.sleep(0.05)

    def close(self) -> None:
        for worker in self.workers.values():
            worker.kill()
            worker.wait(30)
        self.studio.close()


@pytest.fixture
def site(enogu_home: Path, database_url: str) -> Iterator[Site]:
    opened = Site(Settings(enogu_home, database_url), "fake")
    yield opened
    opened.close()


def test_thirty_runs_finish_once_each_for_their_price_however_often_workers_are_killed(site: Site) -> None:
    """Two workers, SIGKILL at random about every second of work until done; on SQLite and PostgreSQL."""
    started = [site.start(seed) for seed in range(30)]
    for name in ("one", "two"):
        site.work(name)
    site.until_over(kill_after=(0.1, 1.2))
    assert site.num_kills >= 5
    ended = site.runs()
    assert {run.id for run in ended} == {run.id for run in started}
    with reading(site.studio.engine) as session:
        for run in ended:
            assert run.charged == run.quoted > 0
            events = runs.list_events(session, site.account.id, run.id, 0, limit=10_000)
            states = [event.data["state"] for event in events if event.kind == "StateChanged"]
            assert states.count("finished") == 1
            assert states[-1] == "finished"
            epochs = runs.list_epochs(session, site.account.id, run.id)
            assert [(one.epoch, one.is_extra) for one in epochs] == [(1, False), (2, False), (3, False)]
            assert all(site.studio.files.find(one.sha256) is not None for one in epochs)
            assert len(runs.list_samples(session, site.account.id, run.id)) == 3
        entries = stamina.list_entries(session, site.studio.metering, site.account, utc_now(), limit=200)
        balance = stamina.get_balance(session, site.studio.metering, site.account, utc_now()).stamina
    per_attempt = Counter((entry.run_id, entry.attempt, entry.kind) for entry in entries if entry.run_id)
    assert set(per_attempt.values()) == {1}, "nothing is reserved or settled twice"
    granted = sum(entry.amount for entry in entries if entry.kind == "granted")
    assert balance == granted - sum(run.quoted for run in ended)


@pytest.mark.slow
def test_runs_of_the_real_engine_end_with_the_same_bytes_however_often_workers_are_killed(
    enogu_home: Path, tmp_path: Path
) -> None:
    """Three trainings on two workers under SIGKILL, against three that nobody disturbed (G6)."""
    hashes: list[list[list[str]]] = []
    for name, kill_after in (("quiet", None), ("disturbed", (0.0, 0.4))):
        settings = Settings(tmp_path / name)
        write_tiny_base(settings.base_models_folder / "tiny")
        site = Site(settings, "real")
        try:
            started = [site.start(seed, "tiny") for seed in (1, 2, 3)]
            for worker in ("one", "two"):
                site.work(worker)
            site.until_over(kill_after=kill_after, most_kills=5)
            assert site.num_kills >= (2 if kill_after else 0)
            with reading(site.studio.engine) as session:
                hashes.append(
                    [[one.sha256 for one in runs.list_epochs(session, site.account.id, run.id)] for run in started]
                )
        finally:
            site.close()
    quiet, disturbed = hashes
    assert disturbed == quiet
    assert len({one for run in quiet for one in run}) == 9, "three epochs of three seeds, all different"
