"""Real workers, killed, stopped, frozen, and cut off from their database: nothing is lost, nothing done twice (D5)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.engine import make_url

from enogu.bootstrap import Studio, open_studio
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.settings import Settings
from enogu.storage.database import new_id, reading, transaction, utc_now

SCRIPT = Path(__file__).with_name("worker_to_kill.py")
QUICK = ("0.2", "1.0")
DEFAULT = ("2", "8")
OWNER = "a" * 26

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def studio(enogu_home: Path, database_url: str) -> Iterator[Studio]:
    opened = open_studio(Settings(enogu_home, database_url))
    yield opened
    opened.close()


@pytest.fixture
def start(studio: Studio, tmp_path: Path) -> Iterator[Start]:
    """Start a worker; it is ended with the test."""
    workers: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "ENOGU_HOME": str(studio.settings.home),
        "ENOGU_DATABASE_URL": studio.settings.database_url,
        "PYTHONPATH": str(SCRIPT.parents[2]),
    }

    def begin(name: str = "one", pace: tuple[str, str] = QUICK) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{name}.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, SCRIPT, name, *pace], env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        workers.append(worker)
        return worker

    yield begin
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
        worker.wait(20)


def enqueue(studio: Studio, steps: int = 1, *, kind: str = "count", step_seconds: float = 0.05) -> Job:
    with transaction(studio.engine) as session:
        return queue.enqueue(
            session,
            lane="train",
            kind=kind,
            owner_id=OWNER,
            subject_id=new_id(),
            priority=1,
            now=utc_now(),
            payload={"steps": steps, "step_seconds": step_seconds},
        )


def look(studio: Studio, job: Job) -> Job:
    with reading(studio.engine) as session:
        found = queue.find_job(session, job.id)
    assert found is not None
    return found


def lines(studio: Studio, job: Job) -> list[list[str]]:
    file = studio.settings.home / f"{job.subject_id}.lines"
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def wait_until(is_so: Callable[[], bool], seconds: float = 30) -> float:
    """How long it took."""
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() < begun + seconds, "it did not become so in time"
        time.sleep(0.02)
    return time.monotonic() - begun


def is_done(studio: Studio, job: Job) -> bool:
    seen = look(studio, job)
    assert seen.state in ("waiting", "running", "done"), seen
    return seen.state == "done"


def test_another_worker_takes_over_within_fifteen_seconds_of_a_kill(studio: Studio, start: Start) -> None:
    """At the default pace on SQLite, where it is the slower one; it goes on where the dead one was."""
    pace = DEFAULT if studio.engine.dialect.name == "sqlite" else QUICK
    dead = start("one", pace)
    job = enqueue(studio, 40, step_seconds=0.3)  # still at it when the other worker has started
    wait_until(lambda: len(lines(studio, job)) >= 5)
    start("two", pace)
    worker_two = f"{socket.gethostname()}:cpu:two"
    wait_until(lambda: any(one.id == worker_two for one in _live(studio)))
    dead.kill()
    seconds = wait_until(lambda: look(studio, job).worker_id == worker_two)
    print(f"takeover on {studio.engine.dialect.name}: {seconds:.1f} s after the kill")
    assert seconds < 15
    wait_until(lambda: is_done(studio, job))
    assert [int(step) for _, _, step in lines(studio, job)] == list(range(1, 41))
    assert look(studio, job).attempts == 2


def _live(studio: Studio) -> tuple[queue.Worker, ...]:
    with reading(studio.engine) as session:
        return queue.list_live_workers(session, queue.read_now(studio.engine))


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_the_same_worker_started_again_goes_on_at_once(studio: Studio, start: Start) -> None:
    dead = start("one", DEFAULT)
    job = enqueue(studio, 30)
    wait_until(lambda: len(lines(studio, job)) >= 3)
    dead.kill()
    dead.wait(10)
    start("one", DEFAULT)
    seconds = wait_until(lambda: look(studio, job).attempts == 2)
    assert seconds < 7  # well before silence would be noticed
    wait_until(lambda: is_done(studio, job))
    assert [int(step) for _, _, step in lines(studio, job)] == list(range(1, 31))


@pytest.mark.parametrize(
    ("number", "database_kind"), [(signal.SIGTERM, "sqlite"), (signal.SIGTERM, "postgresql"), (signal.SIGINT, "sqlite")]
)
def test_stopping_a_worker_loses_nothing_and_starting_it_again_goes_on(
    studio: Studio, start: Start, number: signal.Signals, tmp_path: Path
) -> None:
    worker = start()
    job = enqueue(studio, 30)
    wait_until(lambda: len(lines(studio, job)) >= 3)
    worker.send_signal(number)
    assert worker.wait(20) == 0
    seen = look(studio, job)
    assert (seen.state, seen.deaths, seen.worker_id) == ("waiting", 0, None)
    assert "tidy, torch loaded: False" in (tmp_path / "one.log").read_text()
    start()
    wait_until(lambda: is_done(studio, job))
    assert [int(step) for _, _, step in lines(studio, job)] == list(range(1, 31))


def test_two_workers_share_twenty_jobs_and_do_none_twice(studio: Studio, start: Start) -> None:
    jobs = [enqueue(studio, 3) for _ in range(20)]
    start("one"), start("two")
    wait_until(lambda: all(is_done(studio, job) for job in jobs))
    assert all([int(step) for _, _, step in lines(studio, job)] == [1, 2, 3] for job in jobs)
    assert {look(studio, job).attempts for job in jobs} == {1}
    assert len({look(studio, job).worker_id for job in jobs}) == 2


def test_a_job_that_kills_its_workers_is_parked_and_the_next_one_is_done(studio: Studio, start: Start) -> None:
    killer, good = enqueue(studio, kind="die"), enqueue(studio, 2)
    for _ in range(2):
        assert start().wait(20) == -signal.SIGKILL
    worker = start()
    wait_until(lambda: is_done(studio, good))
    assert look(studio, killer).state == "parked"
    told = studio.settings.home / f"{killer.subject_id}.parked"
    wait_until(told.exists)
    assert "2 times" in told.read_text()
    assert psutil.Process(worker.pid).memory_info().rss < 250 * 2**20


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is not known there")
@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_worker_that_slept_through_its_takeover_writes_nothing_more(studio: Studio, start: Start) -> None:
    workers = {name: start(name) for name in ("one", "two")}
    job = enqueue(studio, 60)
    wait_until(lambda: len(lines(studio, job)) >= 3)
    name = str(look(studio, job).worker_id).rpartition(":")[2]
    owner, other = workers[name], "two" if name == "one" else "one"
    owner.send_signal(signal.SIGSTOP)
    wait_until(lambda: str(look(studio, job).worker_id).endswith(other))
    owner.send_signal(signal.SIGCONT)
    wait_until(lambda: is_done(studio, job))
    written = lines(studio, job)
    assert [int(step) for _, _, step in written] == list(range(1, 61))
    tokens = [int(token) for _, token, _ in written]
    assert tokens == sorted(tokens) and set(tokens) == {1, 2}
    after = enqueue(studio, 1)
    wait_until(lambda: is_done(studio, after))


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_second_worker_of_the_same_name_is_refused_in_words(studio: Studio, start: Start, tmp_path: Path) -> None:
    start()
    wait_until(lambda: bool(_live(studio)))
    assert start().wait(20) != 0
    assert "runs already" in (tmp_path / "one.log").read_text()


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_worker_survives_a_crash_of_postgresql_and_two_seconds_without_it(
    studio: Studio, start: Start, database_url: str
) -> None:
    """A backend is killed, so that the server ends all others and recovers; then nobody is let in for a while."""
    name = make_url(database_url).database
    administration = database_url.rsplit("/", 1)[0] + "/postgres"
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")  # pyright: ignore[reportArgumentType]
    studio.engine.dispose()
    worker = start()
    job, next_job = enqueue(studio, 40), enqueue(studio, 2)
    wait_until(lambda: len(lines(studio, job)) >= 3)
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # pyright: ignore[reportArgumentType]
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    time.sleep(2)
    _administer(administration, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    studio.engine.dispose()
    wait_until(lambda: is_done(studio, job) and is_done(studio, next_job))
    assert worker.poll() is None
    assert look(studio, job).attempts == 1
    assert [int(step) for _, _, step in lines(studio, job)] == list(range(1, 41))


def _administer(url: str, command: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(command)  # pyright: ignore[reportArgumentType]
            return
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.1)
