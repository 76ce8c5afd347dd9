"""Nothing jumps while a page opens: what moves away under a finger is missed, or something else is pressed."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.places import MISSING, list_places, settle
from tests.browser.test_journeys import option

MOST = 0.02
"""Of the layout shift of the Web Vitals, which call 0.1 good; a wider button has 0.002."""
PLAN = "**/api/runs/plan"
WATCH = """
    window.jumps = [];
    new PerformanceObserver((list) => {
        for (const one of list.getEntries()) {
            const what = one.sources.map(({node, previousRect, currentRect}) =>
                `${(node?.className || node?.textContent || '').toString().slice(0, 60)}`
                + ` ${Math.round(previousRect.y)} > ${Math.round(currentRect.y)}`);
            window.jumps.push({value: one.value, what});
        }
    }).observe({type: 'layout-shift', buffered: true});
"""
PATIENT = """
    // A busy machine is not to be taken for a slow studio: the first paint waits for answers until 0.8 s of the page's
    // time, which goes a hundred times slower here.
    const now = performance.now.bind(performance);
    performance.now = () => now() / 100;
    const later = window.setTimeout;
    window.setTimeout = (act, wait, ...rest) => later(act, wait > 700 && wait <= 800 ? 15000 : wait, ...rest);
"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)], ids=["phone", "desk"])
def test_nothing_jumps_while_a_page_opens(studio: Studio, open_page: OpenPage, width: int, height: int) -> None:
    places = list_places(studio)
    page = open_page(studio, language="en", width=width, height=height, touch=width < 500, allowed=MISSING)
    page.add_init_script(WATCH + PATIENT)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 3})
    found = {name: jumps for name, path in places.items() if (jumps := _jumps(page, studio.url + path))}
    assert found == {}


def test_what_stands_against_a_run_is_there_as_the_page_opens(studio: Studio, open_page: OpenPage) -> None:
    path = list_places(studio)["dataset"]
    page = _page_of_a_run_too_dear(studio, open_page, path, 390)
    page.add_init_script(PATIENT)
    assert _jumps(page, studio.url + path) == []
    expect(page.get_by_text("It costs more than there is")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
def test_what_stands_against_a_run_and_comes_late_pushes_nothing(
    studio: Studio, open_page: OpenPage, width: int
) -> None:
    path = list_places(studio)["dataset"]
    page = _page_of_a_run_too_dear(studio, open_page, path, width)
    held: list[Route] = []
    is_held = True
    page.route(PLAN, lambda route: held.append(route) if is_held else route.continue_())
    with page.expect_request(PLAN):
        page.goto(studio.url + path)
    drop = page.get_by_text("Drop pictures here")
    expect(drop).to_be_visible()
    before = drop.bounding_box()
    is_held = False
    assert held
    for route in held:
        route.continue_()
    why = page.get_by_role("button", name="Why it cannot start")
    expect(why).to_be_visible()
    settle(page)
    assert drop.bounding_box() == before
    assert _found_jumps(page) == []
    expect(why).to_have_attribute("aria-expanded", "false")
    why.click()
    expect(page.get_by_text("It costs more than there is")).to_be_visible()


def test_what_comes_to_stand_against_a_run_as_one_types_moves_no_field(studio: Studio, open_page: OpenPage) -> None:
    path = list_places(studio)["dataset"]
    page = open_page(studio, language="en", height=900, path=path)
    settle(page)
    epochs = option(page, "training.epochs")
    before = epochs.bounding_box()
    epochs.fill("2000")
    why = page.get_by_role("button", name="Why it cannot start")
    expect(why).to_be_visible()
    assert epochs.bounding_box() == before
    why.click()
    page.get_by_role("button", name="Make it fit").first.click()
    expect(why).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Start training"))).to_be_enabled()


def _page_of_a_run_too_dear(studio: Studio, open_page: OpenPage, path: str, width: int) -> Page:
    page = open_page(studio, language="en", width=width, height=844, touch=width < 500)
    page.add_init_script(WATCH)
    draft = json.dumps({"training": {"epochs": 2000}})
    page.add_init_script(f"localStorage.setItem('enogu.draft.{path.split('/')[-1]}', {json.dumps(draft)})")
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 3})
    return page


def _jumps(page: Page, url: str) -> list[str]:
    page.goto(url)
    settle(page)
    page.wait_for_timeout(500)
    return _found_jumps(page)


def _found_jumps(page: Page) -> list[str]:
    jumps = page.evaluate("window.jumps")
    return [str(one["what"]) for one in jumps] if sum(one["value"] for one in jumps) > MOST else []
