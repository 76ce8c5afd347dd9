"""Signing in at an OpenID provider (A1), against a provider that runs here (oidc-provider-mock), on both databases."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from enogu.accounts import passwords, service
from enogu.accounts.asking import Door
from enogu.accounts.entities import OpenIdUnavailable, SignInRefused
from enogu.accounts.openid import OpenIdProvider, OpenIdSettings
from enogu.bootstrap import OWNED_DATA, Studio, open_studio
from enogu.errors import WrongUse
from enogu.server.app import create_app
from enogu.settings import Settings, read_settings
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import transaction, utc_now
from enogu.storage.files_in_memory import FilesInMemory

SERVER = "http://localhost:8000"
PASSWORD = "面相筆 and 群青"  # noqa: S105


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """A provider on loopback that believes everybody; in a process of its own, since its warnings are not ours."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-nonce",
        "true",
    ]
    provider = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = f"http://localhost:{port}"
        until = time.monotonic() + 60
        while True:
            try:
                assert httpx.get(f"{address}/.well-known/openid-configuration").status_code == 200
                break
            except httpx.TransportError:
                assert provider.poll() is None and time.monotonic() < until, "the provider did not start"
                time.sleep(0.05)
        yield address
    finally:
        provider.kill()
        provider.wait(30)


def make_app(engine: Engine, folder: Path, issuer: str, *, creates_accounts: bool = True) -> TestClient:
    settings = OpenIdSettings(issuer, "enogu", "secret", "Circle", creates_accounts)
    door = Door(engine, "password", owned_data=OWNED_DATA, openid=OpenIdProvider(settings))
    app = create_app(Studio(Settings(folder), engine, FilesInMemory(), door, load_metering(SHIPPED)))
    return TestClient(app, base_url=SERVER, raise_server_exceptions=False, follow_redirects=False)


def at_provider(url: str, subject: str) -> str:
    """What a person does there: say who they are. Returns the path that the browser is sent back to."""
    answer = httpx.post(url, data={"sub": subject}, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}" == SERVER
    return f"{back.path}?{back.query}"


def sign_in(client: TestClient, subject: str) -> str:
    """The whole way; where the browser ends."""
    there = client.get("/api/sign-in/openid")
    assert there.status_code == 303
    back = client.get(at_provider(there.headers["location"], subject))
    assert back.status_code == 303
    return back.headers["location"]


def test_somebody_new_gets_an_account_and_finds_it_again(engine: Engine, tmp_path: Path, issuer: str) -> None:
    client = make_app(engine, tmp_path, issuer)
    assert client.get("/api/studio").json()["openid_title"] == "Circle"
    assert sign_in(client, "mame") == "/"
    me = client.get("/api/me").json()
    assert (me["kind"], me["account"]["is_admin"], me["account"]["has_password"]) == ("session", False, False)

    other = make_app(engine, tmp_path, issuer)
    assert sign_in(other, "mame") == "/"
    assert other.get("/api/me").json()["account"]["id"] == me["account"]["id"]
    third = make_app(engine, tmp_path, issuer)
    assert sign_in(third, "anko") == "/"
    assert third.get("/api/me").json()["account"]["id"] != me["account"]["id"]


def test_a_sign_in_cannot_be_finished_in_another_browser_or_twice(engine: Engine, tmp_path: Path, issuer: str) -> None:
    client, thief = make_app(engine, tmp_path, issuer), make_app(engine, tmp_path, issuer)
    back = at_provider(client.get("/api/sign-in/openid").headers["location"], "mame")
    assert thief.get(back).headers["location"] == "/?sign_in=refused"
    assert thief.get("/api/me").status_code == 401
    assert client.get(back).headers["location"] == "/"
    assert client.get(back).headers["location"] == "/?sign_in=refused"


def test_an_address_without_its_parts_signs_nobody_in(engine: Engine, tmp_path: Path, issuer: str) -> None:
    client = make_app(engine, tmp_path, issuer)
    for query in ("", "?state=x", "?code=x", "?state=x&code=x", "?error=access_denied&state=x"):
        assert client.get(f"/api/sign-in/openid/callback{query}").headers["location"] == "/?sign_in=refused"
    state = parse_qs(urlsplit(client.get("/api/sign-in/openid").headers["location"]).query)["state"][0]
    assert client.get(f"/api/sign-in/openid/callback?state={state}&code=made-up").headers["location"] == (
        "/?sign_in=refused"
    )
    assert client.get("/api/me").status_code == 401


def test_where_new_accounts_are_not_made_a_stranger_is_told_so(engine: Engine, tmp_path: Path, issuer: str) -> None:
    client = make_app(engine, tmp_path, issuer, creates_accounts=False)
    assert sign_in(client, "stranger") == "/?sign_in=not_allowed"
    assert client.get("/api/me").status_code == 401


def test_an_identity_is_added_to_an_account_that_is_signed_in(engine: Engine, tmp_path: Path, issuer: str) -> None:
    with transaction(engine) as session:
        service.create_account(session, "mame", passwords.hash_password(PASSWORD, "mame"), utc_now())
    client = make_app(engine, tmp_path, issuer, creates_accounts=False)
    me = client.post("/api/sign-in", json={"name": "mame", "password": PASSWORD}).json()
    begun = client.post("/api/me/openid", headers={"X-CSRF-Token": me["csrf_token"]})
    assert begun.status_code == 200, begun.text
    assert client.get(at_provider(begun.json()["url"], "bean")).headers["location"] == "/"

    elsewhere = make_app(engine, tmp_path, issuer, creates_accounts=False)
    assert sign_in(elsewhere, "bean") == "/"
    assert elsewhere.get("/api/me").json()["account"]["id"] == me["account"]["id"]


def test_a_name_that_somebody_has_gets_a_number(engine: Engine, tmp_path: Path, issuer: str) -> None:
    """Nobody becomes somebody else by being called the same at the provider."""
    with transaction(engine) as session:
        taken = service.create_account(session, "maker", None, utc_now())
    client = make_app(engine, tmp_path, issuer)
    assert sign_in(client, "maker@example.com") == "/"
    me = client.get("/api/me").json()["account"]
    assert me["id"] != taken.id
    assert me["name"] != "maker"


def test_a_provider_that_is_away_is_said_in_words(engine: Engine, tmp_path: Path) -> None:
    client = make_app(engine, tmp_path, "http://127.0.0.1:1")
    answer = client.get("/api/sign-in/openid")
    assert answer.status_code == 503
    assert "does not answer" in answer.json()["detail"]
    assert "127.0.0.1:1" in answer.json()["cure"]


def test_a_token_for_another_program_or_moment_is_refused(issuer: str) -> None:
    """The right signature is not enough: audience and nonce have to be ours."""
    ours = OpenIdProvider(OpenIdSettings(issuer, "enogu", "secret"))
    begun = ours.begin(f"{SERVER}/api/sign-in/openid/callback")
    code = parse_qs(urlsplit(at_provider(begun.url, "mame")).query)["code"][0]
    with pytest.raises(SignInRefused, match="could not be believed"):
        ours.finish(f"{SERVER}/api/sign-in/openid/callback", code, "another nonce", begun.code_verifier)


def test_the_settings_name_what_is_wrong_with_a_provider(tmp_path: Path) -> None:
    def opened(**variables: str) -> None:
        open_studio(read_settings({"ENOGU_HOME": str(tmp_path), **variables}), "password").close()

    with pytest.raises(WrongUse, match="no https address"):
        opened(ENOGU_OIDC_ISSUER="http://id.example.com", ENOGU_OIDC_CLIENT_ID="enogu")
    with pytest.raises(WrongUse, match="ENOGU_OIDC_CLIENT_ID"):
        opened(ENOGU_OIDC_ISSUER="https://id.example.com")
    with pytest.raises(WrongUse, match="yes or no"):
        opened(
            ENOGU_OIDC_ISSUER="https://id.example.com", ENOGU_OIDC_CLIENT_ID="e", ENOGU_OIDC_CREATES_ACCOUNTS="perhaps"
        )
    assert "hush" not in repr(read_settings({"ENOGU_HOME": str(tmp_path), "ENOGU_OIDC_CLIENT_SECRET": "hush"}))


def test_another_issuer_than_the_one_named_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider behind a name of somebody else's would sign in whom it likes."""
    provider = OpenIdProvider(OpenIdSettings("https://id.example.com", "enogu", "secret"))
    monkeypatch.setattr(provider, "_fetched", lambda url: {"issuer": "https://elsewhere.example.com"})
    with pytest.raises(OpenIdUnavailable, match=r"calls itself https://elsewhere\.example\.com"):
        provider.begin(SERVER)
