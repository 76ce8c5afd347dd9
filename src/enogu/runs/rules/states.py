"""How the states of a run follow each other: one table, asked before every change.

An attempt goes queued → starting → training and ends once: finished, failed, cancelled or parked. It can be paused
before its end and goes on from there. A worker that takes a run over from a dead one brings it back to starting, and
one that has to stop gives it back to the queue; there is no other way backwards within an attempt, and a retry begins
the next one. Nothing leaves ``finished``.
"""

from __future__ import annotations

from typing import Literal

from enogu.runs.entities import NotInThisState, Run, RunState

Move = Literal["begin", "train", "give_back", "pause", "resume", "finish", "fail", "cancel", "park", "retry"]

TRANSITIONS: dict[Move, tuple[frozenset[RunState], RunState]] = {
    "begin": (frozenset({"queued", "starting", "training"}), "starting"),
    "train": (frozenset({"starting", "training"}), "training"),
    "give_back": (frozenset({"queued", "starting", "training"}), "queued"),
    "pause": (frozenset({"queued", "starting", "training"}), "paused"),
    "resume": (frozenset({"paused"}), "queued"),
    "finish": (frozenset({"starting", "training"}), "finished"),
    "fail": (frozenset({"queued", "starting", "training"}), "failed"),
    "cancel": (frozenset({"queued", "starting", "training", "paused"}), "cancelled"),
    "park": (frozenset({"queued", "starting", "training"}), "parked"),
    "retry": (frozenset({"failed", "cancelled", "parked"}), "queued"),
}
"""What moves a run, from which states, to which."""

WAITING_OR_TRAINING: frozenset[RunState] = frozenset({"queued", "starting", "training"})
"""States in which a run has a job."""
ON_A_WORKER: frozenset[RunState] = frozenset({"starting", "training"})
GOING_ON: frozenset[RunState] = frozenset({"queued", "starting", "training", "paused"})
"""States in which stamina is reserved for it."""
ENDED: frozenset[RunState] = frozenset({"finished", "failed", "cancelled", "parked"})

_WORDS: dict[Move, str] = {
    "pause": "cannot be paused",
    "resume": "cannot be resumed",
    "cancel": "cannot be cancelled",
    "retry": "cannot be tried again",
}
_CURES: dict[RunState, str] = {
    "queued": "It waits for its turn; cancel it if it should not start.",
    "starting": "Wait until it trains, or cancel it.",
    "training": "Pause or cancel it first.",
    "paused": "Resume it first.",
    "finished": "Start its recipe again as a new run.",
    "failed": "Retry it.",
    "cancelled": "Retry it.",
    "parked": "Retry it.",
}


def can(move: Move, state: RunState) -> bool:
    """Whether a run in ``state`` can be moved so."""
    return state in TRANSITIONS[move][0]


def after(move: Move, run: Run) -> RunState:
    """The state that ``move`` brings ``run`` to. Raises NotInThisState."""
    if not can(move, run.state):
        raise refused(run, _WORDS.get(move, f"cannot be moved by {move}"))
    return TRANSITIONS[move][1]


def refused(run: Run, words: str) -> NotInThisState:
    """The error for something that cannot be done with a run in its state; ``words`` such as "cannot be paused"."""
    return NotInThisState(f"The run '{run.name}' is {run.state} and {words}.", _CURES[run.state])
