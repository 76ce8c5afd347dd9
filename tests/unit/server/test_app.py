"""The frame around every request, and signing in and out over HTTP (A1), with a database of each kind behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from sqlalchemy import Engine, text

from enogu.accounts import passwords, service
from enogu.accounts.asking import Door, OneTransaction, SomeCaller
from enogu.accounts.sign_in_limits import SignInLimits
from enogu.bootstrap import OWNED_DATA, Studio, open_studio
from enogu.errors import EnoguError
from enogu.server.app import create_app, prepare_first_visit
from enogu.server.frame import SECURITY_HEADERS
from enogu.settings import Settings
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import reading, transaction, utc_now
from enogu.storage.files_in_memory import FilesInMemory

PASSWORD = "面相筆 and 群青"  # noqa: S105
SERVER = "http://localhost:8000"
HTTPS = "https://localhost:8443"
METERING = load_metering(SHIPPED)


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hash_password(PASSWORD, "mame")


MakeApp = Callable[..., FastAPI]


@pytest.fixture
def make_app(engine: Engine, tmp_path: Path) -> MakeApp:
    def make(sign_in: Any = "password", **more: Any) -> FastAPI:
        door = Door(engine, sign_in, owned_data=OWNED_DATA, **more)
        return create_app(Studio(Settings(tmp_path), engine, FilesInMemory(), door, METERING))

    return make


@pytest.fixture
def mame(engine: Engine, hashed: str) -> str:
    """The id of an account that can sign in."""
    with transaction(engine) as session:
        return service.create_account(session, "mame", hashed, utc_now(), is_admin=True).id


@pytest.fixture
def client(make_app: MakeApp) -> Iterator[TestClient]:
    yield TestClient(make_app(), base_url=SERVER, raise_server_exceptions=False)


def sign_in(client: TestClient, name: str = "mame", password: str = PASSWORD) -> Any:
    return client.post("/api/sign-in", json={"name": name, "password": password})


def signed_in(client: TestClient) -> TestClient:
    """With the header that our page sends."""
    client.headers["X-CSRF-Token"] = sign_in(client).json()["csrf_token"]
    return client


# ---- the frame -------------------------------------------------------------------------------------------------------


def test_every_answer_has_the_strict_headers_and_an_id(client: TestClient) -> None:
    for path in ("/health", "/api/me", "/api/nowhere"):
        answer = client.get(path)
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.headers["x-request-id"]) == 26


def test_health_is_ok_while_the_database_answers(client: TestClient) -> None:
    assert (client.get("/health").status_code, client.get("/health").json()) == (200, {"status": "ok"})


def test_a_first_visit_waits_for_no_routes_to_be_put_together(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastAPI makes a TypeAdapter for whatever its routes take and give, hundreds of them, at the first request."""
    made: list[object] = []
    really = TypeAdapter.__init__

    def note(self: Any, *given: Any, **named: Any) -> None:
        made.append(given[0])
        really(self, *given, **named)

    monkeypatch.setattr(TypeAdapter, "__init__", note)
    app = make_app()
    asyncio.run(prepare_first_visit(app))
    assert len(made) > 100
    made.clear()
    with TestClient(app, base_url=SERVER) as visitor:
        assert visitor.get("/health").status_code == 200
    assert made == []


def test_health_says_what_is_wrong_when_the_database_is_away(tmp_path: Path) -> None:
    from enogu.storage.database import open_engine

    engine = open_engine("postgresql://mame:secret@127.0.0.1:1/studio")
    app = create_app(Studio(Settings(tmp_path), engine, FilesInMemory(), Door(engine, "loopback"), METERING))
    answer = TestClient(app, base_url=SERVER).get("/health")
    assert answer.status_code == 503
    assert answer.json()["kind"] == "DatabaseFailed"
    assert "secret" not in answer.text


def test_an_error_is_a_problem_with_its_cure_and_the_requests_id(client: TestClient) -> None:
    answer = client.get("/api/me")
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert (problem["status"], problem["kind"], problem["title"]) == (401, "SignInNeeded", "Unauthorized")
    assert problem["detail"] == "You are not signed in."
    assert "Sign in" in problem["cure"]
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_a_misshapen_request_names_its_fields_and_never_shows_a_password(client: TestClient) -> None:
    answer = client.post("/api/sign-in", json={"name": "mame", "password": ["hunter2"], "colour": "hunter2"})
    assert answer.status_code == 422
    assert {one["path"] for one in answer.json()["problems"]} == {"body.password", "body.colour"}
    assert "hunter2" not in answer.text


def test_what_nobody_foresaw_is_told_nothing_about(make_app: MakeApp) -> None:
    app = make_app()

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret")

    answer = TestClient(app, base_url=SERVER, raise_server_exceptions=False).get("/broken")
    assert (answer.status_code, answer.json()["kind"]) == (500, "Unforeseen")
    assert answer.headers["x-request-id"] in answer.json()["cure"]
    assert "secret" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io:8000", "[::2]:8000"])
def test_a_studio_on_loopback_answers_to_no_other_name(client: TestClient, host: str) -> None:
    """DNS rebinding: a website's own name that points to 127.0.0.1."""
    answer = client.get("/health", headers={"Host": host})
    assert (answer.status_code, answer.json()["kind"]) == (421, "HostRefused")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"])
def test_a_studio_on_loopback_answers_to_every_name_of_loopback(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


def test_a_body_over_the_limit_is_refused_however_it_is_sent(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(9):
            yield bytes(1024 * 1024)

    answer = client.post("/api/sign-in", content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "path", ["/api/vocabularies/x", "/api/uploads/x/y", "/api/datasets/a/b/pictures", "/api/uploads"]
)
def test_only_the_very_routes_that_stream_get_large_bodies(client: TestClient, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(9):
            yield bytes(1024 * 1024)

    headers = {"Content-Type": "application/json"}
    for method in ("POST", "PUT", "PATCH"):
        assert client.request(method, path, content=chunks(), headers=headers).status_code in (401, 404, 405, 413, 422)


def test_failures_of_database_and_files_are_counted(make_app: MakeApp, mame: str) -> None:
    from enogu.errors import StorageFailed

    app = make_app("loopback")

    @app.get("/api/full")
    def full() -> None:
        raise StorageFailed("The disk is full.", "Free some space.")

    client = TestClient(app, base_url=SERVER)
    assert client.get("/api/full").status_code == 503
    figures = client.get("/metrics").text
    assert 'enogu_failures_total{kind="StorageFailed"} 1.0' in figures
    assert 'enogu_failures_total{kind="DatabaseFailed"} 0.0' in figures
    assert 'enogu_requests_total{method="GET",route="/api/full",status="503"} 1.0' in figures


def test_head_is_get_without_its_body_however_long_that_is(make_app: MakeApp) -> None:
    app = make_app()
    num_read = 0

    def endless() -> Iterator[bytes]:
        nonlocal num_read
        while True:
            num_read += 1
            yield bytes(1024)

    @app.get("/api/endless")
    def stream() -> StreamingResponse:
        return StreamingResponse(endless(), headers={"Content-Length": str(10**12)})

    client = TestClient(app, base_url=SERVER)
    answer = client.head("/api/endless")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(10**12))
    assert num_read <= 2
    assert client.head("/api/studio").headers["content-type"] == "application/json"
    assert client.head("/api/me").status_code == 401


# ---- one transaction per request -------------------------------------------------------------------------------------


def test_a_request_is_kept_before_its_answer_and_taken_back_when_it_fails(make_app: MakeApp, engine: Engine) -> None:
    app = make_app()

    @app.post("/write")
    def write(session: OneTransaction, fail: bool = False) -> None:
        service.create_account(session, f"mame-{fail}", None, utc_now())
        if fail:
            raise EnoguError("It does not go just now.", "Wait.")

    client = TestClient(app, base_url=SERVER)
    assert client.post("/write").status_code == 200
    answer = client.post("/write?fail=true")
    assert (answer.status_code, answer.json()["cure"]) == (409, "Wait.")
    with reading(engine) as session:
        assert [one.name for one in service.list_accounts(session)] == ["mame-False"]


def test_a_get_cannot_write(make_app: MakeApp, engine: Engine) -> None:
    app = make_app()

    @app.get("/write")
    def write(session: OneTransaction) -> None:
        session.execute(text("DELETE FROM accounts"))

    answer = TestClient(app, base_url=SERVER, raise_server_exceptions=False).get("/write")
    assert answer.status_code in (500, 503)


# ---- loopback --------------------------------------------------------------------------------------------------------


def test_a_new_studio_on_loopback_opens_with_no_sign_in(tmp_path: Path) -> None:
    """A1, from nothing: folders, tables and owner are made."""
    studio = open_studio(Settings(tmp_path / "home"))
    client = TestClient(create_app(studio), base_url=SERVER)
    assert client.get("/api/studio").json() == {"sign_in": "loopback", "needs_first_admin": False, "openid_title": None}
    me = client.get("/api/me").json()
    assert (me["kind"], me["account"]["is_admin"], me["csrf_token"]) == ("loopback", True, None)
    assert client.post("/api/me/tokens", json={"name": "script"}).status_code == 201
    assert client.get("/api/stamina").json()["stamina"] == 150
    studio.close()
    assert (tmp_path / "home" / "enogu.sqlite3").is_file()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_website_cannot_use_a_studio_on_loopback(tmp_path: Path, headers: dict[str, str]) -> None:
    """Another program's page on this machine is another website too."""
    studio = open_studio(Settings(tmp_path / "home"))
    client = TestClient(create_app(studio), base_url=SERVER)
    answer = client.post("/api/me/tokens", json={"name": "script"}, headers=headers)
    assert (answer.status_code, answer.json()["kind"]) == (403, "NotAllowed")
    ours = {"Origin": SERVER, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/me/tokens", json={"name": "script"}, headers=ours).status_code == 201
    studio.close()


# ---- passwords -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mame")
def test_a_person_signs_in_asks_who_they_are_and_signs_out(client: TestClient) -> None:
    assert client.get("/api/me").status_code == 401
    signed_in(client)
    assert client.get("/api/me").json()["account"]["name"] == "mame"
    cookie = client.cookies.get("enogu")
    assert client.post("/api/sign-out").status_code == 204
    assert client.cookies.get("enogu") is None
    again = client.get("/api/me", headers={"Cookie": f"enogu={cookie}"})
    assert again.status_code == 401, "the token itself is worth nothing any more"


@pytest.mark.usefixtures("mame")
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client: TestClient) -> None:
    answers = [sign_in(client, password="wrong password"), sign_in(client, name="nobody")]
    assert [one.status_code for one in answers] == [401, 401]
    told = [{key: one.json()[key] for key in ("kind", "detail", "cure")} for one in answers]
    assert told[0] == told[1]
    assert client.cookies.get("enogu") is None


@pytest.mark.usefixtures("mame")
def test_too_many_tries_have_to_wait_and_are_told_how_long(make_app: MakeApp) -> None:
    client = TestClient(make_app(limits=SignInLimits(pair="1 per hour")), base_url=SERVER)
    assert sign_in(client, password="wrong password").status_code == 401
    answer = sign_in(client)
    assert (answer.status_code, answer.json()["kind"]) == (429, "TooManyAttempts")
    assert 0 < int(answer.headers["retry-after"]) <= 3600


@pytest.mark.usefixtures("mame")
def test_cookies_are_out_of_reach_of_scripts_and_other_sites(make_app: MakeApp) -> None:
    client = TestClient(make_app(), base_url=HTTPS)
    cookies = sign_in(client).headers.get_list("set-cookie")
    session, csrf = sorted(cookies, key=lambda one: "csrf" in one)
    assert session.startswith("__Host-enogu=enogu_s_")
    assert csrf.startswith("__Host-enogu-csrf=")
    for part in ("Secure", "Path=/", "SameSite=lax", "HttpOnly"):
        assert part in session
    assert "HttpOnly" not in csrf, "our page's script reads it and sends it back"
    assert "Domain" not in session + csrf
    assert "max-age" in client.get("/api/me").headers["strict-transport-security"]


@pytest.mark.usefixtures("mame")
def test_a_cookie_alone_changes_nothing(client: TestClient) -> None:
    """Double submit: another site can make a browser send the cookie, and cannot read what goes into the header."""
    right = sign_in(client).json()["csrf_token"]
    for sent in (None, "", right[:-1], right.upper(), "é"):
        headers = {} if sent is None else {"X-CSRF-Token": sent.encode()}
        assert client.post("/api/me/tokens", json={"name": "x"}, headers=headers).status_code == 403
    assert client.get("/api/me/tokens").json() == []
    assert client.post("/api/me/tokens", json={"name": "x"}, headers={"X-CSRF-Token": right}).status_code == 201


@pytest.mark.usefixtures("mame")
def test_an_api_token_works_until_it_is_revoked_and_makes_no_others(client: TestClient, make_app: MakeApp) -> None:
    signed_in(client)
    made = client.post("/api/me/tokens", json={"name": "nightly runs"}).json()
    script = TestClient(make_app(), base_url=SERVER, headers={"Authorization": f"Bearer {made['secret']}"})
    assert script.get("/api/me").json()["kind"] == "api_token"
    assert script.post("/api/me/tokens", json={"name": "another"}).status_code == 403
    (listed,) = client.get("/api/me/tokens").json()
    assert (listed["name"], "secret" in listed, listed["seen_at"] is None) == ("nightly runs", False, False)
    assert client.delete(f"/api/me/tokens/{made['id']}").status_code == 204
    assert script.get("/api/me").status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Basic bWFtZTp4", "enogu_t_x", "Bearer é"])
def test_a_header_of_no_use_is_nobody_even_on_loopback(make_app: MakeApp, header: str, mame: str) -> None:
    client = TestClient(make_app("loopback"), base_url=SERVER)
    assert client.get("/api/me").json()["account"]["id"] == mame
    assert client.get("/api/me", headers={"Authorization": header.encode()}).status_code == 401


@pytest.mark.usefixtures("mame")
def test_a_new_password_needs_the_old_one_and_signs_out_elsewhere(make_app: MakeApp) -> None:
    here, there = (signed_in(TestClient(make_app(), base_url=SERVER)) for _ in range(2))
    refused = here.put("/api/me/password", json={"old": "wrong", "new": "another good one"})
    assert (refused.status_code, refused.json()["kind"]) == (401, "SignInRefused")
    assert here.put("/api/me/password", json={"old": PASSWORD, "new": "another good one"}).status_code == 204
    assert (here.get("/api/me").status_code, there.get("/api/me").status_code) == (200, 401)
    assert sign_in(there, password="another good one").status_code == 200


def test_the_first_administrator_needs_the_code_that_the_server_printed(make_app: MakeApp) -> None:
    client = TestClient(make_app(setup_code="printed"), base_url=SERVER)
    assert client.get("/api/studio").json() == {"sign_in": "password", "needs_first_admin": True, "openid_title": None}
    body = {"name": "mame", "password": PASSWORD}
    assert client.post("/api/first-admin", json={**body, "setup_code": "guessed"}).status_code == 403
    made = client.post("/api/first-admin", json={**body, "setup_code": "printed"})
    assert (made.status_code, made.json()["is_admin"]) == (201, True)
    assert client.post("/api/first-admin", json={**body, "setup_code": "printed"}).status_code == 403
    assert client.get("/api/studio").json()["needs_first_admin"] is False
    assert sign_in(client).status_code == 200


def test_nobody_sees_or_ends_what_is_somebody_elses(client: TestClient, engine: Engine, mame: str) -> None:
    with transaction(engine) as session:
        other = service.create_account(session, "other", None, utc_now())
        theirs = service.open_session(session, other.id, utc_now())
    signed_in(client)
    assert [one["is_this_one"] for one in client.get("/api/me/sessions").json()] == [True]
    assert client.delete(f"/api/me/sessions/{theirs.id}").status_code == 404
    assert mame != other.id


def test_a_deleted_account_is_gone_with_its_sessions(client: TestClient, engine: Engine, hashed: str) -> None:
    """J3."""
    with transaction(engine) as session:
        service.create_account(session, "admin", None, utc_now(), is_admin=True)
        service.create_account(session, "mame", hashed, utc_now())
    signed_in(client)
    assert client.delete("/api/me").status_code == 204
    assert sign_in(client).status_code == 401


@pytest.mark.usefixtures("mame")
def test_a_caller_is_prolonged_by_reading_alone(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TOUCH_SECONDS", 0)
    app = make_app()

    @app.get("/who")
    def who(caller: SomeCaller) -> bool:
        return caller.is_stale

    client = signed_in(TestClient(app, base_url=SERVER))
    before = client.get("/api/me/sessions").json()[0]["seen_at"]
    assert client.get("/who").json() is True
    assert client.get("/api/me/sessions").json()[0]["seen_at"] > before
