"""Files in this process's memory: the stand-in for tests and demonstrations; everything is gone when it ends."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from enogu.storage.files import CHUNK_BYTES, PutFile, StoredFile, checked, checked_range, copy_hashed, not_kept


class FilesInMemory:
    """See ``Files`` for what each method promises."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[bytes, datetime]] = {}

    def put(self, chunks: Iterable[bytes], limit_bytes: int) -> PutFile:
        """Nothing is kept before the last chunk has come."""
        pieces: list[bytes] = []
        put = copy_hashed(chunks, pieces.append, limit_bytes)
        self._kept[put.sha256] = (b"".join(pieces), datetime.now(UTC))
        return put

    def get(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Cut into the same pieces as the other stores do."""
        data = self._data(sha256)
        first, last = checked_range(sha256, len(data), start, end)
        return (data[at : min(at + CHUNK_BYTES, last)] for at in range(first, last, CHUNK_BYTES))

    def find(self, sha256: str) -> StoredFile | None:
        """One look into the dictionary."""
        kept = self._kept.get(sha256)
        return None if kept is None else StoredFile(sha256, len(kept[0]), kept[1])

    @contextmanager
    def local(self, sha256: str) -> Iterator[Path]:
        """A copy in the system's folder for temporary files."""
        data = self._data(sha256)
        with tempfile.TemporaryDirectory(prefix="enogu-file-") as folder:
            path = Path(folder) / sha256
            path.write_bytes(data)
            yield path

    def delete(self, sha256: str) -> None:
        """Readers hold the bytes themselves."""
        self._kept.pop(checked(sha256), None)

    def list_files(self) -> Iterator[StoredFile]:
        """As they are now; what is put while reading on is not among them."""
        return iter([StoredFile(sha256, len(data), at) for sha256, (data, at) in self._kept.items()])

    def _data(self, sha256: str) -> bytes:
        kept = self._kept.get(checked(sha256))
        if kept is None:
            raise not_kept(sha256)
        return kept[0]
