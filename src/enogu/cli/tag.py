"""``enogu tag``: captions for a folder of pictures, beside copies of them unless the person says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from enogu.cli.output import call_of
from enogu.errors import WrongUse

BATCH = 8


def tag(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of pictures, or a Kohya folder.")],
    tagger: Annotated[
        str, typer.Option("--tagger", metavar="NAME", help="starter, or the folder of any WD14 tagger.")
    ] = "starter",
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, help="How sure a tag must be (default: the tagger's own)."),
    ] = None,
    trigger: Annotated[str, typer.Option("--trigger", metavar="WORD", help="Word put first in every caption.")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the copies (default: DIR_tagged).")
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Write captions beside the originals instead of beside copies.")
    ] = False,
    existing: Annotated[
        Literal["keep", "append", "overwrite"],
        typer.Option("--existing", help="What becomes of a caption that is there already."),
    ] = "keep",
) -> None:
    """Write a caption of tags for each picture.

    Pictures are copied to --out with a .txt of the same name beside each; with --in-place the .txt is written beside
    the originals, which are only read. A caption that is there already stays as it is unless --existing says otherwise.
    """
    from enogu import starter_data
    from enogu.cli.tagging_copies import Copies
    from enogu.imaging.folder import read_folder
    from enogu.tagging.caption_tags import CaptionRules
    from enogu.tagging.wd14 import Wd14Tagger

    call = call_of(context)
    if in_place and out is not None:
        raise WrongUse("--in-place and --out contradict each other.", "Give one of them.")
    if "," in trigger:
        raise WrongUse(f"The trigger {trigger!r} is more than one tag.", "Use a single word without commas.")
    found = read_folder(folder)
    copies = Copies(folder, None if in_place else out or default_out(folder))
    copies.check(found.pictures)
    opened = Wd14Tagger(starter_data.path("tagger") if tagger == "starter" else Path(tagger))
    rules = CaptionRules(
        general_threshold=opened.recommended_threshold if threshold is None else threshold, trigger=trigger.strip()
    )
    for refusal in found.refused:
        call.output.say(f"Left out: {refusal}", style="yellow")
    for note in found.notes:
        call.output.say(f"Note: {note}", style="yellow")
    written = []
    for start in range(0, len(found.pictures), BATCH):
        for one in copies.tag(found.pictures[start : start + BATCH], opened, rules, existing):
            call.output.say(f"{one.path.name} ({one.outcome}): {one.text}")
            written.append({"path": str(one.path), "caption": one.text, "outcome": one.outcome})
    call.output.say()
    call.output.say(_summary([one["outcome"] for one in written], copies.where))
    call.output.tell(
        {
            "folder": str(copies.where),
            "threshold": rules.general_threshold,
            "captions": written,
            "refused": [str(refusal) for refusal in found.refused],
            "notes": list(found.notes),
        }
    )


def default_out(folder: Path) -> Path:
    """``pics`` → ``pics_tagged`` beside it; of a Kohya folder the parent, since its own name holds the repeats."""
    from enogu.imaging.folder import parse_kohya_name

    whole = folder.resolve()
    named = whole.parent if parse_kohya_name(whole.name) else whole
    return named.with_name(f"{named.name}_tagged")


def _summary(outcomes: list[str], where: Path) -> str:
    counts = {outcome: outcomes.count(outcome) for outcome in dict.fromkeys(outcomes)}
    words = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    kept = " Kept ones are as they were; --existing append or overwrite changes them." if counts.get("kept") else ""
    return f"Captions in {where}: {words}.{kept}"
