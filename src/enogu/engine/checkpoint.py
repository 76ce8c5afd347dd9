"""The state a stopped run goes on from: adapter, optimizer, step, losses. No RNG state, because no draw needs one.

One safetensors file, written aside, flushed, read back from the disk and renamed. It names its own hash, and the one
before it is kept beside it: when a bit of the newest has turned, or a part of it is gone, the run goes on from the
older one, and from its beginning when both are damaged. All three ways end with the same bytes.

It carries a fingerprint of recipe, pictures and base model; resuming with another of them is refused, since the result
would be neither the one run nor the other.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from enogu.engine.adapters.parameters import AdapterParameters
from enogu.engine.optim import changing_values, restore_values
from enogu.engine.tensor_files import SEAL, damage_of, metadata_of, sealed_file_bytes
from enogu.errors import StorageFailed, WrongUse
from enogu.recipe import TrainRecipe
from enogu.whole_file import storage_failed, write_whole

FORMAT = 2
_TRIES = 2
_ALWAYS = frozenset(
    {"format", "fingerprint", "step", "started_at", "saved", "optimizer_values", "optimizer_groups", "loss_scaler"}
)
_MARKS = ("previews_due", "spares_memory")
_SOMETIMES = frozenset({*_MARKS, SEAL})


@dataclass(frozen=True)
class RunState:
    """Where a run stands beside its tensors."""

    step: int
    started_at: float
    """Unix time of the first start: metadata keeps it through every resume."""
    losses: tuple[float, ...]
    saved: tuple[str, ...] = ()
    """Names of the LoRA files saved so far."""
    previews_due: bool = False
    """The run was stopped while it drew the previews of this step's file: a resume draws them first."""
    spares_memory: bool = False
    """Memory ran out, and gradient checkpointing is on since then."""


def state_path(out: Path, output_name: str) -> Path:
    """Where the checkpoint of a run lies: beside its LoRA files."""
    return out / f"{output_name}-state" / "state.safetensors"


def older_path(path: Path) -> Path:
    """Where the state before the one at ``path`` lies."""
    return path.with_name("older.safetensors")


def has_state(path: Path) -> bool:
    """Whether there is anything to go on from."""
    return path.exists() or older_path(path).exists()


def fingerprint_of(recipe: TrainRecipe, pictures: Sequence[tuple[Any, ...]], base_hash: str) -> str:
    """sha256 over what decides the result: the recipe, (picture sha256, caption, repeats …) in order, the base model.

    Previews and the interval of checkpoints are left out: they change no weight, so they may change on a resume.
    """
    settings = recipe.model_dump(mode="json")
    settings.pop("previews", None)
    settings.get("saving", {}).pop("checkpoint_every_n_steps", None)
    text = json.dumps([FORMAT, settings, list(pictures), base_hash], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def save_checkpoint(
    path: Path,
    state: RunState,
    parameters: AdapterParameters,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    fingerprint: str,
    averages: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write the whole state; the one that was there is kept as the older one.

    Raises StorageFailed when it cannot be written or reads back differently; the one that was there is then untouched.
    """
    tensors: dict[str, torch.Tensor] = {"losses": torch.tensor(state.losses, dtype=torch.float64)}
    for part, flat in parameters.flat.items():
        tensors[f"adapter/{part}"] = flat.detach().cpu().clone()
    for part, average in (averages or {}).items():
        tensors[f"average/{part}"] = average.cpu().clone()
    plain: dict[str, Any] = {}
    for index, entry in optimizer.state_dict()["state"].items():
        for name, value in entry.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer/{index}/{name}"] = value.detach().cpu().clone()
            else:
                plain[f"{index}/{name}"] = value
    metadata = {
        "format": str(FORMAT),
        "fingerprint": fingerprint,
        "step": str(state.step),
        "started_at": repr(state.started_at),
        "saved": json.dumps(state.saved),
        "optimizer_values": json.dumps(plain, sort_keys=True),
        "optimizer_groups": json.dumps(changing_values(optimizer), sort_keys=True),
        "loss_scaler": json.dumps(scaler.state_dict()),
    }
    for name in _MARKS:
        if getattr(state, name):
            metadata[name] = "True"
    data = sealed_file_bytes(tensors, metadata)
    for tries_left in reversed(range(_TRIES)):
        try:
            write_whole(path, lambda aside: _write_and_read_back(aside, path, data))
            return
        except _ReadsBackDamaged as error:
            if not tries_left:
                raise StorageFailed(
                    f"The state of step {state.step} reads back differently from what was written.",
                    "The disk may be failing: check it, and start again with --resume.",
                ) from error


class _ReadsBackDamaged(Exception):
    """What was written is not what is read."""


def _write_and_read_back(aside: Path, path: Path, data: bytes) -> None:
    """Leave ``data`` in ``aside``, read once more from the disk, and what is at ``path`` as the older state."""
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):  # what is still in memory would read back well from any disk
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    damage = damage_of(aside)
    if damage is not None:
        raise _ReadsBackDamaged(damage)
    if path.exists():
        _keep_as_older(path)


def _keep_as_older(path: Path) -> None:
    """A second name for the same bytes, or a copy on a disk that has no second names."""
    aside = path.with_name(f".{older_path(path).name}.{os.getpid()}.part")
    try:
        aside.unlink(missing_ok=True)
        try:
            aside.hardlink_to(path)
        except OSError:
            shutil.copyfile(path, aside)
        aside.replace(older_path(path))
    finally:
        aside.unlink(missing_ok=True)


@dataclass(frozen=True)
class Restored:
    """What was found of a run that is gone on with."""

    state: RunState | None
    """None: there is nothing whole, so it begins with its first step."""
    damage: str = ""
    """What is wrong with the newest state, when that is not the one: words for a person."""


def restore(
    path: Path,
    parameters: AdapterParameters,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    fingerprint: str,
    averages: Mapping[str, torch.Tensor] | None = None,
) -> Restored:
    """``load_checkpoint`` of the newest state that is whole. A damaged one makes room for the older.

    Raises WrongUse if the newest whole one is another run's; nothing has changed then.
    """
    damage = ""
    for candidate in (path, older_path(path)):
        if not candidate.exists():
            continue
        try:
            state = load_checkpoint(candidate, parameters, optimizer, scaler, fingerprint, averages)
        except DamagedState as error:
            damage = damage or str(error)
            continue
        if candidate != path:
            _put_in_place(candidate, path)
        return Restored(state, damage)
    return Restored(None, damage)


class DamagedState(Exception):
    """The file of a state is not what was written. The message says what is wrong with it."""


def load_checkpoint(
    path: Path,
    parameters: AdapterParameters,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    fingerprint: str,
    averages: Mapping[str, torch.Tensor] | None = None,
) -> RunState:
    """Put the saved state into ``parameters``, ``optimizer``, ``scaler`` and ``averages``.

    Raises DamagedState, or WrongUse if it is another run's; nothing has changed then.
    """
    metadata, tensors = _read(path)
    if metadata["fingerprint"] != fingerprint:
        raise WrongUse(
            f"{path.parent.name} is the state of a run with another recipe, other pictures or another base model.",
            "Start without --resume, or choose another --out folder.",
        )
    with torch.no_grad():
        for part, flat in parameters.flat.items():
            flat.copy_(tensors[f"adapter/{part}"])
        for part, average in (averages or {}).items():
            average.copy_(tensors[f"average/{part}"])
    entries: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer/"):
            _, index, name = key.split("/")
            entries.setdefault(int(index), {})[name] = tensor
    for key, value in json.loads(metadata["optimizer_values"]).items():
        index, name = key.split("/")
        entries.setdefault(int(index), {})[name] = value
    state = optimizer.state_dict()
    state["state"] = entries
    optimizer.load_state_dict(state)
    restore_values(optimizer, json.loads(metadata["optimizer_groups"]))
    scaler.load_state_dict(json.loads(metadata["loss_scaler"]))
    return RunState(
        step=int(metadata["step"]),
        started_at=float(metadata["started_at"]),
        losses=tuple(tensors["losses"].tolist()),
        saved=tuple(json.loads(metadata["saved"])),
        **{name: name in metadata for name in _MARKS},
    )


def _read(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """All of a state that is whole."""
    try:
        damage = damage_of(path)
        if damage is None:
            metadata = metadata_of(path)
            if _ALWAYS <= metadata.keys() <= _ALWAYS | _SOMETIMES:
                return metadata, load_file(path)
            damage = "it is the state of no run"
    except (OSError, ValueError, SafetensorError) as error:
        damage = str(error)
    raise DamagedState(damage)


def _put_in_place(older: Path, path: Path) -> None:
    """Instead of the damaged one, which would else be kept as the older state by the next one that is written."""
    try:
        older.replace(path)
    except OSError as error:
        raise storage_failed(path, error) from error
