"""From files to pictures with captions, repeats and triggers (product D1, D2)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.datasets.entities import ImportLimits, IncomingPicture
from enogu.datasets.incoming.reading import incoming_pictures, plan_import
from enogu.datasets.incoming.sources import FolderSource, ImportSource, NamedFiles, ZipSource
from enogu.errors import PictureRefused
from tests.unit.datasets.incoming import zips


def source_of(kind: str, files: Mapping[str, bytes], folder: Path) -> ImportSource:
    if kind == "names":
        return NamedFiles(files)
    if kind == "zip":
        return ZipSource(io.BytesIO(zips.packed(files)), "a.zip")
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return FolderSource(folder)


@pytest.fixture(params=["names", "zip", "folder"])
def kind(request: pytest.FixtureRequest) -> str:
    """The three ways in give the same."""
    return request.param


def brought(source: ImportSource) -> list[IncomingPicture | PictureRefused]:
    return list(incoming_pictures(source, plan_import(source)))


def pictures(source: ImportSource) -> list[IncomingPicture]:
    return [item for item in brought(source) if isinstance(item, IncomingPicture)]


def test_pictures_come_with_the_captions_of_their_name(kind: str, tmp_path: Path) -> None:
    """D1."""
    files = {"b10.png": b"1", "b2.JPG": b"2", "b2.TXT": b"zdm, smile\n", "b10.caption": b"a boy", "notes.md": b""}
    source = source_of(kind, files, tmp_path / "pictures")
    assert [(p.name, p.data, p.caption, p.has_caption, p.repeats, p.class_tokens) for p in pictures(source)] == [
        ("b2.JPG", b"2", "zdm, smile", True, 1, ""),
        ("b10.png", b"1", "a boy", True, 1, ""),
    ]
    assert plan_import(source).notes == ("Files that are neither pictures nor captions (1): notes.md.",)


def test_a_kohya_folder_tells_repeats_trigger_and_class(kind: str, tmp_path: Path) -> None:
    """D1: class tokens stand in where there is no caption, as in sd-scripts."""
    files = {"20_zdm 1boy/a.png": b"1", "20_zdm 1boy/a.txt": b"zdm, hat", "20_zdm 1boy/b.png": b"2"}
    source = source_of(kind, files, tmp_path / "pictures")
    assert [(p.name, p.caption, p.has_caption, p.repeats, p.class_tokens) for p in pictures(source)] == [
        ("a.png", "zdm, hat", True, 20, "zdm 1boy"),
        ("b.png", "zdm 1boy", False, 20, "zdm 1boy"),
    ]
    assert plan_import(source).trigger_hint == "zdm"


def test_a_kohya_folder_itself_counts_by_its_own_name(tmp_path: Path) -> None:
    folder = tmp_path / "20_zdm 1boy"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"1")
    assert [(p.name, p.repeats) for p in pictures(FolderSource(folder))] == [("a.png", 20)]


def test_beside_kohya_folders_the_others_are_left_aside_and_said_to_be(kind: str, tmp_path: Path) -> None:
    names = ("set/2_zdm a/1.png", "set/10_kan b/1.png", "set/0_off/2.png", "set/x/3.png", "4.png")
    files: dict[str, bytes] = dict.fromkeys(names, b"")
    source = source_of(kind, files, tmp_path / "pictures")
    assert [(p.name, p.repeats) for p in pictures(source)] == [("2_zdm a/1.png", 2), ("10_kan b/1.png", 10)]
    plan = plan_import(source)
    assert plan.trigger_hint == ""
    assert len(plan.notes) == 3
    assert "0_off is left aside: it says 0 repeats." in plan.notes
    assert "Pictures left aside in x: 1; only the numbered folders are read." in plan.notes


def test_pictures_of_one_name_in_two_folders_are_kept_apart(kind: str, tmp_path: Path) -> None:
    files = {"set/a/1.png": b"1", "set/b/1.png": b"2", "set/a/1.txt": b"first"}
    source = source_of(kind, files, tmp_path / "pictures")
    assert [(p.name, p.caption) for p in pictures(source)] == [("a/1.png", "first"), ("b/1.png", "")]


def test_captions_are_read_in_the_encodings_people_have() -> None:
    files = {f"{number}.png": b"" for number in range(4)} | {
        "0.txt": "豆, 笑顔".encode("cp932"),
        "1.txt": "豆, 笑顔".encode("utf-16"),
        "2.txt": b"\xef\xbb\xbf" + "豆, 笑顔".encode(),
        "3.txt": b"\x81\x01\x85",
    }
    *read, refused = brought(NamedFiles(files))
    assert [item.caption for item in read if isinstance(item, IncomingPicture)] == ["豆, 笑顔"] * 3
    assert [item.notes for item in read if isinstance(item, IncomingPicture)] == [
        ("0.txt is not UTF-8; it was read as Shift-JIS (CP932).",),
        ("1.txt is not UTF-8; it was read as UTF-16.",),
        (),
    ]
    assert isinstance(refused, PictureRefused)
    assert str(refused) == "3.png: its caption 3.txt is neither UTF-8 nor Shift-JIS text. Save it as UTF-8 text."


def test_captions_without_a_picture_are_pointed_out() -> None:
    plan = plan_import(NamedFiles({"a.png": b"", "b.txt": b"", "c.caption": b""}))
    assert plan.notes == ("Captions without a picture (2): b.txt, c.caption.",)


def test_a_file_that_cannot_be_read_does_not_stop_the_others() -> None:
    """D2."""
    source = NamedFiles({"a.png": bytes(9), "b.png": bytes(11), "c.png": bytes(9)}, ImportLimits(max_file_bytes=10))
    assert [str(item) if isinstance(item, PictureRefused) else item.name for item in brought(source)] == [
        "a.png",
        "b.png is larger than 0 MiB. Make it smaller and add it again.",
        "c.png",
    ]


def test_what_only_promises_to_be_a_picture_is_passed_on_so_that_the_decoder_names_it() -> None:
    assert [p.name for p in pictures(NamedFiles({"IMG_1.HEIC": b"x", "a.psd": b"x", "b.clip": b"x"}))] == [
        "a.psd",
        "b.clip",
        "IMG_1.HEIC",
    ]


PARTS = st.sampled_from(["a", "A", "20_zdm 1boy", "0_off", "豆", "b c", "3_", "_"])
NAMES = st.builds(
    lambda folders, stem, suffix: "/".join([*folders, stem + suffix]),
    st.lists(PARTS, max_size=3),
    PARTS,
    st.sampled_from([".png", ".JPG", ".txt", ".caption", ".heic", ".md", ""]),
)


@given(st.sets(NAMES, max_size=12))
def test_every_file_is_a_picture_or_a_caption_or_is_spoken_of(names: set[str]) -> None:
    """Nothing vanishes silently: what does not come in is counted in a note."""
    source = NamedFiles(dict.fromkeys(names, b"smile"))
    plan = plan_import(source)
    shown = [picture.shown for picture in plan.pictures]
    assert len(set(shown)) == len(shown)
    came = {picture.file.path for picture in plan.pictures}
    if came != {name for name in names if name.lower().endswith((".png", ".jpg", ".heic"))}:
        assert any("left aside" in note for note in plan.notes)
    for picture in plan.pictures:
        assert picture.repeats >= 1
        assert picture.caption_file is None or picture.caption_file.folder.casefold() == picture.file.folder.casefold()
    assert len(brought(source)) == len(plan.pictures)


def test_a_folder_called_reg_holds_regularisation_pictures_and_gives_no_trigger(kind: str, tmp_path: Path) -> None:
    """F28: as kohya_ss lays a project out, with `img` and `reg` side by side."""
    files = {"img/20_zdm 1boy/a.png": b"1", "reg/1_1boy/b.png": b"2", "reg/c.png": b"3"}
    source = source_of(kind, files, tmp_path / "project")
    assert [(p.name, p.caption, p.repeats, p.is_regularisation) for p in pictures(source)] == [
        ("img/20_zdm 1boy/a.png", "zdm 1boy", 20, False),
        ("reg/c.png", "", 1, True),
        ("reg/1_1boy/b.png", "1boy", 1, True),
    ]
    assert plan_import(source).trigger_hint == "zdm"
    assert plan_import(source).notes == ()


def test_files_in_a_folder_called_masks_belong_to_the_pictures_of_their_name(kind: str, tmp_path: Path) -> None:
    """F28."""
    files = {
        "20_zdm/a.png": b"1", "20_zdm/b.jpg": b"2", "5_other/a.png": b"3",
        "masks/20_zdm/a.png": b"m1", "masks/b.PNG": b"m2", "masks/gone.png": b"m3",
    }  # fmt: skip
    source = source_of(kind, files, tmp_path / "project")
    assert [(p.name, p.mask and p.mask.data) for p in pictures(source)] == [
        ("5_other/a.png", None),
        ("20_zdm/a.png", b"m1"),
        ("20_zdm/b.jpg", b"m2"),
    ]
    assert [mask.name for mask in plan_import(source).lone_masks] == ["gone.png"]
