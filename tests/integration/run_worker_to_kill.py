"""A worker with a quick pace, to be killed: ``run_worker_to_kill.py NAME ENGINE [SECONDS_PER_STEP]`` (fake or real)."""

from __future__ import annotations

import sys

from enogu.settings import read_settings
from enogu.worker.main import run_worker

FAKE = (sys.executable, "-m", "enogu.worker.fake_engine", "--seconds-per-step")

if __name__ == "__main__":
    name, engine, *rest = sys.argv[1:]
    run_worker(
        read_settings(),
        device="cpu",
        lanes=("train",),
        name=name,
        engine_command=[*FAKE, rest[0] if rest else "0.05"] if engine == "fake" else None,
        beat_seconds=0.3,
        silent_seconds=2.0,
    )
