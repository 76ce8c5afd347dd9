"""The device is found without torch, and ``--device`` decides."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import psutil
import pytest

from enogu.errors import WrongUse
from enogu.worker.devices import DeviceFacts, _processor_name, choose_device, count_nvidia_gpus, describe_device


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


CARDS = (
    "0, GPU-aaa1, 12288, NVIDIA GeForce RTX 3060",
    "1, GPU-bbb2, 24576, NVIDIA GeForce RTX 4090",
    "2, GPU-ccc3, [N/A], NVIDIA GB10",
)


def asked(*lines: str) -> tuple[str, ...]:
    """A program that says what nvidia-smi would."""
    return (sys.executable, "-c", f"print({chr(10).join(lines)!r})")


def test_a_card_says_its_name_and_memory() -> None:
    facts = describe_device("cuda:1", {}, asked(*CARDS))
    assert (facts.name, facts.memory_bytes) == ("NVIDIA GeForce RTX 4090", 24 * 2**30)


@pytest.mark.parametrize(
    ("visible", "device", "name"),
    [
        ("1,0", "cuda:0", "NVIDIA GeForce RTX 4090"),
        ("GPU-bbb", "cuda:0", "NVIDIA GeForce RTX 4090"),
        ("1, 0", "cuda:1", "NVIDIA GeForce RTX 3060"),
        ("7,0", "cuda:0", ""),
    ],
)
def test_cards_are_counted_as_cuda_counts_the_visible_ones(visible: str, device: str, name: str) -> None:
    assert describe_device(device, {"CUDA_VISIBLE_DEVICES": visible}, asked(*CARDS)).name == name


def test_memory_that_a_card_does_not_say_is_not_known_unless_a_person_says_it() -> None:
    assert describe_device("cuda:2", {}, asked(*CARDS)).memory_bytes is None
    nobody = ("no-such-program-anywhere",)
    assert describe_device("cuda:0", {}, nobody) == DeviceFacts("", None, has_adamw8bit=False)
    assert describe_device("cuda:0", {}, nobody, memory_bytes=8 * 2**30).memory_bytes == 8 * 2**30


def test_a_processor_is_called_as_linux_calls_it_and_else_as_python_does(tmp_path: Path) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor\t: 0\nmodel name\t: AMD EPYC 7B13\n\nprocessor\t: 1\n", "utf-8")
    assert _processor_name(listed) == "AMD EPYC 7B13"
    assert _processor_name(tmp_path / "nothing") == (platform.processor() or platform.machine())


def test_a_processor_has_main_memory_and_no_optimizer_in_eight_bits() -> None:
    facts = describe_device("cpu", {})
    assert facts.memory_bytes is not None
    assert 2**28 < facts.memory_bytes <= psutil.virtual_memory().total
    assert not facts.has_adamw8bit
