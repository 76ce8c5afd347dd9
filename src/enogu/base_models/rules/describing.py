"""What lies at a path, or in a file that is somewhere else: a diffusers folder or a single file, told alike."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

from enogu.base_models.entities import BaseModelFolder, Layout, Origin
from enogu.base_models.rules.folders import (
    PICKLE_SUFFIXES,
    FolderFacts,
    FolderOnDisk,
    describe_folder,
    read_base_model,
)
from enogu.errors import BaseModelRefused
from enogu.weights.base_facts import describe_checkpoint
from enogu.weights.families import TRAINED, Family, PredictionType, title, trained_titles
from enogu.weights.header import Header, read_header


@dataclass(frozen=True)
class BaseModelFacts:
    """What a base model is, as its files say."""

    family: str
    derivative: str
    prediction_type: str
    layout: Layout
    size_bytes: int
    native_side: int | None
    title: str
    licence: str
    style: str
    why_not: str
    """Why it cannot be trained on, as a sentence to be read after its name; empty when it can."""


def describe_path(path: Path) -> BaseModelFacts:
    """Facts of a folder or single file on this machine. Raises BaseModelRefused with the reason and the cure."""
    if path.is_dir():
        return facts_of_folder(describe_folder(FolderOnDisk(path)))
    if not path.is_file():
        raise BaseModelRefused(f"There is no file or folder {path}.", "Give the whole path.")
    refuse_pickle(path.name)
    stat = path.stat()
    return _facts_of_file(path, stat.st_size, stat.st_mtime_ns)


def facts_of_folder(facts: FolderFacts) -> BaseModelFacts:
    """Of a diffusers folder, wherever it is."""
    return BaseModelFacts(
        family=facts.family,
        derivative="",
        prediction_type=facts.prediction_type,
        layout="folder",
        size_bytes=facts.size_bytes,
        native_side=facts.native_side,
        title="",
        licence="",
        style="",
        why_not=f"It is {facts.why_not}; the engine trains {trained_titles()}." if facts.why_not else "",
    )


def facts_of_header(name: str, header: Header) -> BaseModelFacts:
    """Of a single file. Raises BaseModelRefused when it is no base model."""
    facts = describe_checkpoint(name, header.metadata, header.shapes)
    return BaseModelFacts(
        family=facts.family,
        derivative=facts.derivative,
        prediction_type=facts.prediction_type,
        layout="single_file",
        size_bytes=header.num_bytes,
        native_side=facts.native_side,
        title=facts.title,
        licence=facts.licence,
        style=facts.style,
        why_not=" ".join(_against(facts.family, facts.special, facts.missing)),
    )


def refuse_pickle(name: str) -> None:
    """Raises BaseModelRefused for a file that by its name is a pickle; by its content ``read_header`` knows it."""
    if Path(name).suffix.lower() in PICKLE_SUFFIXES:
        raise BaseModelRefused(
            f"{name} is a pickle, which can run any program when it is opened.", "Use a .safetensors copy of it."
        )


def read_to_train(path: Path, name: str, origin: Origin) -> BaseModelFolder:
    """The folder or single file at ``path``, to train on. Raises BaseModelRefused with the reason and the cure."""
    if path.is_dir():
        return read_base_model(path, name, origin)
    facts = describe_path(path)
    if facts.why_not:
        raise BaseModelRefused(
            f"{path.name} cannot be trained on. {facts.why_not}", f"Choose a base model of {trained_titles()}."
        )
    return BaseModelFolder(
        name=name,
        folder=path.resolve(),
        family=cast(Family, facts.family),
        prediction_type=cast(PredictionType, facts.prediction_type),
        origin=origin,
        size_bytes=facts.size_bytes,
        layout="single_file",
        native_side=facts.native_side,
    )


def name_of(path: Path) -> str:
    """How a person calls what lies at ``path``: a single file without its ending."""
    return path.stem if path.suffix.lower() == ".safetensors" and path.is_file() else path.name


def _against(family: str, special: str, missing: tuple[str, ...]) -> Iterable[str]:
    """The engine loads a base model from one file when all of it is in there (``engine/families/*/single_file.py``)."""
    if family not in TRAINED:
        yield f"It is {title(family)}; the engine trains {trained_titles()}."
    if special:
        yield f"It is made for {special}."
    if missing:
        yield f"It has no {' and no '.join(missing)}."


@lru_cache(maxsize=256)
def _facts_of_file(path: Path, _size_bytes: int, _changed_ns: int) -> BaseModelFacts:
    """Remembered until the file changes: a list asks for every file's header again."""
    return facts_of_header(path.name, read_header(path, BaseModelRefused))
