"""SIGKILL and go on: every file is the one of a run that was never stopped, bit for bit (issue 2, section 7; G6)."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from enogu.recipe.plan import PictureSize, plan_training
from tests.integration.engine_run_to_kill import MOMENTS, MOMENTS_OF_A_STATE, RECIPE, RECIPES, Places, run_to_kill
from tests.tiny_flux import write_tiny_flux
from tests.tiny_sdxl import write_tiny_sdxl
from tests.unit.engine.tiny_run import SIZES, Run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL and a fork server are POSIX")

PATIENCE_SECONDS = 240
"""For one process; only a machine that is very busy needs more than ten."""


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes forked from one that imported torch and its friends once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.engine_run_to_kill"])
    return context


@pytest.fixture(scope="module")
def places(tiny_base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("killed")
    return Places(tiny_base_folder, folder / "pictures", folder / "cache", folder / "straight")


@pytest.fixture(scope="module")
def straight(processes: ForkServerContext, places: Places) -> dict[str, bytes]:
    """The files of a run that nobody stopped."""
    assert _to_the_end(processes, places) == "Done"
    files = Run(places.out).file_bytes()
    sizes = [PictureSize(str(number), *size, 1 + (number == 0)) for number, size in enumerate(SIZES)]
    assert {file.filename for file in plan_training(RECIPE, sizes).saved_files} < set(files)
    assert len(files) == 4 + 4 * 2
    return files


def test_the_same_seed_in_another_process_gives_identical_bytes(
    processes: ForkServerContext, places: Places, straight: dict[str, bytes], tmp_path: Path
) -> None:
    """F23: LoRA files and previews, headers and all, with a cold cache as with a warm one."""
    again = Places(places.base, places.pictures, tmp_path / "cache", tmp_path / "again")
    assert _to_the_end(processes, again) == "Done"
    assert Run(again.out).file_bytes() == straight


def test_killed_at_eight_exact_moments_the_files_are_those_of_an_uninterrupted_run(
    processes: ForkServerContext, places: Places, straight: dict[str, bytes], tmp_path: Path
) -> None:
    """While encoding, in steps, while a LoRA and a state are half written, and between two previews."""
    killed = Places(places.base, places.pictures, tmp_path / "cache", tmp_path / "killed")
    for moment in MOMENTS:
        process, said = _start(processes, killed, die_at=moment)
        assert _listen(process, said) != "Done", moment
        assert process.exitcode == -signal.SIGKILL, moment
    assert _to_the_end(processes, killed) == "Done"
    assert Run(killed.out).file_bytes() == straight


def test_killed_at_five_random_moments_the_files_are_those_of_an_uninterrupted_run(
    processes: ForkServerContext, places: Places, straight: dict[str, bytes], tmp_path: Path
) -> None:
    """Random in what was said last and in the milliseconds after it; the seed is in the message of a failure."""
    killed = Places(places.base, places.pictures, tmp_path / "cache", tmp_path / "killed")
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    kills = 0
    for _ in range(50):
        if kills == 5:
            break
        process, said = _start(processes, killed)
        # The state moves on by two or three events a time, so that all five kills come before the end.
        _listen(process, said, events=5 * (kills == 0) + chance.randrange(1, 7))
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.join(PATIENCE_SECONDS)
        kills += process.exitcode == -signal.SIGKILL
    assert kills == 5, f"seed {seed}"
    assert _to_the_end(processes, killed) == "Done", f"seed {seed}"
    assert Run(killed.out).file_bytes() == straight, f"seed {seed}"


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "lora adamw"])
def test_other_kinds_optimizers_and_families_go_on_to_the_same_bytes_wherever_they_are_killed(
    processes: ForkServerContext, places: Places, tmp_path: Path, name: str
) -> None:
    """At the first step, around the writing of states and files, and then at two random moments."""
    base = {"sdxl": write_tiny_sdxl, "flux": write_tiny_flux}.get(name.split()[0])
    folder = places.base if base is None else base(tmp_path / "base")
    straight = Places(folder, tmp_path / "pictures", tmp_path / "cache", tmp_path / "straight", name)
    assert _to_the_end(processes, straight) == "Done"
    wanted = Run(straight.out).file_bytes()
    assert wanted
    killed = Places(folder, straight.pictures, straight.cache, tmp_path / "killed", name)
    for moment in MOMENTS_OF_A_STATE:
        process, said = _start(processes, killed, die_at=moment)
        assert _listen(process, said) != "Done", moment
        assert process.exitcode == -signal.SIGKILL, moment
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    for _ in range(2):
        process, said = _start(processes, killed)
        _listen(process, said, events=chance.randrange(1, 8))
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.join(PATIENCE_SECONDS)
    assert _to_the_end(processes, killed) == "Done", f"seed {seed}"
    assert Run(killed.out).file_bytes() == wanted, f"seed {seed}"


def _to_the_end(processes: ForkServerContext, places: Places) -> str:
    process, said = _start(processes, places)
    return _listen(process, said)


def _start(processes: ForkServerContext, places: Places, die_at: str = "") -> tuple[BaseProcess, Connection]:
    said, says = processes.Pipe(duplex=False)
    process = processes.Process(target=run_to_kill, args=(places, die_at, says))
    process.start()
    says.close()
    return process, said


def _listen(process: BaseProcess, said: Connection, events: int = 10**6) -> str:
    """The last word of the process, after so many of them or when it ended; waits for its end in that case."""
    last = ""
    try:
        for _ in range(events):
            if not said.poll(PATIENCE_SECONDS):
                break
            last = said.recv()
        else:
            return last
    except EOFError:
        pass
    process.join(PATIENCE_SECONDS)
    return last
