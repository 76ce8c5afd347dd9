"""``export_to_kohya``: a recipe as sd-scripts' TOML files, with a remark on every setting that has no counterpart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

from enogu.recipe.adapter import kohya_network
from enogu.recipe.fields import RecipeField, recipe_fields
from enogu.recipe.foreign.facts import VALUE_NAMES
from enogu.recipe.foreign.files import SettingsFile, Values
from enogu.recipe.foreign.prompt_lines import is_writable, writable
from enogu.recipe.foreign.remarks import Remark, shown
from enogu.recipe.previews import PreviewRules
from enogu.recipe.schedules import ConstantSchedule
from enogu.recipe.train import TrainRecipe

_PART = re.compile(r"(?P<name>.+)\[(?P<index>\d+)\]")
_NONE = "sd-scripts has no such setting."
_BY_OTHERS = {
    "adapter.kind",
    "adapter.parts",
    "schedule.warmup_percent",
    "trigger",
    "pictures.repeats",
    "pictures.resolution",
}


@dataclass(frozen=True)
class ExportedRecipe:
    """The files: settings, dataset, and prompts if there are any."""

    files: tuple[SettingsFile, ...]
    remarks: tuple[Remark, ...]


def export_to_kohya(recipe: TrainRecipe) -> ExportedRecipe:
    """``NAME.toml`` for ``train_network.py --config_file``, with the dataset and the prompts beside it.

    All arguments are written, also those at sd-scripts' default, so that ``import_recipe`` gives an equal recipe.
    """
    remarks: list[Remark] = []
    name = recipe.output_name
    arguments: Values = {}
    for field in recipe_fields():
        if field.kind in ("", _kind(recipe, field)) and field.path not in _BY_OTHERS:
            _write(field, _value_at(recipe, field.path), arguments, remarks)
    _converted(recipe, arguments)
    files: list[SettingsFile] = []
    lines = _prompt_lines(recipe.previews, remarks)
    if lines:
        arguments["sample_prompts"] = f"{name}_prompts.txt"
        files.append(SettingsFile(f"{name}_prompts.txt", "\n".join(lines) + "\n"))
    arguments |= {"dataset_config": f"{name}_dataset.toml", "output_dir": "output", "save_model_as": "safetensors"}
    files.insert(0, SettingsFile(f"{name}_dataset.toml", _toml({"datasets": [_dataset(recipe)]})))
    files.insert(0, SettingsFile(f"{name}.toml", _toml(arguments)))
    return ExportedRecipe(tuple(files), tuple(remarks))


def _write(field: RecipeField, value: Any, arguments: Values, remarks: list[Remark]) -> None:
    if field.kohya.startswith("sample_prompts") or field.path.startswith("previews.count"):
        return
    if not field.kohya:
        if value != field.default:
            remarks.append(Remark(field.path, shown(value), "no_counterpart", field.path, words=_NONE))
        return
    if value is None:
        return
    value = _kohya_word(field.kohya, value)
    table, dot, key = field.kohya.partition(".")
    if not dot:
        arguments[field.kohya] = list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
        return
    text = ",".join(str(one) for one in cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else str(value)
    entries = cast("list[str]", arguments.setdefault(table, []))
    part = _PART.fullmatch(key)
    if part is None:
        entries.append(f"{key}={text}")
    elif part["index"] == "0":
        entries.append(f"{part['name']}={text}")
    else:
        at = next(i for i, entry in enumerate(entries) if entry.startswith(f"{part['name']}="))
        entries[at] += f",{text}"


def _converted(recipe: TrainRecipe, arguments: Values) -> None:
    """The inverse of ``conversions``."""
    module, options = kohya_network(recipe.adapter)
    arguments["network_module"] = module
    others = {field.kohya.partition(".")[2] for field in recipe_fields() if not field.path.startswith("adapter.")}
    written = [entry.partition("=") for entry in cast("list[str]", arguments.pop("network_args", []))]
    entries = [f"{name}={value}" for name, value in options.items()]
    entries += [f"{name}={value}" for name, _, value in written if name in others and value not in ("", "False")]
    if entries:
        arguments["network_args"] = entries
    if recipe.adapter.parts == "unet":
        arguments["network_train_unet_only"] = True
    elif recipe.adapter.parts == "text_encoder":
        arguments["network_train_text_encoder_only"] = True
    side = recipe.pictures.resolution
    arguments["resolution"] = f"{side},{side}"
    if not isinstance(recipe.schedule, ConstantSchedule) and recipe.schedule.warmup_percent > 0:
        arguments["lr_warmup_steps"] = min(recipe.schedule.warmup_percent / 100, 0.999999)


def _dataset(recipe: TrainRecipe) -> Values:
    subset: Values = {"image_dir": "pictures", "caption_extension": ".txt"}
    if recipe.pictures.repeats is not None:
        subset["num_repeats"] = recipe.pictures.repeats
    if recipe.trigger:
        subset["caption_prefix"] = f"{recipe.trigger},"
    return {"subsets": [subset]}


def _prompt_lines(rules: PreviewRules, remarks: list[Remark]) -> list[str]:
    lines: list[str] = []
    for prompt in rules.prompts:
        text = prompt if is_writable(prompt) else writable(prompt)
        if text != prompt:
            words = "Line breaks and what looks like a flag cannot stand in sd-scripts' prompts."
            remarks.append(Remark("previews.prompts", shown(prompt), "converted", "previews.prompts", text, words))
        if not text:
            continue
        flags = [("w", rules.width), ("h", rules.height), ("s", rules.steps), ("l", rules.cfg)]
        negative = writable(rules.negative_prompt)
        shared = "".join(f" --{flag} {value}" for flag, value in flags if value is not None)
        shared += f" --n {negative}" if negative else ""
        lines += [f"{text} --d {rules.seed + number}{shared}" for number in range(rules.count)]
    if rules.prompts and writable(rules.negative_prompt) != rules.negative_prompt:
        path = "previews.negative_prompt"
        remarks.append(Remark(path, shown(rules.negative_prompt), "converted", path, writable(rules.negative_prompt)))
    return lines


def _kohya_word(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    theirs = next((word for (argument, word), ours in VALUE_NAMES.items() if argument == name and ours == value), value)
    return theirs.replace("_", "") if name == "optimizer_type" else theirs


def _kind(recipe: TrainRecipe, field: RecipeField) -> str:
    return str(getattr(getattr(recipe, field.path.partition(".")[0]), "kind", "")) if "." in field.path else ""


def _value_at(recipe: TrainRecipe, path: str) -> Any:
    value: Any = recipe
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _toml(values: Values) -> str:
    import tomli_w

    return tomli_w.dumps(values)
