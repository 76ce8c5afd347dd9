"""A training run in a process of its own, to be killed at any moment. Preloaded once by a fork server.

``die_at`` names an exact moment at which the process sends itself SIGKILL, so that moments of a millisecond are hit
too; without it the test kills from outside, at random.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel  # noqa: F401 - preloaded for the forks
from transformers import CLIPTextModel, CLIPTokenizer  # noqa: F401 - preloaded for the forks

from enogu.engine import checkpoint, export
from enogu.engine.events import Cached, Event, Sampled, Saved
from enogu.engine.families import Family, LoadedBase
from tests.unit.engine.tiny_run import load_tiny_base, tiny_recipe, tiny_train, write_tiny_pictures

RECIPE = tiny_recipe(
    "training.epochs=4",
    "captions.shuffle=true",
    "captions.tag_dropout_rate=0.2",
    "pictures.flip=true",
    "noise.multires_iterations=3",
    "saving.checkpoint_every_n_steps=2",
    'previews.prompts=["mame, hat", "a dog"]',
)
MOMENTS = ("encoding", "first step", "a step", "writing a LoRA", "after a LoRA", "writing a state", "between previews")
"""In the order in which one run after the other passes them."""


@dataclass(frozen=True)
class Places:
    """Where the run reads and writes."""

    base: Path
    pictures: Path
    cache: Path
    out: Path


def run_to_kill(places: Places, die_at: str, said: Connection) -> None:
    """Train with ``resume``; send "Event" names and last the word "Done"."""
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    torch.set_num_threads(1)
    base = load_tiny_base(places.base)
    pictures = write_tiny_pictures(places.pictures)

    def emit(event: Event) -> None:
        if _is_the_moment(die_at, event):
            _die()
        said.send(type(event).__name__)

    tiny_train(RECIPE, pictures, _armed(base, die_at), places.out, emit=emit, cache=places.cache, resume=True)
    said.send("Done")


def _is_the_moment(die_at: str, event: Event) -> bool:
    return (
        (die_at == "encoding" and isinstance(event, Cached) and event.done == 3)
        or (die_at == "after a LoRA" and isinstance(event, Saved))
        or (die_at == "between previews" and isinstance(event, Sampled) and event.prompt_index == 1)
    )


def _armed(base: LoadedBase, die_at: str) -> LoadedBase:
    assert hasattr(export, "_check_loads_back")
    assert hasattr(checkpoint, "write_whole_bytes")
    if die_at == "writing a LoRA":
        export._check_loads_back = _dying()
    elif die_at == "writing a state":
        checkpoint.write_whole_bytes = _dying_while_writing
    elif die_at == "first step":
        return _with_predict(base, _dying())
    elif die_at == "a step":
        return _with_predict(base, _dying(after=2, first=base.family.predict))
    return base


def _with_predict(base: LoadedBase, predict: Callable[..., Any]) -> LoadedBase:
    family: Family = replace(base.family, predict=predict)
    return replace(base, family=family)


def _dying(after: int = 0, first: Callable[..., Any] | None = None) -> Callable[..., Any]:
    calls = [0]

    def call(*arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] > after or first is None:
            _die()
        return first(*arguments, **named)

    return call


def _dying_while_writing(path: Path, data: bytes) -> None:
    """Half of the bytes are in the file aside, and then the process is gone."""
    aside = path.with_name(f".{path.name}.killed.part")
    aside.parent.mkdir(parents=True, exist_ok=True)
    aside.write_bytes(data[: len(data) // 2])
    _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
