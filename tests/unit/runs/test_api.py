"""Runs over HTTP: forms of answers, downloads, streams, and that each person sees only their own (B6 to B9, H1, J3)."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from enogu.queue import service as queue
from enogu.recipe import recipe_from_values
from enogu.runs import api, tasks
from enogu.runs.rules.changing import changed
from enogu.storage.database import transaction, utc_now
from tests.unit.api_client import app_of, client_of
from tests.unit.runs.places import DATASET, REFERENCE, SMALL, Place, ScriptedEngine, metering_with

GIB = 2**30


@pytest.fixture
def database_kind() -> str:
    """Here one database is enough: what differs between them is tested below the API."""
    return "sqlite"


@pytest.fixture
def app(place: Place) -> FastAPI:
    return app_of(place.engine, api.router, metering=place.metering, settings=place.settings, files=place.files)


@pytest.fixture
def client(app: FastAPI, place: Place) -> TestClient:
    return client_of(app, place.engine, place.account.id)


def start(client: TestClient, key: str | None = None) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = client.post("/api/runs", json={"dataset_id": DATASET, "recipe": SMALL}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def train(place: Place, num_epochs: int = 2) -> tasks.OnWorker:
    worker = place.take()
    run = tasks.begin_run(worker)
    assert run is not None
    says = ScriptedEngine(run, tasks.prepare_run(worker, run).out)
    for number in range(1, num_epochs + 1):
        tasks.note_events(worker, run, [says.started()] if number == 1 else [])
        tasks.note_events(worker, run, list(says.epoch(number)))
    return worker


def test_the_schema_tells_every_field_of_the_recipe(client: TestClient) -> None:
    """F31: from the recipe itself."""
    shown = client.get("/api/recipe/schema").json()
    families = {one["path"]: one["families"] for one in shown["fields"]}
    assert families["flow.shift"] == ["flux"]
    assert families["noise.min_snr_gamma"] == ["sd15", "sdxl"]
    assert families["training.epochs"] == []
    fields = {one["path"]: one for one in shown["fields"]}
    dim = fields["adapter.dim"]
    assert (dim["product"], dim["kohya"], dim["low"], dim["high"], dim["default"]) == (
        "F13",
        "network_dim",
        1,
        1024,
        16,
    )
    assert all(one["sentence"] for one in shown["fields"])
    assert "properties" in shown["json_schema"]


def test_a_contradiction_is_told_with_its_field_and_its_fix(client: TestClient) -> None:
    """F29."""
    shown = client.post("/api/recipe/check", json={"recipe": {"adapter": {"dim": 4, "alpha": 8.0}}}).json()
    assert not shown["is_fine"]
    assert shown["problems"][0]["path"] == "adapter.alpha"
    assert shown["problems"][0]["fix"] == {"adapter.alpha": 4.0}
    fine = client.post("/api/recipe/check", json={"recipe": {}}).json()
    assert fine["is_fine"]
    assert fine["recipe"]["adapter"]["alpha"] == 16.0


def test_the_reference_run_is_planned_with_quote_sentences_and_ways_to_fit(app: FastAPI, place: Place) -> None:
    """F2, A4, A5: the free plan has 150."""
    app.state.metering = metering_with(150)
    client = client_of(app, place.engine, place.account.id)
    shown = client.post("/api/runs/plan", json={"dataset_id": DATASET, "recipe": REFERENCE}).json()
    assert (shown["quote"]["stamina"], shown["balance"], shown["is_affordable"]) == (157, 150, False)
    assert shown["plan"]["sentences"][0] == "Each of the 7 pictures is seen 200 times."
    assert (shown["plan"]["num_steps"], len(shown["plan"]["files"])) == (700, 10)
    assert shown["proposals"][0] == {
        "lever": "previews", "changes": {"previews.every_n_epochs": 2}, "left_out": [], "stamina": 149,
        "training_kept": 1.0,
    }  # fmt: skip
    memory = shown["memory"]
    assert memory["total"] == sum(memory[part] for part in ("weights", "adapter", "passes", "overhead"))
    assert (15e9 < memory["total"] < 25e9, memory["on_graphics_card"]) == (True, True)
    fewer = next(one for one in shown["proposals"] if one["lever"] == "pictures")
    assert set(fewer["left_out"]) <= {one.picture_id for one in place.pictures}
    refused = client.post("/api/runs", json={"dataset_id": DATASET, "recipe": REFERENCE})
    assert (refused.status_code, refused.json()["kind"]) == (422, "NotEnoughStamina")


def start_worker(place: Place, device: str, memory_bytes: int | None, name: str = "") -> None:
    with transaction(place.engine) as session:
        queue.start_worker(
            session, f"here:{device}", ["train"], device, utc_now(), device_name=name, memory_bytes=memory_bytes
        )


def test_a_plan_says_what_would_make_it_fit_the_card_with_most_memory(client: TestClient, place: Place) -> None:
    """Issue 4, item 2: pony at 512 with dim 128 needs some 20 GB."""

    def plan(recipe: dict[str, Any]) -> dict[str, Any]:
        return client.post("/api/runs/plan", json={"dataset_id": DATASET, "recipe": recipe}).json()

    unknown = plan(REFERENCE)
    assert (unknown["memory"]["capacity"], unknown["memory"]["fits"]) == (None, None)
    assert (unknown["memory_cures"], unknown["memory_fit"]) == ([], None)
    start_worker(place, "cpu", 64 * GIB)
    assert plan(REFERENCE)["memory"]["on_graphics_card"] is False
    start_worker(place, "cuda:0", 8 * GIB, "Small")
    start_worker(place, "cuda:1", 12 * GIB, "NVIDIA GeForce RTX 3060")
    shown = plan(REFERENCE)
    memory = shown["memory"]
    assert (memory["capacity"], memory["device_name"]) == (12 * GIB, "NVIDIA GeForce RTX 3060")
    assert (memory["on_graphics_card"], memory["fits"]) == (True, False)
    assert shown["memory_cures"][0]["changes"] == {"training.gradient_checkpointing": True}
    assert "adamw8bit" not in [one["kinds"][0] for one in shown["memory_cures"]]  # its worker has no bitsandbytes
    fit = shown["memory_fit"]
    assert fit["fits"]
    assert fit["total"] <= 12 * GIB
    cured = plan(changed(REFERENCE, fit["changes"]))
    assert (cured["memory"]["total"], cured["memory"]["fits"]) == (fit["total"], True)
    assert (cured["memory_cures"], cured["memory_fit"]) == ([], None)


def test_where_memory_ran_out_the_retry_takes_less_of_it(client: TestClient, place: Place) -> None:
    """G8: more than the checkpointing that the engine switches on by itself."""
    start_worker(place, "cuda:0", 12 * GIB)
    body = {"dataset_id": DATASET, "recipe": {**REFERENCE, "pictures": {"resolution": 1024}}}
    started = client.post("/api/runs", json=body).json()
    with transaction(place.engine) as session:
        job = queue.take_next(session, "train", "here:cuda:0", utc_now())
    assert job is not None
    worker = place.on_worker(job)
    run = tasks.begin_run(worker)
    assert run is not None
    event = {"kind": "OutOfMemory", "message": "The graphics card ran out of memory.", "field": "training.batch_size"}
    tasks.fail(worker, tasks.failure_said(run, event))
    failure = client.get(f"/api/runs/{started['id']}").json()["failure"]
    assert len(failure["changes"]) > 1
    assert failure["changes"]["training.gradient_checkpointing"] is True
    assert failure["changes"][failure["path"]] == failure["value"]
    again = client.post(f"/api/runs/{started['id']}/retry", json={"changes": failure["changes"]})
    assert again.status_code == 201
    recipe = client.get(f"/api/runs/{again.json()['id']}/recipe").json()
    planned = client.post("/api/runs/plan", json={"dataset_id": DATASET, "recipe": recipe}).json()
    assert planned["memory"]["fits"] is True


def test_a_start_with_mistakes_names_each_field(client: TestClient) -> None:
    body = {"dataset_id": DATASET, "recipe": {"training": {"epochs": 0}, "adapter": {"dim": 0}}}
    answer = client.post("/api/runs", json=body)
    assert answer.status_code == 422
    assert {one["path"] for one in answer.json()["problems"]} == {"training.epochs", "adapter.dim"}


def test_the_same_idempotency_key_gives_the_same_run(client: TestClient) -> None:
    first, second = start(client, "k"), start(client, "k")
    assert first["id"] == second["id"]
    assert (first["state"], first["runs_ahead"]) == ("queued", 0)
    assert len(client.get("/api/runs").json()) == 1


def test_what_a_run_left_is_shown_and_downloaded(client: TestClient, place: Place) -> None:
    """G4, H2, H3, H5."""
    run = start(client)
    tasks.finish(train(place, 4))
    shown = client.get(f"/api/runs/{run['id']}").json()
    assert (shown["state"], shown["charged"], shown["plan"]["num_steps"]) == ("finished", shown["quoted"], 28)
    epochs = client.get(f"/api/runs/{run['id']}/epochs").json()
    assert [one["epoch"] for one in epochs] == [1, 2, 3, 4]
    file = client.get(f"/api/runs/{run['id']}/epochs/2/file")
    assert file.content == b"lora zdm-000002.safetensors of step 14"
    assert "zdm-000002.safetensors" in file.headers["content-disposition"]
    assert client.get(epochs[1]["file_url"]).content == file.content
    assert client.get(epochs[0]["samples"][0]["picture_url"]).content == b"preview 1"
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/runs/{run['id']}/files.zip").content)) as archive:
        assert {"zdm.safetensors", "zdm.json", "zdm.png", "zdm-000001.safetensors"} <= set(archive.namelist())
    losses = client.get(f"/api/runs/{run['id']}/losses", params={"points": 6, "smoothing": 0.5}).json()
    assert losses["validation"] == []
    assert len(losses["steps"]) == len(losses["smoothed"]) <= 6
    assert client.get(f"/api/runs/{run['id']}/epochs/9/file").status_code == 404
    assert client.get(f"/api/runs/{run['id']}/recipe").json()["output_name"] == "zdm"
    assert len(client.get(f"/api/runs/{run['id']}/pictures").json()) == 7


def test_a_stream_replays_what_happened_and_ends_with_the_run(client: TestClient, place: Place) -> None:
    """G4."""
    run = start(client)
    tasks.finish(train(place))
    text = client.get(f"/api/runs/{run['id']}/events").text
    kinds = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    assert (kinds[0], kinds[-2:], kinds.count("Saved")) == ("StateChanged", ["StateChanged", "over"], 2)
    again = client.get(f"/api/runs/{run['id']}/events", headers={"Last-Event-ID": "5"}).text
    assert "id: 5\n" not in again
    assert "id: 6\n" in again


def test_a_run_is_steered_over_http(client: TestClient, place: Place) -> None:
    """G5."""
    run = start(client)
    assert client.post(f"/api/runs/{run['id']}/pause").json()["state"] == "paused"
    assert client.post(f"/api/runs/{run['id']}/pause").status_code == 409
    assert client.post(f"/api/runs/{run['id']}/resume").json()["state"] == "queued"
    worker = train(place, 1)
    for what in ("save-now", "sample-now", "cancel"):
        assert client.post(f"/api/runs/{run['id']}/{what}").status_code == 202
    assert client.get(f"/api/runs/{run['id']}").json()["asked"] == ["cancel", "sample", "save"]
    tasks.stop(worker, "cancel")
    assert client.patch(f"/api/runs/{run['id']}", json={"name": "二回目"}).json()["name"] == "二回目"
    again = client.post(f"/api/runs/{run['id']}/retry", json={}).json()
    assert (again["id"], again["attempt"]) == (run["id"], 2)
    client.post(f"/api/runs/{run['id']}/cancel")
    other = client.post(f"/api/runs/{run['id']}/retry", json={"changes": {"training.epochs": 1}}).json()
    assert other["made_of_run_id"] == run["id"]
    found = client.post("/api/recipe/diff", json={"before": run["id"], "after": other["id"]}).json()
    assert [(one["path"], one["before"], one["after"]) for one in found] == [("training.epochs", 4, 1)]
    assert client.delete(f"/api/runs/{run['id']}").status_code == 204
    assert client.get(f"/api/runs/{run['id']}").status_code == 404


def test_presets_are_kept_over_http(client: TestClient) -> None:
    """F32."""
    saved = client.post("/api/presets", json={"name": "mine", "recipe": SMALL}).json()
    assert client.get("/api/presets").json()[0]["id"] == saved["id"]
    changed = client.put(f"/api/presets/{saved['id']}", json={"name": "yours", "recipe": {}, "purpose": "all"})
    assert (changed.json()["name"], changed.json()["recipe"]) == ("yours", {})
    shipped = client.get("/api/presets/starter_character_cpu", headers={"Accept-Language": "ja"}).json()
    assert shipped["is_shipped"]
    assert shipped["purpose"].startswith("お試し用")
    assert client.delete(f"/api/presets/{saved['id']}").status_code == 204


def test_each_person_sees_only_their_own_runs(app: FastAPI, client: TestClient, place: Place) -> None:
    """J3: every route that names a run."""
    run = start(client)
    train(place)
    theirs = client_of(app, place.engine, place.other.id)
    assert theirs.get("/api/runs").json() == []
    for route in app.routes:
        path, methods = getattr(route, "path", ""), getattr(route, "methods", set[str]())
        if "{run_id}" not in path:
            continue
        url = path.format(run_id=run["id"], sample_id="x", epoch=1, filename="zdm-000001.safetensors")
        for method in methods:
            body = {"PATCH": {"name": "x"}, "POST": {}}.get(method)
            answer = theirs.request(method, url, json=body if body or url.endswith("retry") else None)
            assert answer.status_code == 404, (method, url, answer.text)
    assert client.get(f"/api/runs/{run['id']}").json()["state"] == "training"


def test_every_route_asks_who_is_calling(app: FastAPI) -> None:
    client = TestClient(app)
    for path in ("/api/recipe/schema", "/api/presets", "/api/runs", "/api/runs/x", "/api/runs/x/events"):
        assert client.get(path).status_code == 401


def test_settings_of_another_trainer_come_in_and_go_out(client: TestClient) -> None:
    """F33: what stands in the file, what has no counterpart, and the way back."""
    text = 'network_dim = 8\nnetwork_alpha = 4\nmax_train_epochs = 3\nkeep_tokens_separator = "|||"\n'
    imported = client.post("/api/recipe/import", json={"files": [{"name": "mine.toml", "text": text}]}).json()
    assert imported["source"] == "sd-scripts"
    assert imported["recipe"]["adapter"]["dim"] == 8
    assert [one["name"] for one in imported["remarks"] if one["outcome"] == "no_counterpart"] == [
        "keep_tokens_separator"
    ]
    exported = client.post("/api/recipe/export", json={"recipe": imported["recipe"]}).json()
    assert [file["name"] for file in exported["files"]] == ["lora.toml", "lora_dataset.toml"]
    again = client.post("/api/recipe/import", json={"files": exported["files"]}).json()
    assert recipe_from_values(again["recipe"]) == recipe_from_values(imported["recipe"])
    refused = client.post("/api/recipe/import", json={"files": [{"name": "soup.json", "text": '{"salt": 1}'}]})
    assert (refused.status_code, "soup.json" in refused.text) == (422, True)
