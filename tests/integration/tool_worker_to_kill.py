"""A worker of the lane ``task`` with a quick pace, to be killed: ``tool_worker_to_kill.py NAME SECONDS`` (fake tool).

With SECONDS 0 the tool is the real one.
"""

from __future__ import annotations

import sys
from functools import partial

from enogu.loras.entities import TOOL_KIND
from enogu.settings import read_settings
from enogu.worker import lora_tool_handler, tool_process
from enogu.worker.handlers import Handlers
from enogu.worker.main import run_worker

if __name__ == "__main__":
    name, seconds = sys.argv[1:]
    command = tool_process.REAL if seconds == "0" else (*tool_process.FAKE, "--seconds", seconds)
    run_worker(
        read_settings(),
        device="cpu",
        lanes=("task",),
        name=name,
        handlers=Handlers({TOOL_KIND: partial(lora_tool_handler.use_tool, command=command)}),
        beat_seconds=0.3,
        silent_seconds=2.0,
    )
