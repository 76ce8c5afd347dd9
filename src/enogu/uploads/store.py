"""Rows of uploads. Bytes that are on their way are ``parts``' business."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import ForeignKey, String, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from enogu.storage.database import Base, RowId, Session
from enogu.uploads.entities import LONGEST_NAME, Upload, UploadKind


class UploadRow(Base):
    """One upload."""

    __tablename__ = "uploads"

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    kind: Mapped[str] = mapped_column(String(20))
    size_bytes: Mapped[int]
    sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


def add_upload(
    session: Session,
    *,
    owner_id: str,
    name: str,
    kind: UploadKind,
    size_bytes: int,
    now: datetime,
    expires_at: datetime,
) -> Upload:
    """A new one without bytes."""
    row = UploadRow(
        owner_id=owner_id, name=name, kind=kind, size_bytes=size_bytes, created_at=now, expires_at=expires_at
    )
    session.add(row)
    session.flush()
    return _shown(row)


def find_upload(session: Session, owner_id: str, upload_id: str, *, for_update: bool = False) -> Upload | None:
    """One of this owner's."""
    query = select(UploadRow).where(UploadRow.id == upload_id, UploadRow.owner_id == owner_id)
    row = session.scalars(query.with_for_update() if for_update else query).one_or_none()
    return None if row is None else _shown(row)


def list_uploads(session: Session, owner_id: str) -> tuple[Upload, ...]:
    """All of one owner's, oldest first."""
    query = select(UploadRow).where(UploadRow.owner_id == owner_id).order_by(UploadRow.id)
    return tuple(_shown(row) for row in session.scalars(query))


def sum_uploads(session: Session, owner_id: str) -> tuple[int, int]:
    """How many one owner has open, and how many bytes they were announced with."""
    query = select(func.count(), func.coalesce(func.sum(UploadRow.size_bytes), 0)).where(UploadRow.owner_id == owner_id)
    count, size = session.execute(query).one()
    return int(count), int(size)


def set_finished(session: Session, owner_id: str, upload_id: str, sha256: str) -> bool:
    """Note the hash of the whole file. False when the upload is gone."""
    done = session.execute(
        update(UploadRow)
        .where(UploadRow.id == upload_id, UploadRow.owner_id == owner_id)
        .values(sha256=sha256)
        .returning(UploadRow.id)
    )
    return done.one_or_none() is not None


def prolong(session: Session, owner_id: str, upload_id: str, expires_at: datetime) -> None:
    """Somebody goes on with it."""
    session.execute(
        update(UploadRow).where(UploadRow.id == upload_id, UploadRow.owner_id == owner_id).values(expires_at=expires_at)
    )


def delete_upload(session: Session, owner_id: str, upload_id: str) -> bool:
    """Whether it was there, and this owner's."""
    done = session.execute(
        delete(UploadRow).where(UploadRow.id == upload_id, UploadRow.owner_id == owner_id).returning(UploadRow.id)
    )
    return done.one_or_none() is not None


def delete_expired(session: Session, now: datetime) -> tuple[str, ...]:
    """Everybody's that have run out; their ids."""
    return tuple(session.scalars(delete(UploadRow).where(UploadRow.expires_at <= now).returning(UploadRow.id)))


def delete_all(session: Session, owner_id: str) -> tuple[str, ...]:
    """One owner's; their ids."""
    return tuple(session.scalars(delete(UploadRow).where(UploadRow.owner_id == owner_id).returning(UploadRow.id)))


def list_known(session: Session) -> frozenset[str]:
    """Ids of all uploads of everybody, for sweeping parts that belong to none."""
    return frozenset(session.scalars(select(UploadRow.id)))


def list_named_files(session: Session) -> frozenset[str]:
    """Hashes that rows name: files that must not be swept."""
    return frozenset(session.scalars(select(UploadRow.sha256).where(UploadRow.sha256.is_not(None))))  # pyright: ignore[reportReturnType]  # null is left out


def _shown(row: UploadRow) -> Upload:
    kind = cast(UploadKind, row.kind)
    return Upload(row.id, row.name, kind, row.size_bytes, row.sha256, row.created_at, row.expires_at)
