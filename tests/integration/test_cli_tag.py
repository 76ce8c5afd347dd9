"""Tagging from the command line: captions beside copies, originals untouched, no caption lost (D4, D7, D8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile_pictures import photo, truncated_png
from tests.integration.enogu_runs import Enogu, files_under
from tests.unit.tagging.wd14_folders import write_tagger


@pytest.fixture
def enogu(capsys: pytest.CaptureFixture[str]) -> Enogu:
    return Enogu(capsys)


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    return write_tagger(tmp_path / "tagger")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, the first with a caption."""
    made = tmp_path / "pics"
    made.mkdir()
    for number in range(2):
        photo(64, 48, seed=number).save(made / f"{number}.png")
    (made / "0.txt").write_text("my own words", encoding="utf-8")
    return made


def test_captions_go_beside_copies_and_the_originals_stay_as_they_were(
    enogu: Enogu, folder: Path, tagger: Path, tmp_path: Path
) -> None:
    before = {name: (folder / name).read_bytes() for name in files_under(folder)}
    ended = enogu("tag", folder, "--tagger", tagger, "--threshold", "0", "--trigger", "mame")
    assert ended.err == "" and ended.code == 0
    copies = tmp_path / "pics_tagged"
    assert files_under(copies) == {"0.png", "0.txt", "1.png", "1.txt"}
    assert (copies / "0.txt").read_text("utf-8") == "my own words\n"
    assert (copies / "1.txt").read_text("utf-8").startswith("mame, ")
    assert {name: (folder / name).read_bytes() for name in files_under(folder)} == before
    assert "1 kept, 1 written" in ended.out


def test_a_caption_corrected_in_the_copy_is_not_lost_by_tagging_again(
    enogu: Enogu, folder: Path, tagger: Path, tmp_path: Path
) -> None:
    corrected = tmp_path / "pics_tagged" / "1.txt"
    assert enogu("tag", folder, "--tagger", tagger).code == 0
    corrected.write_text("corrected", encoding="utf-8")
    assert enogu("tag", folder, "--tagger", tagger).code == 0
    assert corrected.read_text("utf-8") == "corrected"
    assert enogu("tag", folder, "--tagger", tagger, "--threshold", "0", "--existing", "append").code == 0
    assert corrected.read_text("utf-8").startswith("corrected, ")
    assert enogu("tag", folder, "--tagger", tagger, "--threshold", "0", "--existing", "overwrite").code == 0
    assert "corrected" not in corrected.read_text("utf-8")


def test_captions_go_beside_the_originals_when_asked(enogu: Enogu, folder: Path, tagger: Path, tmp_path: Path) -> None:
    ended = enogu("tag", folder, "--tagger", tagger, "--in-place", "--json")
    assert [one["outcome"] for one in ended.document["captions"]] == ["kept", "written"]
    assert files_under(folder) == {"0.png", "0.txt", "1.png", "1.txt"}
    assert (folder / "0.txt").read_text("utf-8") == "my own words"
    assert not (tmp_path / "pics_tagged").exists()


def test_a_kohya_folder_keeps_its_name_and_so_its_repeats(
    enogu: Enogu, folder: Path, tagger: Path, tmp_path: Path
) -> None:
    """D1: named itself or through its parent, the copy is a Kohya folder too."""
    kohya = folder.rename(tmp_path / "set" / "20_mame 1girl") if (tmp_path / "set").mkdir() is None else folder
    assert enogu("tag", kohya, "--tagger", tagger, "--out", tmp_path / "a").code == 0
    assert enogu("tag", kohya.parent, "--tagger", tagger, "--out", tmp_path / "b").code == 0
    assert enogu("tag", kohya, "--tagger", tagger).code == 0
    for copies in ("a", "b", "set_tagged"):
        assert "20_mame 1girl/1.txt" in files_under(tmp_path / copies)


def test_another_picture_of_the_same_name_is_never_written_over(
    enogu: Enogu, folder: Path, tagger: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    photo(32, 32, seed=9).save(tmp_path / "out" / "1.png")
    ended = enogu("tag", folder, "--tagger", tagger, "--out", tmp_path / "out")
    assert ended.code == 2 and "is another picture" in ended.err
    assert files_under(tmp_path / "out") == {"1.png"}


def test_a_broken_picture_is_named_and_the_others_are_tagged(
    enogu: Enogu, folder: Path, tagger: Path, tmp_path: Path
) -> None:
    truncated_png(folder / "broken.png")
    ended = enogu("tag", folder, "--tagger", tagger)
    assert ended.code == 0 and "Left out: broken.png" in ended.out
    assert "broken.png" not in files_under(tmp_path / "pics_tagged")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--in-place", "--out", "x"), "contradict each other"),
        (("--threshold", "2"), "--threshold"),
        (("--trigger", "a, b"), "more than one tag"),
        (("--existing", "burn"), "--existing"),
        (("--tagger", "nowhere"), "There is no tagger nowhere."),
    ],
)
def test_wrong_use_is_answered_in_a_line_and_writes_nothing(
    enogu: Enogu, folder: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    ended = enogu("tag", folder, *options)
    assert ended.code == 2 and said in ended.err and len(ended.err.splitlines()) == 1
    assert not (tmp_path / "pics_tagged").exists()
