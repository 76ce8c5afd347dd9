"""The committed loss curves: what is learnt does not change unless somebody means it to (issue 2, section 7)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.golden.write_losses import CURVES, GOLDEN_FILE, losses_of

TOLERANCE = 1e-4
"""Relative. Processors add up in different orders, which grows to some 1e-6 over these steps; a changed draw, formula
or order of batches moves a loss by more than 1e-2."""


@pytest.mark.parametrize("curve", CURVES)
def test_the_loss_curve_is_the_committed_one(curve: str, tmp_path: Path) -> None:
    golden = json.loads(GOLDEN_FILE.read_text("utf-8"))
    assert golden.keys() == CURVES.keys()
    assert losses_of(curve, tmp_path) == pytest.approx(golden[curve], rel=TOLERANCE)
