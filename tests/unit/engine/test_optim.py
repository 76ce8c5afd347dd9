"""The optimizer on flat parameters, and clipping, against torch's own on separate ones (F5, F9)."""

from __future__ import annotations

import pytest
import torch

from enogu.engine.adapters.lora import LoraParameters, new_parameters
from enogu.engine.families import LoadedBase
from enogu.engine.optim import clip_gradients, make_optimizer, part_rate
from tests.unit.engine.tiny_run import tiny_recipe


def test_each_part_has_its_own_rate_else_the_common_one() -> None:
    recipe = tiny_recipe("optimizer.learning_rate=0.1", "optimizer.text_encoder_learning_rate=0.05")
    assert (part_rate(recipe, "unet"), part_rate(recipe, "text_encoder")) == (0.1, 0.05)


def test_the_groups_carry_part_rate_and_the_recipes_settings(tiny_base: LoadedBase) -> None:
    recipe = tiny_recipe(
        "optimizer.unet_learning_rate=0.2",
        "optimizer.weight_decay=0.3",
        "optimizer.beta1=0.8",
        "optimizer.beta2=0.98",
        "optimizer.epsilon=1e-6",
    )
    optimizer = make_optimizer(recipe, _parameters(tiny_base))
    assert [(group["part"], group["lr"], group["full_rate"]) for group in optimizer.param_groups] == [
        ("unet", 0.2, 0.2),
        ("text_encoder", 0.02, 0.02),
    ]
    for group in optimizer.param_groups:
        assert (group["weight_decay"], group["betas"], group["eps"]) == (0.3, (0.8, 0.98), 1e-6)


@pytest.mark.parametrize("max_norm", [0.0, 0.5, 1e6])
def test_clipping_and_adamw_on_flat_tensors_equal_torchs_on_separate_ones(
    tiny_base: LoadedBase, max_norm: float
) -> None:
    recipe = tiny_recipe("optimizer.weight_decay=0.1")
    parameters = _parameters(tiny_base)
    separate = [m.detach().clone().requires_grad_() for pair in parameters.matrices.values() for m in pair]
    ours = make_optimizer(recipe, parameters)
    theirs = torch.optim.AdamW(separate, lr=0.02, weight_decay=0.1, foreach=False, fused=False)
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        for matrix, copy in zip((m for pair in parameters.matrices.values() for m in pair), separate, strict=True):
            gradient = torch.randn(copy.shape, generator=generator)
            assert matrix.grad is not None
            matrix.grad.add_(gradient)
            copy.grad = gradient.clone()
        clip_gradients(parameters, max_norm)
        if max_norm:
            torch.nn.utils.clip_grad_norm_(separate, max_norm, foreach=False)
        ours.step()
        theirs.step()
        parameters.zero_gradients()
    for matrix, copy in zip((m for pair in parameters.matrices.values() for m in pair), separate, strict=True):
        torch.testing.assert_close(matrix, copy, rtol=1e-5, atol=1e-6)


def _parameters(base: LoadedBase) -> LoraParameters:
    return new_parameters(base.family.targets(base), 4, 2.0, 1, torch.device("cpu"))
