"""What a page asks for before its code runs is what its code wants: nothing is asked for twice (decision 0034)."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Request, expect

from tests.browser.conftest import OpenPage, Studio
from tests.browser.places import list_places, settle


@pytest.mark.parametrize("place", ["training", "dataset", "captions", "run"])
def test_a_page_that_is_opened_asks_for_each_answer_once(studio: Studio, open_page: OpenPage, place: str) -> None:
    path = list_places(studio)[place]
    page = open_page(studio, path="/account")
    settle(page)
    asked: Counter[str] = Counter()

    def note(request: Request) -> None:
        parts = urlsplit(request.url)
        if request.method == "GET" and parts.path.startswith("/api/") and not parts.path.endswith("/events"):
            asked[f"{parts.path}?{parts.query}"] += 1

    page.on("request", note)
    page.goto(f"{studio.url}{path}")
    settle(page)
    assert asked, "it asks for something"
    assert {url: times for url, times in asked.items() if times > 1} == {}


def test_a_dataset_page_checks_its_recipe_once_and_plans_it_once_while_it_opens(
    studio: Studio, open_page: OpenPage
) -> None:
    path = list_places(studio)["dataset"]
    page = open_page(studio, path="/account")
    settle(page)
    asked: Counter[str] = Counter()

    def note(request: Request) -> None:
        if request.method == "POST":
            asked[urlsplit(request.url).path] += 1

    page.on("request", note)
    page.goto(f"{studio.url}{path}")
    expect(page.get_by_role("button", name="学習を開始")).to_be_enabled()
    settle(page)
    assert asked == {"/api/recipe/check": 1, "/api/runs/plan": 1}
