"""Two processes with gloo train one LoRA together, as two graphics cards would (issue 5, section 5)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.hostile_pictures import photo

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills a process by a signal")
SECONDS = 240
RANDOM_CROPS = ("--set", "pictures.random_crop=true", "--set", "pictures.buckets=false", "--set", "pictures.flip=true")
"""Every member cuts the pictures of the whole batch, and each at the same places."""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Seven pictures, so that the last batch of an epoch is a short one, of one picture; some wider than a square."""
    folder = tmp_path / "set" / "1_mame 1girl"
    folder.mkdir(parents=True)
    for number in range(7):
        photo(64 + 16 * (number % 2), 64, seed=number).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"mame, bean {number}", encoding="utf-8")
    return folder.parent


def command(pictures: Path, out: Path, base: Path, *more: str) -> list[str]:
    settings = (
        "pictures.resolution=64", "pictures.bucket_step=32", "pictures.min_bucket=32", "pictures.max_bucket=128",
        "training.mixed_precision=none", "training.clip_skip=1", "training.epochs=2", "training.batch_size=3",
        "adapter.dim=4", "adapter.alpha=4",
        "optimizer.learning_rate=0.01", "saving.checkpoint_every_n_steps=2", "saving.precision=fp32",
    )  # fmt: skip
    told = [text for setting in settings for text in ("--set", setting)]
    return [
        sys.executable, "-m", "enogu", "train", "--pictures", str(pictures), "--out", str(out), "--base", str(base),
        "--trigger", "mame", *told, *more,
    ]  # fmt: skip


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "ENOGU_HOME": str(home), "OMP_NUM_THREADS": "1", "SOURCE_DATE_EPOCH": "1700000000"}


def run(arguments: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        arguments, env=environment(home), capture_output=True, text=True, timeout=SECONDS, check=False
    )


def told(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "events.jsonl").read_text("utf-8").splitlines()]


def losses(out: Path) -> list[float]:
    return [loss for event in told(out) if event["event"] == "Stepped" for loss in event["losses"]]


@pytest.mark.parametrize("crops", [(), RANDOM_CROPS], ids=["middle", "random"])
def test_two_processes_learn_what_one_learns_from_the_same_batches(
    pictures: Path, tmp_path: Path, tiny_base_folder: Path, crops: tuple[str, ...]
) -> None:
    """Started by torchrun. The sums are added in another order, so the last digits differ and nothing else."""
    home, one, two = tmp_path / "home", tmp_path / "one", tmp_path / "two"
    alone = run(command(pictures, one, tiny_base_folder, *crops), home)
    assert alone.returncode == 0, alone.stderr
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    together = run([*torchrun, *command(pictures, two, tiny_base_folder, *crops)[1:]], home)
    assert together.returncode == 0, together.stderr
    assert len(losses(one)) == 6
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    assert [event["event"] for event in told(two)].count("Saved") == 2
    wanted, found = (load_file(out / "mame.safetensors") for out in (one, two))
    assert wanted.keys() == found.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=1e-2, atol=1e-4)


def test_when_one_of_them_is_killed_the_run_fails_in_words_and_goes_on_from_its_state(
    pictures: Path, tmp_path: Path, tiny_base_folder: Path
) -> None:
    home, out, whole = tmp_path / "home", tmp_path / "out", tmp_path / "whole"
    long = ("--set", "training.epochs=16", "--devices", "2")
    leader = subprocess.Popen(
        command(pictures, out, tiny_base_folder, *long), env=environment(home), stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + SECONDS
        while not (out / "events.jsonl").exists() or len(losses(out)) < 6:
            assert time.monotonic() < end and leader.poll() is None
            time.sleep(0.05)
        (other,) = children_of(leader.pid)
        os.kill(other, signal.SIGKILL)
        _, said = leader.communicate(timeout=SECONDS)
    finally:
        leader.kill()
    assert leader.returncode == 1
    assert "another device is gone" in said
    resumed = run(command(pictures, out, tiny_base_folder, *long, "--resume"), home)
    assert resumed.returncode == 0, resumed.stderr
    assert run(command(pictures, whole, tiny_base_folder, *long), home).returncode == 0
    assert (out / "mame.safetensors").read_bytes() == (whole / "mame.safetensors").read_bytes()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
