"""What a handler of a job is given, and which handlers there are.

A handler is called in a thread of its lane with a JobContext, while the context's own thread says every few seconds
that the job is alive. How it ends says what becomes of the job:

* it returns: done (unless it ended the job itself with ``queue.end`` in its last transaction, which is best);
* it raises EnoguError: failed, with the error's words as the reason. It has told its slice before;
* it raises LostJob: somebody else has the job; nothing more is written;
* it raises WorkerStops: the worker is told to stop (``context.is_stopping``) and the handler has saved what there is.
  The job goes back into the queue and this does not count as a death. On a Stopped event that nobody asked a pause or
  cancel for, raise this;
* it raises DatabaseFailed or EngineDied: not the job's fault at first. It goes back into the queue, counted as a
  death; the second one without progress parks it;
* any other exception is a mistake of ours: the job is parked with its words, and the slice is told (ON_PARKED).

Every transaction in which a handler writes begins with ``context.hold(session)``; ``context.keep(write)`` is such a
one that is repeated while the database is away.
Handlers live in modules of their own, which are imported when the first job of their kind comes.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from enogu.errors import DatabaseFailed, EnoguError
from enogu.imaging.decoder import Decoder
from enogu.queue import service as queue
from enogu.queue.entities import Ask, Job, LostJob
from enogu.settings import Settings
from enogu.stamina.entities import Metering
from enogu.storage.database import Engine, Session, reading, transaction
from enogu.storage.files import Files
from enogu.worker.engine_host import EngineHost

BEAT_SECONDS = 2.0
"""How often a worker says that a job is alive."""


Kept = TypeVar("Kept")


class WorkerStops(Exception):
    """Raised by a handler that has put by what there is, since its worker is told to stop."""


class JobContext:
    """What a handler has: everything that is open, the job, and what is asked of it. Safe to use from threads."""

    def __init__(
        self,
        *,
        engine: Engine,
        files: Files,
        settings: Settings,
        metering: Metering,
        decoder: Decoder,
        job: Job,
        engine_host: Callable[[], EngineHost],
        is_stopping: Callable[[], bool] = lambda: False,
        beat_seconds: float = BEAT_SECONDS,
    ) -> None:
        self.engine = engine
        self.files = files
        self.settings = settings
        self.metering = metering
        self.decoder = decoder
        self.job = job
        """As it was when it was begun."""
        self.log = logging.getLogger(f"enogu.worker.{job.kind}")
        self._engine_host = engine_host
        self._is_stopping = is_stopping
        self._beat_seconds = beat_seconds
        self._lock = threading.Lock()
        self._asked: frozenset[Ask] = job.asked
        self._done_since_beat: set[Ask] = set()
        self._mark: int | None = None
        self._progress: dict[str, Any] | None = None
        self._lost = threading.Event()
        self._over = threading.Event()
        self._when_lost: list[Callable[[], None]] = []
        self._beating: threading.Thread | None = None

    @property
    def token(self) -> int:
        """The fencing token."""
        return self.job.token

    @property
    def engine_host(self) -> EngineHost:
        """The warm engine of this worker's device; its child starts with the first job that needs it."""
        return self._engine_host()

    @property
    def is_stopping(self) -> bool:
        """Whether the worker is told to stop. Save what there is and raise WorkerStops; there are about ten seconds.

        A training is asked to stop by the worker itself; its last event is then Stopped.
        """
        return self._is_stopping()

    @property
    def is_lost(self) -> bool:
        """Whether somebody else has the job by now."""
        return self._lost.is_set()

    def asked(self) -> frozenset[Ask]:
        """What people want, as of the last beat. Look at it at the start, too: a cancel may be older than this worker.

        Raises LostJob.
        """
        if self._lost.is_set():
            raise LostJob
        with self._lock:
            return self._asked

    def tell(self, *, mark: int | None = None, progress: dict[str, Any] | None = None) -> None:
        """How far it is; written with the next beat, so it may be called at every step. Raises LostJob.

        ``mark`` is what counts as progress when the worker dies, so tell it when something is safe: a step whose state
        is in the files, a picture whose row is written.
        """
        if self._lost.is_set():
            raise LostJob
        with self._lock:
            if mark is not None:
                self._mark = mark if self._mark is None else max(self._mark, mark)
            if progress is not None:
                self._progress = dict(progress)

    def hold(self, session: Session) -> Job:
        """The fence, as the first statement of a transaction. Raises LostJob."""
        try:
            return queue.hold(session, self.job.id, self.token)
        except LostJob:
            self._lose()
            raise

    def keep(self, write: Callable[[Session], Kept]) -> Kept:
        """Call ``write`` in a transaction that begins with the fence, and again while the database is away.

        So a restart of the database is no end of a training. ``write`` may be called several times and must change
        nothing but the database. Raises LostJob, WorkerStops when the worker must go and the database is still away.
        """
        wait_seconds = 0.1
        while True:
            try:
                with transaction(self.engine) as session:
                    self.hold(session)
                    return write(session)
            except DatabaseFailed as error:
                if self._lost.is_set():
                    raise LostJob from error
                if self.is_stopping:
                    raise WorkerStops from error
                self.log.warning("Not written yet: %s", error)
                self._lost.wait(wait_seconds)
                wait_seconds = min(wait_seconds * 2, 2.0)

    def forget_ask(self, session: Session, what: Ask) -> None:
        """A "save" or "sample" was done."""
        queue.forget_ask(session, self.job.id, self.token, what)
        with self._lock:
            self._asked -= {what}
            self._done_since_beat.add(what)

    def when_lost(self, call: Callable[[], None]) -> None:
        """Called once, from another thread, when somebody else takes the job over."""
        with self._lock:
            self._when_lost.append(call)

    def beat(self) -> None:
        """Say that the job is alive and how far it is. Called by a thread; a handler has no need to. Raises LostJob."""
        with self._lock:
            mark, progress = self._mark, self._progress
            self._progress = None
            self._done_since_beat.clear()
        try:
            now = queue.read_now(self.engine)
            with transaction(self.engine) as session:
                asked = queue.beat(session, self.job.id, self.token, now, mark=mark, progress=progress)
        except LostJob:
            self._lose()
            raise
        except DatabaseFailed:
            with self._lock:
                self._progress = progress if self._progress is None else self._progress
            raise
        with self._lock:
            self._asked = asked - self._done_since_beat  # what was done while the answer was on its way

    def __enter__(self) -> JobContext:
        """Beats begin."""
        self._beating = threading.Thread(target=self._keep_beating, name=f"beat of {self.job.kind}", daemon=True)
        self._beating.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Beats end."""
        self._over.set()
        if self._beating is not None:
            self._beating.join(timeout=5)

    def _keep_beating(self) -> None:
        while not self._over.wait(self._beat_seconds):
            try:
                self.beat()
            except LostJob:
                return
            except DatabaseFailed as error:
                # The work goes on. When the database is back we either still have the job or find out that we do not.
                self.log.warning("No beat: %s", error)
            except Exception:
                self.log.exception("No beat, for a reason that nobody thought of.")

    def _lose(self) -> None:
        if self._over.is_set() or self._lost.is_set() or self._has_ended_it():
            return
        self._lost.set()
        with self._lock:
            calls, self._when_lost = self._when_lost, []
        for call in calls:
            try:
                call()
            except Exception:
                self.log.exception("What was to be done when the job was lost did not work.")

    def _has_ended_it(self) -> bool:
        """Whether the handler itself ended the job, in its last transaction, and is about to return."""
        try:
            with reading(self.engine) as session:
                job = queue.find_job(session, self.job.id)
        except DatabaseFailed:
            return False
        return job is not None and job.token == self.token and job.state in ("done", "failed", "cancelled")


Handler = Callable[[JobContext], None]
OnParked = Callable[[Engine, Job], None]


@dataclass(frozen=True)
class Handlers:
    """Which code does what. The tables may be given, as tests do; what is not in them is looked for by name."""

    handlers: Mapping[str, Handler] = field(default_factory=dict)
    on_parked: Mapping[str, OnParked] = field(default_factory=dict)
    places: Mapping[str, tuple[str, str]] = field(default_factory=lambda: HANDLERS)

    def find(self, kind: str) -> Handler:
        """Raises EnoguError when nobody knows this kind of job."""
        if kind in self.handlers:
            return self.handlers[kind]
        module, name = self._place(kind)
        return getattr(importlib.import_module(module), name)

    def find_on_parked(self, kind: str) -> OnParked | None:
        """What tells the slice that its job was parked."""
        if kind in self.on_parked:
            return self.on_parked[kind]
        if kind in self.handlers:
            return None
        module, _ = self._place(kind)
        return getattr(importlib.import_module(module), "parked", None)

    def _place(self, kind: str) -> tuple[str, str]:
        if kind not in self.places:
            raise EnoguError(f"This worker does not know what {kind!r} is.", "Update it to the server's version.")
        return self.places[kind]


HANDLERS: dict[str, tuple[str, str]] = {
    "train_run": ("enogu.worker.run_handler", "train_run"),
    "lora_tool": ("enogu.worker.lora_tool_handler", "use_tool"),
    "draw": ("enogu.worker.drawing_handler", "draw"),
    "crop_and_tag": ("enogu.worker.dataset_handlers", "crop_and_tag"),
    "import_pictures": ("enogu.worker.dataset_handlers", "import_pictures"),
    "check_tagger": ("enogu.worker.dataset_handlers", "check_tagger"),
    "import_base_model": ("enogu.worker.base_model_handlers", "import_base_model"),
    "download_base_model": ("enogu.worker.base_model_handlers", "download_base_model"),
    "hash_base_model": ("enogu.worker.base_model_handlers", "hash_base_model"),
}
"""Module and function of each kind. The module's ``parked(engine, job)`` tells the slice of a job that was parked."""
