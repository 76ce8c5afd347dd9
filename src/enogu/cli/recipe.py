"""``enogu recipe``: the recipes to start from, and other trainers' settings as recipes and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from enogu.cli.output import Output, call_of
from enogu.errors import WrongUse

if TYPE_CHECKING:
    from enogu.recipe.foreign import Remark, SettingsFile

app = typer.Typer(help="Recipes: what to train, as one file.", no_args_is_help=True)
_OUTCOMES = {
    "no_counterpart": "Enogu has no counterpart",
    "refused": "Not taken",
    "converted": "Converted",
    "default": "Left out in the file, and written as that trainer does it then",
    "no_effect": "Did nothing there either",
    "own": "Not needed",
    "taken": "Taken as it is",
}
"""In the order in which a person wants to read them."""


@app.command("presets")
def presets(context: typer.Context) -> None:
    """List the presets that --preset takes, each with its purpose."""
    from enogu.presets import preset_names, preset_path, preset_purpose

    call = call_of(context)
    for name in preset_names():
        call.output.say(name, style="bold")
        call.output.say(f"  {preset_purpose(name)}")
    call.output.tell(
        {
            "presets": [
                {"name": name, "purpose": preset_purpose(name), "path": str(preset_path(name))}
                for name in preset_names()
            ]
        }
    )


@app.command("fields")
def fields(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORD…]", help="Only fields with all of these in name, sentence or sd-scripts' name."),
    ] = None,
) -> None:
    """List the fields that --set takes: what each does, what is allowed, its default, its name in sd-scripts."""
    from enogu.recipe import recipe_fields

    output = call_of(context).output
    wanted = [word.casefold() for word in words or ()]
    found = [
        field
        for field in recipe_fields()
        if all(word in f"{field.path} {field.kind} {field.sentence} {field.kohya}".casefold() for word in wanted)
    ]
    if not found:
        raise WrongUse(f"No field has {' and '.join(words or ())} in it.", "Without a word, all are listed.")
    for field in found:
        kind = f"  (kind = {field.kind})" if field.kind else ""
        output.say(f"{field.path}{kind}", style="bold")
        default = field.default_words or json.dumps(field.default, ensure_ascii=False)
        named = f"; sd-scripts: {field.kohya}" if field.kohya else ""
        output.say(f"  {field.sentence}")
        output.say(f"  {field.allowed_words}; default {default}{named}")
    output.tell(
        {
            "fields": [
                {
                    "path": field.path,
                    "kind": field.kind,
                    "sentence": field.sentence,
                    "allowed": field.allowed_words,
                    "default": field.default,
                    "default_words": field.default_words,
                    "kohya": field.kohya,
                    "advanced": field.advanced,
                }
                for field in found
            ]
        }
    )


@app.command("import")
def import_settings(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="kohya_ss' .json, sd-scripts' .toml files, or ai-toolkit's .yaml."),
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the recipe here.")] = None,
    num_pictures: Annotated[
        int | None, typer.Option("--pictures", min=1, metavar="N", help="How many there are: turns steps into epochs.")
    ] = None,
) -> None:
    """Turn another trainer's settings into a recipe, and say what became of each of them.

    The dataset configuration and the prompts that a .toml names are read too, where they lie beside it.
    """
    from enogu.recipe import recipe_to_toml
    from enogu.recipe.foreign.importing import import_recipe
    from enogu.whole_file import write_whole_bytes

    output = call_of(context).output
    imported = import_recipe(_with_named_files([_read(file) for file in files], files), num_pictures=num_pictures)
    text = recipe_to_toml(imported.recipe, explained=True)
    if out is not None:
        _refuse_existing(out)
        write_whole_bytes(out, text.encode())
    else:
        output.say(text)
    _say_remarks(output, imported.remarks)
    if out is not None:
        output.say(f"Wrote {out}: `enogu train FOLDER --recipe {out}`.")
    output.tell(
        {
            "source": imported.source,
            "recipe": imported.recipe.model_dump(mode="json"),
            "remarks": _as_values(imported.remarks),
            "path": None if out is None else str(out),
        }
    )


@app.command("export")
def export_settings(
    context: typer.Context,
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe file (.toml), or a preset's name.")],
    kohya: Annotated[bool, typer.Option("--kohya", help="As sd-scripts' .toml files.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the files go.")] = Path(),
) -> None:
    """Write a recipe for sd-scripts: settings, dataset configuration and prompts. Nothing is overwritten."""
    from enogu.presets import preset_names, preset_path
    from enogu.recipe import load_recipe
    from enogu.recipe.foreign.exporting import export_to_kohya
    from enogu.whole_file import make_folder, write_whole_bytes

    if not kohya:
        raise WrongUse("Nothing says for which trainer.", "Add --kohya: sd-scripts' .toml files.")
    output = call_of(context).output
    path = preset_path(str(recipe)) if str(recipe) in preset_names() else recipe
    exported = export_to_kohya(load_recipe(path))
    targets = [out / file.name for file in exported.files]
    for target in targets:
        _refuse_existing(target)
    make_folder(out)
    for file, target in zip(exported.files, targets, strict=True):
        write_whole_bytes(target, file.text.encode())
    _say_remarks(output, exported.remarks)
    output.say(f"Wrote {', '.join(str(target) for target in targets)}.")
    output.say(
        f"Set image_dir in {targets[1].name}, then: accelerate launch train_network.py --config_file {targets[0]}"
    )
    output.tell({"paths": [str(target) for target in targets], "remarks": _as_values(exported.remarks)})


def _read(path: Path) -> SettingsFile:
    from enogu.recipe.foreign import MAX_CHARACTERS, SettingsFile

    try:
        with path.open("rb") as file:
            data = file.read(4 * MAX_CHARACTERS + 1)
        return SettingsFile(path.name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise WrongUse(f"{path} is not written in UTF-8.", "Save it as UTF-8.") from error
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror or error}.", "Check the path.") from error


def _with_named_files(given: list[SettingsFile], paths: Sequence[Path]) -> list[SettingsFile]:
    """What a .toml names as its dataset configuration and prompts, read from its own folder unless given already."""
    from enogu.recipe.foreign.files import read_values
    from enogu.recipe.foreign.kohya_toml import arguments_of

    found = list(given)
    for file, path in zip(given, paths, strict=True):
        if file.ending != ".toml":
            continue
        values = arguments_of(read_values(file))
        for key, endings in (("dataset_config", (".toml", ".json")), ("sample_prompts", (".txt",))):
            name = str(values.get(key) or "")
            beside = path.parent / name
            is_new = beside.name not in [one.name for one in found]
            if name.lower().endswith(endings) and is_new and beside.is_file():
                found.append(_read(beside))
    return found


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise WrongUse(f"{path} is there already.", "Choose another --out, or move it away.")


def _say_remarks(output: Output, remarks: Sequence[Remark]) -> None:
    for outcome, title in _OUTCOMES.items():
        those = [remark for remark in remarks if remark.outcome == outcome]
        if not those:
            continue
        if outcome in ("own", "taken"):
            output.say(f"{title}: {', '.join(dict.fromkeys(remark.name for remark in those))}.")
            continue
        output.say(f"{title}:")
        for remark in those:
            became = f" → {remark.path} = {_text(remark.became)}" if remark.path and remark.became is not None else ""
            output.say(f"  {remark.name} = {remark.value}{became}{'. ' + remark.words if remark.words else ''}")


def _text(value: Any) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, tuple) else str(value)


def _as_values(remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(remark) for remark in remarks]
