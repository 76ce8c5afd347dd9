"""What an illustrator does, from the first look to the finished file, in both languages and on a phone (B1 to B10)."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, Studio, wait_until

DRAWING_MS = 120_000
WORDS: dict[str, dict[str, Any]] = {
    "ja": {
        "title": "学習",
        "sample": "サンプル「mame」で試す",
        "tag": "切り抜き・タグ付けを実行",
        "panel": "切り抜きとタグ付け",
        "steps": r"合計 ([\d,]+) ステップ",
        "start": re.compile("学習を開始"),
        "fix": "直す",
        "finished": "完了",
        "loss": "ロス",
        "results": "エポックとプレビュー",
        "download": re.compile("をダウンロード"),
        "save": re.compile("をライブラリに保存"),
        "saved": re.compile("としてライブラリに保存済み"),
        "draw": "描く",
        "prompt": "プロンプト",
    },
    "en": {
        "title": "Training",
        "sample": "Try it with the sample mame",
        "tag": "Crop and tag",
        "panel": "Crop and tag",
        "steps": r"([\d,]+) steps",
        "start": re.compile("Start training"),
        "fix": "Fix it",
        "finished": "finished",
        "loss": "Loss",
        "results": "Epochs and previews",
        "download": re.compile("^Download .*safetensors"),
        "save": re.compile("^Save to library"),
        "saved": re.compile("^In the library as"),
        "draw": "Draw",
        "prompt": "Prompt",
    },
}


@pytest.mark.parametrize(
    ("language", "width", "height", "touch"), [("ja", 1280, 800, False), ("en", 390, 844, True)], ids=["desk", "phone"]
)
def test_from_the_sample_to_a_trained_file(
    own_studio: Studio, open_page: OpenPage, tmp_path: Path, language: str, width: int, height: int, touch: bool
) -> None:
    words = WORDS[language]
    page = open_page(own_studio, language=language, width=width, height=height, touch=touch)
    expect(page.get_by_role("heading", level=1, name=words["title"])).to_be_visible()
    page.get_by_role("button", name=words["sample"], exact=True).click()
    page.get_by_role("link", name=re.compile("mame")).click()

    # Crop and tag with the one button; every picture has a caption after it.
    expect(page.get_by_role("option").first).to_be_visible()
    page.get_by_role("button", name=words["tag"], exact=True).click()
    dataset = page.url.rsplit("/", 1)[1]
    wait_until(lambda: all(one["caption"] for one in own_studio.get(f"/datasets/{dataset}/pictures")["pictures"]))
    expect(page.locator(f"progress, [role=progressbar][aria-label='{words['panel']}']")).to_have_count(0)

    # What it comes to follows what is typed; a contradiction stands at its field and is mended by its button.
    trigger = page.locator("[data-option='trigger'] input")
    trigger.fill("mame")
    total = page.get_by_text(re.compile(words["steps"])).first
    expect(total).to_be_visible()
    before = total.text_content()
    page.locator("[data-option='training.epochs'] input").fill("2")
    expect(total).not_to_have_text(before or "")
    contradict_and_mend(page, words["fix"])
    option(page, "previews.prompts", "textarea").fill("mame, smile\nmame, sleeping")

    start = page.get_by_role("button", name=words["start"])
    expect(start).to_be_enabled()
    start.click()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.get_by_role("heading", name=words["loss"])).to_be_visible()
    expect(page.get_by_text(words["finished"], exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name=words["results"])).to_be_visible()

    look_through_the_pictures(page)
    with page.expect_download() as waiting:
        page.get_by_role("link", name=words["download"]).last.click()
    file = tmp_path / "epoch.safetensors"
    waiting.value.save_as(file)
    content = file.read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    assert header["__metadata__"]
    assert len(header) > 1
    save_and_draw(page, own_studio, words)
    if touch:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def save_and_draw(page: Page, studio: Studio, words: dict[str, Any]) -> None:
    """The last epoch goes into the library; its card leads to the drawing page, where it is drawn with (B9, B10)."""
    page.get_by_role("button", name=words["save"]).last.click()
    expect(page.get_by_role("link", name=words["saved"])).to_have_count(1)
    page.locator("nav a[href='/loras']").first.click()
    lora = studio.get("/loras")["loras"][0]
    page.locator(f"a[href='/drawings?lora={lora['id']}']").click()
    prompt = page.get_by_role("textbox", name=words["prompt"], exact=True)
    expect(prompt).to_have_value(f"mame, <lora:{lora['name']}:1>")
    page.get_by_role("button", name=words["draw"], exact=True).click()
    drawn = page.locator("main img[src*='/api/drawings/']")
    expect(drawn.first).to_be_visible(timeout=DRAWING_MS)
    assert drawn.first.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def option(page: Page, path: str, kind: str = "input") -> Locator:
    """The field of an option; what is not among the first is found as a person finds it, section by section."""
    found = page.locator(f"[data-option='{path}'] {kind}").first
    expect(page.locator("[data-option]").first).to_be_visible()
    closed = page.locator("[class*=Accordion-control][aria-expanded=false]")
    while not found.is_visible() and closed.count() > 0:
        closed.first.click()
    expect(found).to_be_visible()
    return found


def contradict_and_mend(page: Page, fix: str) -> None:
    """A size that is no multiple of the buckets' step; the page says so at the field, and its button mends it."""
    option(page, "pictures.resolution").fill("100")
    field = page.locator("[data-option='pictures.resolution']")
    expect(field.locator(".mantine-InputWrapper-error, .mantine-Input-error").first).to_be_visible()
    field.get_by_role("button", name=fix).click()
    expect(field.get_by_role("button", name=fix)).to_have_count(0)


def look_through_the_pictures(page: Page) -> None:
    """Full screen: arrows walk through samples and epochs, Esc goes back."""
    page.locator("table td button").first.click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_be_visible()
    seen = [viewer.get_attribute("aria-label")]
    for key in ("ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        page.wait_for_timeout(50)
        seen.append(viewer.get_attribute("aria-label"))
    assert seen[1] != seen[0]
    assert seen[2] == seen[0]
    assert seen[4] == seen[0]
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
