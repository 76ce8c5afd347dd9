"""The caption editor over HTTP (E1 to E8): forms of answers, refusals, and that everything is its owner's."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from enogu.captions import api
from enogu.datasets.entities import Dataset
from tests.unit.api_client import app_of, client_of
from tests.unit.captions.article import CAPTIONS, NINE_TAGS
from tests.unit.captions.conftest import dataset_with
from tests.unit.datasets.studio import Place, open_place


@pytest.fixture
def database_kind() -> str:
    """Here one database is enough: what differs between them is tested below the API."""
    return "sqlite"


@pytest.fixture
def app(place: Place) -> FastAPI:
    routers = (api.router, api.tags_router, api.vocabularies_router)
    return app_of(place.engine, *routers, settings=place.settings, files=place.files)


@pytest.fixture
def client(app: FastAPI, place: Place) -> TestClient:
    return client_of(app, place.engine, place.owner_id)


@pytest.fixture
def made(place: Place) -> Dataset:
    return dataset_with(place, CAPTIONS)


def at(dataset: Dataset, path: str = "") -> str:
    return f"/api/datasets/{dataset.id}/captions{path}"


def edit(client: TestClient, dataset: Dataset, command: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = client.post(at(dataset, "/edits"), json={"command": command, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_the_whole_path_of_the_article_from_union_to_undo(client: TestClient, made: Dataset) -> None:
    """E1, E2, E6."""
    union = client.get(at(made, "/union")).json()
    assert union["tags"][0]["shown"] == "zdm"
    assert {one["key"] for one in union["tags"] if one["count"] == 7} >= {"black hair", "1boy"}
    advice = client.get(at(made, "/advice"), params={"level": "outfit"}).json()
    names = [one["key"] for one in advice["proposals"]]
    assert set(names) == set(NINE_TAGS)
    tried = edit(client, made, {"kind": "delete", "tags": names}, dry_run=True)
    assert (tried["num_changed"], tried["edit"], len(tried["examples"])) == (7, None, 5)
    done = edit(client, made, {"kind": "delete", "tags": names}, expected_revision=tried["captions_revision"])
    assert done["edit"]["words"].startswith("delete ")
    shown = client.get(at(made), params={"spelling": "underscores"}).json()
    assert (shown["num_to_undo"], shown["num_to_redo"], shown["num_matching"]) == (1, 0, 7)
    assert shown["captions"][0]["tags"][-1] == "white_background"
    assert client.post(at(made, "/undo")).json()["is_undone"] is True
    assert client.get(at(made)).json()["captions"][0]["caption"] == CAPTIONS[0]
    assert client.post(at(made, "/redo")).json()["is_undone"] is False
    assert len(client.get(at(made, "/edits")).json()) == 1


@pytest.mark.parametrize(
    "command",
    [
        {"kind": "add", "tags": ["boots"], "where": "after", "anchor": "hat"},
        {"kind": "rename", "tags": ["hat"], "new": "cap"},
        {"kind": "replace", "find": "hat", "replacement": "cap"},
        {"kind": "order", "tags": ["hat"]},
        {"kind": "sort", "by": "alphabet"},
        {"kind": "prepend", "text": "best"},
        {"kind": "append", "text": "last"},
        {"kind": "set", "text": "smile"},
        {"kind": "respell", "to": "underscores"},
    ],
)
def test_every_command_can_be_asked_for(client: TestClient, made: Dataset, command: dict[str, Any]) -> None:
    """E3."""
    assert edit(client, made, command)["num_changed"] > 0


def test_captions_are_copied_and_duplicates_removed(client: TestClient, made: Dataset, place: Place) -> None:
    """E3."""
    first, second = (one.id for one in place.pictures(made.id)[:2])
    edit(client, made, {"kind": "copy", "from_picture_id": first}, picture_ids=[second])
    assert place.captions(made.id)["0002.png"] == CAPTIONS[0]
    edit(client, made, {"kind": "append", "text": "smile"}, picture_ids=[second])
    done = edit(client, made, {"kind": "remove_duplicates"})
    assert done["words"] == "remove duplicates from 1 picture"


def test_a_filter_is_answered_with_pictures_or_with_the_place_of_its_mistake(client: TestClient, made: Dataset) -> None:
    """E3."""
    found = client.get(at(made, "/matching"), params={"filter": "hat AND NOT boots"}).json()
    assert len(found["picture_ids"]) == 1
    refused = client.get(at(made), params={"filter": "hat AND"})
    assert refused.status_code == 422
    assert "at character 8" in refused.json()["detail"]
    assert refused.json()["position"] == 7


def test_an_edit_answers_with_all_it_changed_when_asked(client: TestClient, made: Dataset) -> None:
    """The editor shows the captions after an edit without a second request (E2)."""
    command = {"kind": "delete", "tags": ["black hair"]}
    assert edit(client, made, command, dry_run=True)["captions"] == []
    tried = edit(client, made, command, dry_run=True, with_captions=True)
    done = edit(client, made, command, with_captions=True)
    assert tried["captions"] == done["captions"] == client.get(at(made)).json()["captions"]
    assert len(done["captions"]) == 7


@pytest.mark.parametrize(
    "body",
    [
        {"command": {"kind": "burn"}},
        {"command": {"kind": "delete", "tags": []}},
        {"command": {"kind": "add", "tags": ["a, b"]}},
        {"command": {"kind": "replace", "find": "(", "is_pattern": True}},
        {"command": {"kind": "replace", "find": "a{9999}", "is_pattern": True}},
        {"command": {"kind": "sort", "by": "count"}, "filter": "("},
        {"command": {"kind": "sort", "by": "count"}, "colour": 1},
    ],
)
def test_edits_of_another_form_are_refused(client: TestClient, made: Dataset, body: dict[str, Any]) -> None:
    assert client.post(at(made, "/edits"), json=body).status_code == 422


def test_an_edit_behind_somebody_elses_is_a_conflict(client: TestClient, made: Dataset) -> None:
    edit(client, made, {"kind": "append", "text": "x"}, expected_revision=made.captions_revision)
    body = {"command": {"kind": "append", "text": "y"}, "expected_revision": made.captions_revision}
    assert client.post(at(made, "/edits"), json=body).status_code == 409
    assert client.post(at(made, "/redo")).status_code == 409


def test_tokens_are_counted_for_a_set_and_while_typing(client: TestClient, made: Dataset) -> None:
    """E7."""
    rows = client.get(at(made, "/tokens"), params={"limit": 75}).json()
    assert len(rows) == 7
    assert all(0 < one["num_tokens"] < 75 and one["smallest_limit"] == 75 for one in rows)
    typed = client.post("/api/tags/tokens", json={"text": "smile, " * 80, "limit": 150}).json()
    assert (typed["num_tokens"], typed["smallest_limit"], typed["first_beyond"]) == (160, 225, "smile")


def test_what_the_trainer_sees_is_shown_with_its_tokens(client: TestClient, made: Dataset) -> None:
    """E8."""
    recipe = {"captions": {"shuffle": True}, "seed": 3}
    shown = client.post(at(made, "/fed"), json={"recipe": recipe}).json()
    assert len(shown["captions"]) == 3
    assert all(one["fed"].startswith("zdm, ") and one["fed"] != one["written"] for one in shown["captions"])
    assert shown["captions"][0]["tokens"]["tags"][0]["text"] == "zdm"
    assert client.post(at(made, "/fed"), json={"recipe": recipe}).json() == shown
    assert client.post(at(made, "/fed"), json={"step": 10**8}).status_code == 422
    assert client.post(at(made, "/fed"), json={"recipe": {"captions": {"shufle": True}}}).status_code == 422


def test_a_list_of_tags_is_sent_found_and_deleted(client: TestClient) -> None:
    """E4."""
    file = ("danbooru.csv", 'quasar,3,12,"qso",クエーサー\nbad,row,x,\n'.encode())
    made = client.post("/api/vocabularies", files={"file": file})
    assert made.status_code == 201, made.text
    assert (made.json()["name"], made.json()["num_tags"], made.json()["num_left_out"]) == ("danbooru", 1, 1)
    for typed, matched in (("quas", ""), ("qso", "qso"), ("クエ", "クエーサー")):
        found = client.get("/api/tags/complete", params={"typed": typed}).json()[0]
        assert (found["name"], found["category"], found["count"], found["source"]) == (
            "quasar", "copyright", 12, "imported"
        )  # fmt: skip
        assert (found["matched"], found["translation"]) == (matched, "クエーサー")
    assert [one["id"] for one in client.get("/api/vocabularies").json()] == [made.json()["id"]]
    assert client.delete(f"/api/vocabularies/{made.json()['id']}").status_code == 204
    assert client.delete(f"/api/vocabularies/{made.json()['id']}").status_code == 404


def test_what_is_no_list_of_tags_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.post("/api/vocabularies", json={}).status_code == 422
    assert client.post("/api/vocabularies", files={"other": ("a.csv", b"x")}).status_code == 422
    assert client.post("/api/vocabularies", files={"file": ("a.csv", b"\x89PNG")}).status_code == 422
    monkeypatch.setattr(api, "MOST_FILE_BYTES", 1000)
    big = {"file": ("a.csv", b"a,0,1,\n" * 20_000)}
    assert client.post("/api/vocabularies", files=big).status_code == 413
    assert client.get("/api/vocabularies").json() == []


def test_every_route_asks_who_is_calling_and_whose_it_is(app: FastAPI, place: Place, made: Dataset) -> None:
    """J3."""
    anonymous, other = (
        TestClient(app),
        client_of(app, place.engine, open_place(place.engine, place.home, "other").owner_id),
    )
    requests: list[tuple[str, str, Any, int]] = [
        ("GET", at(made), None, 404),
        ("GET", at(made, "/matching"), None, 404),
        ("GET", at(made, "/union"), None, 404),
        ("POST", at(made, "/edits"), {"command": {"kind": "remove_duplicates"}}, 404),
        ("GET", at(made, "/edits"), None, 404),
        ("POST", at(made, "/undo"), None, 404),
        ("POST", at(made, "/redo"), None, 404),
        ("GET", at(made, "/advice"), None, 404),
        ("GET", at(made, "/tokens"), None, 404),
        ("POST", at(made, "/fed"), {}, 404),
        ("GET", f"/api/tags/complete?typed=a&dataset_id={made.id}", None, 404),
        ("POST", "/api/tags/tokens", {"text": "a"}, 200),
        ("GET", "/api/vocabularies", None, 200),
        ("POST", "/api/vocabularies", {}, 422),
        ("DELETE", "/api/vocabularies/none", None, 404),
    ]
    routes = [*api.router.routes, *api.tags_router.routes, *api.vocabularies_router.routes]
    assert len(requests) == len(routes)
    for method, path, body, status in requests:
        assert anonymous.request(method, path, json=body).status_code == 401, path
        assert other.request(method, path, json=body).status_code == status, path
