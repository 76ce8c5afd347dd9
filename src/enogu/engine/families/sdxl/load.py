"""Load SDXL from a diffusers folder or a single file: offline, safetensors only, frozen, in the compute dtype."""

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

PARTS = ("text_encoder", "text_encoder_2", "unet", "vae", "tokenizer", "tokenizer_2", "scheduler")
NETWORKS = ("text_encoder", "text_encoder_2", "unet", "vae")


def load(path: Path, compute: ComputePlan) -> LoadedBase:
    """Networks frozen on ``compute.device`` in its dtype.

    The VAE stays in fp32: SDXL's overflows in fp16 and makes NaN. One that was mended says so in its folder
    (``force_upcast`` off), and is then loaded in fp16 too.
    """
    from enogu.engine.families.sdxl import single_file
    from enogu.engine.families.sdxl.family import SDXL

    quiet_libraries()
    if path.is_file():
        networks, tokenizers, scheduler = single_file.read_parts(path, compute.dtype)
        digest, name = file_hash(path), path.stem
    else:
        check_folder(path, PARTS, "SDXL", NETWORKS)
        scheduler = read_json(path / "scheduler" / "scheduler_config.json")
        networks, tokenizers = _read_folder(path, compute)
        digest, name = weights_hash(path, PARTS), path.name
    place(networks, compute)
    return LoadedBase(
        family=SDXL,
        path=path,
        name=name,
        hash=digest,
        networks=networks,
        tokenizers=tokenizers,
        schedule=schedule_of(scheduler, "SDXL"),
        compute=compute,
        scaling_factor=float(networks["vae"].config["scaling_factor"]),
        scheduler_config=scheduler,
    )


def _read_folder(path: Path, compute: ComputePlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Networks on the CPU, and tokenizers."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    dtype = compute.dtype
    with refused_when_unreadable(path):
        networks: dict[str, Any] = {
            "unet": UNet2DConditionModel.from_pretrained(path / "unet", **load_options(path, "unet", dtype)),
            "text_encoder": CLIPTextModel.from_pretrained(
                path / "text_encoder", **load_options(path, "text_encoder", dtype)
            ),
            "text_encoder_2": CLIPTextModelWithProjection.from_pretrained(
                path / "text_encoder_2", **load_options(path, "text_encoder_2", dtype)
            ),
            "vae": AutoencoderKL.from_pretrained(path / "vae", **load_options(path, "vae", vae_dtype(path, dtype))),
        }
        tokenizers = {
            "text_encoder": CLIPTokenizer.from_pretrained(path / "tokenizer", local_files_only=True),
            "text_encoder_2": CLIPTokenizer.from_pretrained(path / "tokenizer_2", local_files_only=True),
        }
    return networks, tokenizers


def vae_dtype(path: Path, dtype: torch.dtype) -> torch.dtype:
    """fp16 where that is asked for and the folder's VAE is the one that bears it; otherwise fp32."""
    is_mended = read_json(path / "vae" / "config.json").get("force_upcast") is False
    return torch.float16 if dtype == torch.float16 and is_mended else torch.float32
