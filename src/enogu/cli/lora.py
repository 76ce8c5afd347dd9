"""``enogu lora``: the studio's library of LoRAs; `enogu inspect` looks into a file on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from enogu.cli.output import call_of
from enogu.cli.runs import OutOption, RunArgument, run_id_of
from enogu.cli.studio_client import StudioClient, studio_of
from enogu.cli.studio_words import in_bytes, moving_bar, say_facts, show_rows, when
from enogu.errors import WrongUse

app = typer.Typer(help="The library of LoRAs: save, upload, download.", no_args_is_help=True)
LoraArgument = Annotated[str, typer.Argument(metavar="LORA", help="Name, id, or the first letters of the id.")]


def lora_id_of(studio: StudioClient, reference: str, *, is_deleted: bool = False) -> str:
    """The id that a person means. Raises NotFound or WrongUse."""
    query = {"deleted": "true"} if is_deleted else {}
    cure = "See `enogu lora list --deleted`." if is_deleted else "See `enogu lora list`."
    return studio.find_id(
        "LoRA", reference, lambda: studio.pages("/api/loras", "loras", query, by="offset"), cure
    )  # fmt: skip


@app.command("list")
def list_all(
    context: typer.Context,
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="In name, trigger, base model, notes.")] = "",
    base: Annotated[str, typer.Option("--base", metavar="NAME", help="Only those that fit this base model.")] = "",
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that can be brought back.")] = False,
) -> None:
    """List the LoRAs, newest first. The names are those of `<lora:name:weight>`."""
    output = call_of(context).output
    query = {"q": search, "base_model": base, **({"deleted": "true"} if deleted else {})}
    with studio_of(context) as studio:
        found = studio.pages("/api/loras", "loras", query, by="offset")
    rows = [
        (one["id"], one["name"], one["family"], one["trigger"], in_bytes(one["size_bytes"]), when(one["created_at"]))
        for one in found
    ]
    none = "No LoRA was deleted." if deleted else "There is no such LoRA." if search or base else (
        "The library is empty: `enogu lora save RUN`, or `enogu lora upload FILE`."
    )  # fmt: skip
    show_rows(output, ("id", "name", "family", "trigger", "size", "saved"), rows, none)
    output.tell({"loras": found, "total": len(found)})


@app.command()
def show(context: typer.Context, lora: LoraArgument) -> None:
    """Show a LoRA, and what its header tells."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.get(f"/api/loras/{lora_id_of(studio, lora)}")
    dim = None if shown["dim"] is None else f"{shown['dim']:g}, alpha {shown['alpha'] or 0:g}"
    names = ("id", "name", "filename", "family", "trigger", "base_model_name", "run_id", "epoch")
    facts: list[tuple[str, Any]] = [(name.replace("_", " "), shown[name]) for name in names]
    facts += [
        ("dim", dim),
        ("best weight", shown["preferred_weight"] or None),
        ("notes", shown["notes"]),
        ("sha256", shown["sha256"]),
    ]
    say_facts(output, [*facts, ("size", in_bytes(shown["size_bytes"])), ("saved", when(shown["created_at"]))])
    output.tell(shown)


@app.command()
def save(
    context: typer.Context,
    run: RunArgument,
    epoch: Annotated[int | None, typer.Option("--epoch", min=1, help="Of this epoch, not the last.")] = None,
    file: Annotated[str | None, typer.Option("--file", metavar="NAME", help="A file of the run by its name.")] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name in prompts.")] = None,
) -> None:
    """Save what a training has left to the library: the last epoch, unless told otherwise."""
    output = call_of(context).output
    if epoch is not None and file is not None:
        raise WrongUse("--epoch and --file contradict each other.", "Give one of them.")
    with studio_of(context) as studio:
        run_id = run_id_of(studio, run)
        if epoch is None and file is None:
            epochs = [one for one in studio.get(f"/api/runs/{run_id}/epochs") if not one["is_extra"]]
            if not epochs:
                raise WrongUse(f"{run} has saved no file yet.", "Follow it with `enogu runs follow`.")
            file = epochs[-1]["filename"]
        body = {"run_id": run_id, **({"epoch": epoch} if epoch is not None else {"filename": file})}
        saved = studio.post("/api/loras", {**body, **({"name": name} if name else {})})
    output.say(f"Saved: write <lora:{saved['name']}:1> in a prompt.")
    output.tell(saved)


@app.command()
def upload(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors file.")],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name in prompts.")] = None,
) -> None:
    """Add a LoRA file to the library. What was cut off goes on with the same command."""
    output = call_of(context).output
    with studio_of(context) as studio, moving_bar(output, f"Sending {file.name}") as move:
        upload_id = studio.upload(file, "lora", on_progress=move)
        added = studio.post("/api/loras", {"upload_id": upload_id, **({"name": name} if name else {})})
    output.say(f"Added: write <lora:{added['name']}:1> in a prompt.")
    output.tell(added)


@app.command("set")
def set_values(
    context: typer.Context,
    lora: LoraArgument,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name in prompts.")] = None,
    trigger: Annotated[str | None, typer.Option("--trigger", metavar="WORD", help="What calls it.")] = None,
    notes: Annotated[str | None, typer.Option("--notes", metavar="TEXT", help="For people.")] = None,
    weight: Annotated[float | None, typer.Option("--weight", min=0, help="At which it is best.")] = None,
) -> None:
    """Change a LoRA's name, trigger, notes or best weight. What is left out stays."""
    output = call_of(context).output
    given = {"name": name, "trigger": trigger, "notes": notes, "preferred_weight": weight}
    body = {key: one for key, one in given.items() if one is not None}
    if not body:
        raise WrongUse("Nothing to change was given.", "See enogu lora set --help.")
    with studio_of(context) as studio:
        changed = studio.patch(f"/api/loras/{lora_id_of(studio, lora)}", body)
    output.say(f"{changed['name']} is changed.")
    output.tell(changed)


@app.command()
def download(context: typer.Context, lora: LoraArgument, out: OutOption = Path()) -> None:
    """Download a LoRA file."""
    output = call_of(context).output
    with studio_of(context) as studio, moving_bar(output, "Downloading") as move:
        saved = studio.download(f"/api/loras/{lora_id_of(studio, lora)}/file", out, on_progress=move)
    output.say(f"{saved} ({in_bytes(saved.stat().st_size)})")
    output.tell({"path": str(saved), "size_bytes": saved.stat().st_size})


@app.command("download-all")
def download_all(
    context: typer.Context,
    out: OutOption = Path(),
    layout: Annotated[str, typer.Option("--layout", metavar="NAME", help="a1111, or comfyui.")] = "a1111",
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those that are found so.")] = "",
) -> None:
    """Download all LoRAs with their cards and previews as one zip."""
    output = call_of(context).output
    with studio_of(context) as studio, moving_bar(output, "Downloading") as move:
        saved = studio.download("/api/loras.zip", out, on_progress=move, layout=layout, q=search)
    output.say(f"{saved} ({in_bytes(saved.stat().st_size)})")
    output.tell({"path": str(saved), "size_bytes": saved.stat().st_size})


@app.command()
def sidecar(
    context: typer.Context,
    lora: LoraArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
) -> None:
    """Show what A1111 and Forge keep beside the file as NAME.json."""
    import json

    from enogu.whole_file import write_whole_bytes

    output = call_of(context).output
    with studio_of(context) as studio:
        card = studio.get(f"/api/loras/{lora_id_of(studio, lora)}/sidecar.json")
    text = json.dumps(card, ensure_ascii=False, indent=2)
    if out is None:
        output.say(text)
    else:
        write_whole_bytes(out, f"{text}\n".encode())
        output.say(f"{out}")
    output.tell(card)


@app.command()
def delete(context: typer.Context, lora: LoraArgument) -> None:
    """Take a LoRA out of the library; for thirty days `restore` brings it back."""
    output = call_of(context).output
    with studio_of(context) as studio:
        lora_id = lora_id_of(studio, lora)
        studio.delete(f"/api/loras/{lora_id}")
    output.say(f"{lora} is deleted. For thirty days: enogu lora restore {lora_id}")
    output.tell({"id": lora_id, "deleted": True})


@app.command()
def restore(context: typer.Context, lora: LoraArgument) -> None:
    """Bring a deleted LoRA back."""
    output = call_of(context).output
    with studio_of(context) as studio:
        back = studio.post(f"/api/loras/{lora_id_of(studio, lora, is_deleted=True)}/restore")
    output.say(f"{back['name']} is back.")
    output.tell(back)
