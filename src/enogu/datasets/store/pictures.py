"""Rows of pictures. Owners are checked by the dataset, which every function names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Select, String, Text, bindparam, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from enogu.datasets.entities import ExaminedPicture, Picture
from enogu.imaging.crops import Box, Crop
from enogu.imaging.quality import QualityMeasures
from enogu.storage.database import Base, RowId, Session, new_id

PICTURE_NAME_LENGTH = 300


class PictureRow(Base):
    """One picture: its files by their hashes, what was measured, and its caption."""

    __tablename__ = "pictures"
    __table_args__ = (
        Index("ix_pictures_dataset_id_position", "dataset_id", "position"),
        Index("ix_pictures_dataset_id_sha256", "dataset_id", "sha256"),
    )

    id: Mapped[RowId]
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(PICTURE_NAME_LENGTH))
    position: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    format: Mapped[str] = mapped_column(String(10))
    width: Mapped[int]
    height: Mapped[int]
    notes: Mapped[list[str]]
    pixel_sha256: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str | None] = mapped_column(String(200))
    blur: Mapped[float]
    bright_level: Mapped[float]
    dark_level: Mapped[float]
    thumbnail_sha256: Mapped[str] = mapped_column(String(64))
    caption: Mapped[str] = mapped_column(Text)
    has_caption: Mapped[bool]
    repeats: Mapped[int]
    class_tokens: Mapped[str] = mapped_column(String(PICTURE_NAME_LENGTH))
    crop: Mapped[dict[str, Any] | None]
    cropped_sha256: Mapped[str | None] = mapped_column(String(64))
    cropped_thumbnail_sha256: Mapped[str | None] = mapped_column(String(64))
    is_regularisation: Mapped[bool]
    mask_sha256: Mapped[str | None] = mapped_column(String(64))
    added_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)


def add_picture(
    session: Session, dataset_id: str, examined: ExaminedPicture, name: str, position: int, now: datetime
) -> Picture:
    """A new one, under a name that the caller knows to be free."""
    row = PictureRow(
        dataset_id=dataset_id,
        name=name,
        position=position,
        sha256=examined.sha256,
        size_bytes=examined.size_bytes,
        format=examined.format,
        width=examined.width,
        height=examined.height,
        notes=list(examined.notes),
        pixel_sha256=examined.pixel_sha256,
        fingerprint=examined.fingerprint,
        **asdict(examined.quality),
        thumbnail_sha256=examined.thumbnail_sha256,
        caption=examined.caption,
        has_caption=examined.has_caption,
        repeats=examined.repeats,
        class_tokens=examined.class_tokens,
        crop=None,
        cropped_sha256=None,
        cropped_thumbnail_sha256=None,
        is_regularisation=examined.is_regularisation,
        mask_sha256=examined.mask_sha256,
        added_at=now,
        deleted_at=None,
    )
    session.add(row)
    session.flush()
    return _picture(row)


def copy_pictures(session: Session, from_id: str, to_id: str, now: datetime) -> None:
    """Every picture of one dataset once more in another, with its files and caption."""
    table = PictureRow.__table__
    query = select(*table.columns).where(PictureRow.dataset_id == from_id, PictureRow.deleted_at.is_(None))
    rows = [{**row, "id": new_id(), "dataset_id": to_id, "added_at": now} for row in session.execute(query).mappings()]
    if rows:
        session.execute(insert(PictureRow), rows)


def find_picture(session: Session, dataset_id: str, picture_id: str) -> Picture | None:
    """One that was not removed."""
    row = session.scalars(_there(dataset_id).where(PictureRow.id == picture_id)).one_or_none()
    return None if row is None else _picture(row)


def find_by_content(session: Session, dataset_id: str, sha256: str) -> Picture | None:
    """The first one with these bytes."""
    query = _there(dataset_id).where(PictureRow.sha256 == sha256).order_by(PictureRow.id).limit(1)
    row = session.scalars(query).first()
    return None if row is None else _picture(row)


def list_pictures(
    session: Session, dataset_id: str, *, start: int = 0, limit: int | None = None, ids: Sequence[str] | None = None
) -> tuple[Picture, ...]:
    """In their order, from the one with ``start`` others before it; only ``ids`` when given. Read by columns, not as
    objects that could be changed: ten thousand of them are shown at once.
    """
    if ids is not None:
        wanted = frozenset(ids)
        return tuple(one for one in list_pictures(session, dataset_id) if one.id in wanted)
    query = (
        select(*PictureRow.__table__.columns)
        .where(PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_(None))
        .order_by(PictureRow.position, PictureRow.id)
        .offset(start)
    )
    return tuple(_picture(row) for row in session.execute(query if limit is None else query.limit(limit)))


def count_pictures(session: Session, dataset_id: str) -> int:
    """That were not removed."""
    return session.scalars(
        select(func.count()).where(PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_(None))
    ).one()


def list_names(session: Session, dataset_id: str) -> list[tuple[str, str]]:
    """Id and name of every picture, in their order."""
    query = select(PictureRow.id, PictureRow.name).where(
        PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_(None)
    )
    return [(row.id, row.name) for row in session.execute(query.order_by(PictureRow.position, PictureRow.id))]


def last_position(session: Session, dataset_id: str) -> int:
    """Of the last picture; 0 when there is none."""
    return session.scalars(select(func.max(PictureRow.position)).where(PictureRow.dataset_id == dataset_id)).one() or 0


def list_training(session: Session, dataset_id: str) -> list[Any]:
    """The columns that a training needs, in order."""
    query = select(
        PictureRow.id, PictureRow.name, PictureRow.sha256, PictureRow.cropped_sha256, PictureRow.caption,
        PictureRow.repeats, PictureRow.width, PictureRow.height, PictureRow.crop, PictureRow.class_tokens,
        PictureRow.notes, PictureRow.is_regularisation, PictureRow.mask_sha256,
    ).where(PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_(None))  # fmt: skip
    return list(session.execute(query.order_by(PictureRow.position, PictureRow.id)))


def list_faces(session: Session, dataset_id: str) -> list[Any]:
    """The columns that tell duplicates and bad pictures, in order."""
    query = select(
        PictureRow.id, PictureRow.name, PictureRow.pixel_sha256, PictureRow.fingerprint, PictureRow.width,
        PictureRow.height, PictureRow.blur, PictureRow.bright_level, PictureRow.dark_level,
    ).where(PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_(None))  # fmt: skip
    return list(session.execute(query.order_by(PictureRow.position, PictureRow.id)))


def change_picture(session: Session, dataset_id: str, picture_id: str, **values: Any) -> Picture | None:
    """Set columns (``crop`` as a Crop or None); None when it is not there."""
    row = session.scalars(_there(dataset_id).where(PictureRow.id == picture_id)).one_or_none()
    if row is None:
        return None
    for name, value in values.items():
        setattr(row, name, asdict(value) if isinstance(value, Crop) else value)
    session.flush()
    return _picture(row)


def remove_pictures(session: Session, dataset_id: str, ids: Iterable[str], now: datetime) -> int:
    """Mark them as removed; how many were there."""
    return _each(session, dataset_id, ids, is_deleted=False, values={"deleted_at": now})


def restore_pictures(session: Session, dataset_id: str, ids: Iterable[str]) -> list[tuple[str, str]]:
    """Take the mark away; id and name of those that came back."""
    wanted = frozenset(ids)
    query = select(PictureRow.id, PictureRow.name).where(
        PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_not(None)
    )
    back = [(row.id, row.name) for row in session.execute(query.order_by(PictureRow.position)) if row.id in wanted]
    _each(session, dataset_id, [one for one, _ in back], is_deleted=True, values={"deleted_at": None})
    return back


def set_role(session: Session, dataset_id: str, ids: Iterable[str], is_regularisation: bool) -> int:
    """Of these pictures; how many there are."""
    return _each(session, dataset_id, ids, is_deleted=False, values={"is_regularisation": is_regularisation})


def set_repeats(session: Session, dataset_id: str, ids: Iterable[str] | None, repeats: int) -> int:
    """Of these pictures, or of all; how many."""
    if ids is not None:
        return _each(session, dataset_id, ids, is_deleted=False, values={"repeats": repeats})
    session.execute(
        update(PictureRow)
        .where(PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_(None))
        .values(repeats=repeats)
    )
    return count_pictures(session, dataset_id)


def set_positions(session: Session, dataset_id: str, positions: Mapping[str, int]) -> None:
    """By the picture's id."""
    if not positions:
        return
    statement = (
        update(PictureRow.__table__)  # pyright: ignore[reportArgumentType]  (a Table, typed as FromClause)
        .where(PictureRow.id == bindparam("picture"), PictureRow.dataset_id == dataset_id)
        .values(position=bindparam("place"))
    )
    session.connection().execute(statement, [{"picture": one, "place": place} for one, place in positions.items()])
    session.expire_all()


def _each(session: Session, dataset_id: str, ids: Iterable[str], *, is_deleted: bool, values: Mapping[str, Any]) -> int:
    """The same values for each of these ids that is there; how many are."""
    wanted = list(dict.fromkeys(ids))
    there = set(
        session.scalars(
            select(PictureRow.id).where(
                PictureRow.dataset_id == dataset_id,
                PictureRow.deleted_at.is_not(None) if is_deleted else PictureRow.deleted_at.is_(None),
            )
        )
    )
    found = [one for one in wanted if one in there]
    for start in range(0, len(found), 500):  # SQLite's older limit is 999 parameters
        part = found[start : start + 500]
        session.execute(update(PictureRow).where(PictureRow.id.in_(part)).values(**values))
    return len(found)


def _there(dataset_id: str) -> Select[PictureRow]:
    return select(PictureRow).where(PictureRow.dataset_id == dataset_id, PictureRow.deleted_at.is_(None))


def crop_of(value: Mapping[str, Any] | None) -> Crop | None:
    """A crop as its column has it."""
    return None if value is None else Crop(**{**value, "box": Box(**value["box"])})


def _picture(row: Any) -> Picture:
    return Picture(
        id=row.id,
        dataset_id=row.dataset_id,
        name=row.name,
        position=row.position,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        format=row.format,
        width=row.width,
        height=row.height,
        notes=tuple(row.notes),
        pixel_sha256=row.pixel_sha256,
        fingerprint=row.fingerprint,
        quality=QualityMeasures(row.blur, row.bright_level, row.dark_level),
        thumbnail_sha256=row.thumbnail_sha256,
        caption=row.caption,
        has_caption=row.has_caption,
        repeats=row.repeats,
        class_tokens=row.class_tokens,
        crop=crop_of(row.crop),
        cropped_sha256=row.cropped_sha256,
        cropped_thumbnail_sha256=row.cropped_thumbnail_sha256,
        added_at=row.added_at,
        deleted_at=row.deleted_at,
        is_regularisation=row.is_regularisation,
        mask_sha256=row.mask_sha256,
    )
