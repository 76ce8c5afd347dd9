"""A run too dear for what is left: said before it starts, made to fit, and billed as it was quoted (A4 to A6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, OpenPage, Studio, open_studio, wait_until
from tests.browser.places import settle, tagged_sample
from tests.browser.test_journeys import option

A_DAY = 60


@pytest.fixture
def metered_studio(web_app: None, tmp_path: Path) -> Iterator[Studio]:
    """Where everybody has little stamina a day."""
    home = tmp_path / "metered-home"
    home.mkdir()
    plans = (ROOT / "src/enogu/stamina/plans.toml").read_text(encoding="utf-8")
    plans, changed = re.subn("(?m)^stamina_per_day = .*", f"stamina_per_day = {A_DAY}", plans)
    assert changed > 0
    (home / "plans.toml").write_text(plans, encoding="utf-8")
    with open_studio(home) as one:
        yield one


def test_a_run_too_dear_is_made_to_fit_and_costs_what_was_quoted(metered_studio: Studio, open_page: OpenPage) -> None:
    dataset = tagged_sample(metered_studio)
    page = open_page(metered_studio, path=f"/datasets/{dataset}", width=390, height=844, touch=True)
    repeats = option(page, "pictures.repeats")
    expect(repeats).to_have_value("20")
    option(page, "previews.prompts", "textarea").fill("mame, smile")
    option(page, "training.epochs").fill("60")
    start = page.get_by_role("button", name=re.compile("学習を開始$"))
    alert = page.get_by_role("alert").filter(has_text="スタミナが足りません")
    page.get_by_role("button", name="開始できない理由").click()
    expect(alert).to_be_visible()
    expect(page.get_by_text(f"(残り {A_DAY})", exact=False)).to_be_visible()
    expect(start).to_be_disabled()

    # The ways to make it fit name the fields and what they become; one press sets that field and no other.
    way = alert.locator(".mantine-Group-root").filter(has_text=re.compile(r"^エポック数 → \d+ \(\d+\)"))
    found = re.search(r"→ (\d+) \((\d+)\)", way.inner_text())
    assert found is not None
    epochs, quoted = found.groups()
    assert int(quoted) <= A_DAY
    way.get_by_role("button", name="これに合わせる").click()
    expect(alert).to_have_count(0)
    expect(option(page, "training.epochs")).to_have_value(epochs)
    expect(repeats).to_have_value("20")
    expect(option(page, "previews.prompts", "textarea")).to_have_value("mame, smile")
    expect(start).to_have_text(f"スタミナ {quoted} で学習を開始")
    start.click()

    page.wait_for_url(re.compile("/runs/"))
    expect(page.get_by_text("完了", exact=True)).to_be_visible()
    run = page.url.rpartition("/")[2]
    wait_until(lambda: metered_studio.get(f"/runs/{run}")["state"] == "finished")
    assert metered_studio.get(f"/runs/{run}")["charged"] == int(quoted)
    expect(page.get_by_label(f"スタミナ {A_DAY - int(quoted)}", exact=False)).to_be_visible()
    page.goto(f"{metered_studio.url}/account")
    settle(page)
    entries = page.get_by_role("row").filter(has=page.locator(f"a[href='/runs/{run}']"))
    expect(entries.filter(has_text=f"-{quoted}")).to_have_count(1)
