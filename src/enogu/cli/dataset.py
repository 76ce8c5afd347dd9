"""``enogu dataset``: sets of pictures in the studio, from their making to a zip of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from enogu.cli.output import Output, call_of
from enogu.cli.studio_client import StudioClient, studio_of
from enogu.cli.studio_words import in_bytes, moving_bar, say_facts, say_if_nobody_works, show_rows, when
from enogu.errors import EnoguError, WrongUse

app = typer.Typer(help="Datasets of the studio: make, fill, crop and tag, download.", no_args_is_help=True)

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="Name, id, or the first letters of the id.")]
BATCH_FILES = 100
BATCH_BYTES = 32 * 1024 * 1024
"""Sent in one request, so that the bar moves; a larger file goes as a resumable upload."""
_LONE_BYTES = 64 * 1024 * 1024


def dataset_id_of(studio: StudioClient, reference: str, *, is_deleted: bool = False) -> str:
    """The id that a person means. Raises NotFound or WrongUse."""
    query = {"deleted": "true"} if is_deleted else {}
    return studio.find_id(
        "dataset",
        reference,
        lambda: studio.pages("/api/datasets", "datasets", query),
        "See `enogu dataset list --deleted`." if is_deleted else "See `enogu dataset list`.",
    )


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.")],
    trigger: Annotated[
        str | None, typer.Option("--trigger", metavar="WORD", help="The word put first in every caption.")
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="Fill it from the set of this name that ships with Enogu, such as mame.")
    ] = False,
) -> None:
    """Make a dataset without pictures, or with a set that ships."""
    output = call_of(context).output
    with studio_of(context) as studio:
        path = "/api/datasets/samples" if sample else "/api/datasets"
        made = studio.post(path, {"name": name})
        if trigger is not None:
            made = studio.patch(f"/api/datasets/{made['id']}", {"trigger": trigger})
    output.say(f"{made['name']} is there, with {made['num_pictures']} pictures: {made['id']}")
    output.tell(made)


@app.command("list")
def list_all(
    context: typer.Context,
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those with this in their name.")] = "",
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that can be brought back.")] = False,
) -> None:
    """List datasets, newest first."""
    output = call_of(context).output
    query = {"search": search, **({"deleted": "true"} if deleted else {})}
    with studio_of(context) as studio:
        found = studio.pages("/api/datasets", "datasets", query)
    rows = [(one["id"], one["name"], one["num_pictures"], one["trigger"], when(one["changed_at"])) for one in found]
    none = "No dataset was deleted." if deleted else "There is no dataset yet: make one with `enogu dataset create`."
    show_rows(output, ("id", "name", "pictures", "trigger", "changed"), rows, none)
    output.tell({"datasets": found, "total": len(found)})


@app.command()
def show(context: typer.Context, dataset: DatasetArgument) -> None:
    """Show a dataset: its settings, and its pictures with captions."""
    output = call_of(context).output
    with studio_of(context) as studio:
        dataset_id = dataset_id_of(studio, dataset)
        shown = studio.get(f"/api/datasets/{dataset_id}")
        pictures = studio.get(f"/api/datasets/{dataset_id}/pictures", limit=10_000)["pictures"]
    crop, tag = shown["crop"], shown["tag"]
    say_facts(
        output,
        [
            ("id", shown["id"]),
            ("name", shown["name"]),
            ("trigger", shown["trigger"]),
            ("crop", f"{crop['method']}, {crop['width']}x{crop['height']}"),
            ("tagger", f"{tag['tagger']}, captions that are there: {tag['existing']}"),
            ("changed", when(shown["changed_at"])),
        ],
    )
    output.say()
    rows = [
        (one["name"], f"{one['trained_width']}x{one['trained_height']}", one["repeats"], _marks(one), one["caption"])
        for one in pictures
    ]
    none = f"No pictures yet: `enogu dataset add {shown['name']} FOLDER`."
    show_rows(output, ("picture", "trained at", "repeats", "role", "caption"), rows, none)
    output.tell({**shown, "pictures": pictures})


@app.command("set")
def set_values(
    context: typer.Context,
    dataset: DatasetArgument,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Another name.")] = None,
    trigger: Annotated[
        str | None, typer.Option("--trigger", metavar="WORD", help="The word put first in every caption.")
    ] = None,
    crop: Annotated[
        Literal["none", "centre", "smart", "face"] | None, typer.Option("--crop", help="none, centre, smart, face.")
    ] = None,
    size: Annotated[str | None, typer.Option("--size", metavar="WxH", help="What crops are made to: 512x512.")] = None,
    tagger: Annotated[
        str | None, typer.Option("--tagger", metavar="NAME", help="starter, or one of the studio.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option("--threshold", min=0, max=1, help="How sure a tag must be.")
    ] = None,
    existing: Annotated[
        Literal["keep", "append", "overwrite"] | None,
        typer.Option("--existing", help="What becomes of a caption that is there already."),
    ] = None,
    undesired: Annotated[
        list[str] | None, typer.Option("--undesired", metavar="TAG", help="A tag never to write. Repeatable.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option("--repeats", min=1, help="How often an epoch shows each picture.")
    ] = None,
) -> None:
    """Change a dataset's name, trigger, repeats, and how it is cropped and tagged. What is left out stays."""
    output = call_of(context).output
    body: dict[str, Any] = {key: one for key, one in (("name", name), ("trigger", trigger)) if one is not None}
    cropping: dict[str, Any] = {"method": crop} if crop is not None else {}
    if size is not None:
        width, _, height = size.lower().partition("x")
        if not (width.isdigit() and (height.isdigit() or not height)):
            raise WrongUse(f"--size {size} is no size.", "Write it as 512x768.")
        cropping |= {"width": int(width), "height": int(height or width)}
    tagging = {
        key: one
        for key, one in (
            ("tagger", tagger), ("threshold", threshold), ("existing", existing), ("undesired_tags", undesired),
        )
        if one is not None and one != []
    }  # fmt: skip
    body |= {key: one for key, one in (("crop", cropping), ("tag", tagging)) if one}
    if not body and repeats is None:
        raise WrongUse("Nothing to change was given.", "See enogu dataset set --help.")
    with studio_of(context) as studio:
        path = f"/api/datasets/{dataset_id_of(studio, dataset)}"
        if repeats is not None:
            studio.put(f"{path}/pictures/repeats", {"repeats": repeats})
        changed = studio.patch(path, body) if body else studio.get(path)
    output.say(f"{changed['name']} is changed.")
    output.tell(changed)


@app.command()
def add(
    context: typer.Context,
    dataset: DatasetArgument,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pictures, captions, folders, zips.")],
) -> None:
    """Add pictures with their captions; Kohya folders keep their repeats.

    What is refused is named with its reason while the rest comes in; the exit code is 1 when nothing did.
    """
    output = call_of(context).output
    files = list(_files(paths))
    if not files:
        raise WrongUse(f"There are no files in {paths[0]}.", "Name pictures, folders of pictures, or zips.")
    total = sum(file.stat().st_size for _, file in files)
    added: list[Any] = []
    refused: list[Any] = []
    notes: list[str] = []
    num_captions = num_new = sent = 0
    with studio_of(context) as studio, moving_bar(output, "Adding") as move:
        dataset_id = dataset_id_of(studio, dataset)
        for batch in _batches(files):
            size = sum(file.stat().st_size for _, file in batch)
            if size > _LONE_BYTES and len(batch) == 1:
                task = _send_large(studio, output, dataset_id, batch[0][1], move)
                refused += task["refused"]
                num_new += task["num_new"]
            else:
                answer = studio.post_files(f"/api/datasets/{dataset_id}/pictures", batch)
                added += answer["added"]
                refused += answer["refused"]
                notes += [one for one in answer["notes"] if one not in notes]
                num_captions += answer["num_captions"]
            sent += size
            move(sent, total, f"{in_bytes(sent)} of {in_bytes(total)}")
        shown = studio.get(f"/api/datasets/{dataset_id}")
    num_new += sum(1 for one in added if one["is_new"])
    num_there = sum(1 for one in added if not one["is_new"])
    for one in refused:
        output.say(f"Left out: {one['name']}: {one['message']} {one['cure']}".rstrip(), style="yellow")
    for note in notes:
        output.say(f"Note: {note}", style="yellow")
    there = f" {num_there} were there already." if num_there else ""
    captions = f" {num_captions} captions were put to pictures that were there." if num_captions else ""
    output.say(f"{num_new} pictures added.{there}{captions} {shown['name']} has {shown['num_pictures']}.")
    output.tell({"added": added, "refused": refused, "notes": notes, "num_captions": num_captions, "num_new": num_new})
    if refused and not (num_new or num_there or num_captions):
        raise typer.Exit(1)


@app.command()
def findings(context: typer.Context, dataset: DatasetArgument) -> None:
    """Point out duplicates, and pictures that are too small, blurred, dark, washed out or blank."""
    output = call_of(context).output
    with studio_of(context) as studio:
        dataset_id = dataset_id_of(studio, dataset)
        found = studio.get(f"/api/datasets/{dataset_id}/findings")
        pictures = studio.get(f"/api/datasets/{dataset_id}/pictures", limit=10_000)["pictures"]
    names = {one["id"]: one["name"] for one in pictures}
    for group in found["duplicates"]:
        others = ", ".join(f"{names.get(one['picture_id'], '?')} ({one['kind']})" for one in group["others"])
        output.say(f"{names.get(group['kept_id'], '?')} is there again as {others}. {group['words']}")
    for one in found["problems"]:
        output.say(f"{one['words']}: {', '.join(names.get(picture, '?') for picture in one['picture_ids'])}")
    if not found["duplicates"] and not found["problems"]:
        output.say("Nothing to point out.")
    output.tell(found)


@app.command("crop-and-tag")
def crop_and_tag(
    context: typer.Context,
    dataset: DatasetArgument,
    only: Annotated[Literal["crop", "tag"] | None, typer.Option("--only", help="One of the two.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it until it is done.")] = False,
) -> None:
    """Crop and tag all pictures by the dataset's settings (`enogu dataset set`); a worker does it."""
    output = call_of(context).output
    with studio_of(context) as studio:
        dataset_id = dataset_id_of(studio, dataset)
        task = studio.post(f"/api/datasets/{dataset_id}/crop-and-tag", {"parts": only or "both"})
        say_if_nobody_works(studio, output)
        if wait:
            task = wait_for_task(studio, output, dataset_id, task, "Cropping and tagging")
    if not wait:
        output.say(f"Queued: {task['total'] or 'all'} pictures. Follow it with `--wait`, or look with `dataset show`.")
    elif task["state"] == "done":
        output.say(f"{task['done']} pictures done.")
    for one in task["refused"]:
        output.say(f"Left out: {one['name']}: {one['message']} {one['cure']}".rstrip(), style="yellow")
    output.tell(task)
    refuse_unless_done(task, "Cropping and tagging", wait)


@app.command()
def download(
    context: typer.Context,
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The zip, or a folder to put it in.")] = Path(),
) -> None:
    """Download originals and captions as a zip, as other trainers take them."""
    output = call_of(context).output
    with studio_of(context) as studio, moving_bar(output, "Downloading") as move:
        dataset_id = dataset_id_of(studio, dataset)
        path = studio.download(f"/api/datasets/{dataset_id}/zip", out, on_progress=move)
    output.say(f"{path} ({in_bytes(path.stat().st_size)})")
    output.tell({"path": str(path), "size_bytes": path.stat().st_size})


@app.command()
def delete(context: typer.Context, dataset: DatasetArgument) -> None:
    """Delete a dataset; for thirty days `restore` brings it back."""
    output = call_of(context).output
    with studio_of(context) as studio:
        gone = studio.delete(f"/api/datasets/{dataset_id_of(studio, dataset)}")
    output.say(f"{gone['name']} is deleted. For thirty days: enogu dataset restore {gone['id']}")
    output.tell(gone)


@app.command()
def restore(context: typer.Context, dataset: DatasetArgument) -> None:
    """Bring a deleted dataset back."""
    output = call_of(context).output
    with studio_of(context) as studio:
        back = studio.post(f"/api/datasets/{dataset_id_of(studio, dataset, is_deleted=True)}/restore")
    output.say(f"{back['name']} is back, with {back['num_pictures']} pictures.")
    output.tell(back)


def _marks(picture: Any) -> str:
    role = "regularisation" if picture["is_regularisation"] else "learn"
    return f"{role}, masked" if picture["mask_url"] is not None else role


def wait_for_task(studio: StudioClient, output: Output, dataset_id: str, task: Any, words: str) -> Any:
    """Follow a task until it is over, and return it as it then is."""
    with moving_bar(output, words) as move:
        for event in studio.follow(f"/api/datasets/{dataset_id}/tasks/{task['id']}/events"):
            move(event.data["done"], event.data["total"] or None, f"{words} {event.data['name']}".rstrip())
    return studio.get(f"/api/datasets/{dataset_id}/tasks/{task['id']}")


def refuse_unless_done(task: Any, words: str, waited: bool) -> None:
    """Raises EnoguError for a task that ended otherwise."""
    if waited and task["state"] != "done":
        raise EnoguError(f"{words} ended as {task['state']}. {task['reason']}".strip(), "Start it again.")


def _files(paths: list[Path]) -> Iterator[tuple[str, Path]]:
    """Each file with the name it is sent under: folders keep theirs, since a Kohya folder's name means something."""
    for path in paths:
        if path.is_dir():
            whole = path.resolve()
            for file in sorted(whole.rglob("*")):
                name = file.relative_to(whole.parent)
                if file.is_file() and not any(part.startswith((".", "__MACOSX")) for part in name.parts[1:]):
                    yield name.as_posix(), file
        elif path.is_file():
            yield path.name, path
        else:
            raise WrongUse(f"There is no {path}.", "Check the path.")


def _batches(files: list[tuple[str, Path]]) -> Iterator[list[tuple[str, Path]]]:
    """A picture and its caption stay together, since they are neighbours in order; large files go alone, masks last."""
    batch: list[tuple[str, Path]] = []
    size = 0
    for name, file in sorted(files, key=lambda one: (_is_mask(one[0]), one[0].rpartition(".")[0], one[0])):
        bytes_of_it = file.stat().st_size
        same_stem = bool(batch) and batch[-1][0].rpartition(".")[0] == name.rpartition(".")[0]
        is_full = len(batch) >= BATCH_FILES or size + bytes_of_it > BATCH_BYTES
        if batch and ((is_full and not same_stem) or bytes_of_it > _LONE_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((name, file))
        size += bytes_of_it
        if bytes_of_it > _LONE_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _is_mask(name: str) -> bool:
    from enogu.imaging.folder import MASK_FOLDERS  # with Pillow, which a help need not wait for

    return any(part.casefold() in MASK_FOLDERS for part in name.replace("\\", "/").split("/")[:-1])


def _send_large(studio: StudioClient, output: Output, dataset_id: str, file: Path, move: Any) -> Any:
    """As a resumable upload that a worker takes in."""
    kind = "zip" if file.suffix.lower() == ".zip" else "picture"
    upload_id = studio.upload(file, kind, on_progress=lambda done, total: move(done, total, f"Sending {file.name}"))
    task = studio.post(f"/api/datasets/{dataset_id}/imports", {"upload_ids": [upload_id]})
    say_if_nobody_works(studio, output)
    task = wait_for_task(studio, output, dataset_id, task, "Taking in")
    refuse_unless_done(task, f"Taking in {file.name}", waited=True)
    return task
