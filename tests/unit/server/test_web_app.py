"""The browser app's files: caching, a nonce for every page, and no answer for what is not there."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from enogu.server.web_app import serve_web_app

PAGE = '<meta name="csp-nonce" nonce="{{csp_nonce}}"><div id="root"></div>'


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "main-abc123.js").write_text("run()", encoding="utf-8")
    (tmp_path / "assets" / "main-abc123.js.gz").write_bytes(gzip.compress(b"run()"))
    (tmp_path / "first-paint.js").write_text("paint()", encoding="utf-8")
    (tmp_path / "first-paint.js.br").write_bytes(b"")
    (tmp_path / "built-from.txt").write_text("hash", encoding="utf-8")
    (tmp_path / "index.html").write_text(PAGE, encoding="utf-8")
    app = FastAPI()
    serve_web_app(app, tmp_path)
    return TestClient(app)


def test_every_page_has_a_nonce_of_its_own_that_its_policy_names(client: TestClient) -> None:
    seen = set()
    for address in ("/", "/runs/01abc", "/datasets"):
        answer = client.get(address)
        nonce = re.search(r'nonce="([^"]+)"', answer.text)
        assert nonce is not None
        assert f"'nonce-{nonce[1]}'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-cache"
        seen.add(nonce[1])
    assert len(seen) == 3


def test_files_with_a_hash_in_their_name_are_kept_for_ever_and_others_are_not(client: TestClient) -> None:
    hashed, plain = client.get("/assets/main-abc123.js"), client.get("/first-paint.js")
    assert "immutable" in hashed.headers["cache-control"]
    assert "immutable" not in plain.headers["cache-control"]
    assert hashed.headers["content-type"].startswith("text/javascript")


def test_files_go_packed_to_a_browser_that_takes_that(client: TestClient) -> None:
    packed = client.get("/assets/main-abc123.js", headers={"Accept-Encoding": "gzip, br"})
    smaller = client.get("/first-paint.js", headers={"Accept-Encoding": "gzip, br"})
    plain = client.get("/assets/main-abc123.js", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text == "run()"
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert smaller.headers["content-encoding"] == "br"
    assert client.get("/first-paint.js", headers={"Accept-Encoding": "gzip"}).text == "paint()"
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "address",
    [
        "/api/nothing",
        "/api",
        "/assets/gone-1.js",
        "/built-from.txt",
        "/assets/main-abc123.js.gz",
        "/%2e%2e/pyproject.toml",
        "/..%2fsettings.py",
    ],
)
def test_what_is_not_there_is_not_found(client: TestClient, address: str) -> None:
    """Neither the API's addresses nor missing files are answered with the page; nothing outside is ever read."""
    assert client.get(address).status_code == 404


def test_a_program_that_wants_json_gets_no_page(client: TestClient) -> None:
    assert client.get("/runs/1", headers={"Accept": "application/json"}).status_code == 404


def test_a_checkout_without_the_built_app_says_how_to_build_it(tmp_path: Path) -> None:
    app = FastAPI()
    serve_web_app(app, tmp_path)
    page = TestClient(app).get("/").text
    assert "make setup" in page
    assert "スタジオは動いています" in page
