"""Load SD1.5 from a diffusers folder or a single file: offline, safetensors only, frozen, in the compute dtype."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from enogu.engine.families import LoadedBase
from enogu.engine.memory import ComputePlan
from enogu.engine.noise import NoiseSchedule, scaled_linear_alpha_bar
from enogu.errors import BaseModelRefused

PARTS = ("text_encoder", "unet", "vae", "tokenizer", "scheduler")
_WEIGHTS = {
    "text_encoder": ("model.safetensors", "model.fp16.safetensors"),
    "unet": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
    "vae": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
}


def load(path: Path, compute: ComputePlan) -> LoadedBase:
    """Networks frozen on ``compute.device``; the VAE in fp32 (half precision can overflow), the rest in its dtype."""
    from enogu.engine.families.sd15 import single_file
    from enogu.engine.families.sd15.family import SD15

    quiet_libraries()
    if path.is_file():
        networks, tokenizers, prediction_type = single_file.read_parts(path, compute.dtype)
        scheduler = single_file.scheduler_config(prediction_type)
        digest, name = single_file.file_hash(path), path.stem
    else:
        check_folder(path)
        scheduler = _read_json(path / "scheduler" / "scheduler_config.json")
        networks, tokenizers = _read_folder(path, compute)
        digest, name = weights_hash(path), path.name
    for part, network in networks.items():
        network.requires_grad_(False)
        network.eval()
        network.to(compute.device)
        if part != "text_encoder":
            network.to(memory_format=compute.memory_format)
    return LoadedBase(
        family=SD15,
        path=path,
        name=name,
        hash=digest,
        networks=networks,
        tokenizers=tokenizers,
        schedule=_schedule(scheduler),
        compute=compute,
        scaling_factor=float(networks["vae"].config["scaling_factor"]),
        scheduler_config=scheduler,
    )


def _read_folder(path: Path, compute: ComputePlan) -> tuple[dict[str, Any], dict[str, Any]]:
    """Networks on the CPU, and tokenizers."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    variants = {part: "fp16" if not (path / part / names[0]).exists() else None for part, names in _WEIGHTS.items()}

    def options(part: str, dtype: torch.dtype) -> dict[str, Any]:
        return {
            "use_safetensors": True,
            "local_files_only": True,
            "variant": variants[part],
            "torch_dtype": dtype,
        }

    try:
        unet = UNet2DConditionModel.from_pretrained(path / "unet", **options("unet", compute.dtype))
        vae = AutoencoderKL.from_pretrained(path / "vae", **options("vae", torch.float32))
        text_options = options("text_encoder", compute.dtype)
        text_options["dtype"] = text_options.pop("torch_dtype")
        text_encoder = CLIPTextModel.from_pretrained(path / "text_encoder", **text_options)
        tokenizer = CLIPTokenizer.from_pretrained(path / "tokenizer", local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BaseModelRefused(
            f"The base model {path} could not be read: {str(error).splitlines()[0]}",
            "Copy it again: a file of it is damaged or belongs to another architecture.",
        ) from error
    return {"unet": unet, "text_encoder": text_encoder, "vae": vae}, {"text_encoder": tokenizer}


def quiet_libraries() -> None:
    """No progress bars and advice of diffusers and transformers between our own lines; warnings and errors stay."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def check_folder(path: Path) -> None:
    """Raise BaseModelRefused unless ``path`` is a whole diffusers folder with safetensors weights."""
    if not path.exists():
        raise BaseModelRefused(f"There is no base model at {path}.", "Check the path, or see `enogu base list`.")
    missing = [part for part in PARTS if not (path / part).is_dir()]
    if missing:
        raise BaseModelRefused(
            f"{path} is no base model of the SD1.5 family: it lacks {', '.join(missing)}.",
            "Give the folder that holds model_index.json, unet, vae, text_encoder, tokenizer and scheduler.",
        )
    if (path / "text_encoder_2").exists():
        raise BaseModelRefused(
            f"{path} is a base model of another family (it has a second text encoder).", "Choose an SD1.5 base model."
        )
    for part, names in _WEIGHTS.items():
        if not any((path / part / name).exists() for name in names):
            pickles = [p.name for p in (path / part).glob("*.bin")] + [p.name for p in (path / part).glob("*.ckpt")]
            if pickles:
                raise BaseModelRefused(
                    f"{part}/{pickles[0]} is a pickle, which can run any program when it is opened.",
                    "Use a copy of this base model with .safetensors files.",
                )
            raise BaseModelRefused(f"{path / part} holds no {names[0]}.", "Copy the base model again.")


def weights_hash(path: Path) -> str:
    """sha256 over the names and contents of every weights and vocabulary file, hex."""
    files = sorted(p for part in PARTS for p in (path / part).rglob("*") if p.is_file())
    stamp = tuple((p.relative_to(path).as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    return _hash_of(path, stamp)


@lru_cache(maxsize=16)
def _hash_of(path: Path, stamp: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _, _ in stamp:
        digest.update(name.encode() + b"\0")
        with (path / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _schedule(config: dict[str, Any]) -> NoiseSchedule:
    if config.get("beta_schedule", "scaled_linear") != "scaled_linear":
        raise BaseModelRefused(
            f"The base model's noise schedule is {config['beta_schedule']!r}; SD1.5 uses 'scaled_linear'.",
            "Choose another base model.",
        )
    alpha_bar = scaled_linear_alpha_bar(
        int(config.get("num_train_timesteps", 1000)),
        float(config.get("beta_start", 0.00085)),
        float(config.get("beta_end", 0.012)),
    )
    return NoiseSchedule(alpha_bar, str(config.get("prediction_type", "epsilon")))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BaseModelRefused(f"{path} could not be read: {error}", "Copy the base model again.") from error
    return content
