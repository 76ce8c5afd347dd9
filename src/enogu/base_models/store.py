"""Rows of registered base models. Every question is asked for one owner, but for what a worker asks by the job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ForeignKey, Select, String, Text, UniqueConstraint, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from enogu.base_models.entities import BaseModel, BaseModelNameTaken, StoredPart
from enogu.storage.database import Base, RowId, Session

NAME_LENGTH = 120
LICENCE_LENGTH = 200


class BaseModelRow(Base):
    """One base model that somebody registered."""

    __tablename__ = "base_models"
    __table_args__ = (UniqueConstraint("owner_id", "name_key"),)

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(4 * NAME_LENGTH))
    """For finding: case and width do not count."""
    family: Mapped[str] = mapped_column(String(20))
    derivative: Mapped[str] = mapped_column(String(20))
    prediction_type: Mapped[str] = mapped_column(String(20))
    origin: Mapped[str] = mapped_column(String(20))
    layout: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    licence: Mapped[str] = mapped_column(String(LICENCE_LENGTH))
    notes: Mapped[str] = mapped_column(Text)
    picture_sha256: Mapped[str | None] = mapped_column(String(64))
    style: Mapped[str] = mapped_column(String(10))
    native_side: Mapped[int | None]
    why_not: Mapped[str] = mapped_column(Text)
    path: Mapped[str | None] = mapped_column(Text)
    archive_sha256: Mapped[str | None] = mapped_column(String(64))
    """The uploaded zip, until it is unpacked."""
    parts: Mapped[list[Any]]
    job_id: Mapped[str | None] = mapped_column(String(26))
    created_at: Mapped[datetime]


def add_base_model(session: Session, base: BaseModel, name_key: str, archive_sha256: str | None = None) -> BaseModel:
    """A new row. Raises BaseModelNameTaken when its owner has one of this name."""
    session.add(
        BaseModelRow(
            id=base.id,
            owner_id=base.owner_id,
            created_at=base.created_at,
            archive_sha256=archive_sha256,
            **_values(base, name_key),
        )
    )
    _flush(session, base)
    return base


def write_base_model(session: Session, base: BaseModel, name_key: str) -> BaseModel:
    """Write a changed one over its row, which is held (``lock_base_model``). Raises BaseModelNameTaken."""
    row = session.get_one(BaseModelRow, base.id)
    for name, value in _values(base, name_key).items():
        setattr(row, name, value)
    if base.state != "importing":
        row.archive_sha256 = None
    _flush(session, base)
    return base


def find_base_model(session: Session, owner_id: str, base_model_id: str) -> BaseModel | None:
    """By its id."""
    row = session.scalars(_one(owner_id, base_model_id)).one_or_none()
    return None if row is None else _base_model(row)


def find_by_name(session: Session, owner_id: str, name_key: str) -> BaseModel | None:
    """By its name's key."""
    query = select(BaseModelRow).where(BaseModelRow.owner_id == owner_id, BaseModelRow.name_key == name_key)
    row = session.scalars(query).one_or_none()
    return None if row is None else _base_model(row)


def lock_base_model(session: Session, owner_id: str, base_model_id: str) -> BaseModel | None:
    """As find_base_model; nobody else changes it until this transaction ends."""
    query = _one(owner_id, base_model_id).with_for_update()
    row = session.scalars(query, execution_options={"populate_existing": True}).one_or_none()
    return None if row is None else _base_model(row)


def list_base_models(session: Session, owner_id: str) -> tuple[BaseModel, ...]:
    """All of one owner's, by name."""
    query = select(BaseModelRow).where(BaseModelRow.owner_id == owner_id)
    return tuple(_base_model(row) for row in session.scalars(query.order_by(BaseModelRow.name_key)))


def count_base_models(session: Session, owner_id: str) -> int:
    """How many one owner registered."""
    return session.scalars(select(func.count()).where(BaseModelRow.owner_id == owner_id)).one()


def find_archive(session: Session, owner_id: str, base_model_id: str) -> str | None:
    """sha256 of the zip that is still to be unpacked."""
    row = session.scalars(_one(owner_id, base_model_id)).one_or_none()
    return None if row is None else row.archive_sha256


def delete_base_model(session: Session, owner_id: str, base_model_id: str) -> None:
    """The row; files are swept when no row names them."""
    session.execute(delete(BaseModelRow).where(BaseModelRow.id == base_model_id, BaseModelRow.owner_id == owner_id))


def delete_all(session: Session, owner_id: str) -> None:
    """Every row of one owner's."""
    session.execute(delete(BaseModelRow).where(BaseModelRow.owner_id == owner_id))


def list_named_files(session: Session) -> Iterable[str]:
    """sha256 of every file that a row names."""
    query = select(BaseModelRow.picture_sha256, BaseModelRow.archive_sha256, BaseModelRow.parts)
    for picture, archive, parts in session.execute(query):
        yield from (sha256 for sha256 in (picture, archive) if sha256 is not None)
        yield from (part["sha256"] for part in parts)


def _one(owner_id: str, base_model_id: str) -> Select[BaseModelRow]:
    return select(BaseModelRow).where(BaseModelRow.id == base_model_id, BaseModelRow.owner_id == owner_id)


def _flush(session: Session, base: BaseModel) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        if "name_key" not in str(error.orig):
            raise
        raise BaseModelNameTaken(
            f"You already have a base model named '{base.name}'.", "Choose another name, or delete that one."
        ) from error


def _values(base: BaseModel, name_key: str) -> dict[str, Any]:
    return {
        "name": base.name,
        "name_key": name_key,
        "family": base.family,
        "derivative": base.derivative,
        "prediction_type": base.prediction_type,
        "origin": base.origin,
        "layout": base.layout,
        "state": base.state,
        "reason": base.reason,
        "hash": base.hash,
        "size_bytes": base.size_bytes,
        "licence": base.licence,
        "notes": base.notes,
        "picture_sha256": base.picture_sha256,
        "style": base.style,
        "native_side": base.native_side,
        "why_not": base.why_not,
        "path": None if base.path is None else str(base.path),
        "parts": [asdict(part) for part in base.parts],
        "job_id": base.job_id,
    }


def _base_model(row: BaseModelRow) -> BaseModel:
    return BaseModel(
        id=row.id,
        owner_id=row.owner_id,
        name=row.name,
        family=row.family,
        derivative=row.derivative,
        prediction_type=row.prediction_type,
        origin=row.origin,  # pyright: ignore[reportArgumentType] (only what a BaseModel held is written)
        layout=row.layout,  # pyright: ignore[reportArgumentType]
        state=row.state,  # pyright: ignore[reportArgumentType]
        reason=row.reason,
        hash=row.hash,
        size_bytes=row.size_bytes,
        licence=row.licence,
        notes=row.notes,
        picture_sha256=row.picture_sha256,
        style=row.style,
        native_side=row.native_side,
        created_at=row.created_at,
        path=None if row.path is None else Path(row.path),
        parts=tuple(StoredPart(**part) for part in row.parts),
        can_train=row.state == "ready" and not row.why_not,
        why_not=row.why_not,
        job_id=row.job_id,
    )
