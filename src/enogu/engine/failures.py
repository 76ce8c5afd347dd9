"""Why a run ended, in words, with a stable kind and the setting that a second try should have (G8).

Kinds: OutOfMemory, NotANumber, DiskFull, StorageFailed, PictureRefused, BaseModelRefused, RecipeRefused,
AdapterRefused, WrongUse, TrainingFailed; Unforeseen for what is a bug of ours.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

import torch

from enogu.engine.events import Failed
from enogu.errors import EnoguError, RecipeRefused, StorageFailed, TrainingFailed
from enogu.recipe import TrainRecipe, finds_its_rate

_FULL = (errno.ENOSPC, errno.EDQUOT)
_PROCESSORS = "can't allocate memory"
_NO_MEMORY = (
    _PROCESSORS,
    "MPS backend out of memory",
    "CUDA error: out of memory",
    "HIP error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "HIPBLAS_STATUS_ALLOC_FAILED",
    "UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY",
)
_SIDES = (1024, 768, 512, 384, 256)


class OutOfMemory(TrainingFailed):
    """The device or the computer had no memory left for a step."""


class NotANumber(TrainingFailed):
    """A loss or a weight became NaN or infinite."""


def likely_cause(losses: Sequence[float], *, half: bool, finds_rate: bool) -> tuple[str, str]:
    """(cause, cure) of numbers that became NaN or infinite, from the losses before it.

    ``half``: the base runs in fp16. ``finds_rate``: the optimizer finds its learning rate itself.
    """
    lower = (
        "Lower optimizer.rate_coefficient or set optimizer.growth_rate to 1.02, or use adamw."
        if finds_rate
        else "Lower the learning rate, or set training.mixed_precision to bf16 or none."
    )
    eighth = max(1, len(losses) // 8)
    rose = len(losses) >= 8 and sum(losses[-eighth:]) > 2 * sum(losses[:eighth])
    if rose:
        return "the loss had been rising before, so most likely the learning rate is too high", lower
    if half:
        return (
            "most likely fp16, whose numbers end at 65504, was too small for it",
            "Set training.mixed_precision to bf16 or none, or lower the learning rate.",
        )
    return "most likely the learning rate is too high for this base model", lower


def in_words(error: BaseException) -> EnoguError | None:
    """The error as one for a person; None when it is a bug of ours."""
    if isinstance(error, EnoguError):
        return error
    if not is_out_of_memory(error):
        return None
    is_computer = isinstance(error, MemoryError) or _PROCESSORS in str(error)
    where = "The computer" if is_computer else "The graphics card"
    return OutOfMemory(
        f"{where} ran out of memory.",
        "Set training.gradient_checkpointing = true, lower training.batch_size, pictures.resolution or adapter.dim, "
        "or set training.mixed_precision to fp16.",
    )


def is_out_of_memory(error: BaseException) -> bool:
    """torch's own error, Python's, or the words of those that raise a plain RuntimeError: torch's allocators on the CPU
    and on Apple's processors, the drivers, and CUDA's libraries.
    """
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    )


def kind_of(error: BaseException) -> str:
    """The stable word for an error."""
    if is_out_of_memory(error):
        return "OutOfMemory"
    if not isinstance(error, EnoguError):
        return "Unforeseen"
    if isinstance(error, StorageFailed) and isinstance(error.__cause__, OSError) and error.__cause__.errno in _FULL:
        return "DiskFull"
    return type(error).__name__


def failed_event(step: int, error: EnoguError, recipe: TrainRecipe | None) -> Failed:
    """The last event of a run that ended with ``error``."""
    kind = kind_of(error)
    field, suggested = _second_try(kind, error, recipe)
    return Failed(step, kind, error.message, error.cure, field, suggested)


def _second_try(kind: str, error: EnoguError, recipe: TrainRecipe | None) -> tuple[str, int | float | str | None]:
    """The recipe's field to change and the value to try; ("", None) when no setting would help."""
    if isinstance(error, RecipeRefused) and error.problems:
        return error.problems[0].path, None
    if recipe is None:
        return "", None
    if kind == "NotANumber":
        if finds_its_rate(recipe.optimizer):
            return "optimizer.kind", "adamw"
        return "optimizer.learning_rate", recipe.optimizer.learning_rate / 2
    if kind != "OutOfMemory":
        return "", None
    if not recipe.training.gradient_checkpointing:
        return "training.gradient_checkpointing", True
    if recipe.training.batch_size > 1:
        return "training.batch_size", 1
    smaller = [side for side in _SIDES if side < recipe.pictures.resolution]
    if smaller:
        return "pictures.resolution", smaller[0]
    return ("adapter.dim", recipe.adapter.dim // 2) if recipe.adapter.dim > 1 else ("", None)
