"""Train the starter's text encoder before its U-Net: from a caption's states a small head paints a thumbnail.

A U-Net that predicts noise has little use for its caption at first: all but a few hundredths of its loss can be had
from the noisy picture alone, and in 26,000 pictures it did not learn to read colours (``docs/log.md``). A head that
sees nothing but the caption has no other source. The states that are trained are the ones a U-Net reads, after the last
layer and after the last but one (clip skip 1 and 2).
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
from transformers import CLIPTextModel

from budget import Budget, load_checkpoint, save_checkpoint
from captions import Captions
from corpus import HELD_OUT_START, caption, draw
from muon import MuonAndAdamW
from rendered import people, tags_of_range
from starter_layout import TEXT_WIDTH, build_text_encoder, build_tokenizer, text_states
from train_autoencoder import to_tensor
from workers import Backward, Workers

EMA_DECAY = 0.995
GRID = 8
PATCH = 4
"""The thumbnail has GRID * PATCH pixels a side; each of the head's questions paints one patch."""
TOKEN_SPREAD, POSITION_SPREAD = 0.2, 0.05
"""Standard deviations at the start. Words that no caption holds keep theirs, and so stay distinct: triggers."""


class Painter(torch.nn.Module):
    """States [B, 77, C] to a thumbnail [B, 3, 32, 32] in -1..1, by two layers of cross-attention."""

    def __init__(self, width: int = TEXT_WIDTH, num_layers: int = 2, num_heads: int = 4) -> None:
        super().__init__()
        self.questions = torch.nn.Parameter(torch.randn(GRID * GRID, width) * 0.2)
        self.layers = torch.nn.ModuleList(
            torch.nn.TransformerDecoderLayer(width, num_heads, 2 * width, 0.0, batch_first=True, norm_first=True)
            for _ in range(num_layers)
        )
        self.paint = torch.nn.Linear(width, 3 * PATCH * PATCH)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        x = self.questions.expand(len(states), -1, -1)
        for layer in self.layers:
            x = layer(x, states)
        patches = self.paint(x).view(-1, GRID, GRID, 3, PATCH, PATCH)
        return patches.permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, GRID * PATCH, GRID * PATCH)


def fresh_text_encoder() -> CLIPTextModel:
    """With embeddings large enough that words differ from the first step on."""
    network = build_text_encoder()
    torch.nn.init.normal_(network.embeddings.token_embedding.weight, std=TOKEN_SPREAD)
    torch.nn.init.normal_(network.embeddings.position_embedding.weight, std=POSITION_SPREAD)
    return network


def thumbnails(pictures: np.ndarray) -> torch.Tensor:
    """uint8 [N, 128, 128, 3] to float32 [N, 3, 32, 32] in -1..1, by area."""
    return F.avg_pool2d(to_tensor(pictures), 128 // (GRID * PATCH))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--bpe", type=Path, required=True, help="bpe_simple_vocab_16e6.txt.gz")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--batch", type=int, default=32, help="captions a worker and step")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--pictures", type=int, default=24_000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    work: Path = arguments.work
    networks = torch.nn.ModuleDict({"text_encoder": fresh_text_encoder(), "painter": Painter()})
    parameters = list(networks.parameters())
    embeddings = networks["text_encoder"].embeddings
    tables = [embeddings.token_embedding.weight, embeddings.position_embedding.weight, networks["painter"].questions]
    optimizer = MuonAndAdamW(parameters, arguments.learning_rate, weight_decay=0.0, tables=tables)
    ema = copy.deepcopy(networks)
    checkpoint = work / "text_encoder.pt"
    state = load_checkpoint(checkpoint)
    step, budget = 0, Budget(arguments.minutes)
    if state is not None:
        networks.load_state_dict(state["networks"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, budget = state["step"], Budget(arguments.minutes, state["spent_seconds"])
    pictures = people(work, 0, arguments.pictures)
    tags = [tuple(t) for t in tags_of_range(work, "people", draw, 0, arguments.pictures)]
    captions = Captions(build_tokenizer(arguments.bpe))
    held_out = thumbnails(people(work, HELD_OUT_START, 96))
    held_out_texts = [", ".join(t) for t in tags_of_range(work, "people", draw, HELD_OUT_START, 96)]

    def backward_for(_: int) -> Backward:
        def backward(step: int, worker: int, _: int) -> float:
            rng = np.random.default_rng([arguments.seed, step, worker])
            chosen = np.sort(rng.integers(0, len(tags), arguments.batch))
            ids = captions.ids([caption(tags[i], rng, empty=0.02) for i in chosen], rng)
            painted = networks["painter"](text_states(networks["text_encoder"], ids, skip=1 + step % 2))
            loss = F.mse_loss(painted, thumbnails(pictures[chosen]))
            loss.backward()
            return loss.item()

        return backward

    def held_out_losses() -> dict[str, float]:
        """Of the right captions, and of the captions of other pictures."""
        found: dict[str, float] = {}
        with torch.no_grad():
            for skip in (1, 2):
                states = text_states(ema["text_encoder"], captions.ids(held_out_texts), skip)
                for name, shift in (("right", 0), ("wrong", 1)):
                    painted = ema["painter"](states.roll(shift, 0))
                    found[f"{name}, clip skip {skip}"] = round(float(F.mse_loss(painted, held_out)), 4)
        return found

    def save() -> None:
        save_checkpoint(
            checkpoint,
            {
                "networks": networks.state_dict(),
                "ema": ema.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
                "spent_seconds": budget.spent_seconds,
            },
        )

    workers = Workers(parameters, list(ema.parameters()), optimizer, backward_for, arguments.workers)
    losses: list[float] = []
    last_save = time.monotonic()
    while budget.progress < 1:
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        losses.append(workers.step(step, budget.learning_rate(arguments.learning_rate), decay))
        step += 1
        if step % 100 == 0:
            line = {
                "step": step,
                "minutes": round(budget.spent_seconds / 60, 2),
                "loss": round(sum(losses[-100:]) / 100, 4),
            }
            print(json.dumps(line | held_out_losses()), flush=True)
        if time.monotonic() - last_save > 120:
            save()
            last_save = time.monotonic()
    workers.stop()
    save()
    print(json.dumps({"step": step} | held_out_losses()))


if __name__ == "__main__":
    main()
