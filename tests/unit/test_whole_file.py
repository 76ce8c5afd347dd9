"""A file is there whole or not at all, whatever goes wrong while it is written, and the message tells the cure."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu import whole_file
from enogu.errors import StorageFailed
from enogu.whole_file import make_folder, storage_failed, write_whole, write_whole_bytes


def test_a_written_file_holds_exactly_the_bytes_given(tmp_path: Path) -> None:
    write_whole_bytes(tmp_path / "まめ の lora.safetensors", b"\x00\xffmame")
    assert (tmp_path / "まめ の lora.safetensors").read_bytes() == b"\x00\xffmame"
    assert _names(tmp_path) == ["まめ の lora.safetensors"]


@given(first=st.binary(max_size=200), second=st.binary(max_size=200))
def test_a_second_write_replaces_the_first_completely(
    tmp_path_factory: pytest.TempPathFactory, first: bytes, second: bytes
) -> None:
    path = tmp_path_factory.mktemp("whole") / "file"
    write_whole_bytes(path, first)
    write_whole_bytes(path, second)
    assert path.read_bytes() == second


def test_missing_folders_above_the_file_are_made(tmp_path: Path) -> None:
    write_whole_bytes(tmp_path / "a" / "b" / "file", b"x")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"x"


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "lora.safetensors"
    write_whole_bytes(path, b"old")

    def half(aside: Path) -> None:
        aside.write_bytes(b"ha")
        raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        write_whole(path, half)
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["lora.safetensors"]


def test_an_interruption_by_the_keyboard_leaves_no_remains(tmp_path: Path) -> None:
    def interrupted(aside: Path) -> None:
        aside.write_bytes(b"ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "lora.safetensors", interrupted)
    assert _names(tmp_path) == []


def test_a_full_disk_is_named_with_its_cure_and_leaves_no_remains(tmp_path: Path) -> None:
    def full(aside: Path) -> None:
        aside.write_bytes(b"ha")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageFailed, match=r"lora\.safetensors: No space left on device\. .*free some space"):
        write_whole(tmp_path / "lora.safetensors", full)
    assert _names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_really_full_gives_the_same_message(tmp_path: Path) -> None:
    def full(aside: Path) -> None:
        with Path("/dev/full").open("wb") as file:
            file.write(aside.name.encode())

    with pytest.raises(StorageFailed, match="The disk is full"):
        write_whole(tmp_path / "file", full)
    assert _names(tmp_path) == []


def test_a_read_only_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated, since root, whom CI runs as, may write to a folder whose permissions forbid it."""

    def refuse(**_: object) -> tuple[int, str]:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(whole_file.tempfile, "mkstemp", refuse)
    with pytest.raises(StorageFailed, match="choose another folder"):
        write_whole_bytes(tmp_path / "file", b"x")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_one_may_not_write_to_is_told_as_such(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(StorageFailed, match="change its permissions"):
            write_whole_bytes(tmp_path / "file", b"x")
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(StorageFailed, match="taken"):
        write_whole_bytes(tmp_path / "taken" / "file", b"x")
    with pytest.raises(StorageFailed, match="taken"):
        make_folder(tmp_path / "taken")


def test_a_name_too_long_for_the_disk_asks_for_a_shorter_one(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="Choose a shorter name"):
        write_whole_bytes(tmp_path / ("a" * 300), b"x")
    assert _names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_file_gets_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    """mkstemp makes files that only their owner can read; a LoRA in a shared folder must not stay so."""
    before = os.umask(0o022)
    try:
        write_whole_bytes(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut a name must not lead to an empty file: flush first, rename then."""
    path = tmp_path / "file"
    flushed_before_rename: list[bool] = []
    flush = os.fsync

    def noted(handle: int) -> None:
        flushed_before_rename.append(not path.exists())
        flush(handle)

    monkeypatch.setattr(whole_file.os, "fsync", noted)
    write_whole_bytes(path, b"x")
    assert flushed_before_rename[0]


def test_an_unknown_error_of_the_disk_is_told_in_its_own_words(tmp_path: Path) -> None:
    error = storage_failed(tmp_path / "file", OSError(errno.EIO, "Input/output error"))
    assert str(error) == f"Could not write {tmp_path / 'file'}: Input/output error."


def _names(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir() if child.name != "enogu-home")
