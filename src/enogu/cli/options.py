"""The options that several commands share, so that one word means and says the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PicturesOption = Annotated[
    Path,
    typer.Option(
        "--pictures", metavar="DIR", help="Folder of pictures with captions of the same name (.txt), or a Kohya folder."
    ),
]
BaseOption = Annotated[
    str | None,
    typer.Option("--base", metavar="NAME", help="Base model: starter, a name of `enogu base list`, or a folder."),
]
TriggerOption = Annotated[
    str | None, typer.Option("--trigger", metavar="WORD", help="The word that will call what is learnt.")
]
NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Name of the LoRA files (default: the trigger).")
]
RecipeOption = Annotated[Path | None, typer.Option("--recipe", metavar="FILE", help="Recipe file (.toml) to train by.")]
PresetOption = Annotated[
    str | None, typer.Option("--preset", metavar="NAME", help="Recipe to start from; see `enogu recipe presets`.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change one field, such as training.epochs=3. Repeatable."),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on where an earlier run in --out stopped.")]
StudioBaseOption = Annotated[
    str | None,
    typer.Option("--base", metavar="NAME", help="Base model: name or id of `enogu base list` (default: starter)."),
]
StudioPresetOption = Annotated[
    str | None, typer.Option("--preset", metavar="NAME", help="Recipe to start from; see `enogu preset list`.")
]
