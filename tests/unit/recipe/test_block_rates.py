"""Rates of single blocks: sd-scripts' lists and presets (F15; facts/trainers.md 2j)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from enogu.errors import RecipeRefused
from enogu.recipe import recipe_from_values
from enogu.recipe.block_rates import block_factors

TWELVE = ",".join(str(number / 10) for number in range(12))


def test_a_list_has_one_number_a_block_and_sdxl_one_more_at_each_end() -> None:
    """25 on SD1.5 as 12, 1 and 12; 23 on SDXL as 1, 9, 3, 9 and 1."""
    found = block_factors(TWELVE, "0.5", "", 25)
    assert found is not None
    assert found == pytest.approx([*(number / 10 for number in range(12)), 0.5, *([1] * 12)])
    nine = ",".join(["2"] * 9)
    assert block_factors("", "0,1,0", nine, 23) == (1, *([1] * 9), 0, 1, 0, *([2] * 9), 1)
    assert block_factors("", "", "", 25) is None


def test_presets_are_the_curves_of_sd_scripts() -> None:
    def down(text: str) -> list[float]:
        found = block_factors(text, "", "", 25)
        assert found is not None
        return list(found[:12])

    wave = [math.sin(math.pi / 2 * number / 11) for number in range(12)]
    assert down("sine") == pytest.approx(wave)
    assert down("cosine") == pytest.approx(wave[::-1])
    assert down("linear") == pytest.approx([number / 11 for number in range(12)])
    assert down("reverse_linear+.25") == pytest.approx([0.25 + number / 11 for number in reversed(range(12))])
    assert down("zeros") == [0.0] * 12


@pytest.mark.parametrize(("text", "num_blocks"), [(TWELVE, 23), (",".join(["1"] * 9), 25), (TWELVE, 57)])
def test_a_list_for_another_family_fits_no_u_net(text: str, num_blocks: int) -> None:
    with pytest.raises(ValueError, match="blocks"):
        block_factors(text, "", "", num_blocks)


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({"down_block_rates": "1,1,1"}, "optimizer.down_block_rates", "12 for SD1.5 or 9 for SDXL"),
        ({"up_block_rates": "wave"}, "optimizer.up_block_rates", "one of cosine, sine"),
        ({"middle_block_rates": "1,2"}, "optimizer.middle_block_rates", "1 for SD1.5 or 3 for SDXL"),
        ({"middle_block_rates": "-1"}, "optimizer.middle_block_rates", "0 to 100"),
        ({"down_block_rates": TWELVE, "middle_block_rates": "1,1,1"}, "optimizer.middle_block_rates", "family has"),
        ({"kind": "prodigy", "down_block_rates": "sine"}, "optimizer.down_block_rates", "every rate is 1"),
    ],
)
def test_lists_that_fit_no_family_are_refused_with_the_cure(values: dict[str, Any], path: str, words: str) -> None:
    """F29."""
    with pytest.raises(RecipeRefused) as refused:
        recipe_from_values({"optimizer": values})
    (problem,) = refused.value.problems
    assert problem.path == path
    assert words in problem.cure


def test_rates_of_blocks_that_are_not_trained_are_refused() -> None:
    with pytest.raises(RecipeRefused, match="U-Net is not trained"):
        recipe_from_values({"adapter": {"parts": "text_encoder"}, "optimizer": {"down_block_rates": "sine"}})
