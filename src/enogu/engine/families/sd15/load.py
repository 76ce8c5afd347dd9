"""Load SD1.5 from a diffusers folder or a single file: offline, safetensors only, frozen, in the compute dtype."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from enogu.engine.families import LoadedBase
from enogu.engine.families.folder import (
    check_folder,
    load_options,
    quiet_libraries,
    read_json,
    refused_when_unreadable,
    weights_hash,
)
from enogu.engine.families.single_file import file_hash
from enogu.engine.families.unet import place, schedule_of
from enogu.engine.memory import ComputePlan

PARTS = ("text_encoder", "unet", "vae", "tokenizer", "scheduler")
NETWORKS = ("text_encoder", "unet", "vae")


def load(path: Path, compute: ComputePlan) -> LoadedBase:
    """Networks frozen on ``compute.device``; the VAE in fp32 (half precision can overflow), the rest in its dtype."""
    from enogu.engine.families.sd15 import single_file
    from enogu.engine.families.sd15.family import SD15

    quiet_libraries()
    if path.is_file():
        networks, tokenizers, scheduler = single_file.read_parts(path, compute.dtype)
        digest, name = file_hash(path), path.stem
    else:
        check_folder(path, PARTS, "SD1.5", NETWORKS)
        scheduler = read_json(path / "scheduler" / "scheduler_config.json")
        networks, tokenizers = _read_folder(path, compute)
        digest, name = weights_hash(path, PARTS), path.name
    place(networks, compute)
    return LoadedBase(
        family=SD15,
        path=path,
        name=name,
        hash=digest,
        networks=networks,
        tokenizers=tokenizers,
        schedule=schedule_of(scheduler, "SD1.5"),
        compute=compute,
        scaling_factor=float(networks["vae"].config["scaling_factor"]),
        scheduler_config=scheduler,
    )


def _read_folder(path: Path, compute: ComputePlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Networks on the CPU, and tokenizers."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    with refused_when_unreadable(path):
        unet = UNet2DConditionModel.from_pretrained(path / "unet", **load_options(path, "unet", compute.dtype))
        vae = AutoencoderKL.from_pretrained(path / "vae", **load_options(path, "vae", torch.float32))
        text_encoder = CLIPTextModel.from_pretrained(
            path / "text_encoder", **load_options(path, "text_encoder", compute.dtype)
        )
        tokenizer = CLIPTokenizer.from_pretrained(path / "tokenizer", local_files_only=True)
    return {"unet": unet, "text_encoder": text_encoder, "vae": vae}, {"text_encoder": tokenizer}
