"""Files by their content: a file is its sha256 and its size, wherever it is kept.

Nothing here has a name that a person chose, so no path can come from a user's string; rows elsewhere hold the names.
A file is streamed in and hashed on the way, is written aside, and is visible whole or not at all. The same content put
twice is kept once. Nothing ever changes a file that is kept.

``open_files(url, incoming)`` gives a folder on this disk (``files_on_disk``: written with fsync and rename) or a bucket
(``files_in_s3``: obstore); tests and demonstrations use ``files_in_memory``. All three pass the same tests. A put goes
to a file aside first even when it is on its way to S3: only then are its hash and size known and the limit held, and an
upload that S3 refuses for a while is repeated without asking the browser for the bytes again.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from enogu.errors import NotFound, StorageFailed, TooLarge, WrongUse

CHUNK_BYTES = 256 * 1024
"""Size of the pieces in which a file is read, about."""
FORGOTTEN_SECONDS = 24 * 3600
"""How old a file aside must be to be taken for the remains of a process that was killed."""

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class PutFile:
    """What a put came to."""

    sha256: str
    """64 characters of 0-9 and a-f."""
    size_bytes: int


@dataclass(frozen=True)
class StoredFile:
    """A file that is kept."""

    sha256: str
    size_bytes: int
    stored_at: datetime
    """When it was last put, in UTC. What sweeps files without rows leaves the young ones: their row is on its way."""


class Files(Protocol):
    """What every store of files can do. Each method may raise StorageFailed with the cause and the cure."""

    def put(self, chunks: Iterable[bytes], limit_bytes: int) -> PutFile:
        """Keep these bytes. Raises TooLarge, with nothing kept, as soon as there are more than ``limit_bytes``."""
        ...

    def get(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to and without ``end`` (None or beyond: the file's end), piece by piece.

        Raises, at the call, NotFound, or WrongUse for a range that begins behind the file's end or ends before its
        start.
        """
        ...

    def find(self, sha256: str) -> StoredFile | None:
        """What is known about one file; None when it is not kept."""
        ...

    def local(self, sha256: str) -> AbstractContextManager[Path]:
        """A path on this machine to read the file from, for as long as the block lasts. Raises NotFound."""
        ...

    def delete(self, sha256: str) -> None:
        """Keep it no longer; nothing happens when it was not kept. Who reads it at this moment reads on."""
        ...

    def list_files(self) -> Iterator[StoredFile]:
        """Everything that is kept, in no promised order, a page at a time."""
        ...


def open_files(url: str, incoming: Path) -> Files:
    """The store at a folder's path, ``file:///folder`` or ``s3://bucket/prefix?endpoint=…&region=…``.

    ``incoming`` is a folder on this disk for files on their way to S3. S3's keys come from the environment, as Amazon's
    tools read them (``AWS_ACCESS_KEY_ID`` and so on). Nothing is created or connected before it is used. Raises
    WrongUse for any other URL.
    """
    from enogu.storage.files_on_disk import FilesOnDisk

    scheme, separator, _ = url.partition("://")
    if not separator:
        if not Path(url).is_absolute():
            raise _refused(f"The store of files is given as '{url}', which is neither a URL nor a whole path.")
        return FilesOnDisk(Path(url))
    if scheme == "file":
        return FilesOnDisk(_path_of(url))
    if scheme == "s3":
        from enogu.storage.files_in_s3 import FilesInS3  # obstore is loaded by those who use it

        return FilesInS3.from_url(url, incoming)
    raise _refused(f"The store of files begins with {scheme}://, which Enogu does not know.")


def checked(sha256: str) -> str:
    """``sha256`` itself; NotFound when it is no hash, so that nothing else ever becomes part of a path."""
    if not _SHA256.fullmatch(sha256):
        raise not_kept(sha256)
    return sha256


def is_sha256(name: str) -> bool:
    """Whether a name is one of ours; others in the folder or bucket are left alone."""
    return _SHA256.fullmatch(name) is not None


def not_kept(sha256: str) -> NotFound:
    """The error for a file that is not there."""
    return NotFound(f"The file {sha256[:80]} is not kept here.", "It may have been deleted; upload it again.")


def checked_range(sha256: str, size_bytes: int, start: int, end: int | None) -> tuple[int, int]:
    """Start and end within the file. Raises WrongUse for a range that makes no sense in it."""
    last = size_bytes if end is None else min(end, size_bytes)
    if not 0 <= start <= last:
        raise WrongUse(
            f"Bytes {start} to {'the end' if end is None else end} were asked of {sha256[:8]}, which has {size_bytes}.",
            "Ask for a range inside it.",
        )
    return start, last


def copy_hashed(chunks: Iterable[bytes], write: Callable[[bytes], object], limit_bytes: int) -> PutFile:
    """Hand every chunk to ``write``, hashed on the way. Raises TooLarge before anything over the limit is written."""
    hashed = hashlib.sha256()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise TooLarge(
                f"The file has more than the {limit_bytes:,} bytes that are accepted here.", "Send a smaller one."
            )
        hashed.update(chunk)
        write(chunk)
    return PutFile(hashed.hexdigest(), size)


@contextmanager
def file_aside(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file in ``folder``, open for writing; whatever still has its name afterwards is removed."""
    with disk_said_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="aside-", suffix=".part", dir=folder)
    file = os.fdopen(handle, "wb")
    try:
        yield Path(name), file
    finally:
        with suppress(OSError):  # a full disk refuses the last bytes once more; it was said already
            file.close()
        with suppress(OSError):
            Path(name).unlink(missing_ok=True)


def clear_forgotten(folder: Path) -> None:
    """Remove what killed processes left aside in ``folder`` a day ago or earlier."""
    for path in folder.glob("aside-*.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > FORGOTTEN_SECONDS:
                path.unlink()


@contextmanager
def disk_said_in_words(folder: Path) -> Iterator[None]:
    """What the operating system refuses becomes StorageFailed with the cure. Wrap the disk's calls only, never the
    reading of what is to be written: a browser that hangs up is no full disk.
    """
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"The store of files in {folder} does not work: {error.strerror or error}.",
            _CURES.get(error.errno or 0, ""),
        ) from error


def _path_of(url: str) -> Path:
    parts = urlsplit(url)
    path = Path(unquote(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute():
        raise _refused(f"The store of files is given as {url}, which is no folder of this machine.")
    return path


def _refused(message: str) -> WrongUse:
    return WrongUse(message, "Set ENOGU_FILES_URL to a whole path, or to s3://bucket/prefix?endpoint=https://host.")


_CURES = {
    errno.ENOSPC: "The disk is full: free some space and try again.",
    errno.EDQUOT: "The disk quota is used up: free some space and try again.",
    errno.EFBIG: "The file is larger than this disk or account allows.",
    errno.EROFS: "The disk is read-only: set ENOGU_FILES_URL to another folder.",
    errno.EACCES: "You may not write there: change its permissions, or set ENOGU_FILES_URL to another folder.",
    errno.EPERM: "You may not write there: change its permissions, or set ENOGU_FILES_URL to another folder.",
    errno.ENOTDIR: "A part of this path is a file: set ENOGU_FILES_URL to another folder.",
    errno.EMFILE: "Too many files are open at once: try again in a moment.",
}
