"""What tasks keep while they work: uploads to take from, and what was done with each picture so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ForeignKey, String, Text, delete, func, select, union
from sqlalchemy.orm import Mapped, mapped_column

from enogu.datasets.entities import IncomingUpload, TaskPicture
from enogu.datasets.store.pictures import PictureRow
from enogu.datasets.store.taggers import TaggerRow
from enogu.storage.database import Base, RowId, Session

REASON_LENGTH = 500


class DatasetUploadRow(Base):
    """One finished upload that a task was given. The row keeps its file from being swept away."""

    __tablename__ = "dataset_uploads"

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[str] = mapped_column(String(26), index=True)
    name: Mapped[str] = mapped_column(String(300))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]


class TaskPictureRow(Base):
    """One picture of one task, when it is through with it."""

    __tablename__ = "task_pictures"

    job_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id", ondelete="CASCADE"), primary_key=True, index=True)
    tagged: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH))


def add_uploads(session: Session, owner_id: str, job_id: str, uploads: Sequence[tuple[str, str, int]]) -> None:
    """``uploads`` are (name, sha256, size in bytes)."""
    session.add_all(
        DatasetUploadRow(owner_id=owner_id, job_id=job_id, name=name, sha256=sha256, size_bytes=size_bytes)
        for name, sha256, size_bytes in uploads
    )
    session.flush()


def list_uploads(session: Session, job_id: str) -> tuple[IncomingUpload, ...]:
    """Of one task, in the order in which they were given."""
    query = select(DatasetUploadRow).where(DatasetUploadRow.job_id == job_id).order_by(DatasetUploadRow.id)
    return tuple(
        IncomingUpload(row.id, row.job_id, row.name, row.sha256, row.size_bytes) for row in session.scalars(query)
    )


def delete_uploads(session: Session, job_id: str) -> None:
    """When the task is over."""
    session.execute(delete(DatasetUploadRow).where(DatasetUploadRow.job_id == job_id))


def delete_uploads_of(session: Session, owner_id: str) -> None:
    """All of one owner's."""
    session.execute(delete(DatasetUploadRow).where(DatasetUploadRow.owner_id == owner_id))


def add_task_picture(session: Session, job_id: str, done: TaskPicture) -> None:
    """A picture is through."""
    session.add(
        TaskPictureRow(
            job_id=job_id, picture_id=done.picture_id, tagged=done.tagged, reason=done.reason[:REASON_LENGTH]
        )
    )
    session.flush()


def list_task_pictures(session: Session, job_id: str) -> tuple[TaskPicture, ...]:
    """Those that are through, in no order."""
    query = select(TaskPictureRow.picture_id, TaskPictureRow.tagged, TaskPictureRow.reason)
    return tuple(
        TaskPicture(one, tagged, reason)
        for one, tagged, reason in session.execute(query.where(TaskPictureRow.job_id == job_id))
    )


def count_task_pictures(session: Session, job_id: str) -> int:
    """How many are through."""
    return session.scalars(select(func.count()).where(TaskPictureRow.job_id == job_id)).one()


def delete_task_pictures(session: Session, job_id: str) -> None:
    """When the task is over."""
    session.execute(delete(TaskPictureRow).where(TaskPictureRow.job_id == job_id))


def list_named_files(session: Session) -> Iterator[str]:
    """The sha256 of every file that some row of this slice names."""
    columns: list[Any] = [
        PictureRow.sha256,
        PictureRow.thumbnail_sha256,
        PictureRow.cropped_sha256,
        PictureRow.cropped_thumbnail_sha256,
        PictureRow.mask_sha256,
        TaggerRow.model_sha256,
        TaggerRow.csv_sha256,
        DatasetUploadRow.sha256,
    ]
    yield from session.scalars(union(*(select(column).where(column.is_not(None)) for column in columns)))
