"""pydantic's errors in a person's words: the dotted path, what is wrong, the cure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from enogu.errors import Problem
from enogu.recipe.fields import RecipeField, fields_at, kinds_of_section, recipe_fields
from enogu.recipe.train import TrainRecipe

_TYPE_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: 'text in quotes, such as "abc"',
    tuple: 'a list of texts, such as ["one", "two"]',
}
_CURES_OF_KINDS = {
    ("schedule", "constant", "warmup_percent"): 'Use kind = "constant_with_warmup", or leave it out.',
    **{
        ("optimizer", kind, rate): "Leave it out: this optimizer finds its own learning rate, and every rate is 1."
        for kind in ("dadaptation", "dadapt_adam", "prodigy")
        for rate in (
            "learning_rate",
            "unet_learning_rate",
            "text_encoder_learning_rate",
            "down_block_rates",
            "middle_block_rates",
            "up_block_rates",
        )
    },
}


def problems_from(errors: Sequence[ErrorDetails]) -> Iterator[tuple[Problem, tuple[str | int, ...]]]:
    """Each error as a Problem, with the keys that lead to the culprit in the values that were given."""
    for error in errors:
        if error["type"] == "default_factory_not_called":
            continue  # only says that a field this default depends on is wrong, which has its own error
        keys = keys_to(error)
        yield _problem(error, keys), keys


def keys_to(error: ErrorDetails) -> tuple[str | int, ...]:
    """Where the culprit is in the given values: pydantic's location without the tags of tagged sections."""
    location = error["loc"]
    if len(location) > 1 and len(kinds_of_section(str(location[0]))) > 1:
        return (location[0], *location[2:])
    return location


def _problem(error: ErrorDetails, keys: tuple[str | int, ...]) -> Problem:
    path = ".".join(str(key) for key in keys if isinstance(key, str))
    value = error["input"]
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(path, str(error["loc"][1]) if len(error["loc"]) > len(keys) else "")
        case "union_tag_invalid" | "literal_error":
            return _not_a_choice(f"{path}.kind" if error["type"] == "union_tag_invalid" else path, error)
        case "refused":
            context = error.get("ctx", {})
            return Problem(path, str(context["message"]), str(context["cure"]))
        case "string_pattern_mismatch":
            return Problem(path, f"{_shown(value)} is not written as expected.", "Write a colour as #rrggbb.")
        case "string_too_long" | "too_long":
            return Problem(path, "it is too long.", f"Keep it within {error.get('ctx', {}).get('max_length')}.")
        case "string_too_short":
            return Problem(path, "it is empty.", "Give it a value or leave it out.")
        case "multiple_of" | "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return Problem(path, f"{_shown(value)} is out of range.", f"Allowed: {_range_words(path)}.")
        case "finite_number" | "int_parsing_size":
            return Problem(path, f"{_shown(value)} is no usable number.", f"Allowed: {_range_words(path)}.")
        case _:
            return _wrong_type(path, value)


def _unknown_key(path: str, kind: str) -> Problem:
    section, _, name = path.rpartition(".")
    kinds = [field.kind for field in fields_at(path)]
    if kind and kinds:
        others = ", ".join(f'"{other}"' for other in kinds)
        cure = _CURES_OF_KINDS.get((section, kind, name), f"Set {section}.kind to {others}, or leave it out.")
        return Problem(path, f'{section} "{kind}" has no {name}.', cure)
    return Problem(path, "there is no such setting.", _suggestion(path))


def _suggestion(path: str) -> str:
    """What was probably meant: the same name elsewhere, Kohya's name for it, or a name spelt nearly so."""
    name = path.rpartition(".")[2]
    known = recipe_fields()
    elsewhere = [field.path for field in known if name in (field.name, field.kohya)]
    paths = list(dict.fromkeys([field.path for field in known] + list(TrainRecipe.model_fields)))
    by_name = {known_path.rpartition(".")[2]: known_path for known_path in reversed(paths)}
    near_paths = difflib.get_close_matches(path, paths, n=1, cutoff=0.7)
    near_names = [by_name[near] for near in difflib.get_close_matches(name, by_name, n=1, cutoff=0.7)]
    for meant in (*elsewhere, *near_paths, *near_names):
        return f"Did you mean {meant}?"
    section = path.partition(".")[0]
    names = [field.name for field in known if field.path.startswith(f"{section}.")] or list(TrainRecipe.model_fields)
    return f"Known here: {', '.join(dict.fromkeys(names))}."


def _not_a_choice(path: str, error: ErrorDetails) -> Problem:
    value = error["input"]
    choices = [choice for field in fields_at(path) for choice in field.choices]
    if error["type"] == "union_tag_invalid":
        value = error.get("ctx", {}).get("tag", value)
    words = ", ".join(f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in dict.fromkeys(choices))
    near = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1, cutoff=0.6)
    meant = f'Did you mean "{near[0]}"? ' if near else ""
    return Problem(path, f"{_shown(value)} is not one of its choices.", f"{meant}Allowed: {words}.")


def _wrong_type(path: str, value: Any) -> Problem:
    fields = fields_at(path)
    if not fields:
        example = next((field.path for field in recipe_fields() if field.path.startswith(f"{path}.")), path)
        return Problem(path, f"{_shown(value)} is no group of settings.", f"Write a table [{path}], or set {example}.")
    expected = _TYPE_WORDS[fields[0].value_type]
    words = fields[0].range_words
    cure = f"Give {expected} ({words})." if words else f"Give {expected}."
    return Problem(path, f"{_shown(value)} is not {expected.partition(',')[0]}.", cure)


def _range_words(path: str) -> str:
    fields: tuple[RecipeField, ...] = fields_at(path)
    return fields[0].range_words if fields else "another value"


def _shown(value: Any) -> str:
    """The culprit as TOML would write it, shortened."""
    match value:
        case bool():
            text = str(value).lower()
        case str():
            text = f'"{value}"'
        case dict():
            text = "a table"
        case None:
            text = "nothing"
        case _:
            text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
