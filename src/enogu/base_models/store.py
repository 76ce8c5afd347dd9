"""Read a diffusers folder's own account of itself: a few small JSON files and the names of the weights' files.

No weight is loaded and no torch imported, so that listing costs milliseconds. What a folder *is* (family,
prediction) is taken from its files and never from its name (C4). Only ``.safetensors`` weights count: a folder with
nothing but pickles is refused, since unpickling a file can run any program that its maker put inside (C3).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from enogu.base_models.entities import BaseModelFolder, Family, Origin, PredictionType
from enogu.errors import BaseModelRefused

PICKLE_SUFFIXES = frozenset({".ckpt", ".pt", ".pth", ".bin", ".pkl"})
_INDEX = "model_index.json"
_PARTS = ("unet", "text_encoder", "vae")
_JSON_LIMIT_BYTES = 10_000_000


def read_base_model(folder: Path, name: str, origin: Origin) -> BaseModelFolder:
    """The base model in ``folder``, or BaseModelRefused with the reason and the cure."""
    if not (folder / _INDEX).is_file():
        raise _no_index(folder)
    index = _read_json(folder / _INDEX)
    family = _family(folder, index)
    return BaseModelFolder(
        name=name,
        folder=folder.resolve(),
        family=family,
        prediction_type=_prediction_type(folder),
        origin=origin,
        size_bytes=sum(_weights_bytes(folder, part) for part in _PARTS),
    )


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
            f"{folder} holds single-file checkpoints and no {_INDEX}.", "Give a diffusers folder; it has one."
        )
    return BaseModelRefused(
        f"{folder} is no diffusers folder: it has no {_INDEX}.",
        "Give the folder that holds model_index.json, unet, text_encoder and vae.",
    )


def _family(folder: Path, index: dict[str, Any]) -> Family:
    """SD1.5 by its shape. The class name alone does not tell: SD2 and inpainting models share parts of it."""
    pipeline = index.get("_class_name")
    other = None
    if "text_encoder_2" in index or "transformer" in index:
        other = f"of another family ({pipeline})"
    elif any(part not in index for part in _PARTS):
        missing = ", ".join(part for part in _PARTS if part not in index)
        other = f"incomplete: {_INDEX} names no {missing}"
    else:
        unet = _read_json(folder / "unet" / "config.json")
        if unet.get("_class_name") != "UNet2DConditionModel":
            other = f"of another family ({pipeline} with {unet.get('_class_name')})"
        elif unet.get("in_channels") != 4:
            other = f"made for another task (its U-Net takes {unet.get('in_channels')} channels, not 4)"
        elif unet.get("use_linear_projection"):
            other = "Stable Diffusion 2"
    if other is not None:
        raise BaseModelRefused(f"{folder.name} is {other}.", "Choose a base model of the family SD1.5.")
    return "sd15"


def _prediction_type(folder: Path) -> PredictionType:
    value = _read_json(folder / "scheduler" / "scheduler_config.json").get("prediction_type", "epsilon")
    if value not in ("epsilon", "v_prediction"):
        raise BaseModelRefused(
            f"{folder.name} predicts '{value}', which SD1.5 training does not know.",
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


def _read_json(path: Path) -> dict[str, Any]:
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
