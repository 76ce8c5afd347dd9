"""``enogu caption``: the captions of a dataset: look, change many at once, undo, and see what is trained (E1 to E8)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from enogu.cli.dataset import DatasetArgument, dataset_id_of
from enogu.cli.options import RecipeOption, SetOption, StudioBaseOption, StudioPresetOption
from enogu.cli.output import Output, call_of
from enogu.cli.studio_client import StudioClient, studio_of
from enogu.cli.studio_words import show_rows, when
from enogu.errors import WrongUse

app = typer.Typer(help="Captions of a dataset: look, change, undo.", no_args_is_help=True)

FilterOption = Annotated[
    str,
    typer.Option("--filter", metavar="TEXT", help='Only captions that it takes: "smile AND NOT (hat* OR count>30)".'),
]
PictureOption = Annotated[
    list[str] | None, typer.Option("--picture", metavar="NAME", help="Only this picture. Repeatable.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
TagsArgument = Annotated[list[str], typer.Argument(metavar="TAG...", help="Tags; one with blanks in quotes.")]


@app.command()
def show(context: typer.Context, dataset: DatasetArgument, only: FilterOption = "") -> None:
    """Show the captions, all or those that a filter takes."""
    output = call_of(context).output
    with studio_of(context) as studio:
        base = _base(studio, dataset)
        shown = studio.get(base, filter=only, limit=1000)
        while len(shown["captions"]) < shown["num_matching"]:
            page = studio.get(base, filter=only, limit=1000, start=len(shown["captions"]))
            if not page["captions"]:
                break
            shown["captions"] += page["captions"]
    rows = [(one["name"], one["caption"]) for one in shown["captions"]]
    show_rows(output, ("picture", "caption"), rows, "There is no such caption.")
    output.say(
        f"{shown['num_matching']} of {shown['num_pictures']} pictures. "
        f"{shown['num_to_undo']} changes can be undone, {shown['num_to_redo']} done again."
    )
    output.tell(shown)


@app.command()
def union(
    context: typer.Context,
    dataset: DatasetArgument,
    only: FilterOption = "",
    order: Annotated[
        Literal["count", "first_seen", "alphabetical", "category"], typer.Option("--order", help="Which come first.")
    ] = "count",
) -> None:
    """List every tag, with how many pictures have it."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.get(f"{_base(studio, dataset)}/union", filter=only, order=order)
    rows = [
        (one["count"], one["shown"], "trigger" if one["is_trigger"] else one["category"], one["translation"])
        for one in shown["tags"]
    ]
    show_rows(output, ("pictures", "tag", "category", "translation"), rows, "There are no tags.")
    output.tell(shown)


@app.command()
def add(
    context: typer.Context,
    dataset: DatasetArgument,
    tags: TagsArgument,
    where: Annotated[
        Literal["first", "last", "before", "after"], typer.Option("--where", help="first is right behind the trigger.")
    ] = "last",
    anchor: Annotated[str, typer.Option("--anchor", metavar="TAG", help="The tag to stand before or after.")] = "",
    only: FilterOption = "",
    picture: PictureOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Add tags where they are missing."""
    if (where in ("before", "after")) != bool(anchor):
        raise WrongUse("--anchor goes with --where before and --where after.", "Give both, or neither.")
    command = {"kind": "add", "tags": tags, "where": where, "anchor": anchor}
    _edit(context, dataset, command, only, picture, dry_run)


@app.command()
def delete(
    context: typer.Context,
    dataset: DatasetArgument,
    tags: TagsArgument,
    with_trigger: Annotated[bool, typer.Option("--with-trigger", help="The trigger may be among them.")] = False,
    only: FilterOption = "",
    picture: PictureOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Delete tags, in every spelling."""
    _edit(context, dataset, {"kind": "delete", "tags": tags, "with_trigger": with_trigger}, only, picture, dry_run)


@app.command()
def rename(
    context: typer.Context,
    dataset: DatasetArgument,
    tags: TagsArgument,
    new: Annotated[str, typer.Option("--to", metavar="TAG", help="What they become.")],
    only: FilterOption = "",
    picture: PictureOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Rename a tag, or merge several into one."""
    _edit(context, dataset, {"kind": "rename", "tags": tags, "new": new}, only, picture, dry_run)


@app.command()
def replace(
    context: typer.Context,
    dataset: DatasetArgument,
    find: Annotated[str, typer.Argument(metavar="FIND", help="Text, or with --pattern a regular expression.")],
    replacement: Annotated[str, typer.Argument(metavar="WITH", help="What stands there then; may be empty.")],
    pattern: Annotated[bool, typer.Option("--pattern", help="FIND is a regular expression.")] = False,
    in_tags: Annotated[bool, typer.Option("--in-tags", help="In each tag for itself, not over commas.")] = False,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", help="A is a.")] = False,
    only: FilterOption = "",
    picture: PictureOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Replace text or a regular expression."""
    command = {
        "kind": "replace",
        "find": find,
        "replacement": replacement,
        "is_pattern": pattern,
        "scope": "tag" if in_tags else "caption",
        "ignore_case": ignore_case,
    }
    _edit(context, dataset, command, only, picture, dry_run)


@app.command("set")
def set_caption(
    context: typer.Context,
    dataset: DatasetArgument,
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="Its file name or id.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The whole caption.")],
) -> None:
    """Write the caption of one picture anew."""
    _edit(context, dataset, {"kind": "set", "text": text}, "", [picture], dry_run=False)


@app.command()
def sort(
    context: typer.Context,
    dataset: DatasetArgument,
    by: Annotated[Literal["count", "alphabet", "category"], typer.Option("--by", help="Which come first.")] = "count",
    only: FilterOption = "",
    picture: PictureOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Sort the tags of each caption; the trigger stays first."""
    _edit(context, dataset, {"kind": "sort", "by": by}, only, picture, dry_run)


@app.command()
def respell(
    context: typer.Context,
    dataset: DatasetArgument,
    to: Annotated[Literal["spaces", "underscores"], typer.Option("--to", help="How blanks in tags are written.")],
    only: FilterOption = "",
    picture: PictureOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Write tags with spaces or with underscores."""
    _edit(context, dataset, {"kind": "respell", "to": to}, only, picture, dry_run)


@app.command("remove-duplicates")
def remove_duplicates(
    context: typer.Context,
    dataset: DatasetArgument,
    only: FilterOption = "",
    picture: PictureOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Of tags that a caption has twice, keep the first."""
    _edit(context, dataset, {"kind": "remove_duplicates"}, only, picture, dry_run)


@app.command()
def undo(context: typer.Context, dataset: DatasetArgument) -> None:
    """Take the last change of captions back, whoever and whatever made it."""
    _step(context, dataset, "undo", "Taken back")


@app.command()
def redo(context: typer.Context, dataset: DatasetArgument) -> None:
    """Do again what was undone last."""
    _step(context, dataset, "redo", "Done again")


@app.command()
def history(
    context: typer.Context,
    dataset: DatasetArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")] = 50,
) -> None:
    """List the changes of captions, newest first."""
    output = call_of(context).output
    with studio_of(context) as studio:
        found = studio.get(f"{_base(studio, dataset)}/edits", limit=limit)
    rows = [
        (when(one["made_at"]), one["num_pictures"], "undone" if one["is_undone"] else "", one["words"]) for one in found
    ]
    show_rows(output, ("when", "pictures", "", "what"), rows, "No caption was changed yet.")
    output.tell(found)


@app.command()
def advise(
    context: typer.Context,
    dataset: DatasetArgument,
    level: Annotated[
        Literal["identity", "outfit"], typer.Option("--level", help="What the trigger is to stand for.")
    ] = "identity",
) -> None:
    """Say which tags to delete, so that the trigger stands for them."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.get(f"{_base(studio, dataset)}/advice", level=level)
    for one in shown["proposals"]:
        output.say(f"Delete {one['key']} ({one['count']} of {one['num_pictures']}): {one['reason']}")
    for one in shown["kept"]:
        output.say(f"Keep {one['key']} ({one['count']} of {one['num_pictures']}): {one['reason']}")
    if shown["proposals"]:
        names = " ".join(f'"{one["key"]}"' if " " in one["key"] else one["key"] for one in shown["proposals"])
        output.say(f"\nAll of them: enogu caption delete {dataset} {names}")
    else:
        output.say("No tag has to go.")
    output.tell(shown)


@app.command()
def tokens(
    context: typer.Context,
    dataset: DatasetArgument,
    limit: Annotated[int, typer.Option("--limit", help="75, 150 or 225, as the recipe's training.max_tokens.")] = 75,
    only: FilterOption = "",
) -> None:
    """Say how long each caption is for the text encoder, and what the limit cuts."""
    output = call_of(context).output
    with studio_of(context) as studio:
        found = studio.get(f"{_base(studio, dataset)}/tokens", limit=limit, filter=only)
    rows = [(one["name"], one["num_tokens"], one["first_beyond"]) for one in found]
    show_rows(output, ("picture", "tokens", "first tag that is left out"), rows, "There is no such caption.")
    output.tell(found)


@app.command()
def see(
    context: typer.Context,
    dataset: DatasetArgument,
    step: Annotated[int, typer.Option("--step", min=1, help="From this step on.")] = 1,
    most: Annotated[int, typer.Option("--most", min=1, max=50, help="How many captions.")] = 3,
    base: StudioBaseOption = None,
    recipe: RecipeOption = None,
    preset: StudioPresetOption = None,
    settings: SetOption = None,
) -> None:
    """Show the captions as a training feeds them to the text encoder: shuffled, shortened, dropped."""
    from enogu.cli.runs import wish_of

    output = call_of(context).output
    with studio_of(context) as studio:
        wish = wish_of(studio, dataset, base=base, recipe=recipe, preset=preset, settings=settings)
        body = {"recipe": wish["recipe"], "step": step, "most": most}
        shown = studio.post(f"/api/datasets/{wish['dataset_id']}/captions/fed", body)
    for one in shown["captions"]:
        output.say(f"Step {one['step']} of {shown['num_steps']}, epoch {one['epoch']}, {one['name']}", style="bold")
        output.say(f"  written  {one['written']}")
        output.say(f"  fed      {one['fed']}")
        output.say(f"  tokens   {one['tokens']['num_tokens']} of {one['tokens']['limit']}")
    output.tell(shown)


@app.command("import-tags")
def import_tags(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV of danbooru's tags, or of translations.")],
) -> None:
    """Import a list of tags, for categories, completion and translations in the editor."""
    output = call_of(context).output
    with studio_of(context) as studio:
        made = studio.post_files("/api/vocabularies", [(file.name, file)], field="file")
    left_out = f", {made['num_left_out']} rows left out" if made["num_left_out"] else ""
    output.say(f"{made['name']}: {made['num_tags']} tags{left_out}.")
    output.tell(made)


def _base(studio: StudioClient, dataset: str) -> str:
    return f"/api/datasets/{dataset_id_of(studio, dataset)}/captions"


def _edit(
    context: typer.Context, dataset: str, command: dict[str, Any], only: str, pictures: list[str] | None, dry_run: bool
) -> None:
    output = call_of(context).output
    with studio_of(context) as studio:
        base = _base(studio, dataset)
        body: dict[str, Any] = {"command": command, "filter": only, "dry_run": dry_run}
        if pictures:
            body["picture_ids"] = _picture_ids(studio, base.removesuffix("/captions"), pictures)
        done = studio.post(f"{base}/edits", body)
    _say_done(output, done, dry_run)
    output.tell(done)


def _picture_ids(studio: StudioClient, base: str, references: list[str]) -> list[str]:
    listed = studio.get(f"{base}/pictures", limit=10_000)["pictures"]
    return [
        studio.find_id("picture", one, lambda: listed, "See `enogu dataset show`.") for one in dict.fromkeys(references)
    ]


def _say_done(output: Output, done: Any, dry_run: bool) -> None:
    for one in done["examples"]:
        output.say(one["name"], style="bold")
        output.say(f"  - {one['before']}")
        output.say(f"  + {one['after']}")
    would = "would be changed" if dry_run else "changed"
    output.say(f"{done['words']}: {done['num_changed']} of {done['num_selected']} captions {would}.")


def _step(context: typer.Context, dataset: str, what: str, words: str) -> None:
    output = call_of(context).output
    with studio_of(context) as studio:
        done = studio.post(f"{_base(studio, dataset)}/{what}")
    output.say(f"{words}: {done['words']} ({done['num_pictures']} pictures).")
    output.tell(done)
