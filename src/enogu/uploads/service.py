"""An upload's life: announced, sent in as many pieces as it takes, whole in the store of files, taken by a slice.

``create`` announces it; the edge appends bytes to its part (``parts``) and calls ``finish`` when all are there, which
moves them into the store and notes their hash; ``take`` gives it to the slice that wants it, in that slice's own
transaction, and the row is gone with it. What nobody takes within ``KEPT_FOR`` is swept.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import cast

from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.errors import NotFound
from enogu.storage.database import Engine, Session, reading, transaction
from enogu.storage.files import Files
from enogu.uploads import store
from enogu.uploads.entities import (
    KEPT_FOR,
    LIMIT_BYTES,
    LONGEST_NAME,
    MOST_OPEN,
    MOST_OPEN_BYTES,
    TakenUpload,
    Upload,
    UploadKind,
    UploadRefused,
    UploadUnfinished,
)
from enogu.uploads.parts import Parts

YOUNG = timedelta(hours=1)
"""A part without a row that was written to within this time is left alone."""


def create(session: Session, owner_id: str, name: str, kind: str, size_bytes: int, now: datetime) -> Upload:
    """Announce a file. Raises UploadRefused for what is too large, too many or of no known kind."""
    if kind not in LIMIT_BYTES:
        raise UploadRefused(f"There is no kind of upload called {kind[:40]!r}.", f"Use {', '.join(LIMIT_BYTES)}.")
    known = cast(UploadKind, kind)
    shown = unicodedata.normalize("NFC", "".join(one for one in name if one.isprintable())).strip()[-LONGEST_NAME:]
    if not shown:
        raise UploadRefused("The upload has no name.", "Send its file name in Upload-Metadata.")
    if not 1 <= size_bytes <= LIMIT_BYTES[known]:
        raise UploadRefused(
            f"{shown} has {size_bytes:,} bytes; 1 to {LIMIT_BYTES[known]:,} are accepted for a {kind}.",
            "Send a smaller one, or divide it." if size_bytes > 0 else "Leave it out.",
        )
    count, size = store.sum_uploads(session, owner_id)
    if count >= MOST_OPEN or size + size_bytes > MOST_OPEN_BYTES:
        raise UploadRefused(
            f"{count:,} uploads with {size:,} bytes are under way or wait to be used.", "Use or cancel some first."
        )
    return store.add_upload(
        session, owner_id=owner_id, name=shown, kind=known, size_bytes=size_bytes, now=now, expires_at=now + KEPT_FOR
    )


def get_upload(session: Session, owner_id: str, upload_id: str) -> Upload:
    """Raises NotFound."""
    upload = store.find_upload(session, owner_id, upload_id)
    if upload is None:
        raise NotFound("There is no such upload.", "It may have been used, cancelled or forgotten; begin it again.")
    return upload


def list_uploads(session: Session, owner_id: str) -> tuple[Upload, ...]:
    """One owner's that are under way or wait to be taken, oldest first."""
    return store.list_uploads(session, owner_id)


def prolong(session: Session, owner_id: str, upload_id: str, now: datetime) -> None:
    """Somebody goes on with it, so it is kept longer."""
    store.prolong(session, owner_id, upload_id, now + KEPT_FOR)


def finish(engine: Engine, files: Files, parts: Parts, owner_id: str, upload_id: str) -> Upload:
    """Move a part that is whole into the store of files; again changes nothing. Opens its own transactions, since
    hashing gigabytes takes long. Raises NotFound, UploadUnfinished, UploadConflict while another one does it,
    StorageFailed.
    """
    with parts.alone(upload_id):
        with reading(engine) as session:
            upload = get_upload(session, owner_id, upload_id)
        if upload.sha256 is not None:
            return upload
        there = parts.offset(upload_id)
        if there != upload.size_bytes:
            raise UploadUnfinished(
                f"{upload.name}: {there:,} of {upload.size_bytes:,} bytes are there.", "Send the rest."
            )
        put = files.put(parts.read(upload_id), upload.size_bytes)
        with transaction(engine) as session:
            if not store.set_finished(session, owner_id, upload_id, put.sha256):
                raise NotFound("There is no such upload.", "It was cancelled in the meantime.")
    parts.delete([upload_id])
    with reading(engine) as session:
        return get_upload(session, owner_id, upload_id)


def cancel(session: Session, parts: Parts, owner_id: str, upload_id: str) -> None:
    """Forget an upload and what was sent of it. Raises NotFound."""
    if not store.delete_upload(session, owner_id, upload_id):
        get_upload(session, owner_id, upload_id)
    parts.delete([upload_id])


def take(session: Session, owner_id: str, upload_id: str) -> TakenUpload:
    """Give a finished upload to the slice that calls, which names its file from here on.

    Raises NotFound, UploadUnfinished. The row goes with the transaction, so nobody can take it twice.
    """
    upload = store.find_upload(session, owner_id, upload_id, for_update=True)
    if upload is None:
        raise NotFound("There is no such upload.", "It may have been used already; send the file again.")
    if upload.sha256 is None:
        raise UploadUnfinished(f"{upload.name} has not arrived in full.", "Wait until all of it was sent.")
    store.delete_upload(session, owner_id, upload_id)
    return TakenUpload(upload.id, upload.name, upload.kind, upload.sha256, upload.size_bytes)


def sweep(engine: Engine, parts: Parts, now: datetime) -> int:
    """Forget uploads that nobody went on with, and parts that belong to none; how many uploads."""
    with transaction(engine) as session:
        gone = store.delete_expired(session, now)
        known = store.list_known(session)
    nobodys = (one for one in parts.list_ids(now - YOUNG) if one not in known)  # a young one's row is on its way
    parts.delete([*gone, *nobodys])
    return len(gone)


def list_named_files(session: Session) -> frozenset[str]:
    """Files of the store that uploads name; the sweep leaves them."""
    return store.list_named_files(session)


class UploadData:
    """What this slice keeps for an owner (J3)."""

    slice_name = "uploads"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """Files that arrived and that nothing has used yet."""
        for upload in store.list_uploads(session, owner_id):
            if upload.sha256 is not None:
                yield ExportedRecord(f"uploads/{upload.id}.json", {"name": upload.name, "kind": upload.kind})
                yield ExportedFile(f"uploads/{upload.id}.bin", upload.sha256)

    def delete(self, session: Session, owner_id: str) -> None:
        """Rows; parts on their way are swept."""
        store.delete_all(session, owner_id)
