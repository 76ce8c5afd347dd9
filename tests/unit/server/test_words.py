"""The server's words come in the language that is asked for: refusals, fields of answers, events of a stream (J1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from enogu.accounts.asking import Door
from enogu.accounts.service import ensure_loopback_owner
from enogu.bootstrap import OWNED_DATA, Studio
from enogu.delivery import LiveEvent, follow
from enogu.runs.api import FailureShown
from enogu.server.app import create_app
from enogu.settings import Settings
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import transaction, utc_now
from enogu.storage.files_in_memory import FilesInMemory
from enogu.words import said, speaking

JAPANESE = {"Accept-Language": "ja-JP,ja;q=0.9,en;q=0.8"}


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> FastAPI:
    with transaction(engine) as session:
        ensure_loopback_owner(session, utc_now())
    door = Door(engine, "loopback", owned_data=OWNED_DATA)
    return create_app(Studio(Settings(tmp_path), engine, FilesInMemory(), door, load_metering(SHIPPED)))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    yield TestClient(app, base_url="http://localhost:8000")


def test_a_refusal_is_in_japanese_for_who_asks_so_and_in_english_for_others(client: TestClient) -> None:
    refused = client.get("/api/datasets/none", headers=JAPANESE).json()
    assert (refused["detail"], refused["cure"]) == (
        "そのデータセットはありません。", "削除されたのかもしれません。",
    )  # fmt: skip
    assert refused["kind"] == "NotFound"
    assert client.get("/api/datasets/none").json()["detail"] == "There is no such dataset."
    assert client.get("/api/datasets/none?language=ja").json()["detail"] == "そのデータセットはありません。"


def test_what_pydantic_refuses_is_in_japanese_with_its_field(client: TestClient) -> None:
    refused = client.post("/api/datasets", json={"name": "", "odd": 1}, headers=JAPANESE).json()
    assert {one["path"]: one["message"] for one in refused["problems"]}["body.odd"] == "この項目は受け付けていません"
    assert "リクエストの形式が正しくありません" in refused["detail"]


def test_what_has_no_address_is_said_in_japanese(client: TestClient) -> None:
    assert "そのページはありません。" in client.get("/api/nowhere", headers=JAPANESE).json()["detail"]


def test_every_problem_of_a_recipe_is_in_japanese(client: TestClient) -> None:
    recipe = {"training": {"epochs": 0}, "adapter": {"dim": 8, "alpha": 16}}
    problems = client.post("/api/recipe/check", json={"recipe": recipe}, headers=JAPANESE).json()["problems"]
    assert [(one["message"], one["cure"]) for one in problems if one["path"] == "training.epochs"] == [
        ("0 は範囲外です。", "使えるのは 1〜10000 です。")
    ]


def test_a_failure_that_was_stored_in_english_is_shown_in_either_language() -> None:
    failure = FailureShown(
        kind="OutOfMemory", message="The graphics card ran out of memory.", cure="Retry it.", path="", value=None,
        changes={},
    )  # fmt: skip
    assert failure.model_dump(mode="json")["message"] == "The graphics card ran out of memory."
    with speaking("ja"):
        assert failure.model_dump(mode="json")["message"] == "GPU のメモリーが足りなくなりました。"
        assert failure.message == "The graphics card ran out of memory."


def test_each_stream_speaks_the_language_it_was_opened_in(app: FastAPI, client: TestClient, engine: Engine) -> None:
    """One reader serves all streams, and is nobody's request."""

    @app.get("/told")
    def told(request: Request) -> Response:
        def read(session: object, after: int) -> list[LiveEvent]:
            return [LiveEvent(1, "Failed", {"message": said("Try again.")})] if after < 1 else []

        return follow(request, engine, read, is_over=lambda session: True)

    app.router.routes.insert(0, app.router.routes.pop())  # in front of the page, which answers all else
    assert "もう一度試してください。" in client.get("/told?language=ja").text
    assert "Try again." in client.get("/told").text
