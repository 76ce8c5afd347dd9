"""The caption editor (E1 to E8), in Japanese: what an illustrator does to seven captions, by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.places import tagged_sample

NINE = 9


def captions(studio: Studio, dataset: str) -> list[str]:
    """As the server has them."""
    return [one["caption"] for one in studio.get(f"/datasets/{dataset}/captions")["captions"]]


def union_of(page: Page) -> Locator:
    """The list of all tags."""
    return page.get_by_role("listbox", name="全画像のタグ")


def tag_named(page: Page, name: str) -> Locator:
    """One tag of the union."""
    return union_of(page).get_by_role("option", name=re.compile(rf"^{re.escape(name)}(\s|$|\d)"))


def open_editor(studio: Studio, open_page: OpenPage, **more: object) -> tuple[Page, str]:
    """Of a tagged set of its own."""
    dataset = tagged_sample(studio)
    studio.patch(f"/datasets/{dataset}", {"trigger": "mame"})
    page = open_page(studio, path=f"/datasets/{dataset}/captions", **more)
    expect(union_of(page).get_by_role("option").first).to_be_visible()
    return page, dataset


def test_nine_tags_leave_every_picture_after_one_confirmation_and_come_back(
    studio: Studio, open_page: OpenPage
) -> None:
    """E1, E2: also after the page was closed."""
    page, dataset = open_editor(studio, open_page)
    before = captions(studio, dataset)
    shown = union_of(page).get_by_role("option")
    names = [shown.nth(place).get_attribute("title") or "" for place in range(1, 1 + NINE)]
    for name in names:
        union_of(page).get_by_title(name, exact=True).click()
    page.keyboard.press("Delete")
    dialog = page.get_by_role("dialog", name="9 個のタグを削除")
    touched = dialog.get_by_role("button", name=re.compile(r"^7 枚から削除$"))
    touched.click()
    expect(page.get_by_text("7 枚のキャプションを変更しました。")).to_be_visible()
    expect(union_of(page).get_by_title(names[0], exact=True)).to_have_count(0)
    tags = [name.split(" (")[0] for name in names]
    assert not any(tag in caption.split(", ") for tag in tags for caption in captions(studio, dataset))

    page.reload()
    expect(page.get_by_role("button", name="元に戻す", exact=True)).to_be_enabled()
    page.keyboard.press("Control+z")
    wait_until(lambda: captions(studio, dataset) == before)
    expect(union_of(page).get_by_title(names[0], exact=True)).to_be_visible()
    page.keyboard.press("Control+Shift+z")
    wait_until(lambda: captions(studio, dataset) != before)
    expect(union_of(page).get_by_title(names[0], exact=True)).to_have_count(0)
    page.keyboard.press("Control+z")
    wait_until(lambda: captions(studio, dataset) == before)


def test_one_picture_is_edited_by_keyboard_alone(studio: Studio, open_page: OpenPage) -> None:
    """E3, E4, E5: add, edit in place, move, remove, go on to the next picture, and take a slip back."""
    page, dataset = open_editor(studio, open_page)
    page.keyboard.press("a")
    box = page.get_by_role("textbox", name="この画像にタグを追加")
    expect(box).to_be_focused()
    page.keyboard.type("arms u")
    offered = page.get_by_role("listbox", name="この画像にタグを追加")
    expect(offered.get_by_role("option").first).to_contain_text("arms up")
    page.keyboard.press("Control+Enter")
    wait_until(lambda: captions(studio, dataset)[0].endswith(", arms up"))
    expect(box).to_have_value("")
    # A conversion's Enter is no Enter.
    page.keyboard.type("むぎわら")
    box.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    expect(box).to_have_value("むぎわら")
    page.keyboard.press("Escape")

    chips = page.get_by_role("list", name="mame_01.png のタグ")
    chips.locator("[data-word]", has_text="arms up").focus()
    page.keyboard.press("F2")
    page.keyboard.type("cap")
    page.keyboard.press("Enter")
    wait_until(lambda: captions(studio, dataset)[0].endswith(", cap"))
    expect(chips.locator("[data-word]", has_text=re.compile("^cap"))).to_be_focused()
    page.keyboard.press("Alt+ArrowLeft")
    wait_until(lambda: captions(studio, dataset)[0].split(", ")[-2] == "cap")
    page.keyboard.press("Delete")
    wait_until(lambda: "cap" not in captions(studio, dataset)[0].split(", "))
    page.keyboard.press("Control+ArrowDown")
    expect(page.get_by_role("list", name="mame_02.png のタグ")).to_be_visible()
    page.keyboard.press("Control+z")
    wait_until(lambda: captions(studio, dataset)[0].split(", ")[-2] == "cap")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="キーボード操作")
    expect(sheet.get_by_text("検索と置換")).to_be_visible()


def test_a_pattern_is_replaced_where_a_filter_says_and_the_history_tells_it(
    studio: Studio, open_page: OpenPage
) -> None:
    """E3: the fault of a filter and of a pattern is shown; the preview says what would change before it is done."""
    page, dataset = open_editor(studio, open_page, allowed=("422",))
    field = page.get_by_role("textbox", name="画像を絞り込む")
    field.fill("smile AND (")
    field.press("Enter")
    expect(page.get_by_text("12 文字目", exact=False)).to_be_visible()
    num_smiling = sum("smile" in one.split(", ") for one in captions(studio, dataset))
    assert 0 < num_smiling < 7
    field.fill("smile")
    field.press("Enter")
    expect(page.get_by_role("listbox", name="画像", exact=True).get_by_role("option")).to_have_count(num_smiling)
    field.blur()
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="検索と置換")
    dialog.get_by_label("検索する文字").fill(r"(smi")
    dialog.get_by_label("正規表現を使う").check()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("検索する文字").fill(r"(smi)le")
    dialog.get_by_label("置き換える文字").fill(r"\1rk")
    expect(dialog.locator("ins").first).to_contain_text("smirk")
    dialog.get_by_role("button", name=f"{num_smiling} 枚を変更").click()
    wait_until(lambda: sum("smirk" in one.split(", ") for one in captions(studio, dataset)) == num_smiling)
    expect(page.get_by_text("絞り込んだあとにキャプションが変わりました。")).to_be_visible()
    page.get_by_role("button", name="絞り込み直す").click()
    expect(page.get_by_text("条件に合う画像はありません。")).to_be_visible()
    page.get_by_role("button", name="変更履歴").click()
    expect(page.get_by_text(r"パターン「(smi)le」を「\1rk」に置換", exact=False)).to_be_visible()


def test_the_advisor_deletes_what_is_ticked_as_one_edit_and_a_conflict_is_told(
    studio: Studio, open_page: OpenPage
) -> None:
    """E6, E8, and an edit from elsewhere: nothing is overwritten, the page says so and shows what is there now."""
    page, dataset = open_editor(studio, open_page, allowed=("409",))
    page.get_by_role("button", name="特徴アドバイザー").click()
    panel = page.get_by_role("dialog", name="特徴アドバイザー")
    panel.get_by_text("キャラクターと服装", exact=True).click()
    expect(panel.get_by_role("checkbox", name=re.compile("^brown shorts"))).to_be_checked()
    expect(panel.get_by_text("いつも身に着けた姿", exact=False).first).to_be_visible()
    panel.get_by_role("checkbox", name=re.compile("^green hair")).uncheck()
    panel.get_by_role("button", name=re.compile(r"個のタグを 7 枚から削除")).click()
    wait_until(lambda: not any("brown shorts" in one for one in captions(studio, dataset)))
    assert all("green hair" in one for one in captions(studio, dataset))
    assert len([one for one in studio.get(f"/datasets/{dataset}/captions/edits") if one["words"][:6] == "delete"]) == 1

    page.get_by_role("button", name="学習での見え方").click()
    panel = page.get_by_role("dialog", name="学習に渡るキャプション")
    expect(panel.get_by_role("listitem").first).to_contain_text("mame")
    page.keyboard.press("Escape")

    command = {"kind": "add", "tags": ["from elsewhere"]}
    studio.post(f"/datasets/{dataset}/captions/edits", {"command": command})
    page.keyboard.press("a")
    page.keyboard.type("mine")
    page.keyboard.press("Enter")
    expect(page.get_by_text("ほかの場所で変更されていたため、読み込み直しました")).to_be_visible()
    expect(page.get_by_role("list", name="mame_01.png のタグ")).to_contain_text("from elsewhere")
    assert not any("mine" in one.split(", ") for one in captions(studio, dataset))


def test_an_imported_list_completes_what_is_typed_in_japanese_too_until_it_is_deleted(
    studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    """E4: a danbooru list and one of translations, as a1111-sd-webui-tagcomplete has them."""
    page, dataset = open_editor(studio, open_page)
    tags = tmp_path / "danbooru.csv"
    tags.write_text('persimmon_orchard,0,1234,"kaki_garden"\npersimmon_hat,0,77,\n', encoding="utf-8")
    words = tmp_path / "翻訳.csv"
    words.write_text("persimmon_orchard,柿畑\n", encoding="utf-8")
    box = page.get_by_role("textbox", name="この画像にタグを追加")
    offered = page.get_by_role("listbox", name="この画像にタグを追加").get_by_role("option")
    box.click()
    page.keyboard.type("persimm")
    page.wait_for_timeout(300)
    expect(offered).to_have_count(0)
    page.keyboard.press("Escape")

    for file in (tags, words):
        page.get_by_role("button", name="ツール").click()
        page.get_by_role("menuitem", name="タグの一覧(入力候補)").click()
        dialog = page.get_by_role("dialog", name="タグの一覧(入力候補)")
        with page.expect_file_chooser() as waiting:
            dialog.get_by_role("button", name="CSV を選ぶ").click()
        waiting.value.set_files(file)
        expect(dialog.get_by_text(file.stem, exact=False).first).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)

    box.click()
    page.keyboard.type("persimm")
    expect(offered).to_have_count(2)
    expect(offered.first).to_contain_text("persimmon orchard")
    expect(offered.first).to_contain_text("柿畑")
    expect(offered.first).to_contain_text("1,234")
    page.keyboard.press("Escape")
    page.keyboard.type("柿畑")
    expect(offered.first).to_contain_text("persimmon orchard")
    offered.first.click()
    wait_until(lambda: captions(studio, dataset)[0].endswith(", persimmon orchard"))
    chips = page.get_by_role("list", name="mame_01.png のタグ")
    expect(chips.locator("[data-word]", has_text="persimmon orchard")).to_contain_text("柿畑")

    page.get_by_role("button", name="ツール").click()
    page.get_by_role("menuitem", name="タグの一覧(入力候補)").click()
    dialog = page.get_by_role("dialog", name="タグの一覧(入力候補)")
    deletes = dialog.get_by_role("button", name=re.compile("を削除$"))
    for left in (1, 0):
        deletes.first.click()
        expect(deletes).to_have_count(left)
    page.keyboard.press("Escape")
    box.click()
    page.keyboard.type("persimmon h")
    page.wait_for_timeout(300)
    expect(offered).to_have_count(0)


def order_of(page: Page) -> list[str]:
    """The chips as they stand, words alone."""
    words = page.get_by_role("list", name="mame_01.png のタグ").locator("[data-word]")
    return [text.strip() for text in words.evaluate_all("chips => chips.map(one => one.firstChild.textContent)")]


def fed_order(page: Page) -> list[str]:
    """As the trainer gets the first picture's tags."""
    page.keyboard.press("e")
    panel = page.get_by_role("dialog", name="学習に渡るキャプション")
    item = panel.get_by_role("listitem").filter(has_text="mame_01.png").first
    for _ in range(40):
        if item.count() > 0:
            break
        panel.get_by_role("button", name="続きを見る").click()
        expect(panel.locator("[aria-busy=true]")).to_have_count(0)
    text = item.locator("p").last.inner_text()
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    return text.split(", ")


@pytest.mark.parametrize("way", ["mouse", "keyboard", "finger"])
def test_a_chip_that_was_moved_stands_there_in_the_file_and_for_the_trainer(
    studio: Studio, open_page: OpenPage, way: str
) -> None:
    """E3, E8: dragged, or moved by Alt and an arrow, or by its buttons; after a reload it is still so."""
    touch = way == "finger"
    more = {"width": 390, "height": 844, "touch": True} if touch else {}
    page, dataset = open_editor(studio, open_page, **more)
    expect(page.get_by_role("list", name="mame_01.png のタグ")).to_be_visible()
    before = order_of(page)
    assert before == captions(studio, dataset)[0].split(", ")
    chips = page.get_by_role("list", name="mame_01.png のタグ").locator("li")
    if way == "mouse":
        chips.nth(4).drag_to(chips.nth(1))
    elif way == "keyboard":
        chips.nth(4).locator("[data-word]").focus()
        for place in (3, 2, 1):
            page.keyboard.press("Alt+ArrowLeft")
            expect(chips.nth(place).locator("[data-word]")).to_be_focused()
    else:
        chips.nth(4).locator("[data-word]").tap()
        for _ in range(3):
            page.get_by_role("button", name=f"{before[4]} を前へ", exact=True).tap()
    after = [before[0], before[4], *before[1:4], *before[5:]]
    wait_until(lambda: captions(studio, dataset)[0].split(", ") == after)
    assert order_of(page) == after
    assert fed_order(page) == after
    page.reload()
    expect(chips.nth(1)).to_contain_text(before[4])
    assert order_of(page) == after
    page.keyboard.press("Control+z")
    wait_until(lambda: captions(studio, dataset)[0].split(", ") != after)


def test_no_chip_is_dragged_before_the_trigger(studio: Studio, open_page: OpenPage) -> None:
    page, dataset = open_editor(studio, open_page)
    chips = page.get_by_role("list", name="mame_01.png のタグ").locator("li")
    expect(chips.first).to_contain_text("mame")
    before = order_of(page)
    chips.nth(3).drag_to(chips.nth(0))
    chips.nth(3).drag_to(chips.nth(1))
    after = [before[0], before[3], *before[1:3], *before[4:]]
    wait_until(lambda: captions(studio, dataset)[0].split(", ") == after)
    assert order_of(page) == after
