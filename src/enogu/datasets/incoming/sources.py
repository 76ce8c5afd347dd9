"""Where an upload's files come from: a zip, a folder on this machine, or files by name. Read in bounds, never unpacked.

A source lists names first and gives bytes later, one file at a time, counting what really comes: sizes in a zip's
headers may lie. Nothing is ever extracted: no name from outside reaches the file system.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol, cast

from enogu.datasets.entities import ImportLimits, IncomingFile
from enogu.datasets.incoming.archive_names import decoded_names, printable, why_refused
from enogu.errors import PictureRefused, WrongUse


class ImportSource(Protocol):
    """Files with names, to be read one after the other."""

    @property
    def files(self) -> Sequence[IncomingFile]:
        """All that may be read, in the source's own order."""
        ...

    @property
    def refused(self) -> Sequence[PictureRefused]:
        """What will not be read, with the reason; known from names and headers alone."""
        ...

    def read(self, file: IncomingFile) -> bytes:
        """Its bytes. Raises PictureRefused beyond a limit, or when it is damaged."""
        ...


class ZipSource:
    """A zip archive in any seekable file. Close the file yourself."""

    def __init__(self, file: IO[bytes], name: str, limits: ImportLimits | None = None) -> None:
        """Read its table of contents. Raises WrongUse when it is none, or lists more than the limits allow."""
        self._limits = limits or ImportLimits()
        self._budget = _Budget(self._limits)
        self._refused: list[PictureRefused] = []
        self._files: list[IncomingFile] = []
        shown = printable(name)
        try:
            self._archive = zipfile.ZipFile(cast(IO[bytes], _BoundedReads(file)))
        except _TooMuch:
            raise _too_many(shown, self._limits) from None
        except _ZIP_ERRORS as error:
            raise WrongUse(f"{shown} is not a zip file that can be read ({_said(error)}).", "Pack it again.") from error
        self._entries = self._archive.infolist()
        if len(self._entries) > self._limits.max_files * 2:  # captions count too
            raise _too_many(shown, self._limits)
        self._sort_out()

    @property
    def files(self) -> Sequence[IncomingFile]:
        """See ImportSource."""
        return self._files

    @property
    def refused(self) -> Sequence[PictureRefused]:
        """See ImportSource."""
        return self._refused

    def read(self, file: IncomingFile) -> bytes:
        """See ImportSource."""
        entry = self._entries[file.number]
        allowed = max(entry.compress_size * self._limits.max_ratio, _FREE_BYTES)
        try:
            with self._archive.open(entry) as content:
                return self._budget.read(cast(IO[bytes], content), file, allowed)
        except PictureRefused:
            raise
        except _ZIP_ERRORS as error:
            raise PictureRefused(
                f"{file.name} is damaged inside the zip ({_said(error)}).", "Pack it again or add it by itself."
            ) from error

    def _sort_out(self) -> None:
        """Which entries may be read; the reason for each that may not."""
        seen: set[str] = set()
        for number, (entry, name) in enumerate(zip(self._entries, decoded_names(self._entries), strict=True)):
            if name.endswith("/") or is_left_over(name):
                continue
            reason = why_refused(name) or _why_entry_refused(entry)
            path = "/".join(part for part in name.split("/") if part not in ("", "."))
            if reason is None and path in seen:
                reason = "is in the zip twice", "Pack it again, or give one of them another name."
            if reason is None:
                seen.add(path)
                self._files.append(IncomingFile(path, number))
                continue
            words, cure = reason if isinstance(reason, tuple) else (reason, "Pack the pictures again.")
            self._refused.append(PictureRefused(f"{printable(name)} {words}.", cure))


class FolderSource:
    """A folder on this machine with all that is below it. Links are not followed."""

    def __init__(self, folder: Path, limits: ImportLimits | None = None) -> None:
        """List it. Raises WrongUse when it is no folder or holds more than the limits allow."""
        self._limits = limits or ImportLimits()
        self._budget = _Budget(self._limits)
        self._refused: list[PictureRefused] = []
        self._files: list[IncomingFile] = []
        self._paths: list[Path] = []
        if not folder.is_dir():
            raise WrongUse(f"There is no folder {folder}.", "Check the spelling.")
        # The folder's own name counts when it is a Kohya folder.
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not is_left_over(name))
            for name in sorted(names):
                self._add(folder, Path(parent) / name)

    @property
    def files(self) -> Sequence[IncomingFile]:
        """See ImportSource."""
        return self._files

    @property
    def refused(self) -> Sequence[PictureRefused]:
        """See ImportSource."""
        return self._refused

    def read(self, file: IncomingFile) -> bytes:
        """See ImportSource."""
        try:
            with self._paths[file.number].open("rb") as content:
                return self._budget.read(content, file, self._limits.max_file_bytes)
        except OSError as error:
            raise PictureRefused(
                f"{file.name} cannot be read ({error.strerror or error}).", "Check the file's permissions and the disk."
            ) from error

    def _add(self, folder: Path, path: Path) -> None:
        relative = Path(folder.resolve().name, path.relative_to(folder)).as_posix()
        if is_left_over(relative):
            return
        if reason := why_refused(relative) or ("is a link" if path.is_symlink() else None):
            self._refused.append(PictureRefused(f"{printable(relative)} {reason}.", "Copy the file itself there."))
            return
        if not path.is_file():
            self._refused.append(PictureRefused(f"{printable(relative)} is not a file.", "Leave it out."))
            return
        self._files.append(IncomingFile(relative, len(self._paths)))
        self._paths.append(path)
        if len(self._files) > self._limits.max_files * 2:
            raise _too_many(folder.name, self._limits)


class NamedFiles:
    """Files by their relative path, in memory or open: what a browser sends one by one, and the fake of tests."""

    def __init__(self, files: Mapping[str, bytes | IO[bytes]], limits: ImportLimits | None = None) -> None:
        """Nothing is read yet; close what is open yourself. Raises WrongUse for more than the limits allow."""
        self._limits = limits or ImportLimits()
        self._budget = _Budget(self._limits)
        self._data = list(files.values())
        self._refused: list[PictureRefused] = []
        by_path: dict[str, IncomingFile] = {}
        if len(files) > self._limits.max_files * 2:
            raise _too_many("This", self._limits)
        for number, given in enumerate(files):
            name = given.replace("\\", "/")
            if is_left_over(name):
                continue
            if reason := why_refused(name):
                self._refused.append(PictureRefused(f"{printable(name)} {reason}.", "Give it a plain name."))
            else:
                path = "/".join(part for part in name.split("/") if part not in ("", "."))
                by_path.setdefault(path, IncomingFile(path, number))
        self._files = list(by_path.values())

    @property
    def files(self) -> Sequence[IncomingFile]:
        """See ImportSource."""
        return self._files

    @property
    def refused(self) -> Sequence[PictureRefused]:
        """See ImportSource."""
        return self._refused

    def read(self, file: IncomingFile) -> bytes:
        """See ImportSource."""
        data = self._data[file.number]
        content = io.BytesIO(data) if isinstance(data, bytes) else data
        content.seek(0)
        return self._budget.read(content, file, self._limits.max_file_bytes)


def is_left_over(name: str) -> bool:
    """What operating systems and editors leave behind, which nobody wants to read about."""
    return any(part.startswith(".") or part in _LEFT_OVERS for part in name.split("/") if part not in (".", ".."))


_LEFT_OVERS = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir"})
_FREE_BYTES = 2**20
"""Below this a file's ratio is not looked at: a plain black bitmap packs well, too."""
_MAX_CONTENTS_BYTES = 8 * 2**20
"""Largest table of contents of a zip, which Python reads at once into objects ten times its size."""
_CHUNK_BYTES = 2**20
_NESTED = frozenset({".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".lzh", ".cbz", ".cbr"})
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,  # bytes of a name or a date that cannot be
    RuntimeError,  # NotImplementedError among them
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
)


class _TooMuch(Exception):
    """A single read of more than any honest zip needs."""


class _BoundedReads:
    """A file that gives no more than _MAX_CONTENTS_BYTES at once: a zip's table of contents is read in one go."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seekable = file.seekable
        self.seek = file.seek
        self.tell = file.tell

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(count if 0 <= count <= _MAX_CONTENTS_BYTES else _MAX_CONTENTS_BYTES + 1)
        if len(data) > _MAX_CONTENTS_BYTES:
            raise _TooMuch
        return data

    def close(self) -> None:
        """Left to whoever opened it."""


class _Budget:
    """Bytes that one source may still give."""

    def __init__(self, limits: ImportLimits) -> None:
        self._limits = limits
        self._left = limits.max_total_bytes

    def read(self, content: IO[bytes], file: IncomingFile, allowed_bytes: int) -> bytes:
        """All of ``content``, as long as it stays within ``allowed_bytes`` (its ratio) and the limits."""
        chunks: list[bytes] = []
        count = 0
        while chunk := content.read(_CHUNK_BYTES):
            count += len(chunk)
            self._left -= len(chunk)
            if count > self._limits.max_file_bytes:
                mib = self._limits.max_file_bytes // 2**20
                raise PictureRefused(f"{file.name} is larger than {mib} MiB.", "Make it smaller and add it again.")
            if count > allowed_bytes:
                raise PictureRefused(
                    f"{file.name} grows to more than {self._limits.max_ratio} times its packed size.",
                    "If it is a real picture, add it by itself.",
                )
            if self._left < 0:
                gib = self._limits.max_total_bytes / 2**30
                raise PictureRefused(
                    f"{file.name} is left out: all files together are larger than {gib:g} GiB.", "Add it in another go."
                )
            chunks.append(chunk)
        return b"".join(chunks)


def _why_entry_refused(entry: zipfile.ZipInfo) -> tuple[str, str] | None:
    """What is wrong with an entry by its header, and the cure."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a link", "Pack the file itself."
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is not a file", "Leave it out."
    if entry.flag_bits & 0x1:
        return "is encrypted", "Pack the zip without a password."
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that is not read here", "Pack it as a plain zip (deflate)."
    if Path(entry.orig_filename).suffix.lower() in _NESTED:
        return "is an archive inside the archive", "Unpack it and add its pictures."
    return None


def _too_many(name: str, limits: ImportLimits) -> WrongUse:
    return WrongUse(f"{name} holds more than {limits.max_files:,} pictures.", "Add them in several parts.")


_WORDS = (
    (r"not a zip file|truncat|end of", "it is no zip, or its end is missing"),
    (r"multiple disks|multi-?disk|split", "it is one part of a zip in several parts"),
    (r"encrypted|password", "it has a password"),
    (r"overlap", "files lie over one another in it"),
    (r"file header", "it does not begin where the zip says"),
    (r"bad magic|bad offset|corrupt|differ|central directory|directory", "its list of files is damaged"),
    (r"crc-32|decompress|error -\d|invalid", "its content cannot be unpacked"),
)  # fmt: skip
"""What ``zipfile`` and ``zlib`` say, in our own words: theirs are for programmers, and in English only."""


def _said(error: Exception) -> str:
    said = " ".join(str(error).split())
    for pattern, words in _WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return words
    return said[:120].rstrip(".") or type(error).__name__
