"""The ten steps of the product (B1 to B10) as the examples take them, against a studio that really runs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from enogu import starter_data

ROOT = Path(__file__).parents[2]
SECONDS = 120
"""Bound of each part; alone on a machine an example takes some twenty."""


@pytest.fixture
def environment(enogu_home: Path) -> dict[str, str]:
    programs = str(Path(sys.executable).parent)
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ENOGU_")}
    return {**kept, "ENOGU_HOME": str(enogu_home), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def url(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """Of ``enogu studio`` with an engine that pretends, on a port of its own."""
    log = tmp_path / "studio.log"
    command = [sys.executable, "-m", "enogu", "studio", "--engine", "fake", "--port", "0"]
    with log.open("wb") as file:
        studio = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + SECONDS
        while not (ready := re.search(r"ready at (http://\S+)/", log.read_text())):
            assert studio.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield ready[1]
    finally:
        studio.send_signal(signal.SIGINT)
        studio.wait(SECONDS)
    assert studio.returncode == 0, log.read_text()


def test_both_examples_go_from_pictures_to_drawings(url: str, environment: dict[str, str], tmp_path: Path) -> None:
    pictures = starter_data.path("pictures") / "mame"
    for command, out in (
        (["sh", "examples/ten_steps.sh", str(pictures)], tmp_path / "by_cli"),
        ([sys.executable, "examples/ten_steps.py", url, str(pictures)], tmp_path / "by_rest"),
    ):
        ended = subprocess.run(
            [*command, str(out)],
            cwd=ROOT,
            env={**environment, "ENOGU_SERVER": url},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SECONDS,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        drawn = [path for path in out.glob("*.png") if "preview" not in path.name]
        assert len(drawn) == 2
        for path in drawn:
            with Image.open(path) as picture:
                assert "mame" in picture.info["parameters"]
    listed = subprocess.run(
        [sys.executable, "-m", "enogu", "lora", "list", "--json", "--server", url],
        env=environment,
        capture_output=True,
        timeout=SECONDS,
        check=True,
    )
    assert {one["name"] for one in json.loads(listed.stdout)["loras"]} == {"beans", "beans_by_rest"}


@pytest.mark.skipif(os.name != "posix", reason="tells a process to end by a signal")
@pytest.mark.parametrize("ending", ["SIGTERM", "SIGHUP"])
def test_a_studio_that_is_told_to_end_leaves_no_part_behind(
    environment: dict[str, str], tmp_path: Path, ending: str
) -> None:
    """As a service manager does it, or a terminal that is closed."""
    log = tmp_path / "studio.log"
    command = [sys.executable, "-m", "enogu", "studio", "--engine", "fake", "--port", "0"]
    with log.open("wb") as file:
        studio = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
    until = time.monotonic() + SECONDS
    while not (ready := re.search(r"ready at http://127\.0\.0\.1:(\d+)/", log.read_text())):
        assert studio.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.1)
    studio.send_signal(getattr(signal, ending))
    assert studio.wait(SECONDS) == 0, log.read_text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(ready[1])), timeout=2)
