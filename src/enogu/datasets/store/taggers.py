"""Rows of the taggers that people uploaded; the starter and folders of taggers have none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from enogu.datasets.entities import TaggerFacts, TaggerState
from enogu.storage.database import Base, RowId, Session

NAME_LENGTH = 64
REASON_LENGTH = 500


class TaggerRow(Base):
    """One uploaded tagger."""

    __tablename__ = "taggers"
    __table_args__ = (UniqueConstraint("owner_id", "name_key"),)

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(4 * NAME_LENGTH))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH))
    recommended_threshold: Mapped[float]
    num_tags: Mapped[int]
    model_sha256: Mapped[str | None] = mapped_column(String(64))
    csv_sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]


def add_tagger(session: Session, *, owner_id: str, name: str, name_key: str, now: datetime) -> TaggerFacts:
    """A new one, to be checked."""
    row = TaggerRow(
        owner_id=owner_id,
        name=name,
        name_key=name_key,
        state="checking",
        reason="",
        recommended_threshold=0.0,
        num_tags=0,
        model_sha256=None,
        csv_sha256=None,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return _facts(row)


def find_tagger(session: Session, owner_id: str, tagger_id: str) -> TaggerFacts | None:
    """By id."""
    row = session.scalars(select(TaggerRow).where(TaggerRow.id == tagger_id, TaggerRow.owner_id == owner_id)).first()
    return None if row is None else _facts(row)


def find_tagger_by_name(session: Session, owner_id: str, name_key: str) -> TaggerFacts | None:
    """By name."""
    row = session.scalars(
        select(TaggerRow).where(TaggerRow.owner_id == owner_id, TaggerRow.name_key == name_key)
    ).first()
    return None if row is None else _facts(row)


def list_taggers(session: Session, owner_id: str) -> tuple[TaggerFacts, ...]:
    """One owner's, oldest first."""
    query = select(TaggerRow).where(TaggerRow.owner_id == owner_id).order_by(TaggerRow.id)
    return tuple(_facts(row) for row in session.scalars(query))


def change_tagger(session: Session, owner_id: str, tagger_id: str, **values: Any) -> None:
    """Set columns; nothing happens when it was deleted meanwhile."""
    row = session.scalars(
        select(TaggerRow).where(TaggerRow.id == tagger_id, TaggerRow.owner_id == owner_id).with_for_update()
    ).first()
    if row is not None:
        for name, value in values.items():
            setattr(row, name, value[:REASON_LENGTH] if name == "reason" else value)
        session.flush()


def delete_tagger(session: Session, owner_id: str, tagger_id: str) -> bool:
    """Whether it was there."""
    found = session.execute(
        delete(TaggerRow).where(TaggerRow.id == tagger_id, TaggerRow.owner_id == owner_id).returning(TaggerRow.id)
    )
    return found.one_or_none() is not None


def delete_taggers_of(session: Session, owner_id: str) -> None:
    """All of one owner's."""
    session.execute(delete(TaggerRow).where(TaggerRow.owner_id == owner_id))


def _facts(row: TaggerRow) -> TaggerFacts:
    states: dict[str, TaggerState] = {"checking": "checking", "ready": "ready", "refused": "refused"}
    return TaggerFacts(
        id=row.id,
        name=row.name,
        origin="upload",
        state=states[row.state],
        reason=row.reason,
        recommended_threshold=row.recommended_threshold,
        num_tags=row.num_tags,
        model_sha256=row.model_sha256,
        csv_sha256=row.csv_sha256,
    )
