"""A diffusers folder inside a zip, read within bounds: names are never opened as paths, and no entry may lie about its
size. Pickles, scripts and everything else that no base model needs stay in the zip.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import IO

from enogu.base_models.rules.folders import INDEX, JSON_LIMIT_BYTES
from enogu.base_models.rules.hashes import ENDINGS
from enogu.errors import BaseModelRefused

MOST_ENTRIES = 2_000
MOST_PARTS = 200
MOST_PART_BYTES = 64 * 2**30
MOST_TOTAL_BYTES = 96 * 2**30
MOST_SMALL_BYTES = 64 * 2**20
"""Of a part that is no weights."""
MOST_RATIO = 200
"""How often larger than packed a part may be; weights hardly shrink, JSON about ten times."""
_CHUNK_BYTES = 2**20
_ZIP_ERRORS = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError,
               RuntimeError, MemoryError, UnicodeError)  # fmt: skip


class PackedFolder:
    """The diffusers folder in an open zip; the zip's file stays the caller's to close. A ``FolderParts``."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        """Find the folder. Raises BaseModelRefused: no zip, too many entries, no or several ``model_index.json``."""
        self._name = name
        try:
            self._archive = zipfile.ZipFile(file)
            entries = self._archive.infolist()
        except _ZIP_ERRORS as error:
            raise BaseModelRefused(f"{name} is not a zip that can be read.", "Pack it again.") from error
        if len(entries) > MOST_ENTRIES:
            raise BaseModelRefused(f"{name} holds more than {MOST_ENTRIES:,} files.", "Pack one base model's folder.")
        top = self._find_top(entries)
        self._parts = {
            entry.filename[len(top) :]: entry for entry in entries if entry.filename.startswith(top) and _is_part(entry)
        }
        self._parts = {path: entry for path, entry in self._parts.items() if is_plain_path(path)}
        if len(self._parts) > MOST_PARTS:
            raise BaseModelRefused(f"{name} holds more than {MOST_PARTS} parts.", "Pack one base model's folder.")
        if self.total_bytes > MOST_TOTAL_BYTES:
            raise BaseModelRefused(f"{name} is larger than {MOST_TOTAL_BYTES // 2**30} GiB unpacked.")

    @property
    def name(self) -> str:
        """See FolderParts."""
        return self._name

    @property
    def total_bytes(self) -> int:
        """Of all parts, as the table of contents says; ``open_part`` holds them to it."""
        return sum(entry.file_size for entry in self._parts.values())

    def list_paths(self) -> list[str]:
        """Paths of all parts inside the folder, in order."""
        return sorted(self._parts)

    def list_sizes(self, part: str) -> Mapping[str, int]:
        """See FolderParts. A pickle is among them, so that its reason can be given; nothing reads it."""
        return {
            PurePosixPath(path).name: size
            for path, size in self._all_sizes().items()
            if str(PurePosixPath(path).parent) == (part or ".")
        }

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """See FolderParts."""
        entry = self._parts.get(path)
        if entry is None:
            return None
        if entry.file_size > limit_bytes:
            raise BaseModelRefused(f"{path} in {self._name} is too large to be what it should be.", "Pack it again.")
        return b"".join(self.open_part(path))

    def open_part(self, path: str) -> Iterator[bytes]:
        """The bytes of a part, piece by piece. Raises BaseModelRefused when it is damaged or larger than it may be."""
        entry = self._parts[path]
        allowed = min(entry.file_size, MOST_PART_BYTES if path.endswith(".safetensors") else MOST_SMALL_BYTES)
        if entry.file_size > max(entry.compress_size * MOST_RATIO, JSON_LIMIT_BYTES) or entry.file_size > allowed:
            raise BaseModelRefused(f"{path} in {self._name} grows too large when it is unpacked.", "Pack it again.")
        count = 0
        try:
            with self._archive.open(entry) as content:
                while chunk := content.read(_CHUNK_BYTES):
                    count += len(chunk)
                    if count > allowed:
                        raise BaseModelRefused(f"{path} in {self._name} is larger than it says.", "Pack it again.")
                    yield chunk
        except _ZIP_ERRORS as error:
            raise BaseModelRefused(f"{path} in {self._name} is damaged.", "Pack it again.") from error

    def _find_top(self, entries: list[zipfile.ZipInfo]) -> str:
        """What all parts' names begin with: the folder may lie in another one, as packing programs do it."""
        found = [entry.filename for entry in entries if PurePosixPath(entry.filename).name == INDEX]
        found = [name for name in found if "__MACOSX" not in name]
        if not found:
            raise BaseModelRefused(
                f"{self._name} holds no diffusers folder: there is no {INDEX} in it.",
                "Pack the folder that holds model_index.json, unet, text_encoder and vae.",
            )
        nearest = sorted(found, key=lambda name: (name.count("/"), name))
        if len(nearest) > 1 and nearest[0].count("/") == nearest[1].count("/"):
            raise BaseModelRefused(f"{self._name} holds several base models.", "Pack each by itself.")
        return nearest[0][: -len(INDEX)]

    def _all_sizes(self) -> dict[str, int]:
        top = self._find_top(self._archive.infolist())
        return {
            entry.filename[len(top) :]: entry.file_size
            for entry in self._archive.infolist()
            if entry.filename.startswith(top) and not entry.is_dir()
        }


def _is_part(entry: zipfile.ZipInfo) -> bool:
    """A plain, unencrypted file with one of the endings that a base model is made of."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return (
        not entry.is_dir()
        and kind in (0, stat.S_IFREG)
        and not entry.flag_bits & 0x1
        and entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        and PurePosixPath(entry.filename).suffix.lower() in ENDINGS
    )


def is_plain_path(path: str) -> bool:
    """Whether a path inside the folder is harmless on every system: at most one folder deep, plain letters."""
    parts = path.split("/")
    return len(parts) <= 2 and all(
        part and len(part) <= 150 and part.isascii() and part[0] not in ". " and part[-1] not in ". "
        and all(letter.isalnum() or letter in "-_." for letter in part)
        for part in parts
    )  # fmt: skip
