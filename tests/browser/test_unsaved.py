"""What is typed and not saved: leaving asks, what is refused goes back in sight, and two tabs lose nothing silently."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Dialog, Locator, Page, Route, expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.places import list_places, tagged_sample

LEAVING = "保存していない変更があります"
REFUSAL = {
    "type": "about:blank", "status": 503, "title": "Busy", "kind": "Busy", "detail": "倉庫がいっぱいです。",
    "cure": "空きを作ってください。",
}  # fmt: skip


def refuse(route: Route) -> None:
    """As the studio does it, in its words."""
    if route.request.method in ("POST", "PATCH"):
        route.fulfill(status=507, content_type="application/problem+json", body=json.dumps({**REFUSAL, "status": 507}))
    else:
        route.continue_()


def caption_of(studio: Studio, dataset: str, number: int = 0) -> str:
    return str(studio.get(f"/datasets/{dataset}/captions")["captions"][number]["caption"])


def prose_field(page: Page) -> Locator:
    """The caption of the picture that is worked on, as one text."""
    page.get_by_text(re.compile("^(文章|As text|Text)$")).click()
    return page.get_by_role("textbox", name=re.compile("^(キャプション|Caption)$"))


def test_a_page_with_unsaved_words_is_left_only_after_a_question(studio: Studio, open_page: OpenPage) -> None:
    lora = list_places(studio)["lora"]
    page = open_page(studio)
    expect(page.get_by_role("heading", level=1, name="学習")).to_be_visible()
    page.get_by_role("link", name="LoRA", exact=True).first.click()
    page.locator(f"a[href='{lora}']").first.click()
    notes = page.get_by_role("textbox", name="メモ")
    before = notes.input_value()
    notes.click()
    page.keyboard.type("柿色が強い")
    typed = notes.input_value()
    assert typed != before

    dialog = page.get_by_role("dialog", name=LEAVING)
    page.get_by_role("link", name="学習", exact=True).first.click()
    dialog.get_by_role("button", name="このページに残る").click()
    expect(dialog).to_have_count(0)
    expect(notes).to_have_value(typed)
    page.go_back()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(studio.url + lora)
    expect(notes).to_have_value(typed)
    page.get_by_role("link", name="学習", exact=True).first.click()
    dialog.get_by_role("button", name="保存せずに離れる").click()
    expect(page.get_by_role("heading", level=1, name="学習")).to_be_visible()
    assert studio.get(lora)["notes"] == before
    page.go_back()
    expect(notes).to_have_value(before)
    page.get_by_role("link", name="学習", exact=True).first.click()
    expect(page.get_by_role("heading", level=1, name="学習")).to_be_visible()


def test_closing_a_tab_with_unsaved_words_asks(studio: Studio, open_page: OpenPage) -> None:
    """A caption's words are saved when one leaves the field; a tab that is closed leaves no time for that."""
    dataset = tagged_sample(studio)
    before = caption_of(studio, dataset)
    page = open_page(studio, path=f"/datasets/{dataset}/captions", allowed=("dialog",))
    answers: list[str] = []

    def stay(dialog: Dialog) -> None:
        answers.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    field = prose_field(page)
    field.click()
    page.keyboard.press("Control+End")
    page.keyboard.type(", 柿を持つ")
    page.close(run_before_unload=True)
    wait_until(lambda: page.evaluate("1") == 1 and answers == ["beforeunload"])
    expect(field).to_have_value(f"{before}, 柿を持つ")
    assert caption_of(studio, dataset) == before
    page.keyboard.press("Control+Enter")
    wait_until(lambda: caption_of(studio, dataset) == f"{before}, 柿を持つ")
    expect(page.get_by_text("保存中")).to_have_count(0)
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert answers == ["beforeunload"]


def test_a_caption_that_is_written_is_saved_on_the_way_to_another_page(studio: Studio, open_page: OpenPage) -> None:
    """Without a question; where that does not come about there is one, and whoever stays has the words."""
    dataset = tagged_sample(studio)
    before = caption_of(studio, dataset)
    page = open_page(
        studio, path=f"/datasets/{dataset}", language="en", width=390, height=844, touch=True, allowed=("507",)
    )
    pictures_page = page.get_by_role("button", name="Crop by hand")
    captions = page.get_by_role("link", name="Captions")
    captions.click()
    field = prose_field(page)
    field.fill(f"{before}, one")
    page.go_back()  # as a phone's swipe does it: the field is not left before
    expect(pictures_page).to_be_visible()
    assert caption_of(studio, dataset) == f"{before}, one"

    captions.click()
    page.route("**/captions/edits", refuse)
    field = prose_field(page)
    field.fill(f"{before}, two")
    page.go_back()
    dialog = page.get_by_role("dialog", name="There are changes that are not saved")
    dialog.get_by_role("button", name="Stay on this page").click()
    expect(field).to_have_value(f"{before}, two")
    expect(page.get_by_text("What you typed is not saved yet")).to_be_visible()
    page.unroute("**/captions/edits")
    page.get_by_role("button", name="Save again").click()
    expect(page.get_by_text("What you typed is not saved yet")).to_have_count(0)
    wait_until(lambda: caption_of(studio, dataset) == f"{before}, two")

    page.route("**/captions/edits", refuse)
    field.fill("three")
    page.go_back()
    dialog.get_by_role("button", name="Leave without saving").click()
    expect(pictures_page).to_be_visible()
    page.unroute("**/captions/edits")
    assert caption_of(studio, dataset) == f"{before}, two"
    captions.click()
    expect(prose_field(page)).to_have_value(f"{before}, two")


def test_a_tag_that_is_refused_goes_again_and_may_be_tried_again(studio: Studio, open_page: OpenPage) -> None:
    dataset = tagged_sample(studio)
    before = caption_of(studio, dataset)
    page = open_page(studio, path=f"/datasets/{dataset}/captions", allowed=("507",))
    chips = page.get_by_role("list", name="mame_01.png のタグ")
    expect(chips).to_be_visible()
    held: list[Route] = []
    page.route("**/captions/edits", lambda route: held.append(route))
    page.get_by_role("textbox", name="この画像にタグを追加").fill("柿の木")
    page.keyboard.press("Enter")
    added = chips.locator("[data-word]", has_text="柿の木")
    expect(added).to_be_visible()  # before there is an answer
    wait_until(lambda: page.evaluate("1") == 1 and len(held) == 1)
    refuse(held[0])
    expect(added).to_have_count(0)
    notice = page.get_by_role("alert").filter(has_text="変更を保存できなかったため、元に戻しました")
    expect(notice).to_contain_text("倉庫がいっぱいです。 空きを作ってください。")
    assert caption_of(studio, dataset) == before
    page.unroute("**/captions/edits")
    notice.get_by_role("button", name="もう一度試す").click()
    expect(added).to_be_visible()
    wait_until(lambda: caption_of(studio, dataset) == f"{before}, 柿の木")


def test_a_name_that_is_refused_is_the_old_one_again(studio: Studio, open_page: OpenPage) -> None:
    """So is the trigger word; what is taken is there after a reload too."""
    dataset = studio.post("/datasets/samples", {"name": "mame"})["id"]
    path = re.compile(rf"/api/datasets/{dataset}$")
    page = open_page(studio, path=f"/datasets/{dataset}", allowed=("507",))
    heading = page.get_by_role("heading", level=1)
    held: list[Route] = []
    page.route(path, lambda route: held.append(route) if route.request.method == "PATCH" else route.continue_())

    def rename(name: str) -> None:
        page.get_by_role("button", name="データセットの名前を変更").click()
        page.keyboard.type(name)
        page.keyboard.press("Enter")

    rename("柿の精")
    expect(heading).to_have_text("柿の精")  # before there is an answer
    wait_until(lambda: page.evaluate("1") == 1 and len(held) == 1)
    refuse(held.pop())
    expect(heading).to_have_text("mame")
    notice = page.get_by_role("alert").filter(has_text="名前を「柿の精」に変更できなかったため、元に戻しました")
    expect(notice).to_contain_text("倉庫がいっぱいです。")

    expect(page.get_by_role("button", name="切り抜き・タグ付けを実行", exact=True)).to_be_visible()
    trigger = page.get_by_role("textbox", name="トリガーワード").first
    before = trigger.input_value()
    trigger.fill("kaki")
    trigger.blur()
    wait_until(lambda: page.evaluate("1") == 1 and len(held) == 1)
    refuse(held.pop())
    expect(trigger).to_have_value(before)
    page.unroute(path)
    rename("柿の精")
    expect(heading).to_have_text("柿の精")
    wait_until(lambda: studio.get(f"/datasets/{dataset}")["name"] == "柿の精")
    page.reload()
    expect(heading).to_have_text("柿の精")
    expect(page).to_have_title(re.compile("^柿の精"))
    page.get_by_role("button", name="データセットの名前を変更").click()
    page.keyboard.type("別の名前")
    page.keyboard.press("Escape")
    expect(heading).to_have_text("柿の精")
    assert studio.get(f"/datasets/{dataset}")["name"] == "柿の精"


@pytest.mark.parametrize("takes", ["mine", "theirs"])
def test_two_tabs_write_one_caption_and_no_words_are_lost(studio: Studio, open_page: OpenPage, takes: str) -> None:
    dataset = tagged_sample(studio)
    before = caption_of(studio, dataset)
    first = open_page(studio, path=f"/datasets/{dataset}/captions")
    second = open_page(studio, path=f"/datasets/{dataset}/captions", allowed=("409",))
    of_first, of_second = prose_field(first), prose_field(second)
    of_first.fill(f"{before}, first words")
    of_second.fill(f"{before}, second words")
    first.keyboard.press("Control+Enter")
    wait_until(lambda: caption_of(studio, dataset) == f"{before}, first words")
    second.keyboard.press("Control+Enter")
    said = second.get_by_role("alert").filter(has_text="このキャプションはほかの場所で変更されました")
    expect(said).to_contain_text(f"今の内容: {before}, first words")
    expect(of_second).to_have_value(f"{before}, second words")
    of_second.blur()
    assert caption_of(studio, dataset) == f"{before}, first words"

    # As tags, too, both are to be seen, and the tab of the first goes on as if nothing had been.
    second.get_by_text("タグ", exact=True).click()
    expect(second.get_by_role("list", name="mame_01.png のタグ")).to_contain_text("first words")
    expect(said).to_contain_text("second words")
    if takes == "mine":
        said.get_by_role("button", name="入力した文章に置き換える").click()
        wait_until(lambda: caption_of(studio, dataset) == f"{before}, second words")
        expect(said).to_have_count(0)
        second.keyboard.press("Control+z")
        wait_until(lambda: caption_of(studio, dataset) == f"{before}, first words")
    else:
        said.get_by_role("button", name="今の内容のままにする").click()
        expect(said).to_have_count(0)
        assert caption_of(studio, dataset) == f"{before}, first words"
    expect(second.get_by_role("list", name="mame_01.png のタグ")).to_contain_text("first words")


def test_a_tag_that_another_tab_was_quicker_than_is_added_to_what_is_there_now(
    studio: Studio, open_page: OpenPage
) -> None:
    dataset = tagged_sample(studio)
    before = caption_of(studio, dataset)
    first, second = (
        open_page(studio, path=f"/datasets/{dataset}/captions", language="en", allowed=("409",)) for _ in range(2)
    )
    expect(second.get_by_role("list", name="Tags of mame_01.png")).to_be_visible()
    for page, tag in ((first, "persimmon"), (second, "orchard")):
        page.get_by_role("textbox", name="Add tags to this picture").fill(tag)
        page.keyboard.press("Enter")
        if page is first:
            wait_until(lambda: caption_of(studio, dataset) == f"{before}, persimmon")
    notice = second.get_by_role("alert").filter(has_text="changed elsewhere")
    expect(second.get_by_role("list", name="Tags of mame_01.png")).to_contain_text("persimmon")
    assert caption_of(studio, dataset) == f"{before}, persimmon"
    notice.get_by_role("button", name="Try again").click()
    wait_until(lambda: caption_of(studio, dataset) == f"{before}, persimmon, orchard")
