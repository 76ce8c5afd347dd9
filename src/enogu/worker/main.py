"""The worker's process: takes jobs of its lanes, one at a time in each, until it is told to stop.

What may happen to it, and what then becomes of its jobs:

* It is told to stop (SIGTERM, Ctrl-C): a training is asked to save its state, every handler has ``stop_seconds``, then
  the engine's child is ended. What is not over goes back into the queue and does not count as a death. A second signal
  ends it at once.
* It is killed: its jobs fall silent, and the reaper of any worker dispatches them again; the same worker, started
  again, does so at once.
* The database is away: the engine works on, beats and writes are tried again, wake-ups come again when it is back.
  Nobody reaps before all had the time to beat again.
* The machine sleeps: when it wakes, another worker may have the job. The next beat finds out, and ends the child.

This process never imports torch; its engine does, in a child that is kept warm.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from filelock import FileLock, Timeout

from enogu.bootstrap import Studio, open_studio
from enogu.errors import DatabaseFailed, StorageFailed, WrongUse
from enogu.queue import service as queue
from enogu.queue.entities import LANES, SILENT_SECONDS, Job, Lane, LostJob
from enogu.settings import Settings
from enogu.storage.database import transaction
from enogu.worker.devices import DeviceFacts, choose_device, describe_device
from enogu.worker.doing import Workplace, do_job, tell_parked
from enogu.worker.engine_host import EngineHost
from enogu.worker.handlers import BEAT_SECONDS, Handlers, JobContext
from enogu.worker.leftovers import tidy_leftovers

STOP_SECONDS = 10.0
KILL_SECONDS = 3.0
TIDY_SECONDS = 600.0

_log = logging.getLogger("enogu.worker")


def run_worker(
    settings: Settings,
    *,
    device: str = "auto",
    lanes: Sequence[Lane] = LANES,
    name: str = "",
    engine_command: Sequence[str] | None = None,
    handlers: Handlers | None = None,
    stop: threading.Event | None = None,
    beat_seconds: float = BEAT_SECONDS,
    silent_seconds: float = SILENT_SECONDS,
    stop_seconds: float = STOP_SECONDS,
    memory_bytes: int | None = None,
) -> None:
    """Work until a signal comes, or ``stop`` is set. There can be one in a process.

    ``name`` tells several workers of one device apart. ``silent_seconds`` must be the same for all workers of a studio
    and several times ``beat_seconds``. ``memory_bytes`` is what runs may take of the device; unless given, all that it
    says it has. Raises WrongUse when a worker of this name runs already, EnoguError when the
    studio cannot be opened.
    """
    if not lanes or not set(lanes) <= set(LANES):
        raise WrongUse(f"A worker's lanes are some of {', '.join(LANES)}.", "Name at least one.")
    if silent_seconds < 2 * beat_seconds:
        raise WrongUse("A worker would be taken for dead between two beats.", "Let it be silent for longer.")
    chosen = choose_device(device)
    worker_id = ":".join(part for part in (socket.gethostname() or "host", chosen, name) if part)
    ending = stop or threading.Event()
    with _only_one(settings, worker_id), _told_to_stop(ending):
        studio = open_studio(settings)
        try:
            worker = _Worker(
                studio,
                worker_id,
                tuple(dict.fromkeys(lanes)),
                chosen,
                describe_device(chosen, memory_bytes=memory_bytes),
                handlers or Handlers(),
                engine_command,
                ending,
                beat_seconds,
                silent_seconds,
            )
            worker.work(stop_seconds)
        finally:
            studio.close()


class _Worker:
    """One process's lanes, its engine, and the thread that beats and reaps."""

    def __init__(
        self,
        studio: Studio,
        worker_id: str,
        lanes: tuple[Lane, ...],
        device: str,
        facts: DeviceFacts,
        handlers: Handlers,
        engine_command: Sequence[str] | None,
        stopping: threading.Event,
        beat_seconds: float,
        silent_seconds: float,
    ) -> None:
        self._engine = studio.engine
        self._id = worker_id
        self._lanes = lanes
        self._device = device
        self._facts = facts
        self._engine_command = engine_command
        self._stopping = stopping
        self._beat_seconds = beat_seconds
        self._silent = timedelta(seconds=silent_seconds)
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._host: EngineHost | None = None
        self._busy: dict[str, JobContext] = {}
        self._one_at_a_time = {lane: threading.Lock() for lane in lanes}
        self._heard_at: datetime | None = None
        self._heard_since: datetime | None = None
        self._place = Workplace(
            studio, handlers, self._open_host, stopping.is_set, beat_seconds, when_begun=self._note_begun
        )

    def work(self, stop_seconds: float) -> None:
        """Until told to stop."""
        from enogu.queue.durable import Waking

        now = queue.read_now(self._engine)
        with transaction(self._engine) as session:
            queue.start_worker(
                session, self._id, self._lanes, self._device, now,
                device_name=self._facts.name, memory_bytes=self._facts.memory_bytes,
                has_adamw8bit=self._facts.has_adamw8bit,
            )  # fmt: skip
        for job in queue.reap_worker(self._engine, self._id, now):
            _log.warning("%s %s was this worker's when it ended; it is %s.", job.kind, job.id, job.state)
        tidy_leftovers(self._engine, self._place.studio.settings.home)
        caring = threading.Thread(target=self._care, name="beats and reaping", daemon=True)
        caring.start()
        waking = Waking(self._engine, self._id, self._lanes, self._on_wake)
        try:
            waking.start()
            _log.info("Worker %s is ready for %s on %s.", self._id, ", ".join(self._lanes), self._device)
            while not self._stopping.wait(1.0):  # in steps, so that Ctrl-C is heard on Windows as well
                pass
        finally:
            self._stopping.set()
            left = self._finish(stop_seconds)
            waking.stop()
            self._over.set()
            caring.join(timeout=5)
            self._say_goodbye()
            if left:
                _log.error("A handler does not end; the process ends without it.")
                logging.shutdown()
                os._exit(1)  # its thread would keep the interpreter for ever

    # ---- jobs --------------------------------------------------------------------------------------------------------

    def _on_wake(self, lane: Lane) -> None:
        """There is something to do in this lane: all of it, one after the other."""
        with self._one_at_a_time[lane]:
            while not self._stopping.is_set():
                job = self._take(lane)
                if job is None:
                    return
                try:
                    do_job(self._place, job)
                finally:
                    with self._lock:
                        self._busy.pop(job.id, None)

    def _take(self, lane: Lane) -> Job | None:
        wait_seconds = 0.1
        while not self._stopping.is_set():
            try:
                now = queue.read_now(self._engine)
                with transaction(self._engine) as session:
                    return queue.take_next(session, lane, self._id, now)
            except DatabaseFailed as error:
                _log.warning("No job can be taken: %s", error)
                self._stopping.wait(wait_seconds)
                wait_seconds = min(wait_seconds * 2, 2.0)
        return None

    def _note_begun(self, context: JobContext) -> None:
        with self._lock:
            self._busy[context.job.id] = context
        if context.job.lane == "train":
            context.when_lost(self._kill_engine)

    def _open_host(self) -> EngineHost:
        with self._lock:
            if self._host is None:
                self._host = EngineHost(self._engine_command, self._device)
            return self._host

    def _ask_to_stop(self) -> None:
        if self._host is not None:
            self._host.ask("stop")

    def _kill_engine(self) -> None:
        if self._host is not None:
            self._host.kill()

    # ---- beats and reaping -------------------------------------------------------------------------------------------

    def _care(self) -> None:
        tidied_at = time.monotonic()
        while not self._over.is_set():
            try:
                now = queue.read_now(self._engine)
                with transaction(self._engine) as session:
                    queue.beat_worker(session, self._id, now)
                self._care_for_others(now)
                if time.monotonic() - tidied_at > TIDY_SECONDS:
                    tidied_at = time.monotonic()
                    queue.tidy(self._engine, now)
            except DatabaseFailed as error:
                _log.warning("No beat: %s", error)
            except Exception:
                _log.exception("Beats and reaping met something that nobody thought of; they go on.")
            self._over.wait(self._beat_seconds)

    def _care_for_others(self, now: datetime) -> None:
        """Silence of others means something only after we ourselves heard the database all the while."""
        if self._heard_at is None or self._heard_since is None or now - self._heard_at > self._silent / 2:
            self._heard_since = now
        self._heard_at = now
        if now - self._heard_since >= self._silent:
            for job in queue.reap(self._engine, now, silent_seconds=self._silent.total_seconds()):
                _log.warning("%s %s fell silent; it is %s.", job.kind, job.id, job.state)
        tell_parked(self._place)
        if not self._stopping.is_set():
            queue.keep_awake(self._engine, self._lanes)

    # ---- the end -----------------------------------------------------------------------------------------------------

    def _finish(self, stop_seconds: float) -> list[Job]:
        """Let the handlers end; those that do not within bounds."""
        _log.info("Worker %s stops.", self._id)
        until = time.monotonic() + stop_seconds
        asked: set[str] = set()
        while (busy := self._list_busy()) and time.monotonic() < until:
            for context in busy:
                if context.job.lane == "train" and context.job.id not in asked and self._host is not None:
                    asked.add(context.job.id)
                    self._attempt(self._ask_to_stop)
            time.sleep(0.05)
        if self._list_busy():
            _log.warning("Not everything has ended within %.0f seconds; the engine is ended.", stop_seconds)
            self._attempt(self._kill_engine)
            until = time.monotonic() + KILL_SECONDS
            while self._list_busy() and time.monotonic() < until:
                time.sleep(0.05)
        left = [context.job for context in self._list_busy()]
        for job in left:
            self._attempt(lambda job=job: self._give_back(job))
        if self._host is not None:
            host = self._host
            self._attempt(lambda: host.close(patience_seconds=KILL_SECONDS))
        return left

    def _list_busy(self) -> list[JobContext]:
        with self._lock:
            return list(self._busy.values())

    def _give_back(self, job: Job) -> None:
        now = queue.read_now(self._engine)
        with transaction(self._engine) as session:
            try:
                queue.give_back(session, job.id, job.token, now)
            except LostJob:
                return

    def _say_goodbye(self) -> None:
        try:
            now = queue.read_now(self._engine)
            with transaction(self._engine) as session:
                queue.stop_worker(session, self._id, now)
        except DatabaseFailed as error:
            _log.warning("Nobody can be told that this worker stops: %s", error)

    def _attempt(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception:
            _log.exception("While stopping:")


@contextmanager
def _only_one(settings: Settings, worker_id: str) -> Iterator[None]:
    """A lock of the operating system's, which goes with the process however it ends."""
    folder = settings.home / "workers"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / (re.sub(r"[^A-Za-z0-9.-]+", "_", worker_id) + ".lock"))
        lock.acquire(timeout=0)
    except Timeout as error:
        raise WrongUse(
            f"The worker {worker_id} runs already.", "Give this one another device or name, or end that one."
        ) from error
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be written: {error.strerror or error}.", "Change its owner.") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _told_to_stop(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set ``stop``, the second of them does what it does in any program. Only in the main thread,
    where signals can be heard.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def on_signal(_number: int, _frame: object) -> None:
        stop.set()
        for number in before:
            signal.signal(number, signal.SIG_DFL)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
