"""Rows of LoRAs. Every question is asked for one owner."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, String, Text, UniqueConstraint, delete, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from enogu.loras.entities import Lora, LoraNameRefused
from enogu.storage.database import Base, RowId, Session

NAME_LENGTH = 100
FILENAME_LENGTH = 300


class LoraRow(Base):
    """One LoRA file in a library."""

    __tablename__ = "loras"
    __table_args__ = (UniqueConstraint("owner_id", "name_key"),)

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(4 * NAME_LENGTH))
    """What names are compared by; of a deleted one its id behind a colon, which no name has: its name is free."""
    filename: Mapped[str] = mapped_column(String(FILENAME_LENGTH))
    family: Mapped[str] = mapped_column(String(20))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    trigger: Mapped[str] = mapped_column(Text)
    dim: Mapped[float | None]
    alpha: Mapped[float | None]
    preview_sha256: Mapped[str | None] = mapped_column(String(64))
    run_id: Mapped[str | None] = mapped_column(String(26))
    epoch: Mapped[int | None]
    base_model_name: Mapped[str] = mapped_column(Text)
    notes: Mapped[str] = mapped_column(Text)
    negative: Mapped[str] = mapped_column(Text)
    preferred_weight: Mapped[float]
    facts: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


def add_lora(session: Session, lora: Lora, name_key: str) -> None:
    """A new row. Raises LoraNameRefused when its owner has one of this name."""
    session.add(LoraRow(name_key=name_key, **_values(lora)))
    _flush(session, lora)


def write_lora(session: Session, lora: Lora, name_key: str) -> None:
    """Write a changed one over its row, which is held (``find_lora`` with ``for_update``). Raises LoraNameRefused."""
    row = session.get_one(LoraRow, lora.id)
    for name, value in {**_values(lora), "name_key": name_key}.items():
        setattr(row, name, value)
    _flush(session, lora)


def find_lora(session: Session, owner_id: str, lora_id: str, *, for_update: bool = False) -> Lora | None:
    """By its id, deleted ones too."""
    query = select(LoraRow).where(LoraRow.owner_id == owner_id, LoraRow.id == lora_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    row = session.scalars(query).one_or_none()
    return None if row is None else _lora(row)


def find_by_name(session: Session, owner_id: str, name_key: str) -> Lora | None:
    """By its name's key; never a deleted one."""
    query = select(LoraRow).where(LoraRow.owner_id == owner_id, LoraRow.name_key == name_key)
    row = session.scalars(query).one_or_none()
    return None if row is None else _lora(row)


def find_of_run(session: Session, owner_id: str, run_id: str, sha256: str) -> Lora | None:
    """The one that is this file of this run; the oldest when there are several."""
    query = select(LoraRow).where(
        LoraRow.owner_id == owner_id, LoraRow.run_id == run_id, LoraRow.sha256 == sha256, LoraRow.deleted_at.is_(None)
    )
    row = session.scalars(query.order_by(LoraRow.id).limit(1)).one_or_none()
    return None if row is None else _lora(row)


def find_name_keys(session: Session, owner_id: str, start: str) -> frozenset[str]:
    """All keys of names that begin with ``start``."""
    query = select(LoraRow.name_key).where(
        LoraRow.owner_id == owner_id, LoraRow.name_key.startswith(start, autoescape=True)
    )
    return frozenset(session.scalars(query))


def list_loras(
    session: Session,
    owner_id: str,
    *,
    text: str,
    families: Iterable[str],
    run_id: str | None,
    deleted: bool,
    offset: int,
    limit: int,
) -> tuple[Lora, ...]:
    """Newest first, those from ``offset`` on."""
    query = _matching(select(LoraRow), owner_id, text, families, run_id, deleted)
    query = query.order_by(LoraRow.created_at.desc(), LoraRow.id.desc()).offset(offset).limit(limit)
    return tuple(_lora(row) for row in session.scalars(query))


def count_loras(
    session: Session, owner_id: str, *, text: str, families: Iterable[str], run_id: str | None, deleted: bool
) -> int:
    """How many ``list_loras`` has in all."""
    return session.scalars(_matching(select(func.count(LoraRow.id)), owner_id, text, families, run_id, deleted)).one()


def count_by_family(session: Session, owner_id: str) -> dict[str, int]:
    """How many LoRAs of each family one owner has, deleted ones not counted."""
    query = select(LoraRow.family, func.count(LoraRow.id)).group_by(LoraRow.family).order_by(LoraRow.family)
    query = query.where(LoraRow.owner_id == owner_id, LoraRow.deleted_at.is_(None))
    return {family: count for family, count in session.execute(query)}


def delete_forgotten(session: Session, owner_id: str, before: datetime) -> None:
    """Rows of one owner's that were deleted before a time; there is no undo any more."""
    session.execute(delete(LoraRow).where(LoraRow.owner_id == owner_id, LoraRow.deleted_at < before))


def delete_all_forgotten(session: Session, before: datetime) -> int:
    """Everybody's that were deleted before a time; how many."""
    return len(session.execute(delete(LoraRow).where(LoraRow.deleted_at < before).returning(LoraRow.id)).all())


def delete_all(session: Session, owner_id: str) -> None:
    """Every row of one owner's."""
    session.execute(delete(LoraRow).where(LoraRow.owner_id == owner_id))


def list_named_files(session: Session) -> frozenset[str]:
    """sha256 of every file that a row names, deleted ones too: they can be undone."""
    rows = session.execute(select(LoraRow.sha256, LoraRow.preview_sha256))
    return frozenset(sha256 for row in rows for sha256 in row if sha256 is not None)


def _matching(
    query: Select[Any], owner_id: str, text: str, families: Iterable[str], run_id: str | None, deleted: bool
) -> Select[Any]:
    query = query.where(LoraRow.owner_id == owner_id)
    if run_id is not None:
        query = query.where(LoraRow.run_id == run_id)
    query = query.where(LoraRow.deleted_at.is_not(None) if deleted else LoraRow.deleted_at.is_(None))
    if wanted := list(families):
        query = query.where(LoraRow.family.in_(wanted))
    if text:
        query = query.where(
            or_(
                *(
                    func.lower(column).contains(text.lower(), autoescape=True)
                    for column in (LoraRow.name, LoraRow.trigger, LoraRow.base_model_name, LoraRow.notes)
                ),
                LoraRow.name_key.contains(text.casefold(), autoescape=True),
            )
        )
    return query


def _flush(session: Session, lora: Lora) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        if "name_key" not in str(error.orig):
            raise
        raise LoraNameRefused(
            f"You already have a LoRA named '{lora.name}'.", "Choose another name, or delete that one."
        ) from error


_NAMES = tuple(field.name for field in fields(Lora))


def _values(lora: Lora) -> dict[str, Any]:
    return {name: getattr(lora, name) for name in _NAMES} | {"facts": dict(lora.facts)}


def _lora(row: LoraRow) -> Lora:
    return Lora(**{name: getattr(row, name) for name in _NAMES})
