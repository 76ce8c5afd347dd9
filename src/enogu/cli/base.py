"""``enogu base``: the base models of a studio, with or without a server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from enogu.cli.output import Output, call_of
from enogu.cli.studio_client import StudioClient, in_path, studio_of
from enogu.cli.studio_words import in_bytes, moving_bar, say_facts, say_if_nobody_works, show_rows
from enogu.errors import BaseModelRefused, WrongUse

app = typer.Typer(help="Base models: what a LoRA is trained and drawn on.", no_args_is_help=True)
BaseArgument = Annotated[str, typer.Argument(metavar="NAME", help="Its name or id.")]
NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="What it is called (default: as the file).")]
_POLL_SECONDS = 0.5


@app.command("list")
def list_all(
    context: typer.Context,
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those with this in their name.")] = "",
    family: Annotated[str, typer.Option("--family", metavar="NAME", help="sd15, sd2, sdxl or flux.")] = "",
) -> None:
    """List the base models there are, and folders that cannot be used with the reason.

    `enogu train` and `enogu draw`, which need no studio, take the starter, folders of ENOGU_HOME/base_models by their
    name, and any folder by its path.
    """
    call = call_of(context)
    output = call.output
    with studio_of(context) as studio:
        query = {"search": search, "family": family}
        found = studio.pages("/api/base-models", "base_models", query, by="offset")
        refused = studio.get("/api/base-models", **query, limit=1)["refused"]
    rows = [
        (one["name"], one["family"], in_bytes(one["size_bytes"]), one["origin"], _state(one), one["path"] or one["id"])
        for one in found
    ]
    show_rows(output, ("name", "family", "size", "from", "state", "place or id"), rows, "There is no such base model.")
    for reason in refused:
        output.say(f"Cannot be used: {reason}", style="yellow")
    if not call.server:
        folder = call.settings.base_models_folder
        output.say(f"Put diffusers folders into {folder}, or add files with `enogu base register`.")
    output.tell({"base_models": found, "refused": refused})


@app.command()
def show(context: typer.Context, name: BaseArgument) -> None:
    """Show a base model."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.get(f"/api/base-models/{in_path(base_model_id_of(studio, name))}")
    names = ("id", "name", "family_title", "derivative", "prediction_type", "origin", "layout", "licence", "style")
    facts: list[tuple[str, Any]] = [(key.replace("_", " "), shown[key]) for key in names]
    facts += [
        ("state", _state(shown)),
        ("size", in_bytes(shown["size_bytes"])),
        ("sha256", shown["hash"]),
        ("path", shown["path"]),
        ("notes", shown["notes"]),
        ("trainable", "yes" if shown["can_train"] else f"no: {shown['why_not']}"),
    ]
    say_facts(output, facts)
    output.tell(shown)


@app.command()
def register(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A .safetensors file, or a diffusers folder.")],
    name: NameOption = "",
) -> None:
    """Let the studio use a file or folder where it lies, without copying it. With --server, a path over there."""
    call = call_of(context)
    given = str(path) if call.server else str(path.resolve())
    with studio_of(context) as studio:
        added = studio.post("/api/base-models", {"path": given, "name": name})
    _say_added(call.output, added)


@app.command()
def upload(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors file, or a zip of a diffusers folder.")],
    name: NameOption = "",
) -> None:
    """Send a base model to the studio, and wait until it is looked into. A cut line is mended by the same command."""
    output = call_of(context).output
    with studio_of(context) as studio:
        with moving_bar(output, f"Sending {file.name}") as move:
            upload_id = studio.upload(file, "base_model", on_progress=move)
        added = studio.post("/api/base-models", {"upload_id": upload_id, "name": name})
        if added["state"] == "importing":
            say_if_nobody_works(studio, output)
            added = _wait(studio, output, added)
    if added["state"] == "failed":
        raise BaseModelRefused(f"{added['name']} cannot be used: {added['reason']}", "Send another file.")
    _say_added(output, added)


@app.command()
def download(
    context: typer.Context,
    reference: Annotated[
        str, typer.Argument(metavar="REPO", help="owner/name, owner/name/file.safetensors, or the page's address.")
    ],
    name: NameOption = "",
) -> None:
    """Let the studio bring a base model from the Hugging Face hub. Gated ones need HF_TOKEN where the worker runs.

    A cut line is mended by the same command: what arrived is kept.
    """
    output = call_of(context).output
    with studio_of(context) as studio:
        added = studio.post("/api/base-models", {"hub": reference, "name": name})
        say_if_nobody_works(studio, output)
        added = _wait(studio, output, added)
        if added["state"] == "failed":
            studio.delete(f"/api/base-models/{in_path(added['id'])}")
            raise BaseModelRefused(added["reason"])
    _say_added(output, added)


@app.command("set")
def set_values(
    context: typer.Context,
    base: BaseArgument,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Another name.")] = None,
    notes: Annotated[str | None, typer.Option("--notes", metavar="TEXT", help="For people.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", metavar="TEXT", help="What it may be used for.")] = None,
    derivative: Annotated[
        str | None, typer.Option("--derivative", metavar="NAME", help="pony, illustrious, noobai, schnell, or empty.")
    ] = None,
) -> None:
    """Change one of your own base models. What is left out stays."""
    output = call_of(context).output
    given = {"name": name, "notes": notes, "licence": licence, "derivative": derivative}
    body = {key: one for key, one in given.items() if one is not None}
    if not body:
        raise WrongUse("Nothing to change was given.", "See enogu base set --help.")
    with studio_of(context) as studio:
        changed = studio.patch(f"/api/base-models/{in_path(base_model_id_of(studio, base))}", body)
    output.say(f"{changed['name']} is changed.")
    output.tell(changed)


@app.command()
def delete(context: typer.Context, base: BaseArgument) -> None:
    """Forget one of your own base models. Files that were registered by their path stay where they are."""
    output = call_of(context).output
    with studio_of(context) as studio:
        base_model_id = base_model_id_of(studio, base)
        studio.delete(f"/api/base-models/{in_path(base_model_id)}")
    output.say(f"{base} is deleted.")
    output.tell({"id": base_model_id, "deleted": True})


def base_model_id_of(studio: StudioClient, reference: str) -> str:
    """The id that a person means. Raises NotFound or WrongUse."""

    def listed() -> list[Any]:
        return studio.pages("/api/base-models", "base_models", by="offset")

    return studio.find_id("base model", reference, listed, "See `enogu base list`.")


def _wait(studio: StudioClient, output: Output, added: Any) -> Any:
    with moving_bar(output, "Looking into it") as move:
        while added["state"] == "importing":
            told = added["progress"] or {}
            move(told.get("done", 0), told.get("total"))
            time.sleep(_POLL_SECONDS)
            added = studio.get(f"/api/base-models/{in_path(added['id'])}")
    return added


def _state(base: Any) -> str:
    return base["state"] if base["can_train"] or base["state"] != "ready" else "cannot be trained"


def _say_added(output: Output, added: Any) -> None:
    trains = "" if added["can_train"] else f" It cannot be trained on: {added['why_not']}"
    output.say(f"{added['name']} ({added['family_title'] or 'of an unknown family'}) is there.{trains}")
    output.tell(added)
