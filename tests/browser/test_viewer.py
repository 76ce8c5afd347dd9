"""Full screen over a run's previews (H1 to H3): walked by keys, enlarged by wheel, keys and fingers, left as found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.places import list_places

NUMBERS = re.compile(r"(\d+)\D+(\d+)\D+(\d+)[^:]*: (.*)")
"""Of a picture's words: epoch, step, seed and prompt."""


def open_first(page: Page) -> Locator:
    """The viewer, at the first epoch's first sample."""
    page.locator("table td button").first.click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_be_visible()
    expect(viewer.get_by_role("button", name=re.compile(r"\(Esc\)"))).to_be_focused()
    return viewer


def where(viewer: Locator) -> tuple[int, str]:
    """Epoch and prompt."""
    found = NUMBERS.search(viewer.get_attribute("aria-label") or "")
    assert found is not None
    return int(found[1]), found[4]


AT = "new DOMMatrix(getComputedStyle(document.querySelector('[data-stage] img')).transform)"


def zoom_of(page: Page) -> float:
    """How much larger than its place the picture is."""
    return float(page.evaluate(f"{AT}.a"))


def wait_for_zoom(page: Page, about: float) -> None:
    """Keys and fingers are heard at once, and drawn with the next frame."""
    page.wait_for_function(f"about => Math.abs({AT}.a / about - 1) < 0.02", arg=about)


def test_arrows_go_to_the_next_sample_and_to_the_same_sample_of_another_epoch(
    studio: Studio, open_page: OpenPage
) -> None:
    page = open_page(studio, path=list_places(studio)["run"])
    viewer = open_first(page)
    assert where(viewer) == (1, "mame, smile")
    for key, there in (
        ("ArrowRight", (1, "mame, sleeping")),
        ("ArrowDown", (2, "mame, sleeping")),
        ("ArrowDown", (2, "mame, sleeping")),  # there is no third
        ("ArrowLeft", (2, "mame, smile")),
        ("ArrowUp", (1, "mame, smile")),
    ):
        before = page.locator("[data-stage] img").get_attribute("src")
        at = where(viewer)
        page.keyboard.press(key)
        expect(viewer).to_have_attribute("aria-label", re.compile(f"^\\D*{there[0]}\\D.*: {there[1]}$"))
        assert (page.locator("[data-stage] img").get_attribute("src") != before) == (at != there)


def test_keys_and_wheel_enlarge_as_far_as_eight_and_what_is_enlarged_stays_so_in_the_next_epoch(
    studio: Studio, open_page: OpenPage
) -> None:
    page = open_page(studio, path=list_places(studio)["run"])
    open_first(page)
    assert zoom_of(page) == 1
    seen = [1.0]
    for _ in range(3):
        page.keyboard.press("+")
        page.wait_for_function(f"was => {AT}.a > was", arg=seen[-1])
        seen.append(zoom_of(page))
    page.keyboard.press("ArrowDown")
    assert zoom_of(page) == seen[3]
    for _ in range(9):
        page.keyboard.press("+")
    wait_for_zoom(page, 8)
    page.keyboard.press("-")
    wait_for_zoom(page, 8 / 1.5)
    page.keyboard.press("0")
    wait_for_zoom(page, 1)

    box = page.locator("[data-stage]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 + 60, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -400)
    wait_for_zoom(page, 2.718)
    assert page.evaluate(f"{AT}.e") == pytest.approx(60 - 60 * 2.718, abs=1), "what the mouse points at stays below it"
    page.mouse.wheel(0, 4000)
    wait_for_zoom(page, 1)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_two_fingers_enlarge_and_one_moves(studio: Studio, open_page: OpenPage, language: str) -> None:
    page = open_page(studio, language=language, width=360, height=740, touch=True, path=list_places(studio)["run"])
    page.locator("table td button").first.tap()
    box = page.locator("[data-stage]").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": place[0], "y": place[1], "id": number} for number, place in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", (x - 20, y), (x + 20, y))
    for by in range(24, 84, 4):
        touch("touchMove", (x - by, y), (x + by, y))
    touch("touchEnd")
    wait_for_zoom(page, 4)
    assert page.evaluate("visualViewport.scale") == 1, "the page itself was enlarged"
    touch("touchStart", (x, y))
    touch("touchMove", (x + 10, y + 15))
    touch("touchMove", (x + 30, y + 45))
    page.wait_for_function(f"() => Math.abs({AT}.e - 30) < 3 && Math.abs({AT}.f - 45) < 3")
    touch("touchEnd")
    wait_for_zoom(page, 4)


def test_the_file_of_the_epoch_that_is_looked_at_is_downloaded(
    studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    run = list_places(studio)["run"]
    page = open_page(studio, language="en", width=390, height=844, touch=True, path=run)
    viewer = open_first(page)
    page.keyboard.press("ArrowDown")
    with page.expect_download() as waiting:
        viewer.get_by_role("link", name=re.compile("^Download .*safetensors")).click()
    second = studio.get(f"{run}/epochs")[1]
    assert waiting.value.suggested_filename == second["filename"]
    file = tmp_path / "second.safetensors"
    waiting.value.save_as(file)
    assert file.stat().st_size == second["size_bytes"]
    expect(viewer).to_be_visible()


@pytest.mark.parametrize("way", ["key", "button"])
def test_who_leaves_it_is_where_it_was_opened(studio: Studio, open_page: OpenPage, way: str) -> None:
    page = open_page(studio, path=list_places(studio)["run"])
    opener = page.locator("table td button").nth(1)
    opener.focus()
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    close = viewer.get_by_role("button", name="閉じる (Esc)")
    expect(close).to_be_focused()
    for _ in range(12):  # the way by Tab does not lead out of it
        page.keyboard.press("Tab")
        assert page.evaluate("document.querySelector('[role=dialog]').contains(document.activeElement)")
    if way == "key":
        page.keyboard.press("Escape")
    else:
        close.click()
    expect(viewer).to_have_count(0)
    expect(opener).to_be_focused()
