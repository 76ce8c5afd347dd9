"""LoRA tools in the page: merged, made smaller and compared, by the menu on the card, on a desk and a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.places import list_places, start_run

WORDS = {
    "ja": {
        "more": "のその他の操作", "merge": "ほかの LoRA とマージ", "resize": "ランクを下げる", "add": "LoRA を追加",
        "name": "名前", "merge_go": "マージする", "resize_go": "小さくする", "most_rank": "ランクの上限",
        "compare": "ほかの LoRA と比べる", "other": "比べる相手", "compare_go": "比べる", "show": "結果を見る",
        "alike": "類似度", "made": "マージして作成", "apart": "テキストエンコーダーの重みを分ける",
        "text_weight": "のテキストエンコーダーの重み", "method": "縮め方", "share": "残す割合(合計)",
        "share_value": "各層で残す割合", "extract": "ベースモデルから取り出す", "conv": "畳み込み層のランク",
    },
    "en": {
        "more": "More for", "merge": "Merge with others", "resize": "Lower the rank", "add": "Add a LoRA",
        "name": "Name", "merge_go": "Merge", "resize_go": "Make a smaller one", "most_rank": "Highest rank",
        "compare": "Compare with another", "other": "Compare with", "compare_go": "Compare", "show": "Show the result",
        "alike": "Likeness", "made": "Merged from", "apart": "Own weights for text encoders",
        "text_weight": "in text encoders", "method": "How far", "share": "Keep a share (of the sum)",
        "share_value": "Keep of each layer", "extract": "Extract from base models", "conv": "Rank of convolutions",
    },
}  # fmt: skip


def loras_of(studio: Studio) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in studio.get("/loras")["loras"]}


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).or_(page.get_by_role("textbox", name=label)).first.click()
    page.get_by_role("option", name=option, exact=True).click()


@pytest.mark.parametrize(
    ("language", "width", "height", "touch"), [("ja", 1280, 900, False), ("en", 390, 844, True)], ids=["desk", "phone"]
)
def test_loras_are_merged_made_smaller_and_compared(
    studio: Studio, open_page: OpenPage, language: str, width: int, height: int, touch: bool
) -> None:
    words = WORDS[language]
    run = start_run(studio, list_places(studio)["dataset"].rsplit("/", 1)[1])
    wait_until(lambda: studio.get(f"/runs/{run}")["state"] == "finished")
    first, second = f"tool a {language}", f"tool b {language}"
    lora = studio.post("/loras", {"run_id": run, "epoch": 1, "name": first})
    studio.post("/loras", {"run_id": run, "epoch": 2, "name": second})
    page = open_page(studio, language=language, width=width, height=height, touch=touch, path=f"/loras/{lora['id']}")

    def open_tool(title: str) -> None:
        page.get_by_role("button", name=words["more"]).first.click()
        page.get_by_role("menuitem", name=title).click()

    merged, small = f"both {language}", f"small {language}"
    open_tool(words["merge"])
    choose(page, words["add"], second)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("textbox", name=words["text_weight"])).to_have_count(0)
    dialog.get_by_role("switch", name=words["apart"]).check(force=True)
    dialog.get_by_role("textbox", name=words["text_weight"]).last.fill("0.5")
    page.get_by_role("dialog").get_by_role("textbox", name=words["name"], exact=True).fill(merged)
    page.get_by_role("dialog").get_by_role("button", name=words["merge_go"], exact=True).click()
    link = page.get_by_role("link", name=merged)
    expect(link).to_be_visible(timeout=60_000)

    open_tool(words["resize"])
    expect(dialog.get_by_role("textbox", name=words["share_value"])).to_have_count(0)
    choose(page, words["method"], words["share"])
    dialog.get_by_role("textbox", name=words["share_value"]).fill("80")
    page.get_by_role("dialog").get_by_role("textbox", name=words["most_rank"], exact=True).fill("1")
    page.get_by_role("dialog").get_by_role("textbox", name=words["name"], exact=True).fill(small)
    page.get_by_role("dialog").get_by_role("button", name=words["resize_go"]).click()
    expect(page.get_by_role("link", name=small)).to_be_visible(timeout=60_000)
    found = loras_of(studio)
    assert found[small]["dim"] == 1
    assert found[first]["sha256"] == lora["sha256"], "the original stays"

    open_tool(words["compare"])
    choose(page, words["other"], second)
    page.get_by_role("dialog").get_by_role("button", name=words["compare_go"], exact=True).click()
    expect(page.get_by_role("button", name=words["show"])).to_have_count(2, timeout=60_000)
    page.get_by_role("button", name=words["show"]).first.click()
    expect(page.get_by_role("dialog").get_by_role("columnheader", name=words["alike"])).to_be_visible()
    page.keyboard.press("Escape")

    link.click()
    expect(page.get_by_text(words["made"])).to_be_visible()

    page.goto(f"{page.url.rsplit('/', 1)[0]}")
    page.get_by_role("button", name=words["extract"]).click()
    expect(dialog.get_by_role("textbox", name=words["conv"])).to_be_visible()
