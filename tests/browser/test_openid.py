"""Signing in with the button of an OpenID provider (A1), at one that really checks and signs."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Studio, open_studio
from tests.browser.openid_provider import OpenIdProvider, open_provider

REFUSED = ("401", "another host: http://127.0.0.1")
REFUSAL = "外部のログインが受け付けられませんでした。もう一度最初から試してください。"


def test_people_sign_in_with_the_button_and_what_does_not_hold_is_refused(
    web_app: None, open_page: OpenPage, tmp_path: Path
) -> None:
    with (
        open_provider() as provider,
        open_studio(tmp_path / "home", "--sign-in", "password", variables=provider.variables()) as studio,
    ):
        code = studio.setup_code
        studio.post("/first-admin", {"name": "kano", "password": "three words long enough", "setup_code": code})
        page = open_page(studio, allowed=REFUSED, width=390)
        refused_consent_and_bad_tokens(page, provider)
        first = sign_in(page, "mame")
        assert first == {"name": "mame", "is_admin": False}
        page.reload()
        expect(page.get_by_role("heading", level=1, name="学習")).to_be_visible()
        second_person_is_another(studio, open_page, page)
        browser = page.context.browser
        assert browser is not None
        for context in browser.contexts:  # before the studio of this test ends, which they would ask
            context.close()


def refused_consent_and_bad_tokens(page: Page, provider: OpenIdProvider) -> None:
    """Each brings one back to the sign-in with its reason, and signs nobody in."""
    press(page, "mame", "Refuse")
    expect(page.get_by_text(REFUSAL)).to_be_visible()
    now = int(time.time())
    for spoiled in (
        {"nonce": "another"},
        {"exp": now - 600, "iat": now - 900},
        {"aud": "another"},
        {"iss": "http://x"},
    ):
        provider.spoil = spoiled
        press(page, "mame", "Allow")
        expect(page.get_by_text(REFUSAL)).to_be_visible()
        assert page.request.get(page.url.partition("/?")[0].rstrip("/") + "/api/me").status == 401, spoiled
    provider.spoil = {}


def second_person_is_another(studio: Studio, open_page: OpenPage, first: Page) -> None:
    """Who has another name there is somebody else here, and sees nothing of the first."""
    field = first.get_by_label("データセットの名前")
    field.fill("mame の豆")
    field.press("Enter")
    first.wait_for_url("**/datasets/*")
    other = open_page(studio, allowed=REFUSED)
    assert sign_in(other, "anko")["name"] == "anko"
    expect(other.get_by_text("mame の豆")).to_have_count(0)
    again = open_page(studio, allowed=REFUSED)
    assert sign_in(again, "mame")["name"] == "mame"
    expect(again.get_by_text("mame の豆").first).to_be_visible()


def press(page: Page, name: str, answer: str) -> None:
    """The button, and what a person says at the provider."""
    page.get_by_role("link", name="Circle でログイン").or_(page.get_by_role("button", name="Circle でログイン")).click()
    page.get_by_label("Who are you?").fill(name)
    page.get_by_role("button", name=answer).click()


def sign_in(page: Page, name: str) -> dict[str, object]:
    """All of it; who the studio says one is."""
    press(page, name, "Allow")
    expect(page.get_by_role("heading", level=1, name="学習")).to_be_visible()
    account = page.request.get(page.url.rstrip("/") + "/api/me").json()["account"]
    return {key: account[key] for key in ("name", "is_admin")}
