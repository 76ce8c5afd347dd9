"""A crop by hand (D5): drawn with the mouse, looked at closely, kept, and what is trained and exported from then on."""

from __future__ import annotations

import io
import re
import zipfile

import httpx
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage, Studio, wait_until
from tests.browser.places import sample_pictures, start_run

SIDE = 512
Box = tuple[int, int, int, int]


def drag(page: Page, what: Locator, right: float, down: float) -> None:
    """With the mouse, in two moves, from its middle."""
    box = what.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y + down / 2)
    page.mouse.move(x + right, y + down)
    page.mouse.up()


def selected(dialog: Locator) -> list[float]:
    """Left, top, width and height of what is selected, in the picture's pixels, as it is seen."""
    whole = dialog.locator(".ReactCrop img").bounding_box()
    part = dialog.locator(".ReactCrop__crop-selection").bounding_box()
    assert whole is not None
    assert part is not None
    scale = SIDE / whole["width"]
    left, top = part["x"] - whole["x"], part["y"] - whole["y"]
    return [one * scale for one in (left, top, part["width"], part["height"])]


def bytes_at(studio: Studio, path: str) -> bytes:
    answer = httpx.get(studio.url + path)
    assert answer.is_success, answer.text
    return answer.content


def open_crop(page: Page, number: int) -> Locator:
    page.get_by_role("listbox", name="画像").get_by_role("option").nth(number).click()
    page.get_by_role("button", name="手動で切り抜く").click()
    dialog = page.get_by_role("dialog", name="手動で切り抜く")
    expect(dialog.locator(".ReactCrop__crop-selection")).to_be_visible()
    dialog.locator(".ReactCrop img").evaluate("image => image.decode()")
    return dialog


def is_part(found: bytes, original: bytes, box: Box) -> bool:
    """Whether a picture shows that part of the original, at whatever size."""
    cut = Image.open(io.BytesIO(found)).convert("RGB")
    part = Image.open(io.BytesIO(original)).convert("RGB").crop(box).resize(cut.size, Image.Resampling.LANCZOS)
    return max(ImageStat.Stat(ImageChops.difference(cut, part)).mean) < 4


def test_what_is_cut_by_hand_is_what_is_trained_and_exported(studio: Studio, open_page: OpenPage) -> None:
    dataset = studio.post("/datasets/samples", {"name": "mame"})["id"]
    page = open_page(studio, path=f"/datasets/{dataset}", height=900)
    dialog = open_crop(page, 1)
    expect(dialog.get_by_text("512 × 512 ピクセル")).to_be_visible()
    picture = dialog.locator(".ReactCrop img")
    small = picture.bounding_box()
    assert small is not None

    # The lower right corner is drawn in, the part moved; then it is looked at closely.
    drag(page, dialog.locator(".ReactCrop__drag-handle.ord-se"), -small["width"] / 2, -small["height"] / 2)
    drag(page, dialog.locator(".ReactCrop__crop-selection"), small["width"] / 8, small["height"] / 4)
    dialog.get_by_role("button", name="拡大").click()
    expect(dialog.get_by_text("150%")).to_be_visible()
    large = picture.bounding_box()
    assert large is not None
    assert abs(large["width"] / small["width"] - 1.5) < 0.02
    seen = [round(one) for one in selected(dialog)]
    assert all(abs(now - wanted) <= 2 for now, wanted in zip(seen, (64, 128, 256, 256), strict=True))

    # Enlarged, the corner is in sight and is drawn by as many pixels of the picture as the pointer goes over.
    drag(page, dialog.locator(".ReactCrop__drag-handle.ord-se"), -large["width"] / 8, -large["height"] / 8)
    seen = [round(one) for one in selected(dialog)]
    assert all(abs(now - wanted) <= 2 for now, wanted in zip(seen, (64, 128, 192, 192), strict=True))
    expect(dialog.get_by_text(re.compile(r"^19\d × 19\d ピクセル$"))).to_be_visible()

    # The wheel: what is under the pointer stays there, and nothing of the selection changes.
    frame = picture.locator("xpath=ancestor::div[@data-zoomed]").bounding_box()
    assert frame is not None
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.mouse.wheel(0, -200)
    wait_until(lambda: (picture.bounding_box() or large)["width"] > large["width"])
    page.mouse.wheel(0, 2000)
    expect(dialog.get_by_text("100%")).to_be_visible()
    assert all(abs(now - before) <= 2 for now, before in zip(selected(dialog), seen, strict=True))
    dialog.get_by_role("button", name="この範囲を使う").click()
    expect(dialog).to_have_count(0)

    shown = studio.get(f"/datasets/{dataset}/pictures")["pictures"][1]
    kept = [shown["crop"][name] for name in ("left", "top", "width", "height")]
    assert all(abs(now - before) <= 2 for now, before in zip(kept, seen, strict=True))
    page.reload()
    dialog = open_crop(page, 1)
    assert all(abs(now - before) <= 2 for now, before in zip(selected(dialog), kept, strict=True))
    expect(dialog.get_by_text(f"{kept[2]} × {kept[3]} ピクセル")).to_be_visible()
    page.keyboard.press("Escape")

    # Its original is as it came; what is trained is the part; the other pictures are whole.
    original = sample_pictures()[1].read_bytes()
    box = (kept[0], kept[1], kept[0] + kept[2], kept[1] + kept[3])
    assert bytes_at(studio, shown["file_url"]) == original
    assert is_part(bytes_at(studio, shown["cropped_url"]), original, box)
    assert not is_part(bytes_at(studio, shown["cropped_url"]), original, (0, 0, SIDE, SIDE))
    run = start_run(studio, dataset, epochs=1)
    trained = {one["name"]: (one["width"], one["height"]) for one in studio.get(f"/runs/{run}/pictures")}
    assert trained.pop(shown["name"]) == (shown["trained_width"], shown["trained_height"])
    assert set(trained.values()) == {(SIDE, SIDE)}
    with zipfile.ZipFile(io.BytesIO(bytes_at(studio, f"/api/datasets/{dataset}/zip"))) as archive:
        inside = [name for name in archive.namelist() if shown["name"].partition(".")[0] in name]
        files = [archive.read(name) for name in inside if name.endswith(".png")]
    assert original in files

    page.reload()
    dialog = open_crop(page, 1)
    dialog.get_by_role("button", name="自動に戻す").click()
    expect(dialog).to_have_count(0)
    assert studio.get(f"/datasets/{dataset}/pictures")["pictures"][1]["crop"] is None


def test_a_crop_is_drawn_on_a_phone(studio: Studio, open_page: OpenPage) -> None:
    """By double tap, in English; the whole dialog stays within reach."""
    dataset = studio.post("/datasets/samples", {"name": "mame"})["id"]
    page = open_page(studio, path=f"/datasets/{dataset}", language="en", width=360, height=740, touch=True)
    page.get_by_role("option").nth(2).click()
    page.get_by_role("button", name="Crop by hand").click()
    dialog = page.get_by_role("dialog", name="Crop by hand")
    dialog.locator(".ReactCrop img").evaluate("image => image.decode()")
    dialog.get_by_role("button", name="Zoom in").click()
    expect(dialog.get_by_text("150%")).to_be_visible()
    dialog.get_by_role("button", name="Zoom out").click()
    whole = dialog.locator(".ReactCrop img").bounding_box()
    assert whole is not None
    drag(page, dialog.locator(".ReactCrop__drag-handle.ord-nw"), whole["width"] / 4, whole["height"] / 4)
    seen = selected(dialog)
    dialog.get_by_role("button", name="Use this part").click()
    expect(dialog).to_have_count(0)
    crop = studio.get(f"/datasets/{dataset}/pictures")["pictures"][2]["crop"]
    kept = [crop[name] for name in ("left", "top", "width", "height")]
    assert all(abs(now - before) <= 2 for now, before in zip(kept, seen, strict=True))
    assert kept[0] > 64
