"""How the engine's cost grows with pictures, steps, rank and resolution, as figures and as one drawing.

``python benchmarks/curves.py`` for all of it, ``--quick`` to see that it runs. Everything on the starter, in one
process, by processor time, so that other programs trouble it little:

* pictures: from the start of a run to its first step, with no latents kept from before and with all of them;
* steps: a whole run without previews, of so many steps;
* rank: one step, both parts trained;
* resolution: one step of one square picture; attention alone makes it grow by more than the pixels.

``growth`` is the cost of the last point by that of the first, over the same of what was varied: 1 is linear, less is
better. Where the work is linear it should be 1.05 at most; what is dear once makes it smaller.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]
os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from enogu import starter_data  # noqa: E402
from enogu.engine.adapters import kinds, lora  # noqa: E402
from enogu.engine.control import Asked, Between  # noqa: E402
from enogu.engine.data.latent_cache import Latents  # noqa: E402
from enogu.engine.data.loader import TrainSet  # noqa: E402
from enogu.engine.events import Event, Started  # noqa: E402
from enogu.engine.families import LoadedBase, load_base_model  # noqa: E402
from enogu.engine.loop import TrainingStopped, TrainPicture, _Run, train  # noqa: E402
from enogu.engine.memory import choose_compute  # noqa: E402
from enogu.recipe import TrainRecipe, recipe_from_values  # noqa: E402
from machine import machine  # noqa: E402

SIDE = 128
CAPTION = "mame, 1girl, green hair, smile, white background"
Curve = list[tuple[float, float]]
"""What was varied, and seconds."""


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")  # of the libraries
    torch.set_num_threads(options.threads)
    base = load_base_model(starter_data.path("base_model"), choose_compute("none", "cpu"))
    rounds = 1 if options.quick else options.rounds
    less = options.quick
    cold, warm = over_pictures(base, (8, 16) if less else (8, 16, 32, 64, 128))
    curves: dict[str, Curve] = {
        "pictures, to the first step, nothing kept": cold,
        "pictures, to the first step, latents kept": warm,
        "steps of a run": over_steps(base, (5, 10) if less else (10, 20, 40, 80, 160)),
        "rank, one step": over_ranks(base, (4, 8) if less else (4, 8, 16, 32, 64, 128), rounds),
        "pixels, one step": over_sides(base, (64, 128) if less else (64, 128, 192, 256, 320), rounds),
    }
    report: dict[str, Any] = {"machine": machine(), "quick": options.quick, "curves": {}}
    for name, curve in curves.items():
        report["curves"][name] = {"seconds": curve, "growth": round(growth(curve), 3)}
        print(f"{name}: growth {growth(curve):.3f}")
        print("".join(f"  {x:>8g} {seconds:9.4f} s\n" for x, seconds in curve), flush=True)
    print(json.dumps(report))
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        options.out.with_suffix(".svg").write_text(drawing(curves), encoding="utf-8")


def growth(curve: Curve) -> float:
    """1 when ten times as much costs ten times as much."""
    (first, least), (last, most) = curve[0], curve[-1]
    return (most / least) / (last / first)


def over_pictures(base: LoadedBase, counts: Sequence[int]) -> tuple[Curve, Curve]:
    """Pictures of noise, each another; cold, then again with what the first run kept."""
    cold: Curve = []
    warm: Curve = []
    with tempfile.TemporaryDirectory() as place:
        pictures = [_noise_picture(Path(place), number) for number in range(max(counts))]
        for count in counts:
            for curve in (cold, warm):
                seconds = _to_first_step(base, pictures[:count], Path(place) / f"cache-{count}")
                curve.append((count, seconds))
    return cold, warm


def _to_first_step(base: LoadedBase, pictures: Sequence[TrainPicture], cache: Path) -> float:
    began = time.process_time()
    seconds: list[float] = []
    has_started: list[Event] = []

    def emit(event: Event) -> None:
        if isinstance(event, Started):
            has_started.append(event)

    def stop(_: Between) -> Asked:
        if not has_started:
            return Asked()
        seconds.append(time.process_time() - began)
        return Asked(stop=True)

    with tempfile.TemporaryDirectory() as out:
        try:
            train(_recipe(), pictures, base, Path(out), emit, cache=cache, between_steps=stop)
        except TrainingStopped:
            return seconds[0]
    raise AssertionError("the run was not stopped")


def over_steps(base: LoadedBase, counts: Sequence[int]) -> Curve:
    """One picture so many times; the file at the end is written in all of them."""
    curve: Curve = []
    with tempfile.TemporaryDirectory() as place:
        picture = _noise_picture(Path(place), 0)
        for count in counts:
            recipe = _recipe()
            values = recipe.training.model_copy(update={"batch_size": 1, "epochs": count})
            began = time.process_time()
            saving = recipe.saving.model_copy(update={"every_n_epochs": count})
            whole = recipe.model_copy(update={"training": values, "saving": saving})
            train(whole, [picture], base, Path(place) / str(count), lambda _: None, cache=Path(place) / "cache")
            curve.append((count, time.process_time() - began))
    return curve


def over_ranks(base: LoadedBase, ranks: Sequence[int], rounds: int) -> Curve:
    """In turns, round by round."""
    return _in_turns({rank: _step(base, _recipe(dim=rank), SIDE) for rank in ranks}, rounds)


def over_sides(base: LoadedBase, sides: Sequence[int], rounds: int) -> Curve:
    """Squares, by their pixels."""
    return _in_turns({side * side: _step(base, _recipe(resolution=side), side) for side in sides}, rounds)


def _in_turns(steps: dict[int, Callable[[], None]], rounds: int) -> Curve:
    for step in steps.values():
        step()
    found: dict[int, list[float]] = {x: [] for x in steps}
    for _ in range(rounds):
        for x, step in steps.items():
            began = time.process_time()
            for _ in range(3):
                step()
            found[x].append((time.process_time() - began) / 3)
    return [(x, statistics.median(times)) for x, times in found.items()]


def _step(base: LoadedBase, recipe: TrainRecipe, side: int) -> Callable[[], None]:
    pictures = [TrainPicture(Path("none.png"), CAPTION, 50, side, side, "mame")]
    run = _Run(recipe, pictures, base, Path("unused"), lambda _: None, None)
    latents = Latents(torch.randn(4, side // 8, side // 8), torch.full((4, side // 8, side // 8), 0.1))
    run.set = TrainSet({(0, False): latents}, run.captions)
    updates = run.plan.epoch_updates(1)

    def step() -> None:
        kinds.attach(run.targets, run.parameters)
        run.step %= len(updates)
        run._update(updates[run.step], 1)
        lora.detach(run.targets)

    return step


def _noise_picture(folder: Path, number: int) -> TrainPicture:
    path = folder / f"{number}.png"
    pixels = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return TrainPicture(path, CAPTION, 1, SIDE, SIDE, "mame")


def _recipe(*, dim: int = 16, resolution: int = SIDE) -> TrainRecipe:
    return recipe_from_values(
        {
            "output_name": "curve",
            "pictures": {"resolution": resolution},
            "adapter": {"dim": dim},
            "training": {"batch_size": 2, "epochs": 1, "mixed_precision": "none", "clip_skip": 1},
        }
    )


# --- the drawing ----------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, EDGE = 300, 200, 44


def drawing(curves: dict[str, Curve]) -> str:
    """One panel a curve, from 0; dashed is the straight line from 0 through the last point."""
    panels = [_panel(name, curve, number) for number, (name, curve) in enumerate(curves.items())]
    rows = -(-len(panels) // 3)
    size = f'width="{3 * WIDTH}" height="{rows * HEIGHT}"'
    style = 'font-family="sans-serif" font-size="10"'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{ground}{"".join(panels)}</svg>\n'


def _panel(name: str, curve: Curve, number: int) -> str:
    left, top = number % 3 * WIDTH, number // 3 * HEIGHT
    (_, _), (most_x, last_y) = curve[0], curve[-1]
    most_y = max(y for _, y in curve)
    wide, high = WIDTH - EDGE - 16, HEIGHT - 2 * EDGE + 10

    def place(x: float, y: float) -> str:
        return f"{left + EDGE + x / most_x * wide:.1f},{top + HEIGHT - EDGE + 8 - y / most_y * high:.1f}"

    def text(x: float, y: float, words: str, anchor: str) -> str:
        return f'<text x="{left + x}" y="{top + y}" text-anchor="{anchor}">{words}</text>'

    bottom = HEIGHT - EDGE + 8
    line = " ".join(place(x, y) for x, y in curve)
    parts = [
        text(EDGE, 16, f"{name} (growth {growth(curve):.2f})", "start"),
        f'<polyline points="{place(0, most_y)} {place(0, 0)} {place(most_x, 0)}" fill="none" stroke="#888"/>',
        f'<polyline points="{place(0, 0)} {place(most_x, last_y)}" fill="none" stroke="#888" stroke-dasharray="4"/>',
        f'<polyline points="{line}" fill="none" stroke="#1864ab" stroke-width="2"/>',
        text(EDGE - 4, bottom - high + 4, f"{most_y:.3g} s", "end"),
        text(EDGE - 4, bottom, "0", "end"),
        text(WIDTH - 16, bottom + 14, f"{most_x:g}", "end"),
    ]
    for point in line.split():
        x, y = point.split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="#1864ab"/>')
    return "".join(parts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few points, one round: only to see that it runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--out", type=Path, help="also write the JSON report to this file, and the drawing beside it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
