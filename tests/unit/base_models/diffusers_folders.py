"""Tiny diffusers folders for tests: the JSON files of a real one, and weights of a few bytes that nobody opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

INDEX: dict[str, Any] = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.42.1",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
UNET: dict[str, Any] = {"_class_name": "UNet2DConditionModel", "in_channels": 4, "cross_attention_dim": 768}
SCHEDULER: dict[str, Any] = {"_class_name": "DDIMScheduler", "prediction_type": "epsilon"}


def write_base_model(
    folder: Path,
    *,
    index: dict[str, Any] | None = None,
    unet: dict[str, Any] | None = None,
    scheduler: dict[str, Any] | None = None,
    weights: str = "model.safetensors",
) -> Path:
    """A folder that looks like SD1.5 but for what is given here. Each part's weights file holds 10 bytes."""
    parts = ["unet", "text_encoder", "vae"] + (["text_encoder_2"] if "text_encoder_2" in (index or {}) else [])
    for part in (*parts, "scheduler"):
        (folder / part).mkdir(parents=True)
    _write(folder / "model_index.json", index if index is not None else INDEX)
    _write(folder / "unet" / "config.json", {**UNET, **(unet or {})})
    _write(folder / "scheduler" / "scheduler_config.json", scheduler if scheduler is not None else SCHEDULER)
    for part in parts:
        (folder / part / weights).write_bytes(b"0123456789")
    return folder


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
