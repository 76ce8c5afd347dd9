"""What this slice keeps for an owner, and which files it names (J3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.drawings import store
from enogu.drawings.entities import GalleryFilter, RequestEnded
from enogu.queue import service as queue
from enogu.queue.entities import JobOver
from enogu.storage.database import Session, utc_now


class DrawingData:
    """Requests and pictures with how they were drawn; those that were put away, too."""

    slice_name = "drawings"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """One record and one file per picture, one record (and a comparison's sheet) per request."""
        before: str | None = None
        while page := store.list_requests(session, owner_id, live_only=False, before=before, limit=50):
            for request in page:
                yield ExportedRecord(f"drawings/requests/{request.id}.json", _plain(request))
                if request.sheet_sha256 is not None:
                    yield ExportedFile(f"drawings/requests/{request.id}.png", request.sheet_sha256)
            before = page[-1].id
        for deleted in (False, True):
            before = None
            while found := store.list_drawings(session, owner_id, GalleryFilter(deleted=deleted), before, 50):
                for drawing in found:
                    yield ExportedRecord(f"drawings/{drawing.id}.json", _plain(drawing))
                    yield ExportedFile(f"drawings/{drawing.id}.png", drawing.sha256)
                before = found[-1].id

    def delete(self, session: Session, owner_id: str) -> None:
        """Everything; what waits is taken out of the queue, what is drawn finds its job gone and stops."""
        now = utc_now()
        for request in store.list_requests(session, owner_id, live_only=True, before=None, limit=1000):
            try:
                queue.ask(session, request.job_id, "cancel", now)
            except (JobOver, RequestEnded):
                continue
        store.delete_all(session, owner_id)


def list_named_files(session: Session) -> Iterable[str]:
    """Every file that a drawing or a request names; what nothing names is swept."""
    return store.list_named_files(session)


def _plain(one: Any) -> dict[str, Any]:
    """Only what JSON knows."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(one).items()
        if key != "owner_id"
    }
