"""``enogu preset``: recipes under a name in the studio, to be recalled (B8)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from enogu.cli.options import RecipeOption, SetOption, StudioPresetOption
from enogu.cli.output import call_of
from enogu.cli.recipe_values import find_preset
from enogu.cli.studio_client import studio_of
from enogu.cli.studio_words import show_rows
from enogu.errors import WrongUse

app = typer.Typer(help="Recipes under a name in the studio.", no_args_is_help=True)
PresetArgument = Annotated[str, typer.Argument(metavar="PRESET", help="Its name or id.")]


@app.command("list")
def list_all(context: typer.Context) -> None:
    """List your own presets, then those that ship."""
    output = call_of(context).output
    with studio_of(context) as studio:
        found = studio.get("/api/presets")
    rows = [(one["name"], "ships" if one["is_shipped"] else one["id"], one["purpose"]) for one in found]
    show_rows(output, ("name", "id", "purpose"), rows, "There is none.")
    output.tell(found)


@app.command()
def show(context: typer.Context, preset: PresetArgument) -> None:
    """Show a preset as a recipe file (TOML), to be edited and given to --recipe."""
    import tomli_w

    output = call_of(context).output
    with studio_of(context) as studio:
        found = find_preset(studio, preset)
    output.say(tomli_w.dumps(_without_none(found["recipe"])).rstrip())
    output.tell(found)


@app.command()
def save(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called; an own one of this name changes.")],
    recipe: RecipeOption = None,
    preset: StudioPresetOption = None,
    from_run: Annotated[str | None, typer.Option("--from", metavar="RUN", help="The recipe of this run.")] = None,
    settings: SetOption = None,
    purpose: Annotated[str, typer.Option("--purpose", metavar="TEXT", help="What it is for.")] = "",
) -> None:
    """Save a recipe under a name: of a file, another preset, or a run."""
    from enogu.cli.runs import run_id_of
    from enogu.recipe import load_recipe, recipe_from_values, with_settings

    output = call_of(context).output
    if sum(one is not None for one in (recipe, preset, from_run)) != 1:
        raise WrongUse("A preset is made of one recipe.", "Give one of --recipe, --preset and --from.")
    with studio_of(context) as studio:
        if recipe is not None:
            start = load_recipe(Path(recipe))
        elif preset is not None:
            start = recipe_from_values(find_preset(studio, preset)["recipe"])
        else:
            start = recipe_from_values(studio.get(f"/api/runs/{run_id_of(studio, from_run or '')}/recipe"))
        values = with_settings(start, settings or ()).model_dump(mode="json", exclude_unset=True)
        body = {"name": name, "recipe": values, "purpose": purpose}
        own = [one for one in studio.get("/api/presets") if one["name"] == name and not one["is_shipped"]]
        saved = studio.put(f"/api/presets/{own[0]['id']}", body) if own else studio.post("/api/presets", body)
    output.say(f"Saved: start with `enogu runs start DATASET --preset {saved['name']}`.")
    output.tell(saved)


@app.command()
def delete(context: typer.Context, preset: PresetArgument) -> None:
    """Delete one of your own presets, for good."""
    output = call_of(context).output
    with studio_of(context) as studio:
        found = find_preset(studio, preset)
        if found["is_shipped"]:
            raise WrongUse(f"{found['name']} ships with Enogu.", "Only your own can be deleted.")
        studio.delete(f"/api/presets/{found['id']}")
    output.say(f"{found['name']} is deleted.")
    output.tell({"id": found["id"], "deleted": True})


def _without_none(values: dict[str, object]) -> dict[str, object]:
    """TOML has no null: a field that is left out follows its default, which is none where it may be."""
    return {key: _without_none(one) if isinstance(one, dict) else one for key, one in values.items() if one is not None}
