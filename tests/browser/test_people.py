"""People who share a studio: the first administrator, somebody added, and what they see of each other (A1, J3)."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Page, expect

from tests.browser.conftest import SECONDS, OpenPage, Studio

WORDS = "three words long enough"
REFUSED = ("401", "403", "404", "Problem: そのデータセットはありません。")
"""Asked before anybody is signed in, a wrong code, and what is somebody else's."""


def test_two_people_share_a_studio_and_see_nothing_of_each_other(locked_studio: Studio, open_page: OpenPage) -> None:
    first = open_page(locked_studio, allowed=REFUSED)
    first.get_by_label("名前").fill("kano")
    first.locator("input[type=password]").fill(WORDS)
    first.get_by_label("セットアップコード").fill("wrong")
    first.get_by_role("button", name="作成してログイン").click()
    expect(first.get_by_text("セットアップコードが違います。")).to_be_visible()
    first.get_by_label("セットアップコード").fill(locked_studio.setup_code)
    first.get_by_role("button", name="作成してログイン").click()
    expect(first.get_by_role("heading", level=1, name="学習")).to_be_visible()
    dataset = _make_dataset(first, "kano の豆")

    first.goto(f"{locked_studio.url}/account")
    first.get_by_role("button", name="アカウント", exact=True).click()
    first.get_by_role("menuitem", name="管理").click()
    expect(first.get_by_role("heading", level=1, name="管理")).to_be_visible()
    expect(first.get_by_role("list", name="ワーカー").get_by_role("listitem")).to_have_count(1)
    first.get_by_role("button", name="メンバーを追加").click()
    first.get_by_role("textbox", name="名前", exact=True).fill("mame")
    first.get_by_role("button", name="アカウントを作成").click()
    password = first.get_by_test_id("password").inner_text()
    first.get_by_role("dialog").get_by_role("button", name="閉じる").last.click()
    expect(first.get_by_role("list", name="メンバー").get_by_role("listitem")).to_have_count(2)

    second = open_page(locked_studio, allowed=REFUSED, width=390)
    _sign_in(second, "mame", "not this one")
    expect(second.get_by_text("名前とパスワードの組み合わせが正しくありません。")).to_be_visible()
    _sign_in(second, "mame", password)
    expect(second.get_by_role("heading", level=1, name="学習")).to_be_visible()
    expect(second.get_by_text("kano の豆")).to_have_count(0)
    for path in ("/loras", "/drawings"):
        second.goto(locked_studio.url + path)
        expect(second.get_by_role("heading", level=1)).to_be_visible()
        expect(second.get_by_text("kano", exact=False)).to_have_count(0)
    second.goto(f"{locked_studio.url}/datasets/{dataset}")
    expect(second.get_by_text("そのデータセットはありません。").first).to_be_visible()
    second.get_by_role("button", name="アカウント", exact=True).click()
    expect(second.get_by_role("menuitem", name="アカウント")).to_be_visible()
    expect(second.get_by_role("menuitem", name="管理")).to_have_count(0)
    second.goto(f"{locked_studio.url}/admin")
    expect(second.get_by_role("heading", name="ページが見つかりません")).to_be_visible()
    _nothing_over_the_api(second, locked_studio)


def test_signing_somebody_out_and_a_new_password_hold_at_once(locked_studio: Studio, open_page: OpenPage) -> None:
    name = {"name": "kano", "password": WORDS}
    locked_studio.post("/first-admin", {**name, "setup_code": locked_studio.setup_code})
    admin = open_page(locked_studio, language="en", allowed=REFUSED)
    admin.get_by_label("Name").fill("kano")
    admin.locator("input[type=password]").fill(WORDS)
    admin.get_by_role("button", name="Sign in").click()
    expect(admin.get_by_role("heading", level=1, name="Training")).to_be_visible()
    admin.goto(f"{locked_studio.url}/admin")
    admin.get_by_role("button", name="Add somebody").click()
    admin.get_by_role("textbox", name="Name", exact=True).fill("mame")
    admin.get_by_role("button", name="Create the account").click()
    old = admin.get_by_test_id("password").inner_text()
    admin.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    admin.get_by_role("button", name="What to do with mame").click()
    admin.get_by_role("menuitem", name="Set a new password").click()
    admin.get_by_role("dialog").get_by_role("button", name="Set a new password").click()
    new = admin.get_by_test_id("password").inner_text()
    assert new != old
    assert _status(locked_studio, "mame", old) == 401
    assert _status(locked_studio, "mame", new) == 200


def test_what_openid_refused_is_explained_once(locked_studio: Studio, open_page: OpenPage) -> None:
    page = open_page(locked_studio, path="/?sign_in=not_allowed", allowed=REFUSED)
    expect(page.get_by_text("この ID に結び付いたアカウントがありません。", exact=False)).to_be_visible()
    expect(page).to_have_url(re.compile(r"/$"))
    page.reload()
    expect(page.get_by_label("名前")).to_be_visible()
    expect(page.get_by_text("この ID に結び付いた", exact=False)).to_have_count(0)


def _make_dataset(page: Page, name: str) -> str:
    field = page.get_by_label("データセットの名前")
    field.fill(name)
    field.press("Enter")
    page.wait_for_url(re.compile("/datasets/"))
    return page.url.rpartition("/")[2]


def _sign_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("名前").fill(name)
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="ログイン", exact=True).click()


def _nothing_over_the_api(page: Page, studio: Studio) -> None:
    """What the page shows is not all that is there: each list of what a person owns is empty."""
    for path in ("/datasets", "/runs", "/loras", "/drawings"):
        text = page.request.get(f"{studio.url}/api{path}").text()
        assert "kano" not in text, path
    assert page.request.get(f"{studio.url}/api/admin/accounts").status == 403


def _status(studio: Studio, name: str, password: str) -> int:
    body = {"name": name, "password": password}
    return httpx.post(f"{studio.url}/api/sign-in", json=body, timeout=SECONDS).status_code
