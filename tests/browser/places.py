"""Every page there is, with something on it, for what is asked of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from enogu import starter_data
from tests.browser.conftest import Studio, wait_until

RECIPE = {"training": {"epochs": 2}, "previews": {"prompts": ["mame, smile", "mame, sleeping"]}}

MISSING = ("404", "Problem: ")
"""What the console may say on the pages that are not there."""


def list_places(studio: Studio) -> dict[str, str]:
    """Name to path: of a studio with a tagged dataset and a finished run, which are made when they are missing."""
    if not studio.get("/runs"):
        run = start_run(studio, tagged_sample(studio))
        wait_until(lambda: studio.get(f"/runs/{run}")["state"] == "finished")
    run = studio.get("/runs")[-1]
    dataset, run = run["dataset_id"], run["id"]
    last = studio.get(f"/runs/{run}/epochs")[-1]["epoch"]
    lora = studio.post("/loras", {"run_id": run, "epoch": last})["id"]  # saving it twice is saving it once
    if not studio.get("/drawings/requests?kind=comparison")["requests"]:
        draw(studio, {"prompt": "mame, smile", "loras": [{"lora": lora, "weight": 0.8}], "count": 3, "seed": 1})
        draw(studio, {"prompts": ["mame, smile"], "compare": [lora], "seed": 1}, "/drawings/comparison")
    return {
        "training": "/",
        "base_models": "/?tab=base_models",
        "dataset": f"/datasets/{dataset}",
        "captions": f"/datasets/{dataset}/captions",
        "run": f"/runs/{run}",
        "loras": "/loras",
        "lora": f"/loras/{lora}",
        "drawings": "/drawings",
        "account": "/account",
        "admin": "/admin",
        "not_found": "/no-such-page",
        "gone": "/datasets/00000000000000000000000000",
    }


def settle(page: Page) -> None:
    """Wait until a page shows what it has: its heading stands, nothing loads or is put off, no request is going on."""
    expect(page.locator("h1").first).to_be_visible()
    expect(page.locator("[data-below-first]")).to_have_count(0)
    expect(page.locator("[data-loading=true], .mantine-Loader-root, .mantine-Skeleton-root")).to_have_count(0)
    page.wait_for_load_state("networkidle")


def show_notices(page: Page) -> None:
    """What the studio says of the planned run, unfolded: it is from the start when it was known before the page."""
    fold = page.locator("[aria-controls=plan-notices]")
    expect(fold).to_be_visible()
    if fold.get_attribute("aria-expanded") == "false":
        fold.click()


def draw(studio: Studio, wish: dict[str, Any], path: str = "/drawings") -> None:
    """Ask for pictures, and wait until they are drawn."""
    request = studio.post(path, wish)["id"]
    wait_until(lambda: studio.get(f"/drawings/requests/{request}")["state"] == "done")


def tagged_sample(studio: Studio) -> str:
    """The sample, cropped and tagged; the dataset's id."""
    dataset = studio.post("/datasets/samples", {"name": "mame"})["id"]
    studio.post(f"/datasets/{dataset}/crop-and-tag", {"parts": "both"})
    wait_until(lambda: all(one["caption"] for one in studio.get(f"/datasets/{dataset}/pictures")["pictures"]))
    return str(dataset)


def start_run(studio: Studio, dataset: str, epochs: int = 2, repeats: int | None = None) -> str:
    """A run of that dataset, of four steps an epoch and more with more repeats; its id."""
    recipe = {
        **RECIPE,
        "output_name": "mame",
        "trigger": "mame",
        "training": {"epochs": epochs},
        "pictures": {"repeats": repeats},
    }
    return str(studio.post("/runs", {"dataset_id": dataset, "recipe": recipe, "name": "mame"})["id"])


def sample_picture() -> Path:
    """One of the sample's pictures."""
    return sample_pictures()[0]


def sample_pictures() -> list[Path]:
    """All seven."""
    return sorted((starter_data.path("pictures") / "mame").glob("*.png"))
