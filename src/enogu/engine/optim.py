"""Optimizers by a closed list of names, on the adapter's flat parameters: one tensor and one rate a part."""

from __future__ import annotations

import torch

from enogu.engine.adapters.lora import LoraParameters
from enogu.recipe import TrainRecipe


def make_optimizer(recipe: TrainRecipe, parameters: LoraParameters) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter 2019, as in torch). Each group carries its ``part`` and its ``full_rate``."""
    settings = recipe.optimizer
    groups = [
        {"params": [flat], "lr": rate, "full_rate": rate, "part": part}
        for part, flat in parameters.flat.items()
        if (rate := part_rate(recipe, part)) > 0
    ]
    return torch.optim.AdamW(
        groups,
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def part_rate(recipe: TrainRecipe, part: str) -> float:
    """The part's own rate when it is set, else the common one (F5)."""
    own = {
        "unet": recipe.optimizer.unet_learning_rate,
        "text_encoder": recipe.optimizer.text_encoder_learning_rate,
    }[part]
    return recipe.optimizer.learning_rate if own is None else own


def clip_gradients(parameters: LoraParameters, max_norm: float) -> None:
    """Clip the norm over all trained numbers to ``max_norm`` (0 = off); no value is read back to the host."""
    if max_norm <= 0:
        return
    gradients = [flat.grad for flat in parameters.flat.values() if flat.grad is not None]
    norms = torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients])
    factor = (max_norm / (torch.linalg.vector_norm(norms) + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor)
