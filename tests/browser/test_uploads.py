"""Uploads over a line that is cut: in the middle of a zip, behind a picture's last byte, by a reload (D1, D2)."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, Request, Route, expect

from enogu import starter_data
from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.cut_line import CUT_OFF, Line, slow_line

MIB = 2**20
SPEED = 2 * MIB
ALLOWED = (*CUT_OFF, "409")
"""Also that the studio has not noticed yet that the old sender is gone, and lets it go now."""


@pytest.fixture
def line(studio: Studio) -> Iterator[Line]:
    """To the shared studio; two megabytes a second go up."""
    with slow_line(studio.port, SPEED) as one:
        yield one


def zip_of_pictures(folder: Path, num_bytes: int) -> Path:
    """The sample's seven pictures and one of noise, so that it takes its time."""
    side = int((num_bytes / 3) ** 0.5)
    noise = io.BytesIO()
    Image.frombytes("RGB", (side, side), os.urandom(side * side * 3)).save(noise, "PNG")
    path = folder / "豆の絵.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for picture in sorted((starter_data.path("pictures") / "mame").glob("*.png")):
            archive.write(picture, picture.name)
        archive.writestr("noise.png", noise.getvalue())
    return path


def offsets_of(page: Page) -> list[int]:
    """Where each piece of an upload began, as they are sent."""
    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH" and "/api/uploads/" in request.url:
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return offsets


def has_half(studio: Studio) -> bool:
    """Whether some of an upload is there, and not all."""
    return any(0 < one["offset"] < one["size_bytes"] for one in studio.get("/uploads"))


def num_pictures(studio: Studio, dataset: str) -> int:
    return int(studio.get(f"/datasets/{dataset}")["num_pictures"])


def test_a_zip_that_is_cut_in_the_middle_goes_on_where_it_was(
    studio: Studio, line: Line, open_page: OpenPage, tmp_path: Path
) -> None:
    dataset = studio.post("/datasets", {"name": "cut"})["id"]
    page = open_page(line, path=f"/datasets/{dataset}", allowed=ALLOWED)
    offsets = offsets_of(page)
    page.locator("input[type=file]").first.set_input_files(zip_of_pictures(tmp_path, 6 * MIB))
    wait_until(lambda: has_half(studio))
    line.cut()
    expect(page.get_by_text("回線が切れました", exact=False)).to_be_visible()
    assert num_pictures(studio, dataset) == 0
    line.mend()
    expect(page.get_by_role("option")).to_have_count(8)
    assert offsets[0] == 0
    assert max(offsets) > 0
    assert studio.get("/uploads") == []


def test_a_zip_goes_on_after_a_reload_when_it_is_chosen_again(
    studio: Studio, line: Line, open_page: OpenPage, tmp_path: Path
) -> None:
    dataset = studio.post("/datasets", {"name": "reload"})["id"]
    page = open_page(line, path=f"/datasets/{dataset}", allowed=(*ALLOWED, "dialog"))
    page.on("dialog", lambda dialog: dialog.accept())  # that something is on its way: it asks before it leaves
    file = zip_of_pictures(tmp_path, 6 * MIB)
    page.locator("input[type=file]").first.set_input_files(file)
    wait_until(lambda: has_half(studio))
    page.reload()
    expect(page.get_by_text("途中で止まったアップロード")).to_be_visible()
    offsets = offsets_of(page)
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.get_by_role("option")).to_have_count(8)
    assert offsets[0] > 0
    expect(page.get_by_text("途中で止まったアップロード")).to_have_count(0)


def test_pictures_are_neither_lost_nor_doubled_by_a_cut(studio: Studio, open_page: OpenPage) -> None:
    """The first request never arrives; of the second the studio takes the picture, and its answer is lost."""
    dataset = studio.post("/datasets", {"name": "small"})["id"]
    page = open_page(studio, path=f"/datasets/{dataset}", allowed=ALLOWED)
    requests = 0

    def cut(route: Route) -> None:
        nonlocal requests
        if route.request.method != "POST":
            route.continue_()
            return
        number = requests = requests + 1
        if number == 2:
            route.fetch()  # others are asked meanwhile
        if number <= 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile(r"/api/datasets/[^/]+/pictures$"), cut)
    pictures = sorted((starter_data.path("pictures") / "mame").glob("*.png"))
    page.locator("input[type=file]").first.set_input_files(pictures)
    expect(page.get_by_text(f"{len(pictures)} 件中 {len(pictures)} 件を追加しました")).to_be_visible()
    expect(page.get_by_role("option")).to_have_count(len(pictures))
    assert num_pictures(studio, dataset) == len(pictures)
    assert requests == len(pictures) + 2


def test_a_paused_upload_waits_and_goes_on(studio: Studio, line: Line, open_page: OpenPage, tmp_path: Path) -> None:
    dataset = studio.post("/datasets", {"name": "paused"})["id"]
    page = open_page(line, path=f"/datasets/{dataset}", allowed=ALLOWED)
    offsets = offsets_of(page)
    page.locator("input[type=file]").first.set_input_files(zip_of_pictures(tmp_path, 6 * MIB))
    wait_until(lambda: has_half(studio))
    page.get_by_role("button", name="豆の絵.zip を一時停止").click()
    expect(page.get_by_text("一時停止中")).to_be_visible()
    page.get_by_role("button", name="豆の絵.zip を再開").click()
    expect(page.get_by_role("option")).to_have_count(8)
    assert max(offsets) > 0


def test_captions_come_with_their_pictures_and_a_kohya_folder_tells_its_repeats(
    studio: Studio, open_page: OpenPage, tmp_path: Path
) -> None:
    dataset = studio.post("/datasets", {"name": "kohya"})["id"]
    folder = tmp_path / "20_zdm 1boy"
    folder.mkdir()
    for number, picture in enumerate(sorted((starter_data.path("pictures") / "mame").glob("*.png"))[:3]):
        (folder / f"{number}.png").write_bytes(picture.read_bytes())
        (folder / f"{number}.txt").write_text(f"zdm, smile, number {number}", encoding="utf-8")
    page = open_page(studio, path=f"/datasets/{dataset}")
    page.locator("input[type=file][webkitdirectory]").set_input_files(folder)
    expect(page.get_by_role("option")).to_have_count(3)
    pictures = studio.get(f"/datasets/{dataset}/pictures")["pictures"]
    assert [one["repeats"] for one in pictures] == [20, 20, 20]
    assert sorted(one["caption"] for one in pictures) == [f"zdm, smile, number {number}" for number in range(3)]
    assert studio.get(f"/datasets/{dataset}")["trigger"] == "zdm"
