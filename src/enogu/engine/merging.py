"""LoRAs merged into a base model: a new file or folder of the same layout, made tensor by tensor.

Each weight is read, changed in fp32, brought to its number format and written, so that memory holds one layer at a time
whatever the size of the base model. The header is written first and again at the end, when the hash is known.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import nn

from enogu.engine.adapters.deltas import change_of, layers_of
from enogu.engine.adapters.lora import Target, check_fits
from enogu.engine.base_files import BaseFiles, open_base
from enogu.engine.families import Family
from enogu.engine.families.placed_layers import PlacedLayer
from enogu.engine.lora_file import load_lora, refuse_another_family
from enogu.errors import AdapterRefused, BaseModelRefused, WrongUse
from enogu.weights.header import Header, read_header
from enogu.whole_file import storage_failed, write_whole, write_whole_bytes

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
_CHANGED_FORMATS = frozenset({"F64", "F32", "F16", "BF16"})
"""What a chosen precision applies to; whole numbers stay, and so do marks without numbers."""

Layer = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class LoraToMerge:
    """A LoRA file with the weight of its layers in what denoises, and that of those in text encoders."""

    path: Path
    weight: float = 1.0
    text_weight: float = 1.0


@dataclass(frozen=True)
class MergedBase:
    """What was made: how many layers were changed, and the sha256 over all tensors (of each file, in order)."""

    path: Path
    family: str
    num_layers: int
    sha256: tuple[str, ...]


def merge_into_base(
    base: Path,
    loras: Sequence[LoraToMerge],
    out: Path,
    *,
    precision: str = "same",
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> MergedBase:
    """A base model (a file, or a diffusers folder) with LoRAs in its weights, written to ``out`` in the same layout.

    Raises AdapterRefused, BaseModelRefused, WrongUse before anything is written, StorageFailed when the disk is full.
    """
    if out.exists():
        raise WrongUse(f"{out} is there already.", "Choose another --out, or move it away.")
    if not loras:
        raise WrongUse("No LoRA was given.", "Give one or several LoRA files.")
    if base.is_file() and out.suffix != ".safetensors":
        raise WrongUse(f"{out.name} does not end in .safetensors.", f"Write {out.stem}.safetensors.")
    with open_base(base) as opened:
        return _merged(opened, loras, out, precision, on_progress)


def _merged(
    base: BaseFiles, loras: Sequence[LoraToMerge], out: Path, precision: str, on_progress: Callable[[int, int], None]
) -> MergedBase:
    changes = _changes(base, loras)
    merge = _Merge(base, changes)
    said = _merged_from(base.path, loras)
    digests: list[str] = []
    num_written = 0

    def tensor(part: str, name: str) -> torch.Tensor:
        nonlocal num_written
        on_progress(num_written, len(base.places))
        num_written += 1
        return merge.tensor(part, name)

    def write(part: str, path: Path, target: Path, metadata: Mapping[str, str]) -> None:
        def write_to(aside: Path) -> None:
            header = base.headers[path]
            digests.append(_write_changed(aside, header, metadata, precision, lambda n: tensor(part, n)))

        write_whole(target, write_to)

    if base.is_file:
        header = base.headers[base.path]
        write("", base.path, out, _metadata(header, base.family, out.stem, said))
        read_header(out, BaseModelRefused)
    else:
        _write_folder(base.path, out, base.files, base.headers, said, write)
    return MergedBase(out, base.family.name, len(changes), tuple(digests))


class _Merge:
    """Tensors of the base model by name, changed where a LoRA changes them."""

    def __init__(self, base: BaseFiles, changes: Mapping[str, Sequence[tuple[Layer, float]]]) -> None:
        self._base = base
        self._changes = changes
        self._by_name: dict[str, list[PlacedLayer]] = {}
        for layer in base.layers:
            for name in layer.names if layer.key in changes else ():
                self._by_name.setdefault(name, []).append(layer)
        self._last: tuple[str, torch.Tensor] | None = None
        """The fused layer that was made last: its parts are mostly written one after another."""

    def tensor(self, part: str, name: str) -> torch.Tensor:
        """As it is to be written, in its own number format."""
        full = f"{part}/{name}" if part else name
        found = self._base.tensor(full)
        for layer in self._by_name.get(full, ()):
            if layer.rows is not None:
                found = found.clone()
                found[layer.rows] = self._changed(layer.key, found[layer.rows])
            elif len(layer.names) == 1:
                found = self._changed(layer.key, found)
            else:
                heights = [self._base.tensor(one).shape[0] for one in layer.names]
                number = layer.names.index(full)
                start = sum(heights[:number])
                found = self._fused(layer)[start : start + heights[number]]
        return found

    def _fused(self, layer: PlacedLayer) -> torch.Tensor:
        if self._last is None or self._last[0] != layer.key:
            self._last = (layer.key, self._changed(layer.key, self._base.weight(layer)))
        return self._last[1]

    def _changed(self, key: str, weight: torch.Tensor) -> torch.Tensor:
        changed = weight.float()
        for layer, factor in self._changes[key]:
            changed = changed + change_of(layer, weight) * factor
        changed = changed.to(weight.dtype)
        if not bool(torch.isfinite(changed.float()).all()):
            raise AdapterRefused(
                f"Merging would make numbers that are none, in {key}.",
                "Use lower weights, or a base model in fp32 or bf16.",
            )
        return changed


def _changes(base: BaseFiles, loras: Sequence[LoraToMerge]) -> dict[str, list[tuple[Layer, float]]]:
    """By key what is added, with its weight. Raises AdapterRefused for a LoRA that does not fit."""
    targets = [_shape_only(layer) for layer in base.layers]
    changes: dict[str, list[tuple[Layer, float]]] = {}
    for lora in loras:
        file = load_lora(lora.path)
        refuse_another_family(file, base.path.stem, base.family.name)
        parts = {False: lora.weight, True: lora.text_weight}
        wanted = {name: t for name, t in file.tensors.items() if parts[name.startswith("lora_te")] != 0}
        if not wanted:
            continue
        check_fits(targets, wanted)
        for key, layer in layers_of(wanted).items():
            changes.setdefault(key, []).append((layer, parts[key.startswith("lora_te")]))
    if not changes:
        raise WrongUse("At these weights nothing would change.", "Give a weight that is not 0.")
    return changes


def _shape_only(layer: PlacedLayer) -> Target:
    """A layer of this shape without numbers, for the checks that every LoRA goes through."""
    num_out, num_in, *kernel = layer.shape
    with torch.device("meta"):
        module: nn.Linear | nn.Conv2d = (
            nn.Conv2d(num_in, num_out, (kernel[0], kernel[-1]), bias=False)
            if kernel
            else nn.Linear(num_in, num_out, bias=False)
        )
    return Target("text_encoder" if layer.key.startswith("lora_te") else "unet", layer.key, module, "", module)


def _write_folder(
    base: Path,
    out: Path,
    files: Mapping[str, Sequence[Path]],
    headers: Mapping[Path, Header],
    said: str,
    write: Callable[[str, Path, Path, Mapping[str, str]], None],
) -> None:
    """Beside the target and then renamed. What is no weight is copied; copies of weights in other formats are not."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{out.name[:80]}.", suffix=".part", dir=out.parent))
    except OSError as error:
        raise storage_failed(out, error) from error
    try:
        for path in sorted(base.rglob("*")):
            relative = path.relative_to(base)
            is_weight = relative.parts[0] in files and path.suffix != ".json"
            if path.is_file() and not is_weight:
                (aside / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, aside / relative)
        for part, paths in files.items():
            for path in paths:
                kept = {"format": "pt", **headers[path].metadata, "modelspec.merged_from": said}
                write(part, path, aside / path.relative_to(base), kept)
        write_whole_bytes(aside / "merged_from.txt", f"{said}\n".encode())
        aside.chmod(0o755)
        aside.rename(out)
    except OSError as error:
        raise storage_failed(out, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_changed(
    path: Path, header: Header, metadata: Mapping[str, str], precision: str, tensor_of: Callable[[str], torch.Tensor]
) -> str:
    """One file with the tensors of ``header`` in their order. The sha256 over their bytes, in the header too."""
    names = sorted(header.tensors, key=lambda name: (header.offsets[name], name))
    dtype = DTYPES.get(precision)
    described: dict[str, Any] = {}
    position = 0
    for name in names:
        kind, shape = header.tensors[name]
        size = header.offsets[name][1] - header.offsets[name][0]
        if dtype is not None and kind in _CHANGED_FORMATS:
            kind = _NAMES[dtype]
            size = torch.Size(shape).numel() * dtype.itemsize
        described[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    digest = hashlib.sha256()
    with path.open("wb") as file:
        _write_header(file, metadata, described, "0" * 64)
        for name in names:
            tensor = tensor_of(name)
            if dtype is not None and header.tensors[name][0] in _CHANGED_FORMATS:
                tensor = tensor.to(dtype)
            data = tensor.contiguous().flatten().view(torch.uint8).numpy().data if tensor.numel() else b""
            digest.update(data)
            file.write(data)
        file.seek(0)
        _write_header(file, metadata, described, digest.hexdigest())
    return digest.hexdigest()


def _write_header(file: BinaryIO, metadata: Mapping[str, str], described: Mapping[str, Any], digest: str) -> None:
    """As long with any digest."""
    told = {**dict(sorted(metadata.items())), "modelspec.hash_sha256": f"0x{digest}"}
    text = json.dumps({"__metadata__": told, **described}, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)


def _metadata(header: Header, family: Family, name: str, said: str) -> dict[str, str]:
    """The base model's, with its new title and what it was made of."""
    lora = family.metadata.get("modelspec.architecture", "").removesuffix("/lora")
    if lora == "flux-1-dev" and not any("guidance_in." in tensor for tensor in header.tensors):
        lora = "flux-1-schnell"
    return {
        "modelspec.sai_model_spec": "1.0.1",
        **({"modelspec.architecture": lora} if lora else {}),
        **header.metadata,
        "modelspec.title": name,
        "modelspec.date": datetime.now(UTC).replace(tzinfo=None, microsecond=0).isoformat(),
        "modelspec.merged_from": said,
    }


def _merged_from(base: Path, loras: Sequence[LoraToMerge]) -> str:
    parts = [
        f"{lora.path.name}:{lora.weight:g}" + (f":{lora.text_weight:g}" if lora.text_weight != lora.weight else "")
        for lora in loras
    ]
    return ", ".join([base.name, *parts])
