"""Every field of the recipe as a flat table, read from the models themselves.

The form, the command line, the docs, the Kohya import and the error messages all ask here, so that a field written
once in its section appears in each of them. Two kinds of a tagged section that share a field give two rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from enogu.recipe.section import Section
from enogu.recipe.train import TrainRecipe

Value = bool | int | float | str | tuple[str, ...] | None


@dataclass(frozen=True)
class Limits:
    """The range of a number: from ``low`` to ``high``, the end itself left out where it is open; steps of ``step``."""

    low: float | None = None
    high: float | None = None
    low_is_open: bool = False
    high_is_open: bool = False
    step: float | None = None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return ""
        if self.low_is_open or self.high_is_open:
            words = f"{'over' if self.low_is_open else 'from'} {self.low} "
            words += f"{'and under' if self.high_is_open else 'up to'} {self.high}"
        else:
            words = f"{self.low} to {self.high}"
        return words if self.step is None else f"multiples of {self.step} from {words}"


@dataclass(frozen=True)
class RecipeField:
    """One field. ``path`` is dotted; ``kind`` names the variant it belongs to in a tagged section, else ""."""

    path: str
    kind: str
    value_type: type[bool] | type[int] | type[float] | type[str] | type[tuple[str, ...]]
    may_be_unset: bool
    choices: tuple[str | int, ...]
    default: Value
    default_words: str
    limits: Limits
    sentence: str
    product: str
    kohya: str
    advanced: bool

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def range_words(self) -> str:
        """Such as "1 to 1024", "over 0 up to 1", "multiples of 8 from 64 to 4096"; "" where anything goes."""
        return str(self.limits)

    @property
    def allowed_words(self) -> str:
        """What may stand there: its choices, its range, or the kind of value."""
        if self.choices:
            return ", ".join(str(choice) for choice in self.choices)
        words = {bool: "true, false", int: "whole number", float: "number", str: "text", tuple: "list of texts"}
        return self.range_words or words[self.value_type]


@cache
def recipe_fields() -> tuple[RecipeField, ...]:
    """All fields in the order they are written, the recipe's own before the sections'."""
    own: list[RecipeField] = []
    in_sections: list[RecipeField] = []
    for name, info in TrainRecipe.model_fields.items():
        kinds = kinds_of_section(name)
        if not kinds:
            own.append(_read_field(name, "", info))
        for kind, section in kinds.items():
            in_sections += [_read_field(f"{name}.{key}", kind, field) for key, field in section.model_fields.items()]
    return (*own, *in_sections)


def fields_at(path: str) -> tuple[RecipeField, ...]:
    """The fields with this dotted path: none if unknown, several if kinds of one section share the name."""
    return tuple(field for field in recipe_fields() if field.path == path)


@cache
def kinds_of_section(name: str) -> dict[str, type[Section]]:
    """The models a section may be: {kind: model} if tagged, {"": model} if plain, {} if it is a single value."""
    info = TrainRecipe.model_fields.get(name)
    members = _members(info.annotation) if info else []
    sections = [cast("type[Section]", member) for member in members if _is_section(member)]
    return {
        str(section.model_fields["kind"].default) if "kind" in section.model_fields else "": section
        for section in sections
    }


def _members(annotation: Any) -> list[Any]:
    """The parts of a union, or the annotation itself; ``Annotated`` is looked through."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) for member in _members(part)]
    return [annotation]


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _read_field(path: str, kind: str, info: FieldInfo) -> RecipeField:
    members = _members(info.annotation)
    types = [member for member in members if member is not NoneType]
    choices = cast("tuple[str | int, ...]", get_args(types[0])) if get_origin(types[0]) is Literal else ()
    extra = cast("dict[str, Any]", info.json_schema_extra or {})
    value_type = type(choices[0]) if choices else (get_origin(types[0]) or types[0])
    return RecipeField(
        path=path,
        kind=kind,
        value_type=value_type,
        may_be_unset=NoneType in members,
        choices=choices,
        default=None if info.default is PydanticUndefined else info.default,
        default_words=extra.get("default_words", ""),
        limits=_limits(info),
        sentence=(info.description or "").strip(),
        product=extra.get("product", ""),
        kohya=extra.get("kohya", ""),
        advanced=bool(extra.get("advanced", False)),
    )


def _limits(info: FieldInfo) -> Limits:
    limits = Limits()
    for limit in info.metadata:
        match limit:
            case annotated_types.Ge(ge=value):
                limits = replace(limits, low=value)
            case annotated_types.Gt(gt=value):
                limits = replace(limits, low=value, low_is_open=True)
            case annotated_types.Le(le=value):
                limits = replace(limits, high=value)
            case annotated_types.Lt(lt=value):
                limits = replace(limits, high=value, high_is_open=True)
            case annotated_types.MultipleOf(multiple_of=value):
                limits = replace(limits, step=value)
            case _:
                pass
    return limits
