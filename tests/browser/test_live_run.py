"""A run while it goes on: steered, its curve looked at closely, its line cut; what is done is shown and stays."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.cut_line import CUT_OFF, slow_line
from tests.browser.places import list_places, start_run, tagged_sample

FAST = 2**30
WORDS = {
    "ja": {
        "training": "学習中",
        "paused": "一時停止",
        "cancelled": "中止",
        "save": "今すぐ保存",
        "sample": "今すぐプレビュー",
        "pause": "一時停止",
        "resume": "再開",
        "cancel": "学習を中止",
        "go_on": "続きから学習",
        "step": "ステップ",
    },
    "en": {
        "training": "training",
        "paused": "paused",
        "cancelled": "cancelled",
        "save": "Save now",
        "sample": "Sample now",
        "pause": "Pause",
        "resume": "Resume",
        "cancel": "Cancel the run",
        "go_on": "Train on",
        "step": "Step",
    },
}


def step_of(studio: Studio, run: str) -> int:
    return int(studio.get(f"/runs/{run}")["step"])


def rows_of(page: Page) -> Locator:
    """Of the table of epochs and what was asked for between them."""
    return page.get_by_role("region", name=re.compile("エポックとプレビュー|Epochs and previews")).locator("tbody tr")


@pytest.mark.parametrize(
    ("language", "width", "height", "touch"), [("ja", 1280, 900, False), ("en", 360, 740, True)], ids=["desk", "phone"]
)
def test_each_wish_for_a_run_is_done_shown_and_outlives_a_reload(
    own_studio: Studio, open_page: OpenPage, language: str, width: int, height: int, touch: bool
) -> None:
    """G5: save now, sample now, pause, resume, cancel."""
    words = WORDS[language]
    dataset = tagged_sample(own_studio)
    own_studio.change_worker("--seconds-per-step", "0.08")
    run = start_run(own_studio, dataset, epochs=10, repeats=20)
    wait_until(lambda: len(own_studio.get(f"/runs/{run}/samples")) > 0)  # what is saved stands among epochs
    page = open_page(own_studio, language=language, width=width, height=height, touch=touch, path=f"/runs/{run}")
    state = page.locator("main .mantine-Badge-root").first
    expect(state).to_have_text(words["training"])

    def press(name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()

    def extra_files() -> list[dict[str, object]]:
        return [one for one in own_studio.get(f"/runs/{run}/epochs") if one["is_extra"]]

    press(words["save"])
    wait_until(lambda: len(extra_files()) == 1)
    [saved] = extra_files()
    row = rows_of(page).filter(has_text=f"{words['step']} {saved['step']}")
    expect(row.locator("a[download]")).to_be_visible()
    expect(row.locator("img")).to_have_count(0)
    expect(page.get_by_role("button", name=words["save"], exact=True)).to_be_enabled()

    wait_until(lambda: 0 < step_of(own_studio, run) % 70 < 35)  # at the end of an epoch the epoch's pictures are those
    press(words["sample"])
    wait_until(lambda: any(one["is_extra"] for one in own_studio.get(f"/runs/{run}/samples")))
    drawn = next(one for one in own_studio.get(f"/runs/{run}/samples") if one["is_extra"])["step"]
    pictures = rows_of(page).filter(has_text=re.compile(f"{words['step']} {drawn}\\b")).locator("img")
    expect(pictures).to_have_count(2)

    press(words["pause"])
    expect(state).to_have_text(words["paused"])
    page.reload()
    expect(state).to_have_text(words["paused"])
    expect(row.locator("a[download]")).to_be_visible()
    expect(pictures).to_have_count(2)
    stood = step_of(own_studio, run)
    press(words["resume"])
    expect(state).to_have_text(words["training"])
    wait_until(lambda: step_of(own_studio, run) > stood)
    assert own_studio.get(f"/runs/{run}")["attempt"] == 1

    press(words["cancel"])
    page.get_by_role("dialog").get_by_role("button", name=words["cancel"], exact=True).click()
    expect(state).to_have_text(words["cancelled"])
    page.reload()
    expect(state).to_have_text(words["cancelled"])
    expect(page.get_by_role("button", name=words["go_on"], exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=words["pause"], exact=True)).to_have_count(0)
    expect(row.locator("a[download]")).to_be_visible()


INK = "figure => figure.querySelector('canvas').toDataURL()"


def test_the_curve_is_smoothed_and_enlarged_while_it_grows(own_studio: Studio, open_page: OpenPage) -> None:
    """G4: both lines are there and named; a part that was chosen stays while steps come, and all of it comes back."""
    dataset = tagged_sample(own_studio)
    own_studio.change_worker("--seconds-per-step", "0.05")
    run = start_run(own_studio, dataset, epochs=10, repeats=20)
    wait_until(lambda: step_of(own_studio, run) > 60)
    page = open_page(own_studio, path=f"/runs/{run}")
    figure = page.locator("figure")
    expect(figure.get_by_text("実際の値", exact=True)).to_be_visible()
    expect(figure.get_by_text("平滑化", exact=True)).to_be_visible()
    chart = figure.get_by_role("img", name="ロス")
    chart.scroll_into_view_if_needed()
    page.mouse.move(*_in(chart, 0.4))
    page.mouse.down()
    page.mouse.move(*_in(chart, 0.5))
    page.mouse.move(*_in(chart, 0.7), steps=4)
    page.mouse.up()
    part = figure.get_by_text(re.compile(r"^ステップ \d+ から \d+$"))
    shown = part.inner_text()
    first, last = (int(number) for number in re.findall(r"\d+", shown))
    assert 1 < first < last < step_of(own_studio, run)
    stood = step_of(own_studio, run)
    wait_until(lambda: step_of(own_studio, run) > stood + 40)
    last_row = figure.locator("tbody tr").last.locator("td").first
    page.wait_for_function(
        "least => Number(document.querySelector('figure tbody tr:last-child td').textContent) > least", arg=stood
    )
    assert last_row.text_content() != ""
    expect(part).to_have_text(shown)

    own_studio.post(f"/runs/{run}/pause")
    expect(page.get_by_role("button", name="再開", exact=True)).to_be_visible()
    page.wait_for_load_state("networkidle")
    rough = figure.evaluate(INK)
    slider = page.get_by_role("slider", name="平滑化")
    slider.press("Home")
    page.wait_for_function(f"rough => ({INK})(document.querySelector('figure')) !== rough", arg=rough)
    enlarged = figure.evaluate(INK)
    figure.get_by_role("button", name="全体を表示").click()
    expect(part).to_have_count(0)
    assert figure.evaluate(INK) != enlarged


def test_a_finger_enlarges_a_part_of_the_curve(studio: Studio, open_page: OpenPage) -> None:
    page = open_page(studio, language="en", width=360, height=740, touch=True, path=list_places(studio)["run"])
    figure = page.locator("figure")
    chart = figure.get_by_role("img", name="Loss")
    chart.scroll_into_view_if_needed()
    touch = page.context.new_cdp_session(page)
    for kind, places in (("touchStart", (0.4,)), ("touchMove", (0.5, 0.6, 0.8)), ("touchEnd", (None,))):
        for place in places:
            points = [] if place is None else [dict(zip("xy", _in(chart, place), strict=True))]
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    expect(figure.get_by_text(re.compile(r"^Steps \d+ to \d+$"))).to_be_visible()
    figure.get_by_role("button", name="Show all").click()
    expect(figure.get_by_text("Drag along the curve", exact=False)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def _in(chart: Locator, share: float) -> tuple[float, float]:
    """A place in the chart, so far from its left edge."""
    box = chart.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * share, box["y"] + box["height"] / 2


def test_what_happened_while_the_line_was_cut_is_shown_without_a_reload(
    own_studio: Studio, open_page: OpenPage
) -> None:
    """G4: epochs, previews and the end itself come while nobody is told; the page has them when the line holds."""
    dataset = tagged_sample(own_studio)
    own_studio.change_worker("--seconds-to-load", "6")
    run = start_run(own_studio, dataset, epochs=3)
    with slow_line(own_studio.port, FAST) as line:
        page = open_page(line, path=f"/runs/{run}", allowed=CUT_OFF)
        expect(page.get_by_text("準備中", exact=True)).to_be_visible()
        page.evaluate("document.body.dataset.same = 'yes'")
        line.cut()
        expect(page.get_by_text("スタジオとの接続が切れました", exact=False)).to_be_visible()
        expect(rows_of(page)).to_have_count(0)
        wait_until(lambda: own_studio.get(f"/runs/{run}")["state"] == "finished")
        line.mend()
        expect(page.get_by_text("完了", exact=True)).to_be_visible()
        expect(rows_of(page)).to_have_count(3)
        expect(rows_of(page).locator("img")).to_have_count(6)
        expect(rows_of(page).locator("a[download]")).to_have_count(3)
        expect(page.get_by_text("スタジオとの接続が切れました", exact=False)).to_have_count(0)
        assert page.evaluate("document.body.dataset.same") == "yes", "it was loaded again"


def test_a_stream_that_something_else_answered_is_asked_for_again(own_studio: Studio, open_page: OpenPage) -> None:
    """As a proxy does while the studio starts: a browser that gets no stream never asks again by itself."""
    dataset = tagged_sample(own_studio)
    own_studio.change_worker("--seconds-per-step", "0.1")
    run = start_run(own_studio, dataset, epochs=15)
    wait_until(lambda: own_studio.get(f"/runs/{run}")["state"] == "training")
    page = open_page(own_studio, language="en", width=390, height=844, touch=True, allowed=("502",))
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) == 1:
            route.fulfill(status=502, body="Bad gateway")
        else:
            route.continue_()

    page.route(f"**/api/runs/{run}/events*", answer)
    page.goto(f"{own_studio.url}/runs/{run}")
    expect(page.get_by_text("The line to the studio is cut", exact=False)).to_be_visible()
    expect(page.get_by_text("The line to the studio is cut", exact=False)).to_have_count(0)
    expect(page.get_by_text("finished", exact=True)).to_be_visible()
    assert len(asked) == 2
