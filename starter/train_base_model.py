"""Train the starter's U-Net with its text encoder on cached latents of the corpus.

The text encoder comes from ``train_text_encoder.py`` and goes on learning here; no foreign weights are needed. Half the
batches use the last text layer and half the last but one, so that clip skip 1 and 2 both work on the result, as people
expect of an SD1.5 base. EMA weights are what is shipped.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from budget import Budget, load_checkpoint, save_checkpoint
from captions import Captions
from corpus import caption
from latents import load_chunks
from muon import MuonAndAdamW
from starter_layout import build_scheduler, build_text_encoder, build_tokenizer, build_unet, text_states
from workers import Workers

EMA_DECAY = 0.997
MAX_SNR = 5.0
MIN_SNR, MAX_WEIGHT = 0.5, 10.0
"""The loss of a timestep is weighted as if the picture were predicted with weight clamp(SNR, 0.5, 5): above, that is
min-SNR-5 (Hang and others, 2023); below, it keeps the noisiest steps in the loss, where captions decide colours."""


class Trainer:
    """Networks, data and the gradient of one worker's share of a batch."""

    def __init__(self, arguments: argparse.Namespace, networks: torch.nn.ModuleDict, scale: float | None) -> None:
        self.work, self.seed, self.networks = arguments.work, arguments.seed, networks
        self.batch = arguments.batch
        self.captions = Captions(build_tokenizer(arguments.bpe))
        self.alpha_bar = build_scheduler().alphas_cumprod
        snr = self.alpha_bar / (1 - self.alpha_bar)
        self.weight_of_timestep = (snr.clamp(MIN_SNR, MAX_SNR) / snr).clamp(max=MAX_WEIGHT)
        self.reload()
        self.scale = scale or 1.0 / float(self.latents.std())

    def reload(self) -> None:
        """Take in the chunks that were made since."""
        self.latents, self.tags = load_chunks(self.work)

    def backward(self, step: int, worker: int, num_pictures: int) -> float:
        """Add the gradient of this worker's pictures; the draws are a function of (seed, step, worker)."""
        if num_pictures > len(self.tags):
            self.reload()
        rng = np.random.default_rng([self.seed, step, worker])
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + step) * 16 + worker)
        chosen = rng.integers(0, num_pictures, self.batch)
        clean = self.latents[torch.from_numpy(chosen)] * self.scale
        ids = self.captions.ids([caption(self.tags[i], rng) for i in chosen], rng)
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.randint(0, 1000, (self.batch,), generator=generator)
        a = self.alpha_bar[timesteps].view(-1, 1, 1, 1)
        noisy = a.sqrt() * clean + (1 - a).sqrt() * noise
        states = text_states(self.networks["text_encoder"], ids, skip=1 + step % 2)
        predicted = self.networks["unet"](noisy, timesteps, states).sample
        error = (predicted - noise).pow(2).mean(dim=(1, 2, 3))
        loss = (error * self.weight_of_timestep[timesteps]).mean()
        loss.backward()
        return loss.item()


def earlier_weights(path: Path) -> dict[str, torch.Tensor]:
    """Averaged weights out of a checkpoint, or out of a base model folder as it is shipped, in fp32."""
    if path.is_file():
        return load_checkpoint(path)["ema"]
    weights: dict[str, torch.Tensor] = {}
    for name, tensor in load_file(path / "unet" / "diffusion_pytorch_model.safetensors").items():
        weights[f"unet.{name}"] = tensor.float()
    for name, tensor in load_file(path / "text_encoder" / "model.safetensors").items():
        weights[f"text_encoder.{name.removeprefix('text_model.')}"] = tensor.float()
    return weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--bpe", type=Path, required=True, help="bpe_simple_vocab_16e6.txt.gz")
    parser.add_argument("--minutes", type=float, default=300)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16, help="pictures a worker and step")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--start-from", type=Path, help="checkpoint of an earlier run, or the shipped folder")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    work: Path = arguments.work
    networks = torch.nn.ModuleDict({"unet": build_unet(), "text_encoder": build_text_encoder()})
    checkpoint = work / "base.pt"
    state = load_checkpoint(checkpoint)
    if state is None and arguments.start_from:
        networks.load_state_dict(earlier_weights(arguments.start_from))
    if state is None:
        taught = load_checkpoint(work / "text_encoder.pt")
        if taught is not None:
            weights = {n: v for n, v in taught["ema"].items() if n.startswith("text_encoder.")}
            # What read another text encoder begins anew.
            fresh = {f"unet.{n}": v for n, v in build_unet().state_dict().items() if ".attn2." in n}
            networks.load_state_dict(weights | fresh, strict=False)
    parameters = list(networks.parameters())
    embeddings = networks["text_encoder"].embeddings
    tables = [embeddings.token_embedding.weight, embeddings.position_embedding.weight]
    optimizer = MuonAndAdamW(parameters, arguments.learning_rate, weight_decay=0.0, tables=tables)
    ema = copy.deepcopy(networks)
    step, budget = 0, Budget(arguments.minutes)
    if state is not None:
        networks.load_state_dict(state["networks"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, budget = state["step"], Budget(arguments.minutes, state["spent_seconds"])
    trainer = Trainer(arguments, networks, state and float(state["scaling_factor"]))
    workers = Workers(parameters, list(ema.parameters()), optimizer, lambda _: trainer.backward, arguments.workers)
    losses: list[float] = []
    last_save = last_load = time.monotonic()

    def save() -> None:
        save_checkpoint(
            checkpoint,
            {
                "networks": networks.state_dict(),
                "ema": ema.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
                "scaling_factor": trainer.scale,
                "spent_seconds": budget.spent_seconds,
            },
        )

    while budget.progress < 1:
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        lr = budget.learning_rate(arguments.learning_rate)
        losses.append(workers.step(step, lr, decay, len(trainer.tags)))
        step += 1
        if step % 50 == 0:
            line = {
                "step": step,
                "minutes": round(budget.spent_seconds / 60, 2),
                "loss": round(sum(losses[-200:]) / len(losses[-200:]), 5),
                "pictures": len(trainer.tags),
                "seen": step * arguments.batch * arguments.workers,
            }
            print(json.dumps(line), flush=True)
        if time.monotonic() - last_save > 180:
            save()
            last_save = time.monotonic()
        if time.monotonic() - last_load > 120:
            trainer.reload()
            last_load = time.monotonic()
    workers.stop()
    save()


if __name__ == "__main__":
    main()
