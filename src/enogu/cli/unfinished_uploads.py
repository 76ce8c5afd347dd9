"""Which files were being sent when a command was stopped, so that the same command goes on where it was.

A small file in ENOGU_HOME that names uploads by studio, path, size and time of change; what cannot be read is
forgotten, since the worst that happens is that a file is sent from its beginning.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from enogu.errors import StorageFailed
from enogu.whole_file import write_whole_bytes

_MOST_KEPT = 200


class UnfinishedUploads:
    """The file, read and written at every call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @staticmethod
    def key(studio: str, kind: str, file: Path) -> str:
        """Tells a file in a studio from every other; a file that was changed is another."""
        known = file.stat()
        return f"{studio} {kind} {file.resolve()} {known.st_size} {known.st_mtime_ns}"

    def find(self, key: str) -> str | None:
        """The id of the upload that was begun."""
        found = self._read().get(key)
        return found if isinstance(found, str) else None

    def note(self, key: str, upload_id: str) -> None:
        """It is being sent."""
        kept = {**self._read(), key: upload_id}
        self._write(dict(list(kept.items())[-_MOST_KEPT:]))

    def forget(self, key: str) -> None:
        """It is there."""
        kept = self._read()
        if kept.pop(key, None) is not None:
            self._write(kept)

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self, kept: dict[str, Any]) -> None:
        with contextlib.suppress(
            StorageFailed
        ):  # a home that cannot be written to must not keep a file from being sent
            write_whole_bytes(self._path, json.dumps(kept, ensure_ascii=False, indent=1).encode())
