"""What a worker and its engine child say to each other: one JSON object a line, jobs in and events out.

Commands: ``train``, ``draw``, ``cancel_draw``, ``stop``, ``save``, ``sample``, ``unload``, ``quit``. Events of a
training carry ``run_id``, those of a drawing ``drawing_id``. No torch here, since the parent reads it too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

MAX_LINE_BYTES = 64 * 2**20
"""10,000 pictures with long captions are about 10 MiB."""

TRAIN_ENDS = frozenset({"Finished", "Failed", "Stopped"})
"""The last event of a training is one of these."""

DRAW_ENDS = frozenset({"DrawFinished", "DrawFailed"})
"""The last event of a drawing is one of these."""

_FORBID = ConfigDict(extra="forbid")


class BadMessage(Exception):
    """A line that is no message, in words."""


@checked_dataclass(frozen=True, config=_FORBID)
class PlacedBaseModel:
    """A base model on this machine: a diffusers folder, and the name that pictures and files tell."""

    folder: str
    name: str


@checked_dataclass(frozen=True, config=_FORBID)
class PictureToTrain:
    """One picture on this machine; ``folder`` names its folder in the LoRA's metadata."""

    path: str
    caption: str
    repeats: int
    width: int
    height: int
    folder: str
    is_regularisation: bool = False
    mask: str | None = None
    """A picture that is white, or opaque, where this one is to be learnt."""
    mask_cut: tuple[int, ...] | None = None
    """Which part of it belongs to the picture, when that is a crop: left, top, width, height; the crop's size."""


@checked_dataclass(frozen=True, config=_FORBID)
class PlacedLora:
    """A LoRA on this machine; ``name`` is what ``<lora:name:weight>`` in the picture's text says."""

    path: str
    weight: float
    name: str


@checked_dataclass(frozen=True, config=_FORBID)
class TrainJob:
    """A training. ``recipe`` is ``TrainRecipe.model_dump(mode="json")``; LoRA files, previews and the state go to
    ``out``; ``cache`` is the folder of latents that runs share; ``resume`` goes on from the state in ``out``, if any.
    """

    run_id: str
    recipe: dict[str, Any]
    pictures: list[PictureToTrain]
    base_model: PlacedBaseModel
    out: Path
    cache: Path
    resume: bool = False
    start_from: Path | None = None
    """The LoRA that is trained further, on this machine."""


@checked_dataclass(frozen=True, config=_FORBID)
class DrawJob:
    """``count`` pictures at seed, seed + 1, …, written to the folder ``out`` as ``00.png``, ``01.png``, …"""

    drawing_id: str
    base_model: PlacedBaseModel
    prompt: str
    out: Path
    negative_prompt: str = ""
    width: int = 512
    height: int = 512
    steps: int = 20
    cfg: float = 7.0
    sampler: str = "ddim"
    schedule_type: str = "automatic"
    seed: int = 1
    count: int = 1
    clip_skip: int = 1
    loras: list[PlacedLora] = field(default_factory=list[PlacedLora])


@dataclass(frozen=True)
class Command:
    """One line from the worker. ``job`` is set for train and draw, ``drawing_id`` for cancel_draw."""

    name: str
    job: TrainJob | DrawJob | None = None
    drawing_id: str = ""


_Job = TypeVar("_Job", TrainJob, DrawJob)
_PLAIN = frozenset({"stop", "save", "sample", "unload", "quit"})


def command_line(name: str, job: TrainJob | DrawJob | None = None, drawing_id: str = "") -> bytes:
    """A command as its line. Raises BadMessage when it is longer than the child would read."""
    values: dict[str, Any] = {"command": name}
    if job is not None:
        values["job"] = asdict(cast(Any, job))
    if drawing_id:
        values["drawing_id"] = drawing_id
    line = (json.dumps(values, default=str) + "\n").encode()
    if len(line) > MAX_LINE_BYTES:
        raise BadMessage(f"The job is {len(line):,} bytes long; {MAX_LINE_BYTES:,} is the most.")
    return line


def read_command(line: bytes) -> Command:
    """The command in a line. Raises BadMessage naming what is wrong with it."""
    values = read_object(line)
    name = values.get("command")
    if name == "train":
        return Command(name, _job(TrainJob, values))
    if name == "draw":
        return Command(name, _job(DrawJob, values))
    if name == "cancel_draw":
        return Command(name, drawing_id=str(values.get("drawing_id", "")))
    if name in _PLAIN:
        return Command(str(name))
    raise BadMessage(f"There is no command {name!r}.")


def event_line(event: Mapping[str, Any]) -> bytes:
    """An event as its line."""
    return (json.dumps(event, default=str) + "\n").encode()


def read_object(line: bytes) -> dict[str, Any]:
    """The JSON object in a line. Raises BadMessage."""
    if len(line) > MAX_LINE_BYTES:
        raise BadMessage(f"A line of more than {MAX_LINE_BYTES:,} bytes.")
    try:
        values: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"A line that is no JSON: {line[:80]!r}.") from error
    if not isinstance(values, dict):
        raise BadMessage(f"A line that is no JSON object: {line[:80]!r}.")
    return cast(dict[str, Any], values)


def _job(kind: type[_Job], values: Mapping[str, Any]) -> _Job:
    try:
        return TypeAdapter(kind).validate_python(values.get("job"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "job"
        raise BadMessage(f"{where}: {first['msg']}") from error
