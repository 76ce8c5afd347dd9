"""Rows of datasets themselves. Every question is asked for one owner."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from enogu.datasets.entities import CropSettings, Dataset, TagSettings
from enogu.storage.database import Base, RowId, Session

NAME_LENGTH = 120
TRIGGER_LENGTH = 100


class DatasetRow(Base):
    """One dataset. ``num_pictures`` and ``cover_sha256`` are kept along, since lists show them."""

    __tablename__ = "datasets"

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(4 * NAME_LENGTH))
    """For searching: case and width do not count."""
    trigger_word: Mapped[str] = mapped_column(String(TRIGGER_LENGTH))
    crop: Mapped[dict[str, Any]]
    tag: Mapped[dict[str, Any]]
    num_pictures: Mapped[int]
    cover_sha256: Mapped[str | None] = mapped_column(String(64))
    captions_revision: Mapped[int]
    num_edits: Mapped[int]
    """Entries of the journal ever made: the next one's number is one more."""
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)


def add_dataset(session: Session, *, owner_id: str, name: str, name_key: str, now: datetime) -> Dataset:
    """A new one, empty."""
    row = DatasetRow(
        owner_id=owner_id,
        name=name,
        name_key=name_key,
        trigger_word="",
        crop=asdict(CropSettings()),
        tag=_tag_values(TagSettings()),
        num_pictures=0,
        cover_sha256=None,
        captions_revision=0,
        num_edits=0,
        created_at=now,
        changed_at=now,
        deleted_at=None,
    )
    session.add(row)
    session.flush()
    return _dataset(row)


def find_dataset(session: Session, owner_id: str, dataset_id: str, *, is_deleted: bool = False) -> Dataset | None:
    """One that is there, or one that was deleted and can come back."""
    row = session.scalars(_one(owner_id, dataset_id, is_deleted)).one_or_none()
    return None if row is None else _dataset(row)


def lock_dataset(session: Session, owner_id: str, dataset_id: str, *, is_deleted: bool = False) -> DatasetRow | None:
    """Its row, held until the transaction ends: whoever changes pictures or captions of it waits in line."""
    return session.scalars(_one(owner_id, dataset_id, is_deleted).with_for_update()).one_or_none()


def change_dataset(session: Session, row: DatasetRow, now: datetime, **values: Any) -> Dataset:
    """Set columns of a locked row; ``crop`` and ``tag`` as settings."""
    for name, value in values.items():
        if isinstance(value, CropSettings):
            row.crop = asdict(value)
        elif isinstance(value, TagSettings):
            row.tag = _tag_values(value)
        else:
            setattr(row, name, value)
    row.changed_at = now
    session.flush()
    return _dataset(row)


def list_datasets(
    session: Session, owner_id: str, *, search: str, is_deleted: bool, before: str | None, limit: int
) -> tuple[Dataset, ...]:
    """Newest first, those behind the id ``before`` whose name holds ``search``."""
    query = _filtered(select(DatasetRow), owner_id, search, is_deleted).order_by(DatasetRow.id.desc()).limit(limit)
    if before is not None:
        query = query.where(DatasetRow.id < before)
    return tuple(_dataset(row) for row in session.scalars(query))


def count_datasets(session: Session, owner_id: str, *, search: str = "", is_deleted: bool = False) -> int:
    """How many ``list_datasets`` would give without a limit."""
    return session.scalars(_filtered(select(func.count()).select_from(DatasetRow), owner_id, search, is_deleted)).one()


def delete_datasets_of(session: Session, owner_id: str) -> None:
    """All of one owner's, with everything below them, by the foreign keys."""
    session.execute(delete(DatasetRow).where(DatasetRow.owner_id == owner_id))


def purge(session: Session, before: datetime) -> int:
    """Take away for good what was deleted before that time; how many datasets and pictures."""
    from enogu.datasets.store.pictures import PictureRow

    datasets = session.execute(delete(DatasetRow).where(DatasetRow.deleted_at < before).returning(DatasetRow.id))
    pictures = session.execute(delete(PictureRow).where(PictureRow.deleted_at < before).returning(PictureRow.id))
    return len(datasets.all()) + len(pictures.all())


def dataset_of(row: DatasetRow) -> Dataset:
    """What a row says."""
    return _dataset(row)


def _one(owner_id: str, dataset_id: str, is_deleted: bool) -> Select[DatasetRow]:
    query = select(DatasetRow).where(DatasetRow.id == dataset_id, DatasetRow.owner_id == owner_id)
    return query.where(DatasetRow.deleted_at.is_not(None) if is_deleted else DatasetRow.deleted_at.is_(None))


def _filtered(query: Select[Any], owner_id: str, search: str, is_deleted: bool) -> Select[Any]:
    query = query.where(DatasetRow.owner_id == owner_id)
    query = query.where(DatasetRow.deleted_at.is_not(None) if is_deleted else DatasetRow.deleted_at.is_(None))
    return query.where(DatasetRow.name_key.contains(search, autoescape=True)) if search else query


def _tag_values(settings: TagSettings) -> dict[str, Any]:
    return asdict(settings) | {"undesired_tags": list(settings.undesired_tags)}


def _dataset(row: DatasetRow) -> Dataset:
    return Dataset(
        id=row.id,
        owner_id=row.owner_id,
        name=row.name,
        trigger=row.trigger_word,
        crop=CropSettings(**row.crop),
        tag=TagSettings(**{**row.tag, "undesired_tags": tuple(row.tag["undesired_tags"])}),
        num_pictures=row.num_pictures,
        captions_revision=row.captions_revision,
        created_at=row.created_at,
        changed_at=row.changed_at,
        deleted_at=row.deleted_at,
        cover_sha256=row.cover_sha256,
    )
