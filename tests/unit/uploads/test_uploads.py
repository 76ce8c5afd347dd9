"""Uploads over tus 1.0.0: cut off, gone on with, restarted, fought over, and taken once (D1), on both databases."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from enogu.accounts import service as accounts
from enogu.accounts.asking import Door
from enogu.bootstrap import OWNED_DATA, Studio
from enogu.errors import NotFound
from enogu.server.app import create_app
from enogu.settings import Settings
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import transaction, utc_now
from enogu.storage.files_in_memory import FilesInMemory
from enogu.uploads import service
from enogu.uploads.entities import KEPT_FOR, LIMIT_BYTES, UploadConflict, UploadRefused, UploadUnfinished
from enogu.uploads.parts import Parts, parts_of

SERVER = "http://localhost:8000"
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture
def files() -> FilesInMemory:
    return FilesInMemory()


@pytest.fixture
def client(engine: Engine, tmp_path: Path, files: FilesInMemory) -> Iterator[TestClient]:
    yield new_client(engine, tmp_path, files)


def new_client(engine: Engine, home: Path, files: FilesInMemory) -> TestClient:
    """A server that was just started on what there is: the loopback owner's."""
    with transaction(engine) as session:
        accounts.ensure_loopback_owner(session, utc_now())
    door = Door(engine, "loopback", owned_data=OWNED_DATA)
    app = create_app(Studio(Settings(home), engine, files, door, load_metering(SHIPPED)))
    return TestClient(app, base_url=SERVER, raise_server_exceptions=False)


def metadata(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def begin(client: TestClient, size: int, name: str = "まめ.png", kind: str = "picture") -> str:
    """The new upload's address."""
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata(filename=name, kind=kind)}
    answer = client.post("/api/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


def send(client: TestClient, address: str, offset: int, data: bytes) -> Any:
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return client.patch(address, content=data, headers=headers)


def offset(client: TestClient, address: str) -> int:
    answer = client.head(address, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


def test_a_file_in_pieces_is_the_file(client: TestClient, engine: Engine, files: FilesInMemory) -> None:
    data = b"paint" * 1000
    address = begin(client, len(data))
    assert send(client, address, 0, data[:1234]).headers["upload-offset"] == "1234"
    assert offset(client, address) == 1234
    shown = client.get(address).json()
    assert (shown["name"], shown["offset"], shown["is_finished"]) == ("まめ.png", 1234, False)
    last = send(client, address, 1234, data[1234:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(data)))

    owner = client.get("/api/me").json()["account"]["id"]
    with transaction(engine) as session:
        taken = service.take(session, owner, address.rsplit("/", 1)[1])
    assert taken.sha256 == hashlib.sha256(data).hexdigest()
    assert b"".join(files.get(taken.sha256)) == data
    with pytest.raises(NotFound), transaction(engine) as session:
        service.take(session, owner, taken.id)


def test_a_server_that_was_restarted_goes_on_where_it_was(
    client: TestClient, engine: Engine, tmp_path: Path, files: FilesInMemory
) -> None:
    data = b"0123456789" * 50
    address = begin(client, len(data))
    send(client, address, 0, data[:123])
    again = new_client(engine, tmp_path, files)
    assert offset(again, address) == 123
    assert [one["offset"] for one in again.get("/api/uploads").json()] == [123]
    assert send(again, address, 123, data[123:]).status_code == 204
    assert again.get(address).json()["is_finished"] is True


def test_a_line_that_is_cut_keeps_what_arrived(client: TestClient) -> None:
    """The browser hangs up in the middle of a body: nothing of what came is lost, and nothing is made up."""
    address = begin(client, 1000)

    async def cut() -> None:
        scope_messages: list[dict[str, Any]] = [{"type": "http.request", "body": b"a" * 400, "more_body": True}]

        async def receive() -> dict[str, Any]:
            return scope_messages.pop(0) if scope_messages else {"type": "http.disconnect"}

        async def send_nothing(message: Any) -> None:
            pass

        headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "Host": "localhost"}
        scope = {
            "type": "http", "method": "PATCH", "path": address, "raw_path": address.encode(), "query_string": b"",
            "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
            "scheme": "http", "server": ("localhost", 8000), "client": ("127.0.0.1", 1), "http_version": "1.1",
            "root_path": "", "app": client.app,
        }  # fmt: skip
        await client.app(scope, receive, send_nothing)  # type: ignore[operator]

    anyio.run(cut)
    assert offset(client, address) == 400
    assert send(client, address, 400, b"b" * 600).status_code == 204


@pytest.mark.parametrize("wrong", [0, 99, 101, 1000])
def test_bytes_that_do_not_fit_behind_those_that_are_there_are_refused(client: TestClient, wrong: int) -> None:
    address = begin(client, 1000)
    send(client, address, 0, b"a" * 100)
    answer = send(client, address, wrong, b"b" * 10)
    assert answer.status_code == 409
    assert "100" in answer.json()["cure"]
    assert offset(client, address) == 100


def test_more_bytes_than_were_announced_are_refused(client: TestClient) -> None:
    address = begin(client, 10)
    assert send(client, address, 0, b"x" * 11).status_code == 422
    assert offset(client, address) <= 10


def test_only_one_sender_at_a_time_writes_to_an_upload(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.create("a" * 26)
    with parts.writing("a" * 26, 0) as first:
        first.write(b"one")
        refused: list[Exception] = []

        def second() -> None:
            try:
                with parts.writing("a" * 26, 3):
                    pass
            except UploadConflict as error:
                refused.append(error)

        thread = threading.Thread(target=second)
        thread.start()
        thread.join(30)
        assert len(refused) == 1
    with parts.writing("a" * 26, 3) as later:
        later.write(b"two")
    assert b"".join(parts.read("a" * 26)) == b"onetwo"


@settings(max_examples=25)
@given(data=st.binary(min_size=1, max_size=2000), cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_however_a_file_is_cut_up_it_is_the_same_file(
    data: bytes, cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    parts = Parts(tmp_path_factory.mktemp("parts"))
    parts.create("a" * 26)
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    for start, end in pairwise(places):
        assert parts.offset("a" * 26) == start
        with parts.writing("a" * 26, start) as writer:
            writer.write(data[start:end])
    assert b"".join(parts.read("a" * 26)) == data


def test_an_upload_is_its_owners_alone(client: TestClient, engine: Engine) -> None:
    address = begin(client, 10)
    upload_id = address.rsplit("/", 1)[1]
    with transaction(engine) as session:
        other = accounts.create_account(session, "other", None, utc_now()).id
        secret = accounts.create_api_token(session, other, "script", utc_now()).secret
    theirs = {"Authorization": f"Bearer {secret}"}
    assert client.get(address, headers=theirs).status_code == 404
    assert client.head(address, headers={**TUS, **theirs}).status_code == 404
    assert client.delete(address, headers={**TUS, **theirs}).status_code == 404
    headers = {**TUS, **theirs, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert client.patch(address, content=b"0123456789", headers=headers).status_code == 404
    assert client.get("/api/uploads", headers=theirs).json() == []
    with pytest.raises(NotFound), transaction(engine) as session:
        service.take(session, other, upload_id)


def test_what_is_unfinished_cannot_be_taken(client: TestClient, engine: Engine) -> None:
    upload_id = begin(client, 10).rsplit("/", 1)[1]
    owner = client.get("/api/me").json()["account"]["id"]
    with pytest.raises(UploadUnfinished), transaction(engine) as session:
        service.take(session, owner, upload_id)


@pytest.mark.parametrize(
    ("size", "name", "kind", "said"),
    [
        (0, "a.png", "picture", "0 bytes"),
        (LIMIT_BYTES["picture"] + 1, "a.png", "picture", "are accepted"),
        (10, "a.png", "nonsense", "no kind"),
        (10, "\n\t", "picture", "no name"),
    ],
)
def test_what_is_too_large_nameless_or_of_no_kind_is_refused(
    client: TestClient, size: int, name: str, kind: str, said: str
) -> None:
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": metadata(filename=name, kind=kind)}
    answer = client.post("/api/uploads", headers=headers)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_another_protocol_or_garbled_metadata_is_refused_in_words(client: TestClient) -> None:
    headers = {"Tus-Resumable": "0.2.2", "Upload-Length": "1", "Upload-Metadata": metadata(filename="a")}
    assert "tus 1.0.0" in client.post("/api/uploads", headers=headers).json()["detail"]
    headers = {**TUS, "Upload-Length": "1", "Upload-Metadata": "filename %%%"}
    assert "base64" in client.post("/api/uploads", headers=headers).json()["detail"]
    options = client.options("/api/uploads")
    assert (options.status_code, options.headers["tus-extension"]) == (204, "creation,termination,expiration")


def test_a_cancelled_upload_leaves_nothing(client: TestClient, tmp_path: Path) -> None:
    address = begin(client, 10)
    send(client, address, 0, b"12345")
    assert client.delete(address, headers=TUS).status_code == 204
    assert client.head(address, headers=TUS).status_code == 404
    assert not list(parts_of(Settings(tmp_path)).list_ids())


def test_uploads_that_nobody_goes_on_with_are_forgotten(client: TestClient, engine: Engine, tmp_path: Path) -> None:
    begin(client, 10)
    kept = begin(client, 10)
    parts = parts_of(Settings(tmp_path))
    parts.create("z" * 26)  # of a server that died before its row was kept
    later = utc_now() + KEPT_FOR - timedelta(hours=1)
    with transaction(engine) as session:
        owner = accounts.ensure_loopback_owner(session, utc_now()).account.id
        service.prolong(session, owner, kept.rsplit("/", 1)[1], later)
    assert service.sweep(engine, parts, utc_now() + KEPT_FOR + timedelta(minutes=1)) == 1
    assert list(parts.list_ids()) == [kept.rsplit("/", 1)[1]]


def test_an_owner_cannot_have_any_number_of_uploads_open(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_OPEN", 3)
    with transaction(engine) as session:
        owner = accounts.ensure_loopback_owner(session, utc_now()).account.id
        for _ in range(3):
            service.create(session, owner, "a.png", "picture", 1, utc_now())
        with pytest.raises(UploadRefused, match="3 uploads"):
            service.create(session, owner, "a.png", "picture", 1, utc_now())


def test_a_body_larger_than_other_requests_may_be_is_taken(client: TestClient) -> None:
    """The frame's eight MiB are for requests; an upload has its own limit."""
    size = 9 * 1024 * 1024
    address = begin(client, size)
    assert send(client, address, 0, bytes(size)).status_code == 204
    assert client.get(address).json()["is_finished"] is True


def test_a_server_that_died_behind_the_last_byte_finishes_when_it_is_asked(client: TestClient, tmp_path: Path) -> None:
    """A client that finds all bytes there sends no more of them."""
    address = begin(client, 6)
    with parts_of(Settings(tmp_path)).writing(address.rsplit("/", 1)[1], 0) as writer:
        writer.write(b"abcdef")
    assert client.get(address).json()["is_finished"] is False
    assert offset(client, address) == 6
    assert client.get(address).json()["is_finished"] is True


def test_a_sender_that_is_stuck_makes_room_for_the_one_that_comes_back(client: TestClient) -> None:
    """A phone changes its network; the old line is dead and nobody has told the server."""
    address = begin(client, 10)
    app: Any = client.app

    def scope(at: int) -> dict[str, Any]:
        headers = {
            **TUS,
            "Upload-Offset": str(at),
            "Content-Type": "application/offset+octet-stream",
            "Host": "localhost",
        }
        return {
            "type": "http", "method": "PATCH", "path": address, "raw_path": address.encode(), "query_string": b"",
            "headers": [(key.lower().encode(), value.encode()) for key, value in headers.items()],
            "scheme": "http", "server": ("localhost", 8000), "client": ("127.0.0.1", 1), "http_version": "1.1",
            "root_path": "", "state": {},
        }  # fmt: skip

    async def request(at: int, *bodies: bytes, is_stuck: bool = False) -> tuple[int, str]:
        told: dict[str, Any] = {}
        waiting = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop(0)
            if is_stuck:
                await asyncio.sleep(60)
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told.update(status=message["status"], headers=dict(message["headers"]))

        await app(scope(at), receive, send)
        return told["status"], told["headers"].get(b"upload-offset", b"").decode()

    async def scene() -> None:
        stuck = asyncio.ensure_future(request(0, b"abcd", is_stuck=True))
        await asyncio.sleep(0.3)
        refused, _ = await asyncio.wait_for(request(0, b"x"), 10)
        assert refused == 409, "it has to ask how far it is"
        assert (await asyncio.wait_for(stuck, 10))[0] == 409
        assert await request(4, b"efghij") == (204, "10")

    asyncio.run(scene())
    assert client.get(address).json()["is_finished"] is True


def test_a_disk_without_room_is_said_before_the_first_byte(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from enogu.uploads import parts

    monkeypatch.setattr(parts, "SPARE_BYTES", 2**60)
    headers = {**TUS, "Upload-Length": "5", "Upload-Metadata": metadata(filename="a.png", kind="picture")}
    answer = client.post("/api/uploads", headers=headers)
    assert (answer.status_code, "disk" in answer.json()["detail"]) == (503, True)
    assert client.get("/api/uploads").json() == []
