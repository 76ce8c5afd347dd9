"""A worker is killed in the middle of a LoRA tool: another makes the whole result, once, and nothing is lost (G6)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.bootstrap import Studio, open_studio
from enogu.loras import service, tools
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.storage.database import reading, transaction, utc_now
from enogu.weights.header import parse_header
from tests.unit.loras.test_tools import add, ask, lora_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes by a signal")

SCRIPT = Path(__file__).with_name("tool_worker_to_kill.py")
LONGEST_SECONDS = 90


@pytest.fixture
def studio(enogu_home: Path, database_url: str) -> Iterator[Studio]:
    opened = open_studio(Settings(enogu_home, database_url))
    yield opened
    opened.close()


@pytest.fixture
def owner(studio: Studio) -> Account:
    with transaction(studio.engine) as session:
        made = accounts.create_account(session, "someone", None, utc_now(), plan_name="pro")
        return accounts.get_account(session, made.id)


@contextmanager
def worker(studio: Studio, name: str, seconds: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "ENOGU_HOME": str(studio.settings.home),
        "ENOGU_DATABASE_URL": studio.settings.database_url,
        "PYTHONPATH": str(SCRIPT.parents[2]),
        "OMP_NUM_THREADS": "1",
    }
    with (studio.settings.home / f"{name}.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, SCRIPT, name, seconds], env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def job_when(studio: Studio, owner: Account, job_id: str, is_so: object) -> Job:
    """The job as soon as it is so."""
    until = time.monotonic() + LONGEST_SECONDS
    while True:
        with reading(studio.engine) as session:
            job = tools.get_job(session, owner.id, job_id)
        if is_so(job):  # type: ignore[operator]  # a function of a job
            return job
        assert time.monotonic() < until, (job.state, job.reason, job.progress)
        time.sleep(0.02)


def tools_of(parent: int) -> list[int]:
    """Process ids of the tools that a worker has started."""
    children = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(one) for file in children for one in file.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("then", ["fake", "real"])
def test_a_tool_whose_worker_is_killed_is_made_by_another_whole_and_once(
    studio: Studio, owner: Account, then: str
) -> None:
    """SIGKILL while the tool works; who takes over may be any worker, the same after a restart included."""
    lora = add(studio, owner, "mame", lora_file(1))
    asked = ask(studio, owner, "resize", "small", inputs=((lora,),), rank=2, precision="fp32")
    with reading(studio.engine) as session:
        points = stamina.get_balance(session, studio.metering, owner, utc_now())

    with worker(studio, "one", "60") as first:
        job_when(studio, owner, asked.id, lambda job: job.progress.get("total"))
        child = tools_of(first.pid)
        first.kill()
        first.wait(30)
    assert child
    until = time.monotonic() + 10
    while any(Path(f"/proc/{one}").exists() for one in child):
        assert time.monotonic() < until, "the tool outlived its worker"
        time.sleep(0.05)
    with reading(studio.engine) as session:
        assert service.list_loras(session, owner.id).total == 1, "nothing half made is offered"

    with worker(studio, "one", "0" if then == "real" else "0.2"):
        ended = job_when(studio, owner, asked.id, lambda job: job.state not in ("waiting", "running"))
        until = time.monotonic() + 10
        while any((studio.settings.home / "work").glob("lora-tool-*")):  # it tidies up when the end is written
            assert time.monotonic() < until, "what it worked with is left"
            time.sleep(0.05)
    assert (ended.state, ended.reason) == ("done", "")
    with reading(studio.engine) as session:
        found = service.list_loras(session, owner.id)
        assert stamina.get_balance(session, studio.metering, owner, utc_now()).stamina == points.stamina
    assert sorted(one.name for one in found.loras) == ["mame", "small"]
    small = next(one for one in found.loras if one.name == "small")
    data = b"".join(studio.files.get(small.sha256))
    assert len(data) == small.size_bytes
    shapes = parse_header(small.filename, len(data), lambda start, end: data[start:end]).shapes
    assert {shape[0] for name, shape in shapes.items() if name.endswith("lora_down.weight")} == {2}


def test_what_a_worker_killed_before_it_tidied_up_left_goes_when_the_next_starts(
    studio: Studio, owner: Account
) -> None:
    """SIGKILL after the job's end: nobody begins that job again. Files of a job that still waits are left alone."""
    work = studio.settings.home / "work"
    lora = add(studio, owner, "mame", lora_file(1))
    asked = ask(studio, owner, "resize", "small", inputs=((lora,),), rank=2, precision="fp32")
    with worker(studio, "one", "60") as first:
        job_when(studio, owner, asked.id, lambda job: job.progress.get("total"))
        first.send_signal(signal.SIGSTOP)
        assert (work / f"lora-tool-{asked.id}" / "out").exists()
        with transaction(studio.engine) as session:  # the last thing that the worker writes
            job = tools.get_job(session, owner.id, asked.id)
            queue.end(session, job.id, job.token, "done", utc_now())
        first.kill()
        first.wait(30)
    waiting = ask(studio, owner, "resize", "smaller", inputs=((lora,),), rank=1, precision="fp32")
    for name in (waiting.id, "of-a-job-that-is-no-more"):
        (work / f"lora-tool-{name}").mkdir(parents=True)
    (work / "of-somebody-else").mkdir()

    with worker(studio, "two", "60"):
        job_when(studio, owner, waiting.id, lambda job: job.state == "running")
        until = time.monotonic() + 10
        while not (work / f"lora-tool-{waiting.id}" / "out").exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert sorted(one.name for one in work.iterdir()) == sorted([f"lora-tool-{waiting.id}", "of-somebody-else"])
