"""Read a diffusers folder's own account of itself: a few small JSON files and the names of the weights' files.

No weight is loaded and no torch imported, so that listing costs milliseconds. What a folder *is* (family,
prediction) is taken from its files and never from its name (C4). Only ``.safetensors`` weights count: a folder with
nothing but pickles is refused, since unpickling a file can run any program that its maker put inside (C3).

A folder may be on this disk or packed in a zip: both are read as ``FolderParts``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from enogu.base_models.entities import BaseModelFolder, Origin
from enogu.errors import BaseModelRefused
from enogu.weights.families import TRAINED, Family, PredictionType, title, trained_titles

PICKLE_SUFFIXES = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl"})
INDEX = "model_index.json"
PARTS = ("unet", "text_encoder", "vae")
JSON_LIMIT_BYTES = 10_000_000


class FolderParts(Protocol):
    """The files of a diffusers folder, wherever they are."""

    @property
    def name(self) -> str:
        """Of the folder, for messages."""
        ...

    def list_sizes(self, part: str) -> Mapping[str, int]:
        """Name and size in bytes of the files directly inside ``part``; of the folder itself for an empty one."""
        ...

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """A small file, None when it is not there. Raises BaseModelRefused when it is larger or cannot be read."""
        ...


@dataclass(frozen=True)
class FolderFacts:
    """What a diffusers folder is, whether or not we can train on it."""

    family: Family
    prediction_type: PredictionType
    size_bytes: int
    """Of the weights' files together."""
    native_side: int | None
    """Side in pixels of the pictures that it was made for, as its U-Net's config says; None when it does not."""
    why_not: str = ""
    """What stands against training on it, to be read after its name and "is"; empty when nothing does."""


def read_base_model(folder: Path, name: str, origin: Origin) -> BaseModelFolder:
    """The base model in ``folder`` to train on, or BaseModelRefused with the reason and the cure."""
    facts = describe_folder(FolderOnDisk(folder))
    if facts.why_not:
        raise BaseModelRefused(f"{folder.name} is {facts.why_not}.", f"Choose a base model of {trained_titles()}.")
    return BaseModelFolder(
        name=name,
        folder=folder.resolve(),
        family=facts.family,
        prediction_type=facts.prediction_type,
        origin=origin,
        size_bytes=facts.size_bytes,
        native_side=facts.native_side,
    )


def describe_folder(folder: FolderParts) -> FolderFacts:
    """What is in ``folder``. Raises BaseModelRefused when it is no diffusers folder of a family that is known here, is
    incomplete, or has nothing but pickles.
    """
    if INDEX not in folder.list_sizes(""):
        raise _no_index(folder)
    index = _read_json(folder, INDEX)
    family, why_not = _family(folder, index)
    parts = ("transformer", *PARTS[1:]) if family == "flux" else PARTS
    if family in ("sdxl", "flux"):
        parts = (*parts, "text_encoder_2")
    size_bytes = sum(_weights_bytes(folder, part) for part in parts)
    return FolderFacts(family, _prediction_type(folder, family), size_bytes, _native_side(folder, family), why_not)


class FolderOnDisk:
    """A folder on this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """See FolderParts."""
        return self._path.name

    def list_sizes(self, part: str) -> Mapping[str, int]:
        """See FolderParts."""
        return {child.name: child.stat().st_size for child in (self._path / part).glob("*") if child.is_file()}

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """See FolderParts."""
        file = self._path / path
        try:
            if file.stat().st_size > limit_bytes:
                raise BaseModelRefused(f"{path} is too large to be what it should be.", "Copy the folder again.")
            return file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BaseModelRefused(f"{file} cannot be read: {error.strerror or error}.") from error


def find_folders(parent: Path) -> tuple[Path, ...]:
    """The folders directly inside ``parent`` that are not hidden, by name; none when there is no such folder."""
    return tuple(child for child in _children(parent) if child.is_dir())


def find_files(parent: Path) -> tuple[Path, ...]:
    """The ``.safetensors`` files directly inside ``parent`` that are not hidden, by name."""
    return tuple(child for child in _children(parent) if child.suffix.lower() == ".safetensors" and child.is_file())


def find_path(reference: str) -> Path | None:
    """The existing file or folder that a person wrote, ``~`` expanded; None when there is none."""
    try:
        path = Path(reference).expanduser()
        return path if reference and path.exists() else None
    except (OSError, RuntimeError, ValueError):  # a name too long, a home folder nobody has, a NUL
        return None


def _children(parent: Path) -> list[Path]:
    try:
        children = sorted(parent.iterdir())
        return [child for child in children if not child.name.startswith(".") and child.name.isprintable()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BaseModelRefused(
            f"{parent} cannot be read: {error.strerror or error}.", "Change its permissions or set ENOGU_HOME."
        ) from error


def _no_index(folder: FolderParts) -> BaseModelRefused:
    if any(name.lower().endswith(".safetensors") for name in folder.list_sizes("")):
        return BaseModelRefused(
            f"{folder.name} holds single-file checkpoints and no {INDEX}.", "Give a diffusers folder; it has one."
        )
    return BaseModelRefused(
        f"{folder.name} is no diffusers folder: it has no {INDEX}.",
        "Give the folder that holds model_index.json, unet, text_encoder and vae.",
    )


def _family(folder: FolderParts, index: dict[str, Any]) -> tuple[Family, str]:
    """By shape, and what stands against training. A class name alone does not tell: SD2 and inpainting models share
    SD1.5's, and every fine-tune of a family its family's.
    """
    pipeline = index.get("_class_name")
    if "transformer" in index:
        transformer = _read_json(folder, "transformer/config.json").get("_class_name")
        if transformer != "FluxTransformer2DModel":
            raise _unknown_family(folder, f"{pipeline} with {transformer}")
        _refuse_missing(folder, index, ("text_encoder", "text_encoder_2", "vae"))
        return "flux", _unless_trained("flux", pipeline)
    _refuse_missing(folder, index, PARTS)
    unet = _read_json(folder, "unet/config.json")
    if unet.get("_class_name") != "UNet2DConditionModel":
        raise _unknown_family(folder, f"{pipeline} with {unet.get('_class_name')}")
    is_sdxl = "text_encoder_2" in index
    family: Family = "sdxl" if is_sdxl else "sd2" if unet.get("use_linear_projection") else "sd15"
    if unet.get("in_channels") != 4:
        return family, f"made for another task (its U-Net takes {unet.get('in_channels')} channels, not 4)"
    return family, "Stable Diffusion 2" if family == "sd2" else _unless_trained(family, pipeline)


def _unless_trained(family: Family, pipeline: object) -> str:
    return "" if family in TRAINED else f"of another family ({pipeline}, {title(family)})"


def _refuse_missing(folder: FolderParts, index: dict[str, Any], parts: tuple[str, ...]) -> None:
    if missing := ", ".join(part for part in parts if part not in index):
        raise BaseModelRefused(
            f"{folder.name} is incomplete: {INDEX} names no {missing}.", "Copy or download the folder again."
        )


def _unknown_family(folder: FolderParts, what: str) -> BaseModelRefused:
    return BaseModelRefused(
        f"{folder.name} is of another family ({what}).", "Choose a base model of the families SD1.5, SD2, SDXL or Flux."
    )


def _prediction_type(folder: FolderParts, family: Family) -> PredictionType:
    if family == "flux":
        return "flow"
    value = _read_json(folder, "scheduler/scheduler_config.json").get("prediction_type", "epsilon")
    if value not in ("epsilon", "v_prediction"):
        raise BaseModelRefused(
            f"{folder.name} predicts {str(value)[:60]!r}, which is not known here.",
            "Choose a base model that predicts epsilon.",
        )
    return cast(PredictionType, value)


def _native_side(folder: FolderParts, family: Family) -> int | None:
    if family == "flux":
        return 1024
    sample = _read_json(folder, "unet/config.json").get("sample_size")
    return sample * 8 if type(sample) is int and 0 < sample < 10_000 else None


def _weights_bytes(folder: FolderParts, part: str) -> int:
    """Size of one part's safetensors files; BaseModelRefused when there are none."""
    sizes = folder.list_sizes(part)
    weights = [size for name, size in sizes.items() if name.endswith(".safetensors")]
    if weights:
        return sum(weights)
    if any(Path(name).suffix in PICKLE_SUFFIXES for name in sizes):
        raise BaseModelRefused(
            f"{folder.name} has its {part} as a pickle, which can run any program when it is opened.",
            "Choose a copy with .safetensors files.",
        )
    raise BaseModelRefused(f"{folder.name} has no weights in {part}.", "Copy or download the folder again.")


def _read_json(folder: FolderParts, path: str) -> dict[str, Any]:
    shown = f"{folder.name}/{path}"
    data = folder.read(path, JSON_LIMIT_BYTES)
    if data is None:
        raise BaseModelRefused(f"{shown} is missing.", "Copy or download the base model again.")
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BaseModelRefused(f"{shown} is not JSON.", "Copy or download the base model again.") from error
    if not isinstance(value, dict):
        raise BaseModelRefused(f"{shown} does not hold a JSON object.", "Copy or download the base model again.")
    return cast(dict[str, Any], value)
