"""The reference run of the article (product.md): 7 pictures, 700 steps, 10 epochs, dim 128, SDXL at 512."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from enogu.recipe import PictureSize, TrainRecipe, recipe_from_values
from enogu.stamina.entities import PriceWeights
from enogu.stamina.rules.fit import Wish
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from tests.strategies import recipes

PICTURES = tuple(PictureSize(f"{number:02d}.png", 768, 768, repeats=20) for number in range(1, 8))
"""As the folder ``20_zdm 1boy`` gives them."""


def reference_recipe() -> TrainRecipe:
    values: dict[str, Any] = {
        "trigger": "zdm",
        "adapter": {"dim": 128},
        "pictures": {"resolution": 512},
        "training": {"epochs": 10, "batch_size": 2},
        "previews": {"prompts": ["zdm, 1boy, smile"], "steps": 20},
    }
    return recipe_from_values(values)


def shipped_weights() -> PriceWeights:
    return load_metering(SHIPPED).price


def reference_wish() -> Wish:
    return Wish(reference_recipe(), PICTURES, "sdxl", shipped_weights())


def short_recipes() -> st.SearchStrategy[TrainRecipe]:
    """Any recipe of at most 30 epochs: thousands of them would only make thousands of equal rows in its plan."""
    return st.integers(1, 30).flatmap(lambda epochs: recipes(training={"epochs": epochs}))
