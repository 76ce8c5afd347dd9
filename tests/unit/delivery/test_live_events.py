"""Server-sent events: they come as they happen, resume behind the last one, and end when they should."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient

from enogu.delivery import LiveEvent, count_streams, end_streams, follow
from enogu.errors import DatabaseFailed, NotFound
from enogu.storage.database import Engine, Session, open_engine


class Story:
    """Rows that a test writes; read as a slice's service would."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []
        self.is_over = False
        self.error: Exception | None = None
        self.num_reads = 0
        self.num_readers = 0
        self.most_readers = 0

    def tell(self, *kinds: str) -> None:
        for kind in kinds:
            self.events.append(LiveEvent(len(self.events) + 1, kind, {"言葉": kind}))

    def read(self, session: Session, after: int) -> list[LiveEvent]:
        self.num_reads += 1
        self.num_readers += 1
        self.most_readers = max(self.most_readers, self.num_readers)
        try:
            if self.error is not None:
                raise self.error
            return [one for one in self.events if one.id > after][:2]
        finally:
            self.num_readers -= 1


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.sqlite3'}")
    yield engine
    engine.dispose()


@pytest.fixture
def app(story: Story, engine: Engine) -> FastAPI:
    app = FastAPI()

    @app.get("/events")
    def events(request: Request) -> Response:
        return follow(request, engine, story.read, is_over=lambda session: story.is_over)

    return app


def ids(text: str) -> list[int]:
    return [int(line.removeprefix("id: ")) for line in text.splitlines() if line.startswith("id: ")]


def test_events_that_were_told_come_in_their_order_and_then_it_is_over(app: FastAPI, story: Story) -> None:
    story.tell("Started", "Stepped", "Stepped", "Saved", "Finished")
    story.is_over = True
    answer = TestClient(app).get("/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store, no-transform"
    assert ids(answer.text) == [1, 2, 3, 4, 5]
    assert answer.text.startswith("retry: ")
    assert 'event: Stepped\ndata: {"言葉":"Stepped"}' in answer.text
    assert answer.text.endswith("event: over\ndata: {}\n\n")


@pytest.mark.parametrize(
    ("headers", "query"), [({"Last-Event-ID": "3"}, ""), ({}, "?after=3"), ({"Last-Event-ID": "3"}, "?after=1")]
)
def test_a_stream_goes_on_behind_the_last_event(app: FastAPI, story: Story, headers: Any, query: str) -> None:
    story.tell("A", "B", "C", "D", "E")
    story.is_over = True
    assert ids(TestClient(app).get("/events" + query, headers=headers).text) == [4, 5]


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30, "²"])
def test_a_place_that_is_no_number_is_refused(app: FastAPI, after: str) -> None:
    from enogu.errors import WrongUse

    with pytest.raises(WrongUse):
        TestClient(app).get("/events", params={"after": after})


def test_a_stream_of_something_deleted_is_over(app: FastAPI, story: Story) -> None:
    story.error = NotFound("gone")
    assert "event: over" in TestClient(app).get("/events").text


class Caller:
    """One browser, on this event loop, without a server between."""

    def __init__(self, app: FastAPI) -> None:
        self.text = ""
        self._left = asyncio.Event()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/events", "raw_path": b"/events", "query_string": b"", "root_path": "", "headers": [],
            "server": ("localhost", 80), "client": ("127.0.0.1", 1), "state": {},
        }  # fmt: skip
        self._first = True
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._first:
            self._first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.text += message.get("body", b"").decode()

    def leave(self) -> None:
        self._left.set()

    async def until(self, words: str, seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while words not in self.text:
                await asyncio.sleep(0.01)


def test_an_event_comes_within_a_second_of_being_told(app: FastAPI, story: Story) -> None:
    async def scene() -> float:
        caller = Caller(app)
        await caller.until("retry")
        story.tell("Started")
        told_at = time.monotonic()
        await caller.until("Started")
        seconds = time.monotonic() - told_at
        caller.leave()
        await asyncio.wait_for(caller.task, 5)
        return seconds

    assert asyncio.run(scene()) < 1


def test_two_hundred_streams_leave_the_pool_of_threads_free(app: FastAPI, story: Story) -> None:
    async def scene() -> None:
        callers = [Caller(app) for _ in range(200)]
        for caller in callers:
            await caller.until("retry", 20)
        assert count_streams(app) == 200
        limiter = anyio.to_thread.current_default_thread_limiter()
        assert limiter.borrowed_tokens == 0
        story.tell("Started")
        for caller in callers:
            await caller.until("Started", 20)
        assert story.most_readers == 1, "one reader at a time"
        for caller in callers:
            caller.leave()
        await asyncio.gather(*(caller.task for caller in callers))
        assert count_streams(app) == 0

    asyncio.run(scene())


def test_a_stream_ends_when_its_caller_leaves(app: FastAPI, story: Story) -> None:
    async def scene() -> None:
        caller = Caller(app)
        await caller.until("retry")
        caller.leave()
        await asyncio.wait_for(caller.task, 2)
        assert count_streams(app) == 0
        reads = story.num_reads
        await asyncio.sleep(0.5)
        assert story.num_reads == reads, "nobody is read for any more"

    asyncio.run(scene())


def test_a_server_that_stops_ends_its_streams_at_once(app: FastAPI, story: Story) -> None:
    async def scene() -> None:
        caller = Caller(app)
        await caller.until("retry")
        end_streams(app)
        await asyncio.wait_for(caller.task, 1)
        assert "event: over" not in caller.text, "the browser comes again"

    asyncio.run(scene())


def test_a_database_that_is_away_for_a_while_ends_no_stream(app: FastAPI, story: Story) -> None:
    async def scene() -> None:
        caller = Caller(app)
        await caller.until("retry")
        story.error = DatabaseFailed("away")
        await asyncio.sleep(0.4)
        assert not caller.task.done()
        story.error = None
        story.tell("Started")
        story.is_over = True
        await caller.until("event: over")
        await asyncio.wait_for(caller.task, 2)
        assert ids(caller.text) == [1]

    asyncio.run(scene())


def test_a_quiet_stream_says_that_it_is_still_there(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    from enogu.delivery import live_events

    monkeypatch.setattr(live_events, "HEARTBEAT_SECONDS", 0.1)

    async def scene() -> None:
        caller = Caller(app)
        await caller.until(": still here")
        caller.leave()
        await asyncio.wait_for(caller.task, 2)

    asyncio.run(scene())


def test_what_is_sent_is_json_on_one_line(app: FastAPI, story: Story) -> None:
    story.events.append(LiveEvent(1, "Failed", {"message": "one\ntwo"}))
    story.is_over = True
    (line,) = [one for one in TestClient(app).get("/events").text.split("\n") if one.startswith('data: {"m')]
    assert json.loads(line.removeprefix("data: ")) == {"message": "one\ntwo"}
