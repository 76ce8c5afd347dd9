"""What a run needs in memory, said before it starts (issue 5, section 5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.recipe import plan_training, recipe_from_values
from enogu.recipe.memory import MemoryEstimate, estimate_memory
from enogu.recipe.plan import PictureSize

GIB = 2**30
REAL = 20 * GIB
"""Of a base model's file; anything from a network's real size on."""


def estimate(family: str = "sd15", *, on_card: bool = True, base_bytes: int = REAL, **values: Any) -> MemoryEstimate:
    recipe = recipe_from_values(values)
    plan = plan_training(recipe, [PictureSize("a", 1024, 1024)])
    found = estimate_memory(recipe, plan, family, base_bytes, on_graphics_card=on_card)
    assert found is not None
    return found


def at(side: int, **training: Any) -> dict[str, Any]:
    return {
        "pictures": {"resolution": side},
        "training": {"batch_size": 1, **training},
        "adapter": {"dim": 16, "parts": "unet"},
    }


def test_sdxl_at_1024_needs_a_card_of_16_gb_and_with_checkpointing_one_of_12() -> None:
    """As people who train it report."""
    plain, checkpointed = estimate("sdxl", **at(1024)), estimate("sdxl", **at(1024, gradient_checkpointing=True))
    assert 12 * GIB < plain.total < 16 * GIB
    assert 7 * GIB < checkpointed.total < 12 * GIB


def test_sd15_at_512_fits_a_card_of_6_gb_and_flux_does_not_fit_24_without_more() -> None:
    assert estimate("sd15", **at(512)).total < 6 * GIB
    assert estimate("flux", **at(512)).total > 24 * GIB


@pytest.mark.parametrize("family", ["starter", "sd15", "sdxl", "flux"])
@given(data=st.data())
def test_nothing_that_asks_for_more_needs_less(family: str, data: st.DataObject) -> None:
    values: dict[str, Any] = {
        "pictures": {"resolution": data.draw(st.sampled_from([256, 512, 1024]))},
        "training": {"batch_size": data.draw(st.integers(1, 8)), "gradient_checkpointing": data.draw(st.booleans())},
        "adapter": {"dim": data.draw(st.integers(1, 128)), "parts": "unet"},
    }
    before = estimate(family, **values).total
    section, name = data.draw(
        st.sampled_from([("pictures", "resolution"), ("training", "batch_size"), ("adapter", "dim")])
    )
    values[section][name] *= 2
    assert estimate(family, **values).total >= before
    values["training"]["gradient_checkpointing"] = False
    assert estimate(family, **values).total >= before
    assert estimate(family, on_card=False, **values).total > before


def test_optimizers_that_keep_more_of_each_number_need_more() -> None:
    kinds = ("adafactor", "adamw8bit", "lion", "adamw", "dadaptation", "prodigy")
    totals = [estimate(optimizer={"kind": kind}, adapter={"dim": 128}).adapter for kind in kinds]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1] / 2


def test_of_a_base_model_that_is_smaller_than_its_family_nothing_is_said() -> None:
    recipe = recipe_from_values({})
    plan = plan_training(recipe, [PictureSize("a", 512, 512)])
    assert estimate_memory(recipe, plan, "sd15", 10_000_000, on_graphics_card=True) is None
    assert estimate_memory(recipe, plan, "sd2", REAL, on_graphics_card=True) is None
