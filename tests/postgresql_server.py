"""A PostgreSQL of the tests' own: Debian's (or any) programs, a new data folder, a free port on loopback.

The server refuses to run as root, so a test run by root starts it as ``postgres`` or ``nobody``. It is as forgetful as
it can be (no fsync, and in memory where there is room), and ends with the test run: it is stopped by its own process
id, and on Linux also dies with the process that started it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

START_SECONDS = 300  # what a machine needs that has something better to do
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
}
_DURABLE = {"synchronous_commit": "on", "full_page_writes": "on"}
"""What survives the end of the server's processes (that of the machine would need fsync as well)."""


def find_programs() -> Path | None:
    """The folder with ``postgres`` and ``initdb``, or None when PostgreSQL is not installed."""
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()), None)


@contextmanager
def running(programs: Path) -> Iterator[str]:
    """The server's address, ``127.0.0.1:port``, for user ``enogu`` without a password; stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="enogu-postgresql-", dir=_place_in_memory()))
    log = folder / "log"
    with log.open("wb") as output:
        options = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, "cwd": folder, **_as_nobody(folder)}
        data = folder / "data"
        _initialise(programs, data, options, log)
        server, address = _start(programs, data, options, log)
        try:
            yield address
        finally:
            server.send_signal(signal.SIGINT)  # the fast way: nobody is waited for
            server.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


def _place_in_memory() -> Path | None:
    """A folder that no disk slows down, where there is one with room: copying a database waits for disks up to 1 s."""
    place = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of its own there
    has_room = place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > 2 * 2**30
    return place if has_room else None


class Restartable:
    """A server that a test stops as a power cut does and starts again at its address; nothing committed is lost."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._data, self._log = programs, folder / "data", folder / "log"
        self._output = self._log.open("wb")
        self._options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": self._output,
            "stderr": self._output,
            "cwd": folder,
            **_as_nobody(folder),
        }
        _initialise(programs, self._data, self._options, self._log)
        self._server, self.address = _start(programs, self._data, self._options, self._log, _DURABLE)

    def stop_at_once(self) -> None:
        """Immediate mode: every connection is cut, and the next start has to recover."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(60)

    def start(self) -> None:
        """Where it was."""
        port = int(self.address.rpartition(":")[2])
        self._server, _ = _start(self._programs, self._data, self._options, self._log, _DURABLE, port)

    def close(self) -> None:
        """For good."""
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(60)
        self._output.close()


@contextmanager
def restartable(programs: Path) -> Iterator[Restartable]:
    """A server of the test's own, for user ``enogu`` without a password; stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="enogu-postgresql-"))
    try:
        server = Restartable(programs, folder)
        try:
            yield server
        finally:
            server.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(programs: Path, data: Path, options: dict[str, Any], log: Path) -> None:
    arguments = ["-D", str(data), "-U", "enogu", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    if subprocess.run([programs / "initdb", *arguments], check=False, **options).returncode:
        raise RuntimeError(f"initdb failed:\n{log.read_text()}")


def _start(
    programs: Path,
    data: Path,
    options: dict[str, Any],
    log: Path,
    more: dict[str, str] | None = None,
    fixed_port: int | None = None,
) -> tuple[subprocess.Popen[bytes], str]:
    """The server and its address. Another port is tried when somebody else took the free one in between."""
    dies_with_us = ["setpriv", "--pdeathsig", "QUIT"] if sys.platform == "linux" and shutil.which("setpriv") else []
    settings = [part for name, value in {**_OPTIONS, **(more or {})}.items() for part in ("-c", f"{name}={value}")]
    for _ in range(5):
        port = fixed_port or _free_port()
        (data / "postmaster.pid").unlink(missing_ok=True)  # of one that was stopped at once: it would look ready
        command = [*dies_with_us, str(programs / "postgres"), "-D", str(data), "-p", str(port), *settings]
        server = cast("subprocess.Popen[bytes]", subprocess.Popen(command, **options))
        until = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < until:
            if _is_ready(data):
                return server, f"127.0.0.1:{port}"
            time.sleep(0.05)
        server.kill()
        server.wait()
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


def _is_ready(data: Path) -> bool:
    """The last line of postmaster.pid says so, as pg_ctl reads it."""
    try:
        return (data / "postmaster.pid").read_text().split()[-1] == "ready"
    except (OSError, IndexError):
        return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _as_nobody(folder: Path) -> dict[str, Any]:
    """What makes Popen start a program as somebody else than root, and that one's folder; nothing when not root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import pwd  # no such module on Windows

    names = {one.pw_name: one for one in pwd.getpwall()}
    account = names.get("postgres") or names["nobody"]
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
