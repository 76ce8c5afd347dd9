"""The recipe that a person means for a run in a studio, as the API takes it: only what was given, defaults left out.

It begins with ``--recipe FILE``, ``--preset NAME`` (one's own in the studio, or one that ships), ``--from RUN``, or the
preset that suits the base model, as for `enogu train`; each ``--set`` comes on top.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from enogu.cli.studio_client import StudioClient, in_path
from enogu.errors import WrongUse


def recipe_values(
    studio: StudioClient,
    *,
    dataset_id: str,
    base: str | None,
    trigger: str | None,
    name: str | None,
    recipe_file: Path | None,
    preset: str | None,
    from_run_id: str | None,
    settings: Sequence[str],
) -> dict[str, Any]:
    """Nested values for ``POST /api/runs``. Raises WrongUse and RecipeRefused."""
    import json

    from enogu.recipe import load_recipe, recipe_from_values, with_settings

    if sum(one is not None for one in (recipe_file, preset, from_run_id)) > 1:
        raise WrongUse("--recipe, --preset and --from all say where to start.", "Give one of them.")
    if recipe_file is not None:
        recipe = load_recipe(recipe_file)
    elif from_run_id is not None:
        recipe = recipe_from_values(studio.get(f"/api/runs/{from_run_id}/recipe"))
    elif preset is not None:
        recipe = recipe_from_values(find_preset(studio, preset)["recipe"])
    else:
        recipe = recipe_from_values(_suiting(studio, dataset_id, base))
    said = {"base_model": base, "trigger": trigger, "output_name": name}
    given = [f"{field}={json.dumps(value, ensure_ascii=False)}" for field, value in said.items() if value is not None]
    return with_settings(recipe, [*given, *settings]).model_dump(mode="json", exclude_unset=True)


def find_preset(studio: StudioClient, reference: str) -> Any:
    """A preset by its name or id; one's own before one that ships."""
    listed = studio.get("/api/presets")
    preset_id = studio.find_id("preset", reference, lambda: listed, "See `enogu preset list`.")
    return next(one for one in listed if one["id"] == preset_id)


def changes_of(given: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Each ``--set`` as {dotted path: value} beside a recipe, read as its field wants it. None: back to the default."""
    from enogu.recipe import recipe_from_values, with_settings

    changed = with_settings(recipe_from_values(given), settings).model_dump(mode="json")
    changes: dict[str, Any] = {}
    for setting in settings:
        path = setting.partition("=")[0].strip()
        value: Any = changed
        for part in path.split("."):
            value = value[part]
        changes[path] = value
    return changes


def _suiting(studio: StudioClient, dataset_id: str, base: str | None) -> dict[str, Any]:
    """The preset for the base model; repeats of the dataset's own pictures win over those that nobody asked for."""
    from enogu.cli.recipes import PRESET_FOR_OTHERS, PRESET_FOR_STARTER, PRESET_OF_FAMILY, STARTER

    preset = PRESET_FOR_STARTER
    if base is not None and base != STARTER:
        family = studio.get(f"/api/base-models/{in_path(base)}")["family"]
        preset = PRESET_OF_FAMILY.get(family, PRESET_FOR_OTHERS)
    values = find_preset(studio, preset)["recipe"]
    pictures = studio.get(f"/api/datasets/{dataset_id}/pictures", limit=10_000)["pictures"]
    if any(one["repeats"] != 1 for one in pictures):
        values = {**values, "pictures": {k: v for k, v in values.get("pictures", {}).items() if k != "repeats"}}
    return values
