"""Optimizers by a closed list of names, on the adapter's flat parameters: one tensor and one rate a part.

A method that treats every number alike (AdamW, Lion, Prodigy …) does on one long tensor what it does on many short
ones, in fewer calls. Adafactor does not: it keeps a row and a column of each matrix and scales by each matrix's size,
so it gets the matrices themselves.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from typing import Any, assert_never

import torch

from enogu.engine.adapters.blocks import block_of, num_blocks_of
from enogu.engine.adapters.parameters import AdapterParameters
from enogu.errors import WrongUse
from enogu.recipe import TrainRecipe
from enogu.recipe.block_rates import block_factors
from enogu.recipe.optimizer import Adafactor, AdamW, AdamW8bit, DAdaptAdam, DAdaptation, Lion, Prodigy

LARGEST_RATE_FOUND = "d"
"""The name under which D-Adaptation and Prodigy keep the rate they found in their groups."""


def make_optimizer(recipe: TrainRecipe, parameters: AdapterParameters) -> torch.optim.Optimizer:
    """The recipe's optimizer. Each group carries its ``part`` and its ``full_rate``.

    Raises WrongUse when the recipe's kind cannot run here.
    """
    settings = recipe.optimizer
    groups = _groups(recipe, parameters, as_matrices=isinstance(settings, Adafactor))
    match settings:
        case AdamW():
            return torch.optim.AdamW(
                groups,
                lr=settings.learning_rate,
                betas=(settings.beta1, settings.beta2),
                eps=settings.epsilon,
                weight_decay=settings.weight_decay,
                fused=True,
            )
        case AdamW8bit():
            return _adamw8bit(settings, groups)
        case Adafactor():
            return _adafactor(settings, groups)
        case Lion():
            from lion_pytorch import Lion as LionOptimizer

            return LionOptimizer(
                groups,
                lr=settings.learning_rate,
                betas=(settings.beta1, settings.beta2),
                weight_decay=settings.weight_decay,
            )
        case DAdaptation() | DAdaptAdam() | Prodigy():
            with contextlib.redirect_stdout(io.StringIO()):  # they announce decoupled weight decay there
                return _finding_its_rate(settings, groups)
        case _:
            assert_never(settings)


def part_rate(recipe: TrainRecipe, part: str) -> float:
    """The part's own rate when it is set, else the common one (F5). T5's is that of the text encoder."""
    return recipe.optimizer.unet_rate if part == "unet" else recipe.optimizer.text_encoder_rate


def rates_of(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """The learning rate a part really has now: with what the method found, if it looks for one (F9).

    Of a part whose blocks learn at different rates, the highest.
    """
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        rate = group["lr"]
        if rate is None:  # Adafactor with a step size of its own
            first = optimizer.state.get(group["params"][0])
            rate = float(optimizer._get_lr(group, first)) if first else 0.0  # type: ignore[attr-defined]
        found = float(rate) * float(group.get(LARGEST_RATE_FOUND, 1.0))
        rates[group["part"]] = max(found, rates.get(group["part"], 0.0))
    return rates


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Each group's full rate times the schedule's ``factor``; a method with a step size of its own keeps it."""
    for group in optimizer.param_groups:
        if group["full_rate"] is not None:
            group["lr"] = group["full_rate"] * factor


def changing_values(optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    """The plain numbers of each group: D-Adaptation and Prodigy keep there what they found so far."""
    return [
        {
            name: value
            for name, value in group.items()
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        }
        for group in optimizer.param_groups
    ]


def restore_values(optimizer: torch.optim.Optimizer, values: Sequence[dict[str, float]]) -> None:
    """Put back what ``changing_values`` gave."""
    for group, kept in zip(optimizer.param_groups, values, strict=True):
        group.update(kept)


def clip_gradients(parameters: AdapterParameters, max_norm: float) -> torch.Tensor:
    """Clip the norm over all trained numbers to ``max_norm`` (0 = off); no value is read back to the host.

    The norm before clipping, on the device: it is no number when any gradient is none.
    """
    gradients = [flat.grad for flat in parameters.flat.values() if flat.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
    if max_norm > 0 and not (norm.device.type == "cpu" and norm <= max_norm):  # there a look costs less than a factor 1
        factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor)
    return norm


def _groups(recipe: TrainRecipe, parameters: AdapterParameters, *, as_matrices: bool) -> list[dict[str, Any]]:
    settings = recipe.optimizer
    own_step = isinstance(settings, Adafactor) and settings.relative_step
    groups: list[dict[str, Any]] = []
    for part, flat in parameters.flat.items():
        rate = None if own_step else part_rate(recipe, part)
        for factor, keys in _keys_by_factor(recipe, parameters, part, flat).items():
            own = None if rate is None else rate * factor
            matrices = [matrix for key in keys for matrix in parameters.matrices[key]]
            params = matrices if as_matrices else _spans(flat, matrices)
            groups.append({"params": params, "lr": own, "full_rate": own, "part": part})
    return groups


def block_factor(recipe: TrainRecipe, key: str, num_blocks: int) -> float:
    """What the rate of the layer ``key`` is multiplied by for its block of the U-Net (F15); 0: it gets no adapter.

    Raises WrongUse when the recipe's lists are not as long as this U-Net has blocks.
    """
    settings = recipe.optimizer
    texts = (settings.down_block_rates, settings.middle_block_rates, settings.up_block_rates)
    try:
        factors = block_factors(*texts, num_blocks)
    except ValueError as error:
        raise WrongUse(
            f"The rates of blocks do not fit this base model. {error}",
            "Give 12, 1 and 12 numbers for SD1.5, 9, 3 and 9 for SDXL, or leave them out.",
        ) from error
    block = block_of(key)
    return 1.0 if factors is None or block is None else factors[block]


def _keys_by_factor(
    recipe: TrainRecipe, parameters: AdapterParameters, part: str, flat: torch.Tensor
) -> dict[float, list[str]]:
    """The part's layers, in order, by what their blocks' rate is multiplied by."""
    memory = flat.untyped_storage().data_ptr()
    keys = [key for key, those in parameters.matrices.items() if those[0].untyped_storage().data_ptr() == memory]
    num_blocks = num_blocks_of(keys)
    found: dict[float, list[str]] = {}
    for key in keys:
        factor = block_factor(recipe, key, num_blocks) if part == "unet" else 1.0
        found.setdefault(factor, []).append(key)
    return found


def _spans(flat: torch.Tensor, matrices: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The stretches of ``flat`` that these matrices fill, as leaves that share its memory and its gradient's."""
    spans: list[list[int]] = []
    for matrix in matrices:
        start = int(matrix.storage_offset())
        stop = start + matrix.numel()
        if spans and spans[-1][1] == start:
            spans[-1][1] = stop
        else:
            spans.append([start, stop])
    if spans == [[0, flat.numel()]]:
        return [flat]
    assert flat.grad is not None  # noqa: S101 - set by allocate
    leaves: list[torch.Tensor] = []
    for start, stop in spans:
        leaf = flat[start:stop].detach().requires_grad_()
        leaf.grad = flat.grad[start:stop]
        leaves.append(leaf)
    return leaves


def _adamw8bit(settings: AdamW8bit, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """bitsandbytes' AdamW, whose 8-bit steps run on NVIDIA cards only."""
    device = groups[0]["params"][0].device
    cure = 'Set optimizer.kind = "adamw", which learns the same and needs a little more memory.'
    if device.type != "cuda":
        raise WrongUse(f"AdamW8bit runs on NVIDIA cards only, and this run is on {device.type}.", cure)
    try:
        from bitsandbytes.optim import AdamW8bit as EightBit  # type: ignore[import-not-found]
    except ImportError as error:
        raise WrongUse(
            "AdamW8bit needs bitsandbytes, which is not installed here.",
            f"Install it (pip install 'enogu[cuda]'). Or: {cure}",
        ) from error
    made: torch.optim.Optimizer = EightBit(
        groups,
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
    )
    return made


def _adafactor(settings: Adafactor, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    from transformers.optimization import Adafactor as AdafactorOptimizer

    return AdafactorOptimizer(
        groups,
        lr=None if settings.relative_step else settings.learning_rate,
        clip_threshold=settings.clip_threshold,
        weight_decay=settings.weight_decay,
        scale_parameter=settings.scale_parameter,
        relative_step=settings.relative_step,
        warmup_init=settings.warmup_init,
    )


def _finding_its_rate(
    settings: DAdaptation | DAdaptAdam | Prodigy, groups: list[dict[str, Any]]
) -> torch.optim.Optimizer:
    """Their libraries refuse groups of different rates at the first step; here every rate is 1."""
    common: dict[str, Any] = {
        "lr": 1.0,
        "betas": (settings.beta1, settings.beta2),
        "eps": settings.epsilon,
        "weight_decay": settings.weight_decay,
        "decouple": settings.decouple,
        "d0": settings.first_estimate,
        "growth_rate": math.inf if settings.growth_rate is None else settings.growth_rate,
    }
    match settings:
        case DAdaptation():
            from dadaptation.experimental.dadapt_adam_preprint import DAdaptAdamPreprint

            return DAdaptAdamPreprint(groups, **common)
        case DAdaptAdam():
            from dadaptation import DAdaptAdam as DAdaptAdamOptimizer

            return DAdaptAdamOptimizer(groups, **common, use_bias_correction=settings.bias_correction)
        case Prodigy():
            from prodigyopt import Prodigy as ProdigyOptimizer

            return ProdigyOptimizer(
                groups,
                **common,
                d_coef=settings.rate_coefficient,
                use_bias_correction=settings.bias_correction,
                safeguard_warmup=settings.safeguard_warmup,
            )
        case _:
            assert_never(settings)
