"""Rows of drawings: requests, the pictures that came of them, and which LoRAs each was drawn with.

Everything that a page asks for goes by owner. What a worker writes goes by request, in a transaction that has fenced
the job first (``queue.service.hold``). A request's ``revision`` counts its changes; a drawing carries the revision at
which it was stored, so that who follows a request sees each picture once and in order.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, delete, exists, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from enogu.accounts.store import AccountRow
from enogu.drawings.entities import (
    Cell,
    Drawing,
    DrawingRequest,
    DrawnPicture,
    Failure,
    GalleryFilter,
    LoraUse,
    RequestKind,
    RequestState,
    Shared,
    SheetLabels,
)
from enogu.storage.database import Base, RowId, Session

LIVE_STATES = ("waiting", "running")


class RequestRow(Base):
    """What somebody asked to be drawn."""

    __tablename__ = "drawing_requests"
    __table_args__ = (Index("ix_drawing_requests_owner_id_state", "owner_id", "state"),)

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey(AccountRow.id, ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10))
    prompt: Mapped[str] = mapped_column(Text)
    shared: Mapped[dict[str, Any]]
    seed: Mapped[int]
    base_model_id: Mapped[str] = mapped_column(String(300))
    base_model_name: Mapped[str] = mapped_column(String(300))
    cells: Mapped[list[Any]]
    labels: Mapped[dict[str, Any] | None]
    num_done: Mapped[int]
    step: Mapped[int]
    num_steps: Mapped[int]
    sheet_sha256: Mapped[str | None] = mapped_column(String(64))
    sheet_size_bytes: Mapped[int]
    failure: Mapped[dict[str, Any] | None]
    job_id: Mapped[str] = mapped_column(String(26))
    is_cancel_asked: Mapped[bool]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class DrawingRow(Base):
    """One picture."""

    __tablename__ = "drawings"
    __table_args__ = (
        UniqueConstraint("request_id", "number"),
        Index("ix_drawings_owner_id_id", "owner_id", "id"),
    )

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey(AccountRow.id, ondelete="CASCADE"))
    request_id: Mapped[str] = mapped_column(ForeignKey("drawing_requests.id", ondelete="CASCADE"))
    number: Mapped[int]
    prompt: Mapped[str] = mapped_column(Text)
    search_text: Mapped[str] = mapped_column(Text)
    shared: Mapped[dict[str, Any]]
    seed: Mapped[int]
    loras: Mapped[list[Any]]
    base_model_id: Mapped[str] = mapped_column(String(300))
    base_model_name: Mapped[str] = mapped_column(String(300))
    parameters: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    thumbnail_sha256: Mapped[str] = mapped_column(String(64))
    revision: Mapped[int]
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class DrawingLoraRow(Base):
    """One LoRA of one picture, for finding pictures by it. The LoRA itself may be gone."""

    __tablename__ = "drawing_loras"

    drawing_id: Mapped[str] = mapped_column(ForeignKey("drawings.id", ondelete="CASCADE"), primary_key=True)
    lora_id: Mapped[str] = mapped_column(String(26), primary_key=True, index=True)


# ---- requests --------------------------------------------------------------------------------------------------------


def add_request(
    session: Session,
    *,
    request_id: str,
    owner_id: str,
    kind: RequestKind,
    prompt: str,
    shared: Shared,
    seed: int,
    base_model: tuple[str, str],
    cells: Sequence[Cell],
    labels: SheetLabels | None,
    job_id: str,
    now: datetime,
) -> DrawingRequest:
    """A new one, waiting. ``base_model`` is id and name."""
    row = RequestRow(
        id=request_id,
        owner_id=owner_id,
        kind=kind,
        state="waiting",
        prompt=prompt,
        shared=asdict(shared),
        seed=seed,
        base_model_id=base_model[0],
        base_model_name=base_model[1],
        cells=[asdict(cell) for cell in cells],
        labels=None if labels is None else asdict(labels),
        num_done=0,
        step=0,
        num_steps=shared.steps,
        sheet_sha256=None,
        sheet_size_bytes=0,
        failure=None,
        job_id=job_id,
        is_cancel_asked=False,
        revision=1,
        created_at=now,
        started_at=None,
        ended_at=None,
    )
    session.add(row)
    session.flush()
    return _request(row)


def count_live_requests(session: Session, owner_id: str) -> int:
    """How many wait or are drawn."""
    query = select(func.count()).where(RequestRow.owner_id == owner_id, RequestRow.state.in_(LIVE_STATES))
    return session.scalars(query).one()


def find_request(session: Session, request_id: str, owner_id: str | None = None) -> DrawingRequest | None:
    """By id; with ``owner_id`` only this owner's."""
    row = session.get(RequestRow, request_id)
    return None if row is None or owner_id not in (None, row.owner_id) else _request(row)


def lock_request(session: Session, request_id: str, owner_id: str | None = None) -> DrawingRequest | None:
    """As ``find_request``; no other transaction changes it until this one ends."""
    row = _locked(session, request_id)
    return None if row is None or owner_id not in (None, row.owner_id) else _request(row)


def list_requests(
    session: Session,
    owner_id: str,
    *,
    live_only: bool,
    kind: RequestKind | None = None,
    before: str | None,
    limit: int,
) -> tuple[DrawingRequest, ...]:
    """Newest first, those with an id below ``before``."""
    query = select(RequestRow).where(RequestRow.owner_id == owner_id).order_by(RequestRow.id.desc()).limit(limit)
    if live_only:
        query = query.where(RequestRow.state.in_(LIVE_STATES))
    if kind is not None:
        query = query.where(RequestRow.kind == kind)
    if before is not None:
        query = query.where(RequestRow.id < before)
    return tuple(_request(row) for row in session.scalars(query))


def change_request(
    session: Session,
    request_id: str,
    *,
    state: RequestState | None = None,
    step: int | None = None,
    failure: Failure | None = None,
    sheet: tuple[str, int] | None = None,
    is_cancel_asked: bool | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
) -> DrawingRequest | None:
    """Set what is not None; its revision grows. ``sheet`` is sha256 and size. None when there is no such request."""
    row = _locked(session, request_id)
    if row is None:
        return None
    values = {
        "state": state,
        "step": step,
        "failure": None if failure is None else asdict(failure),
        "sheet_sha256": None if sheet is None else sheet[0],
        "sheet_size_bytes": None if sheet is None else sheet[1],
        "is_cancel_asked": is_cancel_asked,
        "started_at": started_at,
        "ended_at": ended_at,
    }
    for column, value in values.items():
        if value is not None:
            setattr(row, column, value)
    row.revision += 1
    session.flush()
    return _request(row)


def restart_request(session: Session, request_id: str, job_id: str) -> DrawingRequest | None:
    """As it was when it was new, with another job; what is drawn stays."""
    row = _locked(session, request_id)
    if row is None:
        return None
    row.state, row.job_id, row.is_cancel_asked = "waiting", job_id, False
    row.failure, row.started_at, row.ended_at, row.step = None, None, None, 0
    row.revision += 1
    session.flush()
    return _request(row)


def find_pace(session: Session, base_model_id: str) -> float | None:
    """Seconds for one step of one pixel, by the last request that was drawn whole on this base model; or None."""
    query = select(RequestRow).where(RequestRow.base_model_id == base_model_id, RequestRow.state == "done")
    row = session.scalars(query.order_by(RequestRow.id.desc()).limit(1)).first()
    if row is None or row.started_at is None or row.ended_at is None or not row.num_done:
        return None
    work = len(row.cells) * row.num_steps * row.shared["width"] * row.shared["height"]
    return max(0.0, (row.ended_at - row.started_at).total_seconds()) / work


def _locked(session: Session, request_id: str) -> RequestRow | None:
    query = select(RequestRow).where(RequestRow.id == request_id).with_for_update()
    return session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


# ---- drawings --------------------------------------------------------------------------------------------------------


def add_drawing(session: Session, request_id: str, picture: DrawnPicture, now: datetime) -> Drawing | None:
    """A picture of a request, which counts it; None when there is no such request or it has this picture."""
    request_row = _locked(session, request_id)
    if request_row is None or picture.number in find_numbers(session, request_id):
        return None
    request = _request(request_row)
    cell = request.cells[picture.number]
    request_row.revision += 1
    request_row.num_done += 1
    request_row.step = 0
    row = DrawingRow(
        owner_id=request.owner_id,
        request_id=request.id,
        number=picture.number,
        prompt=cell.written_prompt,
        search_text=search_key(cell.written_prompt),
        shared=asdict(request.shared),
        seed=cell.seed,
        loras=[asdict(lora) for lora in cell.loras],
        base_model_id=request.base_model_id,
        base_model_name=request.base_model_name,
        parameters=picture.parameters,
        sha256=picture.sha256,
        size_bytes=picture.size_bytes,
        thumbnail_sha256=picture.thumbnail_sha256,
        revision=request_row.revision,
        created_at=now,
        deleted_at=None,
    )
    session.add(row)
    session.flush()
    session.add_all(
        DrawingLoraRow(drawing_id=row.id, lora_id=lora_id) for lora_id in {one.lora_id for one in cell.loras}
    )
    session.flush()
    return _drawing(row)


def find_numbers(session: Session, request_id: str) -> frozenset[int]:
    """Which cells of a request have their picture."""
    return frozenset(session.scalars(select(DrawingRow.number).where(DrawingRow.request_id == request_id)))


def find_drawing(session: Session, owner_id: str, drawing_id: str) -> Drawing | None:
    """By id, those that were put away too."""
    row = session.get(DrawingRow, drawing_id)
    return None if row is None or row.owner_id != owner_id else _drawing(row)


def find_ids(session: Session, owner_id: str, drawing_ids: Sequence[str]) -> frozenset[str]:
    """Those among the ids that are drawings of this owner's, put away or not."""
    query = select(DrawingRow.id).where(DrawingRow.owner_id == owner_id, DrawingRow.id.in_(drawing_ids))
    return frozenset(session.scalars(query))


def list_of_request(session: Session, request_id: str, after_revision: int = 0) -> tuple[Drawing, ...]:
    """In the order in which they were stored, those after a revision of the request; those put away too."""
    query = select(DrawingRow).where(DrawingRow.request_id == request_id, DrawingRow.revision > after_revision)
    return tuple(_drawing(row) for row in session.scalars(query.order_by(DrawingRow.revision)))


def list_drawings(
    session: Session, owner_id: str, wanted: GalleryFilter, before: str | None, limit: int
) -> tuple[Drawing, ...]:
    """Newest first, those with an id below ``before``."""
    query = select(DrawingRow).where(DrawingRow.owner_id == owner_id).order_by(DrawingRow.id.desc()).limit(limit)
    query = query.where(DrawingRow.deleted_at.is_not(None) if wanted.deleted else DrawingRow.deleted_at.is_(None))
    for word in search_key(wanted.words).split():
        query = query.where(DrawingRow.search_text.contains(word, autoescape=True))
    if wanted.lora_id is not None:
        query = query.where(
            exists().where(DrawingLoraRow.drawing_id == DrawingRow.id, DrawingLoraRow.lora_id == wanted.lora_id)
        )
    if wanted.base_model_id is not None:
        query = query.where(DrawingRow.base_model_id == wanted.base_model_id)
    if wanted.request_id is not None:
        query = query.where(DrawingRow.request_id == wanted.request_id)
    if before is not None:
        query = query.where(DrawingRow.id < before)
    return tuple(_drawing(row) for row in session.scalars(query))


def mark_deleted(
    session: Session, owner_id: str, drawing_ids: Sequence[str], deleted_at: datetime | None
) -> tuple[str, ...]:
    """Put away, or bring back with None; the ids that changed."""
    query = update(DrawingRow).where(DrawingRow.owner_id == owner_id, DrawingRow.id.in_(drawing_ids))
    query = query.where(DrawingRow.deleted_at.is_(None) if deleted_at else DrawingRow.deleted_at.is_not(None))
    changed = session.scalars(query.values(deleted_at=deleted_at).returning(DrawingRow.id)).all()
    return tuple(sorted(changed))


def delete_marked(session: Session, owner_id: str) -> int:
    """Delete for good what was put away, and requests that are over and have no picture left; how many pictures.

    Pictures of a request that is not over stay, since they tell its worker what is drawn already.
    """
    over = select(RequestRow.id).where(RequestRow.owner_id == owner_id, RequestRow.state.not_in(LIVE_STATES))
    gone = session.scalars(
        delete(DrawingRow)
        .where(DrawingRow.owner_id == owner_id, DrawingRow.deleted_at.is_not(None), DrawingRow.request_id.in_(over))
        .returning(DrawingRow.id)
    ).all()
    has_pictures = exists().where(DrawingRow.request_id == RequestRow.id)
    session.execute(
        delete(RequestRow).where(RequestRow.owner_id == owner_id, RequestRow.id.in_(over), ~has_pictures),
        execution_options={"synchronize_session": False},
    )
    return len(gone)


# ---- all of one owner's, and all files -------------------------------------------------------------------------------


def delete_all(session: Session, owner_id: str) -> None:
    """Requests with their drawings."""
    session.execute(delete(DrawingRow).where(DrawingRow.owner_id == owner_id))
    session.execute(delete(RequestRow).where(RequestRow.owner_id == owner_id))


def list_named_files(session: Session) -> Iterable[str]:
    """The sha256 of every file that a row of any owner's names; LoRAs that requests still wait for, too."""
    for cells in session.scalars(select(RequestRow.cells).where(RequestRow.state.in_(LIVE_STATES))):
        yield from {lora["sha256"] for cell in cells for lora in cell["loras"]}
    for column in (DrawingRow.sha256, DrawingRow.thumbnail_sha256, RequestRow.sheet_sha256):
        for sha256 in session.scalars(select(column).distinct()):
            if sha256 is not None:
                yield sha256


def search_key(text: str) -> str:
    """What is compared when prompts are searched: case, width and kinds of blanks do not count."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("_", " ").split())


def _request(row: RequestRow) -> DrawingRequest:
    kind: RequestKind = row.kind  # pyright: ignore[reportAssignmentType] (only add_request writes it)
    state: RequestState = row.state  # pyright: ignore[reportAssignmentType] (only typed functions write it)
    return DrawingRequest(
        id=row.id,
        owner_id=row.owner_id,
        kind=kind,
        state=state,
        prompt=row.prompt,
        shared=Shared(**row.shared),
        seed=row.seed,
        base_model_id=row.base_model_id,
        base_model_name=row.base_model_name,
        cells=tuple(_cell(one) for one in row.cells),
        labels=None if row.labels is None else _labels(row.labels),
        num_done=row.num_done,
        step=row.step,
        num_steps=row.num_steps,
        sheet_sha256=row.sheet_sha256,
        sheet_size_bytes=row.sheet_size_bytes,
        failure=None if row.failure is None else Failure(**row.failure),
        job_id=row.job_id,
        is_cancel_asked=row.is_cancel_asked,
        revision=row.revision,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _cell(value: dict[str, Any]) -> Cell:
    return Cell(
        number=value["number"],
        prompt=value["prompt"],
        written_prompt=value["written_prompt"],
        seed=value["seed"],
        loras=tuple(LoraUse(**one) for one in value["loras"]),
        places=tuple((row, column) for row, column in value["places"]),
    )


def _labels(value: dict[str, Any]) -> SheetLabels:
    return SheetLabels(value["title"], tuple(value["rows"]), tuple(value["columns"]))


def _drawing(row: DrawingRow) -> Drawing:
    return Drawing(
        id=row.id,
        owner_id=row.owner_id,
        request_id=row.request_id,
        number=row.number,
        prompt=row.prompt,
        shared=Shared(**row.shared),
        seed=row.seed,
        loras=tuple(LoraUse(**one) for one in row.loras),
        base_model_id=row.base_model_id,
        base_model_name=row.base_model_name,
        parameters=row.parameters,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        thumbnail_sha256=row.thumbnail_sha256,
        revision=row.revision,
        created_at=row.created_at,
        deleted_at=row.deleted_at,
    )
