"""Measure the shipped tagger on held-out people, through its ONNX file as a user runs it, and print JSON.

Macro-F1 is the plain mean of F1 over every tag that at least ``--least-positives`` held-out pictures have, at the
recommended threshold, which was chosen on other pictures (``train_tagger.VALIDATION_START``). The seven mame pictures
are tagged as well: she is in nobody's training data, so they show how far the parts carry over.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from corpus import HELD_OUT_START, draw
from enogu.tagging.wd14 import Wd14Tagger
from make_picture_sets import MAME_SET
from make_picture_sets import OUT as PICTURES
from mascot import draw_mixture, tags_of
from rendered import people
from train_tagger import MIXTURE_SHARE, f1_per_tag, mixtures, tags_of_range
from train_tagger import OUT as TAGGER


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="where rendered pictures are kept")
    parser.add_argument("--tagger", type=Path, default=TAGGER)
    parser.add_argument("--pictures", type=int, default=4_000)
    parser.add_argument("--least-positives", type=int, default=50)
    parser.add_argument("--table", action="store_true", help="also print every counted tag")
    arguments = parser.parse_args()
    tagger = ShippedTagger(arguments.tagger)
    num_mixtures = round(arguments.pictures * MIXTURE_SHARE)
    num_people = arguments.pictures - num_mixtures
    ranges = {
        "people": (
            people(arguments.work, HELD_OUT_START, num_people, processes=1),
            tags_of_range(arguments.work, "people", draw, HELD_OUT_START, num_people),
        ),
        "mixtures": (
            mixtures(arguments.work, HELD_OUT_START, num_mixtures),
            tags_of_range(arguments.work, "mixtures", draw_mixture, HELD_OUT_START, num_mixtures),
        ),
    }
    found = {name: tagger.probabilities(pixels) >= tagger.threshold for name, (pixels, _) in ranges.items()}
    wanted = {name: wanted_of(tags, tagger.names) for name, (_, tags) in ranges.items()}
    all_found, all_wanted = np.concatenate(list(found.values())), np.concatenate(list(wanted.values()))
    report: dict[str, object] = {
        "threshold": tagger.threshold,
        "pictures": arguments.pictures,
        "tags": len(tagger.names),
    }
    report |= scores(all_found, all_wanted, tagger.names, arguments.least_positives)
    for name in ranges:
        report[name] = scores(found[name], wanted[name], tagger.names, arguments.least_positives)
    report["mame"] = mame_report(arguments.tagger)
    if arguments.table:
        report["table"] = table(all_found, all_wanted, tagger.names, arguments.least_positives)
    print(json.dumps(report, indent=1))


class ShippedTagger:
    """The folder's ONNX file, names with spaces, and threshold; ratings are left out."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        with (folder / "selected_tags.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self._columns = [i for i, row in enumerate(rows) if row["category"] != "9"]
        self.names = [rows[i]["name"].replace("_", " ") for i in self._columns]
        self.threshold = float(json.loads((folder / "tagger.json").read_text("utf-8"))["recommended_threshold"])

    def probabilities(self, pixels: np.ndarray, batch: int = 64) -> np.ndarray:
        """uint8 [N, 128, 128, 3] RGB to [N, tags]."""
        parts: list[np.ndarray] = []
        for start in range(0, len(pixels), batch):
            bgr = np.ascontiguousarray(pixels[start : start + batch][..., ::-1]).astype(np.float32)
            parts.append(self._session.run(None, {self._session.get_inputs()[0].name: bgr})[0])
        return np.concatenate(parts)[:, self._columns]


def wanted_of(tags: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    """Boolean [pictures, names]."""
    return np.array([[name in present for name in names] for present in map(set, tags)])


def scores(found: np.ndarray, wanted: np.ndarray, names: Sequence[str], least_positives: int) -> dict[str, object]:
    """Macro and micro F1, and the ten weakest of the tags that count."""
    counted = wanted.sum(axis=0) >= least_positives
    f1 = f1_per_tag(found, wanted)
    weakest = sorted((round(float(f1[i]), 3), names[i]) for i in np.flatnonzero(counted))[:10]
    hits = (found & wanted).sum()
    return {
        "macro_f1": round(float(f1[counted].mean()), 4),
        "counted_tags": int(counted.sum()),
        "micro_f1": round(float(2 * hits / (found.sum() + wanted.sum())), 4),
        "weakest": weakest,
    }


def table(found: np.ndarray, wanted: np.ndarray, names: Sequence[str], least_positives: int) -> list[dict[str, object]]:
    """One row a counted tag, weakest first."""
    f1 = f1_per_tag(found, wanted)
    hits = (found & wanted).sum(axis=0)
    rows: list[dict[str, object]] = [
        {
            "tag": names[i],
            "f1": round(float(f1[i]), 3),
            "precision": round(float(hits[i] / max(1, found[:, i].sum())), 3),
            "recall": round(float(hits[i] / wanted[:, i].sum()), 3),
            "positives": int(wanted[:, i].sum()),
        }
        for i in np.argsort(f1)
        if wanted[:, i].sum() >= least_positives
    ]
    return rows


def mame_report(folder: Path) -> list[dict[str, object]]:
    """What ``enogu tag`` would say of each mame picture, against what was drawn."""
    tagger = Wd14Tagger(folder, num_threads=1)
    rows: list[dict[str, object]] = []
    for number, sprite in enumerate(MAME_SET, 1):
        with Image.open(PICTURES / "mame" / f"mame_{number:02d}.png") as image:
            (tags,) = tagger.tag([image])
        kept = [tag for tag in tags if tag.category != "rating" and tag.probability >= tagger.recommended_threshold]
        found, drawn = {tag.name.replace("_", " ") for tag in kept}, set(tags_of(sprite))
        right, missed, wrong = sorted(found & drawn), sorted(drawn - found), sorted(found - drawn)
        rows.append({"picture": number, "right": right, "missed": missed, "wrong": wrong})
    return rows


if __name__ == "__main__":
    main()
