"""A run as a person follows it: a moving line in a terminal, a line now and then anywhere else.

Takes events as plain values (``event_to_dict``), so that a run elsewhere can be followed in the same way and nothing
here needs torch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from enogu.cli.output import Output

PLAIN_LINE_EVERY_SECONDS = 15.0
REFRESHES_PER_SECOND = 2
"""As often as events come; redrawing more often takes time from the training."""


class RunDisplay:
    """Shows the events of one run. Use with ``with``."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._moving: Any = None
        self._began = time.monotonic()
        self._first_step = 0
        self._last_line = time.monotonic()
        self._loss: float | None = None
        self._num_previews = 0

    def __enter__(self) -> RunDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def show(self, event: Mapping[str, Any]) -> None:
        """Show one event."""
        if self._output.as_json:
            return
        handler = getattr(self, f"_{event['event'].lower()}", None)
        if handler is not None:
            handler(event)

    def say(self, text: str) -> None:
        """A line above the moving one."""
        self._output.say(text)

    def _cached(self, event: Mapping[str, Any]) -> None:
        if event["done"] == event["total"]:
            reused = f" ({event['reused']} were there already)" if event["reused"] else ""
            self.say(f"{event['total']} pictures encoded{reused}.")

    def _started(self, event: Mapping[str, Any]) -> None:
        numbers = sum(event["num_adapter_parameters"].values())
        at = f"Going on behind step {event['step']}" if event["step"] else "Training"
        self.say(f"{at} on {event['device']} in {event['dtype']}: {numbers:,} numbers to learn.")
        for note in event["notes"]:
            self.say(f"Note: {note}")
        self._began, self._first_step = time.monotonic(), event["step"]
        if self._output.console.is_terminal and event["step"] < event["num_steps"]:
            self._start_moving(event)

    def _wentback(self, event: Mapping[str, Any]) -> None:
        goes_on = f"goes on from the one before it, of step {event['step']}" if event["step"] else "begins again"
        self.say(f"The newest state is damaged ({event['damage']}): the run {goes_on}. Its result is the same.")

    def _stepped(self, event: Mapping[str, Any]) -> None:
        self._loss = event["average_loss"]
        rates = " / ".join(f"{rate:.1e}" for rate in dict.fromkeys(event["learning_rates"].values()))
        left = self._seconds_left(event)
        words = f"epoch {event['epoch']}, loss {event['average_loss']:.4f}, rate {rates}, {in_words(left)} left"
        if self._moving is not None:
            self._moving.update(self._moving.task_ids[0], completed=event["step"], words=words)
        elif time.monotonic() - self._last_line >= PLAIN_LINE_EVERY_SECONDS:
            self._line(f"step {event['step']}/{event['num_steps']}, {words}")

    def _saved(self, event: Mapping[str, Any]) -> None:
        loss = f", loss {self._loss:.4f}" if self._loss is not None else ""
        name = Path(event["path"]).name if "path" in event else "a LoRA file"  # a run elsewhere tells no path
        self._line(f"Saved {name} (epoch {event['epoch']}, step {event['step']}{loss})")

    def _sampled(self, event: Mapping[str, Any]) -> None:
        self._num_previews += 1

    def _samplefailed(self, event: Mapping[str, Any]) -> None:
        self._line(f"No preview of epoch {event['epoch']}: {event['reason']}")

    def _finished(self, event: Mapping[str, Any]) -> None:
        self._stop()
        previews = f" and {self._num_previews} previews" if self._num_previews else ""
        done = event["num_steps"] - self._first_step
        self.say(f"{done} steps{previews} in {in_words(event['seconds'])}.")

    def _failed(self, event: Mapping[str, Any]) -> None:
        self._stop()

    def _stopped(self, event: Mapping[str, Any]) -> None:
        self._stop()

    def _line(self, text: str) -> None:
        self.say(text)
        self._last_line = time.monotonic()

    def _seconds_left(self, event: Mapping[str, Any]) -> float:
        """By the whole time so far, so that saving and previews count."""
        done = event["step"] - self._first_step
        return (time.monotonic() - self._began) / max(1, done) * (event["num_steps"] - event["step"])

    def _start_moving(self, event: Mapping[str, Any]) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        words = TextColumn("{task.fields[words]}", markup=False)
        bar = BarColumn(16)
        self._moving = Progress(
            MofNCompleteColumn(), bar, words, console=self._output.console, refresh_per_second=REFRESHES_PER_SECOND
        )
        self._moving.add_task("steps", total=event["num_steps"], completed=event["step"], words="first step")
        self._moving.start()

    def _stop(self) -> None:
        if self._moving is not None:
            self._moving.stop()
            self._moving = None


def in_words(seconds: float) -> str:
    """``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
