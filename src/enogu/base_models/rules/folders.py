"""Read a diffusers folder's own account of itself: a few small JSON files and the names of the weights' files.

No weight is loaded and no torch imported, so that listing costs milliseconds. What a folder *is* (family,
prediction) is taken from its files and never from its name (C4). Only ``.safetensors`` weights count: a folder with
nothing but pickles is refused, since unpickling a file can run any program that its maker put inside (C3).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from enogu.base_models.entities import BaseModelFolder, Origin
from enogu.errors import BaseModelRefused
from enogu.weights.families import Family, PredictionType, title

PICKLE_SUFFIXES = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl"})
INDEX = "model_index.json"
PARTS = ("unet", "text_encoder", "vae")
_JSON_LIMIT_BYTES = 10_000_000


@dataclass(frozen=True)
class FolderFacts:
    """What a diffusers folder is, whether or not we can train on it."""

    family: Family
    prediction_type: PredictionType
    size_bytes: int
    """Of the weights' files together."""
    why_not: str = ""
    """What stands against training on it, to be read after its name and "is"; empty when nothing does."""


def read_base_model(folder: Path, name: str, origin: Origin) -> BaseModelFolder:
    """The base model in ``folder`` to train on, or BaseModelRefused with the reason and the cure."""
    facts = describe_folder(folder)
    if facts.why_not:
        raise BaseModelRefused(f"{folder.name} is {facts.why_not}.", "Choose a base model of the family SD1.5.")
    return BaseModelFolder(
        name=name,
        folder=folder.resolve(),
        family=facts.family,
        prediction_type=facts.prediction_type,
        origin=origin,
        size_bytes=facts.size_bytes,
    )


def describe_folder(folder: Path) -> FolderFacts:
    """What is in ``folder``. Raises BaseModelRefused when it is no diffusers folder of a family that is known here, is
    incomplete, or has nothing but pickles.
    """
    if not (folder / INDEX).is_file():
        raise _no_index(folder)
    index = read_json(folder / INDEX)
    family, why_not = _family(folder, index)
    parts = ("transformer", *PARTS[1:]) if family == "flux" else PARTS
    if family in ("sdxl", "flux"):
        parts = (*parts, "text_encoder_2")
    size_bytes = sum(_weights_bytes(folder, part) for part in parts)
    return FolderFacts(family, _prediction_type(folder, family), size_bytes, why_not)


def native_side(folder: Path) -> int | None:
    """Side in pixels that a folder's base model was made for, as its U-Net's config says; None when it does not."""
    try:
        sample = read_json(folder / "unet" / "config.json").get("sample_size")
    except BaseModelRefused:
        return None
    return sample * 8 if isinstance(sample, int) and not isinstance(sample, bool) else None


def find_folders(parent: Path) -> tuple[Path, ...]:
    """The folders directly inside ``parent`` that are not hidden, by name; none when there is no such folder."""
    try:
        children = sorted(parent.iterdir())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BaseModelRefused(
            f"{parent} cannot be read: {error.strerror or error}.", "Change its permissions or set ENOGU_HOME."
        ) from error
    return tuple(child for child in children if child.is_dir() and not child.name.startswith("."))


def find_path(reference: str) -> Path | None:
    """The existing file or folder that a person wrote, ``~`` expanded; None when there is none."""
    try:
        path = Path(reference).expanduser()
        return path if reference and path.exists() else None
    except (OSError, RuntimeError, ValueError):  # a name too long, a home folder nobody has, a NUL
        return None


def _no_index(folder: Path) -> BaseModelRefused:
    if any(child.suffix.lower() == ".safetensors" for child in folder.glob("*")):
        return BaseModelRefused(
            f"{folder} holds single-file checkpoints and no {INDEX}.", "Give a diffusers folder; it has one."
        )
    return BaseModelRefused(
        f"{folder} is no diffusers folder: it has no {INDEX}.",
        "Give the folder that holds model_index.json, unet, text_encoder and vae.",
    )


def _family(folder: Path, index: dict[str, Any]) -> tuple[Family, str]:
    """By shape, and what stands against training. A class name alone does not tell: SD2 and inpainting models share
    SD1.5's, and every fine-tune of a family its family's.
    """
    pipeline = index.get("_class_name")
    if "transformer" in index:
        _refuse_missing(folder, index, ("transformer", "text_encoder", "text_encoder_2", "vae"))
        transformer = read_json(folder / "transformer" / "config.json").get("_class_name")
        if transformer != "FluxTransformer2DModel":
            raise _unknown_family(folder, f"{pipeline} with {transformer}")
        return "flux", f"of another family ({pipeline}, {title('flux')})"
    _refuse_missing(folder, index, PARTS)
    unet = read_json(folder / "unet" / "config.json")
    if unet.get("_class_name") != "UNet2DConditionModel":
        raise _unknown_family(folder, f"{pipeline} with {unet.get('_class_name')}")
    is_sdxl = "text_encoder_2" in index
    family: Family = "sdxl" if is_sdxl else "sd2" if unet.get("use_linear_projection") else "sd15"
    if unet.get("in_channels") != 4:
        return family, f"made for another task (its U-Net takes {unet.get('in_channels')} channels, not 4)"
    if family == "sdxl":
        return family, f"of another family ({pipeline}, {title('sdxl')})"
    return family, "Stable Diffusion 2" if family == "sd2" else ""


def _refuse_missing(folder: Path, index: dict[str, Any], parts: tuple[str, ...]) -> None:
    if missing := ", ".join(part for part in parts if part not in index):
        raise BaseModelRefused(
            f"{folder.name} is incomplete: {INDEX} names no {missing}.", "Copy or download the folder again."
        )


def _unknown_family(folder: Path, what: str) -> BaseModelRefused:
    return BaseModelRefused(
        f"{folder.name} is of another family ({what}).", "Choose a base model of the families SD1.5, SD2, SDXL or Flux."
    )


def _prediction_type(folder: Path, family: Family) -> PredictionType:
    if family == "flux":
        return "flow"
    value = read_json(folder / "scheduler" / "scheduler_config.json").get("prediction_type", "epsilon")
    if value not in ("epsilon", "v_prediction"):
        raise BaseModelRefused(
            f"{folder.name} predicts '{value}', which is not known here.",
            "Choose a base model that predicts epsilon.",
        )
    return cast(PredictionType, value)


def _weights_bytes(folder: Path, part: str) -> int:
    """Size of one part's safetensors files; BaseModelRefused when there are none."""
    files = [child for child in (folder / part).glob("*") if child.is_file()]
    weights = [child for child in files if child.suffix == ".safetensors"]
    if weights:
        return sum(child.stat().st_size for child in weights)
    if any(child.suffix in PICKLE_SUFFIXES for child in files):
        raise BaseModelRefused(
            f"{folder.name} has its {part} as a pickle, which can run any program when it is opened.",
            "Choose a copy with .safetensors files.",
        )
    raise BaseModelRefused(f"{folder.name} has no weights in {part}.", "Copy or download the folder again.")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a folder, bounded. Raises BaseModelRefused with the path."""
    shown = f"{path.parent.name}/{path.name}"
    try:
        if path.stat().st_size > _JSON_LIMIT_BYTES:
            raise BaseModelRefused(f"{shown} is too large to be what it should be.", "Copy the folder again.")
        value: object = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BaseModelRefused(f"{path} is missing.", "Copy or download the base model again.") from error
    except OSError as error:
        raise BaseModelRefused(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise BaseModelRefused(f"{path} is not JSON.", "Copy or download the base model again.") from error
    if not isinstance(value, dict):
        raise BaseModelRefused(f"{path} does not hold a JSON object.", "Copy or download the base model again.")
    return cast(dict[str, Any], value)
