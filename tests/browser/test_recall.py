"""Settings that were: of an earlier run, and a preset of one's own; what would change is told field by field (F32)."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.places import tagged_sample
from tests.browser.test_journeys import option


def changes_in(dialog: Locator) -> dict[str, str]:
    """Path to "before → after", as the dialog lists them."""
    expect(dialog.get_by_role("table")).to_be_visible()
    rows = dialog.get_by_role("row")
    return {
        str(rows.nth(at).locator("th").get_attribute("title")): rows.nth(at).locator("td").inner_text()
        for at in range(rows.count())
    }


def earlier_run(studio: Studio, dataset: str) -> str:
    """Its name; three settings are not those of a new draft."""
    name = f"mame {dataset[-6:]}"
    recipe = {
        "output_name": "mame", "trigger": "mame", "training": {"epochs": 3},
        "pictures": {"resolution": 256, "repeats": 3}, "previews": {"prompts": ["mame, cap"]},
    }  # fmt: skip
    studio.post("/runs", {"dataset_id": dataset, "recipe": recipe, "name": name})
    return name


def open_recall(page: Page) -> Locator:
    page.get_by_role("button", name=re.compile("^(設定を呼び出す|Recall settings)$")).click()
    return page.get_by_role("dialog", name=re.compile("設定を呼び出す|Recall settings"))


def test_an_earlier_runs_settings_come_back_and_the_dialog_said_which(studio: Studio, open_page: OpenPage) -> None:
    dataset = tagged_sample(studio)
    name = earlier_run(studio, dataset)
    page = open_page(studio, path=f"/datasets/{dataset}")
    dialog = open_recall(page)
    dialog.get_by_placeholder("名前で検索").fill(name)
    found = dialog.get_by_role("button", name=re.compile(re.escape(name)))
    expect(found).to_have_count(1)
    found.click()
    dialog.get_by_role("button", name="この設定を使う").click()
    expect(dialog).to_have_count(0)
    expect(option(page, "training.epochs")).to_have_value("3")

    # From here on two fields are changed by hand: those two are told, and no other.
    option(page, "training.epochs").fill("8")
    option(page, "previews.prompts", "textarea").fill("mame, hat")
    dialog = open_recall(page)
    dialog.get_by_placeholder("名前で検索").fill(name)
    expect(found).to_have_count(1)
    found.click()
    expect(dialog.get_by_text("2 項目が変わります")).to_be_visible()
    assert changes_in(dialog) == {"training.epochs": "8 → 3", "previews.prompts": "mame, hat → mame, cap"}
    dialog.get_by_role("button", name="この設定を使う").click()
    expect(option(page, "training.epochs")).to_have_value("3")
    expect(option(page, "previews.prompts", "textarea")).to_have_value("mame, cap")
    page.get_by_role("alert").get_by_role("button", name="元に戻す").last.click()
    expect(option(page, "training.epochs")).to_have_value("8")
    page.reload()
    expect(option(page, "training.epochs")).to_have_value("8")
    expect(option(page, "previews.prompts", "textarea")).to_have_value("mame, hat")

    # Taken once more, nothing is left to change.
    dialog = open_recall(page)
    dialog.get_by_placeholder("名前で検索").fill(name)
    found.click()
    dialog.get_by_role("button", name="この設定を使う").click()
    dialog = open_recall(page)
    dialog.get_by_placeholder("名前で検索").fill(name)
    found.click()
    expect(dialog.get_by_text("今の設定と同じです。")).to_be_visible()


def test_a_preset_is_kept_recalled_with_its_differences_and_deleted(studio: Studio, open_page: OpenPage) -> None:
    """Names, trigger and base model are the dataset's own and stay."""
    dataset = tagged_sample(studio)
    page = open_page(studio, path=f"/datasets/{dataset}", language="en")
    option(page, "training.epochs").fill("4")
    option(page, "pictures.repeats").fill("5")
    option(page, "output_name").fill("first_name")
    dialog = open_recall(page)
    dialog.get_by_role("tab", name="Presets").click()
    dialog.get_by_placeholder("Name of a preset").fill("short ones")
    dialog.get_by_role("button", name="Save", exact=True).click()
    preset = dialog.get_by_role("button", name=re.compile("^short ones"))
    expect(preset).to_be_visible()
    page.keyboard.press("Escape")
    option(page, "training.epochs").fill("9")
    option(page, "output_name").fill("second_name")
    dialog = open_recall(page)
    dialog.get_by_role("tab", name="Presets").click()
    preset.click()
    assert changes_in(dialog) == {"training.epochs": "9 → 4"}
    dialog.get_by_role("button", name="Use these settings").click()
    expect(option(page, "training.epochs")).to_have_value("4")
    expect(option(page, "pictures.repeats")).to_have_value("5")
    expect(option(page, "output_name")).to_have_value("second_name")
    dialog = open_recall(page)
    dialog.get_by_role("tab", name="Presets").click()
    dialog.get_by_role("button", name="Delete the preset short ones").click()
    expect(preset).to_have_count(0)
