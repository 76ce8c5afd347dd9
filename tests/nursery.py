"""Python processes forked from one that has imported the studio: each starts in milliseconds instead of seconds.

Real processes, with a process id, files of their own for what they say, and signals that end them; only their imports
were made before. ``python -m tests.nursery`` is the process they come from: commands come in, and which process began
or ended goes out, one JSON object a line. Without ``fork`` (Windows) each process is started by itself.
"""

from __future__ import annotations

import atexit
import itertools
import json
import os
import runpy
import selectors
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, Protocol

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 120


class Process(Protocol):
    """What a test does with a process that it started."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class Forked:
    """A process of the nursery, as ``subprocess.Popen`` would have it."""

    def __init__(self, pid: int, ended: Mapping[int, int], news: threading.Condition) -> None:
        self.pid = pid
        self._ended, self._news = ended, news

    def poll(self) -> int | None:
        """How it ended, if it did; a signal is a negative number."""
        return self._ended.get(self.pid)

    def wait(self, timeout: float | None = None) -> int:
        """The same, as soon as it has."""
        with self._news:
            if not self._news.wait_for(lambda: self.pid in self._ended, timeout):
                raise subprocess.TimeoutExpired([f"process {self.pid}"], timeout or 0)
        return self._ended[self.pid]

    def send_signal(self, sig: int) -> None:
        """Nothing when it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """As the kernel does it when memory runs out."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks, started with the first one that is asked for."""

    def __init__(self) -> None:
        self._parent: subprocess.Popen[bytes] | None = None
        self._ended: dict[int, int] = {}
        self._begun: list[int] = []
        self._news = threading.Condition()
        self._asking = threading.Lock()

    def start(self, words: Sequence[str], environment: Mapping[str, str], said: Path, complained: Path) -> Process:
        """See ``start`` below."""
        asked = {"words": list(words), "environment": dict(environment), "files": [str(said), str(complained)]}
        with self._asking, self._news:
            commands = self._opened().stdin
            assert commands is not None
            commands.write(json.dumps(asked).encode() + b"\n")
            commands.flush()
            assert self._news.wait_for(lambda: bool(self._begun), PATIENCE_SECONDS), "the nursery does not answer"
            pid = self._begun.pop()
        return Forked(pid, self._ended, self._news)

    def close(self) -> None:
        """Whoever is left ends, too."""
        if self._parent is not None:
            assert self._parent.stdin is not None
            self._parent.stdin.close()
            self._parent.wait(60)
            self._listener.join(60)

    def _opened(self) -> subprocess.Popen[bytes]:
        if self._parent is None:
            self._parent = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
            )
            self._listener = threading.Thread(target=self._listen, args=(self._parent,), daemon=True)
            self._listener.start()
            atexit.register(self.close)
        return self._parent

    def _listen(self, parent: subprocess.Popen[bytes]) -> None:
        assert parent.stdout is not None
        with parent.stdout:
            for line in parent.stdout:
                told = json.loads(line)
                with self._news:
                    if "code" in told:
                        self._ended[told["pid"]] = told["code"]
                    else:
                        self._ended.pop(told["pid"], None)  # the number was somebody else's
                        self._begun.append(told["pid"])
                    self._news.notify_all()


_nursery = Nursery()
_numbers = itertools.count()


def start(words: Sequence[str], environment: Mapping[str, str], said: Path, complained: Path) -> Process:
    """``python WORDS``, where the first word is ``-m``, ``-c`` or a file; what it says goes behind these files."""
    if hasattr(os, "fork"):
        return _nursery.start(words, environment, said, complained)
    with said.open("ab") as output, complained.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, *words], env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )


def start_and_hear(words: Sequence[str], environment: Mapping[str, str], complained: Path) -> tuple[Process, Any]:
    """The same for a process that says one line of JSON when it is ready: with what it said."""
    said = complained.with_name(f"{complained.stem}.{next(_numbers)}.said")
    process = start(words, environment, said, complained)
    until = time.monotonic() + PATIENCE_SECONDS
    while not (said.exists() and said.read_bytes().endswith(b"\n")):
        assert process.poll() is None and time.monotonic() < until, (
            f"it was not ready:\n{complained.read_text(encoding='utf-8')}"
        )
        time.sleep(0.01)
    return process, json.loads(said.read_text(encoding="utf-8").splitlines()[0])


def main() -> None:
    """Fork until nothing more is asked; alone in its process and without threads, as forking wants it."""
    import enogu.cli.main
    import enogu.server.app
    import enogu.server.main
    import enogu.worker.main  # noqa: F401 - so that no child has to

    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal reaches the test, which ends this
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    alive: set[int] = set()
    rest = b""
    while True:
        ready = {key.fd for key, _ in selector.select()}
        if woken in ready:
            os.read(woken, 4096)
            _tell_ends(alive)
        if 0 in ready:
            data = os.read(0, 1 << 20)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    os.close(woken)
                    os.close(wakes)
                    _be(json.loads(line))
                alive.add(pid)
                _say({"pid": pid})
    for pid in alive:
        os.kill(pid, signal.SIGKILL)


def _tell_ends(alive: set[int]) -> None:
    while alive:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        alive.discard(pid)
        _say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def _say(told: Mapping[str, int]) -> None:
    os.write(1, json.dumps(told).encode() + b"\n")


def _be(asked: Mapping[str, Any]) -> NoReturn:
    """The process that was asked for, from here to its end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, path in enumerate([os.devnull, *asked["files"]]):
            opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(opened, number)
            os.close(opened)
        os.environ.clear()
        os.environ.update(asked["environment"])
        kind, *arguments = asked["words"]
        if kind == "-m":
            sys.argv = arguments
            runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        elif kind == "-c":
            sys.argv = ["-c", *arguments[1:]]
            exec(arguments[0], {"__name__": "__main__"})  # noqa: S102 - the test's own text
        else:
            sys.argv = [kind, *arguments]
            runpy.run_path(kind, run_name="__main__")
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        code = 130
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
