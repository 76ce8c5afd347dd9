"""``enogu dataset roles`` and ``mask``: which pictures are learnt, which keep what is known, and which parts (F28)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import typer

from enogu.cli.dataset import DatasetArgument, app, dataset_id_of
from enogu.cli.output import call_of
from enogu.cli.studio_client import StudioAnswered, StudioClient, studio_of
from enogu.cli.studio_words import moving_bar, show_rows
from enogu.errors import WrongUse

__all__ = ["app"]

Role = Literal["learn", "regularisation"]
PicturesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="PICTURE...", help='Names, ids, or patterns such as "reg_*". Unless given, all.'),
]


@app.command()
def roles(
    context: typer.Context,
    dataset: DatasetArgument,
    pictures: PicturesArgument = None,
    role: Annotated[
        Role | None, typer.Option("--set", help="learn, or regularisation: to keep what the base model knows.")
    ] = None,
) -> None:
    """List what each picture is for and whether it has a mask; with --set, give the pictures that are named a role."""
    output = call_of(context).output
    if role is not None and not pictures:
        raise WrongUse("--set needs to be told which pictures.", "Name them, or write '*' for all.")
    with studio_of(context) as studio:
        dataset_id = dataset_id_of(studio, dataset)
        chosen = _chosen(_list_pictures(studio, dataset_id), pictures or ["*"])
        if role is not None and chosen:
            ids = [one["id"] for one in chosen]
            studio.put(
                f"/api/datasets/{dataset_id}/pictures/role",
                {"ids": ids, "is_regularisation": role == "regularisation"},
            )
            now = {one["id"]: one for one in _list_pictures(studio, dataset_id)}
            chosen = [now[one] for one in ids if one in now]
    rows = [
        (one["name"], "regularisation" if one["is_regularisation"] else "learn", "yes" if one["mask_url"] else "")
        for one in chosen
    ]
    show_rows(output, ("picture", "role", "mask"), rows, "No pictures yet: add some with `enogu dataset add`.")
    output.tell(
        {
            "pictures": [
                {
                    "id": one["id"],
                    "name": one["name"],
                    "role": "regularisation" if one["is_regularisation"] else "learn",
                    "has_mask": one["mask_url"] is not None,
                }
                for one in chosen
            ]
        }
    )


@app.command()
def mask(
    context: typer.Context,
    dataset: DatasetArgument,
    masks: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Masks with the names of their pictures, or folders of them."),
    ] = None,
    picture: Annotated[
        str | None, typer.Option("--picture", metavar="PICTURE", help="Whose mask it is, whatever its name.")
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="PICTURE", help="Take the mask from these: names or patterns. Repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Save the masks that there are into this folder.")
    ] = None,
) -> None:
    """Give pictures masks: what is white, or opaque, is learnt while pictures.masked_loss is on.

    A mask has its picture's size and name (hat.png for hat.jpg). What is refused is named with its reason while the
    rest comes in; the exit code is 1 when nothing did.
    """
    output = call_of(context).output
    files = _mask_files(masks or [])
    if not files and not remove and out is None:
        raise WrongUse("There is nothing to do.", "Name masks, or use --remove PICTURE or --out FOLDER.")
    if picture is not None and len(files) != 1:
        raise WrongUse("--picture is for one mask.", "Name one file.")
    given: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    removed: list[str] = []
    saved: list[str] = []
    with studio_of(context) as studio:
        dataset_id = dataset_id_of(studio, dataset)
        path = f"/api/datasets/{dataset_id}/pictures"
        listed = _list_pictures(studio, dataset_id)
        for one in _chosen(listed, remove) if remove else []:
            if one["mask_url"] is not None:
                studio.delete(f"{path}/{one['id']}/mask")
                removed.append(one["name"])
        with ExitStack() as shown:
            move = shown.enter_context(moving_bar(output, "Masks")) if files else None
            for done, file in enumerate(files):
                try:
                    (owner,) = _chosen(listed, [picture]) if picture is not None else _of_stem(listed, file)
                    studio.put_file(f"{path}/{owner['id']}/mask", file)
                    given.append({"mask": str(file), "picture": owner["name"]})
                except (StudioAnswered, WrongUse) as error:
                    refused.append({"mask": str(file), "message": error.message, "cure": error.cure})
                if move is not None:
                    move(done + 1, len(files), file.name)
        if out is not None:
            saved = _save(studio, _list_pictures(studio, dataset_id), path, out)
    for one in refused:
        output.say(f"Left out: {one['mask']}: {one['message']} {one['cure']}".rstrip(), style="yellow")
    if removed:
        output.say(f"{_count(len(removed))} removed.")
    if files:
        output.say(f"{_count(len(given))} given. They count in runs with --set pictures.masked_loss=true.")
    if out is not None:
        output.say(f"{_count(len(saved))} saved in {out}.")
    output.tell({"given": given, "refused": refused, "removed": removed, "saved": saved})
    if refused and not given:
        raise typer.Exit(1)


def _list_pictures(studio: StudioClient, dataset_id: str) -> list[Any]:
    return studio.get(f"/api/datasets/{dataset_id}/pictures", limit=10_000)["pictures"]


def _chosen(pictures: Sequence[Any], wanted: Sequence[str]) -> list[Any]:
    """In their order. Raises WrongUse for a name that none has, and a pattern that none matches."""
    found: set[str] = set()
    for one in wanted:
        exact = {picture["id"] for picture in pictures if one in (picture["id"], picture["name"])}
        matches = exact or {picture["id"] for picture in pictures if fnmatchcase(picture["name"], one)}
        if not matches and one != "*":
            raise WrongUse(f"There is no picture {one}.", "See `enogu dataset show`.")
        found |= matches
    return [picture for picture in pictures if picture["id"] in found]


def _of_stem(pictures: Sequence[Any], file: Path) -> list[Any]:
    """The one picture that a mask is named after."""
    found = [picture for picture in pictures if PurePosixPath(picture["name"]).stem == file.stem]
    if not found:
        raise WrongUse(f"No picture is called {file.stem}.", "Name it as its picture, or say --picture PICTURE.")
    if len(found) > 1:
        names = ", ".join(picture["name"] for picture in found[:5])
        raise WrongUse(f"It could be the mask of {names}.", "Give it alone, with --picture PICTURE.")
    return found


def _mask_files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += [one for one in sorted(path.rglob("*")) if one.is_file() and not one.name.startswith(".")]
        elif path.is_file():
            files.append(path)
        else:
            raise WrongUse(f"There is no {path}.", "Check the path.")
    return files


def _save(studio: StudioClient, pictures: Sequence[Any], path: str, out: Path) -> list[str]:
    """Under their pictures' names, as PNG; of two pictures of one stem, the second under its whole name."""
    from enogu.whole_file import make_folder

    make_folder(out)
    saved: list[str] = []
    for one in pictures:
        if one["mask_url"] is not None:
            name = PurePosixPath(one["name"].replace("\\", "/"))  # a name, and never a place outside the folder
            target = out / f"{name.stem}.png"
            target = out / f"{name.name}.png" if str(target) in saved else target
            saved.append(str(studio.download(f"{path}/{one['id']}/mask", target)))
    return saved


def _count(number: int) -> str:
    return "1 mask" if number == 1 else f"{number} masks"
