"""What goes wrong in a browser's life: closed, cut off, a server that dies, broken files, other people, conversions."""

from __future__ import annotations

import re
import signal

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.cut_line import CUT_OFF
from tests.browser.places import sample_picture, start_run, tagged_sample


def test_a_run_outlives_its_page_and_its_server(own_studio: Studio, open_page: OpenPage) -> None:
    """Closed and opened again it goes on; while the server is dead the page says so, and then goes on by itself."""
    dataset = tagged_sample(own_studio)
    run = start_run(own_studio, dataset, epochs=75)
    first = open_page(own_studio, path=f"/runs/{run}")
    expect(first.get_by_role("heading", level=1, name="mame")).to_be_visible()
    first.close()
    page = open_page(own_studio, path=f"/runs/{run}", allowed=CUT_OFF)
    expect(page.get_by_text("学習中", exact=True)).to_be_visible()
    own_studio.kill_server()
    expect(page.get_by_text("スタジオとの接続が切れました", exact=False)).to_be_visible()
    own_studio.start_server()
    expect(page.get_by_text("スタジオとの接続が切れました", exact=False)).to_have_count(0)
    wait_until(lambda: own_studio.get(f"/runs/{run}")["state"] in ("training", "finished"))
    expect(page.get_by_text(re.compile("^(学習中|完了)$"))).to_be_visible()


def test_a_page_that_failed_while_the_studio_was_away_goes_on_by_itself(studio: Studio, open_page: OpenPage) -> None:
    dataset = studio.post("/datasets", {"name": "mame が戻る"})["id"]
    page = open_page(studio, allowed=("ERR_FAILED", "console: Problem"))  # React tells what it caught
    page.route(f"**/api/datasets/{dataset}*", lambda route: route.abort())
    page.goto(f"{studio.url}/datasets/{dataset}")
    expect(page.get_by_role("heading", level=1, name="このページを表示できません")).to_be_visible()
    page.unroute(f"**/api/datasets/{dataset}*")
    expect(page.get_by_role("heading", level=1, name="このページを表示できません")).to_have_count(0)
    expect(page.get_by_text("mame が戻る").first).to_be_visible()


def test_a_broken_file_is_named_and_the_others_are_in(studio: Studio, open_page: OpenPage) -> None:
    dataset = studio.post("/datasets", {"name": "upload"})["id"]
    page = open_page(studio, path=f"/datasets/{dataset}", allowed=("422",))
    good = sample_picture().read_bytes()
    page.locator("input[type=file]").first.set_input_files(
        [
            {"name": "豆 一.png", "mimeType": "image/png", "buffer": good},
            {"name": "broken.png", "mimeType": "image/png", "buffer": good[:200]},
        ]
    )
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_text("broken.png").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("option")).to_have_count(1)


def test_enter_that_confirms_a_conversion_creates_nothing(studio: Studio, open_page: OpenPage) -> None:
    """Chromium itself sends no submit for a key that belongs to a conversion; the page must not add one."""
    before = len(studio.get("/datasets")["datasets"])
    page = open_page(studio)
    field = page.get_by_label("データセットの名前")
    field.fill("まめ")
    field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    page.wait_for_timeout(300)
    assert len(studio.get("/datasets")["datasets"]) == before
    field.press("Enter")
    page.wait_for_url(re.compile("/datasets/"))


def test_a_page_that_is_loaded_again_shows_the_crop_and_tag_that_goes_on(
    own_studio: Studio, open_page: OpenPage
) -> None:
    """The worker stands still while the page is loaded again, so that there is a middle to be in."""
    dataset = own_studio.post("/datasets/samples", {"name": "mame"})["id"]
    page = open_page(own_studio, path=f"/datasets/{dataset}")
    expect(page.locator("[data-place]").first).to_be_visible()
    own_studio.worker.send_signal(signal.SIGSTOP)
    page.get_by_role("button", name="切り抜き・タグ付けを実行", exact=True).click()
    progress = page.get_by_text("待機中", exact=False)
    expect(progress).to_be_visible()
    page.reload()
    expect(progress).to_be_visible()
    own_studio.worker.send_signal(signal.SIGCONT)
    expect(progress).to_have_count(0)
    expect(page.locator("[role=progressbar][aria-label='切り抜きとタグ付け']")).to_have_count(0)
    pictures = own_studio.get(f"/datasets/{dataset}/pictures")["pictures"]
    assert len(pictures) == 7
    assert all(one["caption"] for one in pictures)


def test_a_machine_without_a_network_goes_on_with_the_studio_on_it(studio: Studio, open_page: OpenPage) -> None:
    """The browser says it is offline; what is on this machine answers all the same, and nothing waits for a network."""
    page = open_page(studio)
    expect(page.get_by_label("データセットの名前")).to_be_visible()  # before that nobody listens
    page.evaluate("dispatchEvent(new Event('offline'))")
    page.get_by_role("link", name="LoRA", exact=True).first.click()
    expect(page.get_by_role("heading", level=1, name="LoRA")).to_be_visible()
    expect(page.locator(".mantine-Loader-root, .mantine-Skeleton-root")).to_have_count(0)
    page.get_by_role("link", name="学習", exact=True).first.click()
    field = page.get_by_label("データセットの名前")
    field.fill("offline")
    field.press("Enter")
    page.wait_for_url(re.compile("/datasets/"))
