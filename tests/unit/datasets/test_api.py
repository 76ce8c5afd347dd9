"""Datasets over HTTP (B1, B4, D1 to D10): adding with reasons, pictures, crops, findings, tasks; and whose they are."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import Engine

from enogu.accounts import service as accounts
from enogu.datasets import api, service, tasks
from enogu.imaging.decoder import SafeDecoder
from enogu.storage.database import reading, transaction, utc_now
from enogu.tagging.fake import FakeTagger
from tests import hostile_pictures
from tests.unit.api_client import app_of, client_of
from tests.unit.datasets.incoming import zips
from tests.unit.datasets.studio import METERING, Place, drawn, open_place, png


@pytest.fixture
def database_kind() -> str:
    """Here one database is enough: what differs between them is tested below the API."""
    return "sqlite"


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Place:
    return open_place(engine, tmp_path)


@pytest.fixture
def app(place: Place) -> FastAPI:
    used = {"metering": METERING, "settings": place.settings, "files": place.files, "decoder": place.decoder}
    return app_of(place.engine, api.router, api.taggers_router, **used)


@pytest.fixture
def client(app: FastAPI, place: Place) -> TestClient:
    return client_of(app, place.engine, place.owner_id)


def made(client: TestClient, name: str = "some pictures") -> str:
    answer = client.post("/api/datasets", json={"name": name})
    assert answer.status_code == 201
    return answer.json()["id"]


def send(client: TestClient, dataset_id: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    answer = client.post(
        f"/api/datasets/{dataset_id}/pictures", files=[("files", (name, data)) for name, data in files.items()]
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def pictures(client: TestClient, dataset_id: str) -> list[dict[str, Any]]:
    return client.get(f"/api/datasets/{dataset_id}/pictures").json()["pictures"]


def test_good_files_come_in_and_each_bad_one_is_named(client: TestClient) -> None:
    """D1, D2."""
    dataset_id = made(client)
    answer = send(client, dataset_id, {"a.png": png(1), "a.txt": b"smile, hat", "b.png": b"no", "絵.png": png(2)})
    assert [(one["picture"]["name"], one["picture"]["caption"]) for one in answer["added"]] == [
        ("a.png", "smile, hat"), ("絵.png", ""),
    ]  # fmt: skip
    (refused,) = answer["refused"]
    assert refused["name"] == "b.png"
    assert refused["message"].startswith("b.png")
    assert refused["cure"]


def test_a_caption_that_comes_later_finds_its_picture(client: TestClient) -> None:
    """D1."""
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1), "b.png": png(2)})
    assert send(client, dataset_id, {"A.TXT": b"later", "c.txt": b"nobody's"})["num_captions"] == 1
    assert [one["caption"] for one in pictures(client, dataset_id)] == ["later", ""]


def test_the_same_bytes_come_in_once_and_a_taken_name_gets_a_number(client: TestClient) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1)})
    (again,) = send(client, dataset_id, {"again.png": png(1), "again.txt": b"hat"})["added"]
    assert (again["is_new"], again["picture"]["name"]) == (False, "a.png")
    (other,) = send(client, dataset_id, {"A.png": png(2)})["added"]
    assert other["picture"]["name"] == "A (2).png"
    assert [one["caption"] for one in pictures(client, dataset_id)] == ["hat", ""]


def test_originals_come_back_byte_for_byte_and_thumbnails_are_small(client: TestClient) -> None:
    """D3."""
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1, 900, 600)})
    (one,) = pictures(client, dataset_id)
    answer = client.get(one["file_url"] + "?download=true")
    assert answer.content == png(1, 900, 600)
    assert "a.png" in answer.headers["content-disposition"]
    thumbnail = Image.open(io.BytesIO(client.get(one["thumb_url"]).content))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (384, 256))


def test_a_crop_by_hand_is_cut_at_once_and_reset(client: TestClient) -> None:
    """D5."""
    dataset_id = made(client)
    client.patch(f"/api/datasets/{dataset_id}", json={"crop": {"width": 32, "height": 32}})
    send(client, dataset_id, {"a.png": png(1)})
    address = f"/api/datasets/{dataset_id}/pictures/{pictures(client, dataset_id)[0]['id']}"
    shown = client.put(f"{address}/crop", json={"left": 0, "top": 0, "width": 32, "height": 32}).json()
    assert (shown["crop"]["method"], shown["trained_width"], shown["trained_height"]) == ("hand", 32, 32)
    cropped = Image.open(io.BytesIO(client.get(shown["cropped_url"]).content))
    assert cropped.tobytes() == drawn(1).crop((0, 0, 32, 32)).tobytes()
    assert client.put(f"{address}/crop", json={"left": 90, "top": 0, "width": 32, "height": 32}).status_code == 422
    assert client.delete(f"{address}/crop").json()["crop"] is None
    assert client.get(f"{address}/cropped").status_code == 404


def test_removed_pictures_and_deleted_datasets_come_back(client: TestClient) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1), "b.png": png(2)})
    first = pictures(client, dataset_id)[0]["id"]
    assert client.delete(f"/api/datasets/{dataset_id}/pictures/{first}").status_code == 204
    send(client, dataset_id, {"a.png": png(3)})
    client.post(f"/api/datasets/{dataset_id}/pictures/restore", json={"ids": [first]})
    assert [one["name"] for one in pictures(client, dataset_id)] == ["a (2).png", "b.png", "a.png"]
    client.delete(f"/api/datasets/{dataset_id}")
    assert client.get(f"/api/datasets/{dataset_id}").status_code == 404
    assert client.get("/api/datasets?deleted=true").json()["total"] == 1
    assert client.post(f"/api/datasets/{dataset_id}/restore").json()["num_pictures"] == 3


def test_order_repeats_settings_and_copies_are_kept(client: TestClient) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1), "b.png": png(2), "c.png": png(3)})
    a, _, c = (one["id"] for one in pictures(client, dataset_id))
    client.put(f"/api/datasets/{dataset_id}/pictures/order", json={"ids": [c, a]})
    client.put(f"/api/datasets/{dataset_id}/pictures/repeats", json={"repeats": 7})
    client.put(f"/api/datasets/{dataset_id}/pictures/repeats", json={"ids": [a], "repeats": 3})
    shown = client.patch(
        f"/api/datasets/{dataset_id}",
        json={"name": " まめ ", "trigger": "mame", "tag": {"threshold": 0.4, "existing": "append"},
              "crop": {"method": "smart", "background": "black"}},
    ).json()  # fmt: skip
    assert (shown["name"], shown["trigger"], shown["tag"]["threshold"]) == ("まめ", "mame", 0.4)
    assert (shown["crop"]["method"], shown["crop"]["background"], shown["crop"]["width"]) == ("smart", "#000000", 512)
    copy = client.post(f"/api/datasets/{dataset_id}/copy", json={}).json()
    for one in (dataset_id, copy["id"]):
        assert [(p["name"], p["repeats"]) for p in pictures(client, one)] == [("c.png", 7), ("a.png", 3), ("b.png", 7)]
    assert (copy["name"], copy["num_pictures"]) == ("まめ copy", 3)
    assert client.patch(f"/api/datasets/{dataset_id}", json={"tag": {"threshold": None}}).json()["tag"] == {
        **shown["tag"], "threshold": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [{"name": " "}, {"trigger": "a, b"}, {"crop": {"width": 8}}, {"crop": {"background": "no colour"}},
     {"tag": {"threshold": 2}}, {"crop": {"method": "magic"}}, {"surprise": 1}, {"name": "a\u0000b"}],
)  # fmt: skip
def test_settings_that_do_not_go_are_refused(client: TestClient, change: dict[str, Any]) -> None:
    dataset_id = made(client)
    before = client.get(f"/api/datasets/{dataset_id}").json()
    assert client.patch(f"/api/datasets/{dataset_id}", json=change).status_code == 422
    assert client.get(f"/api/datasets/{dataset_id}").json() == before


def test_an_unknown_tagger_is_not_found(client: TestClient) -> None:
    dataset_id = made(client)
    assert client.patch(f"/api/datasets/{dataset_id}", json={"tag": {"tagger": "none such"}}).status_code == 404


def test_duplicates_and_bad_pictures_are_pointed_out(client: TestClient) -> None:
    """D4."""
    dataset_id = made(client)
    bmp, mirrored, dark = io.BytesIO(), io.BytesIO(), io.BytesIO()
    drawn(1, 600, 600).save(bmp, format="BMP")
    drawn(1, 600, 600).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored, format="PNG")
    drawn(5, 600, 600).point(lambda level: level // 8).save(dark, format="PNG")  # pyright: ignore
    send(client, dataset_id, {
        "a.png": png(1, 600, 600), "b.bmp": bmp.getvalue(), "c.png": mirrored.getvalue(), "d.png": dark.getvalue(),
        "small.png": png(9, 60, 60),
    })  # fmt: skip
    found = client.get(f"/api/datasets/{dataset_id}/findings").json()
    (group,) = found["duplicates"]
    assert [one["kind"] for one in group["others"]] == ["exact", "mirrored"]
    assert "a.png" in group["words"]
    assert {one["kind"]: len(one["picture_ids"]) for one in found["problems"]} == {"dark": 1, "too_small": 1}


def test_a_task_can_be_followed_to_its_end(client: TestClient, place: Place) -> None:
    """D9."""
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1), "b.png": png(2)})
    task = client.post(f"/api/datasets/{dataset_id}/crop-and-tag", json={"parts": "tag"}).json()
    assert (task["state"], task["ahead"]) == ("waiting", 0)
    assert client.post(f"/api/datasets/{dataset_id}/crop-and-tag", json={}).status_code == 409
    with place.work() as context:
        tasks.crop_and_tag(context, lambda _name: FakeTagger(answer={"smile": 1.0}))
    shown = client.get(f"/api/datasets/{dataset_id}/tasks/{task['id']}").json()
    assert (shown["state"], shown["done"], shown["total"]) == ("done", 2, 2)
    answer = client.get(f"/api/datasets/{dataset_id}/tasks/{task['id']}/events")
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith('data: {"id')]
    assert [one["state"] for one in events] == ["done"]
    assert [one["id"] for one in client.get(f"/api/datasets/{dataset_id}/tasks").json()] == [task["id"]]


def test_a_waiting_task_is_cancelled_at_once(client: TestClient) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1)})
    task = client.post(f"/api/datasets/{dataset_id}/crop-and-tag", json={}).json()
    assert client.post(f"/api/datasets/{dataset_id}/tasks/{task['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/datasets/{dataset_id}/tasks/{task['id']}/cancel").status_code == 409


def test_samples_and_the_starter_tagger_are_there(client: TestClient, place: Place) -> None:
    """C7, D6, D7."""
    assert {one["name"] for one in client.get("/api/datasets/samples").json()} >= {"mame"}
    shown = client.post("/api/datasets/samples", json={"name": "mame"}).json()
    assert (shown["name"], shown["trigger"], shown["num_pictures"]) == ("mame", "mame", 7)
    assert client.post("/api/datasets/samples", json={"name": "../mame"}).status_code == 404
    starter = client.get("/api/taggers").json()[0]
    assert (starter["name"], starter["state"]) == ("starter", "ready")
    assert 0 < starter["recommended_threshold"] < 1
    with transaction(place.engine) as session:
        assert service.ensure_samples(session, place.files, place.decoder, place.owner_id) is None
        other = accounts.create_account(session, "new", None, utc_now())
        assert service.ensure_samples(session, place.files, place.decoder, other.id) is not None


def test_a_dataset_comes_back_as_a_zip_that_trainers_read(client: TestClient) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1), "a.txt": b"smile", "b.png": png(2)})
    with zipfile.ZipFile(io.BytesIO(client.get(f"/api/datasets/{dataset_id}/zip").content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.png": png(1), "a.txt": b"smile", "b.png": png(2),
        }  # fmt: skip


def test_lists_are_searched_and_paged(client: TestClient) -> None:
    ids = [made(client, f"set {number}") for number in range(3)]
    made(client, "ＭＡＭＥ 100%")
    page = client.get("/api/datasets?limit=2&search=SET").json()
    assert ([one["id"] for one in page["datasets"]], page["total"]) == ([ids[2], ids[1]], 3)
    rest = client.get(f"/api/datasets?search=set&before={ids[1]}").json()
    assert [one["id"] for one in rest["datasets"]] == [ids[0]]
    assert client.get("/api/datasets?search=mame 100%25").json()["total"] == 1
    assert client.get("/api/datasets?search=_").json()["total"] == 0


# ---- whose they are --------------------------------------------------------------------------------------------------

ROUTES = [
    (method, route.path)  # pyright: ignore[reportAttributeAccessIssue]
    for route in api.router.routes
    for method in route.methods  # pyright: ignore[reportAttributeAccessIssue]
    if "{dataset_id}" in route.path  # pyright: ignore[reportAttributeAccessIssue]
]
BODIES: dict[str, Any] = {
    "copy": {},
    "order": {"ids": ["PICTURE"]},
    "remove": {"ids": ["PICTURE"]},
    "restore": {"ids": ["PICTURE"]},
    "repeats": {"ids": ["PICTURE"], "repeats": 2},
    "role": {"ids": ["PICTURE"], "is_regularisation": True},
    "crop": {"left": 0, "top": 0, "width": 32, "height": 32},
    "imports": {"upload_ids": ["x"]},
    "crop-and-tag": {},
}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_elses_dataset_can_be_told_from_none(
    app: FastAPI, client: TestClient, place: Place, method: str, path: str
) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1)})
    picture_id = pictures(client, dataset_id)[0]["id"]
    task = client.post(f"/api/datasets/{dataset_id}/crop-and-tag", json={}).json()
    with transaction(place.engine) as session:
        other = accounts.create_account(session, "other", None, utc_now())
    theirs = client_of(app, place.engine, other.id)
    address = path.format(dataset_id=dataset_id, picture_id=picture_id, job_id=task["id"])
    body = BODIES.get(path.rpartition("/")[2], {"name": "stolen"} if method == "PATCH" else None)
    if body is not None:
        body = json.loads(json.dumps(body).replace("PICTURE", picture_id))
    more: dict[str, Any] = {"json": body} if body is not None and method != "DELETE" else {}
    if (method == "POST" and path.endswith("/pictures")) or (method == "PUT" and path.endswith("/mask")):
        more = {"files": [("files", ("x.png", png(2)))]}
    assert theirs.request(method, address, **more).status_code == 404
    with reading(place.engine) as session:
        assert service.get_dataset(session, place.owner_id, dataset_id).num_pictures == 1


# ---- hostile files ---------------------------------------------------------------------------------------------------


def _pictures() -> dict[str, bytes]:
    """The broken pictures of ``hostile_pictures``, made once."""
    import tempfile

    found: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in hostile_pictures.REFUSED.items():
            found[name] = make(Path(folder) / name).read_bytes()
    return found


GOOD = png(77)
HOSTILE_ZIPS: dict[str, bytes] = {
    "bomb.zip": zips.packed({"a.png": bytes(300 * 2**20)}),
    "lying.zip": zips.lying_about_size(),
    "link.zip": zips.link(),
    "pipe.zip": zips.pipe(),
    "encrypted.zip": zips.encrypted(),
    "out.zip": zips.packed({"../../etc/cron.d/a.png": GOOD}),
    "absolute.zip": zips.packed({"/etc/a.png": GOOD}),
    "drive.zip": zips.packed({"C:\\windows\\a.png": GOOD}),
    "backslashes.zip": zips.packed({"..\\..\\a.png": GOOD}),
    "nested.zip": zips.packed({"inner.zip": zips.packed({"a.png": GOOD})}),
    "long_name.zip": zips.packed({"a" * 1500 + ".png": GOOD}),
    "escape_sign.zip": zips.packed({"a\x1b[2J.png": GOOD}),
    "huge_contents.zip": zips.with_huge_contents(),
    "overlapping.zip": zips.two_names_for_one_content(),
    "empty.zip": b"",
    "cut.zip": zips.packed({"a.png": GOOD})[:-30],
    "start_only.zip": b"PK\x03\x04" + bytes(26),
    "end_only.zip": b"PK\x05\x06" + b"\xff" * 18,
    "no_zip.zip": b"this is no zip",
    "lzma.zip": zips.packed({"a.png": GOOD}, zipfile.ZIP_LZMA),
    "bad_picture.zip": zips.packed({"a.png": b"\x89PNG\r\n\x1a\n" + bytes(50)}),
}


@pytest.fixture(scope="module")
def safe_decoder() -> Iterator[SafeDecoder]:
    with SafeDecoder() as decoder:
        yield decoder


@pytest.mark.parametrize("name", [*hostile_pictures.REFUSED, *HOSTILE_ZIPS])
def test_a_hostile_file_is_refused_with_its_reason_and_the_good_one_beside_it_stays(
    app: FastAPI, client: TestClient, safe_decoder: SafeDecoder, tmp_path: Path, name: str
) -> None:
    """D2. Through the real limited process."""
    app.state.decoder = safe_decoder
    is_zip = name in HOSTILE_ZIPS
    data = HOSTILE_ZIPS[name] if is_zip else hostile_pictures.REFUSED[name](tmp_path / name).read_bytes()
    dataset_id = made(client)
    answer = send(client, dataset_id, {name: data, "good.png": GOOD})
    assert [one["picture"]["name"] for one in answer["added"] if one["is_new"]] == ["good.png"]
    assert answer["refused"]
    assert all(one["message"] and one["cure"] for one in answer["refused"] if one["name"] != "a.png" or not is_zip)
    assert not any("Traceback" in one["message"] or str(tmp_path) in one["message"] for one in answer["refused"])
    assert [one["name"] for one in pictures(client, dataset_id)] == ["good.png"]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (zips.packed({"絵/まめ.png": GOOD}), "まめ.png"),
        (zips.with_raw_names({"まめ.png".encode("cp932"): GOOD}), "まめ.png"),
        (zips.with_raw_names({"まめ.png".encode(): GOOD}), "まめ.png"),
        (zips.packed({"__MACOSX/._a.png": b"x", "a.png": GOOD}), "a.png"),
        (b"MZ stub that unpacks itself" + zips.packed({"a.png": GOOD}), "a.png"),
    ],
)
def test_odd_zips_of_honest_people_come_in(client: TestClient, data: bytes, name: str) -> None:
    dataset_id = made(client)
    answer = send(client, dataset_id, {"odd.zip": data})
    assert [one["picture"]["name"] for one in answer["added"]] == [name], answer


@pytest.mark.parametrize("name", ["../../a.png", "/etc/a.png", "a\x1b[2J.png", "x" * 400 + ".png"])
def test_names_that_lead_elsewhere_or_cannot_be_shown_never_reach_a_dataset(client: TestClient, name: str) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {name: GOOD})
    assert all(
        "/" not in one["name"] and one["name"].isprintable() and len(one["name"]) <= 300
        for one in pictures(client, dataset_id)
    )


def test_what_is_no_form_is_refused_in_words(client: TestClient) -> None:
    dataset_id = made(client)
    address = f"/api/datasets/{dataset_id}/pictures"
    assert client.post(address, content=b"x", headers={"Content-Type": "image/png"}).status_code == 422
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post(address, content=b"--x\r\nrubbish", headers=broken).status_code == 422
    assert client.post(address, files=[]).status_code == 422


def test_a_request_that_is_too_large_ends_while_it_comes(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = made(client)
    monkeypatch.setattr(api, "MOST_REQUEST_BYTES", 10_000)
    answer = client.post(f"/api/datasets/{dataset_id}/pictures", files=[("files", ("a.png", bytes(20_000)))])
    assert answer.status_code == 413


def _grey(width: int, height: int, learnt: tuple[int, int, int, int], mode: str = "L") -> bytes:
    """A mask that is white in ``learnt`` (left, top, right, bottom), or a red picture that is opaque there."""
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, learnt)
    if mode == "RGBA":
        mask = Image.merge("RGBA", (*Image.new("RGB", mask.size, "red").split(), mask))
    buffer = io.BytesIO()
    mask.save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_a_mask_is_put_beside_a_picture_shown_and_taken_away(client: TestClient, mode: str) -> None:
    """F28: white is learnt, or what is opaque of a picture whose background was removed."""
    dataset_id = made(client)
    original = png(1)
    send(client, dataset_id, {"a.png": original})
    (picture,) = pictures(client, dataset_id)
    at = f"/api/datasets/{dataset_id}/pictures/{picture['id']}"
    assert picture["mask_url"] is None
    assert client.get(f"{at}/mask").status_code == 404
    data = _grey(96, 64, (10, 20, 50, 60), mode)
    shown = client.put(f"{at}/mask", files=[("files", ("m.png", data, "image/png"))]).json()
    kept = Image.open(io.BytesIO(client.get(shown["mask_url"]).content))
    assert (kept.mode, kept.size) == ("L", (96, 64))
    assert kept.getbbox() == (10, 20, 50, 60)
    assert kept.getpixel((30, 40)) == 255
    assert client.get(f"{at}/file").content == original
    assert client.delete(f"{at}/mask").json()["mask_url"] is None


def test_a_mask_of_another_size_is_refused_with_both_sizes(client: TestClient) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1)})
    (picture,) = pictures(client, dataset_id)
    mask = ("m.png", _grey(64, 64, (0, 0, 9, 9)), "image/png")
    answer = client.put(f"/api/datasets/{dataset_id}/pictures/{picture['id']}/mask", files=[("files", mask)])
    assert answer.status_code == 422
    assert "64x64" in answer.text
    assert "96x64" in answer.text


def test_a_folder_of_masks_that_comes_later_finds_its_pictures(client: TestClient) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"20_zdm/a.png": png(1)})
    mask = _grey(96, 64, (0, 0, 40, 40))
    report = send(client, dataset_id, {"set/masks/a.png": mask, "set/masks/gone.png": mask})
    assert (report["num_masks"], len(report["added"])) == (1, 0)
    (refused,) = report["refused"]
    assert refused["name"] == "gone.png"
    (picture,) = pictures(client, dataset_id)
    assert picture["mask_url"] is not None


def test_roles_come_in_with_a_project_of_kohya_ss_and_go_out_in_the_same_folders(client: TestClient) -> None:
    """F28: what was downloaded comes in again as it was."""
    first = made(client, "first")
    files = {
        "img/20_zdm 1boy/a.png": png(1), "img/20_zdm 1boy/a.txt": b"zdm, hat", "reg/1_1boy/b.png": png(2),
        "masks/a.png": _grey(96, 64, (0, 0, 40, 40)),
    }  # fmt: skip
    send(client, first, {"project.zip": zips.packed(files)})
    second = made(client, "second")
    send(client, second, {"again.zip": client.get(f"/api/datasets/{first}/zip").content})
    for dataset_id in (first, second):
        learnt, spared = sorted(pictures(client, dataset_id), key=lambda one: one["is_regularisation"])
        assert (learnt["repeats"], learnt["caption"], spared["repeats"], spared["caption"]) == (
            20, "zdm, hat", 1, "1boy",
        )  # fmt: skip
        assert (spared["is_regularisation"], learnt["is_regularisation"]) == (True, False)
        assert Image.open(io.BytesIO(client.get(learnt["mask_url"]).content)).getbbox() == (0, 0, 40, 40)
        assert spared["mask_url"] is None


def test_pictures_are_marked_as_regularisation_and_back(client: TestClient) -> None:
    dataset_id = made(client)
    send(client, dataset_id, {"a.png": png(1), "b.png": png(2)})
    first, second = pictures(client, dataset_id)
    role = f"/api/datasets/{dataset_id}/pictures/role"
    assert client.put(role, json={"ids": [second["id"]], "is_regularisation": True}).json() == {"num_pictures": 1}
    assert [one["is_regularisation"] for one in pictures(client, dataset_id)] == [False, True]
    client.put(role, json={"ids": [first["id"], second["id"]], "is_regularisation": False})
    assert [one["is_regularisation"] for one in pictures(client, dataset_id)] == [False, False]
    assert client.put(role, json={"ids": ["nobody"], "is_regularisation": True}).status_code == 404
