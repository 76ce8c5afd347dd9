"""One pass of Flux' transformer on latents in patches of 2 x 2."""

from __future__ import annotations

import torch

from enogu.engine.families import Conditions, LoadedBase


def predict(
    base: LoadedBase, noisy_BCHW: torch.Tensor, timesteps_B: torch.Tensor, conditions: Conditions
) -> torch.Tensor:
    """The transformer's prediction (noise - picture), [B, 16, H/8, W/8] in the compute dtype."""
    device, dtype = base.compute.device, base.compute.dtype
    batch, channels, height, width = noisy_BCHW.shape
    rows, columns = height // 2, width // 2
    pooled = conditions.pooled_BC
    if pooled is None:
        raise ValueError("Flux is told the summary of a caption too")
    patches = noisy_BCHW.to(device, dtype).view(batch, channels, rows, 2, columns, 2)
    patches_BPC = patches.permute(0, 2, 4, 1, 3, 5).reshape(batch, rows * columns, channels * 4)
    states = conditions.states_BTC.to(device, dtype)
    guidance = None
    if base.guidance == "told":
        guidance = torch.full((batch,), conditions.guidance, device=device, dtype=dtype)
    said = base.networks["unet"](
        hidden_states=patches_BPC,
        encoder_hidden_states=states,
        pooled_projections=pooled.to(device, dtype),
        timestep=timesteps_B.to(device, torch.float32) / 1000,
        img_ids=patch_places(rows, columns).to(device, dtype),
        txt_ids=torch.zeros(states.shape[1], 3, device=device, dtype=dtype),
        guidance=guidance,
        return_dict=False,
    )[0]
    said = said.view(batch, rows, columns, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return said.reshape(batch, channels, height, width)


def patch_places(rows: int, columns: int) -> torch.Tensor:
    """(0, row, column) of each patch, [rows * columns, 3]."""
    places = torch.zeros(rows, columns, 3)
    places[..., 1] += torch.arange(rows)[:, None]
    places[..., 2] += torch.arange(columns)[None]
    return places.view(-1, 3)
