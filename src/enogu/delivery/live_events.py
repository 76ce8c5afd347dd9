"""Events as they happen, over one long answer (server-sent events) that a browser resumes by itself.

    @router.get("/runs/{run_id}/events", response_class=Response)
    def follow_run(run_id: str, request: Request, door: TheDoor, session: OneTransaction, caller: SomeCaller):
        run = service.get_run(session, caller.account.id, run_id)     # whose is it?
        return follow(
            request, door.engine,
            lambda session, after: [LiveEvent(e.id, e.kind, e.value) for e in service.list_events(session, ..., after)],
            is_over=lambda session: service.get_run(session, ...).is_over,
        )

The database is the only truth: whoever writes an event, in whichever process, commits a row, and this process looks for
new rows some three times a second. All streams of a process are read by one thread in turn, a round for all of them, so
that hundreds of open streams hold no thread, no transaction and no connection, and requests find the pool of threads as
free as ever. An answer that was cut off goes on behind ``Last-Event-ID``, which browsers send, or ``?after=``.

Ids must be visible in their own order, else one that commits late is missed: one writer at a time per stream (the fence
of a run's worker), or one transaction's lock around the giving of ids.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import structlog
from anyio import CapacityLimiter
from fastapi import FastAPI, Request, Response
from starlette.types import Receive, Scope, Send

from enogu.errors import DatabaseFailed, EnoguError, NotFound, WrongUse
from enogu.storage.database import Engine, Session, reading
from enogu.words import speaking, spoken

POLL_SECONDS = 0.3
QUIET_POLL_SECONDS = 1.0
"""Of a stream on which nothing came for ``QUIET_AFTER_SECONDS``."""
QUIET_AFTER_SECONDS = 20.0
HEARTBEAT_SECONDS = 15.0
"""A comment, so that proxies keep the line open and a browser that left is noticed."""
RETRY_MILLISECONDS = 1500
LONGEST_SECONDS = 3600.0
"""Then the browser comes again, and is asked again who it is."""

ReadEvents = Callable[[Session, int], "Sequence[LiveEvent]"]
IsOver = Callable[[Session], bool]

_log = structlog.get_logger("enogu.live_events")


@dataclass(frozen=True)
class LiveEvent:
    """One event of a stream."""

    id: int
    """Ascending within its stream; where a browser goes on."""
    kind: str
    """One word, such as ``Stepped``."""
    data: dict[str, Any]
    """What JSON knows."""


def follow(request: Request, engine: Engine, read: ReadEvents, *, is_over: IsOver) -> Response:
    """The events behind the last one that the caller has, and new ones as they come, until ``is_over``.

    ``read(session, after)`` gives the events whose id is above ``after``, oldest first, as many as it likes at a time;
    ``is_over(session)`` whether none will follow. Both only read, briefly, and may raise NotFound when what they read
    of was deleted, which ends the stream. The last event is ``over``: a client that gets it does not come again.
    Raises WrongUse for a Last-Event-ID or ``after`` that is no number.
    """
    language = spoken()

    def read_in_its_language(session: Session, after: int) -> Sequence[LiveEvent]:
        with speaking(language):  # the one reader of all streams is nobody's request
            return read(session, after)

    return _LiveAnswer(request.app, engine, read_in_its_language, is_over, _after(request))


def end_streams(app: FastAPI) -> None:
    """End every open stream of ``app`` now: for a server that stops. Browsers come again when it is back."""
    app.state.streams_have_ended = True
    for poller in list(_pollers(app).values()):
        poller.end()


def count_streams(app: FastAPI) -> int:
    """How many streams are open."""
    return sum(poller.num_streams for poller in list(_pollers(app).values()))


def _after(request: Request) -> int:
    given = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    if not given.isascii() or not given.isdigit() or int(given) >= 2**63:
        raise WrongUse(f"Events cannot go on behind {given[:40]!r}.", "Give the id of the last event that came, or 0.")
    return int(given)


# ---- one stream ------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Stream:
    """What the poller and the answer tell each other; touched on the event loop only."""

    read: ReadEvents
    is_over: IsOver
    after: int
    news: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: deque[LiveEvent] = field(default_factory=deque)
    has_ended: bool = False
    is_finished: bool = False
    """Whether ``over`` is to be said: ended because nothing will follow."""
    due_at: float = 0.0
    last_news_at: float = field(default_factory=time.monotonic)


class _LiveAnswer(Response):
    """The answer itself. Ends when the caller leaves, when it is over, and when the server stops."""

    media_type = "text/event-stream"

    def __init__(self, app: FastAPI, engine: Engine, read: ReadEvents, is_over: IsOver, after: int) -> None:
        super().__init__(headers={"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._app = app
        self._engine = engine
        self._stream = _Stream(read, is_over, after)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One stream, from its headers to its end."""
        stream = self._stream
        pollers, loop = _pollers(self._app), asyncio.get_running_loop()
        poller = pollers.setdefault(loop, _Poller(self._engine))
        leaving = asyncio.ensure_future(_until_left(receive, stream))
        poller.join(stream)
        stream.has_ended = getattr(self._app.state, "streams_have_ended", False)
        until = time.monotonic() + LONGEST_SECONDS
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _send_text(send, f"retry: {RETRY_MILLISECONDS}\n\n")
            while not leaving.done():
                if stream.waiting:
                    text = "".join(_written(event) for event in stream.waiting)
                    stream.waiting.clear()
                    await _send_text(send, text)
                    poller.wake()
                    continue
                if stream.has_ended or time.monotonic() > until:
                    break
                stream.news.clear()
                try:
                    await asyncio.wait_for(stream.news.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    await _send_text(send, ": still here\n\n")
            if stream.is_finished and not leaving.done():
                await _send_text(send, "event: over\ndata: {}\n\n")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            poller.leave(stream)
            if not poller.num_streams:
                pollers.pop(loop, None)
            leaving.cancel()


async def _until_left(receive: Receive, stream: _Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.news.set()


async def _send_text(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode("utf-8", "replace"), "more_body": True})


def _written(event: LiveEvent) -> str:
    """JSON has no line breaks of its own, so one ``data:`` line is always enough."""
    data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n"


# ---- the one reader of all streams -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """What one look at a stream's rows came to."""

    events: Sequence[LiveEvent] = ()
    is_over: bool = False
    is_gone: bool = False


class _Poller:
    """Reads for all streams of one event loop, as long as there are any."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._streams: set[_Stream] = set()
        self._limiter = CapacityLimiter(1)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def num_streams(self) -> int:
        return len(self._streams)

    def join(self, stream: _Stream) -> None:
        self._streams.add(stream)
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    def leave(self, stream: _Stream) -> None:
        self._streams.discard(stream)
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def end(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._end_all)

    def _end_all(self) -> None:
        for stream in list(self._streams):
            _end(stream)

    async def _run(self) -> None:
        while self._streams:
            self._wake.clear()
            now = time.monotonic()
            due = [one for one in self._streams if one.due_at <= now and not one.waiting and not one.has_ended]
            if due:
                wanted = [(one.read, one.is_over, one.after) for one in due]
                found = await anyio.to_thread.run_sync(_look, self._engine, wanted, limiter=self._limiter)
                for stream, one in zip(due, found, strict=True):
                    _tell(stream, one)
            waiting = [one.due_at for one in self._streams if not one.waiting and not one.has_ended]
            pause_seconds = min(waiting, default=time.monotonic() + POLL_SECONDS) - time.monotonic()
            try:
                await asyncio.wait_for(self._wake.wait(), max(0.01, pause_seconds))
            except TimeoutError:
                continue


def _look(engine: Engine, wanted: Sequence[tuple[ReadEvents, IsOver, int]]) -> list[_Found]:
    """One moment of the data for all, unless one of them fails: the rest then gets a moment of its own."""
    found: list[_Found] = []
    while len(found) < len(wanted):
        try:
            with reading(engine) as session:
                for read, is_over, after in wanted[len(found) :]:
                    ended = is_over(session)
                    found.append(_Found(read(session, after), ended))
        except DatabaseFailed:  # a database that is started again is waited for: streams live on
            found += [_Found()] * (len(wanted) - len(found))
        except NotFound:
            found.append(_Found(is_over=True, is_gone=True))
        except EnoguError:
            found.append(_Found(is_gone=True))
        except Exception:
            _log.exception("stream_failed")
            found.append(_Found(is_gone=True))
    return found


def _tell(stream: _Stream, found: _Found) -> None:
    now = time.monotonic()
    if found.events:
        stream.waiting.extend(found.events)
        stream.after = found.events[-1].id
        stream.last_news_at = now
        stream.due_at = now  # there may be more than it gave at once
        stream.news.set()
    elif found.is_over or found.is_gone:
        stream.is_finished = found.is_over
        _end(stream)
    else:
        is_quiet = now - stream.last_news_at > QUIET_AFTER_SECONDS
        stream.due_at = now + (QUIET_POLL_SECONDS if is_quiet else POLL_SECONDS)


def _end(stream: _Stream) -> None:
    stream.has_ended = True
    stream.news.set()


def _pollers(app: FastAPI) -> dict[asyncio.AbstractEventLoop, _Poller]:
    """One for the server's event loop; tests have several loops."""
    if not hasattr(app.state, "live_event_pollers"):
        app.state.live_event_pollers = {}
    return app.state.live_event_pollers
