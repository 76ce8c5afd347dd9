"""Folders of pictures (product D1, D2)."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.errors import EnoguError, WrongUse
from enogu.imaging.folder import decode_caption, natural_key, parse_kohya_name, read_folder
from tests import hostile_pictures as hostile


def picture(path: Path, caption: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    hostile.photo().save(path, format="PNG")
    if caption is not None:
        path.with_suffix(".txt").write_text(caption, encoding="utf-8")
    return path


def test_a_plain_folder_gives_pictures_with_their_captions(tmp_path: Path) -> None:
    """D1."""
    picture(tmp_path / "a.png", "mame, smile\n")
    picture(tmp_path / "b.png")
    folder = read_folder(tmp_path)
    assert [(p.path.name, p.caption, p.has_caption, p.repeats, p.class_tokens) for p in folder.pictures] == [
        ("a.png", "mame, smile", True, 1, ""),
        ("b.png", "", False, 1, ""),
    ]
    assert (folder.trigger_hint, folder.refused, folder.notes) == ("", (), ())
    assert folder.pictures[0].info.width == 64


def test_a_kohya_folder_gives_repeats_trigger_and_class(tmp_path: Path) -> None:
    """D1: class tokens stand in where there is no caption, as in sd-scripts."""
    picture(tmp_path / "20_mame 1girl" / "a.png", "mame, 1girl, smile")
    picture(tmp_path / "20_mame 1girl" / "b.png")
    folder = read_folder(tmp_path / "20_mame 1girl")
    assert [(p.caption, p.has_caption, p.repeats) for p in folder.pictures] == [
        ("mame, 1girl, smile", True, 20),
        ("mame 1girl", False, 20),
    ]
    assert folder.trigger_hint == "mame"


def test_the_parent_of_kohya_folders_reads_them_all(tmp_path: Path) -> None:
    """D1. Loose pictures and other folders are left aside, and said to be."""
    picture(tmp_path / "10_mame 1girl" / "a.png")
    picture(tmp_path / "2_mame smile" / "b.png")
    picture(tmp_path / "0_mame off" / "c.png")
    picture(tmp_path / "others" / "d.png")
    picture(tmp_path / "loose.png")
    (tmp_path / "logs").mkdir()
    folder = read_folder(tmp_path)
    assert [(p.path.name, p.repeats, p.class_tokens) for p in folder.pictures] == [
        ("b.png", 2, "mame smile"),
        ("a.png", 10, "mame 1girl"),
    ]
    assert folder.trigger_hint == "mame"
    assert len(folder.notes) == 3
    assert "0_mame off" in folder.notes[0] and "others" in folder.notes[1]
    assert "Loose pictures left aside" in folder.notes[2]


def test_kohya_folders_of_two_characters_give_no_trigger_hint(tmp_path: Path) -> None:
    picture(tmp_path / "10_mame 1girl" / "a.png")
    picture(tmp_path / "10_zdm 1boy" / "b.png")
    assert read_folder(tmp_path).trigger_hint == ""


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("20_mame 1girl", (20, "mame 1girl")),
        ("1_a_b_c", (1, "a_b_c")),
        ("5_豆 女の子", (5, "豆 女の子")),
        ("0_off", (0, "off")),
        ("mame", None),
        ("20", None),
        ("20_", None),
        ("_mame", None),
        ("-3_mame", None),
        ("20240131_summer photos", None),
        ("2_5D style", (2, "5D style")),
    ],
)
def test_kohya_names_are_parsed_by_sd_scripts_rule(name: str, parsed: tuple[int, str] | None) -> None:
    assert parse_kohya_name(name) == parsed


def test_files_that_are_no_pictures_are_ignored_silently(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for name in ("README.txt", "meta.json", "cache.npz", "Thumbs.db", "desktop.ini", "model.safetensors", "no_suffix"):
        (tmp_path / name).write_bytes(b"\0anything")
    for name in (".hidden.png", "._a.png", ".DS_Store"):
        (tmp_path / name).write_bytes(b"Mac OS X")
    folder = read_folder(tmp_path)
    assert ([p.path.name for p in folder.pictures], folder.refused, folder.notes) == (["a.png"], (), ())


def test_every_broken_picture_is_named_and_the_others_stay(tmp_path: Path) -> None:
    """D2."""
    for name, make in {**hostile.REFUSED, **hostile.ODD}.items():
        make(tmp_path / name)
    (tmp_path / "photo.heic").write_bytes(bytes(100))
    folder = read_folder(tmp_path)
    assert {p.path.name for p in folder.pictures} == set(hostile.ODD)
    assert {refusal.message.split()[0] for refusal in folder.refused} == {*hostile.REFUSED, "photo.heic"}


def test_headers_alone_do_not_find_truncated_pixels(tmp_path: Path) -> None:
    hostile.truncated_png(tmp_path / "a.png")
    assert len(read_folder(tmp_path, decode=False).pictures) == 1
    with pytest.raises(WrongUse, match=r"None of the pictures in .* can be used: a\.png is cut short"):
        read_folder(tmp_path)


def test_originals_are_never_altered(tmp_path: Path) -> None:
    """D3."""
    picture(tmp_path / "a.png", "x")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    read_folder(tmp_path)
    assert before == {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}


def test_a_shift_jis_caption_is_read_with_a_note_naming_the_file(tmp_path: Path) -> None:
    path = picture(tmp_path / "豆 1.png")
    hostile.shift_jis_caption(path.with_suffix(".txt"))
    folder = read_folder(tmp_path)
    assert folder.pictures[0].caption == "豆, 緑の髪, 笑顔"
    assert folder.notes == ("豆 1.txt is not UTF-8; it was read as Shift-JIS (CP932).",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_captions_of_windows_editors_are_read(tmp_path: Path, encoding: str) -> None:
    path = picture(tmp_path / "a.png")
    path.with_suffix(".txt").write_bytes("豆, smile\r\nsecond line\r\n".encode(encoding))
    folder = read_folder(tmp_path)
    assert folder.pictures[0].caption == "豆, smile\nsecond line"
    assert bool(folder.notes) == (encoding == "utf-16")


@pytest.mark.parametrize("content", [b"\x81\x00\xff\xfe\x80", b"smile\0\0", b"a" * 300_000])
def test_a_caption_that_is_no_text_refuses_its_picture(tmp_path: Path, content: bytes) -> None:
    picture(tmp_path / "good.png")
    picture(tmp_path / "bad.png").with_suffix(".txt").write_bytes(content)
    folder = read_folder(tmp_path)
    assert [p.path.name for p in folder.pictures] == ["good.png"]
    assert folder.refused[0].message.startswith("bad.png: its caption bad.txt")
    assert folder.refused[0].cure == "Save it as UTF-8 text."


def test_an_empty_caption_is_meant_but_said(tmp_path: Path) -> None:
    picture(tmp_path / "20_mame 1girl" / "a.png", " \n")
    folder = read_folder(tmp_path)
    assert (folder.pictures[0].caption, folder.pictures[0].has_caption) == ("", True)
    assert folder.notes == ("a.txt is empty.",)


def test_a_caption_is_found_through_other_capitals_and_unicode_forms(tmp_path: Path) -> None:
    """Cameras write IMG.PNG, macOS decomposes が."""
    picture(tmp_path / unicodedata.normalize("NFD", "がぎ.PNG"))
    (tmp_path / unicodedata.normalize("NFC", "がぎ.TXT")).write_text("豆", encoding="utf-8")
    assert read_folder(tmp_path).pictures[0].caption == "豆"


def test_sd_scripts_caption_files_count_when_there_is_no_txt(tmp_path: Path) -> None:
    picture(tmp_path / "a.png").with_suffix(".caption").write_text("from caption", encoding="utf-8")
    picture(tmp_path / "b.png", "from txt").with_suffix(".caption").write_text("not this", encoding="utf-8")
    assert [p.caption for p in read_folder(tmp_path).pictures] == ["from caption", "from txt"]


def test_the_order_is_natural(tmp_path: Path) -> None:
    names = ["a2.png", "a10.png", "B1.png", "b1.jpg", "画像3.png", "画像20.png"]
    for name in random.Random(3).sample(names, len(names)):
        picture(tmp_path / name)
    assert [p.path.name for p in read_folder(tmp_path).pictures] == [
        "a2.png",
        "a10.png",
        "b1.jpg",
        "B1.png",
        *names[4:],
    ]


@given(st.lists(st.text(max_size=12), unique=True), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_disk_lists(names: list[str], shuffler: random.Random) -> None:
    shuffled = names[:]
    shuffler.shuffle(shuffled)
    assert sorted(shuffled, key=natural_key) == sorted(names, key=natural_key)


def test_an_empty_folder_is_wrong_use_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match=r"There are no pictures in .*Put PNG, JPEG"):
        read_folder(tmp_path)


def test_pictures_one_folder_too_deep_are_pointed_out(tmp_path: Path) -> None:
    picture(tmp_path / "inner" / "a.png")
    with pytest.raises(WrongUse, match=r"inner is left aside.*Name the folder they are in"):
        read_folder(tmp_path)


def test_a_folder_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="There is no folder"):
        read_folder(tmp_path / "nothing")
    with pytest.raises(WrongUse, match="is a file, not a folder"):
        read_folder(picture(tmp_path / "a.png"))


def test_one_picture_is_enough(tmp_path: Path) -> None:
    picture(tmp_path / "絵 の フォルダ" / "豆 (1).png", "豆")
    assert len(read_folder(tmp_path / "絵 の フォルダ").pictures) == 1


@pytest.mark.parametrize("data", [b"smile \xff\xfd", b"\x80", b"\xf0\x40 hat"])
def test_stray_bytes_are_no_shift_jis_caption(data: bytes) -> None:
    with pytest.raises(EnoguError, match=r"^a\.txt is neither UTF-8 nor Shift-JIS"):
        decode_caption(data, "a.txt")
