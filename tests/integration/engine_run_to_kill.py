"""A training run in a process of its own, to be killed at any moment. Preloaded once by a fork server.

``die_at`` names an exact moment at which the process sends itself SIGKILL, so that moments of a millisecond are hit
too; without it the test kills from outside, at random.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel  # noqa: F401 - preloaded for the forks
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer  # noqa: F401 - preloaded for the forks

from enogu.engine import checkpoint, export
from enogu.engine.events import Cached, Event, Sampled, Saved
from enogu.engine.families import Family, LoadedBase
from enogu.engine.loop import TrainPicture
from tests.unit.engine.tiny_run import load_tiny_base, tiny_recipe, tiny_train, write_tiny_pictures

_COMMON = ("training.epochs=4", "captions.shuffle=true", "pictures.flip=true", "saving.checkpoint_every_n_steps=2")
RECIPES = {
    "lora adamw": tiny_recipe(
        *_COMMON,
        "captions.tag_dropout_rate=0.2",
        "noise.multires_iterations=3",
        'previews.prompts=["mame, hat", "a dog"]',
    ),
    "lokr prodigy": tiny_recipe(
        *_COMMON,
        "adapter.kind=lokr",
        "adapter.dim=2",
        "adapter.alpha=2",
        "adapter.conv_dim=1",
        "adapter.rank_dropout=0.2",
        "optimizer.kind=prodigy",
        "schedule.kind=cosine",
        "training.ema_decay=0.9",
        "training.scale_weight_norms=1",
        "training.gradient_accumulation=2",
        "pictures.masked_loss=true",
        "captions.dropout_rate=0.2",
    ),
    "sdxl dora": tiny_recipe(
        *_COMMON,
        "training.epochs=2",
        "adapter.kind=dora",
        "optimizer.kind=adafactor",
        "optimizer.learning_rate=0.001",
        "training.ema_decay=0.8",
    ),
    "flux lora": tiny_recipe(
        *_COMMON,
        "training.epochs=2",
        "adapter.network_dropout=0.2",
        "optimizer.kind=lion",
        "optimizer.learning_rate=0.001",
    ),
}
"""By name; each begins with the family of base models where that is not SD1.5."""
RECIPE = RECIPES["lora adamw"]
MOMENTS = (
    "encoding",
    "first step",
    "a step",
    "writing a LoRA",
    "after a LoRA",
    "writing a state",
    "between two states",
    "between previews",
)
"""In the order in which one run after the other passes them."""
MOMENTS_OF_A_STATE = ("first step", "writing a state", "between two states", "writing a LoRA", "writing a state")


@dataclass(frozen=True)
class Places:
    """Where the run reads and writes."""

    base: Path
    pictures: Path
    cache: Path
    out: Path
    recipe: str = "lora adamw"


def run_to_kill(places: Places, die_at: str, said: Connection) -> None:
    """Train with ``resume``; send "Event" names and last the word "Done"."""
    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    torch.set_num_threads(1)
    base = load_tiny_base(places.base)
    recipe = RECIPES[places.recipe]
    pictures: Sequence[TrainPicture] = write_tiny_pictures(places.pictures)
    if recipe.pictures.masked_loss:
        pictures = [replace(picture, mask=_mask_of(picture)) for picture in pictures]

    def emit(event: Event) -> None:
        if _is_the_moment(die_at, event):
            _die()
        said.send(type(event).__name__)

    tiny_train(recipe, pictures, _armed(base, die_at), places.out, emit=emit, cache=places.cache, resume=True)
    said.send("Done")


def _mask_of(picture: TrainPicture) -> Path:
    """Its left two thirds are to be learnt."""
    path = picture.path.parent / "masks" / picture.path.name
    path.parent.mkdir(exist_ok=True)
    mask = Image.new("L", (picture.width, picture.height), 0)
    mask.paste(255, (0, 0, picture.width * 2 // 3, picture.height))
    mask.save(path)
    return path


def _is_the_moment(die_at: str, event: Event) -> bool:
    return (
        (die_at == "encoding" and isinstance(event, Cached) and event.done == 3)
        or (die_at == "after a LoRA" and isinstance(event, Saved))
        or (die_at == "between previews" and isinstance(event, Sampled) and event.prompt_index == 1)
    )


def _armed(base: LoadedBase, die_at: str) -> LoadedBase:
    assert hasattr(export, "_check_loads_back")
    assert hasattr(checkpoint, "_write_and_read_back")
    assert hasattr(checkpoint, "_keep_as_older")
    if die_at == "writing a LoRA":
        export._check_loads_back = _dying()
    elif die_at == "writing a state":
        checkpoint._write_and_read_back = _dying_while_writing
    elif die_at == "between two states":
        checkpoint._keep_as_older = _dying_behind(checkpoint._keep_as_older)
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


def _dying_behind(do: Callable[[Path], None]) -> Callable[[Path], None]:
    def call(path: Path) -> None:
        do(path)
        _die()

    return call


def _dying_while_writing(aside: Path, _path: Path, data: bytes) -> None:
    """Half of the bytes are in the file aside, and then the process is gone."""
    aside.write_bytes(data[: len(data) // 2])
    _die()


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")
