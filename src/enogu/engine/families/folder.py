"""A diffusers folder: read offline, safetensors only, and refused in words when it is not whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from enogu.errors import BaseModelRefused

WEIGHTS: Mapping[str, tuple[str, ...]] = {
    "text_encoder": ("model.safetensors", "model.fp16.safetensors"),
    "text_encoder_2": ("model.safetensors", "model.fp16.safetensors", "model.safetensors.index.json"),
    "unet": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
    "transformer": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json"),
    "vae": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
}


def quiet_libraries() -> None:
    """No progress bars and advice of diffusers and transformers between our own lines; warnings and errors stay."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    diffusers_logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def check_folder(path: Path, parts: tuple[str, ...], title: str, networks: tuple[str, ...]) -> None:
    """Raise BaseModelRefused unless ``path`` is a whole diffusers folder with safetensors weights of ``networks``."""
    if not path.exists():
        raise BaseModelRefused(f"There is no base model at {path}.", "Check the path, or see `enogu base list`.")
    missing = [part for part in parts if not (path / part).is_dir()]
    if missing:
        raise BaseModelRefused(
            f"{path} is no base model of the {title} family: it lacks {', '.join(missing)}.",
            f"Give the folder that holds model_index.json, {', '.join(parts[:-1])} and {parts[-1]}.",
        )
    for part in networks:
        names = WEIGHTS[part]
        if not any((path / part / name).exists() for name in names):
            pickles = [p.name for p in (path / part).glob("*.bin")] + [p.name for p in (path / part).glob("*.ckpt")]
            if pickles:
                raise BaseModelRefused(
                    f"{part}/{pickles[0]} is a pickle, which can run any program when it is opened.",
                    "Use a copy of this base model with .safetensors files.",
                )
            raise BaseModelRefused(f"{path / part} holds no {names[0]}.", "Copy the base model again.")


def load_options(path: Path, part: str, dtype: torch.dtype) -> dict[str, Any]:
    """What ``from_pretrained`` is told for one part: offline, no pickle, the variant that is there.

    Not said, diffusers wants ``low_cpu_mem_usage``, which is accelerate's, and where that is not installed (it is none
    of Enogu's dependencies) advises at each load to install it. Without, it is as quick and holds no more.
    """
    plain = (path / part / WEIGHTS[part][0]).exists() or any((path / part).glob("*.index.json"))
    is_transformers = part.startswith("text_encoder")
    own: dict[str, Any] = {"dtype": dtype} if is_transformers else {"torch_dtype": dtype, "low_cpu_mem_usage": False}
    return {"use_safetensors": True, "local_files_only": True, "variant": None if plain else "fp16", **own}


@contextmanager
def refused_when_unreadable(path: Path) -> Iterator[None]:
    """What the libraries raise about a damaged or foreign folder becomes BaseModelRefused."""
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BaseModelRefused(
            f"The base model {path} could not be read: {str(error).splitlines()[0]}",
            "Copy it again: a file of it is damaged or belongs to another architecture.",
        ) from error


def weights_hash(path: Path, parts: tuple[str, ...]) -> str:
    """sha256 over the names and contents of every weights and vocabulary file, hex."""
    files = sorted(p for part in parts for p in (path / part).rglob("*") if p.is_file())
    stamp = tuple((p.relative_to(path).as_posix(), p.stat().st_size, p.stat().st_mtime_ns) for p in files)
    return _hash_of(path, stamp)


def read_json(path: Path) -> dict[str, Any]:
    """A small JSON file. Raises BaseModelRefused."""
    try:
        content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BaseModelRefused(f"{path} could not be read: {error}", "Copy the base model again.") from error
    return content


@lru_cache(maxsize=16)
def _hash_of(path: Path, stamp: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for name, _, _ in stamp:
        digest.update(name.encode() + b"\0")
        with (path / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
