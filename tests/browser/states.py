"""Dialogs and states that a page does not open in: by name, on which place, and what is done there, in either language.

For what is asked of every dialog (nobody is shut out, a narrow phone), and for ``tools/screenshots.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, Route, expect

from tests.browser.places import sample_pictures, settle, show_notices

Act = Callable[[Page], None]


@dataclass(frozen=True)
class State:
    """A place, and the way to what it does not show by itself."""

    place: str
    act: Act

    def open(self, page: Page, address: str) -> None:
        """As if no state was opened before on that page. ``address`` is the place's, whole."""
        let_go(page)
        page.add_init_script(HEARD_FIRST)
        if isinstance(self.act, Answered):  # loaded once, with the answers that it is to have
            self.act.change_answers(page)
            page.goto(address)
            self.act.show(page)
        else:
            page.goto(address)
            settle(page)
            self.act(page)


HEARD_FIRST = """if (window.letsGo === undefined) {
    window.letsGo = false;
    addEventListener('beforeunload', (event) => { if (window.letsGo) event.stopImmediatePropagation(); }, true);
    const later = window.setTimeout;
    window.setTimeout = (act, wait, ...rest) => later(act, wait === 3000 ? 100 : wait, ...rest);
}"""
"""Before the app's own listener, which asks before what is unsaved is left; and what waits for three quiet seconds
comes sooner, since some forty pages in a row would be waited for.
"""


def let_go(page: Page) -> None:
    """What the state before changed of the answers, and what it left unsaved, keeps nobody."""
    page.unroute_all(behavior="ignoreErrors")
    page.evaluate("window.letsGo = true")


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
    dialog = page.get_by_role("dialog")
    dialog.locator("button", has_text="sd15_style").click()
    dialog.locator("summary").first.click()
    dialog.get_by_role("table").first.wait_for()
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


@dataclass(frozen=True)
class Answered:
    """The page with answers that are changed on their way: for states that come and go by themselves."""

    pattern: str
    change: Callable[[Any], None]
    then: Act | None = None

    def __call__(self, page: Page) -> None:
        """Where the page is open already: loaded again."""
        self.change_answers(page)
        page.reload()
        self.show(page)

    def change_answers(self, page: Page) -> None:
        """From now on."""

        def change_answer(route: Route) -> None:
            with suppress(PlaywrightError):  # the page was closed meanwhile
                answer = route.fetch()
                body = answer.json()
                self.change(body)
                route.fulfill(response=answer, body=json.dumps(body))

        page.route(re.compile(self.pattern), change_answer)

    def show(self, page: Page) -> None:
        """What is to be seen of them."""
        expect(page.locator("h1").first).to_be_visible()
        expect(page.locator("[data-loading=true], .mantine-Loader-root, .mantine-Skeleton-root")).to_have_count(0)
        page.wait_for_timeout(500)  # what is followed is asked for again and again, so the network is never idle
        if self.then is not None:
            self.then(page)


def _drawing(**changes: Any) -> Act:
    """The newest request of the drawing page is in another state."""

    def change(body: Any) -> None:
        one = body["requests"][0] if "requests" in body else body
        one.update({"ended_at": None, "num_done": 1, "step": 0, "ahead": None, **changes})
        if "drawings" in one:
            one["drawings"] = one["drawings"][: one["num_done"]]

    return Answered(r"/api/drawings/requests(/[0-9A-Za-z]+)?(\?.*)?$", change)


def _run(**changes: Any) -> Act:
    """The run is in another state."""

    def change(body: Any) -> None:
        if "live" in body:
            body["live"].update(changes.get("live", {}))
            body.update({name: value for name, value in changes.items() if name != "live"})

    return Answered(r"/api/runs/[0-9A-Za-z]+$", change)


def _person(number: int) -> Act:
    """A studio where people sign in, as far as its page can tell."""
    people = [
        {"id": f"{place}", "name": name, "is_admin": place == 0, "plan_name": "free", "has_password": place != 2,
         "created_at": "2026-11-20T09:00:00Z"}
        for place, name in enumerate(("owner", "豆", "mame.green.sprout@example.org"))
    ]  # fmt: skip

    def change(body: Any) -> None:
        if isinstance(body, list):
            body[:] = people
        else:
            body["sign_in"] = "password"

    def open_it(page: Page) -> None:
        if number < 0:
            press_button("^(メンバーを追加|Add somebody)")(page)
            return
        page.locator("main ul").first.get_by_role("button").last.click()
        page.get_by_role("menuitem").nth(number).click()
        _opened(page)

    return Answered(r"/api/(studio|admin/accounts)", change, then=open_it)


def _uploading(page: Page) -> None:
    """Files on their way, and two that were refused with the reason."""
    chooser = page.locator("input[type=file]").first
    png = sample_pictures()[0].read_bytes()
    chooser.set_input_files(
        [
            {"name": "notes.png", "mimeType": "image/png", "buffer": b"not a picture"},
            {"name": "half a picture.png", "mimeType": "image/png", "buffer": png[: len(png) // 2]},
            {"name": "half a zip.zip", "mimeType": "application/zip", "buffer": b"PK\3\4" + bytes(400)},
        ]
    )
    expect(page.locator("[data-state=refused]")).to_have_count(3)
    page.evaluate("() => { XMLHttpRequest.prototype.send = () => {}; }")  # nothing arrives, so nothing is left behind
    chooser.set_input_files([str(path) for path in sample_pictures()])
    expect(page.locator("[data-state=sending]").first).to_be_visible()


def _contradictions(page: Page) -> None:
    """Two values that go together with nothing, each with what would mend it."""
    _advanced(page)
    for path, value in (("pictures.resolution", "130"), ("captions.keep_tokens", "2")):
        page.locator(f"[data-option='{path}'] input").fill(value)
    page.locator("[data-option='captions.shuffle'] input").uncheck(force=True)
    expect(page.get_by_role("button", name=re.compile("^(直す|Fix it)")).first).to_be_visible()
    page.locator("[data-option='pictures.resolution']").scroll_into_view_if_needed()


def _too_dear(page: Page) -> None:
    """What stands against a run, with the ways to make it fit, and what is worth knowing beside it."""
    page.locator("[data-option='training.epochs'] input").fill("2000")
    expect(page.get_by_role("button", name=re.compile("開始できない理由|Why it cannot start"))).to_be_visible()
    show_notices(page)
    expect(page.get_by_role("button", name=re.compile("^(これに合わせる|Make it fit)")).first).to_be_visible()
    page.evaluate("scrollTo(0, 0)")


def _search_option(words: str) -> Act:
    def act(page: Page) -> None:
        page.get_by_placeholder(re.compile("kohya_ss")).fill(words)
        page.get_by_placeholder(re.compile("kohya_ss")).evaluate("one => one.scrollIntoView({block: 'start'})")
        page.evaluate("scrollBy(0, -140)")
        settle(page)

    return act


def _options_of_flux() -> Act:
    """As with a Flux base model, of which there is none here."""

    def change(body: Any) -> None:
        body["family"] = "flux"

    return Answered(r"/api/base-models/starter$", change, then=_search_option("t5"))


def _write_caption(page: Page) -> None:
    page.get_by_text(re.compile("^(文章|Text)$")).first.click()
    expect(page.locator("textarea").first).to_be_visible()


def _leave_unsaved(page: Page) -> None:
    page.locator("main textarea:not([aria-hidden])").last.fill("green sprout")
    page.locator("header nav a").last.click()
    _opened(page)


def _lora_tool(number: int) -> Act:
    def act(page: Page) -> None:
        page.get_by_role("button", name=re.compile("その他の操作$|^More for")).first.click()
        page.get_by_role("menuitem").nth(number).click()
        _opened(page)

    return act


def _look_at_a_drawing(page: Page) -> None:
    page.locator("main table td button").first.click()
    page.get_by_role("dialog").wait_for()
    settle(page)


def _tool(number: int) -> Act:
    def act(page: Page) -> None:
        page.get_by_role("button", name=re.compile("^(ツール|Tools)")).click()
        page.get_by_role("menuitem").nth(number).click()
        _opened(page)

    return act


DRAWING_FAILURE = {"kind": "MemoryRanOut", "message": "Not enough memory.", "cure": "Draw smaller pictures."}
RUN_FAILURE = {
    "kind": "MemoryRanOut",
    "message": "Not enough memory.",
    "cure": "Train with smaller pictures.",
    "changes": {"training.gradient_checkpointing": True, "pictures.resolution": 384},
}
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
    "uploading": State("dataset", _uploading),
    "options_of_flux": State("dataset", _options_of_flux()),
    "option_found": State("dataset", _search_option("crop")),
    "too_dear": State("dataset", _too_dear),
    "contradictions": State("dataset", _contradictions),
    "caption_text": State("captions", _write_caption),
    "leave_unsaved": State("lora", _leave_unsaved),
    "lora_merge": State("loras", _lora_tool(3)),
    "lora_resize": State("loras", _lora_tool(4)),
    "lora_compare": State("loras", _lora_tool(6)),
    "lora_into_base": State("loras", _lora_tool(7)),
    "lora_extract": State("loras", press_button("^(ベースモデルから取り出す|Extract)")),
    "drawing_viewer": State("drawings", _look_at_a_drawing),
    "drawing_waiting": State("drawings", _drawing(state="waiting", ahead=2, num_done=0)),
    "drawing_running": State("drawings", _drawing(state="running", step=7)),
    "drawing_cancelled": State("drawings", _drawing(state="cancelled")),
    "drawing_failed": State("drawings", _drawing(state="failed", failure=DRAWING_FAILURE)),
    "run_waiting": State("run", _run(state="queued", step=0, runs_ahead=2, ended_at=None)),
    "run_went_back": State("run", _run(state="training", ended_at=None, live={"went_back_to": 4, "seconds_left": 95})),
    "run_failed": State("run", _run(state="failed", failure=RUN_FAILURE)),
    "new_person": State("admin", _person(-1)),
    "person_password": State("admin", _person(1)),
    "person_deleted": State("admin", _person(3)),
}
