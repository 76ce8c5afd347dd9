"""Latents and tags of the corpus, in chunks that a second process can go on making while the U-Net already trains."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from budget import load_checkpoint
from corpus import draw, render
from rendered import already_rendered
from train_autoencoder import build, to_tensor

CHUNK = 2_000


def make_chunk(work: Path, number: int, network: torch.nn.Module, batch: int = 25) -> None:
    """Chunk ``number`` holds pictures number*CHUNK ..: float16 [CHUNK, 4, 16, 16] and their tags."""
    target = work / f"latents-{number:03d}.npy"
    if target.exists():
        return
    latents = np.empty((CHUNK, 4, 16, 16), np.float16)
    tags: list[tuple[str, ...]] = []
    rendered = already_rendered(work, number * CHUNK, CHUNK)
    for start in range(0, CHUNK, batch):
        drawn = [draw(number * CHUNK + start + i) for i in range(batch)]
        if rendered is None:
            pixels = to_tensor(np.stack([render(picture) for picture in drawn]))
        else:
            pixels = to_tensor(rendered[start : start + batch])
        with torch.no_grad():
            latents[start : start + batch] = network.encode(pixels).latent_dist.mode().numpy()
        tags += [picture.tags for picture in drawn]
    (work / f"tags-{number:03d}.json").write_text(json.dumps(tags))
    aside = target.with_suffix(".tmp")
    with aside.open("wb") as file:
        np.save(file, latents)
    aside.replace(target)


def load_chunks(work: Path) -> tuple[torch.Tensor, list[tuple[str, ...]]]:
    """Every whole chunk made so far, in order: float32 [N, 4, 16, 16] and N tag lists."""
    arrays: list[np.ndarray] = []
    tags: list[tuple[str, ...]] = []
    for path in sorted(work.glob("latents-*.npy")):
        arrays.append(np.load(path))
        tags += [
            tuple(t)
            for t in json.loads((work / path.name.replace("latents", "tags").replace("npy", "json")).read_text())
        ]
    return torch.from_numpy(np.concatenate(arrays)).float(), tags


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--chunks", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    network = build()
    network.load_state_dict(load_checkpoint(arguments.work / "autoencoder.pt")["ema"])
    for number in range(arguments.first, arguments.first + arguments.chunks):
        make_chunk(arguments.work, number, network)
        print(json.dumps({"chunk": number}), flush=True)


if __name__ == "__main__":
    main()
