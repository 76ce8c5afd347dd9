"""Recipes from plain values: a dictionary, or settings such as ``training.epochs=3`` on top of a recipe."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import ValidationError

from enogu.errors import Problem, RecipeRefused
from enogu.recipe.contradictions import Contradiction
from enogu.recipe.fields import fields_at, kinds_of_section
from enogu.recipe.problems import problems_from
from enogu.recipe.train import TrainRecipe


def recipe_from_values(values: Mapping[str, Any]) -> TrainRecipe:
    """The recipe of nested ``values``; what is left out has its default.

    Raises RecipeRefused naming every problem at once: unknown keys, wrong types, values out of range, and those
    contradictions that do not hang on one of these.
    """
    try:
        return TrainRecipe.model_validate(dict(values))
    except ValidationError as error:
        found = list(problems_from(error.errors(include_url=False)))
    paths = {problem.path for problem, _ in found}
    sound = _without(values, [keys for _, keys in found])
    problems = [problem for problem, _ in found] + [
        contradiction for contradiction in _contradictions_in(sound) if not paths & _involved(contradiction)
    ]
    raise RecipeRefused(tuple(dict.fromkeys(problems)))


def with_settings(recipe: TrainRecipe, settings: Sequence[str]) -> TrainRecipe:
    """``recipe`` changed by settings such as ``["training.epochs=3", "schedule.kind=cosine"]``, the later ones winning.

    A value is read as the field wants it: text needs no quotes, ``none`` unsets what may be unset, a list is written
    as in TOML or is a single bare text. Defaults that follow another field (alpha, bucket sides) follow it anew unless
    they were given. A new ``kind`` drops the fields which that kind does not have, as a form would hide them.
    Raises RecipeRefused.
    """
    problems: list[Problem] = []
    changes: dict[str, Any] = {}
    for setting in settings:
        path, equals, text = setting.partition("=")
        path = path.strip()
        if not equals:
            problems.append(Problem(path, "it has no value.", "Write it as field=value, such as training.epochs=3."))
            continue
        changes[path] = _read_value(path, text.strip())
    return _with(recipe, changes, problems)


def with_changes(recipe: TrainRecipe, changes: Mapping[str, Any]) -> TrainRecipe:
    """As ``with_settings``, with {dotted path: value}. Raises RecipeRefused."""
    return _with(recipe, changes, [])


def _with(recipe: TrainRecipe, changes: Mapping[str, Any], problems: list[Problem]) -> TrainRecipe:
    values = recipe.model_dump(exclude_unset=True)
    for path, value in changes.items():
        if path.endswith(".kind"):
            _change_kind(values, path.removesuffix(".kind"), value)
    for path, value in changes.items():
        problems += _put(values, path, value)
    if problems:
        raise RecipeRefused(tuple(problems))
    return recipe_from_values(values)


def recipe_json_schema() -> dict[str, Any]:
    """The JSON schema of the recipe: the source of the web form and of other programs' checks."""
    return TrainRecipe.model_json_schema()


def _contradictions_in(sound_values: dict[str, Any]) -> list[Contradiction]:
    try:
        TrainRecipe.model_validate(sound_values)
    except RecipeRefused as refused:
        return [problem for problem in refused.problems if isinstance(problem, Contradiction)]
    except ValidationError:
        pass  # what is left cannot be judged without the values that were wrong
    return []


def _involved(contradiction: Contradiction) -> set[str]:
    return {contradiction.path, *contradiction.others}


def _without(values: Mapping[str, Any], culprits: Sequence[tuple[str | int, ...]]) -> dict[str, Any]:
    """A copy of ``values`` in which the culprits are missing; of a list with a culprit in it, the whole list is."""
    kept = copy.deepcopy(dict(values))
    for keys in culprits:
        names = [key for key in keys if isinstance(key, str)]
        where: Any = kept
        for name in names[:-1]:
            where = cast("dict[str, Any]", where).get(name) if isinstance(where, dict) else None
        if isinstance(where, dict):
            cast("dict[str, Any]", where).pop(names[-1], None)
    return kept


def _read_value(path: str, text: str) -> Any:
    fields = fields_at(path)
    if fields:
        field = fields[0]
        is_choice = text in field.choices
        if field.may_be_unset and text.lower() in ("none", "") and not is_choice:
            return None
        if field.value_type is str and text[:1] not in ('"', "'"):
            return text
        if field.value_type is tuple and text[:1] not in ("[", '"', "'"):
            return (text,) if text else ()
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text
    is_one_text = bool(fields) and fields[0].value_type is tuple and isinstance(value, str)
    return (value,) if is_one_text else value


def _change_kind(values: dict[str, Any], section: str, kind: Any) -> None:
    """Drop from ``values[section]`` what the new kind does not know; an unknown kind is left for the validation."""
    entity = kinds_of_section(section).get(kind) if isinstance(kind, str) else None
    given = values.get(section)
    if entity is not None and isinstance(given, dict):
        known = cast("dict[str, Any]", given)
        values[section] = {key: value for key, value in known.items() if key in entity.model_fields}


def _put(values: dict[str, Any], path: str, value: Any) -> list[Problem]:
    """Set ``values`` at the dotted ``path``; the problem if something on the way is no section."""
    *sections, name = path.split(".")
    where = values
    for section in sections:
        inner: Any = where.setdefault(section, {})
        if not isinstance(inner, dict):
            return [Problem(path, f"{section} is a single setting and holds no others.", f"Set {section} itself.")]
        where = cast("dict[str, Any]", inner)
    where[name] = value
    return []
