"""Recipes as plain values: changing a few of them, what differs between two, and the change that mends a problem."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from enogu.errors import Problem, RecipeRefused
from enogu.recipe import TrainRecipe, fields_at, recipe_from_values
from enogu.recipe.fields import kinds_of_section


@dataclass(frozen=True)
class Difference:
    """A field that two recipes do not agree on; a side that lacks the field has None."""

    path: str
    before: Any
    after: Any
    sentence: str
    """What the field does."""


def changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of nested ``values`` with ``changes`` {dotted path: value}; None leaves the field out, so that it follows
    its default. A new ``kind`` drops the fields of its section which that kind does not have, as a form hides them.
    """
    result = copy.deepcopy(dict(values))
    for path, value in sorted(changes.items(), key=lambda change: not change[0].endswith(".kind")):
        section, _, name = path.rpartition(".")
        if name == "kind" and isinstance(value, str):
            _keep_known(result, section, value)
        where: Any = result
        for part in section.split(".") if section else ():
            inner = where.get(part)
            if not isinstance(inner, dict):
                inner = where[part] = {}
            where = cast("dict[str, Any]", inner)
        if value is None:
            where.pop(name, None)
        else:
            where[name] = value
    return result


def differences(before: TrainRecipe, after: TrainRecipe) -> tuple[Difference, ...]:
    """Every field that has another value, in the order in which recipes are written; defaults are compared too."""
    old, new = _flat(before.model_dump(mode="json")), _flat(after.model_dump(mode="json"))
    return tuple(
        Difference(path, old.get(path), new.get(path), next((field.sentence for field in fields_at(path)), ""))
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    )


def problems_of(values: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Everything that is wrong with a recipe; empty when it can be trained."""
    try:
        recipe_from_values(values)
    except RecipeRefused as refused:
        return refused.problems
    return ()


def fix_of(problem: Problem, values: Mapping[str, Any]) -> dict[str, Any]:
    """{path: value} that makes ``problem`` go away and brings no new one, tried out; empty where it is a matter of
    taste. None as a value: leave the field out (``changed``).
    """
    known = {(one.path, one.message) for one in problems_of(values)}
    for candidate in _candidates(problem, values):
        left = {(one.path, one.message) for one in problems_of(changed(values, candidate))}
        if left < known and (problem.path, problem.message) not in left:
            return candidate
    return {}


def _candidates(problem: Problem, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    path, value = problem.path, _value(values, problem.path)
    if path == "adapter.alpha":
        dim = _value(values, "adapter.dim")
        if isinstance(dim, int):
            yield {path: float(dim)}
    if path == "adapter.conv_alpha" and isinstance(dim := _value(values, "adapter.conv_dim"), int):
        yield {path: float(dim)}
    if path == "captions.keep_tokens":
        yield {"captions.shuffle": True}
    if path == "schedule.kind":
        yield {path: "constant"}
    if path == "pictures.no_upscale":
        yield {"pictures.buckets": True}
    if path == "pictures.resolution" and isinstance(value, int):
        step = _value(values, "pictures.bucket_step") or 64
        if isinstance(step, int) and step > 0:
            yield {path: max(step, round(value / step) * step)}
    yield from _into_range(path, value)
    if value is not None:
        yield {path: None}


def _into_range(path: str, value: Any) -> Iterator[dict[str, Any]]:
    """The nearest number that is allowed."""
    for field in fields_at(path):
        limits = field.limits
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return
        nearest: float = value
        if limits.step:
            nearest = round(nearest / limits.step) * limits.step
        if limits.low is not None and not limits.low_is_open:
            nearest = max(nearest, limits.low)
        if limits.high is not None and not limits.high_is_open:
            nearest = min(nearest, limits.high)
        if field.value_type is int:
            nearest = round(nearest)
        if nearest != value:
            yield {path: nearest}


def _keep_known(values: dict[str, Any], section: str, kind: str) -> None:
    entity, given = kinds_of_section(section).get(kind), values.get(section)
    if entity is not None and isinstance(given, dict):
        known = cast("dict[str, Any]", given)
        values[section] = {key: value for key, value in known.items() if key in entity.model_fields}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(cast("dict[str, Any]", value), f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _value(values: Mapping[str, Any], path: str) -> Any:
    where: Any = values
    for part in path.split("."):
        where = cast("dict[str, Any]", where).get(part) if isinstance(where, dict) else None
    return where
