"""Put the trained parts together as a diffusers folder in fp16: the base model ``starter`` as it is shipped."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from budget import load_checkpoint
from starter_layout import build_scheduler, build_text_encoder, build_tokenizer, build_unet
from train_autoencoder import LOGVAR_BIAS
from train_autoencoder import build as build_autoencoder

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_name_or_path": "enogu/starter",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}


def assemble(work: Path, bpe: Path, target: Path) -> None:
    """Write the folder anew from ``base.pt`` and ``decoder.pt`` (or ``autoencoder.pt`` without one) in ``work``."""
    aside = target.with_name(f".{target.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    base = load_checkpoint(work / "base.pt")
    autoencoder = load_checkpoint(work / "decoder.pt") or load_checkpoint(work / "autoencoder.pt")
    if base is None or autoencoder is None:
        raise SystemExit("base.pt or autoencoder.pt is missing: train them first.")
    _save_autoencoder(aside / "vae", autoencoder["ema"], base["scaling_factor"])
    unet, text_encoder = build_unet(), build_text_encoder()
    torch.nn.ModuleDict({"unet": unet, "text_encoder": text_encoder}).load_state_dict(base["ema"])
    unet.half().save_pretrained(aside / "unet")
    _save_text_encoder(aside / "text_encoder", text_encoder)
    build_scheduler().save_pretrained(aside / "scheduler")
    build_tokenizer(bpe).save_pretrained(aside / "tokenizer")
    (aside / "model_index.json").write_text(json.dumps(INDEX, indent=2) + "\n")
    shutil.rmtree(target, ignore_errors=True)
    aside.replace(target)


def _save_autoencoder(folder: Path, weights: dict[str, torch.Tensor], scaling_factor: float) -> None:
    network = build_autoencoder()
    network.load_state_dict(weights)
    with torch.no_grad():  # the log-variance half of the posterior: almost no spread, whatever the picture
        network.quant_conv.weight[4:] = 0
        network.quant_conv.bias[4:] = LOGVAR_BIAS
    network.register_to_config(scaling_factor=round(scaling_factor, 5))
    network.half().save_pretrained(folder)


def _save_text_encoder(folder: Path, network: torch.nn.Module) -> None:
    """With the ``text_model.`` prefix that every tool but transformers 5 expects (transformers 5 reads it too)."""
    network.half().save_pretrained(folder)
    tensors = {f"text_model.{name}": value.contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--bpe", type=Path, required=True, help="bpe_simple_vocab_16e6.txt.gz")
    parser.add_argument("--target", type=Path, default=Path("../src/enogu/starter_data/base_model"))
    arguments = parser.parse_args()
    assemble(arguments.work, arguments.bpe, arguments.target)
    size = sum(path.stat().st_size for path in arguments.target.rglob("*") if path.is_file())
    print(json.dumps({"folder": str(arguments.target), "megabytes": round(size / 1e6, 1)}))


if __name__ == "__main__":
    main()
