"""Bytes on their way: one file for each upload on this machine's disk, whose length is the offset to go on from.

No other place says how much has arrived, so that nothing can disagree after a crash: what the file holds is there, what
it does not hold is sent again. A file is named by the upload's id, which the program made, and never by its sender.
One sender at a time writes to it, across processes; a second one is told to wait.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from filelock import FileLock, Timeout

from enogu.errors import NotFound, StorageFailed
from enogu.settings import Settings
from enogu.storage.files import CHUNK_BYTES, disk_said_in_words
from enogu.uploads.entities import UploadConflict

SPARE_BYTES = 256 * 2**20
"""What an upload leaves free on the disk: a database that cannot write is worse than an upload that has to wait."""


class Parts:
    """The folder of files on their way."""

    def __init__(self, folder: Path) -> None:
        """Made when the first upload begins."""
        self._folder = folder

    def create(self, upload_id: str, size_bytes: int = 0) -> None:
        """An empty file. Raises StorageFailed when ``size_bytes`` would fill the disk: better now than in an hour."""
        with disk_said_in_words(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            free_bytes = shutil.disk_usage(self._folder).free
        if size_bytes + SPARE_BYTES > free_bytes:
            raise StorageFailed(
                f"The upload has {size_bytes:,} bytes, and the server's disk has {free_bytes:,} left.",
                "Free some space on the server, and begin it again.",
            )
        with disk_said_in_words(self._folder):
            self._path(upload_id).touch(exist_ok=False)

    def offset(self, upload_id: str) -> int:
        """How many bytes are there. Raises NotFound when the file is gone, or on another server's disk."""
        with disk_said_in_words(self._folder):
            try:
                return self._path(upload_id).stat().st_size
            except FileNotFoundError:
                raise NotFound(
                    "What was sent of this upload is not on this server.", "Begin it again, or send it to that one."
                ) from None

    @contextmanager
    def alone(self, upload_id: str) -> Iterator[None]:
        """Nobody else writes to it or moves it, in any process. Raises UploadConflict when somebody does just now."""
        lock = FileLock(self._folder / f"{self._path(upload_id).stem}.lock", thread_local=False)  # any thread lets go
        with disk_said_in_words(self._folder):
            try:
                lock.acquire(timeout=0)
            except Timeout as error:
                cure = "Wait, then ask how far it is."
                raise UploadConflict("Somebody sends to this upload at this moment.", cure) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def writing(self, upload_id: str, offset: int) -> Iterator[PartWriter]:
        """Append behind ``offset``. Raises UploadConflict when bytes are not that far, or somebody else appends now.

        What was written stays, however the block ends, and is on the disk then.
        """
        with self.alone(upload_id):
            there = self.offset(upload_id)
            if offset != there:
                raise UploadConflict(f"{there} bytes are there, and these go behind {offset}.", f"Go on from {there}.")
            with disk_said_in_words(self._folder):
                file = self._path(upload_id).open("ab", buffering=0)
            writer = PartWriter(file, self._folder, there)
            try:
                yield writer
            finally:
                writer.close()

    def read(self, upload_id: str) -> Iterator[bytes]:
        """All of it, piece by piece."""
        with disk_said_in_words(self._folder):
            file = self._path(upload_id).open("rb")
        with file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    def delete(self, upload_ids: Iterable[str]) -> None:
        """Nothing happens for those that are gone."""
        for upload_id in upload_ids:
            for name in (f"{upload_id}.part", f"{upload_id}.lock"):
                with disk_said_in_words(self._folder):
                    (self._folder / name).unlink(missing_ok=True)

    def list_ids(self, before: datetime | None = None) -> tuple[str, ...]:
        """Of all files that are there; of those only that were last written to ``before`` then."""
        return tuple(path.stem for path in self._folder.glob("*.part") if before is None or _written_at(path) < before)

    def _path(self, upload_id: str) -> Path:
        if not (upload_id.isascii() and upload_id.isalnum()):
            raise NotFound("There is no such upload.", "Begin it again.")
        return self._folder / f"{upload_id}.part"


class PartWriter:
    """Where bytes go while one sender is at it."""

    def __init__(self, file: FileIO, folder: Path, offset: int) -> None:
        self._file = file
        self._folder = folder
        self.offset = offset
        """How many bytes are there by now."""

    def write(self, chunk: bytes) -> None:
        """Raises StorageFailed when the disk is full; what fitted is counted."""
        left = memoryview(chunk)
        with disk_said_in_words(self._folder):
            while left:
                written = self._file.write(left)
                self.offset += written
                left = left[written:]

    def close(self) -> None:
        """On the disk, then closed."""
        with disk_said_in_words(self._folder):
            try:
                os.fsync(self._file.fileno())
            finally:
                self._file.close()


def _written_at(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.max.replace(tzinfo=UTC)


def parts_of(settings: Settings) -> Parts:
    """Those of this installation, on this machine."""
    return Parts(settings.incoming_folder / "uploads")
