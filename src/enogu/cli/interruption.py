"""Ctrl-C and SIGTERM during a run: the first asks for an end after the current step, a second one ends at once.

Before the first step there is nothing to save, so a signal then ends at once too.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))


class Interruption:
    """Between ``with`` and its end, signals are requests. ``asked`` is called between steps."""

    def __init__(self) -> None:
        self._asked = False
        self._may_wait = False
        self._before: dict[int, Any] = {}

    def wait_for_steps(self) -> None:
        """From now on a first signal waits for the current step."""
        self._may_wait = True

    def asked(self) -> bool:
        """Whether somebody wants the run to end."""
        return self._asked

    def __enter__(self) -> Interruption:
        try:
            self._before = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        except ValueError:  # not in the main thread: signals belong to whoever runs us
            self._before = {}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked or not self._may_wait:
            raise KeyboardInterrupt
        self._asked = True
        with suppress(OSError):  # straight to the file, since the stream may be in the middle of a line of its own
            os.write(2, b"\nStopping after this step; once more stops at once.\n")
