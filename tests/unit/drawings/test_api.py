"""Drawings over HTTP (I2 to I6): forms of answers, events, files, uploads; and whose they are (J3)."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image, PngImagePlugin

from enogu.drawings import api
from enogu.imaging.decoder import DirectDecoder
from enogu.imaging.infotext import parse_infotext
from tests.unit.api_client import app_of, client_of
from tests.unit.drawings.places import Place


@pytest.fixture
def database_kind() -> str:
    """Here one database is enough: what differs between them is tested below the API."""
    return "sqlite"


@pytest.fixture
def app(place: Place) -> FastAPI:
    used = {"metering": place.metering, "settings": place.settings, "files": place.files, "decoder": DirectDecoder()}
    return app_of(place.engine, api.router, **used)


@pytest.fixture
def client(app: FastAPI, place: Place) -> TestClient:
    return client_of(app, place.engine, place.account.id)


def body(**more: Any) -> dict[str, Any]:
    return {"prompt": "mame, smile", "width": 64, "height": 64, "steps": 2, "seed": 7, **more}


def drawn(client: TestClient, place: Place, **more: Any) -> dict[str, Any]:
    """A request that is drawn."""
    answer = client.post("/api/drawings", json=body(**more))
    assert answer.status_code == 201, answer.text
    place.work()
    return client.get(f"/api/drawings/requests/{answer.json()['id']}").json()


def events_of(client: TestClient, request_id: str, after: int = 0) -> list[tuple[str, Any]]:
    answer = client.get(f"/api/drawings/requests/{request_id}/events", params={"after": after})
    assert answer.headers["content-type"].startswith("text/event-stream")
    found: list[tuple[str, Any]] = []
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def test_a_request_is_answered_at_once_with_its_place_in_the_queue(client: TestClient, place: Place) -> None:
    """I3, G1."""
    place.add_lora("mame", trigger="mame")
    answer = client.post("/api/drawings", json=body(loras=[{"lora": "mame", "weight": 0.8}], count=2, seed=-1))
    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["state"], shown["ahead"], shown["count"], shown["num_done"]) == ("waiting", 0, 2, 0)
    assert shown["seed"] >= 0
    assert shown["base_model_name"] == "starter"
    assert shown["cells"][1]["seed"] == shown["seed"] + 1
    assert shown["cells"][0]["loras"][0]["weight"] == 0.8
    assert client.get("/api/drawings/requests", params={"live": True}).json()["requests"][0]["id"] == shown["id"]
    assert client.get("/api/drawings/requests", params={"kind": "pictures"}).json()["requests"][0]["id"] == shown["id"]
    assert client.get("/api/drawings/requests", params={"kind": "comparison"}).json()["requests"] == []


@pytest.mark.parametrize(
    "more",
    [{"colour": 1}, {"count": 0}, {"sampler": "plms"}, {"loras": [{"lora": "mame", "weight": 9}]}, {"cfg": "many"}],
)
def test_a_form_with_a_mistake_is_refused(client: TestClient, more: dict[str, Any]) -> None:
    assert client.post("/api/drawings", json=body(**more)).status_code == 422


def test_the_form_is_told_what_suits_the_base_model(client: TestClient) -> None:
    """I3: what the page offers is what the route takes."""
    offered = client.get("/api/drawings/options").json()
    assert (offered["base_model_id"], offered["family_title"]) == ("starter", "SD1.5")
    assert offered["sizes"][0] == {"width": 128, "height": 128}
    usual, *others = offered["samplers"]
    assert (usual["value"], offered["default_sampler"]) == ("ddim", "ddim")
    euler = next(one for one in others if one["value"] == "euler")
    assert (euler["title"], euler["schedules"][1]) == ("Euler", {"value": "karras", "title": "Karras"})
    for sampler in offered["samplers"]:
        for schedule in sampler["schedules"]:
            asked = body(sampler=sampler["value"], schedule_type=schedule["value"])
            kept = client.post("/api/drawings", json=asked).json()
            assert kept["settings"]["sampler"] == sampler["value"]
            assert kept["settings"]["schedule_type"] == schedule["value"]
            client.post(f"/api/drawings/requests/{kept['id']}/cancel")
    refused = client.post("/api/drawings", json=body(sampler="ddim", schedule_type="karras"))
    assert (refused.status_code, "DDIM cannot be drawn along" in refused.json()["detail"]) == (422, True)
    assert (offered["steps"]["low"], offered["steps"]["high"], offered["steps"]["default"]) == (1, 200, 20)
    for size in offered["sizes"]:
        assert client.post("/api/drawings", json=body(**size)).status_code == 201
    for name in ("steps", "cfg", "clip_skip"):
        assert client.post("/api/drawings", json=body(**{name: offered[name]["high"]})).status_code == 201
        assert client.post("/api/drawings", json=body(**{name: offered[name]["high"] + 1})).status_code == 422
    assert client.get("/api/drawings/options", params={"base_model": "none"}).status_code == 422


def test_refusals_come_with_words_and_cure(client: TestClient, place: Place) -> None:
    """C5, J4."""
    place.add_lora("zdm", "sdxl")
    answer = client.post("/api/drawings", json=body(prompt="<lora:zdm:1>"))
    assert (answer.status_code, answer.json()["kind"]) == (422, "WrongFamily")
    assert answer.json()["cure"]
    answer = client.post("/api/drawings", json=body(base_model="none"))
    assert (answer.status_code, answer.json()["kind"]) == (422, "BaseModelRefused")


def test_pictures_are_served_with_their_text_and_downloaded_by_name(client: TestClient, place: Place) -> None:
    """I4."""
    request = drawn(client, place, prompt="まめ、笑顔", count=2)
    assert request["state"] == "done"
    first = request["drawings"][0]
    answer = client.get(first["picture_url"])
    assert answer.headers["content-type"] == "image/png"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert parse_infotext(image.text["parameters"]).prompt == "まめ、笑顔"
    saved = client.get(first["picture_url"], params={"download": True})
    assert "filename*=UTF-8''7%20%E3%81%BE%E3%82%81" in saved.headers["content-disposition"]
    assert client.get(first["thumbnail_url"]).headers["content-type"] == "image/webp"
    zipped = client.post("/api/drawings/download", json={"ids": [one["id"] for one in request["drawings"]]})
    with zipfile.ZipFile(io.BytesIO(zipped.content)) as archive:
        assert archive.namelist() == ["7 まめ、笑顔.png", "8 まめ、笑顔.png"]


def test_a_request_is_followed_to_its_end_and_from_the_middle(client: TestClient, place: Place) -> None:
    request = drawn(client, place, count=2)
    events = events_of(client, request["id"])
    assert [kind for kind, _ in events] == ["drawn", "drawn", "changed", "over"]
    assert [data["seed"] for kind, data in events if kind == "drawn"] == [7, 8]
    assert events[2][1]["state"] == "done"
    assert [kind for kind, _ in events_of(client, request["id"], after=1000)] == ["over"]


def test_a_comparison_comes_with_its_sheet(client: TestClient, place: Place) -> None:
    """I5: the article's weights are the default."""
    place.add_lora("mame")
    wish = {"prompts": ["smile"], "compare": ["mame"], "width": 64, "height": 64, "steps": 1}
    answer = client.post("/api/drawings/comparison", json=wish)
    assert answer.status_code == 201, answer.text
    sheet_url = f"/api/drawings/requests/{answer.json()['id']}/sheet"
    assert client.get(sheet_url).status_code == 404
    assert answer.json()["sheet"]["columns"] == ["no LoRA", "0.7", "0.8", "1"]
    place.work()
    assert client.get(f"/api/drawings/requests/{answer.json()['id']}").json()["sheet"]["is_ready"]
    assert client.get(sheet_url).headers["content-type"] == "image/png"
    assert "attachment" in client.get(sheet_url, params={"download": True}).headers["content-disposition"]


def test_the_gallery_has_pages_search_and_undo(client: TestClient, place: Place) -> None:
    """I6."""
    request = drawn(client, place, prompt="ずんだ、笑顔", count=3)
    page = client.get("/api/drawings", params={"limit": 2, "q": "笑顔"}).json()
    assert [one["seed"] for one in page["drawings"]] == [9, 8]
    rest = client.get("/api/drawings", params={"limit": 2, "q": "笑顔", "before": page["next_before"]}).json()
    assert ([one["seed"] for one in rest["drawings"]], rest["next_before"]) == ([7], None)
    ids = [one["id"] for one in request["drawings"]]
    assert client.post("/api/drawings/delete", json={"ids": ids[:2]}).json() == {"ids": ids[:2]}
    assert len(client.get("/api/drawings", params={"request": request["id"]}).json()["drawings"]) == 1
    assert len(client.get("/api/drawings", params={"deleted": True}).json()["drawings"]) == 2
    assert client.get(f"/api/drawings/{ids[0]}").json()["deleted_at"]
    assert client.post("/api/drawings/restore", json={"ids": ids}).json() == {"ids": ids[:2]}
    assert client.delete(f"/api/drawings/{ids[0]}").json() == {"ids": [ids[0]]}
    assert client.post("/api/drawings/empty-bin").json() == {"num_deleted": 1}
    assert client.get(f"/api/drawings/{ids[0]}").status_code == 404


def test_what_was_cancelled_can_be_continued(client: TestClient, place: Place) -> None:
    request_id = client.post("/api/drawings", json=body()).json()["id"]
    assert client.post(f"/api/drawings/requests/{request_id}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/drawings/requests/{request_id}/cancel").status_code == 409
    assert client.post(f"/api/drawings/requests/{request_id}/continue").json()["state"] == "waiting"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_pictures_text_fills_the_form(client: TestClient, place: Place, kind: str) -> None:
    """I4: PNG as Enogu and A1111 write it, JPEG and WebP with EXIF."""
    lora = place.add_lora("まめ")
    text = (
        "笑顔 <lora:まめ:0.8>\nNegative prompt: 暗い\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x96"
    )
    buffer = io.BytesIO()
    image = Image.new("RGB", (64, 96), "green")
    if kind == "PNG":
        chunks = PngImagePlugin.PngInfo()
        chunks.add_text("parameters", text)
        image.save(buffer, kind, pnginfo=chunks)
    else:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + text.encode("utf-16-be")
        image.save(buffer, kind, exif=exif)
    answer = client.post("/api/drawings/read-parameters", files={"file": (f"drawn.{kind}", buffer.getvalue())})
    assert answer.status_code == 200, answer.text
    form = answer.json()
    assert (form["prompt"], form["negative_prompt"], form["seed"]) == ("笑顔", "暗い", 5)
    assert (form["width"], form["height"], form["sampler"], form["steps"]) == (64, 96, "euler_a", 20)
    assert form["loras"] == [{"name": "まめ", "weight": 0.8, "hash": "", "lora_id": lora.id, "library_name": "まめ"}]


def test_uploads_that_tell_nothing_are_refused_in_words(client: TestClient) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    answer = client.post("/api/drawings/read-parameters", files={"file": ("plain.png", buffer.getvalue())})
    assert answer.status_code == 422
    assert "plain.png does not say how it was drawn" in answer.json()["detail"]
    answer = client.post("/api/drawings/read-parameters", files={"file": ("text.png", b"no picture")})
    assert (answer.status_code, answer.json()["kind"]) == (422, "PictureRefused")
    answer = client.post("/api/drawings/read-parameters", files={"other": ("text.png", b"x")})
    assert answer.status_code in (400, 422)
    headers = {"content-length": str(api.MOST_UPLOAD_BYTES + 1), "content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/drawings/read-parameters", headers=headers, content=b"")
    assert answer.status_code == 413


def test_another_owner_finds_nothing(app: FastAPI, client: TestClient, place: Place) -> None:
    """J3: not even whether it exists."""
    request = drawn(client, place)
    (drawing,) = request["drawings"]
    theirs = client_of(app, place.engine, place.other.id)
    ids = {"ids": [drawing["id"]]}
    for method, path, content in (
        ("GET", f"/api/drawings/{drawing['id']}", None),
        ("DELETE", f"/api/drawings/{drawing['id']}", None),
        ("GET", drawing["picture_url"], None),
        ("GET", drawing["thumbnail_url"], None),
        ("GET", f"/api/drawings/requests/{request['id']}", None),
        ("GET", f"/api/drawings/requests/{request['id']}/events", None),
        ("GET", f"/api/drawings/requests/{request['id']}/sheet", None),
        ("POST", f"/api/drawings/requests/{request['id']}/cancel", None),
        ("POST", f"/api/drawings/requests/{request['id']}/continue", None),
        ("POST", "/api/drawings/delete", ids),
        ("POST", "/api/drawings/restore", ids),
        ("POST", "/api/drawings/download", ids),
    ):
        assert theirs.request(method, path, json=content).status_code == 404, path
    assert theirs.get("/api/drawings").json() == {"drawings": [], "next_before": None}


def test_every_route_asks_who_is_calling(app: FastAPI) -> None:
    """J3: without a token there is nothing to see."""
    client = TestClient(app)
    for route in api.router.routes:
        path = route.path.replace("{drawing_id}", "x").replace("{request_id}", "x")  # type: ignore[attr-defined]
        for method in route.methods:  # type: ignore[attr-defined]
            content: Any = {"ids": ["x"]}
            if path == "/api/drawings":
                content = body()
            elif path.endswith("comparison"):
                content = {"prompts": ["a"], "compare": ["b"]}
            answer = client.request(method, path, json=content if method == "POST" else None)
            assert (answer.status_code, answer.json().get("kind")) == (401, "SignInNeeded"), path
