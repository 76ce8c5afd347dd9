"""A whole training run of a second or two: pictures, a recipe and a call of ``train`` on the tiny base."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from enogu.engine.adapters import kinds
from enogu.engine.adapters.lora import Target, attached
from enogu.engine.adapters.parameters import AdapterParameters
from enogu.engine.data.latent_cache import PlacedPicture, latents_of, picture_sha256
from enogu.engine.data.loader import TrainSet, make_batch
from enogu.engine.events import Event, Stepped
from enogu.engine.families import LoadedBase, TextRules, load_base_model
from enogu.engine.loop import TrainPicture, TrainResult, train
from enogu.engine.memory import choose_compute
from enogu.recipe import TrainRecipe, recipe_from_values, with_settings
from enogu.recipe.adapter import Adapter, LoraAdapter
from enogu.recipe.plan import Batch, PictureSize, plan_training

RATE = 0.02
SIZES = ((64, 64), (80, 80), (192, 64), (64, 192), (96, 96))
"""Three buckets at 64 px with a step of 32: square, wide and tall."""

_Kind = TypeVar("_Kind")


def plain_lora(targets: Sequence[Target], dim: int, alpha: float, seed: int) -> AdapterParameters:
    """The parameters of a LoRA of one dim, as a run makes them."""
    return kinds.new_adapter(targets, LoraAdapter(dim=dim, alpha=float(alpha)), seed, torch.device("cpu"))


def tiny_recipe(*settings: str) -> TrainRecipe:
    """Five pictures at 64 px, dim 4, batch 2, 2 epochs of 4 steps; ``settings`` as ``training.epochs=3``."""
    values: dict[str, Any] = {
        "output_name": "tiny",
        "trigger": "mame",
        "seed": 7,
        "pictures": {"resolution": 64, "bucket_step": 32},
        "adapter": {"dim": 4, "alpha": 2.0},
        "optimizer": {"learning_rate": RATE},
        "schedule": {"kind": "constant"},
        "training": {"epochs": 2, "batch_size": 2, "mixed_precision": "none", "clip_skip": 1},
        "saving": {"precision": "fp32", "checkpoint_every_n_steps": 3},
        "previews": {"steps": 2, "cfg": 2.0},
    }
    return with_settings(recipe_from_values(values), settings)


def write_tiny_pictures(folder: Path) -> tuple[TrainPicture, ...]:
    """Five small pictures of coloured rectangles in ``folder``, with captions."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures: list[TrainPicture] = []
    for number, (width, height) in enumerate(SIZES):
        path = folder / f"{number}.png"
        write_rectangles(path, width, height, number)
        caption = f"1girl, hat {number}, smile" if number % 2 else f"1girl, {number} beans"
        pictures.append(TrainPicture(path, caption, 1 + (number == 0), width, height, "2_mame 1girl"))
    return tuple(pictures)


def write_rectangles(path: Path, width: int, height: int, seed: int) -> None:
    """A picture of flat rectangles that differs with ``seed``."""
    random = np.random.default_rng(seed)
    pixels_HWC = np.full((height, width, 3), random.integers(0, 256, 3), dtype=np.uint8)
    for _ in range(4):
        top, left = random.integers(0, height - 8), random.integers(0, width - 8)
        pixels_HWC[top : top + height // 2, left : left + width // 2] = random.integers(0, 256, 3)
    Image.fromarray(pixels_HWC).save(path)


def load_tiny_base(folder: Path) -> LoadedBase:
    """The tiny base on the CPU in fp32."""
    return load_base_model(folder, choose_compute("none", "cpu"))


@dataclass
class Run:
    """What a call of ``train`` said and left."""

    out: Path
    events: list[Event] = field(default_factory=list)
    result: TrainResult | None = None

    def said(self, kind: type[_Kind]) -> list[_Kind]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def losses(self) -> list[float]:
        """One loss a step."""
        return [loss for event in self.said(Stepped) for loss in event.losses]

    def file_bytes(self) -> dict[str, bytes]:
        """Every LoRA file and preview by its name."""
        paths = [*self.out.glob("*.safetensors"), *self.out.glob("sample/*.png")]
        return {path.relative_to(self.out).as_posix(): path.read_bytes() for path in sorted(paths)}


def tiny_train(
    recipe: TrainRecipe,
    pictures: Sequence[TrainPicture],
    base: LoadedBase,
    out: Path,
    *,
    emit: Callable[[Event], None] | None = None,
    run: Run | None = None,
    **options: Any,
) -> Run:
    """Train and return the run; a run handed in keeps its events even when ``train`` raises."""
    run = run or Run(out)

    def both(event: Event) -> None:
        run.events.append(event)
        if emit is not None:
            emit(event)

    run.result = train(recipe, pictures, base, out, both, **options)
    return run


def random_lora(base: LoadedBase, dim: int, seed: int, part: str | None = None) -> dict[str, torch.Tensor]:
    """Kohya tensors with nothing zero, for every target (of one part): what a file holds after long training."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for target in base.family.targets(base):
        if part is not None and target.part != part:
            continue
        square = (1, 1) if target.is_conv else ()
        tensors[f"{target.key}.lora_down.weight"] = 0.2 * torch.randn(dim, target.num_in, *square, generator=generator)
        tensors[f"{target.key}.lora_up.weight"] = 0.2 * torch.randn(target.num_out, dim, *square, generator=generator)
        tensors[f"{target.key}.alpha"] = torch.tensor(dim / 2)
    return tensors


def write_kind(base: LoadedBase, adapter: Adapter, path: Path) -> Path:
    """Every layer, convolutions too, with nothing zero."""
    targets = base.family.all_targets(base)
    parameters = kinds.new_adapter(targets, adapter, 3, torch.device("cpu"))
    generator = torch.Generator().manual_seed(4)
    for flat in parameters.flat.values():
        flat.data += 0.1 * torch.randn(flat.shape, generator=generator)
    save_file(kinds.to_file(targets, parameters, torch.float32), path, {"ss_output_name": path.stem})
    return path


def loss_with(
    base: LoadedBase, recipe: TrainRecipe, pictures: Sequence[TrainPicture], tensors: dict[str, torch.Tensor] | None
) -> float:
    """Mean loss over 16 draws that no training made, with a LoRA or without: the same noise in every call."""
    plan = plan_training(recipe, [PictureSize(str(p.path), p.width, p.height, p.repeats) for p in pictures])
    placed = [
        PlacedPicture(p.path, picture_sha256(p.path), place, recipe.pictures.background, p.width, p.height)
        for p, place in zip(pictures, plan.placements, strict=True)
    ]
    latents = latents_of(base, placed, flips=(False,), folder=None, progress=lambda *_: None)
    captions = [p.caption for p in pictures]
    losses: list[torch.Tensor] = []
    with torch.no_grad(), attached(base.family.targets(base), [(tensors, 1.0)] if tensors else []):
        for step in range(10_000, 10_016):
            index = step % len(pictures)
            batch = Batch(plan.placements[index].bucket, (index,))
            b = make_batch(recipe, base.schedule, TrainSet(latents, captions), batch, step, 0)
            told = base.family.encode_captions(base, b.captions, TextRules())
            predicted = base.family.predict(base, b.noisy_BCHW, b.timesteps_B, replace(told, sizes_B6=b.sizes_B6))
            losses.append((predicted.float() - b.target_BCHW).square().mean())
    return float(torch.stack(losses).mean())


def header_of(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file, read by the format's own definition."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return header
