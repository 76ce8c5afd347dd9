"""Train the tiny base as the golden loss curves were made.

``python -m tests.golden.write_losses`` renews them. Do it only when a change is meant to alter what is learnt, and
say so in the commit: a refactor must show identical curves.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.tiny_base import write_tiny_base
from tests.unit.engine.tiny_run import load_tiny_base, tiny_recipe, tiny_train, write_tiny_pictures

GOLDEN_FILE = Path(__file__).with_name("tiny_base_losses.json")
_COMMON = ("training.epochs=6", "saving.every_n_epochs=6", "optimizer.learning_rate=0.002")
CURVES: dict[str, tuple[str, ...]] = {
    "plain": _COMMON,
    "every option": (
        *_COMMON,
        "captions.shuffle=true",
        "captions.tag_dropout_rate=0.2",
        "captions.max_token_length=150",
        "pictures.flip=true",
        "noise.min_snr_gamma=5",
        "noise.offset=0.1",
        "noise.multires_iterations=4",
        "training.gradient_accumulation=2",
        "training.clip_skip=2",
        "schedule.kind=cosine_with_restarts",
        "schedule.warmup_percent=10",
        "schedule.cycles=2",
    ),
}


def losses_of(curve: str, folder: Path) -> list[float]:
    """One loss a step of the run ``curve``; everything it needs is made in ``folder``."""
    base = load_tiny_base(write_tiny_base(folder / "base"))
    pictures = write_tiny_pictures(folder / "pictures")
    return tiny_train(tiny_recipe(*CURVES[curve]), pictures, base, folder / "out").losses


def main() -> None:
    curves: dict[str, list[float]] = {}
    for curve in CURVES:
        with tempfile.TemporaryDirectory() as folder:
            curves[curve] = [float(f"{loss:.7g}") for loss in losses_of(curve, Path(folder))]
    GOLDEN_FILE.write_text(json.dumps(curves, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
