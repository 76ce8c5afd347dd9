"""The journal of captions: what each change found and what it left, packed, and the captions themselves in bulk."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint, bindparam, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from enogu.datasets.entities import CaptionEdit
from enogu.datasets.store.pictures import PictureRow
from enogu.storage.database import Base, RowId, Session

WORDS_LENGTH = 300


@dataclass(frozen=True)
class CaptionState:
    """A caption, and whether somebody wrote it."""

    text: str
    has_caption: bool


@dataclass(frozen=True)
class CaptionChange:
    """One picture's caption before and after."""

    before: CaptionState
    after: CaptionState


class CaptionEditRow(Base):
    """One change of captions."""

    __tablename__ = "caption_edits"
    __table_args__ = (UniqueConstraint("dataset_id", "number"),)

    id: Mapped[RowId]
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    number: Mapped[int]
    words: Mapped[str] = mapped_column(String(WORDS_LENGTH))
    num_pictures: Mapped[int]
    made_at: Mapped[datetime]
    is_undone: Mapped[bool]
    size_bytes: Mapped[int]
    packed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """zlib of a JSON list of [picture id, before, had a caption, after, has a caption]."""


def read_captions(session: Session, dataset_id: str) -> dict[str, CaptionState]:
    """By picture id, of those that were not removed."""
    query = select(PictureRow.id, PictureRow.caption, PictureRow.has_caption).where(
        PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_(None)
    )
    return {one: CaptionState(text, has) for one, text, has in session.execute(query)}


def apply_captions(session: Session, dataset_id: str, captions: Mapping[str, CaptionState]) -> None:
    """All in one go; ids that are not there are passed over."""
    if not captions:
        return
    statement = (
        update(PictureRow.__table__)  # pyright: ignore[reportArgumentType]  (a Table, typed as FromClause)
        .where(PictureRow.id == bindparam("picture"), PictureRow.dataset_id == bindparam("dataset"))
        .values(caption=bindparam("text"), has_caption=bindparam("written"))
    )
    rows = [
        {"picture": one, "dataset": dataset_id, "text": state.text, "written": state.has_caption}
        for one, state in captions.items()
    ]
    session.flush()
    session.connection().execute(statement, rows)
    session.expire_all()  # objects read before would still have the old text


def add_edit(
    session: Session, dataset_id: str, number: int, words: str, changes: Mapping[str, CaptionChange], now: datetime
) -> CaptionEdit:
    """A new entry. Give ``number`` from the dataset's locked row."""
    packed = _pack(changes)
    row = CaptionEditRow(
        dataset_id=dataset_id,
        number=number,
        words=words,
        num_pictures=len(changes),
        made_at=now,
        is_undone=False,
        size_bytes=len(packed),
        packed=packed,
    )
    session.add(row)
    session.flush()
    return edit_of(row, 0)


def find_edit_to_undo(session: Session, dataset_id: str) -> tuple[CaptionEdit, dict[str, CaptionChange]] | None:
    """The last entry that stands, with what it did."""
    return _found(session, dataset_id, is_undone=False)


def find_edit_to_redo(session: Session, dataset_id: str) -> tuple[CaptionEdit, dict[str, CaptionChange]] | None:
    """The first entry that was undone."""
    return _found(session, dataset_id, is_undone=True)


def mark_edit(session: Session, edit_id: str, *, is_undone: bool) -> None:
    """That it was undone, or done again."""
    session.execute(update(CaptionEditRow).where(CaptionEditRow.id == edit_id).values(is_undone=is_undone))


def forget_undone_edits(session: Session, dataset_id: str) -> None:
    """The branch that a new change cuts off."""
    session.execute(delete(CaptionEditRow).where(CaptionEditRow.dataset_id == dataset_id, CaptionEditRow.is_undone))


def forget_old_edits(session: Session, dataset_id: str, most: int, most_bytes: int) -> None:
    """The oldest entries beyond a number and a size; the newest always stays."""
    sizes = session.execute(
        select(CaptionEditRow.number, CaptionEditRow.size_bytes)
        .where(CaptionEditRow.dataset_id == dataset_id)
        .order_by(CaptionEditRow.number.desc())
    )
    total = 0
    for count, (number, size) in enumerate(sizes, start=1):
        total += size
        if count > 1 and (count > most or total > most_bytes):
            session.execute(
                delete(CaptionEditRow).where(CaptionEditRow.dataset_id == dataset_id, CaptionEditRow.number <= number)
            )
            return


def list_edits(session: Session, dataset_id: str, before: int | None, limit: int) -> tuple[CaptionEdit, ...]:
    """Newest first, those with numbers below ``before``."""
    query = select(CaptionEditRow).where(CaptionEditRow.dataset_id == dataset_id)
    if before is not None:
        query = query.where(CaptionEditRow.number < before)
    return tuple(edit_of(row, 0) for row in session.scalars(query.order_by(CaptionEditRow.number.desc()).limit(limit)))


def count_edits(session: Session, dataset_id: str, *, is_undone: bool) -> int:
    """Entries that could be undone, or redone."""
    return session.scalars(
        select(func.count()).where(CaptionEditRow.dataset_id == dataset_id, CaptionEditRow.is_undone == is_undone)
    ).one()


def _found(
    session: Session, dataset_id: str, *, is_undone: bool
) -> tuple[CaptionEdit, dict[str, CaptionChange]] | None:
    order = CaptionEditRow.number.asc() if is_undone else CaptionEditRow.number.desc()
    row = session.scalars(
        select(CaptionEditRow)
        .where(CaptionEditRow.dataset_id == dataset_id, CaptionEditRow.is_undone == is_undone)
        .order_by(order)
        .limit(1)
    ).first()
    return None if row is None else (edit_of(row, 0), _unpack(row.packed))


def _pack(changes: Mapping[str, CaptionChange]) -> bytes:
    rows = [
        [one, change.before.text, change.before.has_caption, change.after.text, change.after.has_caption]
        for one, change in changes.items()
    ]
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(), level=1)


def _unpack(packed: bytes) -> dict[str, CaptionChange]:
    return {
        one: CaptionChange(CaptionState(before, had), CaptionState(after, has))
        for one, before, had, after, has in json.loads(zlib.decompress(packed))
    }


def edit_of(row: CaptionEditRow, captions_revision: int) -> CaptionEdit:
    """What a row says; the revision is the dataset's."""
    return CaptionEdit(
        row.id, row.dataset_id, row.number, row.words, row.num_pictures, row.made_at, row.is_undone, captions_revision
    )
