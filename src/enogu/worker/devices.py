"""Which device a worker works on, found out without torch: the engine's child is the one that loads it.

``--device`` decides where it is given. Otherwise: what CUDA_VISIBLE_DEVICES leaves of what nvidia-smi lists, the first
of it, else Apple's GPU on its machines, else the CPU. Several GPUs are several workers, one for each device.

``describe_device`` says what it is called and how much memory it has, so that a run that cannot fit is known before it
starts. Of a graphics card that is no NVIDIA card nobody is asked: ``--memory`` says it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from enogu.errors import WrongUse

_KINDS = ("cpu", "cuda", "mps")
_GROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_ASK_CARDS = ("nvidia-smi", "--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits")
MIB = 2**20


@dataclass(frozen=True)
class DeviceFacts:
    """What a device is called and holds, as far as can be told without torch."""

    name: str
    """For people, such as "NVIDIA GeForce RTX 3060"; empty when it is not known."""
    memory_bytes: int | None
    """Of the graphics card, or main memory where the processor computes; None when it is not known."""
    has_adamw8bit: bool
    """Whether bitsandbytes' optimizers run on it."""


def choose_device(
    wanted: str,
    environment: Mapping[str, str] | None = None,
    count_gpus: Callable[[], int] | None = None,
) -> str:
    """``cpu``, ``mps`` or ``cuda:N``, as torch names it. Raises WrongUse for anything that is no device."""
    wanted = wanted.strip().lower()
    if wanted == "auto":
        return _find_device(os.environ if environment is None else environment, count_gpus or count_nvidia_gpus)
    kind, colon, number = wanted.partition(":")
    if kind not in _KINDS or (colon and not (kind == "cuda" and number.isdecimal())):
        raise WrongUse(f"{wanted!r} is no device.", "Use auto, cpu, mps, cuda, or cuda:1 for the second GPU.")
    return "cuda:0" if wanted == "cuda" else wanted


def _find_device(environment: Mapping[str, str], count_gpus: Callable[[], int]) -> str:
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return "cpu"
    if count_gpus() > 0:
        return "cuda:0"  # torch counts from 0 among the visible ones
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    return "cpu"


def count_nvidia_gpus(command: Sequence[str] = ("nvidia-smi", "-L")) -> int:
    """How many GPUs the driver lists; 0 without a driver."""
    return sum(line.startswith("GPU ") for line in _said_by(command))


def describe_device(
    device: str,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = _ASK_CARDS,
    memory_bytes: int | None = None,
) -> DeviceFacts:
    """Of ``device`` as ``choose_device`` names it. ``memory_bytes`` takes the place of what it says itself."""
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return DeviceFacts(_processor_name(), memory_bytes or _main_memory_bytes(), has_adamw8bit=False)
    cards = _list_cards(command, (os.environ if environment is None else environment).get("CUDA_VISIBLE_DEVICES"))
    place = int(number or 0)
    name, found = cards[place] if place < len(cards) else ("", None)
    return DeviceFacts(name, memory_bytes or found, has_adamw8bit=bool(name) and find_spec("bitsandbytes") is not None)


def _list_cards(command: Sequence[str], visible: str | None) -> list[tuple[str, int | None]]:
    """Name and bytes of each card, in the order in which torch counts those that are visible."""
    cards: dict[str, tuple[str, int | None]] = {}
    uuids: dict[str, str] = {}
    for line in _said_by(command):
        index, uuid, memory, name = ([part.strip() for part in line.split(",", 3)] + [""] * 4)[:4]
        if name:
            cards[index] = (name, int(memory) * MIB if memory.isdecimal() else None)
            uuids[uuid] = index
    if visible is None:
        return list(cards.values())
    listed: list[tuple[str, int | None]] = []
    for one in (part.strip() for part in visible.split(",")):
        index = next((index for uuid, index in uuids.items() if one and uuid.startswith(one)), one)
        if index not in cards:
            break  # CUDA takes those before the first that it does not know
        listed.append(cards[index])
    return listed


def _processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What Linux calls it; elsewhere, and on Arm, what Python knows."""
    with suppress(OSError):
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            key, _, name = line.partition(":")
            if key.strip() == "model name" and name.strip():
                return name.strip()
    return platform.processor() or platform.machine()


def _main_memory_bytes() -> int:
    """Of this machine, or what a container may take of it."""
    import psutil  # a worker asks once, and nobody else

    limits = [psutil.virtual_memory().total]
    for path in _GROUP_LIMITS:
        try:
            said = path.read_text("ascii").strip()
        except OSError:
            continue
        if said.isdecimal():
            limits.append(int(said))
    return min(limits)


def _said_by(command: Sequence[str]) -> list[str]:
    """Lines of what a driver's program says; none without a driver."""
    program = shutil.which(command[0])
    if program is None:
        return []
    try:
        done = subprocess.run(  # noqa: S603 (the driver's own program)
            [program, *command[1:]], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
