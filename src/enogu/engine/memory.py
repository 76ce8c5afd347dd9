"""Device, number format and memory layout are decided here and nowhere else."""

from __future__ import annotations

import gc
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from enogu.errors import WrongUse
from enogu.recipe.training import TrainingRules


@dataclass(frozen=True)
class ComputePlan:
    """Where and in which number format the frozen networks run. Adapter parameters are always fp32."""

    device: torch.device
    dtype: torch.dtype
    memory_format: torch.memory_format
    notes: tuple[str, ...] = ()
    fp8_base: bool = False
    """Whether the frozen weights of the U-Net or transformer are kept in eight bits (``stored``)."""
    blocks_to_swap: int = 0
    """How many of a transformer's blocks wait in main memory, as sd-scripts counts them."""

    @property
    def stores(self) -> bool:
        """Whether some weights are fetched when they are needed."""
        return self.fp8_base or self.blocks_to_swap > 0

    @property
    def needs_loss_scaling(self) -> bool:
        """fp16 gradients underflow without a scaled loss."""
        return self.dtype == torch.float16


def choose_compute(
    mixed_precision: str = "none", device: str | None = None, *, fp8_base: bool = False, blocks_to_swap: int = 0
) -> ComputePlan:
    """The best device there is, and the nearest number format it is good at.

    ``mixed_precision``: "none", "fp16" or "bf16". On a CPU, fp16 (and bf16 without native support) matrix products are
    hundreds of times slower than fp32, so fp32 is used and a note says so.
    """
    where = torch.device(device or _best_device())
    wanted = {"none": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[mixed_precision]
    notes: list[str] = []
    dtype = wanted
    if where.type == "cpu" and (wanted == torch.float16 or (wanted == torch.bfloat16 and not cpu_has_native_bf16())):
        dtype = torch.float32
        notes.append(f"This processor is far slower in {mixed_precision} than in fp32, so fp32 is used.")
    if where.type == "cuda" and wanted == torch.bfloat16 and not _card_has_bf16(where):
        dtype = torch.float16
        notes.append("This GPU has no bf16, so fp16 is used.")
    if fp8_base and where.type == "mps":
        fp8_base = False
        notes.append("Apple's graphics processors have no numbers of eight bits, so fp8_base is left out.")
    return ComputePlan(where, dtype, torch.channels_last, tuple(notes), fp8_base, blocks_to_swap)


def compute_for(training: TrainingRules, device: str | None = None) -> ComputePlan:
    """What a recipe's training asks for, as far as it can be had."""
    return choose_compute(
        training.mixed_precision, device, fp8_base=training.fp8_base, blocks_to_swap=training.blocks_to_swap
    )


def device_of_member(number: int) -> str | None:
    """The device of one of several processes; without graphics cards all compute on the processor.

    Raises WrongUse when there are fewer graphics cards, or when they are of a kind that cannot add up gradients.
    """
    if not torch.cuda.is_available():
        if (best := _best_device()) != "cpu":
            raise WrongUse(
                f"Several devices train together on NVIDIA's and AMD's cards only, and this machine has {best}.",
                "Leave --devices out.",
            )
        return "cpu"
    if number >= torch.cuda.device_count():
        raise WrongUse(
            f"There are {torch.cuda.device_count()} graphics cards, and one more is asked for.", "Lower --devices."
        )
    return f"cuda:{number}"


def _card_has_bf16(card: torch.device) -> bool:
    """Whether it multiplies bf16 itself, as all of AMD's do, and NVIDIA's from Ampere on. torch also says so of older
    ones, where it computes in fp32 and rounds: many times slower than fp16.
    """
    return bool(torch.version.hip) or torch.cuda.get_device_capability(card)[0] >= 8


@lru_cache(maxsize=1)
def cpu_has_native_bf16() -> bool:
    """AMX or AVX512-BF16 on x86, the bf16 extension on Arm Linux."""
    if platform.machine() in ("x86_64", "AMD64"):
        capability = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        return bool(capability.get("avx512_bf16") or capability.get("amx_bf16"))
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.exists() and " bf16" in cpuinfo.read_text(errors="replace")


@contextmanager
def gradient_checkpointing(networks: Mapping[str, Any], *, on: bool) -> Iterator[None]:
    """While open, each block of the trained networks keeps its input only and is computed again for its gradient.

    The same numbers to the bit, in much less memory. diffusers and transformers mark their blocks by the same two
    attributes. The VAE has no gradient and is left alone.
    """
    blocks = [
        module
        for part, network in networks.items()
        for module in network.modules()
        if on and part != "vae" and hasattr(module, "gradient_checkpointing")
    ]
    try:
        for block in blocks:
            block._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
            block.gradient_checkpointing = True
            block.training = True  # transformers asks for it; what is inside stays as it is and drops nothing out
        yield
    finally:
        for block in blocks:
            block.gradient_checkpointing = block.training = False


def forget_peak_memory(device: torch.device) -> None:
    """What earlier runs of this process held is not this one's. The operating system's own count stays as it is."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif device.type == "xpu":
        torch.xpu.reset_peak_memory_stats(device)


def peak_memory_mib(device: torch.device) -> float:
    """The most memory this process has held since ``forget_peak_memory``: on the GPU, or ever, resident on the CPU.

    MiB, 0 if unknown.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if device.type == "xpu":
        return torch.xpu.max_memory_allocated(device) / 2**20
    if device.type == "mps":  # Apple's keeps no peak
        return torch.mps.driver_allocated_memory() / 2**20
    if sys.platform == "linux":  # getrusage counts what the process was forked from
        with suppress(OSError, ValueError, KeyError):
            status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
            return int(status["VmHWM"].split()[0]) / 2**10
    try:
        import resource  # not on Windows
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def use_threads(count: int) -> None:
    """How many threads torch computes with on the CPU; 0 leaves it to torch."""
    if count:
        torch.set_num_threads(count)


def free_unused() -> None:
    """Give back what nothing refers to any more, on the GPU too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
    elif hasattr(torch, "xpu") and torch.xpu.is_available():
        torch.xpu.empty_cache()


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu"
    return "cpu"
