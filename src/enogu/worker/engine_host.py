"""The parent's side of the engine: one child process a device, kept warm, spoken to in lines, ended within bounds.

``train`` and ``draw`` are generators of event dicts. The device is exclusive: one training at a time; a drawing on the
base model that is training is drawn between two steps, one on another base model waits for the training's end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import IO, Any, Literal

from enogu.errors import EnoguError
from enogu.worker.engine_messages import (
    DRAW_ENDS,
    MAX_LINE_BYTES,
    TRAIN_ENDS,
    BadMessage,
    DrawJob,
    PictureToTrain,
    PlacedBaseModel,
    PlacedLora,
    TrainJob,
    command_line,
    read_object,
)

__all__ = ["DrawJob", "EngineDied", "EngineHost", "PictureToTrain", "PlacedBaseModel", "PlacedLora", "TrainJob"]

_REAL_ENGINE = (sys.executable, "-P", "-m", "enogu.worker.engine_child")
_LAST_LINES = 40
_MOST_LINE_CHARACTERS = 1000
_LOOK_SECONDS = 0.1
"""How often a drawing that waits looks whether it is cancelled."""
_TERM_SECONDS = 5.0
"""Between SIGTERM and SIGKILL, at most."""

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_SECRET = re.compile(r"^(ENOGU_|AWS_|PG[A-Z])|PASSWORD|SECRET|TOKEN$|API_?KEY|CREDENTIAL", re.IGNORECASE)
"""Names of variables that the child does not get."""

_log = logging.getLogger("enogu.engine")


class EngineDied(EnoguError):
    """The engine's process ended in the middle of a job. ``return_code`` is negative for a signal (-9: SIGKILL).

    None when it never started, or when we ended it ourselves.
    """

    def __init__(self, message: str, cure: str, return_code: int | None, last_words: tuple[str, ...]) -> None:
        super().__init__(message, cure)
        self.return_code = return_code
        self.last_words = last_words


class EngineHost:
    """One for each device of a worker; safe to use from several threads."""

    def __init__(
        self,
        command: Sequence[str] | None = None,
        device: str = "auto",
        *,
        threads: int | None = None,
        start_seconds: float = 180.0,
    ) -> None:
        """Nothing starts before the first job. ``command`` is ``engine_child`` unless told (``fake_engine`` in tests);
        ``device`` as torch names it, or "auto".
        """
        self._command = [*(command or _REAL_ENGINE), "--device", device, "--parent", str(os.getpid())]
        self._environment = child_environment(threads)
        self._start_seconds = start_seconds
        self._changed = threading.Condition()
        self._starting = threading.Lock()
        self._child: _Child | None = None
        self._job: TrainJob | None = None
        """The training that has the device, or is about to."""
        self._is_told = False
        """Whether the child knows of ``_job``."""
        self._stop_is_wanted = False
        self._drawings_waiting = 0

    @property
    def process_id(self) -> int | None:
        """Of the child, for those who look after processes; None while there is none."""
        child = self._child
        return child.process_id if child is not None and child.is_alive else None

    def train(self, job: TrainJob) -> Iterator[dict[str, Any]]:
        """Events as they come; the last is Finished, Failed or Stopped. Raises EngineDied when the child dies."""
        self._take_device(job)
        try:
            child = self._warm_child()
            with child.heard("run_id", job.run_id, TRAIN_ENDS) as events:
                with self._changed:
                    child.send(_line("train", job))
                    self._is_told = True
                    if self._stop_is_wanted:
                        child.send(_line("stop"))
                yield from events(None)
        finally:
            with self._changed:
                self._job = None
                self._changed.notify_all()

    def ask(self, what: Literal["stop", "save", "sample"]) -> None:
        """Ask the training that is running; without one nothing happens."""
        with self._changed:
            if self._job is None:
                return
            self._stop_is_wanted = self._stop_is_wanted or what == "stop"
            if self._is_told and self._child is not None:
                self._child.send(_line(what))

    def draw(self, job: DrawJob, *, cancelled: Callable[[], bool] = lambda: False) -> Iterator[dict[str, Any]]:
        """Events as they come; the last is DrawFinished or DrawFailed (kind "Cancelled" when ``cancelled`` said so).

        Raises EngineDied when the child dies.
        """
        while True:
            with self._waiting_for_device(job, cancelled) as may_draw:
                if not may_draw:
                    yield _cancelled(job)
                    return
                child = self._warm_child()
                listening = child.heard("drawing_id", job.drawing_id, DRAW_ENDS)
                events = listening.__enter__()
                child.send(_line("draw", job))
            try:
                is_busy = False

                def cancel_if_wanted(child: _Child = child) -> bool:
                    if not cancelled():
                        return False
                    child.send(_line("cancel_draw", drawing_id=job.drawing_id))
                    return True

                for event in events(cancel_if_wanted):
                    is_busy = event["event"] == "DrawFailed" and event.get("kind") == "Busy"
                    if not is_busy:  # a training with another base model was quicker: wait for its end
                        yield event
            finally:
                listening.__exit__(None, None, None)
            if not is_busy:
                return

    def kill(self) -> None:
        """End the child at once, with all its processes. Files are whole or absent."""
        child = self._child
        if child is not None:
            child.kill()

    def close(self, patience_seconds: float = 30.0) -> None:
        """A training keeps its state and says Stopped; then the child ends. Bounded: message, SIGTERM, SIGKILL."""
        with self._changed:
            child, self._child = self._child, None
        if child is not None:
            child.end(patience_seconds)

    def _take_device(self, job: TrainJob) -> None:
        """Wait until no other training has it, and let drawings go first that have waited for it."""
        with self._changed:
            while self._job is not None:
                self._changed.wait()
            self._changed.wait_for(lambda: not self._drawings_waiting, timeout=self._start_seconds)
            self._job, self._is_told, self._stop_is_wanted = job, False, False

    @contextlib.contextmanager
    def _waiting_for_device(self, job: DrawJob, cancelled: Callable[[], bool]) -> Generator[bool]:
        """False when it was cancelled meanwhile. The next training waits until the block is left."""
        with self._changed:
            self._drawings_waiting += 1
        try:
            while not (is_cancelled := cancelled()):
                with self._changed:
                    if self._job is None or self._job.base_model.folder == job.base_model.folder:
                        break
                    self._changed.wait(_LOOK_SECONDS)
            yield not is_cancelled
        finally:
            with self._changed:
                self._drawings_waiting -= 1
                self._changed.notify_all()

    def _warm_child(self) -> _Child:
        """The child, alive and listening. Raises EngineDied when none can be started."""
        with self._starting:
            child = self._child
            if child is not None and child.is_alive:
                return child
            child = _Child(self._command, self._environment)
            with self._changed:
                self._child = child
            child.wait_until_ready(self._start_seconds)
            return child


Events = Callable[[Callable[[], bool] | None], Iterator[dict[str, Any]]]


class _Child:
    """One process, from its start to its end."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command, self._environment = command, environment
        self._process: subprocess.Popen[bytes] | None = None
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._is_ready = False
        self._death: EngineDied | None = None
        self._is_ours = False
        """Whether we ended it ourselves."""
        self._listeners: dict[tuple[str, str], queue.SimpleQueue[dict[str, Any] | EngineDied]] = {}
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        # The kernel ties "end with your parent" to the thread that started the child, so it is one that lives as long.
        threading.Thread(target=self._live, name="engine", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        return self._death is None and not self._is_ours

    @property
    def process_id(self) -> int | None:
        return None if self._process is None else self._process.pid

    def wait_until_ready(self, seconds: float) -> None:
        """Raises EngineDied when it ended, or has not said Ready in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_ready or self._death is not None, timeout=seconds)
            if self._death is not None:
                raise self._death
            if self._is_ready:
                return
        self.kill()
        raise EngineDied(
            f"The engine did not start within {seconds:.0f} seconds.",
            "Look whether the machine is overloaded or its disk slow, then retry.",
            None,
            tuple(self._last_lines),
        )

    def send(self, line: bytes) -> None:
        """Never raises when it is dead: whoever waits for events hears of that."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with self._writing, contextlib.suppress(OSError, ValueError):
            process.stdin.write(line)
            process.stdin.flush()

    @contextlib.contextmanager
    def heard(self, key: str, job_id: str, ends: frozenset[str]) -> Generator[Events]:
        """Events of one job, to its last one. Whoever leaves before it, leaves a job that nobody hears: the child is
        ended. ``look`` is called now and then until it says True.
        """
        inbox: queue.SimpleQueue[dict[str, Any] | EngineDied] = queue.SimpleQueue()
        is_over = False

        def events(look: Callable[[], bool] | None) -> Iterator[dict[str, Any]]:
            nonlocal is_over
            looked_at = time.monotonic()
            while not is_over:
                if look is not None and time.monotonic() - looked_at >= _LOOK_SECONDS:
                    looked_at = time.monotonic()
                    look = None if look() else look
                try:
                    said = inbox.get(timeout=None if look is None else _LOOK_SECONDS)
                except queue.Empty:
                    continue
                if isinstance(said, EngineDied):
                    is_over = True
                    raise said
                is_over = said["event"] in ends
                yield said

        with self._changed:
            self._listeners[key, job_id] = inbox
            if self._death is not None:
                inbox.put(self._death)
        try:
            yield events
        finally:
            with self._changed:
                self._listeners.pop((key, job_id), None)
            if not is_over:
                self.kill()

    def kill(self) -> None:
        """At once, with what it started. Returns when it is gone, or after some seconds."""
        self._is_ours = True
        self._signal(_KILL)
        self._wait(_TERM_SECONDS)

    def end(self, patience_seconds: float) -> None:
        """By message, by SIGTERM, by SIGKILL."""
        self._is_ours = True
        term_seconds = min(_TERM_SECONDS, patience_seconds / 3)
        self.send(_line("quit"))
        if self._wait(patience_seconds - term_seconds):
            return
        self._signal(signal.SIGTERM)
        if not self._wait(term_seconds):
            self.kill()

    def _wait(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._death is not None, timeout=seconds)

    def _signal(self, number: int) -> None:
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)  # it leads a session of its own, so that is its group
            else:
                process.kill()

    def _live(self) -> None:
        began = time.monotonic()
        try:
            process = self._process = subprocess.Popen(  # noqa: S603 (our own program)
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=dict(self._environment),
            )
        except OSError as error:
            self._end(EngineDied(f"The engine cannot be started: {error}.", "Set Enogu up again.", None, ()))
            return
        if self._is_ours:  # it was not wanted any more before there was anything to signal
            self._signal(_KILL)
        assert process.stdout is not None and process.stderr is not None  # noqa: S101 (pipes, as asked)
        reading = threading.Thread(target=self._read_log, args=(process.stderr,), name="engine's log", daemon=True)
        reading.start()
        with process.stdout as events:
            while line := events.readline(MAX_LINE_BYTES + 1):
                self._hear(line, began)
        self._signal(_KILL)  # what it may have started
        code = process.wait()
        reading.join(timeout=1)
        with contextlib.suppress(OSError), self._writing:
            if process.stdin is not None:
                process.stdin.close()
        self._end(_death(code, self._is_ours, tuple(self._last_lines)))

    def _hear(self, line: bytes, began: float) -> None:
        try:
            event = read_object(line)
            name = str(event["event"])
        except (BadMessage, KeyError):
            _log.warning("The engine said what is no event: %r", line[:200])
            return
        if name == "Ready":
            _log.info("The engine is ready after %.1f s (process %s).", time.monotonic() - began, event.get("pid"))
            with self._changed:
                self._is_ready = True
                self._changed.notify_all()
            return
        with self._changed:
            for key in ("run_id", "drawing_id"):
                inbox = self._listeners.get((key, str(event.get(key))))
                if inbox is not None:
                    inbox.put(event)
                    return
        _log.info("The engine said something that nobody waits for: %s", str(event)[:200])

    def _read_log(self, stderr: IO[bytes]) -> None:
        with stderr:
            while line := stderr.readline(_MOST_LINE_CHARACTERS):
                text = line.decode(errors="replace").rstrip()
                if text:
                    self._last_lines.append(text)
                    _log.info("%s", text)

    def _end(self, death: EngineDied) -> None:
        with self._changed:
            self._death = death
            for inbox in self._listeners.values():
                inbox.put(death)
            self._changed.notify_all()


def _death(code: int, is_ours: bool, last_lines: tuple[str, ...]) -> EngineDied:
    """How the process ended, and why, as far as that can be told."""
    if is_ours:
        return EngineDied("The engine was ended by its worker.", "Retry it.", None, last_lines)
    if code == -9:
        return EngineDied(
            "The engine was killed by the operating system, most likely since this machine ran out of memory.",
            "Lower training.batch_size or pictures.resolution, or close other programs, then retry.",
            code,
            last_lines,
        )
    if code < 0:
        how = f"crashed ({_signal_name(-code)})"
    else:
        how = "ended in the middle of its work" if code == 0 else f"ended with the exit code {code}"
    message = f"The engine {how}. Its last words: {last_lines[-1]}" if last_lines else f"The engine {how}."
    return EngineDied(message, "Retry it; the worker's log says more.", code, last_lines)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _line(name: str, job: TrainJob | DrawJob | None = None, drawing_id: str = "") -> bytes:
    try:
        return command_line(name, job, drawing_id)
    except BadMessage as error:
        raise EnoguError(str(error), "Use fewer pictures, or shorter captions.") from error


def _cancelled(job: DrawJob) -> dict[str, Any]:
    return {
        "event": "DrawFailed", "drawing_id": job.drawing_id, "kind": "Cancelled",
        "message": "The drawing was cancelled.", "cure": "",
    }  # fmt: skip


def child_environment(threads: int | None) -> dict[str, str]:
    """Ours without what opens the studio's database and files; the engine reads nothing of it, torch does."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    kept |= {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
    if threads is not None:
        kept |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return kept
