"""Everything the engine ever says. Past tense, plain values only: an event can be stored, sent and shown as it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Cached:
    """Latents of ``done`` of ``total`` pictures are there; ``reused`` of them from an earlier run."""

    done: int
    total: int
    reused: int


@dataclass(frozen=True)
class Started:
    """The first step is about to run. ``step`` is above 0 after a resume."""

    step: int
    num_steps: int
    num_epochs: int
    num_adapter_parameters: dict[str, int]
    """Trained numbers for each part (U-Net, text encoder): a part missing here is not trained."""
    device: str
    dtype: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stepped:
    """Steps up to ``step`` (1-based, of ``num_steps``) are done; ``losses`` holds one for each since the last event."""

    step: int
    num_steps: int
    epoch: int
    losses: tuple[float, ...]
    average_loss: float
    """Mean of the last epoch's worth of losses, as sd-scripts' ``avr_loss``."""
    learning_rates: dict[str, float]
    steps_per_second: float
    seconds_left: float
    """By the measured speed, with the files and previews yet to come as long as the last ones took."""
    memory_mib: int
    """The most memory held so far: on the GPU, or of the whole process on the CPU."""


@dataclass(frozen=True)
class WentBack:
    """The newest state was damaged: the run goes on from an older one, of ``step``, or begins again with 0.

    The result is the same.
    """

    step: int
    damage: str


@dataclass(frozen=True)
class SparedMemory:
    """Memory ran out in the step after ``step``: it is made again with gradient checkpointing, and all that follow."""

    step: int


@dataclass(frozen=True)
class Validated:
    """The loss on the ``num_pictures`` that are never trained, at the end of ``epoch``: it rises when learning turns
    into copying.
    """

    epoch: int
    step: int
    loss: float
    num_pictures: int


@dataclass(frozen=True)
class Sampled:
    """A preview picture was drawn with the file saved at ``epoch``."""

    epoch: int
    step: int
    prompt_index: int
    prompt: str
    seed: int
    path: str


@dataclass(frozen=True)
class SampleFailed:
    """A preview could not be drawn; the run goes on."""

    epoch: int
    step: int
    reason: str


@dataclass(frozen=True)
class Saved:
    """A LoRA file is whole on disk and was loaded back."""

    epoch: int
    step: int
    path: str
    sha256: str


@dataclass(frozen=True)
class Checkpointed:
    """The state of ``step`` is whole on disk: a stopped run goes on from it, here or on another machine."""

    step: int
    path: str


@dataclass(frozen=True)
class Stopped:
    """The run was asked to stop and did, after ``step``; its state was saved if any step was made."""

    step: int


@dataclass(frozen=True)
class Finished:
    """The run is complete. ``files`` are those of its LoRA files that are in its folder.

    A run that was begun on another machine has earlier ones there.
    """

    num_steps: int
    seconds: float
    files: tuple[str, ...]


@dataclass(frozen=True)
class Failed:
    """The run ended at ``step``; ``message`` and ``cure`` are for a person, ``kind`` is a stable word (failures.py)."""

    step: int
    kind: str
    message: str
    cure: str
    field: str = ""
    """The recipe's field (dotted path) whose change may help, if there is one."""
    suggested: int | float | str | None = None
    """The value of ``field`` to try next."""


Event = (
    Cached
    | Started
    | Stepped
    | WentBack
    | SparedMemory
    | Validated
    | Sampled
    | SampleFailed
    | Saved
    | Checkpointed
    | Stopped
    | Finished
    | Failed
)


def event_to_dict(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, with its name under ``event``."""
    return {"event": type(event).__name__, **asdict(event)}
