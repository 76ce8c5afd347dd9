"""sha256 of a base model, read once: what was found is kept beside the cache, by path, size and time of change.

A single file's hash is that of its bytes, as civitai and A1111 write it. A folder's is over the paths and hashes of its
parts, so that renaming the folder changes nothing and changing one weight does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from enogu.errors import BaseModelRefused, EnoguError
from enogu.whole_file import write_whole_bytes

ENDINGS = frozenset({".json", ".safetensors", ".txt", ".model"})
"""The files of a diffusers folder that make it what it is: weights, configurations, tokenizers."""
_MOST_FILES = 500
_SMALL_BYTES = 64 * 2**20
"""So much is read on the spot: a few hundredths of a second."""
_BLOCK_BYTES = 4 * 2**20


def find_hash(cache: Path, path: Path) -> str:
    """Of a folder or single file: the hash if it is known and nothing has changed since, or quickly found; else empty.

    Raises BaseModelRefused when it cannot be read.
    """
    files = list_parts(path) if path.is_dir() else [path]
    if known := _remembered(cache, path, files):
        return known
    try:
        is_small = sum(file.stat().st_size for file in files) <= _SMALL_BYTES
    except OSError as error:
        raise BaseModelRefused(f"{path} cannot be read: {error.strerror or error}.") from error
    return hash_base_model(cache, path) if is_small else ""


def hash_base_model(cache: Path, path: Path, go_on: Callable[[int], None] = lambda _size_bytes: None) -> str:
    """Read a folder's parts or a single file, however long that takes, and remember the hash.

    ``go_on`` is called with each piece's size and may raise. Raises BaseModelRefused when a file cannot be read.
    """
    files = list_parts(path) if path.is_dir() else [path]
    if known := _remembered(cache, path, files):
        return known
    mark = _mark(path, files)
    if path.is_dir():
        found = hash_of_parts((file.relative_to(path).as_posix(), _sha256(file, go_on)) for file in files)
    else:
        found = _sha256(path, go_on)
    if _mark(path, files) == mark:
        try:
            write_whole_bytes(_place(cache, path), json.dumps({"mark": mark, "hash": found}).encode())
        except EnoguError:  # a cache that cannot be written costs time, nothing else
            return found
    return found


def hash_of_parts(parts: Iterable[tuple[str, str]]) -> str:
    """Of (path inside the folder, sha256 of the file), in any order."""
    return hashlib.sha256("".join(f"{path}\0{sha256}\n" for path, sha256 in sorted(parts)).encode()).hexdigest()


def list_parts(folder: Path) -> list[Path]:
    """The files that make a diffusers folder what it is, by path; hidden ones are left out."""
    found: list[Path] = []
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in ENDINGS and file.is_file() and not _is_hidden(file.relative_to(folder)):
            found.append(file)
        if len(found) > _MOST_FILES:
            raise BaseModelRefused(f"{folder} holds more than {_MOST_FILES} files.", "Give one base model's folder.")
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _remembered(cache: Path, path: Path, files: list[Path]) -> str:
    try:
        kept = json.loads(_place(cache, path).read_bytes())
        return str(kept["hash"]) if kept["mark"] == _mark(path, files) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _place(cache: Path, path: Path) -> Path:
    return cache / "hashes" / f"{hashlib.sha256(str(path.resolve()).encode('utf-8', 'surrogatepass')).hexdigest()}.json"


def _mark(path: Path, files: list[Path]) -> str:
    marks: list[str] = []
    for file in files:
        stat = file.stat()
        marks.append(f"{file.relative_to(path) if file != path else ''}:{stat.st_size}:{stat.st_mtime_ns}")
    return hashlib.sha256("\n".join(marks).encode("utf-8", "surrogatepass")).hexdigest()


def _sha256(file: Path, go_on: Callable[[int], None]) -> str:
    hashed = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK_BYTES):
                hashed.update(block)
                go_on(len(block))
    except OSError as error:
        raise BaseModelRefused(f"{file} cannot be read: {error.strerror or error}.") from error
    return hashed.hexdigest()
