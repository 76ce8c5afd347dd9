"""Everything one owns as one zip (J3): rows as JSON, files as they are.

The rows are read in one moment and before anything is sent: a download may take hours, and no transaction is open for
so long. Their JSON waits in a temporary file when it is large; files are read from the store as their turn comes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import IO, Any

from fastapi import APIRouter, Request, Response

from enogu.accounts import service
from enogu.accounts.asking import TheDoor, identify, require_person
from enogu.accounts.call_limits import CallLimit
from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.delivery import TheFiles, zip_answer
from enogu.storage.database import reading, utc_now
from enogu.storage.files import Files

router = APIRouter(prefix="/api", tags=["accounts"])

MISSING = "missing_files.json"
_IN_MEMORY_BYTES = 4 * 1024 * 1024
_LIMIT = CallLimit("export", "12 per hour")


@router.get("/me/export.zip", response_class=Response)
def export_me(request: Request, door: TheDoor, files: TheFiles) -> Response:
    """Everything one owns, as a zip that is made while it is sent (J3)."""
    rows = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, prefix="enogu-export-")  # noqa: SIM115 (closed by _entries)
    try:
        with reading(door.engine) as session:
            caller = require_person(identify(request, session, door))
            _LIMIT.count(door, caller)
            named = _written(service.export_everything(session, caller.account.id, door.owned_data), rows)
    except BaseException:
        rows.close()
        raise
    name = f"enogu {caller.account.name} {utc_now():%Y-%m-%d}.zip"
    return zip_answer(files, _entries(files, named, rows), name)


def _written(
    pieces: Iterator[ExportedRecord | ExportedFile], rows: IO[bytes]
) -> list[tuple[str, str | tuple[int, int]]]:
    """Every path with the hash of its file, or with where in ``rows`` its JSON begins and how long it is."""
    named: list[tuple[str, str | tuple[int, int]]] = []
    for piece in pieces:
        if isinstance(piece, ExportedFile):
            named.append((piece.path, piece.sha256))
        else:
            start = rows.tell()
            rows.write(_json(piece.value))
            named.append((piece.path, (start, rows.tell() - start)))
    return named


def _entries(
    files: Files, named: list[tuple[str, str | tuple[int, int]]], rows: IO[bytes]
) -> Iterator[tuple[str, str | bytes]]:
    """A file that the store lost is told of and does not end the export."""
    missing: list[str] = []
    with rows:
        for path, content in named:
            if isinstance(content, tuple):
                rows.seek(content[0])
                yield path, rows.read(content[1])
            elif files.find(content) is not None:
                yield path, content
            else:
                missing.append(path)
    if missing:
        yield MISSING, _json({"missing": missing})


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain).encode("utf-8", "replace")


def _plain(value: object) -> str | list[Any]:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON knows")
