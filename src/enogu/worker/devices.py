"""Which device a worker works on, found out without torch: the engine's child is the one that loads it.

``--device`` decides where it is given. Otherwise: what CUDA_VISIBLE_DEVICES leaves of what nvidia-smi lists, the first
of it, else Apple's GPU on its machines, else the CPU. Several GPUs are several workers, one for each device.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence

from enogu.errors import WrongUse

_KINDS = ("cpu", "cuda", "mps")


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
    program = shutil.which(command[0])
    if program is None:
        return 0
    try:
        done = subprocess.run(  # noqa: S603 (the driver's own program)
            [program, *command[1:]], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines()) if done.returncode == 0 else 0
