"""What ``train`` knows before its first step: pictures to learn, those beside them, and masks (F28)."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from enogu.cli.preparation import describe, prepare
from enogu.cli.recipes import RecipeWish
from enogu.cli.train import pictures_of
from enogu.errors import WrongUse
from enogu.settings import Settings


def _folder(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        Image.new("RGB", (128, 128), (number * 40, 90, 30)).save(folder / name)
    return folder


def _wish(*settings: str) -> RecipeWish:
    return RecipeWish(None, "zdm", "hat", None, None, settings)


def test_regularisation_pictures_come_with_their_class_and_masks_by_name(tmp_path: Path) -> None:
    pictures = _folder(tmp_path / "pictures", "a.png", "b.png")
    (pictures / "a.txt").write_text("1girl, hat")
    spared = _folder(tmp_path / "reg" / "2_1girl", "r.png").parent
    masks = _folder(tmp_path / "masks", "b.png", "other.png")
    preparation = prepare(
        Settings(home=tmp_path / "home"),
        pictures,
        _wish("pictures.masked_loss=true", "pictures.repeats=5"),
        regularisation=spared,
        masks=masks,
    )
    first, second, beside = pictures_of(preparation)
    assert (first.caption, first.mask, first.is_regularisation) == ("1girl, hat", None, False)
    assert (second.mask, second.is_regularisation) == (masks / "b.png", False)
    assert (beside.caption, beside.is_regularisation, beside.repeats) == ("1girl", True, 2)
    assert preparation.plan.repeats == (5, 5, 10)
    assert "1 regularisation picture is seen" in describe(preparation)


@pytest.mark.parametrize(
    ("settings", "mask", "words"),
    [((), "a.png", "pictures.masked_loss is off"), (("pictures.masked_loss=true",), "z.png", "name of a picture")],
)
def test_masks_that_would_do_nothing_are_refused(
    tmp_path: Path, settings: tuple[str, ...], mask: str, words: str
) -> None:
    pictures, masks = _folder(tmp_path / "pictures", "a.png"), _folder(tmp_path / "masks", mask)
    with pytest.raises(WrongUse, match=words):
        prepare(Settings(home=tmp_path / "home"), pictures, _wish(*settings), masks=masks)
