"""From a trained epoch to pictures with it: library, drawing, comparing, gallery, a picture's text back (B9 to I6)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.places import list_places, start_run

WORDS = {
    "ja": {
        "save": re.compile("をライブラリに保存"),
        "saved": re.compile("としてライブラリに保存済み"),
        "run": "描く",
        "prompt": "プロンプト",
        "seed": "シード",
        "weight": re.compile("の強さ$"),
        "weight_number": re.compile("の強さ\\(数値\\)"),
        "compare": re.compile("^強さを比較"),
        "without": "なし",
        "gallery_search": "プロンプトで検索",
        "none_found": "該当する画像はありません。",
        "use": "この設定を使う",
        "remove": "ギャラリーから外す",
        "undo": "元に戻す",
        "download": re.compile("^PNG をダウンロード"),
        "read": re.compile("の設定を読み込みました"),
        "close": "閉じる (Esc)",
    },
    "en": {
        "save": re.compile("^Save to library:"),
        "saved": re.compile("^In the library as"),
        "run": "Draw",
        "prompt": "Prompt",
        "seed": "Seed",
        "weight": re.compile("^Weight of [^ ]*$"),
        "weight_number": re.compile("as a number$"),
        "compare": re.compile("^Compare weights [0-9]"),
        "without": "without",
        "gallery_search": "Search prompts",
        "none_found": "No picture matches.",
        "use": "Use these settings",
        "remove": "Remove from the gallery",
        "undo": "Undo",
        "download": re.compile("^Download PNG"),
        "read": re.compile("are in the form$"),
        "close": "Close (Esc)",
    },
}


@pytest.mark.parametrize(
    ("language", "width", "height", "touch"), [("ja", 1280, 900, False), ("en", 390, 844, True)], ids=["desk", "phone"]
)
def test_from_an_epoch_to_pictures_and_back(
    studio: Studio, open_page: OpenPage, tmp_path: Path, language: str, width: int, height: int, touch: bool
) -> None:
    words = WORDS[language]
    run = start_run(studio, list_places(studio)["dataset"].rsplit("/", 1)[1])
    wait_until(lambda: studio.get(f"/runs/{run}")["state"] == "finished")
    page = open_page(studio, language=language, width=width, height=height, touch=touch, path=f"/runs/{run}")

    # An epoch goes into the library once; after that the page says so.
    names = [one["name"] for one in studio.get("/loras")["loras"]]
    page.get_by_role("button", name=words["save"]).first.click()
    expect(page.get_by_role("link", name=words["saved"]).first).to_be_visible()
    [lora] = [one for one in studio.get("/loras")["loras"] if one["name"] not in names]

    # The card's button opens the drawing page with it, its trigger put in.
    page.goto(f"{studio.url}/loras")
    page.locator(f"a[href='/drawings?lora={lora['id']}']").click()
    prompt = page.get_by_role("textbox", name=words["prompt"], exact=True)
    expect(prompt).to_have_value(f"mame, <lora:{lora['name']}:1>")
    assert page.url.endswith("/drawings"), "a reload must not put it in again"

    slider_and_prompt_are_one(page, words, lora["name"])
    draw_and_look(page, studio, words, touch)
    compare(page, studio, words, lora["name"])
    search_remove_and_undo(page, studio, words)
    read_back(page, words, tmp_path)
    if touch:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def slider_and_prompt_are_one(page: Page, words: dict[str, object], name: str) -> None:
    """I2: what is typed moves the slider, what the slider does is typed; names are completed."""
    prompt = page.get_by_role("textbox", name=str(words["prompt"]), exact=True)
    slider = page.get_by_role("slider", name=words["weight"])  # pyright: ignore[reportArgumentType]
    prompt.fill(f"mame, smile, <lora:{name}:0.5>")
    expect(slider).to_have_attribute("aria-valuenow", "0.5")
    slider.press("ArrowLeft")
    expect(prompt).to_have_value(f"mame, smile, <lora:{name}:0.45>")
    number = page.get_by_role("textbox", name=words["weight_number"])  # pyright: ignore[reportArgumentType]
    number.fill("-0.3")
    expect(prompt).to_have_value(f"mame, smile, <lora:{name}:-0.3>")
    prompt.fill("mame, smile, ")
    expect(slider).to_have_count(0)
    prompt.press_sequentially(f"<lora:{name[:2]}")
    expect(page.get_by_role("option", name=name).first).to_be_visible()
    page.get_by_role("option").filter(has_text=re.compile(f"^{re.escape(name)}(mame)?$")).first.click()
    expect(prompt).to_have_value(f"mame, smile, <lora:{name}:1>")
    expect(slider).to_have_attribute("aria-valuenow", "1")


def draw_and_look(page: Page, studio: Studio, words: dict[str, object], touch: bool) -> None:
    """I3: Ctrl+Enter draws; the picture comes by itself, with what it was drawn from."""
    before = len(studio.get("/drawings")["drawings"])
    page.get_by_role("textbox", name=str(words["seed"]), exact=True).fill("77")
    if touch:
        page.get_by_role("button", name=str(words["run"]), exact=True).click()
    else:
        page.get_by_role("textbox", name=str(words["prompt"]), exact=True).press("Control+Enter")
    wait_until(lambda: len(studio.get("/drawings")["drawings"]) == before + 1)
    page.get_by_role("button", name=re.compile("77.*mame, smile")).first.click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)


def compare(page: Page, studio: Studio, words: dict[str, object], name: str) -> None:
    """I5: one press, and the LoRA stands beside itself at each weight, and beside no LoRA."""
    page.get_by_role("button", name=words["compare"]).click()  # pyright: ignore[reportArgumentType]
    sheet = page.locator("table")
    expect(sheet.get_by_role("columnheader")).to_have_count(4)
    expect(sheet.locator("td img")).to_have_count(4)
    request = studio.get("/drawings/requests?kind=comparison")["requests"][0]
    assert request["seed"] == 77
    cells = studio.get(f"/drawings/requests/{request['id']}")["cells"]
    assert [[lora["weight"] for lora in cell["loras"]] for cell in cells] == [[], [0.7], [0.8], [1]]
    wait_until(lambda: studio.get(f"/drawings/requests/{request['id']}")["state"] == "done")
    drawn = [one for one in studio.get("/drawings")["drawings"] if one["seed"] == 77]
    expect(page.get_by_role("checkbox", name=re.compile("77"))).to_have_count(len(drawn))  # by themselves
    assert name in request["sheet"]["title"] or any(name in row for row in request["sheet"]["rows"])


def search_remove_and_undo(page: Page, studio: Studio, words: dict[str, object]) -> None:
    """I6: the gallery is searched; what is put away comes back."""
    search = page.get_by_role("searchbox", name=str(words["gallery_search"]))
    search.fill("nothing like it")
    expect(page.get_by_text(str(words["none_found"]))).to_be_visible()
    search.fill("smile lora")
    tile = page.get_by_role("button", name=re.compile("77.*mame, smile")).last
    tile.click()
    count = len(studio.get("/drawings")["drawings"])
    page.get_by_role("button", name=str(words["remove"])).click()
    wait_until(lambda: len(studio.get("/drawings")["drawings"]) == count - 1)
    page.get_by_role("button", name=str(words["close"])).click()
    page.get_by_role("button", name=str(words["undo"])).click()
    wait_until(lambda: len(studio.get("/drawings")["drawings"]) == count)


def read_back(page: Page, words: dict[str, object], folder: Path) -> None:
    """I4: a picture's text comes back into the form, with its LoRA, and without what we do not have."""
    page.get_by_role("button", name=re.compile("77.*lora")).last.click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name=words["download"]).click()  # pyright: ignore[reportArgumentType]
    file = folder / "drawn.png"
    waiting.value.save_as(file)
    with Image.open(file) as picture:
        assert "Seed: 77" in str(picture.info["parameters"])
    page.get_by_role("button", name=str(words["close"])).click()
    prompt = page.get_by_role("textbox", name=str(words["prompt"]), exact=True)
    prompt.fill("something else")
    page.get_by_role("textbox", name=str(words["seed"]), exact=True).fill("5")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text(words["read"])).to_be_visible()  # pyright: ignore[reportArgumentType]
    expect(page.get_by_role("textbox", name=str(words["seed"]), exact=True)).to_have_value("77")
    expect(prompt).to_have_value(re.compile("^mame, smile.*<lora:"))
    page.reload()
    expect(prompt).to_have_value(re.compile("^mame, smile.*<lora:"))
