"""What holds on every page: it fits a narrow phone, says nothing untranslated, has a title, goes back, moves little."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.conftest import OPTIONS, OpenPage, Studio, chromium_path
from tests.browser.places import MISSING, list_places, settle
from tests.browser.states import STATES

TOO_WIDE = """() => {
    const wide = innerWidth, found = [];
    if (document.documentElement.scrollWidth > wide)
        found.push(`the page is ${document.documentElement.scrollWidth} px wide`);
    const mayScroll = element => {
        for (let up = element; up && up !== document.body; up = up.parentElement) {
            const style = getComputedStyle(up);
            if (style.position === 'fixed' && up !== element) break;
            if (/auto|scroll/.test(style.overflowX) && up.scrollWidth > up.clientWidth) return true;
            if (/hidden|clip/.test(style.overflowX) && up.clientWidth <= 1) return true;
        }
        return false;
    };
    for (const element of document.body.querySelectorAll('*')) {
        if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
        if (element.closest('svg') && element.tagName !== 'svg') continue;
        const box = element.getBoundingClientRect();
        if (box.width === 0 || box.height === 0 || box.right < 0) continue;
        if ((box.right > wide + 1 || box.left < -1) && !mayScroll(element))
            found.push(`${Math.round(box.left)} to ${Math.round(box.right)}: ` + element.outerHTML.slice(0, 160));
    }
    return found.slice(0, 5);
}"""

TOO_SMALL = """() => {
    const found = [];
    const what = 'a[href], button, input, select, textarea, [role=button], [role=tab], [role=option], [role=slider]';
    for (const element of document.body.querySelectorAll(what)) {
        if (!element.checkVisibility({opacityProperty: true, visibilityProperty: true}) || element.disabled) continue;
        if (element.tagName === 'A' && getComputedStyle(element).display === 'inline') continue;  // in a sentence
        let box = element.getBoundingClientRect();
        if (box.right < 0 || box.width <= 1 || box.height <= 1) continue;  // for screen readers and keyboards
        let [wide, high] = [box.width, box.height];
        for (const label of element.labels ?? []) {
            const more = label.getBoundingClientRect();
            [wide, high] = [Math.max(wide, more.width), Math.max(high, more.height)];
        }
        for (const x of element.closest('header') ? [box.left + 3, box.right - 3] : []) {
            const there = document.elementFromPoint(x, box.top + box.height / 2);
            if (!element.contains(there)) found.push('covered: ' + element.outerHTML.slice(0, 160));
        }
        if (wide < 23.5 || high < 23.5)
            found.push(`${Math.round(wide)} by ${Math.round(high)} px: ` + element.outerHTML.slice(0, 160));
    }
    return found.slice(0, 5);
}"""


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_page_fits_a_narrow_phone(studio: Studio, open_page: OpenPage, language: str) -> None:
    """360 px: nothing scrolls the page sideways or is cut off, and a finger meets what it aims at (WCAG 2.5.8)."""
    places = list_places(studio)
    page = open_page(studio, language=language, width=360, height=740, touch=True, allowed=MISSING)
    findings: list[str] = []
    for name, path in places.items():
        page.goto(studio.url + path)
        settle(page)
        findings += [f"{name}: too wide: {one}" for one in page.evaluate(TOO_WIDE)]
        findings += [f"{name}: too small: {one}" for one in page.evaluate(TOO_SMALL)]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_dialog_fits_a_narrow_phone(studio: Studio, open_page: OpenPage, language: str) -> None:
    places = list_places(studio)
    page = open_page(studio, language=language, width=360, height=740, touch=True)
    findings: list[str] = []
    for name, state in STATES.items():
        state.open(page, studio.url + places[state.place])
        findings += [f"{name}: too wide: {one}" for one in page.evaluate(TOO_WIDE)]
    assert not findings, "\n".join(findings)


TEXTS = """() => {
    const found = [document.title], measure = 'textarea[aria-hidden=true]';  // Mantine's, of a text's height
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        if (!walk.currentNode.parentElement.closest(`script, style, noscript, pre, code, kbd, ${measure}`))
            found.push(walk.currentNode.data);
    }
    for (const element of document.body.querySelectorAll(`*:not(${measure})`))
        for (const name of ['aria-label', 'aria-valuetext', 'aria-description', 'title', 'placeholder', 'alt', 'label'])
            if (element.hasAttribute(name)) found.push(element.getAttribute(name));
    return found.map(text => text.trim()).filter(text => text !== '');
}"""
A_KEY = re.compile(r"\b[a-z_]+:[\w.-]+")
WORDS = re.compile(r"[^\W\d_]{2,}")
SAME_EVERYWHERE = re.compile(
    r"\b(Enogu|U-Net|Text Encoder|Ctrl|Shift|Esc|Enter|starter|mame|SD ?1\.5|SDXL|Flux|Pony|Illustrious|"
    r"NoobAI|Schnell|LoRA|PNG|kB|KB|MB|GB|MiB|byte|"
    r"min|sec|hr|day|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|AM|PM|am|pm)\b"
)
"""Names, and what the browser itself writes into numbers and dates where the language is no language."""


def test_no_page_says_anything_untranslated(studio: Studio, open_page: OpenPage) -> None:
    """With the language that shows keys, each text is a key, or data: something that the API answered."""
    places = list_places(studio)
    page = open_page(studio, allowed=MISSING)
    data: set[str] = set()

    def remember(response: Response) -> None:
        if "/api/" in response.url and "json" in response.headers.get("content-type", ""):
            with suppress(PlaywrightError):  # its page was left meanwhile: nobody shows it
                data.update(_strings(response.json()))

    page.on("response", remember)
    findings: list[str] = []
    for name, path in places.items():
        page.goto(f"{studio.url}{path}{'&' if '?' in path else '?'}lng=cimode")
        settle(page)
        texts: list[str] = page.evaluate(TEXTS)
        assert any(A_KEY.search(text) for text in texts), f"{name} shows no keys"
        findings += [f"{name}: {text}" for text in dict.fromkeys(texts) if _is_untranslated(text, data)]
    assert not findings, "\n".join(findings)


def _is_untranslated(text: str, data: set[str]) -> bool:
    """What is left when keys, data and names are taken out; of a refusal the page shows the file's name by itself."""
    if text in data or any(re.fullmatch(rf"[^.]+\.\w+ {re.escape(text)}", one) for one in data):
        return False
    left = A_KEY.sub(" ", text)
    for known in sorted((one for one in data if one in left), key=len, reverse=True):
        left = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", " ", left)
    return WORDS.search(SAME_EVERYWHERE.sub(" ", left)) is not None


def _strings(value: Any) -> Iterator[str]:
    """Every text in an answer; the server's own sentences are held by a test of their own (tests/architecture)."""
    if isinstance(value, str):
        if len(value) > 1:
            yield value
            yield from (part.strip() for part in value.split(",") if len(part.strip()) > 1)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def test_each_page_has_its_own_title_and_opens_by_its_address(studio: Studio, open_page: OpenPage) -> None:
    """So that a bookmark, a history and a screen reader's first words tell where one is."""
    places = list_places(studio)
    page = open_page(studio, allowed=MISSING)
    titles: dict[str, str] = {}
    for name, path in places.items():
        page.goto(studio.url + path)
        settle(page)
        expect(page.locator("h1")).to_have_count(1)
        assert page.url == studio.url + path, f"{name} does not keep its address"
        titles[name] = page.title()
    bare = [name for name, title in titles.items() if title == "Enogu" or not title.endswith(" · Enogu")]
    assert not bare, f"without a title of their own: {bare}"


def test_back_and_forward_go_where_they_came_from(studio: Studio, open_page: OpenPage) -> None:
    places = list_places(studio)
    page = open_page(studio)
    page.locator(f"a[href='{places['dataset']}']").click()
    expect(page.locator("h1")).to_have_text("mame")
    page.locator(f"a[href='{places['run']}']").first.click()
    page.wait_for_url(f"**{places['run']}")
    page.go_back()
    page.wait_for_url(f"**{places['dataset']}")
    expect(page.get_by_role("option").first).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="学習")).to_be_visible()
    page.go_forward()
    expect(page.get_by_role("option").first).to_be_visible()


MOVES = """() => document.getAnimations().filter(one => {
    const timing = one.effect?.getComputedTiming();
    return timing !== undefined && Number(timing.duration) > 20;
}).map(one => (one.effect.target?.outerHTML ?? '').slice(0, 160))"""


def test_who_wants_little_motion_gets_little(studio: Studio, open_page: OpenPage) -> None:
    """``prefers-reduced-motion``: nothing moves for longer than a blink, also while a dialog opens."""
    places = list_places(studio)
    page = open_page(studio, allowed=MISSING)
    findings: list[str] = []
    for name, path in places.items():
        page.goto(studio.url + path)
        settle(page)
        findings += [f"{name}: {one}" for one in page.evaluate(MOVES)]
    page.get_by_role("button", name="言語").click()
    findings += page.evaluate(MOVES)
    assert not findings, "\n".join(findings)


STARTED = """() => {
    const heading = document.querySelector('h1');
    getComputedStyle(heading).color;
    heading.style.color = 'rgb(1, 2, 3)';
    return document.getAnimations().length;
}"""


def test_with_little_motion_a_change_is_no_transition(studio: Studio, open_page: OpenPage) -> None:
    """A short transition is one, too: with one at every change of every element, styles took twice as long."""
    page = open_page(studio)
    settle(page)
    assert page.evaluate(STARTED) == 0


SCROLLED = "() => [Math.round(scrollY), document.querySelector('main').getBoundingClientRect().right]"


def test_the_page_behind_a_dialog_stays_where_it_is(studio: Studio, chromium: Browser) -> None:
    """Wheel and keys do not move it, nor does its scroll bar when that goes; the focus stays in and comes back."""
    place = list_places(studio)["dataset"]
    browser = chromium.browser_type.launch(
        executable_path=chromium_path(), args=OPTIONS, ignore_default_args=["--hide-scrollbars"]
    )
    try:
        page = browser.new_page(viewport={"width": 1280, "height": 500}, locale="ja-JP")
        page.goto(studio.url + place)
        settle(page)
        opener = page.get_by_role("button", name="設定を呼び出す")
        opener.scroll_into_view_if_needed()
        page.mouse.wheel(0, 60)
        page.wait_for_function("() => scrollY > 0")
        page.wait_for_timeout(300)
        before = page.evaluate(SCROLLED)
        opener.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        page.mouse.move(20, 250)
        page.mouse.wheel(0, 400)
        for key in ("PageDown", "End", *["Tab"] * 12):
            page.keyboard.press(key)
            assert page.evaluate("document.querySelector('[role=dialog]').contains(document.activeElement)"), key
        page.wait_for_timeout(300)
        assert page.evaluate(SCROLLED) == before
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(opener).to_be_focused()
        page.mouse.wheel(0, -1000)
        page.wait_for_function("() => scrollY === 0")
    finally:
        browser.close()


def test_the_way_to_a_run_needs_no_mouse(studio: Studio, open_page: OpenPage) -> None:
    """Tab, Enter, space and arrows: a dataset is made, its sample opened, tagged, and a training begun."""
    dataset = list_places(studio)["dataset"]
    page = open_page(studio)
    expect(page.locator("h1")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main", "the first stop skips to the page"
    page.keyboard.press("Enter")
    tab_to(page, f"a[href='{dataset}']")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{dataset}")
    expect(page.get_by_role("option").first).to_be_visible()
    tab_to(page, "[data-place]")
    first = page.evaluate("document.activeElement.dataset.place")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.dataset.place === '1'")
    assert first == "0"
    page.keyboard.press("Space")
    expect(page.locator("[data-place][aria-selected=true]")).to_have_count(1)
    tab_to(page, "[data-option='training.epochs'] input")
    page.keyboard.press("Control+A")
    page.keyboard.type("1")
    start = page.get_by_role("button", name=re.compile("学習を開始"))
    expect(start).to_be_enabled()
    start.evaluate("element => element.setAttribute('data-wanted', '')")
    tab_to(page, "[data-wanted]")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/runs/"))
    expect(page.get_by_text("完了", exact=True).first).to_be_visible()


def tab_to(page: Page, selector: str, most: int = 150) -> None:
    """Press Tab, or shift and Tab from the page's end, until it is there; every stop on the way shows where it is."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outlined = page.evaluate(
                "(() => { const s = getComputedStyle(document.activeElement);"
                " return s.outlineStyle !== 'none' || s.boxShadow !== 'none' || s.borderColor !== ''; })()"
            )
            assert outlined
            return
    raise AssertionError(f"Tab does not reach {selector}")
