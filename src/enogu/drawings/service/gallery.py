"""The pictures that were drawn: finding them, putting them away and bringing them back (I6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from enogu.drawings import store
from enogu.drawings.entities import Drawing, DrawingRequest, GalleryFilter
from enogu.errors import NotFound, WrongUse
from enogu.storage.database import Session

MOST_LISTED = 200
MOST_AT_ONCE = 1000
"""Drawings that one call puts away or brings back."""


def list_drawings(
    session: Session, owner_id: str, wanted: GalleryFilter, *, before: str | None = None, limit: int = 50
) -> tuple[Drawing, ...]:
    """A page of the gallery, newest first; the next one begins ``before`` the last id of this one."""
    return store.list_drawings(session, owner_id, wanted, before, max(1, min(limit, MOST_LISTED)))


def get_drawing(session: Session, owner_id: str, drawing_id: str) -> Drawing:
    """Those that were put away, too. Raises NotFound, too, when it is somebody else's."""
    drawing = store.find_drawing(session, owner_id, drawing_id)
    if drawing is None:
        raise NotFound("There is no such drawing.", "It may have been deleted for good.")
    return drawing


def list_of_request(session: Session, request: DrawingRequest, after_revision: int = 0) -> tuple[Drawing, ...]:
    """What was drawn for a request so far, in order."""
    return store.list_of_request(session, request.id, after_revision)


def delete_drawings(session: Session, owner_id: str, drawing_ids: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Put drawings away; ``restore_drawings`` brings them back, for as long as the bin is not emptied. The ids of those
    that were put away now. Raises NotFound, with nothing done, when one of them is not this owner's.
    """
    _check(session, owner_id, drawing_ids)
    return store.mark_deleted(session, owner_id, drawing_ids, now)


def restore_drawings(session: Session, owner_id: str, drawing_ids: Sequence[str]) -> tuple[str, ...]:
    """Bring back what was put away; the ids of those that were. Raises NotFound as ``delete_drawings`` does."""
    _check(session, owner_id, drawing_ids)
    return store.mark_deleted(session, owner_id, drawing_ids, None)


def empty_bin(session: Session, owner_id: str) -> int:
    """Delete for good what was put away; how many. There is no way back."""
    return store.delete_marked(session, owner_id)


def _check(session: Session, owner_id: str, drawing_ids: Sequence[str]) -> None:
    if not 1 <= len(drawing_ids) <= MOST_AT_ONCE:
        raise WrongUse(f"{len(drawing_ids)} drawings are named.", f"Name 1 to {MOST_AT_ONCE}.")
    missing = set(drawing_ids) - store.find_ids(session, owner_id, drawing_ids)
    if missing:
        raise NotFound(f"There is no drawing {min(missing)}.", "It may have been deleted for good.")
