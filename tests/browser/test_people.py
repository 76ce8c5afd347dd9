"""People who share a studio: the first administrator, somebody added, and what they see of each other (A1, J3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SECONDS, OpenPage, Studio, wait_until

WORDS = "three words long enough"
REFUSED = ("401", "403", "404", "Problem: そのデータセットはありません。")
"""Asked before anybody is signed in, a wrong code, and what is somebody else's."""


CallAs = Callable[[str, str], httpx.Client]


@pytest.fixture
def call_as(locked_studio: Studio) -> Iterator[CallAs]:
    """Past the page, as a browser in which somebody is signed in by name and password."""
    with ExitStack() as clients:

        def signed_in(name: str, password: str) -> httpx.Client:
            client = clients.enter_context(httpx.Client(base_url=locked_studio.url, timeout=SECONDS))
            assert client.post("/api/sign-in", json={"name": name, "password": password}).status_code == 200
            client.headers["X-CSRF-Token"] = client.get("/api/me").json()["csrf_token"]
            return client

        yield signed_in


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


def test_an_administrator_sees_whose_trainings_wait_in_which_order_and_cancels_one(
    locked_studio: Studio, open_page: OpenPage, call_as: CallAs
) -> None:
    """On a phone: the owner is named and so is the place in the line; a question is asked; the owner sees the end."""
    locked_studio.change_worker("--seconds-per-step", "0.5")
    locked_studio.post("/first-admin", {"name": "kano", "password": WORDS, "setup_code": locked_studio.setup_code})
    kano = call_as("kano", WORDS)
    password = kano.post("/api/admin/accounts", json={"name": "mame"}).json()["password"]
    mame = call_as("mame", password)
    going = _start(kano, "k1")
    wait_until(lambda: kano.get(f"/api/runs/{going}").json()["state"] == "training")
    first, second = _start(mame, "m1"), _start(mame, "m2")
    _start(kano, "k2")

    page = open_page(locked_studio, width=360, height=740, touch=True, allowed=REFUSED)
    _sign_in(page, "kano", WORDS)
    expect(page.get_by_role("heading", level=1, name="学習")).to_be_visible()
    page.goto(f"{locked_studio.url}/admin")
    line = page.get_by_role("list", name="順番待ち").get_by_role("listitem")
    expect(line).to_have_count(4)
    seen = [(_owner(text), _place(text)) for text in line.all_inner_texts()]
    assert seen[0] == ("kano", "実行中")
    assert sorted(owner for owner, _ in seen) == ["kano", "kano", "mame", "mame"]
    assert [place for _, place in seen[1:]] == ["待機 1 番目", "待機 2 番目", "待機 3 番目"]

    waiting = line.filter(has_text="mame").last
    waiting.get_by_role("button", name="「mame: 学習」を中止").tap()
    dialog = page.get_by_role("dialog", name="「mame: 学習」を中止")
    dialog.get_by_role("button", name="続ける").tap()
    expect(dialog).to_have_count(0)
    expect(line).to_have_count(4)
    waiting.get_by_role("button", name="「mame: 学習」を中止").tap()
    dialog.get_by_role("button", name="中止", exact=True).tap()
    expect(line).to_have_count(3)
    expect(page.get_by_text("「mame: 学習」を中止しました。")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    states = [mame.get(f"/api/runs/{run}").json()["state"] for run in (first, second)]
    assert states == ["queued", "cancelled"]

    theirs = open_page(locked_studio, language="en", allowed=REFUSED)
    theirs.get_by_label("Name").fill("mame")
    theirs.locator("input[type=password]").fill(password)
    theirs.get_by_role("button", name="Sign in").click()
    expect(theirs.get_by_role("heading", level=1, name="Training")).to_be_visible()
    theirs.goto(f"{locked_studio.url}/runs/{second}")
    expect(theirs.get_by_text("cancelled by an administrator", exact=True)).to_be_visible()
    expect(theirs.get_by_text("An administrator cancelled this training.", exact=False)).to_be_visible()
    expect(theirs.get_by_role("button", name="Train on")).to_be_visible()
    theirs.goto(f"{locked_studio.url}/?tab=runs")
    expect(theirs.get_by_role("row", name="m2").get_by_text("cancelled by an administrator")).to_be_visible()


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


def _start(client: httpx.Client, name: str) -> str:
    """A run on the sample; its id."""
    dataset = client.post("/api/datasets/samples", json={"name": "mame"}).json()["id"]
    answer = client.post("/api/runs", json={"dataset_id": dataset, "recipe": {}, "name": name})
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


def _owner(text: str) -> str:
    return text.partition(":")[0]


def _place(text: str) -> str:
    found = re.search("実行中|待機 \\d 番目", text)
    assert found is not None, text
    return found[0]


def _nothing_over_the_api(page: Page, studio: Studio) -> None:
    """What the page shows is not all that is there: each list of what a person owns is empty."""
    for path in ("/datasets", "/runs", "/loras", "/drawings"):
        text = page.request.get(f"{studio.url}/api{path}").text()
        assert "kano" not in text, path
    assert page.request.get(f"{studio.url}/api/admin/accounts").status == 403


def _status(studio: Studio, name: str, password: str) -> int:
    body = {"name": name, "password": password}
    return httpx.post(f"{studio.url}/api/sign-in", json=body, timeout=SECONDS).status_code
