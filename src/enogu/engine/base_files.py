"""A base model where it lies: its layers by Kohya's keys, read one at a time; networks are never made.

For tools whose memory must not grow with the base model: merging LoRAs into one, and the difference of two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from enogu.engine.families import Family, family_at
from enogu.engine.families.folder import WEIGHTS, read_json
from enogu.engine.families.placed_layers import PlacedLayer, layers_in_file, layers_in_folder
from enogu.errors import BaseModelRefused
from enogu.weights.base_facts import describe_checkpoint
from enogu.weights.header import Header, read_header

_ADAPTED_PARTS = ("unet", "transformer", "text_encoder", "text_encoder_2")


@dataclass
class BaseFiles:
    """One file, or a diffusers folder. Tensors are known by ``part/name`` in a folder and by their name in a file."""

    path: Path
    family: Family
    files: Mapping[str, list[Path]]
    """By part of a folder; "" for one file."""
    headers: Mapping[Path, Header]
    places: Mapping[str, tuple[Path, str]]
    """File and name in it, of each tensor."""
    layers: list[PlacedLayer]
    _opened: dict[Path, Any] = field(default_factory=dict, repr=False)

    @property
    def is_file(self) -> bool:
        """Not a folder."""
        return "" in self.files

    def tensor(self, full: str) -> torch.Tensor:
        """One tensor in its own number format. Raises BaseModelRefused."""
        path, name = self.places[full]
        try:
            if path not in self._opened:
                self._opened[path] = safe_open(path, framework="pt")
            return self._opened[path].get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise BaseModelRefused(f"{path.name} could not be read: {error}", "Copy or download it again.") from error

    def weight(self, layer: PlacedLayer) -> torch.Tensor:
        """A layer's weight in its own number format."""
        if layer.rows is not None:
            return self.tensor(layer.names[0])[layer.rows]
        if len(layer.names) == 1:
            return self.tensor(layer.names[0])
        return torch.cat([self.tensor(name) for name in layer.names])

    def close(self) -> None:
        """Let the files go."""
        self._opened.clear()


@contextmanager
def open_base(base: Path) -> Iterator[BaseFiles]:
    """Only headers are read here. Raises BaseModelRefused for what is none, and for weights beside scales."""
    is_file = base.is_file()
    files = {"": [base]} if is_file else _weights_of_folder(base)
    headers = {path: read_header(path, BaseModelRefused) for paths in files.values() for path in paths}
    places = {
        (f"{part}/{name}" if part else name): (path, name)
        for part, paths in files.items()
        for path in paths
        for name in headers[path].tensors
    }
    shapes = {full: headers[path].shapes[name] for full, (path, name) in places.items()}
    if is_file:
        describe_checkpoint(base.name, headers[base].metadata, headers[base].shapes)  # refuses what is none
    family = family_at(base)
    _refuse_scaled(base, shapes)
    layers = layers_in_file(family.name, shapes) if is_file else _in_folder(base, family, shapes)
    opened = BaseFiles(base, family, files, headers, places, layers)
    try:
        yield opened
    finally:
        opened.close()


def _refuse_scaled(base: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    scaled = next((name for name in shapes if name.endswith((".scale_weight", ".weight_scale", ".absmax"))), None)
    if scaled is not None:
        raise BaseModelRefused(
            f"The weights of {base.name} are kept in eight bits or fewer beside scales ({scaled}).",
            "Use the fp16 or bf16 file of this base model.",
        )


def _weights_of_folder(base: Path) -> dict[str, list[Path]]:
    """The files that are loaded of each part that a LoRA can change. Raises BaseModelRefused."""
    found: dict[str, list[Path]] = {}
    for part in _ADAPTED_PARTS:
        folder = base / part
        if not folder.is_dir():
            continue
        indexes = sorted(folder.glob("*.safetensors.index.json"))
        plain = [folder / name for name in WEIGHTS[part] if (folder / name).is_file() and not name.endswith(".json")]
        if plain and (not indexes or plain[0].name == WEIGHTS[part][0]):
            found[part] = [plain[0]]
        elif indexes:
            shards = {str(name) for name in read_json(indexes[0]).get("weight_map", {}).values()}
            if any(Path(name).name != name for name in shards):
                raise BaseModelRefused(f"{indexes[0]} names files outside of its folder.", "Copy the base model again.")
            found[part] = [folder / name for name in sorted(shards)]
    if not found:
        raise BaseModelRefused(f"{base} is no base model.", "Give a .safetensors file or a diffusers folder.")
    return found


def _in_folder(base: Path, family: Family, shapes: Mapping[str, tuple[int, ...]]) -> list[PlacedLayer]:
    config = base / "unet" / "config.json"
    per_block = read_json(config).get("layers_per_block", 2) if config.is_file() else 2
    return layers_in_folder(family.name, shapes, per_block if isinstance(per_block, int) else 2)
