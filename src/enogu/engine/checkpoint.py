"""The state a stopped run goes on from: adapter, optimizer, step, losses. No RNG state, because no draw needs one.

One safetensors file, written aside, flushed and renamed. It carries a fingerprint of recipe, pictures and base model;
resuming with another of them is refused, since the result would be neither the one run nor the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from enogu.engine.adapters.parameters import AdapterParameters
from enogu.engine.optim import changing_values, restore_values
from enogu.engine.tensor_files import tensor_file_bytes
from enogu.errors import WrongUse
from enogu.recipe import TrainRecipe
from enogu.whole_file import write_whole_bytes

FORMAT = 2


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


def state_path(out: Path, output_name: str) -> Path:
    """Where the checkpoint of a run lies: beside its LoRA files."""
    return out / f"{output_name}-state" / "state.safetensors"


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
    """Write the whole state; an older one is replaced only when the new one is on disk."""
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
        "optimizer_values": json.dumps(plain),
        "optimizer_groups": json.dumps(changing_values(optimizer)),
        "loss_scaler": json.dumps(scaler.state_dict()),
    }
    if state.previews_due:
        metadata["previews_due"] = "True"
    write_whole_bytes(path, tensor_file_bytes(tensors, metadata))


def load_checkpoint(
    path: Path,
    parameters: AdapterParameters,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    fingerprint: str,
    averages: Mapping[str, torch.Tensor] | None = None,
) -> RunState:
    """Put the saved state into ``parameters``, ``optimizer``, ``scaler`` and ``averages``.

    Raises WrongUse if it is another run's.
    """
    metadata = read_checkpoint_metadata(path)
    if metadata.get("fingerprint") != fingerprint:
        raise WrongUse(
            f"{path.parent.name} is the state of a run with another recipe, other pictures or another base model.",
            "Start without --resume, or choose another --out folder.",
        )
    tensors = load_file(path)
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
        previews_due="previews_due" in metadata,
    )


def read_checkpoint_metadata(path: Path) -> dict[str, str]:
    """The header's plain values. Raises WrongUse for a file that is no checkpoint."""
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise WrongUse(f"{path} could not be read: {error}", "Start without --resume.") from error
