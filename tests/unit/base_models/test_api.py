"""Base models over HTTP (C1 to C5): forms of answers, and that each person sees only their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from enogu.accounts import service as accounts
from enogu.accounts.asking import Door
from enogu.bootstrap import Studio
from enogu.imaging.decoder import DirectDecoder
from enogu.server.app import create_app
from enogu.storage.database import Engine, transaction, utc_now
from tests.unit.base_models.checkpoints import checkpoint, folder_files, upload, zip_of
from tests.unit.base_models.diffusers_folders import write_base_model
from tests.unit.datasets.studio import METERING, Place, open_place, png

HERE = "/api/base-models"


@pytest.fixture
def database_kind() -> str:
    """Here one database is enough: what differs between them is tested below the API."""
    return "sqlite"


@dataclass
class Person:
    """Somebody with a place and a way to ask."""

    place: Place
    client: TestClient


def person(app: FastAPI, place: Place, *, is_admin: bool = False) -> Person:
    with transaction(place.engine) as session:
        if is_admin:
            accounts.set_admin(session, place.account.id, True)
        secret = accounts.create_api_token(session, place.account.id, "test", utc_now()).secret
    client = TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False)
    client.headers["Authorization"] = f"Bearer {secret}"
    return Person(place, client)


@pytest.fixture
def app(engine: Engine, tmp_path: Path) -> FastAPI:
    place = open_place(engine, tmp_path / "home", "first")
    studio = Studio(place.settings, engine, place.files, Door(engine, "password"), METERING, decoder=DirectDecoder())
    return create_app(studio)


@pytest.fixture
def someone(app: FastAPI, engine: Engine, tmp_path: Path) -> Person:
    place = open_place(engine, tmp_path / "home")
    place.files = app.state.files
    return person(app, place)


def register(someone: Person, name: str = "anime.safetensors", data: bytes = b"") -> dict[str, object]:
    upload_id = upload(someone.place, data or checkpoint(), name)
    answer = someone.client.post(HERE, json={"upload_id": upload_id})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_the_starter_is_listed_for_everybody(someone: Person) -> None:
    """C7."""
    shown = someone.client.get(HERE).json()
    assert [(one["id"], one["family_title"], one["is_own"]) for one in shown["base_models"]] == [
        ("starter", "SD1.5", False)
    ]
    assert (shown["base_models"][0]["path"], shown["refused"], shown["total"]) == (None, [], 1)
    assert len(shown["base_models"][0]["short_hash"]) == 10


def test_an_upload_is_registered_shown_changed_and_deleted(someone: Person) -> None:
    """C2, C3."""
    base = register(someone)
    here = f"{HERE}/{base['id']}"
    assert (base["name"], base["family"], base["state"], base["can_train"]) == ("anime", "sd15", "ready", True)
    changed = someone.client.patch(here, json={"name": "絵", "notes": "良い"})
    assert (changed.json()["name"], changed.json()["notes"]) == ("絵", "良い")
    assert someone.client.get(f"{HERE}/絵").json()["id"] == base["id"]
    assert someone.client.get(HERE, params={"search": "絵", "family": "sd15"}).json()["total"] == 1
    assert someone.client.patch(here, json={"family": "sdxl"}).status_code == 422
    assert someone.client.delete(here).status_code == 204
    assert someone.client.get(here).status_code == 404


def test_a_zip_is_answered_as_importing_with_its_progress(someone: Person, tmp_path: Path) -> None:
    base = register(someone, "mine.zip", zip_of(folder_files(tmp_path)))
    assert (base["state"], base["family_title"], base["progress"]) == ("importing", "", {})


def test_a_picture_is_sent_as_it_is_and_comes_back_small(someone: Person) -> None:
    here = f"{HERE}/{register(someone)['id']}"
    assert someone.client.get(f"{here}/picture").status_code == 404
    assert someone.client.put(f"{here}/picture", content=png(1)).json()["has_picture"] is True
    picture = someone.client.get(f"{here}/picture")
    assert (picture.headers["content-type"], picture.content[:4]) == ("image/webp", b"RIFF")
    assert someone.client.put(f"{here}/picture", content=b"no").status_code == 422
    assert someone.client.delete(f"{here}/picture").json()["has_picture"] is False


def test_paths_are_for_administrators(app: FastAPI, someone: Person, tmp_path: Path) -> None:
    folder = write_base_model(tmp_path / "sd")
    write_base_model(someone.place.settings.base_models_folder / "broken").joinpath("model_index.json").unlink()
    assert someone.client.post(HERE, json={"path": str(folder)}).status_code == 403
    admin = person(app, someone.place, is_admin=True)
    made = admin.client.post(HERE, json={"path": str(folder), "name": "mine"})
    assert (made.status_code, made.json()["path"]) == (201, str(folder))
    assert len(admin.client.get(HERE).json()["refused"]) == 1
    hashed = admin.client.post(f"{HERE}/{made.json()['id']}/hash")
    assert (hashed.status_code, hashed.json()["state"]) == (202, "known")


@pytest.mark.parametrize("body", [{}, {"path": "/x", "upload_id": "y"}, {"path": ""}, {"upload_id": "x" * 27}])
def test_a_request_without_one_source_is_refused(someone: Person, body: dict[str, str]) -> None:
    assert someone.client.post(HERE, json=body).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/hash"),
        ("GET", "/picture"),
        ("PUT", "/picture"),
        ("DELETE", "/picture"),
    ],
)
def test_anothers_base_model_is_not_found(
    app: FastAPI, someone: Person, engine: Engine, tmp_path: Path, method: str, path: str
) -> None:
    base = register(someone)
    other = person(app, open_place(engine, tmp_path / "home", "other"), is_admin=True)
    body = {"content": png(1)} if (method, path) == ("PUT", "/picture") else {"json": {}}
    answer = other.client.request(method, f"{HERE}/{base['id']}{path}", **body)  # pyright: ignore[reportArgumentType]
    assert answer.status_code == 404, answer.text


def test_nobody_signed_in_sees_nothing(app: FastAPI) -> None:
    client = TestClient(app, base_url="http://localhost:8000")
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/starter"), ("PUT", "/starter/picture")):
        assert client.request(method, HERE + path).status_code == 401


def test_the_studios_own_cannot_be_changed(someone: Person) -> None:
    answer = someone.client.patch(f"{HERE}/starter", json={"notes": "x"})
    assert (answer.status_code, "belongs to the studio" in answer.json()["detail"]) == (404, True)
