"""Dialogs and states that a page does not open in: by name, on which place, and what is done there, in either language.

For what is asked of every dialog (nobody is shut out, a narrow phone), and for ``tools/screenshots.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from tests.browser.places import settle

Act = Callable[[Page], None]


@dataclass(frozen=True)
class State:
    """A place, and the way to what it does not show by itself."""

    place: str
    act: Act


def press_key(key: str) -> Act:
    """A shortcut of the page that opens a dialog."""

    def act(page: Page) -> None:
        page.keyboard.press(key)
        _opened(page)

    return act


def press_button(*names: str) -> Act:
    """One button after the other; each name is a pattern for both languages. The last one opens a dialog."""

    def act(page: Page) -> None:
        for name in names:
            page.get_by_role("button", name=re.compile(name)).or_(
                page.get_by_role("menuitem", name=re.compile(name))
            ).first.click()
        _opened(page)

    return act


FILLED = """() => {
    const dialog = document.querySelector('[role=dialog]'), title = dialog?.querySelector('header');
    return dialog !== null && dialog.innerText.trim().length > (title?.innerText.trim().length ?? 0) + 4;
}"""


def _opened(page: Page) -> None:
    """Its contents come in a part of their own, after its frame."""
    expect(page.get_by_role("dialog").first).to_be_visible()
    page.wait_for_function(FILLED)
    settle(page)


def _tab(number: int) -> Act:
    def act(page: Page) -> None:
        press_button(RECALL)(page)
        page.get_by_role("dialog").get_by_role("tab").nth(number).click()
        settle(page)

    return act


def _recall_a_preset(page: Page) -> None:
    _tab(1)(page)
    page.get_by_role("dialog").locator("button", has_text="sd15_style").click()
    page.get_by_role("dialog").get_by_role("table").wait_for()
    settle(page)


def _detail_of_a_base_model(page: Page) -> None:
    press_button(MORE_BASE_MODELS)(page)
    page.get_by_role("dialog").get_by_role("button", name=re.compile("詳細|Details")).first.click()
    settle(page)


def _choose_a_picture(page: Page) -> None:
    page.get_by_role("option").first.click()
    expect(page.locator("[aria-selected=true]").first).to_be_visible()


def _crop_by_hand(page: Page) -> None:
    _choose_a_picture(page)
    press_button("手動で切り抜く|Crop by hand")(page)


def _mask(page: Page) -> None:
    _choose_a_picture(page)
    press_button("^(役割|Role)$", "マスク|Mask")(page)


def _choose_tags(page: Page) -> None:
    union = page.get_by_role("listbox").filter(has=page.locator("[title]")).last
    for place in (1, 2, 3):
        union.get_by_role("option").nth(place).click()


def _delete_tags(page: Page) -> None:
    _choose_tags(page)
    page.keyboard.press("Delete")
    _opened(page)


def _rename_tags(page: Page) -> None:
    _choose_tags(page)
    page.keyboard.press("F2")
    _opened(page)


def _advanced(page: Page) -> None:
    """A contradiction beside its field, and the groups of all others."""
    groups = page.locator("main button[aria-expanded=false]:not([aria-haspopup])")
    while groups.count() > 0:
        groups.first.click()
    page.locator("[data-option='optimizer.learning_rate']").first.scroll_into_view_if_needed()
    settle(page)


def _tool(number: int) -> Act:
    def act(page: Page) -> None:
        page.get_by_role("button", name=re.compile("^(ツール|Tools)")).click()
        page.get_by_role("menuitem").nth(number).click()
        _opened(page)

    return act


RECALL = "設定を呼び出す|Recall settings"
MORE_BASE_MODELS = "ほかを選ぶ|Choose more"

STATES: dict[str, State] = {
    "keys": State("captions", press_key("?")),
    "replace": State("captions", press_key("r")),
    "advisor": State("captions", press_key("t")),
    "fed": State("captions", press_key("e")),
    "history": State("captions", press_key("h")),
    "delete_tags": State("captions", _delete_tags),
    "rename_tags": State("captions", _rename_tags),
    "tool_first": State("captions", _tool(0)),
    "tool_sort": State("captions", _tool(1)),
    "vocabulary": State("captions", _tool(-1)),
    "base_model_dialog": State("dataset", press_button(MORE_BASE_MODELS)),
    "base_model_detail": State("dataset", _detail_of_a_base_model),
    "recall_runs": State("dataset", press_button(RECALL)),
    "recall_preset": State("dataset", _recall_a_preset),
    "recall_files": State("dataset", _tab(2)),
    "crop_by_hand": State("dataset", _crop_by_hand),
    "mask": State("dataset", _mask),
    "advanced": State("dataset", _advanced),
}
