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
        went_back_to=run.live.went_back_to,
    )
    store.change_run(session, run.id, step=int(event["step"]), epoch=int(event["epoch"]), live=asdict(live))
    _tell(session, run.id, event, now)


def note_spared_memory(session: Session, run: Run, event: Mapping[str, Any], now: datetime) -> None:
    """Memory ran out, and the run goes on in less."""
    store.change_run(session, run.id, live=asdict(replace(run.live, spared_memory_at=int(event["step"]))))
    _tell(session, run.id, event, now)


def note_went_back(session: Session, run: Run, event: Mapping[str, Any], now: datetime) -> None:
    """The newest state was damaged."""
    store.change_run(session, run.id, live=asdict(replace(run.live, went_back_to=int(event["step"]))))
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


def keep_state(session: Session, run: Run, sha256: str, step: int, now: datetime) -> list[str]:
    """The state of ``step`` is in the store of files, and the one before it stays; the sha256 of those that no run
    needs any more.
    """
    _tell(session, run.id, {"event": "Checkpointed", "step": step}, now)
    if sha256 == run.checkpoint_sha256:
        return []
    values = _states((sha256, step), (run.checkpoint_sha256, run.checkpoint_step))
    store.change_run(session, run.id, **values)
    return _unneeded(session, run.older_checkpoint_sha256)


def go_back(session: Session, run: Run, placed: str | None) -> None:
    """The newest state could not be had: the older one, ``placed``, is the newest now, or there is none."""
    kept = (placed, run.older_checkpoint_step if placed else 0)
    store.change_run(session, run.id, **_states(kept, (None, 0)))


def tell(session: Session, run_id: str, event: Mapping[str, Any], now: datetime) -> None:
    """Anything else that the engine says, for who watches."""
    _tell(session, run_id, event, now)


def end(
    session: Session, run: Run, move: Move, now: datetime, *, failure: Failure | None = None, speed: Speed | None = None
) -> list[str]:
    """It ended, or goes back into the queue. The states of a finished one are needed no more: their sha256."""
    values: dict[str, Any] = {}
    if move == "finish":
        values = {"checkpoint_sha256": None, "older_checkpoint_sha256": None}
        values |= {"step": run.num_steps, "epoch": run.num_epochs}
    left = {**asdict(run.live), "seconds_left": None}
    move_run(session, run, move, now, failure=failure, live=left, **values)
    if speed is not None:
        store.keep_speed(session, speed)
    return _unneeded(session, run.checkpoint_sha256, run.older_checkpoint_sha256) if move == "finish" else []


def _states(newest: tuple[str | None, int], older: tuple[str | None, int]) -> dict[str, Any]:
    """The columns of both."""
    return {
        "checkpoint_sha256": newest[0],
        "checkpoint_step": newest[1],
        "older_checkpoint_sha256": older[0],
        "older_checkpoint_step": older[1],
    }


def _unneeded(session: Session, *sha256s: str | None) -> list[str]:
    return [sha256 for sha256 in sha256s if sha256 is not None and not store.names_state(session, sha256)]


def _tell(session: Session, run_id: str, event: Mapping[str, Any], now: datetime) -> None:
    data = {key: value for key, value in event.items() if key not in _NEVER_TOLD}
    store.add_events(session, run_id, [(str(event["event"])[:30], data)], now)
