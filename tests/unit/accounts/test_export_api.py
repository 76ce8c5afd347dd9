"""Everything one owns as a zip (J3): whole, of one person only, and whatever the store lost is told of."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from enogu.accounts import service
from enogu.accounts.asking import Door
from enogu.accounts.call_limits import CallLimit
from enogu.accounts.entities import Caller, TooManyAttempts
from enogu.accounts.export_api import router
from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.server.problems import add_problem_handlers
from enogu.storage.database import Engine, Session, transaction, utc_now
from enogu.storage.files_in_memory import FilesInMemory


class Pictures:
    """A slice that keeps one picture for each owner, and one that the store has lost."""

    slice_name = "pictures"

    def __init__(self, sha256: str) -> None:
        self._sha256 = sha256

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        yield ExportedRecord(
            "pictures/all.json", {"owner": owner_id, "caption": "豆", "at": datetime(2026, 1, 2, tzinfo=UTC)}
        )
        yield ExportedFile("pictures/one.png", self._sha256)
        yield ExportedFile("pictures/lost.png", "0" * 64)

    def delete(self, session: Session, owner_id: str) -> None:
        raise NotImplementedError


@pytest.fixture
def app(engine: Engine) -> FastAPI:
    app = FastAPI()
    files = FilesInMemory()
    kinds = (Pictures(files.put([b"a picture"], 100).sha256), service.AccountData())
    app.state.door = Door(engine, "password", owned_data=kinds)
    app.state.files = files
    app.include_router(router)
    add_problem_handlers(app)

    @app.middleware("http")
    async def with_id(request: Any, call_next: Callable[[Any], Any]) -> Any:
        request.state.request_id = "one"
        return await call_next(request)

    return app


@pytest.fixture
def browser(app: FastAPI, engine: Engine) -> TestClient:
    with transaction(engine) as session:
        account = service.create_account(session, "豆", None, utc_now())
        secret = service.open_session(session, account.id, utc_now()).secret
    return TestClient(app, cookies={"enogu": secret})


def test_everything_one_owns_comes_as_one_zip(browser: TestClient) -> None:
    """J3."""
    answer = browser.get("/api/me/export.zip")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert "%E8%B1%86" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == [
            "pictures/all.json",
            "pictures/one.png",
            "accounts/account.json",
            "missing_files.json",
        ]
        record = json.loads(opened.read("pictures/all.json"))
        assert (record["caption"], record["at"]) == ("豆", "2026-01-02T00:00:00+00:00")
        assert opened.read("pictures/one.png") == b"a picture"
        assert json.loads(opened.read("accounts/account.json"))["name"] == "豆"
        assert json.loads(opened.read("missing_files.json")) == {"missing": ["pictures/lost.png"]}


def test_a_script_or_nobody_gets_no_export(app: FastAPI, engine: Engine) -> None:
    """J3."""
    with transaction(engine) as session:
        account = service.create_account(session, "mame", None, utc_now())
        secret = service.create_api_token(session, account.id, "script", utc_now()).secret
    assert TestClient(app).get("/api/me/export.zip").status_code == 401
    script = TestClient(app, headers={"Authorization": f"Bearer {secret}"})
    assert script.get("/api/me/export.zip").status_code == 403


def test_an_export_may_be_asked_for_a_dozen_times_an_hour(browser: TestClient) -> None:
    statuses = [browser.get("/api/me/export.zip").status_code for _ in range(13)]
    assert statuses == [200] * 12 + [429]
    assert 0 < int(browser.get("/api/me/export.zip").headers["retry-after"]) <= 3600


def test_a_limit_counts_each_account_by_itself_and_nobody_on_loopback(engine: Engine) -> None:
    with transaction(engine) as session:
        one, two = (Caller(service.create_account(session, name, None, utc_now()), "session") for name in ("a", "b"))
    limit = CallLimit("test", "1 per minute")
    door = Door(engine, "password")
    limit.count(door, one)
    limit.count(door, two)
    with pytest.raises(TooManyAttempts, match="more often than 1 per 1 minute"):
        limit.count(door, one)
    limit.count(Door(engine, "loopback"), one)
