"""The ten steps (B1 to B10) in Japanese, on the set mame, with the real engine and the starter base model."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Studio, open_studio, wait_until
from tests.browser.places import sample_pictures
from tests.browser.test_journeys import WORDS, look_through_the_pictures, option, save_and_draw

TRAINING_MS = 240_000


@pytest.fixture
def real_studio(web_app: None, tmp_path: Path) -> Iterator[Studio]:
    """One that really trains and draws, with one thread."""
    with open_studio(tmp_path / "real-home", engine="real") as one:
        yield one


def test_ten_steps_with_the_real_engine(real_studio: Studio, open_page: OpenPage, tmp_path: Path) -> None:
    """From an empty studio to a picture drawn with one's own LoRA; nothing pretends."""
    page = open_page(real_studio, height=900)
    expect(page.get_by_role("button", name="サンプル「mame」で試す")).to_be_visible()
    create_dataset(page, "まめ")
    upload(page)
    crop_and_tag(page, real_studio)
    set_up(page)
    start = page.get_by_role("button", name=re.compile("学習を開始"))
    expect(start).to_be_enabled()
    start.click()
    page.wait_for_url(re.compile("/runs/"))
    expect(page.get_by_role("heading", level=1, name="mame")).to_be_visible()
    expect(page.get_by_text("完了", exact=True)).to_be_visible(timeout=TRAINING_MS)
    expect(page.locator("table td button img")).to_have_count(4)
    look_through_the_pictures(page)
    check_file(page, tmp_path / "mame.safetensors")
    save_and_draw(page, real_studio, WORDS["ja"])


def create_dataset(page: Page, name: str) -> None:
    """B2, by its name and Enter."""
    page.get_by_label("データセットの名前").fill(name)
    page.get_by_label("データセットの名前").press("Enter")
    page.wait_for_url(re.compile("/datasets/"))
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def upload(page: Page) -> None:
    """B4: the seven pictures through the file dialog's field, without captions."""
    page.locator("input[type=file]").first.set_input_files(sample_pictures())
    expect(page.locator("[data-place]")).to_have_count(7)


def crop_and_tag(page: Page, studio: Studio) -> None:
    """B4: with the trigger word; the real tagger."""
    trigger = page.get_by_role("textbox", name="トリガーワード").first
    trigger.fill("mame")
    trigger.blur()
    dataset = re.search(r"/datasets/(\w+)", page.url)
    assert dataset is not None
    wait_until(lambda: studio.get(f"/datasets/{dataset[1]}")["trigger"] == "mame")
    page.get_by_role("button", name="切り抜き・タグ付けを実行", exact=True).click()
    wait_until(
        lambda: all(
            one["caption"].startswith("mame,") for one in studio.get(f"/datasets/{dataset[1]}/pictures")["pictures"]
        )
    )
    expect(page.locator("[role=progressbar][aria-label='切り抜きとタグ付け']")).to_have_count(0)


def set_up(page: Page) -> None:
    """B3 and B6 to B8: the preset of the starter, made short."""
    page.get_by_role("button", name="設定を呼び出す").click()
    page.get_by_role("tab", name="プリセット").click()
    page.get_by_role("button", name=re.compile("starter_character_cpu")).click()
    page.get_by_role("button", name="この設定を使う").click()
    option(page, "output_name").fill("mame")
    option(page, "trigger").fill("mame")
    option(page, "pictures.repeats").fill("2")
    option(page, "training.epochs").fill("2")
    option(page, "previews.prompts", "textarea").fill("mame, smile\nmame, full body")
    option(page, "previews.steps").fill("4")
    expect(page.get_by_text(re.compile(r"合計 14 ステップ")).first).to_be_visible()


def check_file(page: Page, file: Path) -> None:
    """B9: the last epoch's, with the metadata that A1111 and kohya_ss read."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name=re.compile("をダウンロード")).last.click()
    waiting.value.save_as(file)
    content = file.read_bytes()
    header = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    assert header["__metadata__"]["ss_num_epochs"] == "2"
    assert any(key.startswith("lora_unet_") for key in header)
