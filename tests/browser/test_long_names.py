"""Names and texts of a hundred letters and more, without a place to break: nothing is pushed out of sight."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import OpenPage, Studio, open_studio, wait_until
from tests.browser.places import MISSING, draw, list_places, settle, tagged_sample
from tests.browser.states import press_button
from tests.browser.test_manners import TOO_WIDE
from tests.unit.base_models.checkpoints import checkpoint

NAME = "zdm_" + "W" * 190
WORDS = "豆の精霊" * 30
DIALOGS = {
    "dataset: recall": ("dataset", "設定を呼び出す|Recall settings"),
    "dataset: base models": ("dataset", "ほかを選ぶ|Choose more"),
    "loras: extract": ("loras", "^(ベースモデルから取り出す|Extract)"),
}


@pytest.fixture(scope="module")
def wordy_studio(web_app: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Where everything has such a name."""
    with open_studio(tmp_path_factory.mktemp("wordy") / "home") as studio:
        _fill(studio, tmp_path_factory.mktemp("files"))
        yield studio


@pytest.mark.parametrize(("language", "width", "height"), [("ja", 360, 740), ("en", 1280, 900)], ids=["phone", "desk"])
def test_long_names_push_nothing_out_of_sight(
    wordy_studio: Studio, open_page: OpenPage, language: str, width: int, height: int
) -> None:
    places = list_places(wordy_studio)
    page = open_page(wordy_studio, language=language, width=width, height=height, touch=width < 500, allowed=MISSING)
    findings: list[str] = []
    for name, (place, button) in {**{place: (place, "") for place in places}, **DIALOGS}.items():
        page.goto(wordy_studio.url + places[place])
        settle(page)
        if button:
            press_button(button)(page)
        findings += [f"{name}: {one}" for one in page.evaluate(TOO_WIDE)]
    assert not findings, "\n".join(findings)


def _fill(studio: Studio, folder: Path) -> None:
    dataset = tagged_sample(studio)
    studio.patch(f"/datasets/{dataset}", {"name": NAME[:120], "trigger": NAME[:100]})
    command = {"kind": "add", "tags": [NAME[:150], WORDS]}
    studio.post(f"/datasets/{dataset}/captions/edits", {"command": command})
    recipe = {
        "output_name": NAME,
        "trigger": NAME[:100],
        "training": {"epochs": 2},
        "previews": {"prompts": [NAME, WORDS]},
    }
    studio.post("/presets", {"name": NAME, "recipe": recipe, "purpose": WORDS})
    run = studio.post("/runs", {"dataset_id": dataset, "recipe": recipe, "name": NAME})["id"]
    wait_until(lambda: studio.get(f"/runs/{run}")["state"] == "finished")
    lora = studio.post("/loras", {"run_id": run, "epoch": 2})["id"]
    studio.patch(f"/loras/{lora}", {"name": NAME[:100], "notes": NAME + WORDS})
    draw(studio, {"prompt": f"{NAME}, {WORDS}", "loras": [{"lora": lora, "weight": 0.8}], "seed": 1})
    draw(studio, {"prompts": [NAME], "compare": [lora], "seed": 1}, "/drawings/comparison")
    file = folder / f"{NAME[:120]}.safetensors"
    file.write_bytes(checkpoint({"modelspec.title": NAME, "modelspec.license": NAME}))
    model = studio.post("/base-models", {"path": str(file), "name": NAME[:120]})["id"]
    studio.patch(f"/base-models/{model}", {"notes": NAME + WORDS, "licence": NAME})
