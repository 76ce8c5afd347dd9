"""Files in a folder of this disk: ``ab/abcdef…``, read-only, beside ``incoming/`` with what is being written.

The standard library alone: obstore's own disk store neither flushes what it renames nor hashes what it writes.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from enogu.storage.files import (
    CHUNK_BYTES,
    PutFile,
    StoredFile,
    checked,
    checked_range,
    clear_forgotten,
    copy_hashed,
    disk_said_in_words,
    file_aside,
    is_sha256,
    not_kept,
)
from enogu.whole_file import flush_folder

_SHELF = re.compile(r"[0-9a-f]{2}", re.ASCII)


class FilesOnDisk:
    """The store of files in one folder, which is made by the first put. See ``Files`` for what each method promises."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._has_cleared = False

    def put(self, chunks: Iterable[bytes], limit_bytes: int) -> PutFile:
        """Written aside, flushed, renamed. The same content again replaces itself, which renews ``stored_at``."""
        if not self._has_cleared:
            clear_forgotten(self._incoming)
            self._has_cleared = True
        with file_aside(self._incoming) as (aside, file):

            def write(chunk: bytes) -> None:
                with disk_said_in_words(self._folder):
                    file.write(chunk)

            put = copy_hashed(chunks, write, limit_bytes)
            with disk_said_in_words(self._folder):
                file.flush()
                os.fsync(file.fileno())
                file.close()
                aside.chmod(0o444)  # what is kept is never written to
                self._place(aside, put)
        return put

    def get(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Read as it is asked for; the file is open only while it is being read."""
        stored = self.find(sha256)
        if stored is None:
            raise not_kept(sha256)
        return self._read(sha256, *checked_range(sha256, stored.size_bytes, start, end))

    def find(self, sha256: str) -> StoredFile | None:
        """One look at the folder."""
        with disk_said_in_words(self._folder):
            return _stored(self._path(sha256)) if is_sha256(sha256) else None

    @contextmanager
    def local(self, sha256: str) -> Iterator[Path]:
        """The kept file itself, which is read-only."""
        path = self._path(sha256)
        if self.find(sha256) is None:
            raise not_kept(sha256)
        yield path

    def delete(self, sha256: str) -> None:
        """The name goes at once, the bytes when nobody reads them any more."""
        path = self._path(sha256)
        with disk_said_in_words(self._folder), suppress(FileNotFoundError):
            if os.name == "nt":  # which deletes nothing that is read-only
                path.chmod(stat.S_IWRITE)
            path.unlink()

    def list_files(self) -> Iterator[StoredFile]:
        """By hash. Anything else in the folder is left alone."""
        with disk_said_in_words(self._folder):
            shelves = sorted(self._folder.iterdir()) if self._folder.exists() else []
        for shelf in shelves:
            if not _SHELF.fullmatch(shelf.name):
                continue
            with disk_said_in_words(self._folder):
                found = [_stored(path) for path in sorted(shelf.iterdir()) if is_sha256(path.name)]
            yield from (one for one in found if one is not None)

    def _path(self, sha256: str) -> Path:
        return self._folder / checked(sha256)[:2] / sha256

    def _place(self, aside: Path, put: PutFile) -> None:
        target = self._path(put.sha256)
        is_new_shelf = not target.parent.exists()
        target.parent.mkdir(exist_ok=True)
        try:
            aside.replace(target)
        except PermissionError:  # Windows replaces no file that somebody reads; that file has the same bytes
            present = _stored(target)
            if os.name != "nt" or present is None or present.size_bytes != put.size_bytes:
                raise
        flush_folder(target.parent)
        if is_new_shelf:
            flush_folder(self._folder)

    def _read(self, sha256: str, start: int, end: int) -> Iterator[bytes]:
        with disk_said_in_words(self._folder):
            try:
                file = self._path(sha256).open("rb")
            except FileNotFoundError:
                raise not_kept(sha256) from None
        with file:
            file.seek(start)
            left = end - start
            while left > 0:
                with disk_said_in_words(self._folder):
                    chunk = file.read(min(CHUNK_BYTES, left))
                if not chunk:
                    raise not_kept(sha256)  # cut short by somebody else's hand
                left -= len(chunk)
                yield chunk


def _stored(path: Path) -> StoredFile | None:
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return StoredFile(path.name, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
