"""Recipes as TOML: the format of recipe files and presets.

Read with the standard library, written with each field's sentence beside it, so that a saved recipe explains itself.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, cast

from enogu.errors import Problem, RecipeRefused, WrongUse
from enogu.recipe.fields import fields_at
from enogu.recipe.train import TrainRecipe
from enogu.recipe.values import recipe_from_values

_MAX_BYTES = 1_000_000


def load_recipe(path: Path) -> TrainRecipe:
    """The recipe in a TOML file. Raises WrongUse when it cannot be read, RecipeRefused when it is not sound."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise WrongUse(f"{path} is too large for a recipe.", "Give the path of a recipe file (.toml).")
        text = data.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise WrongUse(f"There is no recipe file {path}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise WrongUse(f"{path} is not written in UTF-8.", "Save it as UTF-8.") from error
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions.") from error
    return parse_recipe(text)


def parse_recipe(text: str) -> TrainRecipe:
    """The recipe in TOML ``text``. Raises RecipeRefused with every problem, or with the place where it is no TOML."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = Problem("recipe", f"it is not written in TOML: {error}.", "Correct that line.")
        raise RecipeRefused((problem,)) from error
    return recipe_from_values(values)


def recipe_to_toml(recipe: TrainRecipe, *, explained: bool = False) -> str:
    """``recipe`` as TOML that ``parse_recipe`` reads back to an equal one; ``explained`` puts each sentence above.

    All fields are written, also those at their default, so that a later change of defaults leaves the file's meaning
    alone. TOML has no null: what is unset is left out.
    """
    values = recipe.model_dump(exclude_none=True)
    own = {key: value for key, value in values.items() if not isinstance(value, dict)}
    blocks = [_table("", own, explained)]
    for name, value in values.items():
        if isinstance(value, dict):
            blocks.append(f"[{name}]\n" + _table(f"{name}.", cast("dict[str, Any]", value), explained))
    return "\n".join(blocks)


def _table(prefix: str, values: dict[str, Any], explained: bool) -> str:
    lines: list[str] = []
    for name, value in values.items():
        if explained:
            field = fields_at(prefix + name)[0]
            limits = f" ({field.range_words})" if field.range_words else ""
            lines.append(f"# {field.sentence}{limits}")
        lines.append(_line(name, value))
    return "\n".join(lines) + "\n"


def _line(name: str, value: Any) -> str:
    import tomli_w  # here, since reading recipes does not need it

    return tomli_w.dumps({name: value}).rstrip("\n")
