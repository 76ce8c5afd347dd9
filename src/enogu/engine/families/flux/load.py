"""Load Flux from a diffusers folder or a single file: offline, safetensors only, frozen, in the compute dtype."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from enogu.engine.families import LoadedBase
from enogu.engine.families.flux.network import fuse
from enogu.engine.families.folder import (
    check_folder,
    load_options,
    quiet_libraries,
    refused_when_unreadable,
    weights_hash,
)
from enogu.engine.families.single_file import file_hash
from enogu.engine.families.unet import place
from enogu.engine.flow import FlowSchedule
from enogu.engine.memory import ComputePlan
from enogu.errors import BaseModelRefused

PARTS = ("text_encoder", "text_encoder_2", "transformer", "vae", "tokenizer", "tokenizer_2")
NETWORKS = ("text_encoder", "text_encoder_2", "transformer", "vae")


def load(path: Path, compute: ComputePlan) -> LoadedBase:
    """Networks frozen on ``compute.device`` in its dtype; the VAE in fp32.

    Dev is told the strength of guidance, schnell is not and is drawn without.
    """
    from enogu.engine.families.flux import single_file
    from enogu.engine.families.flux.family import FLUX

    quiet_libraries()
    if path.is_file():
        networks, tokenizers = single_file.read_parts(path, compute.dtype)
        digest, name = file_hash(path), path.stem
    else:
        check_folder(path, PARTS, "Flux", NETWORKS)
        networks, tokenizers = _read_folder(path, compute.dtype)
        digest, name = weights_hash(path, PARTS), path.name
    resting = {"text_encoder_2", "vae"}  # T5 and the transformer seldom fit at once
    place(networks, compute, resting)
    is_dev = bool(networks["unet"].config["guidance_embeds"])
    architecture = "flux-1-dev/lora" if is_dev else "flux-1-schnell/lora"
    vae = networks["vae"].config
    return LoadedBase(
        family=replace(FLUX, metadata={**FLUX.metadata, "modelspec.architecture": architecture}),
        path=path,
        name=name,
        hash=digest,
        networks=networks,
        tokenizers=tokenizers,
        schedule=FlowSchedule(shifts_when_drawing=is_dev),
        compute=compute,
        scaling_factor=float(vae["scaling_factor"]),
        shift_factor=float(vae["shift_factor"] or 0),
        guidance="told" if is_dev else "none",
        resting=resting,
    )


def _read_folder(path: Path, dtype: torch.dtype) -> tuple[dict[str, Any], dict[str, Any]]:
    """Networks on the CPU, and tokenizers."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
    from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel

    with refused_when_unreadable(path):
        transformer = FluxTransformer2DModel.from_pretrained(
            path / "transformer", **load_options(path, "transformer", dtype)
        )
        networks: dict[str, Any] = {
            "unet": fuse(transformer),
            "text_encoder": CLIPTextModel.from_pretrained(
                path / "text_encoder", **load_options(path, "text_encoder", dtype)
            ),
            "text_encoder_2": T5EncoderModel.from_pretrained(
                path / "text_encoder_2", **load_options(path, "text_encoder_2", dtype)
            ),
            "vae": AutoencoderKL.from_pretrained(path / "vae", **load_options(path, "vae", torch.float32)),
        }
        clip_tokenizer = CLIPTokenizer.from_pretrained(path / "tokenizer", local_files_only=True)
    return networks, {"text_encoder": clip_tokenizer, "text_encoder_2": t5_tokenizer(path / "tokenizer_2")}


def t5_tokenizer(folder: Path) -> Any:
    """T5's tokenizer, which does not ship with Enogu: it comes with the base model. Raises BaseModelRefused."""
    from transformers import T5Tokenizer

    if not (folder / "tokenizer.json").is_file():
        raise BaseModelRefused(
            f"Flux reads captions with T5's tokenizer, and {folder / 'tokenizer.json'} is not there.",
            "Copy the folder tokenizer_2 of the Flux base model (from its page on Hugging Face) there.",
        )
    with refused_when_unreadable(folder):
        return T5Tokenizer.from_pretrained(folder, local_files_only=True)
