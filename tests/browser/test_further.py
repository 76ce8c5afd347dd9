"""Training a LoRA further, from an epoch of a run and from the library (G7)."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.places import list_places


def test_an_epoch_is_trained_further_with_the_recipe_of_its_run(studio: Studio, open_page: OpenPage) -> None:
    run = list_places(studio)["run"].rsplit("/", 1)[1]
    file = studio.get(f"/runs/{run}/epochs")[0]["filename"]
    page = open_page(studio, language="ja", width=1280, height=900, path=f"/runs/{run}")
    page.get_by_role("button", name=f"{file} をさらに学習").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio").first).to_be_checked()
    dialog.get_by_role("button", name="設定を確かめる").click()
    expect(page.get_by_text(f"「{file}」の続きから学習します。")).to_be_visible()
    page.get_by_role("button", name=re.compile("学習を開始$")).click()
    page.wait_for_url(re.compile(r"/runs/(?!" + run + ")"))
    further = page.url.rsplit("/", 1)[1]
    assert studio.get(f"/runs/{further}")["start_name"] == file
    wait_until(lambda: studio.get(f"/runs/{further}")["state"] == "finished")


def test_a_lora_of_the_library_goes_on_and_may_be_left_out_again(studio: Studio, open_page: OpenPage) -> None:
    places = list_places(studio)
    lora = studio.get(f"/loras/{places['lora'].rsplit('/', 1)[1]}")
    page = open_page(studio, language="en", width=390, height=844, touch=True, path=places["lora"])
    page.get_by_role("button", name=f"Train further: {lora['name']}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Its own dataset", exact=False)).to_be_visible()
    dialog.get_by_role("button", name="Check the settings").click()
    now = page.get_by_text(f"Goes on from “{lora['name']}”.")
    expect(now).to_be_visible()
    page.get_by_role("button", name="Begin anew").click()
    expect(now).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(now).to_be_visible()
