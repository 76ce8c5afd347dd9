"""Labelled sheets (product H2, I5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from enogu.imaging import sheets
from enogu.imaging.sheets import find_font_file, labelled_sheet


def cell(colour: str = "red", width: int = 64, height: int = 64) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def count(sheet: Image.Image, colour: tuple[int, int, int]) -> int:
    return int((np.asarray(sheet) == colour).all(axis=2).sum())


def test_every_picture_is_on_the_sheet_unscaled_and_uncovered() -> None:
    sheet = labelled_sheet([[cell("red"), cell("blue")], [cell("lime"), None]], ["one", "two"], ["a", "b"], "Title")
    assert [count(sheet, colour) for colour in ((255, 0, 0), (0, 0, 255), (0, 255, 0))] == [64 * 64] * 3


def test_pictures_of_several_sizes_are_centred() -> None:
    sheet = labelled_sheet([[cell("red", 32, 64), cell("blue", 64, 32)]])
    assert (count(sheet, (255, 0, 0)), count(sheet, (0, 0, 255))) == (32 * 64, 64 * 32)


def test_cells_can_be_scaled() -> None:
    assert count(labelled_sheet([[cell()]], cell_long_side=128), (255, 0, 0)) == 128 * 128


def test_labels_leave_ink_where_they_belong() -> None:
    bare = labelled_sheet([[cell()]])
    labelled = labelled_sheet([[cell()]], ["a row"], ["a column"], "a title")
    assert labelled.width > bare.width and labelled.height > bare.height
    assert (np.asarray(labelled.convert("L")) < 250).sum() > (np.asarray(bare.convert("L")) < 250).sum() + 50


def test_a_long_prompt_wraps_and_is_cut_inside_its_row() -> None:
    prompt = "mame, green hair, smile, " * 40 + "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 3
    short = labelled_sheet([[cell()] * 2] * 2, ["x", "y"])
    long = labelled_sheet([[cell()] * 2] * 2, [prompt, "緑の髪、笑顔、" * 40])
    assert long.height == short.height
    assert long.width <= short.width + 280
    assert count(long, (255, 0, 0)) == 4 * 64 * 64


def test_the_same_input_gives_the_same_sheet() -> None:
    first, second = (labelled_sheet([[cell()]], ["row"], ["column"], "title") for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("cells", "rows", "columns"),
    [([], [], []), ([[None]], [], []), ([[cell()]], ["a", "b"], []), ([[cell()]], [], ["a", "b"])],
)
def test_a_sheet_that_makes_no_sense_is_an_error(
    cells: list[list[Image.Image | None]], rows: list[str], columns: list[str]
) -> None:
    with pytest.raises(ValueError, match=r"needs at least one picture|cells, but"):
        labelled_sheet(cells, rows, columns)


def test_latin_labels_need_no_font_file() -> None:
    assert find_font_file("epoch 10: weight 0.8 …") is None


def test_japanese_labels_use_a_font_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latin, japanese = tmp_path / "latin.ttf", tmp_path / "日本語.ttc"
    monkeypatch.setattr(sheets, "LATIN_FONT_FILES", (str(latin),))
    monkeypatch.setattr(sheets, "CJK_FONT_FILES", (str(tmp_path / "missing.ttc"), str(japanese)))
    assert find_font_file("笑顔") is None
    latin.write_bytes(b"")
    japanese.write_bytes(b"")
    assert find_font_file("笑顔, café") == japanese
    assert find_font_file("café") == latin
    labelled_sheet([[cell()]], ["笑顔"])  # a font file that cannot be read is no reason to fail
