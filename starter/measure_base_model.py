"""Measure the shipped base model on held-out data and print it: autoencoder PSNR, and how much of what a caption asks
for the shipped tagger finds in the drawn pictures, beside what it finds in real renders of the same captions.

An attribute counts when the tagger knows its tag; it is found when the tagger's probability reaches its recommended
threshold. Captions are complete (no dropped tags) and of held-out numbers. The contact sheet is to be looked at.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from corpus import HELD_OUT_START, draw, render
from enogu import starter_data
from enogu.engine.families import load_base_model
from enogu.engine.memory import choose_compute
from enogu.engine.sample import DrawRequest
from enogu.engine.sample import draw as draw_picture
from enogu.tagging.wd14 import Wd14Tagger

FIRST = HELD_OUT_START + 5_000


def psnr_of(base: object, count: int) -> float:
    """Mean PSNR in dB of the shipped fp16 autoencoder's round trips over held-out renders."""
    values: list[float] = []
    for number in range(count):
        pixels = render(draw(FIRST + number)).astype(np.float32) / 127.5 - 1
        wanted = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        mean, _ = base.family.encode_pictures(base, wanted)
        decoded = base.family.decode_latents(base, mean * base.scaling_factor)
        values.append(float(-10 * torch.log10(((decoded - wanted) / 2).pow(2).mean())))
    return float(np.mean(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, default=starter_data.path("base_model"))
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cfg", type=float, default=4.0)
    parser.add_argument("--psnr-pictures", type=int, default=200)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of the first 40: render above, drawing below")
    arguments = parser.parse_args()
    base = load_base_model(arguments.base, choose_compute("none"))
    report: dict[str, object] = {"autoencoder_psnr_db": round(psnr_of(base, arguments.psnr_pictures), 2)}
    tagger = Wd14Tagger(starter_data.path("tagger"))
    threshold = tagger.recommended_threshold
    found: dict[str, dict[str, list[int]]] = {"drawn": defaultdict(list), "rendered": defaultdict(list)}
    shown: list[tuple[np.ndarray, np.ndarray]] = []
    began = time.monotonic()
    for number in range(arguments.count):
        picture = draw(FIRST + number)
        request = DrawRequest(
            prompt=", ".join(picture.tags),
            width=128,
            height=128,
            steps=arguments.steps,
            cfg=arguments.cfg,
            seed=number,
        )
        images = {"drawn": draw_picture(base, request)[0].image, "rendered": Image.fromarray(render(picture))}
        for kind, tags in zip(images, tagger.tag(list(images.values())), strict=True):
            probability = {tag.name.replace("_", " "): tag.probability for tag in tags}
            for wanted in picture.tags:
                if wanted in probability:
                    found[kind][wanted].append(int(probability[wanted] >= threshold))
        if len(shown) < 40:
            shown.append((np.asarray(images["rendered"]), np.asarray(images["drawn"])))
        if number % 50 == 49:
            print(json.dumps({"drawn": number + 1, "seconds": round(time.monotonic() - began)}), flush=True)
    for kind, tags in found.items():
        hits = [hit for values in tags.values() for hit in values]
        report[f"share_of_attributes_found_{kind}"] = round(float(np.mean(hits)), 4)
    groups = {"style": "style", "hair colour": "hair", "background": "background", "skin": "skin"}
    report["by_group_drawn"] = {
        name: round(float(np.mean([h for tag, v in found["drawn"].items() if tag.endswith(end) for h in v])), 3)
        for name, end in groups.items()
    }
    report |= {"pictures": arguments.count, "steps": arguments.steps, "cfg": arguments.cfg, "threshold": threshold}
    if arguments.sheet:
        rows = [shown[start : start + 10] for start in range(0, len(shown), 10)]
        bands = [
            np.concatenate([np.concatenate([pair[side] for pair in row], 1) for side in (0, 1)], 0) for row in rows
        ]
        Image.fromarray(np.concatenate(bands, 0)).save(arguments.sheet, optimize=True)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
