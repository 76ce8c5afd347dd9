"""A studio of real processes that a test can take apart: a server, workers with the fake engine, and what they log.

Everything is ended by the process id of what was started here, and every wait has its bound.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from enogu.settings import Settings

WORKER = Path(__file__).with_name("run_worker_to_kill.py")
PATIENCE_SECONDS = 60
TUS = {"Tus-Resumable": "1.0.0"}
RECIPE: dict[str, Any] = {
    "base_model": "starter",
    "pictures": {"resolution": 128, "repeats": 2},
    "training": {"epochs": 10, "batch_size": 1},
    "adapter": {"dim": 4},
    "saving": {"checkpoint_every_n_steps": 10},
    "previews": {"prompts": ["mame, smile"], "steps": 2, "width": 64, "height": 64},
}


class Processes:
    """The server and the workers of one studio."""

    def __init__(self, settings: Settings, **environment: str) -> None:
        self.settings = settings
        settings.home.mkdir(parents=True, exist_ok=True)
        self.server: subprocess.Popen[str] | None = None
        self.url = ""
        self._workers: list[subprocess.Popen[bytes]] = []
        self._environment = {
            **os.environ,
            "ENOGU_HOME": str(settings.home),
            "ENOGU_DATABASE_URL": settings.database_url,
            "PYTHONPATH": str(WORKER.parents[2]),
            "OMP_NUM_THREADS": "1",
            **environment,
        }

    def serve(self) -> None:
        """Start the server, the second time at the address that it had."""
        port = self.url.rstrip("/").rpartition(":")[2] or "0"
        with (self.settings.home / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "enogu", "--json", "serve", "--port", port],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, env=self._environment,
            )  # fmt: skip
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line, f"the server ended before it was ready:\n{self.log('server')}"
        self.url = json.loads(line)["url"]

    def kill_server(self) -> None:
        """As the kernel does it: no request is ended, nothing said."""
        assert self.server is not None
        self.server.kill()
        self.server.communicate(timeout=30)

    def work(self, name: str = "one", seconds_per_step: float = 0.03) -> subprocess.Popen[bytes]:
        """Start a worker."""
        with (self.settings.home / f"{name}.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, WORKER, name, "fake", str(seconds_per_step)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._environment,
            )  # fmt: skip
        self._workers.append(worker)
        return worker

    def log(self, name: str) -> str:
        """What a process said so far."""
        return (self.settings.home / f"{name}.log").read_text(encoding="utf-8")

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """The JSON of an answer that serves."""
        answer = httpx.request(method, self.url.rstrip("/") + path, timeout=60, **more)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json()

    def start_run(self) -> dict[str, Any]:
        """A run of the shipped pictures, some seconds long."""
        dataset = self.ask("POST", "/api/datasets/samples", json={"name": "mame"})
        return self.ask("POST", "/api/runs", json={"dataset_id": dataset["id"], "recipe": RECIPE})

    def close(self) -> None:
        """End what is left."""
        for worker in self._workers:
            worker.kill()
            worker.wait(30)
        if self.server is not None and self.server.poll() is None:
            self.kill_server()


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Look every few hundredths of a second; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not become so in time"
        time.sleep(0.03)


def upload_headers(name: str, size_bytes: int, kind: str = "picture") -> dict[str, str]:
    """What announces a file to tus."""
    told = {"filename": name, "kind": kind}
    coded = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in told.items())
    return {**TUS, "Upload-Length": str(size_bytes), "Upload-Metadata": coded}


def append_headers(offset: int) -> dict[str, str]:
    """What goes with bytes behind ``offset``."""
    return {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
