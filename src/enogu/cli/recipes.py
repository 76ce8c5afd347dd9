"""Which recipe a person means: a file, a preset, that of the resumed run, or the preset that suits the base model.

On top of it come --base, --trigger and --name, then each --set. A preset that nobody asked for by name gives way to the
repeats in a Kohya folder's name, since those are the person's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from enogu.errors import WrongUse
from enogu.presets import preset_path
from enogu.recipe import TrainRecipe, load_recipe, recipe_from_values, with_settings

PRESET_FOR_STARTER = "starter_character_cpu"
PRESET_FOR_OTHERS = "sd15_character_1x8gb"
PRESET_OF_FAMILY = {"sdxl": "sdxl_character_1x12gb", "flux": "flux_character_1x24gb"}
STARTER = "starter"


@dataclass(frozen=True)
class RecipeWish:
    """What a person said about the recipe; what was not said is None or empty."""

    base: str | None = None
    trigger: str | None = None
    name: str | None = None
    recipe_file: Path | None = None
    preset: str | None = None
    settings: Sequence[str] = ()


@dataclass(frozen=True)
class ChosenRecipe:
    """The recipe of a run, and in words where it comes from."""

    recipe: TrainRecipe
    source: str


def choose_recipe(
    wish: RecipeWish, *, resumed: Path | None = None, folder_has_repeats: bool = False, family: str = ""
) -> ChosenRecipe:
    """The recipe ``wish`` asks for. ``resumed`` is the recipe.toml of the run that goes on, if there is one;
    ``family`` that of the base model, where it is known.

    Raises WrongUse or RecipeRefused with every problem.
    """
    if wish.recipe_file is not None and wish.preset is not None:
        raise WrongUse("--recipe and --preset both say where to start.", "Give one of them.")
    recipe, source = _start(wish, resumed, folder_has_repeats, family)
    said = {"base_model": wish.base, "trigger": wish.trigger, "output_name": _name(wish, recipe)}
    settings = [f"{field}={_quoted(value)}" for field, value in said.items() if value is not None]
    recipe = with_settings(recipe, [*settings, *wish.settings])
    return ChosenRecipe(recipe, ", ".join([source, *wish.settings]))


def _start(wish: RecipeWish, resumed: Path | None, folder_has_repeats: bool, family: str) -> tuple[TrainRecipe, str]:
    if wish.recipe_file is not None:
        return load_recipe(wish.recipe_file), str(wish.recipe_file)
    if wish.preset is not None:
        return load_recipe(preset_path(wish.preset)), f"preset {wish.preset}"
    if resumed is not None:
        return load_recipe(resumed), str(resumed)
    others = PRESET_OF_FAMILY.get(family, PRESET_FOR_OTHERS)
    preset = PRESET_FOR_STARTER if (wish.base or STARTER) == STARTER else others
    recipe, source = load_recipe(preset_path(preset)), f"preset {preset}"
    if folder_has_repeats:
        recipe, source = _without_repeats(recipe), f"{source} with the repeats of the folder's name"
    return recipe, source


def _without_repeats(recipe: TrainRecipe) -> TrainRecipe:
    values = recipe.model_dump(exclude_unset=True)
    values.get("pictures", {}).pop("repeats", None)
    return recipe_from_values(values)


def _name(wish: RecipeWish, recipe: TrainRecipe) -> str | None:
    """--name; else the trigger, unless the recipe or a --set names the files."""
    if wish.name is not None:
        return wish.name
    named = "output_name" in recipe.model_fields_set or any(s.startswith("output_name=") for s in wish.settings)
    return None if named or not wish.trigger else wish.trigger


def _quoted(value: str) -> str:
    """As a setting's value that is read back whatever it holds."""
    return json.dumps(value, ensure_ascii=False)
