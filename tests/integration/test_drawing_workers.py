"""Real workers draw with the fake engine, killed and cancelled in the middle; nothing twice, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.bootstrap import Studio, open_studio
from enogu.drawings import service
from enogu.drawings.entities import ComparisonWish, Drawing, DrawingRequest, Wish
from enogu.loras import service as loras
from enogu.settings import Settings
from enogu.storage.database import reading, transaction, utc_now
from enogu.uploads import store as uploads_store
from tests.unit.loras.lora_files import lora_bytes

WORKER = """
import sys
from enogu.settings import read_settings
from enogu.worker.main import run_worker
engine = [sys.executable, "-m", "enogu.worker.fake_engine", "--seconds-per-step", sys.argv[2]]
run_worker(
    read_settings(), device="cpu", name=sys.argv[1], engine_command=engine, beat_seconds=0.2, silent_seconds=1.0
)
"""

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def studio(enogu_home: Path, database_url: str) -> Iterator[Studio]:
    opened = open_studio(Settings(enogu_home, database_url))
    yield opened
    opened.close()


@pytest.fixture
def owner(studio: Studio) -> Account:
    with reading(studio.engine) as session:
        caller = accounts.find_loopback_owner(session)
    assert caller is not None
    data = lora_bytes()
    put = studio.files.put([data], len(data))
    with transaction(studio.engine) as session:
        upload = uploads_store.add_upload(
            session, owner_id=caller.account.id, name="mame.safetensors", kind="lora", size_bytes=len(data),
            now=utc_now(), expires_at=utc_now(),
        )  # fmt: skip
        uploads_store.set_finished(session, caller.account.id, upload.id, put.sha256)
        loras.add_upload(session, studio.files, caller.account.id, upload.id, "mame", now=utc_now())
    return caller.account


@pytest.fixture
def start(studio: Studio, tmp_path: Path) -> Iterator[Start]:
    """Start a worker; it is ended with the test."""
    workers: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "ENOGU_HOME": str(studio.settings.home),
        "ENOGU_DATABASE_URL": studio.settings.database_url,
    }

    def begin(name: str, seconds_per_step: float) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-c", WORKER, name, str(seconds_per_step)]
            worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        workers.append(worker)
        return worker

    yield begin
    for worker in workers:
        worker.kill()
        worker.wait(20)


def compare(studio: Studio, owner: Account) -> DrawingRequest:
    wish = ComparisonWish(Wish("starter", "", width=64, height=64, steps=2, seed=3), ("mame",), ("smile", "angry"))
    with transaction(studio.engine) as session:
        return service.request_comparison(session, studio.settings, studio.metering, owner, wish, utc_now())


def look(studio: Studio, request: DrawingRequest) -> tuple[DrawingRequest, tuple[Drawing, ...]]:
    with reading(studio.engine) as session:
        found = service.get_request(session, request.owner_id, request.id)
        return found, service.list_of_request(session, found)


def wait_until(is_so: Callable[[], bool], seconds: float = 40) -> None:
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() < begun + seconds, "it did not become so in time"
        time.sleep(0.02)


def test_a_comparison_survives_the_kill_of_its_worker(studio: Studio, owner: Account, start: Start) -> None:
    """G6 for drawings: each picture once, and the same bytes as undisturbed."""
    disturbed = compare(studio, owner)
    first = start("one", 0.1)
    wait_until(lambda: look(studio, disturbed)[0].num_done >= 2)
    first.kill()
    first.wait(20)
    drawn_before = {one.number: one.id for one in look(studio, disturbed)[1]}
    start("two", 0.0)
    wait_until(lambda: look(studio, disturbed)[0].is_over)
    undisturbed = compare(studio, owner)
    wait_until(lambda: look(studio, undisturbed)[0].is_over)
    (request, drawings), (other, others) = look(studio, disturbed), look(studio, undisturbed)
    assert (request.state, other.state) == ("done", "done")
    assert [one.number for one in drawings] == list(range(8))
    assert {one.number: one.id for one in drawings[: len(drawn_before)]} == drawn_before
    assert [one.sha256 for one in drawings] == [one.sha256 for one in others]
    assert request.sheet_sha256 == other.sheet_sha256 is not None


def test_a_request_that_is_drawn_is_cancelled_within_seconds(studio: Studio, owner: Account, start: Start) -> None:
    wish = Wish("starter", "mame", width=64, height=64, steps=200, seed=3, count=4)
    with transaction(studio.engine) as session:
        request = service.request_drawing(session, studio.settings, studio.metering, owner, wish, utc_now())
    start("one", 0.05)
    wait_until(lambda: look(studio, request)[0].step >= 1)
    with transaction(studio.engine) as session:
        service.cancel_request(session, owner.id, request.id, utc_now())
    wait_until(lambda: look(studio, request)[0].is_over, seconds=5)
    assert look(studio, request)[0].state == "cancelled"
