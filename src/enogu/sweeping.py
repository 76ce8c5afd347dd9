"""What nobody needs any more is taken away: what has run out, what was deleted long ago, files that no row names.

A file that no row names may have its row on its way: only those that were put more than a day ago are swept, and each
is looked at once more right before. What names a file is asked in two ways, so that a slice that forgot one loses
nothing: of every slice (``FILE_NAMERS``), and of every column that holds a sha256. May run at any time, beside
everything else and on several machines at once. A server sweeps once a day by itself; ``enogu admin sweep`` does it
now.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog

from enogu.accounts import service as accounts
from enogu.bootstrap import FILE_NAMERS, SWEEPS, Studio
from enogu.storage.database import list_hashes, reading, transaction
from enogu.storage.files import is_sha256
from enogu.uploads import service as uploads
from enogu.uploads.parts import parts_of

YOUNG = timedelta(days=1)
"""A file put within this time is never swept."""

_log = structlog.get_logger("enogu.sweep")


@dataclass(frozen=True)
class Swept:
    """What a sweep came to."""

    expired_keys: int
    """Sign-ins and API tokens that had run out."""
    forgotten_uploads: int
    deleted_rows: int
    """Rows that were deleted by their owners and can no longer be brought back."""
    files: int
    bytes: int
    """Of those files."""


def sweep(studio: Studio, now: datetime, *, young: timedelta = YOUNG, is_trial: bool = False) -> Swept:
    """Sweep once. With ``is_trial`` nothing is taken away, and only files are counted. Raises DatabaseFailed,
    StorageFailed; what was swept until then stays swept.
    """
    expired_keys = forgotten_uploads = deleted_rows = 0
    if not is_trial:
        with transaction(studio.engine) as session:
            expired_keys = accounts.sweep_expired(session, now)
        forgotten_uploads = uploads.sweep(studio.engine, parts_of(studio.settings), now)
        for slice_sweeps in SWEEPS:
            with transaction(studio.engine) as session:
                deleted_rows += slice_sweeps(session, now)
    num_files, num_bytes = _sweep_files(studio, now - young, is_trial)
    swept = Swept(expired_keys, forgotten_uploads, deleted_rows, num_files, num_bytes)
    _log.info("swept", is_trial=is_trial, **asdict(swept))
    return swept


def _sweep_files(studio: Studio, before: datetime, is_trial: bool) -> tuple[int, int]:
    """How many files, and their bytes. Old files are listed first and rows asked afterwards: a row that was written in
    between is seen.
    """
    old = {bytes.fromhex(one.sha256): one.size_bytes for one in studio.files.list_files() if one.stored_at < before}
    if not old:
        return 0, 0
    with reading(studio.engine) as session:
        for names in (*(namer(session) for namer in FILE_NAMERS), list_hashes(session)):
            for sha256 in names:
                if is_sha256(sha256):
                    old.pop(bytes.fromhex(sha256), None)
    num_files = num_bytes = 0
    for digest, size_bytes in old.items():
        stored = studio.files.find(digest.hex())
        if stored is None or stored.stored_at >= before:  # put again in the meantime
            continue
        if not is_trial:
            studio.files.delete(digest.hex())
        num_files += 1
        num_bytes += size_bytes
    return num_files, num_bytes
