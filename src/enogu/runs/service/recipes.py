"""Recipes before they are runs: what is wrong with one, what differs between two, and those saved under a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from enogu.errors import NotFound, Problem, WrongUse
from enogu.presets import preset_names, preset_path, preset_purpose, preset_title
from enogu.recipe import TrainRecipe, load_recipe, recipe_from_values
from enogu.runs import store
from enogu.runs.entities import NameTaken, Preset
from enogu.runs.rules.changing import Difference, differences, fix_of, problems_of
from enogu.runs.service.history import get_run
from enogu.storage.database import Session, take_turns

MOST_PRESETS = 500
MOST_TRIED = 20
"""Problems for which a change is looked for; each takes a few checks of the whole recipe."""


@dataclass(frozen=True)
class FoundProblem:
    """What is wrong with a recipe, and the change that mends it, tried out: {path: value}, None to leave it out."""

    problem: Problem
    fix: Mapping[str, Any]


@dataclass(frozen=True)
class CheckedRecipe:
    """All problems, and the recipe with every default when there are none."""

    problems: tuple[FoundProblem, ...]
    recipe: TrainRecipe | None


def check_recipe(values: Mapping[str, Any]) -> CheckedRecipe:
    """What stands against these values (F29). Raises nothing."""
    problems = problems_of(values)
    if not problems:
        return CheckedRecipe((), recipe_from_values(values))
    found = [
        FoundProblem(problem, fix_of(problem, values) if number < MOST_TRIED else {})
        for number, problem in enumerate(problems)
    ]
    return CheckedRecipe(tuple(found), None)


def diff_recipes(
    session: Session, owner_id: str, before: Mapping[str, Any] | str, after: Mapping[str, Any] | str
) -> tuple[Difference, ...]:
    """What changed between two recipes (F32); each is given by its values, or by the id of a run or a preset.

    Raises NotFound, RecipeRefused.
    """
    return differences(*(recipe_from_values(_values_of(session, owner_id, one)) for one in (before, after)))


# ---- presets ---------------------------------------------------------------------------------------------------------


def list_presets(session: Session, owner_id: str) -> tuple[Preset, ...]:
    """The owner's own by name, then those that ship."""
    return (*store.list_presets(session, owner_id), *_shipped())


def get_preset(session: Session, owner_id: str, preset_id: str) -> Preset:
    """One's own or a shipped one (its id is its name). Raises NotFound."""
    own = store.find_preset(session, owner_id, preset_id)
    found = own or next((one for one in _shipped() if one.id == preset_id), None)
    if found is None:
        raise NotFound(f"There is no preset {preset_id[:60]}.", f"Shipped are: {', '.join(preset_names())}.")
    return found


def save_preset(
    session: Session,
    owner_id: str,
    name: str,
    values: Mapping[str, Any],
    now: datetime,
    *,
    purpose: str = "",
    preset_id: str | None = None,
) -> Preset:
    """Keep ``values`` under ``name``: a new preset, or in place of ``preset_id`` (B8).

    What is kept is what was given, so that defaults go on following their fields. Raises RecipeRefused when it could
    not be trained, NameTaken, NotFound, and WrongUse for a shipped one or an empty name.
    """
    recipe_from_values(values)
    name = checked_name(name)
    take_turns(session, f"runs: presets of {owner_id}")
    namesake = store.find_preset_named(session, owner_id, name)
    if (namesake is not None and namesake.id != preset_id) or name in preset_names():
        raise NameTaken(f"There is a preset '{name}' already.", "Choose another name, or change that one.")
    if preset_id is not None:
        _own_preset(session, owner_id, preset_id)
        return store.change_preset(session, preset_id, name, purpose.strip(), values, now)
    if len(store.list_presets(session, owner_id)) >= MOST_PRESETS:
        raise WrongUse(f"There are {MOST_PRESETS} presets already.", "Delete one first.")
    return store.add_preset(session, owner_id, name, purpose.strip(), values, now)


def delete_preset(session: Session, owner_id: str, preset_id: str) -> None:
    """Raises NotFound; WrongUse for one that ships."""
    _own_preset(session, owner_id, preset_id)
    store.delete_preset(session, preset_id)


def checked_name(name: str) -> str:
    """A name for a list: one line of 1 to 200 characters. Raises WrongUse."""
    name = " ".join(name.split())
    if not name or len(name) > store.NAME_LENGTH or not name.isprintable():
        raise WrongUse(f"A name has 1 to {store.NAME_LENGTH} characters on one line.", "Choose another name.")
    return name


def _own_preset(session: Session, owner_id: str, preset_id: str) -> Preset:
    found = get_preset(session, owner_id, preset_id)
    if found.is_shipped:
        raise WrongUse(f"The preset '{found.name}' ships with Enogu and stays as it is.", "Save it under a new name.")
    return found


@cache
def _shipped() -> tuple[Preset, ...]:
    """Read once: the files are part of the program."""
    return tuple(
        Preset(
            id=name,
            name=name,
            title=preset_title(name),
            purpose=preset_purpose(name),
            values=load_recipe(preset_path(name)).model_dump(mode="json", exclude_unset=True),
            is_shipped=True,
        )
        for name in preset_names()
    )


def _values_of(session: Session, owner_id: str, wanted: Mapping[str, Any] | str) -> Mapping[str, Any]:
    if not isinstance(wanted, str):
        return wanted
    if wanted in preset_names() or store.find_preset(session, owner_id, wanted) is not None:
        return get_preset(session, owner_id, wanted).values
    return get_run(session, owner_id, wanted).recipe
