"""Nothing jumps while a page opens: what moves away under a finger is missed, or something else is pressed."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.places import MISSING, list_places, settle

MOST = 0.02
"""Of the layout shift of the Web Vitals, which call 0.1 good; a wider button has 0.002."""
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
    // A busy machine is not to be taken for a slow studio: the first paint waits longer than 0.8 s for answers.
    const later = window.setTimeout;
    window.setTimeout = (act, wait, ...rest) => later(act, wait > 300 && wait <= 800 ? 10000 : wait, ...rest);
"""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)], ids=["phone", "desk"])
def test_nothing_jumps_while_a_page_opens(studio: Studio, open_page: OpenPage, width: int, height: int) -> None:
    places = list_places(studio)
    page = open_page(studio, language="en", width=width, height=height, touch=width < 500, allowed=MISSING)
    page.add_init_script(WATCH)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 3})
    found = {name: jumps for name, path in places.items() if (jumps := _jumps(page, studio.url + path))}
    assert found == {}


def test_what_stands_against_a_run_is_there_as_the_page_opens(studio: Studio, open_page: OpenPage) -> None:
    path = list_places(studio)["dataset"]
    page = open_page(studio, language="en", width=390, height=844, touch=True)
    page.add_init_script(WATCH)
    draft = json.dumps({"training": {"epochs": 2000}})
    page.add_init_script(f"localStorage.setItem('enogu.draft.{path.split('/')[-1]}', {json.dumps(draft)})")
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 3})
    jumps = _jumps(page, studio.url + path)
    expect(page.get_by_text("It costs more than there is")).to_be_visible()
    assert jumps == []


def _jumps(page: Page, url: str) -> list[str]:
    page.goto(url)
    settle(page)
    page.wait_for_timeout(500)
    jumps = page.evaluate("window.jumps")
    return [str(one["what"]) for one in jumps] if sum(one["value"] for one in jumps) > MOST else []
