"""The device is found without torch, and ``--device`` decides."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from enogu.errors import WrongUse
from enogu.worker.devices import choose_device, count_nvidia_gpus


@pytest.mark.parametrize(
    ("wanted", "device"), [("cpu", "cpu"), ("CUDA", "cuda:0"), ("cuda:3", "cuda:3"), ("mps", "mps")]
)
def test_a_device_that_is_named_is_taken(wanted: str, device: str) -> None:
    assert choose_device(wanted) == device


@pytest.mark.parametrize("wanted", ["", "gpu", "cuda:", "cuda:x", "cpu:1"])
def test_anything_else_is_refused_with_what_there_is(wanted: str) -> None:
    with pytest.raises(WrongUse, match="auto, cpu, mps, cuda"):
        choose_device(wanted)


def test_the_first_gpu_is_taken_unless_they_are_hidden() -> None:
    assert choose_device("auto", {}, lambda: 2) == "cuda:0"
    assert choose_device("auto", {"CUDA_VISIBLE_DEVICES": "1"}, lambda: 2) == "cuda:0"
    assert choose_device("auto", {"CUDA_VISIBLE_DEVICES": "-1"}, lambda: 2) == "cpu"
    assert choose_device("auto", {"CUDA_VISIBLE_DEVICES": ""}, lambda: 2) == "cpu"


def test_gpus_are_counted_as_the_driver_lists_them(tmp_path: Path) -> None:
    lister = tmp_path / "lister.py"
    lister.write_text("print('GPU 0: A (UUID: x)'); print('GPU 1: B (UUID: y)'); print('  MIG 1g')")
    assert count_nvidia_gpus((sys.executable, str(lister))) == 2
    assert count_nvidia_gpus((sys.executable, "-c", "raise SystemExit(9)")) == 0
    assert count_nvidia_gpus(("no-such-program-anywhere",)) == 0
