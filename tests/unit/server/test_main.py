"""The server as a process: ready, refused, stopped (section 1 of the service)."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from enogu.errors import StorageFailed, WrongUse
from enogu.server.main import Serving, bound, refuse_open_doors
from enogu.settings import Settings


@contextmanager
def served(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server on a free port, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "enogu", "--json", "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "ENOGU_HOME": str(home)},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the server ended before it was ready"
        yield process, json.loads(line)["url"]
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_a_studio_without_sign_in_is_never_open_to_others() -> None:
    for host in ("0.0.0.0", "192.168.1.5", "studio.example.com", "::"):  # noqa: S104 (never listened on)
        with pytest.raises(WrongUse, match="anybody's") as refused:
            refuse_open_doors(Serving(host=host))
        assert "--sign-in password" in refused.value.cure
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        refuse_open_doors(Serving(host=host))
    refuse_open_doors(Serving(host="0.0.0.0", sign_in="password"))  # noqa: S104 (never listened on)


def test_a_server_answers_names_no_torch_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    """Ready, page and API from one process that stays under 150 MB; SIGTERM ends it within seconds."""
    with served(tmp_path) as (process, url):
        assert httpx.get(f"{url}health").json() == {"status": "ok"}
        assert httpx.get(url).headers["content-type"].startswith("text/html")
        assert httpx.get(f"{url}openapi.json").json()["info"]["title"] == "Enogu"
        assert "enogu_requests_total" in httpx.get(f"{url}metrics").text
        if sys.platform == "linux":
            status = Path(f"/proc/{process.pid}/status").read_text()
            rss_kib = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
            assert rss_kib < 150_000
            assert "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text()
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert time.monotonic() - began < 10


def test_a_server_is_ready_without_what_only_some_requests_need(tmp_path: Path) -> None:
    """numpy for masks, limits for signing in, and rich, which structlog would load and which nothing here shows."""
    told = tmp_path / "imports.txt"
    with told.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "enogu", "--json", "serve", "--port", "0"],
            stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, "ENOGU_HOME": str(tmp_path / "home")},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()
            process.communicate(timeout=20)
    imported = {line.rsplit("|", 1)[-1].strip() for line in told.read_text().splitlines() if "|" in line}
    assert {"structlog", "fastapi"} <= imported
    assert {"numpy", "limits", "rich.pretty", "rich.traceback"} & imported == set()


def test_a_busy_port_is_said_in_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "enogu", "serve", "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ENOGU_HOME": str(tmp_path)},
            timeout=60,
        )
    assert done.returncode == 2
    assert f"Port {port}" in done.stderr
    assert "--port" in done.stderr


def test_a_small_answer_is_sent_at_once_and_waits_for_no_acknowledgement() -> None:
    """asyncio sets TCP_NODELAY only where the socket names TCP; without it every second packet waits 40 ms."""
    with bound(Serving(port=0)) as listening:
        port = listening.getsockname()[1]
        listening.setblocking(True)
        with socket.create_connection(("127.0.0.1", port)), listening.accept()[0] as accepted:
            assert accepted.proto == socket.IPPROTO_TCP


def test_the_first_administrators_code_is_printed_where_the_server_was_started(tmp_path: Path) -> None:
    """And opens the door once; in the log it never appears."""
    process = subprocess.Popen(
        [sys.executable, "-m", "enogu", "--json", "serve", "--port", "0", "--sign-in", "password"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ENOGU_HOME": str(tmp_path)},
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        ready = json.loads(process.stdout.readline())
        body = {"name": "mame", "password": "面相筆 and 群青", "setup_code": ready["setup_code"]}
        assert httpx.get(f"{ready['url']}metrics").status_code == 401
        assert httpx.post(f"{ready['url']}api/first-admin", json=body).status_code == 201
        assert httpx.post(f"{ready['url']}api/first-admin", json=body).status_code == 403
    finally:
        process.terminate()
        _, log = process.communicate(timeout=30)
    assert ready["setup_code"] not in log
    assert "面相筆" not in log


def test_a_server_sweeps_by_itself_and_goes_on_when_a_sweep_fails(tmp_path: Path) -> None:
    from enogu.bootstrap import open_studio
    from enogu.server.main import DailySweeps
    from enogu.storage.files_in_memory import FilesInMemory

    class Broken(FilesInMemory):
        num_asked = 0

        def list_files(self):  # type: ignore[no-untyped-def]
            self.num_asked += 1
            raise StorageFailed("The bucket is away.")

    files = Broken()
    studio = replace(open_studio(Settings(tmp_path)), files=files)
    sweeps = DailySweeps(studio, first_seconds=0.01, seconds=0.01)
    sweeps.start()
    until = time.monotonic() + 20
    while files.num_asked < 2 and time.monotonic() < until:
        time.sleep(0.02)
    sweeps.stop()
    studio.close()
    assert files.num_asked >= 2


def test_a_first_start_leaves_what_makes_tables_to_another_process(tmp_path: Path) -> None:
    """Alembic and DBOS are not in the server's memory, however it was started."""
    code = """
import os, signal, sys
from pathlib import Path
from enogu.bootstrap import is_up_to_date
from enogu.server.main import Serving, serve
from enogu.settings import Settings

def on_ready(ready):
    print(sorted({"alembic", "dbos", "torch"} & set(sys.modules)), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

settings = Settings(Path(sys.argv[1]))
assert not is_up_to_date(settings)
serve(settings, Serving(port=0), on_ready)
"""
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert told.stdout.strip() == "[]", told.stderr
