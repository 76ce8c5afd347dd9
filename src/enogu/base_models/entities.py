"""What is known about a base model without loading its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from enogu.errors import BaseModelRefused, EnoguError, WrongUse
from enogu.weights.families import Family, PredictionType

Origin = Literal["starter", "home", "path", "upload", "hub", "merged"]
Layout = Literal["folder", "single_file"]
BaseModelState = Literal["ready", "importing", "failed"]

IMPORT_KIND = "import_base_model"
"""The kind of the job that unpacks an uploaded zip."""
DOWNLOAD_KIND = "download_base_model"
"""The kind of the job that brings one from the Hugging Face hub."""
HASH_KIND = "hash_base_model"
"""The kind of the job that reads a large file on this machine once, for its hash."""


@dataclass(frozen=True)
class BaseModelFolder:
    """A diffusers folder, or a single file, that was looked at and found to be of a family that we can train."""

    name: str
    """How a person calls it: ``starter``, the folder's own name, or the file's without its ending."""
    folder: Path
    """Absolute path of the folder that holds ``model_index.json``, or of the ``.safetensors`` file."""
    family: Family
    prediction_type: PredictionType
    """What the U-Net predicts, as the folder's scheduler or the file's keys say."""
    origin: Origin
    size_bytes: int
    """Of the weights' files together."""
    layout: Layout = "folder"
    native_side: int | None = None
    """Side in pixels of the pictures that it was made for; None when its files do not say."""


@dataclass(frozen=True)
class BaseModelList:
    """All base models of this installation, and the folders among them that cannot be used, with the reason."""

    base_models: tuple[BaseModelFolder, ...]
    refused: tuple[EnoguError, ...]


@dataclass(frozen=True)
class StoredPart:
    """One file of a base model that is kept in the store of files."""

    path: str
    """Inside the folder, such as ``unet/config.json``; for a single file its name."""
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class BaseModel:
    """One base model as a person may choose it: the starter, one of the home folder's, or one that was registered."""

    id: str
    """``starter``, ``home:`` and the folder's name, or 26 characters for one that was registered."""
    owner_id: str | None
    """None for what everybody in this studio may use."""
    name: str
    family: str
    """A ``weights.families.Family``, or empty while it is being imported."""
    derivative: str
    prediction_type: str
    origin: Origin
    layout: Layout
    state: BaseModelState
    reason: str
    """Why the import failed; empty otherwise."""
    hash: str
    """sha256 of a single file; of a folder, over the names and contents of its parts. Empty until it is known."""
    size_bytes: int
    licence: str
    notes: str
    picture_sha256: str | None
    style: str
    """``2d``, ``3d`` or empty, when the file's metadata says so."""
    native_side: int | None
    """Side in pixels of the pictures that it was made for; None when its files do not say."""
    created_at: datetime | None
    """None for the starter and what lies in the home folder."""
    path: Path | None = None
    """Where it is on this machine; None when it is in the store of files."""
    parts: tuple[StoredPart, ...] = field(default=(), repr=False)
    """What it is made of in the store of files; empty when it is a path."""
    can_train: bool = False
    why_not: str = ""
    """Why it cannot be trained on, in words; empty when it can."""
    job_id: str | None = None
    """Of the import that goes on or went on."""

    @property
    def short_hash(self) -> str:
        """The first ten characters, as civitai and A1111 write it (AutoV2); empty until the hash is known."""
        return self.hash[:10]


@dataclass(frozen=True)
class BaseModelPage:
    """Base models by name, and what to ask for the next ones."""

    base_models: tuple[BaseModel, ...]
    total: int
    next_offset: int | None
    refused: tuple[EnoguError, ...] = ()
    """What lies in the home folder and cannot be used, with the reason; on every page."""


class BaseModelNameTaken(WrongUse):
    """Another base model of this owner's has the name."""


class NoSuchBaseModel(BaseModelRefused):
    """No base model of this name or id, as far as the asking person may know."""
