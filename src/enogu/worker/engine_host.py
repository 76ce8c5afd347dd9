"""The parent's side of the engine: one child process a device, kept warm, spoken to in lines, ended within bounds.

``train`` and ``draw`` are generators of event dicts. The device is exclusive: one training at a time; a drawing on the
base model that is training is drawn between two steps, one on another base model waits for the training's end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from enogu.errors import EnoguError
from enogu.worker.engine_messages import DrawJob, PictureToTrain, PlacedBaseModel, PlacedLora, TrainJob

__all__ = ["DrawJob", "EngineDied", "EngineHost", "PictureToTrain", "PlacedBaseModel", "PlacedLora", "TrainJob"]


class EngineDied(EnoguError):
    """The engine's process ended in the middle of a job. ``exit_code`` is negative for a signal (-9: SIGKILL)."""

    def __init__(self, message: str, cure: str, return_code: int | None, last_words: tuple[str, ...]) -> None:
        super().__init__(message, cure)
        self.return_code = return_code
        self.last_words = last_words


class EngineHost:
    """One for each device of a worker; safe to use from several threads."""

    def __init__(
        self,
        command: Sequence[str] | None = None,
        device: str = "auto",
        *,
        threads: int | None = None,
        start_seconds: float = 180.0,
    ) -> None:
        """Nothing starts before the first job. ``command`` is ``engine_child`` unless told (``fake_engine`` in tests);
        ``device`` as torch names it, or "auto".
        """
        raise NotImplementedError

    def train(self, job: TrainJob) -> Iterator[dict[str, Any]]:
        """Events as they come; the last is Finished, Failed or Stopped. Raises EngineDied when the child dies."""
        raise NotImplementedError

    def ask(self, what: Literal["stop", "save", "sample"]) -> None:
        """Ask the training that is running; without one nothing happens."""
        raise NotImplementedError

    def draw(self, job: DrawJob, *, cancelled: Callable[[], bool] = lambda: False) -> Iterator[dict[str, Any]]:
        """Events as they come; the last is DrawFinished or DrawFailed (kind "Cancelled" when ``cancelled`` said so).

        Raises EngineDied when the child dies.
        """
        raise NotImplementedError

    def kill(self) -> None:
        """End the child at once, with all its processes. Files are whole or absent."""
        raise NotImplementedError

    def close(self, patience_seconds: float = 30.0) -> None:
        """A training keeps its state and says Stopped; then the child ends. Bounded: message, SIGTERM, SIGKILL."""
        raise NotImplementedError
