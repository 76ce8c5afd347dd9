"""The tagger's script: what it writes is what it trained (``starter/train_tagger.py``)."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

STARTER = Path(__file__).parents[3] / "starter"


@pytest.fixture(scope="module")
def script() -> Any:
    """The script's module; renderer and onnx are only installed for making the starter."""
    for needed in ("dicebear", "pyvips", "onnx"):
        pytest.importorskip(needed)
    sys.path.insert(0, str(STARTER))
    try:
        import train_tagger

        return train_tagger
    finally:
        sys.path.remove(str(STARTER))


def test_the_written_onnx_file_answers_as_the_network_does(script: Any, tmp_path: Path) -> None:
    """Batch norms with statistics of their own, so that a wrong folding cannot go unseen."""
    torch.manual_seed(3)
    network = script.TaggerNetwork(4 + 2)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.uniform_(part.bias, -0.3, 0.3)
    script.write_tagger(tmp_path, network, ["green hair", "smile"], Counter({"green hair": 7, "smile": 5}), 0.4)
    pixels = np.random.default_rng(1).integers(0, 256, (3, 128, 128, 3), dtype=np.uint8)
    assert script.largest_difference(tmp_path, network, pixels) < 1e-4


def test_the_first_four_targets_are_the_ratings_and_general_is_always_right(script: Any) -> None:
    targets = script.targets_of([["smile"], ["green hair", "unknown"]], ["green hair", "smile"])
    assert targets.tolist() == [[1, 0, 0, 0, 0, 1], [1, 0, 0, 0, 1, 0]]


def test_the_best_threshold_is_the_one_with_the_best_mean_f1(script: Any) -> None:
    wanted = np.array([[True], [True], [False], [False]])
    probability = np.array([[0.9], [0.6], [0.5], [0.1]])
    threshold, score = script.best_threshold(probability, wanted, least_positives=1)
    assert 0.5 < threshold <= 0.6
    assert score == 1


def test_augmented_pictures_keep_their_range_and_take_the_side_asked_for(script: Any) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    made = [script.augmented(pixels, 80, torch.Generator().manual_seed(5)) for _ in range(2)]
    assert made[0].shape == (2, 3, 80, 80)
    assert made[0].min() >= -1
    assert made[0].max() <= 1
    assert torch.equal(*made)


def test_the_validation_and_held_out_ranges_share_no_number_with_each_other(script: Any) -> None:
    from corpus import HELD_OUT_START  # made importable by the fixture

    assert script.VALIDATION_START + 1_000_000 < HELD_OUT_START
