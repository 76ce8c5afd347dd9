"""Recipes to start from: TOML files beside this module, named family_goal_hardware; an installed wheel has them too.

Each file begins with a comment: its title, an empty line, and what it is for. The rest is read by
``enogu.recipe.load_recipe``. Imports nothing but the errors, since every list and every form wants the names.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from enogu.errors import WrongUse


def preset_names() -> tuple[str, ...]:
    """The names of all presets, sorted."""
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("*.toml")))


def preset_path(name: str) -> Path:
    """The file of the preset ``name``. Raises WrongUse with the names there are."""
    names = preset_names()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        guess = f"Did you mean '{close[0]}'? " if close else ""
        raise WrongUse(f"There is no preset '{name}'.", f"{guess}There are: {', '.join(names)}.")
    return Path(__file__).parent / f"{name}.toml"


def preset_title(name: str) -> str:
    """What people call the preset: the first line of its leading comment."""
    return _comment(name)[0]


def preset_purpose(name: str) -> str:
    """What the preset is for: what follows the title, as one text."""
    return " ".join(_comment(name)[2:])


def _comment(name: str) -> list[str]:
    lines = preset_path(name).read_text(encoding="utf-8").splitlines()
    comment: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return comment
