"""Bring a base model to where the engine can open it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from enogu.base_models.entities import BaseModel, StoredPart
from enogu.errors import BaseModelRefused, NotFound
from enogu.settings import Settings
from enogu.storage.files import Files
from enogu.whole_file import make_folder, write_whole


def place(files: Files, settings: Settings, base_model: BaseModel) -> Path:
    """The folder or single file on this machine. What is in the store of files is copied into
    ENOGU_HOME/cache/base_models once, by content; whole files only ever stand there, so several workers may do it at
    the same time.

    Raises BaseModelRefused when it is not ready, is not on this machine or no longer kept; StorageFailed.
    """
    if base_model.state != "ready":
        raise BaseModelRefused(f"The base model '{base_model.name}' cannot be used: {base_model.why_not}")
    if base_model.path is not None:
        if not base_model.path.exists():
            raise BaseModelRefused(
                f"The base model '{base_model.name}' is not on this machine: there is no {base_model.path}.",
                "Put it there, or upload it, so that every worker has it.",
            )
        return base_model.path
    if not base_model.parts:
        raise BaseModelRefused(f"The base model '{base_model.name}' has no files.", "Delete it and upload it again.")
    folder = settings.cache_folder / "base_models" / base_model.hash
    for part in base_model.parts:
        _place_part(files, folder, part, base_model)
    return folder if base_model.layout == "folder" else folder / base_model.parts[0].path


def _place_part(files: Files, folder: Path, part: StoredPart, base_model: BaseModel) -> None:
    target = folder.joinpath(*PurePosixPath(part.path).parts)
    try:
        if target.stat().st_size == part.size_bytes:
            os.utime(target)  # in use: what clears the cache takes the oldest
            return
    except OSError:
        pass
    make_folder(target.parent)

    def write(aside: Path) -> None:
        with aside.open("wb") as opened:
            for chunk in files.get(part.sha256):
                opened.write(chunk)

    try:
        write_whole(target, write)
    except NotFound as error:
        raise BaseModelRefused(
            f"{part.path} of the base model '{base_model.name}' is no longer kept.", "Upload the base model again."
        ) from error
