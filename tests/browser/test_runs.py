"""A run that is watched: waiting, cancelled after a question, failed and tried again with what would have helped."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.places import start_run, tagged_sample


def test_a_run_waits_its_turn_and_is_cancelled_after_a_question(own_studio: Studio, open_page: OpenPage) -> None:
    """G1, G5: the page tells how many are ahead; a cancel asks once, and may be thought better of."""
    dataset = tagged_sample(own_studio)
    own_studio.change_worker("--seconds-per-step", "0.4")
    first, second = start_run(own_studio, dataset, epochs=30), start_run(own_studio, dataset, epochs=2)
    wait_until(lambda: own_studio.get(f"/runs/{first}")["state"] == "training")
    page = open_page(own_studio, path=f"/runs/{second}")
    expect(page.get_by_text("待機中", exact=True)).to_be_visible()
    expect(page.get_by_text("前にある学習")).to_be_visible()

    page.goto(f"{own_studio.url}/runs/{first}")
    page.get_by_role("button", name="学習を中止", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="学習を続ける").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert own_studio.get(f"/runs/{first}")["state"] == "training"
    page.get_by_role("button", name="学習を中止", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="学習を中止").click()
    expect(page.get_by_text("中止", exact=True)).to_be_visible()
    wait_until(lambda: own_studio.get(f"/runs/{first}")["state"] == "cancelled")
    wait_until(lambda: own_studio.get(f"/runs/{second}")["state"] in ("training", "finished"))


def test_a_failed_run_is_tried_again_with_the_change_that_its_page_offers(
    own_studio: Studio, open_page: OpenPage
) -> None:
    """G8: the cause in words, the setting to change on the button, and another run that has it."""
    dataset = tagged_sample(own_studio)
    own_studio.change_worker("--fail-at", "3", "--fail-kind", "NotANumber")
    failed = start_run(own_studio, dataset)
    wait_until(lambda: own_studio.get(f"/runs/{failed}")["state"] == "failed")
    page = open_page(own_studio, path=f"/runs/{failed}")
    failure = own_studio.get(f"/runs/{failed}")["failure"]
    retry = page.get_by_role("button", name=re.compile("学習率"))
    expect(retry).to_be_visible()
    own_studio.change_worker("--seconds-per-step", "0")
    retry.click()
    page.wait_for_url(lambda url: failed not in url)
    started = page.url.rpartition("/")[2]
    value = own_studio.get(f"/runs/{started}/recipe")
    for part in failure["path"].split("."):
        value = value[part]
    assert value == failure["value"]
    wait_until(lambda: own_studio.get(f"/runs/{started}")["state"] == "finished")
    expect(page.get_by_text("完了", exact=True)).to_be_visible()
