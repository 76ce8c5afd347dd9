"""The library of LoRAs over HTTP (H3, H5): forms of answers, downloads, and that each person sees only their own."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from enogu.accounts import service as accounts
from enogu.accounts.asking import Door
from enogu.accounts.entities import Account
from enogu.bootstrap import Studio
from enogu.server.app import create_app
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import transaction, utc_now
from tests.unit.loras.lora_files import leave_epoch, lora_bytes, upload
from tests.unit.runs.places import Place


@pytest.fixture
def app(place: Place) -> FastAPI:
    door = Door(place.engine, "password")
    return create_app(Studio(place.settings, place.engine, place.files, door, load_metering(SHIPPED)))


def client_of(app: FastAPI, place: Place, account: Account) -> TestClient:
    with transaction(place.engine) as session:
        secret = accounts.create_api_token(session, account.id, "test", utc_now()).secret
    client = TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False)
    client.headers["Authorization"] = f"Bearer {secret}"
    return client


@pytest.fixture
def client(app: FastAPI, place: Place) -> TestClient:
    return client_of(app, place, place.account)


def test_a_lora_goes_from_upload_to_download_with_all_beside_it(client: TestClient, place: Place) -> None:
    data = lora_bytes({"enogu_trigger": "豆"})
    added = client.post("/api/loras", json={"upload_id": upload(place, data, "豆.safetensors")})
    assert added.status_code == 201, added.text
    lora = added.json()
    assert (lora["name"], lora["family"], lora["trigger"], lora["dim"]) == ("豆", "sd15", "豆", 4)
    assert lora["facts"]["modules"] == {"unet": 1}
    got = client.get(lora["file_url"])
    assert got.content == data
    assert "filename*=UTF-8''%E8%B1%86.safetensors" in got.headers["content-disposition"]
    assert client.get(f"/api/loras/{lora['id']}/sidecar.json").json()["activation text"] == "豆"
    assert client.get(f"/api/loras/{lora['id']}/preview.png").status_code == 404
    listed = client.get("/api/loras", params={"q": "豆"}).json()
    assert ([one["id"] for one in listed["loras"]], listed["total"], listed["next_offset"]) == ([lora["id"]], 1, None)


def test_an_epoch_is_saved_and_shows_any_preview_of_its_run(client: TestClient, place: Place) -> None:
    run = place.start()
    with transaction(place.engine) as session:
        leave_epoch(place, session, run, 1, preview=b"first picture")
        leave_epoch(place, session, run, 2, preview=b"second picture")
    lora = client.post("/api/loras", json={"run_id": run.id, "epoch": 1}).json()
    assert client.get(lora["preview_url"]).content == b"first picture"
    samples = client.get(f"/api/runs/{run.id}/samples").json()
    listed = samples if isinstance(samples, list) else samples["samples"]
    shown = client.put(f"/api/loras/{lora['id']}/preview", json={"sample_id": listed[-1]["id"]})
    assert shown.status_code == 200, shown.text
    assert client.get(lora["preview_url"]).content == b"second picture"
    by_file = client.post("/api/loras", json={"run_id": run.id, "filename": "zdm-000002.safetensors", "name": "best"})
    assert (by_file.status_code, by_file.json()["epoch"]) == (201, 2)


@pytest.mark.parametrize("layout", ["a1111", "comfyui"])
def test_all_are_downloaded_as_one_zip_for_a1111_or_comfyui(client: TestClient, place: Place, layout: str) -> None:
    """H5."""
    run = place.start()
    with transaction(place.engine) as session:
        leave_epoch(place, session, run, 1, preview=b"png")
    client.post("/api/loras", json={"run_id": run.id, "epoch": 1, "name": "まめ"})
    client.post("/api/loras", json={"upload_id": upload(place, lora_bytes(width=2048)), "name": "big"})
    answer = client.get("/api/loras.zip", params={"layout": layout})
    folder = "models/loras/" if layout == "comfyui" else ""
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert set(opened.namelist()) == {
            f"{folder}{name}" for name in ("まめ.safetensors", "まめ.json", "まめ.png", "big.safetensors", "big.json")
        }
        told = json.loads(opened.read(f"{folder}まめ.json"))
        assert opened.read(f"{folder}まめ.png") == b"png"
    assert (told["sd version"], told["activation text"], told["description"]) == (
        "SD1", "zdm", "Epoch 1. Trained on starter.",
    )  # fmt: skip
    only = client.get("/api/loras.zip", params={"family": "sdxl"})
    with zipfile.ZipFile(io.BytesIO(only.content)) as opened:
        assert opened.namelist() == ["big.safetensors", "big.json"]
    assert client.get("/api/loras.zip", params={"q": "nothing like it"}).status_code == 404


def test_deleting_is_undone_and_a_taken_name_says_so(client: TestClient, place: Place) -> None:
    lora = client.post("/api/loras", json={"upload_id": upload(place, lora_bytes()), "name": "mame"}).json()
    other = client.post("/api/loras", json={"upload_id": upload(place, lora_bytes())}).json()
    taken = client.patch(f"/api/loras/{other['id']}", json={"name": "MAME"})
    assert (taken.status_code, taken.json()["kind"]) == (422, "LoraNameRefused")
    assert client.delete(f"/api/loras/{lora['id']}").status_code == 204
    assert client.get(f"/api/loras/{lora['id']}").status_code == 404
    assert client.get("/api/loras", params={"deleted": True}).json()["total"] == 1
    assert client.post(f"/api/loras/{lora['id']}/restore").json()["name"] == "mame"


def test_only_what_fits_a_base_model_is_listed_for_it(client: TestClient, place: Place) -> None:
    """C5."""
    client.post("/api/loras", json={"upload_id": upload(place, lora_bytes()), "name": "small"})
    client.post("/api/loras", json={"upload_id": upload(place, lora_bytes(width=2048)), "name": "big"})
    for base_model, name in (("starter", "small"), ("pony", "big")):
        listed = client.get("/api/loras", params={"base_model": base_model}).json()["loras"]
        assert [one["name"] for one in listed] == [name]
    assert client.get("/api/loras", params={"base_model": "pony", "family": "sd15"}).json()["total"] == 0
    assert client.get("/api/loras", params={"base_model": "nothing"}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"upload_id": "u", "run_id": "r"},
        {"run_id": "r"},
        {"run_id": "r", "epoch": 1, "filename": "a"},
        {"epoch": 1},
        {"upload_id": "u", "epoch": 1},
        {"upload_id": "u", "path": "/etc/passwd"},
    ],
)
def test_a_body_that_says_two_things_or_none_is_refused(client: TestClient, body: dict[str, object]) -> None:
    assert client.post("/api/loras", json=body).status_code == 422


def test_another_person_finds_nothing_of_it(app: FastAPI, client: TestClient, place: Place) -> None:
    lora = client.post("/api/loras", json={"upload_id": upload(place, lora_bytes())}).json()
    stranger = client_of(app, place, place.other)
    path = f"/api/loras/{lora['id']}"
    assert stranger.get("/api/loras").json()["total"] == 0
    for method, address, body in (
        ("GET", path, None),
        ("PATCH", path, {"notes": "hello"}),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
        ("GET", f"{path}/file", None),
        ("GET", f"{path}/sidecar.json", None),
        ("GET", f"{path}/preview.png", None),
        ("PUT", f"{path}/preview", {"sample_id": "s"}),
        ("GET", f"{path}/base-models", None),
        ("GET", f"/api/loras.zip?id={lora['id']}", None),
    ):
        assert stranger.request(method, address, json=body).status_code == 404, (method, address)


def test_the_base_models_that_a_lora_fits_are_listed(client: TestClient, place: Place) -> None:
    """C5."""
    small = client.post("/api/loras", json={"upload_id": upload(place, lora_bytes()), "name": "small"}).json()
    big = client.post("/api/loras", json={"upload_id": upload(place, lora_bytes(width=2048)), "name": "big"}).json()
    listed = client.get(f"/api/loras/{small['id']}/base-models").json()["base_models"]
    assert [(one["id"], one["family"], one["is_same_derivative"]) for one in listed] == [("starter", "sd15", True)]
    assert client.get(f"/api/loras/{big['id']}/base-models").json()["base_models"] == []


def test_what_a_run_left_is_found_by_the_run_and_families_are_counted(client: TestClient, place: Place) -> None:
    """H3: the result page says which epochs are in the library already."""
    run = place.start()
    with transaction(place.engine) as session:
        epoch = leave_epoch(place, session, run, 1)
    saved = client.post("/api/loras", json={"run_id": run.id, "filename": epoch.filename}).json()
    client.post("/api/loras", json={"upload_id": upload(place, lora_bytes(width=2048), "wide.safetensors")})
    found = client.get("/api/loras", params={"run_id": run.id}).json()
    assert [(one["id"], one["sha256"]) for one in found["loras"]] == [(saved["id"], epoch.sha256)]
    assert [(one["title"], one["count"]) for one in found["families"]] == [("SD1.5", 1), ("SDXL", 1)]
    client.delete(f"/api/loras/{saved['id']}")
    assert client.get("/api/loras", params={"run_id": run.id}).json()["total"] == 0
