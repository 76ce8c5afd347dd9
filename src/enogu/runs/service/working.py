"""What a worker changes of a run, inside transactions that it has fenced: it begins, hears of things, and ends.

Whoever calls these holds the run's job (``queue.service.hold``), so nobody else writes of this run but its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from enogu.runs import store
from enogu.runs.entities import Epoch, Failure, Live, Run, Sample, Speed
from enogu.runs.rules.states import Move, can
from enogu.runs.service.ending import move_run
from enogu.storage.database import Session, new_id

_NEVER_TOLD = frozenset({"event", "run_id", "path", "files"})
"""Parts of the engine's events that mean something on its own machine only."""


def begin(session: Session, run_id: str, job_id: str, now: datetime) -> Run | None:
    """A worker has it; None when there is nothing to train: it is over, paused, gone, or another job's."""
    run = store.lock_run(session, run_id)
    if run is None or run.job_id != job_id or not can("begin", run.state):
        return None
    return move_run(session, run, "begin", now, started_at=run.started_at or now)


def get_held(session: Session, run_id: str) -> Run | None:
    """The run, locked; None when it is gone."""
    return store.lock_run(session, run_id)


def note_started(session: Session, run: Run, event: Mapping[str, Any], now: datetime) -> None:
    """Its first step is about to run."""
    move_run(session, run, "train", now, step=int(event["step"]), device=str(event.get("device", ""))[:100])
    _tell(session, run.id, event, now)


def note_steps(session: Session, run: Run, event: Mapping[str, Any], now: datetime) -> None:
    """Steps were made; ``losses`` are theirs."""
    live = Live(
        average_loss=event.get("average_loss"),
        learning_rates=dict(event.get("learning_rates") or {}),
        steps_per_second=event.get("steps_per_second"),
        seconds_left=event.get("seconds_left"),
        memory_mib=event.get("memory_mib"),
        spared_memory_at=run.live.spared_memory_at,
    )
    store.change_run(session, run.id, step=int(event["step"]), epoch=int(event["epoch"]), live=asdict(live))
    _tell(session, run.id, event, now)


def note_spared_memory(session: Session, run: Run, event: Mapping[str, Any], now: datetime) -> None:
    """Memory ran out, and the run goes on in less."""
    store.change_run(session, run.id, live=asdict(replace(run.live, spared_memory_at=int(event["step"]))))
    _tell(session, run.id, event, now)


def is_file_kept(session: Session, run_id: str, filename: str, step: int) -> bool:
    """Whether the file of this name and step is there already, from a worker that died afterwards."""
    found = store.find_file(session, run_id, filename)
    return found is not None and found.step == step


def keep_file(session: Session, epoch: Epoch, now: datetime) -> None:
    """A LoRA file is in the store of files: the row that makes it this run's. The one that was there first stays."""
    if is_file_kept(session, epoch.run_id, epoch.filename, epoch.step):
        return
    store.keep_epoch(session, epoch)
    data = {"event": "Saved", **asdict(epoch), "saved_at": now.isoformat()}
    _tell(session, epoch.run_id, data, now)


def keep_sample(session: Session, run: Run, event: Mapping[str, Any], sha256: str, now: datetime) -> None:
    """A preview is in the store of files."""
    step, epoch = int(event["step"]), int(event["epoch"])
    sample = Sample(
        id=new_id(),
        run_id=run.id,
        epoch=epoch,
        step=step,
        prompt_index=int(event["prompt_index"]),
        prompt=str(event["prompt"]),
        seed=int(event["seed"]),
        sha256=sha256,
        is_extra=step != epoch * run.steps_per_epoch,
        sampled_at=now,
    )
    if store.keep_sample(session, sample):
        data = {"event": "Sampled", **asdict(sample), "sampled_at": now.isoformat()}
        _tell(session, run.id, data, now)


def keep_state(session: Session, run: Run, sha256: str, step: int, now: datetime) -> str | None:
    """The state of ``step`` is in the store of files; the older one's sha256 when no run needs it any more."""
    store.change_run(session, run.id, checkpoint_sha256=sha256, checkpoint_step=step)
    _tell(session, run.id, {"event": "Checkpointed", "step": step}, now)
    return _unneeded(session, run.checkpoint_sha256, sha256)


def tell(session: Session, run_id: str, event: Mapping[str, Any], now: datetime) -> None:
    """Anything else that the engine says, for who watches."""
    _tell(session, run_id, event, now)


def end(
    session: Session, run: Run, move: Move, now: datetime, *, failure: Failure | None = None, speed: Speed | None = None
) -> str | None:
    """It ended, or goes back into the queue. The state of a finished one is needed no more: its sha256."""
    values: dict[str, Any] = {}
    if move == "finish":
        values = {"checkpoint_sha256": None, "step": run.num_steps, "epoch": run.num_epochs}
    left = {**asdict(run.live), "seconds_left": None}
    move_run(session, run, move, now, failure=failure, live=left, **values)
    if speed is not None:
        store.keep_speed(session, speed)
    return _unneeded(session, run.checkpoint_sha256, None) if move == "finish" else None


def _unneeded(session: Session, older: str | None, newer: str | None) -> str | None:
    if older is None or older == newer or store.names_state(session, older):
        return None
    return older


def _tell(session: Session, run_id: str, event: Mapping[str, Any], now: datetime) -> None:
    data = {key: value for key, value in event.items() if key not in _NEVER_TOLD}
    store.add_events(session, run_id, [(str(event["event"])[:30], data)], now)
