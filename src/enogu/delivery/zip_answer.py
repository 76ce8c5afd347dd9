"""A zip that is made while it is sent (zipstream-ng): nothing of it is ever whole, in memory or on a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fastapi.responses import StreamingResponse
from zipstream import ZipStream

from enogu.delivery.names import content_disposition, harmless_name
from enogu.storage.files import Files, is_sha256, not_kept

MOST_SIZED = 500
"""Up to so many entries are looked up beforehand, so that the browser can show how much is still to come."""


def zip_answer(files: Files, entries: Iterable[tuple[str, str | bytes]], download_name: str) -> StreamingResponse:
    """``entries`` are (name in the zip, sha256 of a kept file or bytes). Stored, not deflated: pictures and weights
    do not shrink.

    Names may have folders (``a/b.png``); each part is made harmless, and a name that was there already gets a number.
    When ``entries`` is a list of known length, sizes are known too and a missing file raises NotFound now; an iterator
    is read as it is sent, and a missing file breaks the answer off.
    """
    headers = {"Content-Disposition": content_disposition(download_name), "X-Content-Type-Options": "nosniff"}
    if isinstance(entries, Sequence) and len(entries) <= MOST_SIZED:
        whole = ZipStream(sized=True)
        for name, content in _unique(entries):
            size = _size_bytes(files, content)
            whole.add(_data(files, content), name, size=size)
        headers["Content-Length"] = str(len(whole))
        return StreamingResponse(iter(whole), headers=headers, media_type="application/zip")
    return StreamingResponse(_as_they_come(files, entries), headers=headers, media_type="application/zip")


def _as_they_come(files: Files, entries: Iterable[tuple[str, str | bytes]]) -> Iterator[bytes]:
    growing = ZipStream()
    for name, content in _unique(entries):
        growing.add(_data(files, content), name)
        yield from growing.all_files()
    yield from growing.finalize()


def _unique(entries: Iterable[tuple[str, str | bytes]]) -> Iterator[tuple[str, str | bytes]]:
    taken: set[str] = set()
    for name, content in entries:
        parts = [harmless_name(part) for part in name.replace("\\", "/").split("/") if part.strip(" .")]
        path = "/".join(parts) or "file"
        stem, dot, ending = path.rpartition(".")
        if not dot or "/" in ending:
            stem, ending = path, ""
        number = 1
        while path.casefold() in taken:  # Windows and macOS tell no case apart
            number += 1
            path = f"{stem} ({number})" + (f".{ending}" if ending else "")
        taken.add(path.casefold())
        yield path, content


def _size_bytes(files: Files, content: str | bytes) -> int | None:
    if isinstance(content, bytes):
        return None
    stored = files.find(content)
    if stored is None:
        raise not_kept(content)
    return stored.size_bytes


def _data(files: Files, content: str | bytes) -> bytes | Iterable[bytes]:
    return content if isinstance(content, bytes) else _Kept(files, content)


class _Kept:
    """A kept file that is opened when its turn comes."""

    def __init__(self, files: Files, sha256: str) -> None:
        if not is_sha256(sha256):
            raise not_kept(sha256)
        self._files = files
        self._sha256 = sha256

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._files.get(self._sha256))
