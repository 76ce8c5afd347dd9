"""One process for one use of a tool: started, listened to, and ended when nobody wants it any more."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from enogu.errors import EnoguError
from enogu.worker.engine_host import child_environment
from enogu.worker.engine_messages import BadMessage, read_object

REAL = (sys.executable, "-P", "-m", "enogu.worker.tool_child")
FAKE = (sys.executable, "-P", "-m", "enogu.worker.fake_tool")
"""Computes nothing, needs no torch: for tests."""
_LOOK_SECONDS = 0.1


class ToolEnded(EnoguError):
    """The process ended before it was done: since we wanted it, or since the system did."""


def run_tool(
    values: Mapping[str, Any],
    *,
    has_to_end: Callable[[], bool],
    on_progress: Callable[[Mapping[str, Any]], None],
    command: Sequence[str] = REAL,
) -> dict[str, Any]:
    """What the tool found. Raises EnoguError in the tool's words, ToolEnded when the process is gone."""
    threads = max(1, (os.cpu_count() or 2) // 2)  # a training may run beside it
    process = subprocess.Popen(  # noqa: S603 (our own program)
        [*command, "--parent", str(os.getpid()), "--threads", str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(threads),
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: S101 (pipes, as asked)
    said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(process.stdout, said), name="tool", daemon=True).start()
    try:
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(values).encode() + b"\n")
            process.stdin.flush()  # and stays open: its end would tell that we are gone
        while True:
            try:
                event = said.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if has_to_end():
                    raise ToolEnded("The tool was stopped.", "Start it again.") from None
                continue
            if event is None:
                raise _gone(process.wait())
            if event["event"] == "Done":
                return dict(event["found"])
            if event["event"] == "Failed":
                raise EnoguError(str(event["message"]), str(event["cure"]))
            on_progress(event)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


def _listen(events: IO[bytes], said: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while line := events.readline():
            with contextlib.suppress(BadMessage):
                said.put(read_object(line))
    said.put(None)


def _gone(code: int) -> ToolEnded:
    if code == -9:
        return ToolEnded(
            "The tool was ended by the operating system, most likely because this machine ran out of memory.",
            "Close other programs, or choose fewer or smaller files.",
        )
    return ToolEnded(f"The tool ended in the middle of its work ({code}).", "Try it again; the worker's log says more.")
