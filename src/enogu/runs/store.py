"""Rows of runs: the run with its frozen snapshots, what happened, files, previews, own presets, measured speeds.

A run's row is locked (``lock_run``) by whoever changes its state or writes an event, so numbers of events have no gaps
and a state never changes under its reader. The pictures of a run may be ten thousand: they are a column that only
``read_pictures`` loads. Speeds belong to nobody: they say how fast this installation is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, String, UniqueConstraint, delete, func, or_, select
from sqlalchemy.orm import Mapped, defer, mapped_column

from enogu.accounts.store import AccountRow
from enogu.queue.store import JobRow
from enogu.runs.entities import (
    Epoch,
    Failure,
    FrozenBaseModel,
    FrozenPicture,
    Live,
    Preset,
    Run,
    RunEvent,
    RunState,
    Sample,
    Speed,
)
from enogu.storage.database import ID_LENGTH, Base, RowId, Session, new_id

NAME_LENGTH = 200
KEY_LENGTH = 200
START_NAME_LENGTH = 300


class RunRow(Base):
    """One training."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("owner_id", "start_key"),
        Index("ix_runs_owner_id_id", "owner_id", "id"),
        Index("ix_runs_state", "state"),
    )

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey(AccountRow.id, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(4 * NAME_LENGTH))
    state: Mapped[str] = mapped_column(String(10))
    attempt: Mapped[int]
    dataset_id: Mapped[str] = mapped_column(String(ID_LENGTH))
    dataset_name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    base_model: Mapped[dict[str, Any]]
    recipe: Mapped[dict[str, Any]]
    given: Mapped[dict[str, Any]]
    pictures: Mapped[list[Any]] = mapped_column(deferred=True)
    num_pictures: Mapped[int]
    step: Mapped[int]
    num_steps: Mapped[int]
    epoch: Mapped[int]
    num_epochs: Mapped[int]
    steps_per_epoch: Mapped[int]
    quoted: Mapped[int]
    charged: Mapped[int]
    paid_epochs: Mapped[int]
    expected_seconds: Mapped[float | None] = mapped_column(Float)
    live: Mapped[dict[str, Any]]
    failure: Mapped[dict[str, Any] | None]
    device: Mapped[str] = mapped_column(String(100))
    job_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), index=True)
    checkpoint_sha256: Mapped[str | None] = mapped_column(String(64))
    checkpoint_step: Mapped[int]
    older_checkpoint_sha256: Mapped[str | None] = mapped_column(String(64))
    older_checkpoint_step: Mapped[int]
    made_of_run_id: Mapped[str | None] = mapped_column(String(ID_LENGTH))
    start_name: Mapped[str] = mapped_column(String(START_NAME_LENGTH))
    start_sha256: Mapped[str | None] = mapped_column(String(64))
    start_key: Mapped[str | None] = mapped_column(String(KEY_LENGTH))
    num_events: Mapped[int]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class RunEventRow(Base):
    """Something that happened; never changed."""

    __tablename__ = "run_events"

    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.id, ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(30))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class EpochRow(Base):
    """A LoRA file."""

    __tablename__ = "run_epochs"
    __table_args__ = (UniqueConstraint("run_id", "filename"),)

    id: Mapped[RowId]
    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.id, ondelete="CASCADE"))
    epoch: Mapped[int]
    step: Mapped[int]
    filename: Mapped[str] = mapped_column(String(300))
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size_bytes: Mapped[int]
    is_extra: Mapped[bool]
    saved_at: Mapped[datetime]


class SampleRow(Base):
    """A preview."""

    __tablename__ = "run_samples"
    __table_args__ = (UniqueConstraint("run_id", "step", "prompt_index", "seed"),)

    id: Mapped[RowId]
    run_id: Mapped[str] = mapped_column(ForeignKey(RunRow.id, ondelete="CASCADE"))
    epoch: Mapped[int]
    step: Mapped[int]
    prompt_index: Mapped[int]
    prompt: Mapped[str]
    seed: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    is_extra: Mapped[bool]
    sampled_at: Mapped[datetime]


class PresetRow(Base):
    """A recipe that a person saved under a name."""

    __tablename__ = "run_presets"
    __table_args__ = (UniqueConstraint("owner_id", "name_key"),)

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey(AccountRow.id, ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(4 * NAME_LENGTH))
    purpose: Mapped[str] = mapped_column(String(1000))
    recipe: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]


class SpeedRow(Base):
    """How fast runs of one kind went on one kind of device; nobody's own."""

    __tablename__ = "run_speeds"

    family: Mapped[str] = mapped_column(String(50), primary_key=True)
    device: Mapped[str] = mapped_column(String(100), primary_key=True)
    parts: Mapped[str] = mapped_column(String(50), primary_key=True)
    pixels_per_step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    steps_per_second: Mapped[float] = mapped_column(Float)
    seconds_per_preview: Mapped[float] = mapped_column(Float)
    seconds_to_start: Mapped[float] = mapped_column(Float)
    num_runs: Mapped[int]


# ---- runs ------------------------------------------------------------------------------------------------------------


def add_run(session: Session, run: Run, pictures: Sequence[FrozenPicture], start_key: str | None) -> None:
    """A new one, as ``run`` says."""
    session.add(
        RunRow(
            id=run.id,
            owner_id=run.owner_id,
            name=run.name,
            name_key=name_key(run.name),
            state=run.state,
            attempt=run.attempt,
            dataset_id=run.dataset_id,
            dataset_name=run.dataset_name,
            base_model=asdict(run.base_model),
            recipe=dict(run.recipe),
            given=dict(run.given),
            pictures=[asdict(picture) for picture in pictures],
            num_pictures=run.num_pictures,
            step=run.step,
            num_steps=run.num_steps,
            epoch=run.epoch,
            num_epochs=run.num_epochs,
            steps_per_epoch=run.steps_per_epoch,
            quoted=run.quoted,
            charged=run.charged,
            paid_epochs=run.paid_epochs,
            expected_seconds=run.expected_seconds,
            live=asdict(run.live),
            failure=None,
            device=run.device,
            job_id=run.job_id,
            checkpoint_sha256=None,
            checkpoint_step=0,
            older_checkpoint_sha256=None,
            older_checkpoint_step=0,
            made_of_run_id=run.made_of_run_id,
            start_name=run.start_name[:START_NAME_LENGTH],
            start_sha256=run.start_sha256,
            start_key=start_key,
            num_events=0,
            created_at=run.created_at,
            started_at=None,
            ended_at=None,
        )
    )
    session.flush()


def find_run(session: Session, run_id: str) -> Run | None:
    """Whoever's it is: the service compares owners."""
    row = session.get(RunRow, run_id, options=[defer(RunRow.pictures)])
    return None if row is None else _run(row)


def lock_run(session: Session, run_id: str) -> Run | None:
    """As it is, and no other transaction changes it until this one ends."""
    query = select(RunRow).where(RunRow.id == run_id).with_for_update()
    row = session.scalars(query, execution_options={"populate_existing": True}).one_or_none()
    return None if row is None else _run(row)


def find_by_start_key(session: Session, owner_id: str, start_key: str) -> Run | None:
    """The run that was started with this key."""
    query = select(RunRow).where(RunRow.owner_id == owner_id, RunRow.start_key == start_key)
    row = session.scalars(query).one_or_none()
    return None if row is None else _run(row)


def list_runs(
    session: Session,
    owner_id: str,
    *,
    states: Collection[RunState],
    dataset_id: str | None,
    text: str,
    before: str | None,
    limit: int,
) -> tuple[Run, ...]:
    """Newest first."""
    query = select(RunRow).where(RunRow.owner_id == owner_id).order_by(RunRow.id.desc()).limit(limit)
    if states:
        query = query.where(RunRow.state.in_(states))
    if dataset_id is not None:
        query = query.where(RunRow.dataset_id == dataset_id)
    if text.strip():
        query = query.where(RunRow.name_key.contains(name_key(text), autoescape=True))
    if before is not None:
        query = query.where(RunRow.id < before)
    return tuple(_run(row) for row in session.scalars(query))


def count_runs(session: Session, owner_id: str, states: Collection[RunState]) -> int:
    """How many of one owner's are in one of these states."""
    query = select(func.count()).select_from(RunRow).where(RunRow.owner_id == owner_id, RunRow.state.in_(states))
    return session.scalars(query).one()


def change_run(session: Session, run_id: str, **values: Any) -> Run:
    """Set columns of a row that is locked (``lock_run``); the run as it is then."""
    row = session.get_one(RunRow, run_id)
    for name, value in values.items():
        setattr(row, name, value)
    session.flush()
    return _run(row)


def rename_run(session: Session, run_id: str, name: str) -> None:
    """Its name and what it is found by."""
    change_run(session, run_id, name=name, name_key=name_key(name))


def delete_run(session: Session, run_id: str) -> None:
    """With everything of it; its files are swept later, when no row names them."""
    for row in (RunEventRow, EpochRow, SampleRow):
        session.execute(delete(row).where(row.run_id == run_id))
    session.execute(delete(RunRow).where(RunRow.id == run_id))


def _frozen(values: Mapping[str, Any]) -> FrozenPicture:
    cut = values.get("mask_cut")
    return FrozenPicture(**{**values, "mask_cut": None if cut is None else tuple(cut)})


def read_pictures(session: Session, run_id: str) -> tuple[FrozenPicture, ...]:
    """The frozen pictures of a run that is there."""
    listed = session.scalars(select(RunRow.pictures).where(RunRow.id == run_id)).one()
    return tuple(_frozen(one) for one in listed)


# ---- events ----------------------------------------------------------------------------------------------------------


def add_events(session: Session, run_id: str, events: Iterable[tuple[str, Mapping[str, Any]]], now: datetime) -> int:
    """Write events under the next numbers; the run's row must be locked. The number of the last."""
    row = session.get_one(RunRow, run_id)
    for kind, data in events:
        row.num_events += 1
        session.add(RunEventRow(run_id=run_id, number=row.num_events, kind=kind, data=dict(data), at=now))
    session.flush()
    return row.num_events


def list_events(
    session: Session, run_id: str, after: int, limit: int, kinds: Collection[str] = ()
) -> tuple[RunEvent, ...]:
    """In order."""
    query = select(RunEventRow).where(RunEventRow.run_id == run_id, RunEventRow.number > after)
    if kinds:
        query = query.where(RunEventRow.kind.in_(kinds))
    query = query.order_by(RunEventRow.number).limit(limit)
    return tuple(RunEvent(row.number, row.kind, row.data, row.at) for row in session.scalars(query))


def count_events(session: Session, run_id: str) -> int | None:
    """The number of the last event, without reading the run; None when there is no such run."""
    return session.scalars(select(RunRow.num_events).where(RunRow.id == run_id)).one_or_none()


def list_data(session: Session, run_id: str, kind: str) -> list[dict[str, Any]]:
    """The data of all events of one kind, in order; for series."""
    query = select(RunEventRow.data).where(RunEventRow.run_id == run_id, RunEventRow.kind == kind)
    return list(session.scalars(query.order_by(RunEventRow.number)))


# ---- files -----------------------------------------------------------------------------------------------------------


def find_file(session: Session, run_id: str, filename: str) -> Epoch | None:
    """The file of this name."""
    query = select(EpochRow).where(EpochRow.run_id == run_id, EpochRow.filename == filename)
    row = session.scalars(query).one_or_none()
    return None if row is None else _epoch(row)


def keep_epoch(session: Session, epoch: Epoch) -> bool:
    """Add it, or replace the one of the same name; whether anything changed. The run's row must be locked."""
    query = select(EpochRow).where(EpochRow.run_id == epoch.run_id, EpochRow.filename == epoch.filename)
    row = session.scalars(query).one_or_none()
    if row is not None and row.sha256 == epoch.sha256:
        return False
    values = asdict(epoch)
    if row is None:
        session.add(EpochRow(**values))
    else:
        for name, value in values.items():
            setattr(row, name, value)
    session.flush()
    return True


def list_epochs(session: Session, run_id: str) -> tuple[Epoch, ...]:
    """By step, the planned file after an extra one of the same step."""
    query = select(EpochRow).where(EpochRow.run_id == run_id)
    query = query.order_by(EpochRow.step, EpochRow.is_extra.desc(), EpochRow.filename)
    return tuple(_epoch(row) for row in session.scalars(query))


def last_step_saved(session: Session, run_id: str) -> int:
    """The highest step of which a LoRA file is there; 0 when none is."""
    return session.scalars(select(func.max(EpochRow.step)).where(EpochRow.run_id == run_id)).one() or 0


def keep_sample(session: Session, sample: Sample) -> bool:
    """Add it, or replace the one of the same step, prompt and seed; whether anything changed."""
    query = select(SampleRow).where(
        SampleRow.run_id == sample.run_id,
        SampleRow.step == sample.step,
        SampleRow.prompt_index == sample.prompt_index,
        SampleRow.seed == sample.seed,
    )
    row = session.scalars(query).one_or_none()
    if row is None:
        session.add(SampleRow(**asdict(sample)))
        session.flush()
        return True
    if (row.sha256, row.is_extra) == (sample.sha256, sample.is_extra):
        return False
    row.sha256, row.sampled_at = sample.sha256, sample.sampled_at
    row.is_extra = row.is_extra and sample.is_extra
    session.flush()
    return True


def list_samples(session: Session, run_id: str) -> tuple[Sample, ...]:
    """By step, prompt and seed."""
    query = select(SampleRow).where(SampleRow.run_id == run_id)
    query = query.order_by(SampleRow.step, SampleRow.prompt_index, SampleRow.seed)
    return tuple(_sample(row) for row in session.scalars(query))


def list_named_files(session: Session) -> set[str]:
    """The sha256 of every file that a run names: LoRA files, previews, states, pictures still to be trained, and what
    is trained further.
    """
    named = set(session.scalars(select(EpochRow.sha256))) | set(session.scalars(select(SampleRow.sha256)))
    for column in (RunRow.checkpoint_sha256, RunRow.older_checkpoint_sha256, RunRow.start_sha256):
        named |= {sha256 for sha256 in session.scalars(select(column)) if sha256 is not None}
    for pictures in session.scalars(select(RunRow.pictures).execution_options(yield_per=20)):
        named |= {str(one[name]) for one in pictures for name in ("sha256", "mask_sha256") if one.get(name)}
    return named


# ---- presets ---------------------------------------------------------------------------------------------------------


def add_preset(
    session: Session, owner_id: str, name: str, purpose: str, recipe: Mapping[str, Any], now: datetime
) -> Preset:
    """The name must be free (``find_preset_named``)."""
    row = PresetRow(
        id=new_id(), owner_id=owner_id, name=name, name_key=name_key(name), purpose=purpose, recipe=dict(recipe),
        changed_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return _preset(row)


def find_preset(session: Session, owner_id: str, preset_id: str) -> Preset | None:
    """One of the owner's."""
    row = session.get(PresetRow, preset_id)
    return None if row is None or row.owner_id != owner_id else _preset(row)


def find_preset_named(session: Session, owner_id: str, name: str) -> Preset | None:
    """Two names that differ only in case are the same name."""
    query = select(PresetRow).where(PresetRow.owner_id == owner_id, PresetRow.name_key == name_key(name))
    row = session.scalars(query).one_or_none()
    return None if row is None else _preset(row)


def change_preset(
    session: Session, preset_id: str, name: str, purpose: str, recipe: Mapping[str, Any], now: datetime
) -> Preset:
    """All of it at once."""
    row = session.get_one(PresetRow, preset_id)
    row.name, row.name_key, row.purpose, row.recipe, row.changed_at = name, name_key(name), purpose, dict(recipe), now
    session.flush()
    return _preset(row)


def delete_preset(session: Session, preset_id: str) -> None:
    """For good."""
    session.execute(delete(PresetRow).where(PresetRow.id == preset_id))


def list_presets(session: Session, owner_id: str) -> tuple[Preset, ...]:
    """By name."""
    query = select(PresetRow).where(PresetRow.owner_id == owner_id).order_by(PresetRow.name_key)
    return tuple(_preset(row) for row in session.scalars(query))


# ---- speeds ----------------------------------------------------------------------------------------------------------


def keep_speed(session: Session, speed: Speed) -> None:
    """Half of the newest, half of what was known: a changed machine is believed after two runs."""
    key = (speed.family, speed.device, speed.parts, speed.pixels_per_step)
    row = session.get(SpeedRow, key, with_for_update=True)
    if row is None:
        session.add(SpeedRow(**asdict(speed)))
    else:
        row.steps_per_second = (row.steps_per_second + speed.steps_per_second) / 2
        row.seconds_per_preview = (row.seconds_per_preview + speed.seconds_per_preview) / 2
        row.seconds_to_start = (row.seconds_to_start + speed.seconds_to_start) / 2
        row.num_runs += 1
    session.flush()


def list_speeds(session: Session, family: str) -> tuple[Speed, ...]:
    """All of one family, the best known first."""
    query = select(SpeedRow).where(SpeedRow.family == family).order_by(SpeedRow.num_runs.desc(), SpeedRow.device)
    return tuple(
        Speed(
            row.family, row.device, row.parts, row.pixels_per_step, row.steps_per_second, row.seconds_per_preview,
            row.seconds_to_start, row.num_runs,
        )
        for row in session.scalars(query)
    )  # fmt: skip


# ---- the queue of runs -----------------------------------------------------------------------------------------------


def list_remaining_seconds(session: Session) -> list[float | None]:
    """What the runs on workers still take, as they say themselves or as was expected."""
    query = select(RunRow.live, RunRow.expected_seconds, RunRow.step, RunRow.num_steps)
    remaining: list[float | None] = []
    for live, expected, step, num_steps in session.execute(query.where(RunRow.state.in_(("starting", "training")))):
        left = live.get("seconds_left")
        if left is None and expected is not None:
            left = expected * (1 - step / max(1, num_steps))
        remaining.append(left)
    return remaining


def list_waiting_seconds(session: Session, priority: int) -> list[float | None]:
    """How long the waiting runs of this priority and of better ones are expected to take, in their order."""
    query = (
        select(RunRow.expected_seconds)
        .join(JobRow, JobRow.id == RunRow.job_id)
        .where(RunRow.state == "queued", JobRow.lane == "train", JobRow.state == "waiting")
        .where(JobRow.priority <= priority)
        .order_by(JobRow.priority, JobRow.turn, JobRow.id)
    )
    return list(session.scalars(query))


def names_state(session: Session, sha256: str) -> bool:
    """Whether any run goes on from this file, or would go back to it."""
    names = or_(RunRow.checkpoint_sha256 == sha256, RunRow.older_checkpoint_sha256 == sha256)
    return session.scalars(select(RunRow.id).where(names).limit(1)).first() is not None


# ---- all of one owner's ----------------------------------------------------------------------------------------------


def delete_all(session: Session, owner_id: str) -> None:
    """Runs with what they left, and presets."""
    mine = select(RunRow.id).where(RunRow.owner_id == owner_id)
    for row in (RunEventRow, EpochRow, SampleRow):
        session.execute(delete(row).where(row.run_id.in_(mine)))
    session.execute(delete(RunRow).where(RunRow.owner_id == owner_id))
    session.execute(delete(PresetRow).where(PresetRow.owner_id == owner_id))


def name_key(name: str) -> str:
    """What names are compared and searched by: width and case do not count."""
    return unicodedata.normalize("NFKC", name).casefold().strip()[: 4 * NAME_LENGTH]


def _run(row: RunRow) -> Run:
    state: RunState = row.state  # pyright: ignore[reportAssignmentType] (only states are written)
    return Run(
        id=row.id,
        owner_id=row.owner_id,
        name=row.name,
        state=state,
        attempt=row.attempt,
        dataset_id=row.dataset_id,
        dataset_name=row.dataset_name,
        base_model=FrozenBaseModel(**row.base_model),
        recipe=row.recipe,
        given=row.given,
        num_pictures=row.num_pictures,
        step=row.step,
        num_steps=row.num_steps,
        epoch=row.epoch,
        num_epochs=row.num_epochs,
        steps_per_epoch=row.steps_per_epoch,
        quoted=row.quoted,
        charged=row.charged,
        paid_epochs=row.paid_epochs,
        expected_seconds=row.expected_seconds,
        live=Live(**row.live),
        failure=None if row.failure is None else Failure(**row.failure),
        device=row.device,
        job_id=row.job_id,
        checkpoint_sha256=row.checkpoint_sha256,
        checkpoint_step=row.checkpoint_step,
        older_checkpoint_sha256=row.older_checkpoint_sha256,
        older_checkpoint_step=row.older_checkpoint_step,
        made_of_run_id=row.made_of_run_id,
        start_name=row.start_name,
        start_sha256=row.start_sha256,
        num_events=row.num_events,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _epoch(row: EpochRow) -> Epoch:
    return Epoch(row.run_id, row.epoch, row.step, row.filename, row.sha256, row.size_bytes, row.is_extra, row.saved_at)


def _sample(row: SampleRow) -> Sample:
    return Sample(
        row.id, row.run_id, row.epoch, row.step, row.prompt_index, row.prompt, row.seed, row.sha256, row.is_extra,
        row.sampled_at,
    )  # fmt: skip


def _preset(row: PresetRow) -> Preset:
    return Preset(row.id, row.name, row.name, row.purpose, row.recipe, is_shipped=False, changed_at=row.changed_at)
