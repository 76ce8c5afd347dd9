"""The nouns of runs: one training with everything frozen that decides its result, and what it has left so far.

A run's *attempt* tells a retry after its end from the time before it. What a run trains (recipe, pictures with their
captions, base model) is copied into it when it starts, so that no later edit changes it; what should change is
another run, made of this one. States and how they follow each other are in ``rules/states.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from enogu.errors import EnoguError, Problem, WrongUse

RunState = Literal["queued", "starting", "training", "paused", "finished", "failed", "cancelled", "parked"]
"""``starting`` is on a worker before its first step; ``parked`` was given up after its workers died again and again."""

Notice = Literal[
    "no_captions", "some_captions", "no_trigger", "one_picture", "far_from_native_size", "long_run", "masks_unused"
]


class RunRefused(WrongUse):
    """A run that cannot be started as it was asked for; nothing was taken and nothing queued."""

    def __init__(self, message: str, cure: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, cure)
        self.problems = problems
        """Every reason with its field, when there are several."""


class TooManyRuns(EnoguError):
    """As many runs wait or train as the stamina plan allows; one of them has to end first."""


class NotInThisState(EnoguError):
    """What was asked makes no sense for a run in its state: pausing one that has ended."""


class NameTaken(WrongUse):
    """Another preset of the same owner has this name."""


# ---- what is frozen --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrozenPicture:
    """One picture as it is trained, whatever becomes of its dataset."""

    picture_id: str
    name: str
    sha256: str
    """Of the bytes that are trained: the crop, or the original."""
    caption: str
    repeats: int
    width: int
    height: int
    folder: str
    """The name of its folder in the LoRA's metadata."""
    is_regularisation: bool = False
    mask_sha256: str | None = None
    mask_cut: tuple[int, ...] | None = None
    """Which part of the mask belongs to a crop: left, top, width and height in it, width and height of the crop."""


@dataclass(frozen=True)
class FrozenBaseModel:
    """What a run is trained on."""

    id: str
    name: str
    family: str
    hash: str
    """Of its weights; the same reference with another hash is another base model, and the run is not resumed on it."""


@dataclass(frozen=True)
class StartFile:
    """A LoRA that is trained further (G7)."""

    name: str
    """For people: the file's, or the LoRA's in the library."""
    sha256: str
    family: str
    kind: str
    """Of its adapter; empty when it is not known."""
    dim: float | None
    """None when it is not known, or not the same everywhere."""


# ---- a run -----------------------------------------------------------------------------------------------------------


CANCELLED_BY_ADMINISTRATOR = "CancelledByAdministrator"


@dataclass(frozen=True)
class Failure:
    """Why a run failed, in words (G8); or that it was not its owner who cancelled it."""

    kind: str
    """The name of the error, such as ``OutOfMemory``, or ``CANCELLED_BY_ADMINISTRATOR``."""
    message: str
    cure: str
    path: str = ""
    """The recipe field to change, if one is to blame."""
    value: Any = None
    """What to set it to, if that can be said."""
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """{dotted path: value} to try it again with, ``path`` among them; empty where nothing can be said."""


@dataclass(frozen=True)
class Live:
    """How a run is going, as of its last step told; all None before the first."""

    average_loss: float | None = None
    learning_rates: Mapping[str, float] = field(default_factory=dict[str, float])
    steps_per_second: float | None = None
    seconds_left: float | None = None
    memory_mib: int | None = None
    spared_memory_at: int | None = None
    """The step after which memory ran out and gradient checkpointing was switched on; None when it never did."""
    went_back_to: int | None = None
    """The step of the older state that the run went on from, since the newest was damaged; 0: from the beginning."""


@dataclass(frozen=True)
class Run:
    """One training."""

    id: str
    owner_id: str
    name: str
    state: RunState
    attempt: int
    """From 1; each has its own charge in the ledger."""
    dataset_id: str
    dataset_name: str
    base_model: FrozenBaseModel
    recipe: Mapping[str, Any]
    """All values, as ``TrainRecipe.model_dump(mode="json")`` gives them."""
    given: Mapping[str, Any]
    """Of these, what was asked for; the rest are defaults, some of which follow other fields (alpha, bucket sides)."""
    num_pictures: int
    step: int
    num_steps: int
    epoch: int
    """That is trained just now, or was last; 0 before the first step."""
    num_epochs: int
    steps_per_epoch: int
    quoted: int
    """Stamina for the whole run; attempts together never cost more."""
    charged: int
    """By the attempts that have ended."""
    paid_epochs: int
    """Epochs that were paid for by attempts that have ended."""
    expected_seconds: float | None
    """From the first step to the last, by earlier runs; None when there were none like it."""
    live: Live
    failure: Failure | None
    device: str
    job_id: str | None
    checkpoint_sha256: str | None
    checkpoint_step: int
    older_checkpoint_sha256: str | None
    """Of the state before the newest one, which is gone back to when that is damaged."""
    older_checkpoint_step: int
    made_of_run_id: str | None
    """The run whose pictures and recipe it was started with again, changed."""
    start_name: str
    """Of the LoRA that it trains further; empty when it began anew."""
    start_sha256: str | None
    num_events: int
    created_at: datetime
    started_at: datetime | None
    """When the current attempt came to a worker first."""
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens by itself; a paused run is not over."""
        return self.state in ("finished", "failed", "cancelled", "parked")


@dataclass(frozen=True)
class Epoch:
    """A LoRA file that a run has left."""

    run_id: str
    epoch: int
    step: int
    filename: str
    """As sd-scripts would call it; what a download is called."""
    sha256: str
    size_bytes: int
    is_extra: bool
    """Saved because somebody asked for it in the middle ("save now"), not at an epoch of the plan."""
    saved_at: datetime


@dataclass(frozen=True)
class Sample:
    """A preview that was drawn with the weights of a step."""

    id: str
    run_id: str
    epoch: int
    step: int
    prompt_index: int
    prompt: str
    seed: int
    sha256: str
    is_extra: bool
    """Drawn because somebody asked for it ("sample now")."""
    sampled_at: datetime


@dataclass(frozen=True)
class RunEvent:
    """Something that happened to a run, under its number (from 1, without gaps)."""

    number: int
    kind: str
    """The engine's names (``Stepped``, ``Saved``, …; a file or preview is told of when it is kept) and
    ``StateChanged``.
    """
    data: Mapping[str, Any]
    at: datetime


@dataclass(frozen=True)
class Preset:
    """A recipe to start from: shipped with Enogu, or a person's own, saved under a name (B8, F32)."""

    id: str
    """A shipped one's is its name."""
    name: str
    title: str
    """What people read; an own one's is its name."""
    purpose: str
    values: Mapping[str, Any]
    is_shipped: bool
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Speed:
    """How fast runs of one kind went on one kind of device."""

    family: str
    device: str
    parts: str
    pixels_per_step: int
    """resolution² × batch size × accumulated batches."""
    steps_per_second: float
    seconds_per_preview: float
    seconds_to_start: float
    num_runs: int = 1


@dataclass(frozen=True)
class Note:
    """A sentence that a person should read before starting; it stops nothing."""

    kind: Notice
    path: str
    """The recipe field or part it is about."""
    message: str
    cure: str = ""
