"""What becomes of a tool's result: a new LoRA in the library, a new base model, or what was found, in the job itself.

All in one transaction behind the fence, together with the job's end: a worker that is killed leaves nothing, and who
takes the job over begins again and makes the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from enogu.base_models import service as base_models
from enogu.base_models.entities import StoredPart
from enogu.errors import NotFound
from enogu.loras import service
from enogu.loras.entities import ToolBase, ToolInput, ToolWish
from enogu.settings import Settings
from enogu.storage.database import Engine, Session, reading
from enogu.storage.files import Files
from enogu.whole_file import write_whole

MOST_BYTES = 64 * 2**30
_BLOCK_BYTES = 4 * 2**20
_LONGEST_STEM = 60
"""Characters, so that a name of four bytes each still fits a file system."""


def place_input(files: Files, folder: Path, one: ToolInput) -> Path:
    """The LoRA's file under its own name, for a tool that says names. Raises NotFound when it is kept no longer."""
    path = folder / f"{one.name[:_LONGEST_STEM]}.safetensors"
    try:
        chunks = files.get(one.sha256)
    except NotFound as error:
        raise NotFound(
            f"The LoRA '{one.name}' is no longer kept.", "Choose another one, or upload it again."
        ) from error

    def write(aside: Path) -> None:
        with aside.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)

    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, write)
    return path


def place_base(engine: Engine, files: Files, settings: Settings, owner_id: str, one: ToolBase) -> Path:
    """The base model on this machine. Raises EnoguError when it is no longer there."""
    with reading(engine) as session:
        found = base_models.get_base_model(session, settings, owner_id, one.id)
    return base_models.place(files, settings, found)


def path_to_make(wish: ToolWish, folder: Path, base: Path | None) -> Path:
    """Where the tool is to write: a folder when it is a base model in a folder."""
    stem = wish.name[:_LONGEST_STEM]
    is_folder = wish.tool == "merge_into" and base is not None and base.is_dir()
    return folder / (stem if is_folder else f"{stem}.safetensors")


def put_made(files: Files, made: Path) -> tuple[StoredPart, ...]:
    """What was made, in the store of files; a folder's files by their places in it."""
    paths = sorted(one for one in made.rglob("*") if one.is_file()) if made.is_dir() else [made]
    parts: list[StoredPart] = []
    for path in paths:
        put = files.put(_blocks(path), MOST_BYTES)
        inside = path.relative_to(made).as_posix() if made.is_dir() else "model.safetensors"
        parts.append(StoredPart(inside, put.sha256, put.size_bytes))
    return tuple(parts)


def keep_made(
    session: Session,
    files: Files,
    owner_id: str,
    wish: ToolWish,
    made: Path,
    parts: tuple[StoredPart, ...],
    now: datetime,
) -> Mapping[str, Any]:
    """The new row, and what the job says of it: ``lora_id`` or ``base_model_id``, with its name."""
    if wish.tool == "merge_into":
        said = " + ".join([wish.bases[0].name, *(f"{one.name}:{one.weight:g}" for one in wish.inputs)])
        base = base_models.add_made(session, owner_id, wish.name, made, parts, said, now)
        return {"base_model_id": base.id, "name": base.name}
    lora = service.add_made(session, files, owner_id, wish, parts[0].sha256, parts[0].size_bytes, now)
    return {"lora_id": lora.id, "name": lora.name}


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
