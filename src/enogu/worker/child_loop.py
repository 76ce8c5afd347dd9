"""The life of an engine's process, the same for the real engine and the fake: commands in, events out, a clean end.

The main thread works; another reads stdin. Stdout belongs to events: whatever a library prints goes to stderr. The
process ends at once, without saving anything, when its worker is gone (stdin ends; on Linux the kernel sees to it,
too), since somebody else may have the job by then. SIGTERM is a request: a training keeps its state first.
"""

from __future__ import annotations

import ctypes
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import IO, Any, Protocol

from enogu.errors import EnoguError
from enogu.worker.engine_messages import (
    DRAW_ENDS,
    MAX_LINE_BYTES,
    TRAIN_ENDS,
    BadMessage,
    Command,
    DrawJob,
    TrainJob,
    event_line,
    read_command,
    read_object,
)

Say = Callable[[dict[str, Any]], None]

_MOST_CANCELLED = 1000
_BROKEN = ("CUDA error", "HIP error", "UR_RESULT_ERROR_DEVICE_LOST")
"""What a driver says after which its process can compute nothing more: NVIDIA's, AMD's, Intel's."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Wishes:
    """What is asked of the training that is running."""

    stop: bool = False
    save: bool = False
    sample: bool = False


class DrawCancelled(Exception):
    """Nobody wants this drawing any more."""


class Steering(Protocol):
    """What an engine calls while it trains."""

    def between_steps(self, *, only_stop: bool = False) -> Wishes:
        """Draw what is waiting, and say what is asked. Save and sample wait while ``only_stop``."""
        ...


class Engine(Protocol):
    """What does the work. Events are said without run_id and drawing_id, which the loop adds."""

    def train(self, job: TrainJob, say: Say, steering: Steering) -> None:
        """Say everything up to Finished, Failed or Stopped; or raise, and ``failure`` is said."""
        ...

    def draw(self, job: DrawJob, say: Say, check: Callable[[], None]) -> None:
        """Draw and say DrawFinished, or raise. ``check`` raises DrawCancelled; call it often.

        Called from ``between_steps`` too, if ``can_draw_now``.
        """
        ...

    def can_draw_now(self, job: DrawJob) -> bool:
        """Whether ``job`` is for the base model that is being trained on."""
        ...

    def failure(self, error: BaseException) -> dict[str, Any]:
        """A Failed event for an error: kind, message, cure, field, suggested."""
        ...

    def unload(self) -> None:
        """Let go of the base model and what else takes memory."""
        ...


class ChildLoop:
    """Reads commands, does them one after the other, and never ends without a word."""

    def __init__(self, commands: IO[bytes], events: IO[bytes]) -> None:
        self._commands, self._events = commands, events
        self._events_lock = threading.Lock()
        self._inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._waiting: deque[Command] = deque()
        self._cancelled: dict[str, None] = {}
        self._wishes: set[str] = set()
        self._engine: Engine | None = None

    def say(self, event: Mapping[str, Any]) -> None:
        """Write one event. Without a reader there is nobody to work for."""
        try:
            with self._events_lock:
                self._events.write(event_line(event))
                self._events.flush()
        except (OSError, ValueError):
            os._exit(0)

    def run(self, make_engine: Callable[[], Engine], kind: str) -> int:
        """Until ``quit``. The engine is made first, as slow as its libraries are, and then Ready is said."""
        threading.Thread(target=self._read_commands, name="commands", daemon=True).start()
        self._engine = engine = make_engine()
        self.say({"event": "Ready", "engine": kind, "pid": os.getpid()})
        while True:
            command = self._waiting.popleft() if self._waiting else self._inbox.get()
            if command.name == "quit":
                return 0
            if command.name == "unload":
                engine.unload()
            elif isinstance(command.job, TrainJob):
                self._train(engine, command.job)
            elif isinstance(command.job, DrawJob):
                self._draw(engine, command.job)
            # a stop, save or sample that came when its training had ended already asks for nothing

    def quit_soon(self, *_: int | FrameType | None) -> None:
        """SIGTERM: as the message. A ``SimpleQueue`` may be put to from a signal's handler."""
        self._inbox.put(Command("quit"))

    # ---- Steering --------------------------------------------------------------------------------------------------

    def between_steps(self, *, only_stop: bool = False) -> Wishes:
        """See Steering."""
        while True:
            try:
                self._waiting.append(self._inbox.get_nowait())
            except queue.Empty:
                break
        if not self._waiting and not self._wishes:
            return Wishes()
        later: deque[Command] = deque()
        draws: list[DrawJob] = []
        for command in self._waiting:
            if command.name in ("stop", "save", "sample"):
                self._wishes.add(command.name)
            elif isinstance(command.job, DrawJob):
                draws.append(command.job)
            else:
                later.append(command)
                if command.name == "quit":
                    self._wishes.add("stop")
        self._waiting = later
        if "stop" in self._wishes:  # whoever stops a run does not wait for pictures: they come behind it
            self._waiting.extendleft(Command("draw", job) for job in reversed(draws))
            draws = []
        for job in draws:
            self._draw_beside_training(job)
        asked = self._wishes & {"stop"} if only_stop else set(self._wishes)
        wishes = Wishes("stop" in asked, "save" in asked, "sample" in asked)
        self._wishes -= asked
        return wishes

    # ---- one job ---------------------------------------------------------------------------------------------------

    def _train(self, engine: Engine, job: TrainJob) -> None:
        has_ended = False
        self._wishes.clear()

        def say(event: dict[str, Any]) -> None:
            nonlocal has_ended
            has_ended = has_ended or event["event"] in TRAIN_ENDS
            self.say({**event, "run_id": job.run_id})

        try:
            engine.train(job, say, self)
        except Exception as error:
            _tell_log(error)
            if not has_ended:
                say(engine.failure(error))
            self._end_if_broken(error)
        if not has_ended:
            say(engine.failure(RuntimeError("the training ended without a word")))

    def _draw_beside_training(self, job: DrawJob) -> None:
        engine = self._engine
        if engine is not None and engine.can_draw_now(job):
            self._draw(engine, job)
        else:
            self.say(
                _draw_failed(job.drawing_id, "Busy", "The device trains on another base model.", "It will be free.")
            )

    def _draw(self, engine: Engine, job: DrawJob) -> None:
        has_ended = False

        def say(event: dict[str, Any]) -> None:
            nonlocal has_ended
            has_ended = has_ended or event["event"] in DRAW_ENDS
            self.say({**event, "drawing_id": job.drawing_id})

        def check() -> None:
            if job.drawing_id in self._cancelled:
                raise DrawCancelled

        try:
            check()
            engine.draw(job, say, check)
        except DrawCancelled:
            say(_draw_failed(job.drawing_id, "Cancelled", "The drawing was cancelled.", ""))
        except Exception as error:
            _tell_log(error)
            if not has_ended:
                failure = engine.failure(error)
                say(_draw_failed(job.drawing_id, failure["kind"], failure["message"], failure["cure"]))
            self._end_if_broken(error)
        finally:
            self._cancelled.pop(job.drawing_id, None)
        if not has_ended:
            say(_draw_failed(job.drawing_id, "Unforeseen", "The drawing ended without a word.", "Try it again."))

    def _end_if_broken(self, error: BaseException) -> None:
        """A graphics card that met an error of its own answers nothing more: a new process is needed."""
        said = f"{error} {error.__cause__ or ''}"
        if any(words in said for words in _BROKEN):
            self._events.flush()
            sys.stderr.flush()
            os._exit(70)

    # ---- the reading thread ----------------------------------------------------------------------------------------

    def _read_commands(self) -> None:
        while True:
            try:
                line = self._commands.readline(MAX_LINE_BYTES + 1)
            except (OSError, ValueError):
                line = b""
            if not line:
                os._exit(0)  # the worker is gone
            if not line.endswith(b"\n"):
                self._skip_line()
            if line.strip():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            command = read_command(line)
        except BadMessage as error:
            self._refuse(line, str(error))
            return
        if command.name == "cancel_draw":
            if len(self._cancelled) >= _MOST_CANCELLED:
                self._cancelled.clear()
            self._cancelled[command.drawing_id] = None
        else:
            self._inbox.put(command)

    def _refuse(self, line: bytes, reason: str) -> None:
        """Tell it, and end the job that it was meant to be, so that nobody waits for it."""
        self.say({"event": "ProtocolFailed", "message": reason})
        try:
            job = read_object(line).get("job")
        except BadMessage:
            return
        if isinstance(job, dict):
            if isinstance(run_id := job.get("run_id"), str):
                self.say({"event": "Failed", "run_id": run_id, **_unreadable(reason)})
            if isinstance(drawing_id := job.get("drawing_id"), str):
                self.say(_draw_failed(drawing_id, "ProtocolFailed", f"The engine could not read its job: {reason}", ""))

    def _skip_line(self) -> None:
        while (part := self._commands.readline(1 << 20)) and not part.endswith(b"\n"):
            pass


def private_streams() -> tuple[IO[bytes], IO[bytes]]:
    """(commands, events): copies of stdin and stdout for us alone. What anybody prints goes to stderr from now on."""
    commands = os.fdopen(os.dup(0), "rb")
    events = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return commands, events


def die_with_parent(parent_pid: int) -> None:
    """Let the kernel end us with our worker (Linux); elsewhere the end of stdin does. 0: no parent is known."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent_pid and os.name == "posix" and os.getppid() != parent_pid:
        os._exit(0)  # it was gone before the kernel knew


def run_child(make_engine: Callable[[], Engine], kind: str, parent_pid: int) -> int:
    """The whole life of a child's process; its exit code."""
    die_with_parent(parent_pid)
    commands, events = private_streams()
    loop = ChildLoop(commands, events)
    signal.signal(signal.SIGTERM, loop.quit_soon)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which asks us
    code = loop.run(make_engine, kind)
    sys.stderr.flush()
    return code


def unforeseen(error: BaseException) -> dict[str, Any]:
    """A Failed event for a bug of ours."""
    return {
        "event": "Failed",
        "step": 0,
        "kind": "Unforeseen",
        "message": f"The engine met something that nobody thought of ({type(error).__name__}: {str(error)[:500]}).",
        "cure": "Try it again; the worker's log holds the details.",
        "field": "",
        "suggested": None,
    }


def _unreadable(reason: str) -> dict[str, Any]:
    return {
        "step": 0,
        "kind": "ProtocolFailed",
        "message": f"The engine could not read its job: {reason}",
        "cure": "Worker and engine may be of different versions: restart the worker.",
        "field": "",
        "suggested": None,
    }


def _draw_failed(drawing_id: str, kind: str, message: str, cure: str) -> dict[str, Any]:
    return {"event": "DrawFailed", "drawing_id": drawing_id, "kind": kind, "message": message, "cure": cure}


def _tell_log(error: BaseException) -> None:
    """A traceback for bugs only: an error in words was told to whom it concerns."""
    if not isinstance(error, EnoguError):
        traceback.print_exception(error, file=sys.stderr)
    sys.stderr.flush()


def seconds_since(began: float) -> float:
    """For ``Loaded``: rounded, since it is told and stored."""
    return round(time.monotonic() - began, 3)
