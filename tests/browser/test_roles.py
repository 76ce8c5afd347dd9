"""Roles of pictures (F28), in Japanese: some keep what the base model knows, of one only a part is learnt."""

from __future__ import annotations

import io
import re

from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.places import tagged_sample


def test_a_picture_is_spared_another_masked_and_the_plan_counts_both(studio: Studio, open_page: OpenPage) -> None:
    dataset = tagged_sample(studio)
    page = open_page(studio, path=f"/datasets/{dataset}")
    tiles = page.get_by_role("listbox", name="画像").get_by_role("option")
    expect(page.get_by_text("合計 700 ステップ")).to_be_visible()
    tiles.nth(1).click()
    page.get_by_role("button", name="役割").click()
    page.get_by_role("menuitem", name="正則化画像にする").click()
    expect(page.get_by_text("1 枚を正則化画像にしました。")).to_be_visible()
    expect(tiles.nth(1).get_by_text("正則化")).to_be_visible()
    expect(page.get_by_text("合計 1,200 ステップ")).to_be_visible()

    tiles.nth(0).click()
    page.get_by_role("button", name="役割").click()
    page.get_by_role("menuitem", name="マスク").click()
    dialog = page.get_by_role("dialog", name="マスク")
    mask = io.BytesIO()
    Image.new("L", (512, 512), 255).save(mask, "PNG")
    dialog.locator("input[type=file]").set_input_files(
        {"name": "m.png", "mimeType": "image/png", "buffer": mask.getvalue()}
    )
    expect(dialog.get_by_alt_text(re.compile("^マスク"))).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_text("マスクあり", exact=True).click()
    expect(tiles).to_have_count(1)
