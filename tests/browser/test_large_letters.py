"""Letters of twice the size, and a page that is enlarged to twice its size: nothing is cut off or out of reach."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import OpenPage, Studio
from tests.browser.places import MISSING, list_places, settle
from tests.browser.test_manners import TOO_WIDE

UNREACHABLE = """() => {
    const found = [], what = 'a[href], button, input:not([type=file]), select, textarea, summary, [role=slider]';
    const wide = document.documentElement.clientWidth, high = innerHeight;
    for (const element of document.body.querySelectorAll(what)) {
        if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true}) || element.disabled) continue;
        if (element.closest('[inert], [aria-hidden=true]')) continue;
        let box = element.getBoundingClientRect();
        if (box.width <= 1 || box.height <= 1 || box.right < 0) continue;  // for screen readers and keyboards
        element.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
        box = element.getBoundingClientRect();
        const [x, y] = [box.left + box.width / 2, box.top + Math.min(box.height, high) / 2];
        const there = document.elementFromPoint(x, y);
        const label = there?.closest('label');
        if (there && (element.contains(there) || there.contains(element) || label?.control === element)) continue;
        if (x < 0 || x > wide || y < 0 || y > high || there)
            found.push(`${Math.round(x)}, ${Math.round(y)}: ` + element.outerHTML.slice(0, 140)
                + ' under ' + (there?.outerHTML ?? 'nothing').slice(0, 100));
    }
    scrollTo(0, 0);
    return found.slice(0, 4);
}"""
"""What cannot be pressed where it stands, scrolled into sight."""


def test_letters_of_twice_the_size_lose_nothing(studio: Studio, open_page: OpenPage) -> None:
    """WCAG 1.4.4: a person's own setting of the browser's letters, in a window of 1280 px."""
    page = open_page(studio, allowed=MISSING)
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { document.documentElement.style.fontSize = '200%'; });"
    )
    findings = _lost(page, studio)
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_page_that_is_enlarged_to_twice_its_size_loses_nothing(
    studio: Studio, chromium: Browser, language: str
) -> None:
    """As a browser does it by Ctrl and plus: half the pixels of a window of 1280 by 800, each twice as large."""
    context = chromium.new_context(
        viewport={"width": 640, "height": 400},
        device_scale_factor=2,
        locale={"ja": "ja-JP", "en": "en-GB"}[language],
        reduced_motion="reduce",
    )
    try:
        findings = _lost(context.new_page(), studio)
    finally:
        context.close()
    assert not findings, "\n".join(findings)


def _lost(page: Page, studio: Studio) -> list[str]:
    findings: list[str] = []
    for name, path in list_places(studio).items():
        page.goto(studio.url + path)
        settle(page)
        findings += [f"{name}: too wide: {one}" for one in page.evaluate(TOO_WIDE)]
        findings += [f"{name}: out of reach: {one}" for one in page.evaluate(UNREACHABLE)]
    return findings
