"""``events.jsonl``: everything a run said, one JSON object a line, appended by every start of the run.

Only whole lines are ever left: what a kill cut short is removed at the next start, and a line that a full disk cut
short is taken back at once. The log is for looking, never for resuming.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from enogu.whole_file import make_folder, storage_failed

_BLOCK_BYTES = 1 << 16


class EventLog:
    """Appends events to ``path``."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises StorageFailed with the cure."""
        self.path = path
        make_folder(path.parent)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            self._end = _end_of_last_whole_line(self._file)
            os.ftruncate(self._file, self._end)
        except OSError as error:
            raise storage_failed(path, error) from error
        self._broken = False

    def write(self, event: dict[str, Any]) -> None:
        """Append one line. The first failure raises StorageFailed; after it the log is silent, so that the failure
        itself can still be told.
        """
        if self._broken:
            return
        line = (json.dumps(event, ensure_ascii=False) + "\n").encode("utf-8", "replace")
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            self._end += len(line)
        except OSError as error:
            self._broken = True
            os.ftruncate(self._file, self._end)
            raise storage_failed(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _end_of_last_whole_line(file: int) -> int:
    """Offset in bytes behind the last line break; 0 when there is none."""
    end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        os.lseek(file, start, os.SEEK_SET)
        found = os.read(file, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
