"""A run that the graphics card is too small for: what would make it fit, by one press each, and the way back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.places import settle, show_notices, start_run, tagged_sample
from tests.browser.test_accessibility import AXE, LOOK

SMALL_CARD = round(0.70 * 2**30)
"""The starter's usual recipe needs 0.71 GB, and 0.69 with gradient checkpointing."""
TITLE = "VRAM が足りなくなりそうです"


def give_card(studio: Studio, memory_bytes: int, *fake_options: str) -> None:
    """The studio's one worker has a graphics card of so much from here on."""
    studio.change_worker(str(memory_bytes), *fake_options)
    wait_until(
        lambda: any(one["is_alive"] and one["memory_bytes"] == memory_bytes for one in studio.get("/admin/workers"))
    )


def test_a_recipe_is_made_to_fit_the_card_and_back(own_studio: Studio, open_page: OpenPage) -> None:
    """Issue 4, item 2: one button a change, one for the least set, an undo, and a run that has it."""
    dataset = tagged_sample(own_studio)
    give_card(own_studio, SMALL_CARD)
    page = open_page(own_studio, path=f"/datasets/{dataset}")
    settle(page)
    expect(page.get_by_text("VRAM 約 0.71 GB / 0.7 GB")).to_be_visible()
    show_notices(page)
    alert = page.get_by_role("alert").filter(has_text=TITLE)
    expect(alert).to_contain_text("勾配チェックポイントを使う")
    alert.get_by_text("ほかの方法を一つずつ選ぶ").click()
    expect(alert.get_by_role("button", name=re.compile("^変更: "))).not_to_have_count(0)
    alert.get_by_role("button", name=re.compile("^変更: バッチサイズを 1")).click()
    expect(alert).to_have_count(0)
    page.get_by_role("button", name="元に戻す").first.click()
    show_notices(page)
    expect(alert).to_be_visible()
    alert.get_by_role("button", name=re.compile("^この GPU に合わせる")).click()
    expect(alert).to_have_count(0)
    page.reload()
    settle(page)
    expect(alert).to_have_count(0)
    page.get_by_role("button", name=re.compile("学習を開始$")).click()
    page.wait_for_url(re.compile("/runs/"))
    recipe = own_studio.get(f"/runs/{page.url.rpartition('/')[2]}/recipe")
    assert recipe["training"]["gradient_checkpointing"] is True
    assert recipe["training"]["batch_size"] == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_notice_shuts_nobody_out(own_studio: Studio, open_page: OpenPage, scheme: str) -> None:
    if not AXE.exists():
        pytest.skip("no axe-core in web/node_modules; tools/build_web.py installs it when it builds")
    dataset = tagged_sample(own_studio)
    give_card(own_studio, SMALL_CARD)
    page = open_page(own_studio, path=f"/datasets/{dataset}", scheme=scheme)
    settle(page)
    show_notices(page)
    page.get_by_role("alert").filter(has_text=TITLE).locator("summary").click()
    page.evaluate(AXE.read_text(encoding="utf-8") + ";0")
    assert not page.evaluate(LOOK)


def test_where_no_change_is_enough_the_page_says_so(own_studio: Studio, open_page: OpenPage) -> None:
    dataset = tagged_sample(own_studio)
    give_card(own_studio, 2**28)
    page = open_page(own_studio, path=f"/datasets/{dataset}", language="en", width=390, touch=True)
    settle(page)
    show_notices(page)
    alert = page.get_by_role("alert").filter(has_text="will probably run out of memory")
    expect(alert).to_contain_text("Even with every change that helps")
    expect(alert.get_by_role("button", name=re.compile("^Make it fit"))).to_have_count(0)


def test_a_run_that_ran_out_of_memory_is_tried_again_with_what_takes_less(
    own_studio: Studio, open_page: OpenPage
) -> None:
    """G8: all that it takes, listed, on one button."""
    dataset = tagged_sample(own_studio)
    give_card(own_studio, round(0.68 * 2**30), "--fail-at", "3", "--fail-kind", "OutOfMemory")
    failed = start_run(own_studio, dataset)
    wait_until(lambda: own_studio.get(f"/runs/{failed}")["state"] == "failed")
    changes = own_studio.get(f"/runs/{failed}")["failure"]["changes"]
    assert len(changes) > 1
    page = open_page(own_studio, path=f"/runs/{failed}")
    alert = page.get_by_role("alert").filter(has_text="学習に失敗しました")
    expect(alert.get_by_role("listitem")).to_have_count(len(changes))
    give_card(own_studio, round(0.68 * 2**30), "--seconds-per-step", "0")
    alert.get_by_role("button", name="この変更でもう一度").click()
    page.wait_for_url(lambda url: "/runs/" in url and failed not in url)
    recipe = own_studio.get(f"/runs/{page.url.rpartition('/')[2]}/recipe")
    for path, value in changes.items():
        section, _, name = path.rpartition(".")
        assert recipe[section][name] == value
