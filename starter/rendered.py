"""Rendered pictures as one memory-mapped array, made once per range and shared by the training scripts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from corpus import SIZE, Picture, draw, render
from scribbles import draw_scribble


def people(work: Path, start: int, count: int, processes: int = 2) -> np.ndarray:
    """Pictures ``start`` .. ``start + count``: uint8 [count, 128, 128, 3] RGB, read-only."""
    return _mapped(work / f"people-{start}-{count}.npy", _person, start, count, processes)


def scribbles(work: Path, start: int, count: int, processes: int = 2) -> np.ndarray:
    """uint8 [count, 128, 128, 3] RGB, read-only."""
    return _mapped(work / f"scribbles-{start}-{count}.npy", draw_scribble, start, count, processes)


def already_rendered(work: Path, start: int, count: int) -> np.ndarray | None:
    """Pictures ``start`` .. ``start + count`` from an array another script left in ``work``, if one holds them."""
    for path in work.glob("people-*-*.npy"):
        first, size = (int(number) for number in path.stem.split("-")[1:])
        if first <= start and start + count <= first + size:
            return np.load(path, mmap_mode="r")[start - first : start - first + count]
    return None


def tags_of_range(work: Path, name: str, draw_one: Callable[[int], Picture], start: int, count: int) -> list[list[str]]:
    """The tags of each picture of a range, kept beside the pixels, since drawing is slower than training here."""
    path = work / f"{name}-tags-{start}-{count}.json"
    if not path.exists():
        path.write_text(json.dumps([draw_one(index).tags for index in range(start, start + count)]), "utf-8")
    return json.loads(path.read_text("utf-8"))


def _person(index: int) -> np.ndarray:
    return render(draw(index))


def _mapped(path: Path, draw_one: Callable[[int], np.ndarray], start: int, count: int, processes: int) -> np.ndarray:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".tmp")
        out = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=(count, SIZE, SIZE, 3))
        with Pool(processes) as pool:
            for i, pixels in enumerate(pool.imap(draw_one, range(start, start + count), chunksize=64)):
                out[i] = pixels
        out.flush()
        del out
        aside.replace(path)
    return np.load(path, mmap_mode="r")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--count", type=int, default=24_000)
    arguments = parser.parse_args()
    print(people(arguments.work, arguments.start, arguments.count).shape)
