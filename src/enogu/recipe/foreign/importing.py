"""``import_recipe``: files of another trainer to a recipe, with a remark on every value of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from enogu.errors import RecipeRefused, WrongUse
from enogu.recipe.fields import RecipeField, recipe_fields
from enogu.recipe.foreign import ai_toolkit, kohya_gui, kohya_toml
from enogu.recipe.foreign.arguments import Arguments, as_bool, as_list, as_number, is_off
from enogu.recipe.foreign.conversions import CONVERSIONS, Circumstances
from enogu.recipe.foreign.facts import ASSUMED, OWN, SAYS_NOTHING, VALUE_NAMES
from enogu.recipe.foreign.files import SettingsFile, Values, read_values
from enogu.recipe.foreign.remarks import Remark, shown
from enogu.recipe.train import TrainRecipe
from enogu.recipe.values import recipe_from_values

_PART = re.compile(r"(?P<name>.+)\[(?P<index>\d+)\]")


@dataclass(frozen=True)
class ImportedRecipe:
    """The recipe, which trainer the files are of, and what became of each value."""

    recipe: TrainRecipe
    source: str
    remarks: tuple[Remark, ...]


def import_recipe(files: Sequence[SettingsFile], *, num_pictures: int | None = None) -> ImportedRecipe:
    """The recipe that ``files`` mean: kohya_ss' JSON, sd-scripts' TOML (settings and dataset), ai-toolkit's YAML, ours.

    Several files of one run belong together: settings, ``dataset_config``, prompts. ``num_pictures`` turns steps into
    epochs. Raises WrongUse when a file cannot be read or is none of these.
    """
    remarks: list[Remark] = []
    source, arguments = _read_all(files, remarks)
    if source == "enogu":
        return ImportedRecipe(recipe_from_values(arguments), source, ())
    given = Arguments(arguments, ai_toolkit.ASSUMED if source == "ai-toolkit" else ASSUMED)
    values: Values = {}
    circumstances = Circumstances(num_pictures)
    for conversion in CONVERSIONS:
        for became in tuple(conversion(given, circumstances)):
            if became.path and became.result is not None:
                _put(values, became.path, became.result)
            remarks.append(
                Remark(became.name, shown(became.value), became.outcome, became.path, became.result, became.words)
            )
    _kinds_first(given, values, remarks)
    for name in tuple(given.left()):
        remarks += _plain(name, given, values)
    recipe = _sound(values, remarks)
    return ImportedRecipe(recipe, source, tuple(remarks))


def _read_all(files: Sequence[SettingsFile], remarks: list[Remark]) -> tuple[str, Values]:
    """The trainer's name, and all arguments of sd-scripts that the files give."""
    if not files:
        raise WrongUse("There is no file to read.", "Choose a .json, .toml or .yaml file of training settings.")
    source, arguments, prompts = "", cast("Values", {}), ""
    datasets: list[Values] = []
    for file in files:
        if file.ending == ".txt":
            prompts = file.text
            continue
        values = read_values(file)
        kind = _kind_of(values)
        if kind == "dataset":
            datasets.append(kohya_toml.dataset_arguments(values, remarks))
            continue
        if not kind:
            raise WrongUse(
                f"{file.name} holds no training settings that we know.",
                "Choose kohya_ss' .json, sd-scripts' .toml or ai-toolkit's .yaml.",
            )
        if source:
            raise WrongUse(
                f"{file.name} is a second file of training settings.", "Import one run's settings at a time."
            )
        source = kind
        arguments = _arguments_of(kind, values, remarks)
    for dataset in datasets:
        arguments |= dataset
    if prompts:
        arguments["sample_prompts"] = prompts
    return source or "sd-scripts", arguments if source == "enogu" else _flattened(arguments)


def _arguments_of(kind: str, values: Values, remarks: list[Remark]) -> Values:
    match kind:
        case "kohya_ss":
            return kohya_gui.arguments_of(values)
        case "sd-scripts":
            return kohya_toml.arguments_of(values)
        case "ai-toolkit":
            return ai_toolkit.arguments_of(values, remarks)
        case _:
            return values


def _kind_of(values: Values) -> str:
    if ai_toolkit.is_job(values):
        return "ai-toolkit"
    if kohya_toml.is_dataset_config(values):
        return "dataset"
    if (
        values
        and values.keys() <= TrainRecipe.model_fields.keys()
        and any(isinstance(v, dict) for v in values.values())
    ):
        return "enogu"
    if kohya_gui.OWN_NAMES & values.keys():
        return "kohya_ss"
    known = {field.kohya for field in recipe_fields()} | OWN.keys() | ASSUMED.keys() | SAYS_NOTHING.keys()
    flat = kohya_toml.arguments_of(values)
    return "sd-scripts" if len(known & flat.keys()) >= min(3, max(1, len(flat))) else ""


def _flattened(arguments: Values) -> Values:
    """``optimizer_args = ["weight_decay=0.1"]`` as ``optimizer_args.weight_decay``; GUI files have one text of them."""
    found: Values = {}
    for name, value in arguments.items():
        if name not in ("optimizer_args", "network_args", "lr_scheduler_args"):
            found[name] = value
            continue
        words = [str(one) for one in cast("list[Any]", value)] if isinstance(value, list) else str(value or "").split()
        for word in words:
            key, equals, text = word.partition("=")
            if equals:
                found[f"{name}.{key.strip()}"] = text.strip().strip("\"'")
    return found


def _kinds_first(given: Arguments, values: Values, remarks: list[Remark]) -> None:
    """Which schedule, optimizer and adapter it is decides which fields there are."""
    for field in recipe_fields():
        section, _, name = field.path.rpartition(".")
        if name != "kind" or not field.kohya or field.kohya not in [*given.left()]:
            continue
        value, assumed = given.peek(field.kohya), given.is_assumed(field.kohya)
        choices = [one.kind for one in recipe_fields() if one.path == field.path]
        kind = next((choice for choice in choices if _squashed(choice) == _squashed(value)), None)
        given.take(field.kohya)
        if kind is None:
            default = _kind_in({}, field)
            words = f"Enogu has no {section} of this name; it is left at {default}."
            if not is_off(value):
                remarks.append(Remark(field.kohya, shown(value), "no_counterpart", field.path, words=words))
            continue
        _put(values, field.path, kind)
        remarks.append(Remark(field.kohya, shown(value), "default" if assumed else "taken", field.path, kind))


def _plain(name: str, given: Arguments, values: Values) -> Iterator[Remark]:
    """An argument with a field of the same meaning, or the reason why it has none."""
    value, assumed = given.peek(name), given.is_assumed(name)
    fields = _fields_of(name)
    here = [field for field in fields if field.kind in ("", _kind_in(values, field))]
    if not here:
        yield from _without_field(name, value, bool(fields), assumed)
        return
    for field in here:
        try:
            result = _read_as(field, value)
        except ValueError as error:
            if not is_off(value):
                yield Remark(name, shown(value), "refused", field.path, words=str(error))
            continue
        if result is None:
            continue
        _put(values, field.path, result)
        yield Remark(name, shown(value), "default" if assumed else "taken", field.path, result)


def _without_field(name: str, value: Any, elsewhere: bool, assumed: bool) -> Iterator[Remark]:
    if is_off(value) or assumed or _same(value, SAYS_NOTHING.get(name)):
        return
    if elsewhere:
        yield Remark(name, shown(value), "no_effect", words="It does nothing with this optimizer, schedule or adapter.")
    elif name in OWN:
        yield Remark(name, shown(value), "own", words=OWN[name])
    else:
        yield Remark(name, shown(value), "no_counterpart", words="Enogu has no such setting.")


def _fields_of(name: str) -> list[RecipeField]:
    """The fields with this ``kohya`` name, and those that are parts of it (``optimizer_args.betas[0]``)."""
    found: list[RecipeField] = []
    for field in recipe_fields():
        part = _PART.fullmatch(field.kohya)
        if field.kohya == name or (part is not None and part["name"] == name):
            found.append(field)
    return found


def _kind_in(values: Values, field: RecipeField) -> str:
    """The kind of this field's section: as read, else the default one."""
    section = field.path.partition(".")[0]
    kind = values.get(section, {}).get("kind")
    return str(kind or getattr(TrainRecipe.model_fields[section].get_default(call_default_factory=True), "kind", ""))


def _read_as(field: RecipeField, value: Any) -> Any:
    """``value`` as this field takes it; None leaves the default. Raises ValueError in words."""
    part = _PART.fullmatch(field.kohya)
    if part is not None:
        parts = as_list(value)
        index = int(part["index"])
        if index >= len(parts):
            raise ValueError(f"It has no part number {index + 1}.")
        value = parts[index]
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if field.choices:
        return _choice(field, value)
    if isinstance(value, str) and value.strip().lower() == "none" and field.may_be_unset:
        return None
    if field.value_type is bool:
        switch = as_bool(value)
        if switch is None:
            raise ValueError("It is neither true nor false.")
        return switch
    if field.value_type is str:
        return str(value)
    if field.value_type is tuple:
        numbers = [as_number(one) for one in as_list(value)]
        return tuple(str(one) for one in as_list(value)) if None in numbers else tuple(numbers)
    number = as_number(value)
    if number is None:
        raise ValueError("It is no number.")
    if number == 0 and field.may_be_unset:
        return None
    if field.value_type is int:
        if number != int(number):
            raise ValueError("It is no whole number.")
        return int(number)
    return number


def _choice(field: RecipeField, value: Any) -> Any:
    ours = VALUE_NAMES.get((field.kohya, str(value).strip().lower()), value)
    for choice in field.choices:
        if _squashed(choice) == _squashed(ours):
            return choice
    raise ValueError(f"Allowed are {', '.join(str(choice) for choice in field.choices)}.")


def _squashed(value: Any) -> str:
    """Names are compared without case, blanks, underscores, dashes and dots."""
    return re.sub(r"[\s_.-]", "", str(value).lower())


def _same(value: Any, other: Any) -> bool:
    numbers = as_number(value), as_number(other)
    return value == other or (numbers[0] is not None and numbers[0] == numbers[1])


def _put(values: Values, path: str, value: Any) -> None:
    *sections, name = path.split(".")
    where = values
    for section in sections:
        where = cast("Values", where.setdefault(section, {}))
    where[name] = value


def _sound(values: Values, remarks: list[Remark]) -> TrainRecipe:
    """What a recipe refuses is left at its default, with its reason, until the rest is sound."""
    while True:
        try:
            return recipe_from_values(values)
        except RecipeRefused as refused:
            for problem in refused.problems:
                section, _, name = problem.path.rpartition(".")
                where = values.get(section, {}) if section else values
                if name not in where:  # it hangs on another field's value: that whole section goes
                    where, name = values, problem.path.partition(".")[0]
                if name not in where:
                    raise  # nothing of the file is the reason
                value = where.pop(name, None)
                words = f"{problem.message} It is left at its default."
                remarks[:] = [one for one in remarks if one.path != problem.path or one.outcome == "no_counterpart"]
                remarks.append(Remark(_name_of(problem.path), shown(value), "refused", problem.path, words=words))


def _name_of(path: str) -> str:
    return next((field.kohya for field in recipe_fields() if field.path == path and field.kohya), path)
