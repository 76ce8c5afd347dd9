"""One pass of the SDXL U-Net, which is told the caption as a whole and how the picture was cut."""

from __future__ import annotations

import torch

from enogu.engine.families import Conditions, LoadedBase


def predict(
    base: LoadedBase, noisy_BCHW: torch.Tensor, timesteps_B: torch.Tensor, conditions: Conditions
) -> torch.Tensor:
    """The U-Net's prediction (epsilon or v, as the base was trained), [B, 4, H/8, W/8] in the compute dtype.

    Without sizes a picture is told to be whole: as large as it is now, and not cut.
    """
    compute = base.compute
    noisy = noisy_BCHW.to(compute.device, compute.dtype).to(memory_format=compute.memory_format)
    states = conditions.states_BTC.to(compute.device, compute.dtype)
    sizes, pooled = conditions.sizes_B6, conditions.pooled_BC
    if pooled is None:
        raise ValueError("SDXL is told the summary of a caption too")
    if sizes is None:
        scale = base.family.pixels_per_latent
        height, width = noisy.shape[-2] * scale, noisy.shape[-1] * scale
        sizes = torch.tensor([[height, width, 0, 0, height, width]] * len(noisy))
    added = {
        "text_embeds": pooled.to(compute.device, compute.dtype),
        "time_ids": sizes.to(compute.device, compute.dtype if compute.dtype != torch.float16 else torch.float32),
    }
    unet = base.networks["unet"]
    return unet(noisy, timesteps_B.to(compute.device), states, added_cond_kwargs=added, return_dict=False)[0]
