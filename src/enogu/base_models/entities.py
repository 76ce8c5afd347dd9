"""What is known about a base model without loading its weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from enogu.errors import EnoguError

Family = Literal["sd15"]
PredictionType = Literal["epsilon", "v_prediction"]
Origin = Literal["starter", "home", "path"]


@dataclass(frozen=True)
class BaseModelFolder:
    """A diffusers folder whose layout was looked at and found to be of a family that we can train."""

    name: str
    """How a person calls it: ``starter``, or the folder's own name."""
    folder: Path
    """Absolute path of the folder that holds ``model_index.json``."""
    family: Family
    prediction_type: PredictionType
    """What the U-Net predicts, as the folder's scheduler says."""
    origin: Origin
    size_bytes: int
    """Of the weights' files together."""


@dataclass(frozen=True)
class BaseModelList:
    """All base models of this installation, and the folders among them that cannot be used, with the reason."""

    base_models: tuple[BaseModelFolder, ...]
    refused: tuple[EnoguError, ...]
