"""Write a file whole or not at all: written aside in the same folder, flushed to disk, renamed over the target.

A half-written LoRA, checkpoint or picture can therefore never replace a whole one, and an interrupted write leaves
at most a ``.part`` file, which is removed when the interruption was an exception.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from enogu.errors import StorageFailed

_CURES = {
    errno.ENOSPC: "The disk is full: free some space and start again with --resume.",
    errno.EFBIG: "The file would be larger than this disk or account allows: choose another folder.",
    errno.EDQUOT: "The disk quota is used up: free some space and start again with --resume.",
    errno.EROFS: "The folder is on a read-only disk: choose another folder.",
    errno.EACCES: "You may not write there: choose another folder or change its permissions.",
    errno.EPERM: "You may not write there: choose another folder or change its permissions.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ENOTDIR: "A part of this path is a file: choose another folder.",
}


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Call ``write(aside)`` and rename ``aside`` to ``path``. Raises StorageFailed with the cure; leaves no remains."""
    aside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=path.parent)
        os.close(handle)
        aside = Path(name)
        write(aside)
        _flush(aside)
        aside.chmod(0o666 & ~_umask())
        aside.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise storage_failed(path, error) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def write_whole_bytes(path: Path, data: bytes) -> None:
    """``write_whole`` for bytes that are already in memory."""
    write_whole(path, lambda aside: _write_bytes(aside, data))


def make_folder(path: Path) -> None:
    """Create a folder with its parents, or raise StorageFailed with the cure."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_failed(path, error) from error


def storage_failed(path: Path, error: OSError) -> StorageFailed:
    """The error of the operating system in a person's words."""
    cure = _CURES.get(error.errno or 0, "")
    return StorageFailed(f"Could not write {path}: {error.strerror or error}.", cure)


def flush_folder(folder: Path) -> None:
    """Make the rename itself durable; not possible (nor needed) on Windows."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
