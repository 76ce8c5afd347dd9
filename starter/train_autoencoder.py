"""Train the starter's AutoencoderKL (f8, 4 channels) as a plain autoencoder, then, with ``--decoder-only``, its
decoder alone.

Why not as a VAE from the start: sampling the posterior of an untrained encoder drowns the picture in noise and two
cores never dig it out. A little *fixed* noise on latents that are held at unit spread gives the same smoothness.
The log-variance half of the encoder's output is then set low, so that diffusers' ``latent_dist.sample()`` and
``.mode()`` agree. Freezing the encoder for the second stage keeps the latents, so a U-Net can be trained on them
while the decoder still improves.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from safetensors.torch import load_file

from budget import Budget, load_checkpoint, save_checkpoint
from corpus import HELD_OUT_START
from muon import MuonAndAdamW
from rendered import people, scribbles
from workers import Backward, Workers

LATENT_NOISE = 0.05
LOGVAR_BIAS = -12.0
EMA_DECAY = 0.997


def build() -> AutoencoderKL:
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(16, 32, 64, 96),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=128,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def loss_of(pixels: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """L1 plus an L1 on image gradients (edges carry a flat drawing). Inputs [B, 3, H, W] in -1..1."""
    dx = (pixels - wanted).diff(dim=3).abs().mean()
    dy = (pixels - wanted).diff(dim=2).abs().mean()
    return F.l1_loss(pixels, wanted) + 0.5 * F.mse_loss(pixels, wanted) + (dx + dy)


def psnr(network: AutoencoderKL, pictures: np.ndarray, batch: int = 16) -> float:
    """Mean PSNR in dB of round trips through the latent mean; pictures uint8 [N, H, W, 3]."""
    values: list[float] = []
    with torch.no_grad():
        for start in range(0, len(pictures), batch):
            wanted = to_tensor(pictures[start : start + batch])
            decoded = network.decode(network.encode(wanted).latent_dist.mode()).sample.clamp(-1, 1)
            mse = ((decoded - wanted) / 2).pow(2).mean(dim=(1, 2, 3)).clamp(min=1e-8)
            values += (-10 * torch.log10(mse)).tolist()
    return float(np.mean(values))


def to_tensor(pixels: np.ndarray) -> torch.Tensor:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W] in -1..1."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def crops(rng: np.random.Generator, sources: list[tuple[np.ndarray, float]], batch: int, size: int) -> torch.Tensor:
    """Random crops with flips and, for one in seven, permuted colour channels.

    Of three places the one with the most edges is taken three times of four: half of a drawing is flat ground, which
    teaches nothing after the first minutes.
    """
    out = np.empty((batch, size, size, 3), np.uint8)
    for i in range(batch):
        pictures = sources[int(rng.choice(len(sources), p=[weight for _, weight in sources]))][0]
        picture = pictures[int(rng.integers(len(pictures)))]
        places = rng.integers(0, 128 - size + 1, (3, 2))
        candidates = [picture[y : y + size, x : x + size] for x, y in places]
        crop = max(candidates, key=_edges) if rng.random() < 0.75 else candidates[0]
        if rng.random() < 0.5:
            crop = crop[:, ::-1]
        if rng.random() < 0.15:
            crop = crop[..., rng.permutation(3)]
        out[i] = crop
    return to_tensor(out)


def _edges(pixels: np.ndarray) -> float:
    green = pixels[::2, ::2, 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())


def earlier_weights(path: Path) -> dict[str, torch.Tensor]:
    """Averaged weights out of a checkpoint, or out of a base model folder as it is shipped, in fp32."""
    if path.is_file():
        return load_checkpoint(path)["ema"]
    tensors = load_file(path / "vae" / "diffusion_pytorch_model.safetensors")
    return {name: tensor.float() for name, tensor in tensors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="checkpoints and rendered pictures")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8, help="crops a worker and step")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--crop", type=int, default=64)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--pictures", type=int, default=24_000)
    parser.add_argument("--start-from", type=Path, help="checkpoint of an earlier run, or the shipped folder")
    parser.add_argument("--decoder-only", action="store_true", help="second stage: the encoder stays as it is")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    work: Path = arguments.work
    stage = "decoder" if arguments.decoder_only else "autoencoder"
    network = build()
    checkpoint = work / f"{stage}.pt"
    state = load_checkpoint(checkpoint)
    if state is None and arguments.decoder_only:
        network.load_state_dict(load_checkpoint(work / "autoencoder.pt")["ema"])
    if state is None and arguments.start_from:
        network.load_state_dict(earlier_weights(arguments.start_from))
    if arguments.decoder_only:
        network.encoder.requires_grad_(False)
        network.quant_conv.requires_grad_(False)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = MuonAndAdamW(trained, arguments.learning_rate, weight_decay=1e-4)
    ema = copy.deepcopy(network)
    step, budget = 0, Budget(arguments.minutes)
    if state is not None:
        network.load_state_dict(state["network"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, budget = state["step"], Budget(arguments.minutes, state["spent_seconds"])
    sources = [(people(work, 0, arguments.pictures), 0.9), (scribbles(work, 0, 2_000), 0.1)]
    held_out = people(work, HELD_OUT_START, 96)

    def save() -> None:
        save_checkpoint(
            checkpoint,
            {
                "network": network.state_dict(),
                "ema": ema.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
                "spent_seconds": budget.spent_seconds,
            },
        )

    def backward_for(worker: int) -> Backward:
        torch.manual_seed(arguments.seed * 1_000 + worker + step)

        def backward(step: int, worker: int, _: int) -> float:
            rng = np.random.default_rng([arguments.seed, int(arguments.decoder_only), step, worker])
            wanted = crops(rng, sources, arguments.batch, arguments.crop)
            with torch.set_grad_enabled(not arguments.decoder_only):
                latents = network.encode(wanted).latent_dist.mean
            decoded = network.decode(latents + LATENT_NOISE * torch.randn_like(latents)).sample
            loss = loss_of(decoded, wanted)
            if not arguments.decoder_only:
                spread = latents.float().flatten(2).transpose(0, 1).flatten(1)
                loss = loss + 0.02 * ((spread.std(dim=1) - 1) ** 2 + spread.mean(dim=1) ** 2).mean()
            loss.backward()
            return loss.item()

        return backward

    averaged = [a for a, p in zip(ema.parameters(), network.parameters(), strict=True) if p.requires_grad]
    workers = Workers(trained, averaged, optimizer, backward_for, arguments.workers)
    losses: list[float] = []
    last_save = time.monotonic()
    while budget.progress < 1:
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        losses.append(workers.step(step, budget.learning_rate(arguments.learning_rate), decay))
        step += 1
        if step % 100 == 0:
            print(
                json.dumps(
                    {
                        "stage": stage,
                        "step": step,
                        "minutes": round(budget.spent_seconds / 60, 2),
                        "loss": round(sum(losses[-100:]) / 100, 4),
                    }
                ),
                flush=True,
            )
        if step % 500 == 0:
            print(json.dumps({"step": step, "held_out_psnr": round(psnr(ema, held_out), 2)}), flush=True)
        if time.monotonic() - last_save > 120:
            save()
            last_save = time.monotonic()
    workers.stop()
    save()
    print(json.dumps({"stage": stage, "step": step, "held_out_psnr": round(psnr(ema, held_out), 2)}))


if __name__ == "__main__":
    main()
