"""Files by content: the same promises in memory, on disk and in a bucket (moto's S3 server on loopback)."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.errors import NotFound, StorageFailed, TooLarge, WrongUse
from enogu.storage.files import CHUNK_BYTES, FORGOTTEN_SECONDS, Files, open_files
from enogu.storage.files_in_memory import FilesInMemory
from enogu.storage.files_on_disk import FilesOnDisk

ENOUGH = 100_000_000
MISSING = "0" * 64


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_url(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of the test's own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    bucket = f"studio-{uuid.uuid4().hex}"
    request = urllib.request.Request(f"{s3_address}/{bucket}", method="PUT")  # noqa: S310 (loopback)
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
        answer.read()
    return f"s3://{bucket}/files?endpoint={s3_address}&region=us-east-1"


@pytest.fixture(params=["memory", "disk", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "memory":
        return FilesInMemory()
    if request.param == "disk":
        return open_files(str(tmp_path / "絵 の具" / "files"), tmp_path / "incoming")
    return open_files(request.getfixturevalue("s3_url"), tmp_path / "incoming")


def test_what_was_put_is_read_back_under_its_hash(files: Files) -> None:
    chunks = [b"mame ", b"", "豆".encode(), b"\x00\xff"]
    put = files.put(iter(chunks), ENOUGH)
    data = b"".join(chunks)
    assert (put.sha256, put.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert b"".join(files.get(put.sha256)) == data
    found = files.find(put.sha256)
    assert found is not None
    assert (found.sha256, found.size_bytes, found.stored_at.tzinfo) == (put.sha256, len(data), UTC)
    assert abs(datetime.now(UTC) - found.stored_at) < timedelta(minutes=10)


def test_a_large_file_goes_through_in_pieces(files: Files) -> None:
    """Over PART_BYTES, so that S3 gets it in several parts; no piece that comes back is the whole."""
    pieces = 17
    piece = bytes(range(256)) * 2048  # 512 KiB
    put = files.put((piece for _ in range(pieces)), ENOUGH)
    assert put.size_bytes == pieces * len(piece)
    hashed = hashlib.sha256()
    largest = 0
    for chunk in files.get(put.sha256):
        hashed.update(chunk)
        largest = max(largest, len(chunk))
    assert hashed.hexdigest() == put.sha256
    assert largest < put.size_bytes / 2


def test_an_empty_file_is_a_file_too(files: Files) -> None:
    put = files.put([], 0)
    assert put.size_bytes == 0
    assert list(files.get(put.sha256)) == []
    assert files.find(put.sha256) is not None


def test_a_range_is_read_as_slices_are(files: Files) -> None:
    data = os.urandom(1000)
    sha256 = files.put([data], ENOUGH).sha256
    for start, end in [(0, None), (0, 1), (999, 1000), (10, 500), (990, 5000), (1000, None), (7, 7), (1000, 1000)]:
        assert b"".join(files.get(sha256, start, end)) == data[start:end]


@pytest.mark.parametrize(("start", "end"), [(1001, None), (-1, None), (10, 5)])
def test_a_range_that_makes_no_sense_is_refused_at_the_call(files: Files, start: int, end: int | None) -> None:
    sha256 = files.put([bytes(1000)], ENOUGH).sha256
    with pytest.raises(WrongUse, match="1000"):
        files.get(sha256, start, end)


def test_the_same_content_is_kept_once(files: Files) -> None:
    first = files.put([b"one", b"two"], ENOUGH)
    assert files.put([b"onetwo"], ENOUGH) == first
    assert [one.sha256 for one in files.list_files()] == [first.sha256]


def test_one_byte_over_the_limit_is_refused_and_nothing_is_kept(files: Files) -> None:
    taken: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(1000):
            taken.append(number)
            yield bytes(10)

    with pytest.raises(TooLarge, match="25 bytes"):
        files.put(chunks(), 25)
    assert len(taken) == 3, "the rest is not even asked for"
    assert list(files.list_files()) == []
    assert files.put([bytes(25)], 25).size_bytes == 25


def test_a_sender_that_breaks_off_leaves_nothing_and_its_own_error(files: Files) -> None:
    """A browser that hangs up is no full disk, even when it is an OSError."""

    def chunks() -> Iterator[bytes]:
        yield bytes(1_000_000)
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        files.put(chunks(), ENOUGH)
    assert list(files.list_files()) == []


def test_half_of_a_file_is_never_visible(files: Files) -> None:
    data = [bytes(600_000), bytes(600_000)]
    sha256 = hashlib.sha256(b"".join(data)).hexdigest()

    def chunks() -> Iterator[bytes]:
        for chunk in data:
            assert files.find(sha256) is None
            assert list(files.list_files()) == []
            yield chunk

    assert files.put(chunks(), ENOUGH).sha256 == sha256
    assert files.find(sha256) is not None


def test_what_was_deleted_is_gone_and_deleting_it_again_is_no_error(files: Files) -> None:
    kept, deleted = files.put([b"kept"], ENOUGH), files.put([b"deleted"], ENOUGH)
    files.delete(deleted.sha256)
    files.delete(deleted.sha256)
    assert files.find(deleted.sha256) is None
    assert [one.sha256 for one in files.list_files()] == [kept.sha256]
    with pytest.raises(NotFound, match=deleted.sha256):
        files.get(deleted.sha256)


def test_what_was_deleted_can_be_put_again(files: Files) -> None:
    sha256 = files.put([b"mame"], ENOUGH).sha256
    files.delete(sha256)
    assert files.put([b"mame"], ENOUGH).sha256 == sha256
    assert b"".join(files.get(sha256)) == b"mame"


@pytest.mark.parametrize("name", [MISSING, "", "..", "../../etc/passwd", "A" * 64, MISSING + "\n", "٠" * 64])
def test_only_a_hash_that_is_kept_leads_to_a_file(files: Files, name: str) -> None:
    assert files.find(name) is None
    with pytest.raises(NotFound):
        files.get(name)
    with pytest.raises(NotFound), files.local(name):
        pass
    if name != MISSING:
        with pytest.raises(NotFound):
            files.delete(name)


def test_a_local_path_can_be_read_by_programs_that_want_one(files: Files) -> None:
    sha256 = files.put([b"mame"], ENOUGH).sha256
    with files.local(sha256) as path:
        assert path.read_bytes() == b"mame"
    assert b"".join(files.get(sha256)) == b"mame"


def test_many_files_are_listed_each_with_its_size(files: Files) -> None:
    expected = {put.sha256: put.size_bytes for put in (files.put([bytes(n)], ENOUGH) for n in range(12))}
    assert {one.sha256: one.size_bytes for one in files.list_files()} == expected


@given(chunks=st.lists(st.binary(max_size=50), max_size=8), start=st.integers(0, 400), length=st.integers(0, 400))
def test_any_chunks_and_any_range_give_what_bytes_would(chunks: list[bytes], start: int, length: int) -> None:
    files = FilesInMemory()
    data = b"".join(chunks)
    sha256 = files.put(chunks, ENOUGH).sha256
    if start > len(data):
        with pytest.raises(WrongUse):
            files.get(sha256, start, start + length)
    else:
        assert b"".join(files.get(sha256, start, start + length)) == data[start : start + length]


# On disk


def test_nothing_is_created_before_the_first_put(tmp_path: Path) -> None:
    files = FilesOnDisk(tmp_path / "files")
    assert list(files.list_files()) == []
    assert files.find(MISSING) is None
    assert list(tmp_path.glob("files")) == []


def test_a_file_on_disk_cannot_be_written_to_by_its_name(tmp_path: Path) -> None:
    files = FilesOnDisk(tmp_path)
    with files.local(files.put([b"mame"], ENOUGH).sha256) as path:
        assert path.stat().st_mode & 0o777 == 0o444


def test_a_full_disk_is_said_with_the_cure_and_nothing_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    files = FilesOnDisk(tmp_path)
    with pytest.raises(StorageFailed, match="free some space"):
        files.put([b"mame"], ENOUGH)
    monkeypatch.undo()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert files.put([b"mame"], ENOUGH).size_bytes == 4


def test_a_file_where_the_folder_should_be_is_said_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a shopping list")
    with pytest.raises(StorageFailed, match="ENOGU_FILES_URL"):
        FilesOnDisk(tmp_path / "files").put([b"mame"], ENOUGH)


def test_putting_again_renews_the_time_so_that_no_sweep_takes_the_file_away(tmp_path: Path) -> None:
    files = FilesOnDisk(tmp_path)
    sha256 = files.put([b"mame"], ENOUGH).sha256
    with files.local(sha256) as path:
        os.utime(path, (0, 0))
    files.put([b"mame"], ENOUGH)
    found = files.find(sha256)
    assert found is not None
    assert found.stored_at.year > 2000


def test_remains_of_a_killed_process_are_cleared_after_a_day_and_no_others(tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    old, young, other = incoming / "aside-1.part", incoming / "aside-2.part", incoming / "mine.txt"
    for path, age_seconds in ((old, FORGOTTEN_SECONDS + 60), (young, 60), (other, FORGOTTEN_SECONDS + 60)):
        path.touch()
        os.utime(path, (time.time() - age_seconds,) * 2)
    FilesOnDisk(tmp_path).put([b"mame"], ENOUGH)
    assert sorted(incoming.iterdir()) == [young, other]


def test_other_files_in_the_folder_are_not_listed(tmp_path: Path) -> None:
    files = FilesOnDisk(tmp_path)
    sha256 = files.put([bytes(CHUNK_BYTES + 1)], ENOUGH).sha256
    (tmp_path / "notes.txt").touch()
    (tmp_path / sha256[:2] / "notes.txt").touch()
    assert [one.sha256 for one in files.list_files()] == [sha256]


# In S3


def test_a_bucket_that_is_not_there_is_named(s3_address: str, s3_url: str, tmp_path: Path) -> None:
    files = open_files(f"s3://nobody-made-this/x?endpoint={s3_address}&region=us-east-1", tmp_path)
    with pytest.raises(StorageFailed, match="s3://nobody-made-this/x"):
        files.put([b"mame"], ENOUGH)
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_whose_server_is_away_is_named_after_some_tries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from enogu.storage.files_in_s3 import FilesInS3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mame")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    files = FilesInS3.from_url("s3://studio?endpoint=http://127.0.0.1:1&region=us-east-1", tmp_path, retry_seconds=0.2)
    with pytest.raises(StorageFailed, match=r"s3://studio cannot be reached.*endpoint") as failed:
        files.put([b"mame"], ENOUGH)
    assert "secret" not in str(failed.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["s3://", "s3://key:secret@bucket", "s3://bucket?secret_access_key=1", "files", "ftp://x"]
)
def test_a_url_of_no_use_is_refused_with_an_example(url: str, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="s3://bucket"):
        open_files(url, tmp_path)


def test_a_file_url_means_that_folder(tmp_path: Path) -> None:
    files = open_files((tmp_path / "絵 の具").as_uri(), tmp_path)
    files.put([b"mame"], ENOUGH)
    assert (tmp_path / "絵 の具").is_dir()
