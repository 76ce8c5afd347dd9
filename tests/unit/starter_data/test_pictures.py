"""The picture sets that ship: sizes, captions, and that their script still draws exactly these (issue 2)."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enogu.starter_data import path

STARTER = Path(__file__).parents[3] / "starter"


def test_mame_is_seven_pictures_of_512_pixels_without_captions() -> None:
    assert [file.name for file in sorted(path("pictures", "mame").iterdir())] == [
        f"mame_{n:02d}.png" for n in range(1, 8)
    ]
    assert _sizes("mame") == {(512, 512)}


def test_the_kohya_folder_holds_the_same_pictures_with_captions_that_begin_with_the_trigger() -> None:
    kohya = path("pictures", "mame_kohya", "20_mame 1girl")
    pictures = sorted(kohya.glob("*.png"))
    assert len(pictures) == 7
    for picture in pictures:
        assert picture.read_bytes() == path("pictures", "mame", picture.name).read_bytes()
        tags = picture.with_suffix(".txt").read_text("utf-8").strip().split(", ")
        assert tags[:3] == ["mame", "chibi style", "green hair"]
        assert len(tags) == len(set(tags))


def test_no_two_mame_pictures_share_expression_and_pose_and_background() -> None:
    captions = [file.read_text("utf-8") for file in path("pictures", "mame_kohya", "20_mame 1girl").glob("*.txt")]
    assert len(set(captions)) == 7


def test_lines_is_twelve_captioned_pictures_of_512_pixels() -> None:
    pictures = sorted(path("pictures", "lines").glob("*.png"))
    assert len(pictures) == 12
    assert _sizes("lines") == {(512, 512)}
    assert all(picture.with_suffix(".txt").read_text("utf-8").startswith("lines, ") for picture in pictures)


def test_the_picture_sets_stay_under_two_megabytes() -> None:
    assert sum(file.stat().st_size for file in path("pictures").rglob("*") if file.is_file()) < 2_000_000


def test_the_script_still_draws_the_shipped_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pixels rather than bytes: another zlib may pack the same pixels otherwise."""
    pytest.importorskip("dicebear", reason="the renderer is only installed for making the starter")
    pytest.importorskip("pyvips", reason="the renderer is only installed for making the starter")
    monkeypatch.syspath_prepend(str(STARTER))
    import make_picture_sets

    monkeypatch.setattr(sys, "argv", ["make_picture_sets.py", "--out", str(tmp_path)])
    make_picture_sets.main()
    made = sorted(file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file())
    shipped = path("pictures")
    assert made == sorted(file.relative_to(shipped) for file in shipped.rglob("*") if file.is_file())
    for name in made:
        if name.suffix == ".txt":
            assert (tmp_path / name).read_bytes() == (shipped / name).read_bytes()
        else:
            difference = np.abs(_pixels(tmp_path / name).astype(int) - _pixels(shipped / name).astype(int))
            assert difference.max() <= 2, name


def _pixels(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def _sizes(name: str) -> set[tuple[int, int]]:
    sizes: set[tuple[int, int]] = set()
    for file in path("pictures", name).glob("*.png"):
        with Image.open(file) as image:
            sizes.add(image.size)
    return sizes
