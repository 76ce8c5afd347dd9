"""The moves of a run's state, each with what belongs to it in the same transaction: its event and its stamina.

Attempts together never cost more than the run's quote: an attempt reserves what the earlier ones left, and a cancelled
one pays for the epochs that nobody has paid for yet.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from enogu.runs import store
from enogu.runs.entities import Failure, Live, Run
from enogu.runs.rules import states
from enogu.stamina import service as stamina
from enogu.stamina.entities import FAILED, SUCCEEDED, Outcome, cancelled
from enogu.storage.database import Session

_ENDINGS: frozenset[states.Move] = frozenset({"finish", "fail", "cancel", "park"})


def move_run(
    session: Session, run: Run, move: states.Move, now: datetime, *, failure: Failure | None = None, **values: Any
) -> Run:
    """Bring a run, whose row is locked, to the state that ``move`` leads to; at an end its stamina is settled.

    ``values`` are other columns to set with it. Raises NotInThisState.
    """
    state = states.after(move, run)
    values["state"] = state
    if move in _ENDINGS:
        values |= _settled(session, run, move, now)
        values["ended_at"] = now
    if failure is not None or move in ("retry", "finish"):  # it may have finished before it heard that it is cancelled
        values["failure"] = None if failure is None else asdict(failure)
    changed = store.change_run(session, run.id, **values)
    if state != run.state or move in ("begin", "retry"):
        data: dict[str, Any] = {"state": state, "attempt": changed.attempt}
        if failure is not None:
            data["failure"] = asdict(failure)
        store.add_events(session, run.id, [("StateChanged", data)], now)
    return changed


def delivered_epochs(session: Session, run: Run) -> int:
    """Epochs of which the work is in a file, a file that was asked for in the middle included."""
    return min(run.num_epochs, store.last_step_saved(session, run.id) // max(1, run.steps_per_epoch))


def left_to_pay(run: Run) -> int:
    """Stamina that the run may still cost."""
    return max(0, run.quoted - run.charged)


def no_live() -> dict[str, Any]:
    """The column of a run of which nothing was heard yet."""
    return asdict(Live())


def _settled(session: Session, run: Run, move: states.Move, now: datetime) -> dict[str, Any]:
    delivered = delivered_epochs(session, run)
    outcome: Outcome = FAILED
    if move == "finish":
        outcome = SUCCEEDED
    elif move == "cancel":
        left = max(1, run.num_epochs - run.paid_epochs)
        outcome = cancelled(min(left, max(0, delivered - run.paid_epochs)), left)
    charge = stamina.settle(session, run.id, outcome, now, attempt=run.attempt)
    if charge is None or not charge.charged:
        return {}
    return {"charged": run.charged + charge.charged, "paid_epochs": max(run.paid_epochs, delivered)}
