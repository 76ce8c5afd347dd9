"""Training a LoRA further in a studio that is full: the right pictures are found among a hundred datasets (G7)."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage, Studio, open_studio, wait_until
from tests.browser.places import start_run, tagged_sample

WANTED = "水着の豆"


@dataclass(frozen=True)
class Crowded:
    """A studio with a run on its oldest dataset, and a hundred younger ones."""

    studio: Studio
    run: str
    dataset: str
    wanted: str


@pytest.fixture(scope="module")
def crowded(web_app: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowded]:
    with open_studio(tmp_path_factory.mktemp("crowded") / "home") as studio:
        dataset = tagged_sample(studio)
        run = start_run(studio, dataset)
        wanted = tagged_sample(studio)
        studio.patch(f"/datasets/{wanted}", {"name": WANTED})
        for number in range(101):
            studio.post("/datasets", {"name": f"試し {number:03}"})
        wait_until(lambda: studio.get(f"/runs/{run}")["state"] == "finished")
        yield Crowded(studio, run, dataset, wanted)


def choose_and_start(page: Page, crowded: Crowded, words: dict[str, str], shown: str) -> str:
    """Look for the wanted dataset, see that the settings go on from the LoRA, start; the new run's id."""
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio").nth(90)).to_be_attached()
    search = dialog.get_by_role("textbox", name=words["search"])
    search.fill("無いもの")
    expect(dialog.get_by_text(words["not_found"])).to_be_visible()
    go = dialog.get_by_role("button", name=words["go"])
    expect(go).to_be_disabled()
    search.fill("水着")
    expect(dialog.get_by_role("radio")).to_have_count(1)
    dialog.get_by_role("radio", name=WANTED).check()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
    go.click()
    page.wait_for_url(f"**/datasets/{crowded.wanted}")
    expect(page.get_by_text(shown)).to_be_visible()
    page.get_by_role("button", name=words["start"]).click()
    page.wait_for_url(re.compile("/runs/(?!" + crowded.run + ")"))
    return page.url.rsplit("/", 1)[1]


JA = {
    "search": "データセットの名前で検索",
    "not_found": "見つかりません。",
    "go": "設定を確かめる",
    "start": "学習を開始",
}
EN = {
    "search": "Search datasets by name",
    "not_found": "Nothing found.",
    "go": "Check the settings",
    "start": "Start training",
}


def test_an_epoch_goes_on_with_pictures_found_among_a_hundred_datasets(crowded: Crowded, open_page: OpenPage) -> None:
    studio = crowded.studio
    file = studio.get(f"/runs/{crowded.run}/epochs")[1]["filename"]
    page = open_page(studio, path=f"/runs/{crowded.run}")
    page.get_by_role("button", name=f"{file} をさらに学習").click()
    first = page.get_by_role("dialog").get_by_role("radio").first
    expect(first).to_be_checked()  # its own dataset, though it is the oldest
    assert first.get_attribute("value") == crowded.dataset
    further = choose_and_start(page, crowded, JA, f"「{file}」の続きから学習します。")
    run = studio.get(f"/runs/{further}")
    assert (run["dataset_id"], run["start_name"]) == (crowded.wanted, file)
    wait_until(lambda: studio.get(f"/runs/{further}")["state"] == "finished")


def without_metadata(data: bytes) -> bytes:
    """As many a LoRA from the network is: nothing tells what it was trained on."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    del header["__metadata__"]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def test_a_file_from_elsewhere_that_tells_nothing_of_itself_goes_on(
    crowded: Crowded, open_page: OpenPage, tmp_path: Path
) -> None:
    """On a phone: it is brought in, opened, and trained further; its size comes from its tensors."""
    studio = crowded.studio
    ours = httpx.get(studio.url + studio.get(f"/runs/{crowded.run}/epochs")[0]["file_url"]).content
    file = tmp_path / "だれかの LoRA.safetensors"
    file.write_bytes(without_metadata(ours))
    page = open_page(studio, language="en", width=360, height=740, touch=True, path="/loras")
    page.locator("input[type=file]").first.set_input_files(file)
    page.get_by_role("link", name=re.compile("だれかの")).first.click()
    page.wait_for_url(re.compile("/loras/.+"))
    lora = studio.get(f"/loras/{page.url.rsplit('/', 1)[1]}")
    page.get_by_role("button", name=f"Train further: {lora['name']}").click()
    further = choose_and_start(page, crowded, EN, f"Goes on from “{lora['name']}”.")
    run = studio.get(f"/runs/{further}")
    assert (run["dataset_id"], run["start_name"]) == (crowded.wanted, lora["name"])
    assert run["recipe"]["adapter"]["dim"] == lora["dim"]
    wait_until(lambda: studio.get(f"/runs/{further}")["state"] == "finished")
