"""Stamina over HTTP (A3 to A6): the forms of answers, and that each person sees only their own."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from enogu.accounts import service as accounts
from enogu.recipe import TrainRecipe
from enogu.stamina import api, service
from enogu.stamina.entities import SUCCEEDED
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import Engine, transaction, utc_now
from tests.unit.api_client import app_of, client_of
from tests.unit.stamina.reference_run import PICTURES, reference_recipe

METERING = load_metering(SHIPPED)


@pytest.fixture
def database_kind() -> str:
    """Here one database is enough: what differs between them is tested below the API."""
    return "sqlite"


@pytest.fixture
def app(engine: Engine) -> FastAPI:
    return app_of(engine, api.router, metering=METERING)


def client_named(app: FastAPI, engine: Engine, name: str, *, is_admin: bool = False) -> TestClient:
    with transaction(engine) as session:
        account = accounts.create_account(session, name, None, utc_now(), is_admin=is_admin)
    return client_of(app, engine, account.id)


def body(**more: Any) -> dict[str, Any]:
    pictures = [{"key": one.key, "width": one.width, "height": one.height, "repeats": one.repeats} for one in PICTURES]
    recipe = reference_recipe().model_dump(mode="json", exclude_unset=True)
    return {"recipe": recipe, "pictures": pictures, "family": "sdxl", **more}


def test_the_balance_of_a_new_account_is_the_free_plans_day(app: FastAPI, engine: Engine) -> None:
    """A3."""
    shown = client_named(app, engine, "someone").get("/api/stamina").json()
    assert (shown["stamina"], shown["plan"], shown["is_metered"]) == (150, "free", True)
    assert shown["can_try"] == ["beginner"]


def test_the_reference_run_is_quoted_with_its_parts_and_ways_to_fit(app: FastAPI, engine: Engine) -> None:
    """A4, A5."""
    client = client_named(app, engine, "someone")
    shown = client.post("/api/stamina/quote", json=body(make_it_fit=True)).json()
    assert (shown["quote"]["stamina"], shown["quote"]["steps"], shown["is_affordable"]) == (157, 700, False)
    assert [(one["name"], one["stamina"]) for one in shown["quote"]["parts"]] == [
        ("pictures", 126),
        ("steps", 14),
        ("previews", 16),
        ("start", 1),
    ]
    assert shown["proposals"][0]["changes"] == [{"path": "previews.every_n_epochs", "before": 1, "after": 2}]
    assert [one["quote"]["stamina"] for one in shown["proposals"]] == [149, 143, 142, 137]


def test_a_recipe_with_a_mistake_is_refused_by_its_field(app: FastAPI, engine: Engine) -> None:
    answer = client_named(app, engine, "someone").post(
        "/api/stamina/quote", json=body(recipe={"training": {"epohs": 3}})
    )
    assert answer.status_code == 422
    assert "training.epohs" in answer.json()["detail"]


@pytest.mark.parametrize(
    "more", [{"pictures": []}, {"family": ""}, {"colour": 1}, {"pictures": [{"key": "a", "width": 0, "height": 1}]}]
)
def test_a_quote_of_another_form_is_refused(app: FastAPI, engine: Engine, more: dict[str, Any]) -> None:
    assert client_named(app, engine, "someone").post("/api/stamina/quote", json=body(**more)).status_code == 422


def test_a_trial_begins_and_shows_in_balance_and_ledger(app: FastAPI, engine: Engine) -> None:
    """A3, A6."""
    client = client_named(app, engine, "someone")
    answer = client.post("/api/stamina/trials", json={"plan": "beginner"})
    assert (answer.status_code, answer.json()["stamina"], answer.json()["plan"]) == (201, 300, "beginner")
    assert client.get("/api/stamina").json()["stamina"] == 300
    assert [one["reason"] for one in client.get("/api/stamina/ledger").json()] == ["beginner", "free"]
    assert client.get("/api/stamina/ledger", params={"before": 2, "limit": 1}).json()[0]["number"] == 1


def test_each_person_sees_only_their_own_ledger(app: FastAPI, engine: Engine) -> None:
    """J3."""
    mine, theirs = client_named(app, engine, "me"), client_named(app, engine, "them")
    mine.post("/api/stamina/trials", json={"plan": "beginner"})
    assert len(mine.get("/api/stamina/ledger").json()) == 2
    assert theirs.get("/api/stamina").json()["stamina"] == 150
    assert len(theirs.get("/api/stamina/ledger").json()) == 1


def test_plans_are_shown_with_their_limits(app: FastAPI, engine: Engine) -> None:
    """A3."""
    shown = client_named(app, engine, "someone").get("/api/stamina/plans").json()
    assert [one["name"] for one in shown] == ["free", "beginner", "pro"]
    assert shown[0]["limits"]["most_steps"] is None


def test_only_an_administrator_refunds(app: FastAPI, engine: Engine) -> None:
    """A6."""
    someone, admin = client_named(app, engine, "someone"), client_named(app, engine, "admin", is_admin=True)
    with transaction(engine) as session:
        account = accounts.list_accounts(session)[0]
        service.reserve(session, METERING, account, "run", 100, utc_now())
        service.settle(session, "run", SUCCEEDED, utc_now())
    wish = {"stamina": 40, "reason": "a black picture"}
    refused = someone.post("/api/stamina/runs/run/refund", json=wish)
    assert (refused.status_code, refused.json()["kind"]) == (403, "NotAllowed")
    answer = admin.post("/api/stamina/runs/run/refund", json=wish)
    assert (answer.status_code, answer.json()["refunded"]) == (201, 40)
    assert someone.get("/api/stamina").json()["stamina"] == 90


def test_every_route_asks_who_is_calling(app: FastAPI) -> None:
    """J3: without a token there is nothing to see."""
    client = TestClient(app)
    requests: list[tuple[str, str, Any]] = [
        ("GET", "/api/stamina", None),
        ("GET", "/api/stamina/plans", None),
        ("GET", "/api/stamina/ledger", None),
        ("POST", "/api/stamina/quote", body()),
        ("POST", "/api/stamina/trials", {"plan": "beginner"}),
        ("POST", "/api/stamina/runs/run/refund", {"stamina": 1, "reason": "x"}),
    ]
    assert len(requests) == len(api.router.routes)
    for method, path, content in requests:
        assert client.request(method, path, json=content).json()["kind"] == "SignInNeeded", path


def test_the_form_of_a_recipe_is_what_the_recipe_itself_says() -> None:
    """The body takes any dictionary, and TrainRecipe judges it: one source of fields."""
    assert TrainRecipe.model_validate(body()["recipe"]) == reference_recipe()
