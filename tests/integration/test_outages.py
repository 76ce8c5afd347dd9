"""What a studio stands on goes away for a while: server, PostgreSQL, S3, space on the disk. Nothing is lost (D5, G8).

Each outage is told in words with a cure while it lasts, and costs nobody anything.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from enogu.accounts import service as accounts
from enogu.bootstrap import Studio, open_studio
from enogu.imaging.decoder import DirectDecoder
from enogu.runs import service as runs
from enogu.runs.entities import Run
from enogu.server.app import create_app
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.storage.database import open_engine, reading, transaction, utc_now
from enogu.storage.files import Files, PutFile, disk_said_in_words
from enogu.storage.files_in_s3 import FilesInS3
from enogu.uploads import parts
from enogu.uploads.parts import PartWriter
from enogu.worker import run_handler
from enogu.worker.engine_host import EngineHost
from tests import postgresql_server
from tests.integration.test_run_on_worker import FAKE, Workshop
from tests.integration.troubled_studio import TUS, Processes, append_headers, upload_headers, wait_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes by a signal")

SERVER = "http://localhost:8000"


@pytest.fixture
def processes(enogu_home: Path) -> Iterator[Processes]:
    """A server; workers as they are asked for."""
    started = Processes(Settings(enogu_home))
    started.serve()
    yield started
    started.close()


def owner_of(engine: Engine) -> str:
    with reading(engine) as session:
        caller = accounts.find_loopback_owner(session)
    assert caller is not None
    return caller.account.id


def find_run(engine: Engine, run_id: str) -> Run:
    owner_id = owner_of(engine)
    with reading(engine) as session:
        return runs.get_run(session, owner_id, run_id)


# ---- the server is killed --------------------------------------------------------------------------------------------


def test_an_upload_goes_on_where_a_killed_server_had_it(processes: Processes) -> None:
    """B1: the client asks with HEAD how far it is and sends the rest; the file is the same to the byte."""
    data = os.urandom(6 * 1024 * 1024)
    begun = httpx.post(f"{processes.url}api/uploads", headers=upload_headers("豆.png", len(data)))
    address = processes.url.rstrip("/") + begun.headers["location"]
    has_sent = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield data[: 3 * 1024 * 1024]
        has_sent.set()
        for number in range(300):
            time.sleep(0.05)
            yield data[3 * 1024 * 1024 + number : 3 * 1024 * 1024 + number + 1]

    def send() -> None:
        with pytest.raises(httpx.TransportError):
            httpx.patch(address, content=pieces(), headers=append_headers(0), timeout=30)

    sender = threading.Thread(target=send)
    sender.start()
    assert has_sent.wait(30)
    part = next((processes.settings.incoming_folder / "uploads").glob("*.part"))
    wait_until(lambda: part.stat().st_size > 0)
    processes.kill_server()
    sender.join(30)
    processes.serve()
    offset = int(httpx.head(address, headers=TUS).headers["upload-offset"])
    assert 0 < offset < len(data)
    answer = httpx.patch(address, content=data[offset:], headers=append_headers(offset), timeout=60)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(data)))
    sha256 = hashlib.sha256(data).hexdigest()
    studio = open_studio(processes.settings)
    try:
        assert b"".join(studio.files.get(sha256)) == data
    finally:
        studio.close()


def test_a_run_and_who_watches_it_outlive_two_deaths_of_the_server(processes: Processes) -> None:
    """G4: the worker needs no server, and a stream goes on behind the last id: every event once, none missing."""
    run_id = processes.start_run()["id"]
    processes.work(seconds_per_step=0.2)
    engine = open_engine(processes.settings.database_url)
    watcher = Watcher(processes, run_id)
    try:
        for _ in range(2):
            seen = watcher.step
            wait_until(lambda seen=seen: watcher.step >= seen + 10)
            processes.kill_server()
            there = find_run(engine, run_id).step
            assert there < 140, "it is killed in the middle"
            wait_until(lambda there=there: find_run(engine, run_id).step > there)
            processes.serve()
        watcher.thread.join(60)
        assert watcher.is_over
        run = find_run(engine, run_id)
        assert (run.state, run.attempt, run.charged) == ("finished", 1, run.quoted)
        with reading(engine) as session:
            kept = runs.list_events(session, run.owner_id, run_id, 0, limit=10_000)
            assert len(runs.list_epochs(session, run.owner_id, run_id)) == 10
        assert watcher.numbers == [event.number for event in kept]
        assert watcher.num_lines_cut == 2
    finally:
        watcher.has_to_stop = True
        watcher.thread.join(30)
        engine.dispose()


class Watcher:
    """A page that follows a run and comes again when its line is cut, as browsers do it."""

    def __init__(self, processes: Processes, run_id: str) -> None:
        self.numbers: list[int] = []
        self.step = 0
        self.num_lines_cut = 0
        self.is_over = False
        self.has_to_stop = False
        self._url = f"{processes.url}api/runs/{run_id}/events"
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        last = ""
        while not self.is_over and not self.has_to_stop:
            try:
                headers = {"Last-Event-ID": last} if last else {}
                with httpx.stream("GET", self._url, headers=headers, timeout=30) as answer:
                    for number, kind, data in read_events(answer.iter_lines()):
                        self.is_over = self.is_over or kind == "over"
                        if kind not in ("PositionChanged", "over"):
                            self.numbers.append(int(number))
                            last = number
                        self.step = max(self.step, int(data.get("step", 0)))
            except httpx.ConnectError:
                time.sleep(0.05)
            except httpx.TransportError:
                self.num_lines_cut += 1


def read_events(lines: Iterable[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Whole events only: one that was cut off has no empty line behind it."""
    seen: dict[str, str] = {}
    for line in lines:
        if line:
            field, _, value = line.partition(": ")
            seen[field] = value
        else:
            if "event" in seen:
                yield seen.get("id", ""), seen["event"], json.loads(seen.get("data") or "{}")
            seen = {}


# ---- the database is away --------------------------------------------------------------------------------------------


def test_a_run_goes_on_through_a_restart_of_postgresql_and_the_server_says_what_is_wrong(enogu_home: Path) -> None:
    """The worker keeps what it could not write; the server answers 503 with its cure, and then works again."""
    programs = postgresql_server.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with postgresql_server.restartable(programs) as server:
        url = f"postgresql://enogu@{server.address}/postgres"
        processes = Processes(Settings(enogu_home, url))
        engine = open_engine(url)
        try:
            processes.serve()
            run_id = processes.start_run()["id"]
            worker = processes.work()
            wait_until(lambda: processes.ask("GET", f"/api/runs/{run_id}")["step"] >= 20)
            server.stop_at_once()
            for _ in range(5):
                refused = httpx.get(f"{processes.url}api/runs/{run_id}", timeout=30)
                assert refused.status_code == 503
                assert refused.json()["kind"] == "DatabaseFailed"
                assert "ENOGU_DATABASE_URL" in refused.json()["cure"]
            time.sleep(1.5)
            server.start()
            assert processes.ask("GET", f"/api/runs/{run_id}")["id"] == run_id, "the first one asks again"
            wait_until(lambda: processes.ask("GET", f"/api/runs/{run_id}")["state"] == "finished")
            assert worker.poll() is None
            engine.dispose()
            run = find_run(engine, run_id)
            assert (run.attempt, run.charged) == (1, run.quoted)
            assert charges(engine, processes.settings, run) == {"reserved": 1, "settled": 1}
            with reading(engine) as session:
                curve = runs.loss_curve(session, run.owner_id, run_id, weight=0)
                assert len(runs.list_epochs(session, run.owner_id, run_id)) == 10
            assert [point.step for point in curve] == list(range(1, run.num_steps + 1)), (
                "no step is missing, none is there twice"
            )
        finally:
            processes.close()
            engine.dispose()


def charges(engine: Engine, settings: Settings, run: Run) -> dict[str, int]:
    """How often each kind of entry was made for a run."""
    studio = open_studio(settings)
    try:
        with reading(engine) as session:
            account = accounts.get_account(session, run.owner_id)
            entries = stamina.list_entries(session, studio.metering, account, utc_now(), limit=200)
    finally:
        studio.close()
    kinds = [entry.kind for entry in entries if entry.run_id == run.id]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


# ---- S3 refuses ------------------------------------------------------------------------------------------------------


class Bucket:
    """moto's S3 on a port of its own, which can go away and come back with what it kept."""

    def __init__(self) -> None:
        self._port = 0
        self.open()
        self.name = f"studio-{uuid.uuid4().hex}"
        request = urllib.request.Request(f"{self.address}/{self.name}", method="PUT")  # noqa: S310 (loopback)
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            answer.read()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Let in whoever comes."""
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]

    def shut(self) -> None:
        """Every connection is refused from now on."""
        self._server.stop()

    def files(self, incoming: Path) -> FilesInS3:
        """Its store, which itself is hardly patient, so that others have to be."""
        url = f"s3://{self.name}/files?endpoint={self.address}&region=us-east-1"
        return FilesInS3.from_url(url, incoming, retry_seconds=0.2)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    opened = Bucket()
    yield opened
    opened.shut()


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A studio with a worker in this process; its runs are quick."""
    monkeypatch.setattr(run_handler, "ASK_SECONDS", 0.02)
    monkeypatch.setattr(run_handler, "BATCH_SECONDS", 0.05)
    shop = Workshop(tmp_path / "shop")
    yield shop
    shop.host.close(3)
    shop.studio.close()


def test_an_upload_that_s3_refuses_is_told_so_and_needs_no_byte_again(
    enogu_home: Path, bucket: Bucket, tmp_path: Path
) -> None:
    """What arrived waits on the server's disk; whoever asks how far it is moves it once S3 is back."""
    studio = replace(open_studio(Settings(enogu_home)), files=bucket.files(tmp_path / "incoming"))
    client = TestClient(create_app(studio), base_url=SERVER, raise_server_exceptions=False)
    data = b"beans" * 10_000
    try:
        address = client.post("/api/uploads", headers=upload_headers("豆.png", len(data))).headers["location"]
        bucket.shut()
        refused = client.patch(address, content=data, headers=append_headers(0))
        assert (refused.status_code, refused.json()["kind"]) == (503, "StorageFailed")
        assert refused.json()["cure"]
        assert client.get(address).json()["offset"] == len(data)
        assert client.head(address, headers=TUS).status_code == 503, "a client of tus asks again later"
        bucket.open()
        assert client.head(address, headers=TUS).headers["upload-offset"] == str(len(data))
        assert client.get(address).json()["is_finished"]
        assert b"".join(studio.files.get(hashlib.sha256(data).hexdigest())) == data
    finally:
        client.close()
        studio.close()


def test_a_run_outlasts_an_s3_that_refuses_for_a_while(workshop: Workshop, bucket: Bucket, tmp_path: Path) -> None:
    """The training goes on meanwhile; files and events are kept in their order when it is back."""
    files = bucket.files(tmp_path / "incoming")
    move_files(workshop.studio.files, files)
    workshop.studio = replace(workshop.studio, files=files)
    run = workshop.start()

    def trouble() -> None:
        workshop.wait_until(run, lambda seen: seen.checkpoint_step >= 3)
        bucket.shut()
        time.sleep(2)
        bucket.open()

    troubling = workshop.meanwhile(trouble)
    workshop.work()
    troubling.join(30)
    done = workshop.get(run)
    assert (done.state, done.attempt, done.charged) == ("finished", 1, run.quoted)
    assert len(workshop.files_of(run)) == 4
    assert all(files.find(sha256) is not None for sha256 in workshop.files_of(run).values())


def move_files(source: Files, target: Files) -> None:
    for file in source.list_files():
        target.put(source.get(file.sha256), file.size_bytes)


# ---- the disk is full ------------------------------------------------------------------------------------------------


class FullDisk:
    """A store of files whose disk has no space for anything new."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    def put(self, chunks: Iterable[bytes], limit_bytes: int) -> PutFile:
        del limit_bytes
        for _ in chunks:
            pass
        with disk_said_in_words(Path("the disk")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise AssertionError


def test_a_run_that_finds_the_disk_full_says_so_costs_nothing_and_can_be_retried(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G6: in words, with the cure; when there is space again its retry goes to the end."""
    monkeypatch.setattr(run_handler, "FULL_DISK_PATIENCE_SECONDS", 0.5)
    with_space: Studio = workshop.studio
    before = workshop.stamina_left()
    run = workshop.start()
    workshop.studio = replace(with_space, files=cast("Files", FullDisk(with_space.files)))
    workshop.work()
    failed = workshop.get(run)
    assert failed.failure is not None
    assert (failed.state, failed.charged) == ("failed", 0)
    assert "No space left" in failed.failure.message
    assert "free some space" in failed.failure.cure
    assert workshop.stamina_left() == before
    workshop.studio = with_space
    with transaction(with_space.engine) as session:
        runs.retry_run(session, with_space.settings, with_space.metering, workshop.account, run.id, utc_now())
    workshop.work()
    done = workshop.get(run)
    assert (done.state, done.attempt, done.charged) == ("finished", 2, run.quoted)
    assert len(workshop.files_of(run)) == 4
    assert workshop.stamina_left() == before - done.charged


def test_an_engine_that_finds_the_disk_full_is_a_failure_that_costs_nothing(workshop: Workshop) -> None:
    run = workshop.start()
    host = EngineHost([*FAKE, "--fail-at", "5", "--fail-kind", "DiskFull"], "cpu")
    try:
        workshop.work(host)
    finally:
        host.close(3)
    failed = workshop.get(run)
    assert failed.failure is not None
    assert (failed.state, failed.charged) == ("failed", 0)
    assert failed.failure.cure


class SmallFile:
    """A file on a disk that has room for so many bytes, and writes what fits before it refuses."""

    def __init__(self, file: FileIO, room_bytes: int) -> None:
        self._file, self._room_bytes = file, room_bytes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: memoryview) -> int:
        if not self._room_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._file.write(data[: self._room_bytes])
        self._room_bytes -= written
        return written


def test_an_upload_that_fills_the_disk_is_told_so_and_keeps_what_arrived(
    enogu_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fitted is counted; the rest goes behind it when there is space again."""
    studio = replace(open_studio(Settings(enogu_home)), decoder=DirectDecoder())
    client = TestClient(create_app(studio), base_url=SERVER, raise_server_exceptions=False)
    data = os.urandom(100_000)

    def writer(file: FileIO, folder: Path, there: int) -> PartWriter:
        return PartWriter(cast("FileIO", SmallFile(file, 70_001)), folder, there)

    try:
        address = client.post("/api/uploads", headers=upload_headers("豆.png", len(data))).headers["location"]
        with monkeypatch.context() as patched:
            patched.setattr(parts, "PartWriter", writer)
            refused = client.patch(address, content=data, headers=append_headers(0))
        assert (refused.status_code, refused.json()["kind"]) == (503, "StorageFailed")
        assert "free some space" in refused.json()["cure"]
        assert client.head(address, headers=TUS).headers["upload-offset"] == "70001"
        full = replace(studio, files=cast("Files", FullDisk(studio.files)))
        app = TestClient(create_app(full), base_url=SERVER, raise_server_exceptions=False)
        refused = app.patch(address, content=data[70_001:], headers=append_headers(70_001))
        assert (refused.status_code, refused.json()["kind"]) == (503, "StorageFailed")
        app.close()
        assert client.head(address, headers=TUS).headers["upload-offset"] == str(len(data))
        assert client.patch(address, content=b"", headers=append_headers(len(data))).status_code == 204
        assert b"".join(studio.files.get(hashlib.sha256(data).hexdigest())) == data
    finally:
        client.close()
        studio.close()
