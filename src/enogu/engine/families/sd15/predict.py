"""One pass of the SD1.5 U-Net."""

from __future__ import annotations

import torch

from enogu.engine.families import Conditions, LoadedBase


def predict(
    base: LoadedBase, noisy_BCHW: torch.Tensor, timesteps_B: torch.Tensor, conditions: Conditions
) -> torch.Tensor:
    """The U-Net's prediction (epsilon or v, as the base was trained), [B, 4, H/8, W/8] in the compute dtype."""
    compute = base.compute
    noisy = noisy_BCHW.to(compute.device, compute.dtype).to(memory_format=compute.memory_format)
    states = conditions.states_BTC.to(compute.device, compute.dtype)
    return base.networks["unet"](noisy, timesteps_B.to(compute.device), states, return_dict=False)[0]
