"""Bounded reading of zips, folders and single files (product D1, D2; issue 3, section 5)."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.datasets.entities import ImportLimits
from enogu.datasets.incoming.sources import FolderSource, ImportSource, NamedFiles, ZipSource
from enogu.errors import PictureRefused, WrongUse
from tests.unit.datasets.incoming import zips

SMALL = ImportLimits(max_files=3, max_file_bytes=2000, max_total_bytes=5000)


def opened(data: bytes, limits: ImportLimits | None = None) -> ZipSource:
    return ZipSource(io.BytesIO(data), "絵.zip", limits)


def read_all(source: ImportSource) -> tuple[dict[str, bytes], list[str]]:
    """What could be read by path, and every refusal's message."""
    read: dict[str, bytes] = {}
    refused = list(source.refused)
    for file in source.files:
        try:
            read[file.path] = source.read(file)
        except PictureRefused as refusal:
            refused.append(refusal)
    assert all(refusal.cure and "\n" not in str(refusal) for refusal in refused)
    return read, [refusal.message for refusal in refused]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_gives_its_files(compression: int) -> None:
    files = {"a.png": b"1", "絵/豆 (1).png": bytes(3000), "絵/豆 (1).txt": b""}
    assert read_all(opened(zips.packed(files, compression))) == (files, [])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (zips.packed({"../../evil.png": b"x"}), "evil.png has a path that leads out of its folder."),
        (zips.packed({"a/../../evil.png": b"x"}), "evil.png has a path that leads out of its folder."),
        (zips.packed({"..\\evil.png": b"x"}), "evil.png has a path that leads out of its folder."),
        (zips.packed({"/etc/evil.png": b"x"}), "evil.png has an absolute path."),
        (zips.packed({"C:\\evil.png": b"x"}), "evil.png has an absolute path."),
        (zips.packed({"C:evil.png": b"x"}), "C:evil.png has an absolute path."),
        (zips.packed({"\\\\host\\evil.png": b"x"}), "evil.png has an absolute path."),
        (zips.packed({"e\nvil.png": b"x"}), "e?vil.png has signs in its name that cannot be shown."),
        (zips.packed({"a/" * 600 + "a.png": b"x"}), "a.png has a path of more than 1000 characters."),
        (zips.link(), "a.png is a link."),
        (zips.pipe(), "a.png is not a file."),
        (zips.encrypted(), "a.png is encrypted."),
        (zips.with_entry("a.png", compression=zipfile.ZIP_LZMA), "a.png is packed in a way that is not read here."),
        (zips.with_entry("a.png", compression=zipfile.ZIP_BZIP2), "a.png is packed in a way that is not read here."),
        (zips.packed({"more.zip": zips.packed({"a.png": b"x"})}), "more.zip is an archive inside the archive."),
        (zips.packed({"more.TAR": b"x"}), "more.TAR is an archive inside the archive."),
        (zips.packed({"black.bmp": bytes(3_000_000)}), "black.bmp grows to more than 200 times its packed size."),
        (zips.lying_about_size(), "a.png is damaged inside the zip (its content cannot be unpacked)."),
    ],
)
def test_a_hostile_entry_is_refused_with_its_name_and_the_others_stay(data: bytes, reason: str) -> None:
    """D2, issue 3 section 5. The good file is appended to the same zip."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("good.png", b"good")
    read, refused = read_all(opened(buffer.getvalue()))
    assert (read, refused) == ({"good.png": b"good"}, [reason])


def test_a_name_that_ends_early_for_some_programs_is_refused() -> None:
    read, refused = read_all(opened(zips.with_raw_names({b"a.png\0.exe": b"x", b"b.png": b"y"})))
    assert (read, refused) == ({"b.png": b"y"}, ["a.png?.exe has signs in its name that cannot be shown."])


def test_a_name_that_is_there_twice_is_taken_once() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.png", b"first")
        archive.writestr("a.png", b"second")
    assert read_all(opened(buffer.getvalue())) == ({"a.png": b"first"}, ["a.png is in the zip twice."])


def test_two_names_for_one_content_are_one_picture() -> None:
    read, refused = read_all(opened(zips.two_names_for_one_content()))
    assert list(read.values()) in ([], [b"1" * 500]) and all("damaged inside the zip" in reason for reason in refused)
    assert len(read) + len(refused) == 2


def test_what_a_mac_or_windows_leaves_behind_is_not_mentioned() -> None:
    names = ("__MACOSX/._a.png", ".DS_Store", "x/Thumbs.db", "x/desktop.ini", "x/", ".hidden/a.png")
    assert read_all(opened(zips.packed(dict.fromkeys(names, b"")))) == ({}, [])


def test_sizes_are_counted_while_reading() -> None:
    """Neither one file nor all together may be larger than allowed, whatever the headers say."""
    files = {"a.png": bytes(range(200)) * 9, "large.png": bytes(2001), "b.png": bytes(1900), "c.png": bytes(1700)}
    read, refused = read_all(opened(zips.packed(files), SMALL))
    assert list(read) == ["a.png"]
    assert refused[0] == "large.png is larger than 0 MiB."
    assert refused[1].startswith("b.png is left out: all files together are larger than")


def test_more_files_than_allowed_are_refused_at_once() -> None:
    data = zips.packed({f"{number}.png": b"" for number in range(7)})
    with pytest.raises(WrongUse, match=r"絵\.zip holds more than 3 pictures\. Add them in several parts"):
        opened(data, SMALL)


def test_a_huge_table_of_contents_is_not_read() -> None:
    with pytest.raises(WrongUse, match="holds more than 10,000 pictures"):
        opened(zips.with_huge_contents())


@pytest.mark.parametrize(
    "data", [b"", b"words", b"PK\x03\x04" + bytes(100), zips.packed({"a.png": b"1"})[:-30], b"PK\5\6" + b"\xff" * 18]
)
def test_what_is_no_zip_is_wrong_use(data: bytes) -> None:
    with pytest.raises(WrongUse, match=r"絵\.zip (is not a zip file that can be read|holds more)") as error:
        opened(data)
    assert error.value.cure


@given(data=st.data())
def test_whatever_the_bytes_are_files_come_or_refusals(data: st.DataObject) -> None:
    whole = bytearray(zips.packed({"a.png": b"1" * 300, "豆.png": bytes(300), "b/c.txt": b"smile"}))
    places = st.integers(0, len(whole) - 1)
    for at, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        whole[at] = value
    cut = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    try:
        read, _ = read_all(opened(bytes(whole[:cut]), ImportLimits(max_total_bytes=10_000)))
    except WrongUse:
        return
    assert not [path for path in read if path.startswith("/") or ".." in path.split("/")]


# --- a folder, and files by name ------------------------------------------------------------------------------------


def test_a_folder_gives_all_below_it(tmp_path: Path) -> None:
    folder = tmp_path / "絵 (1)"
    (folder / "b").mkdir(parents=True)
    (folder / "a.png").write_bytes(b"1")
    (folder / "b" / "c.png").write_bytes(b"2")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "d.png").write_bytes(b"3")
    assert read_all(FolderSource(folder)) == ({"絵 (1)/a.png": b"1", "絵 (1)/b/c.png": b"2"}, [])
    with pytest.raises(WrongUse, match="There is no folder"):
        FolderSource(tmp_path / "nothing")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert read_all(FolderSource(tmp_path)) == ({}, ["a.png is a link."])


def test_a_folder_has_the_same_limits(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(bytes(2001))
    assert read_all(FolderSource(tmp_path, SMALL)) == ({}, ["large.png is larger than 0 MiB."])
    for number in range(7):
        (tmp_path / f"{number}.png").touch()
    with pytest.raises(WrongUse, match="holds more than 3 pictures"):
        FolderSource(tmp_path, SMALL)


@given(st.dictionaries(st.text(max_size=30), st.binary(max_size=20), max_size=5))
def test_a_name_from_outside_never_leads_anywhere(files: dict[str, bytes]) -> None:
    """Whatever they are called: read under a plain relative path, left aside, or refused."""
    read, _ = read_all(NamedFiles(files))
    for path, data in read.items():
        assert data in files.values()
        assert all(part not in ("", ".", "..") for part in path.split("/"))
        assert not path.startswith("/") and "\0" not in path and "\n" not in path
