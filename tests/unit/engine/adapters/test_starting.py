"""Training a LoRA further, and rates of single blocks (F15; sd-scripts' network_weights and down_lr_weight)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from enogu.engine.adapters.blocks import block_of
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainPicture
from enogu.engine.lora_file import LoraFile, load_lora
from enogu.errors import AdapterRefused, WrongUse
from tests.unit.engine.tiny_run import random_lora, tiny_recipe, tiny_train

STILL = ("training.epochs=1", "optimizer.learning_rate=2e-7", "start_from=given")


def _file(tensors: dict[str, torch.Tensor]) -> LoraFile:
    return LoraFile(Path("given.safetensors"), tensors, {}, "")


def _product(tensors: dict[str, torch.Tensor], key: str) -> torch.Tensor:
    down, up = tensors[f"{key}.lora_down.weight"].flatten(1), tensors[f"{key}.lora_up.weight"].flatten(1)
    return up @ down * float(tensors[f"{key}.alpha"]) / len(down)


@pytest.mark.parametrize("dim", [2, 4])
def test_a_run_begins_with_exactly_what_the_file_does(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, dim: int
) -> None:
    """Of a smaller dim and another alpha too; with a rate too small to learn the result is the file's change."""
    given = random_lora(tiny_base, dim, seed=3)
    recipe = tiny_recipe(*STILL, "adapter.alpha=4")
    run = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out", start=_file(given))
    ours = load_file(run.out / "tiny.safetensors")
    for target in tiny_base.family.targets(tiny_base):
        torch.testing.assert_close(_product(ours, target.key), _product(given, target.key), rtol=1e-3, atol=1e-4)


def test_an_epoch_of_a_run_is_trained_further(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    first = tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "first")
    start = load_lora(first.out / "tiny-000001.safetensors")
    run = tiny_train(tiny_recipe(*STILL), tiny_pictures, tiny_base, tmp_path / "out", start=start)
    ours = load_file(run.out / "tiny.safetensors")
    for name, tensor in start.tensors.items():
        torch.testing.assert_close(ours[name], tensor.float(), rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "dim", "words"),
    [((), 8, "larger than this run's"), (("adapter.parts=unet",), 4, "does not train")],
)
def test_what_does_not_fit_the_run_is_refused_with_the_cure(
    tiny_base: LoadedBase,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    settings: tuple[str, ...],
    dim: int,
    words: str,
) -> None:
    given = _file(random_lora(tiny_base, dim, seed=3))
    with pytest.raises(AdapterRefused, match=words) as refused:
        tiny_train(tiny_recipe(*STILL, *settings), tiny_pictures, tiny_base, tmp_path / "out", start=given)
    assert "adapter." in refused.value.cure


def test_a_recipe_that_starts_from_a_file_is_not_trained_without_it(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    with pytest.raises(WrongUse, match="was not given"):
        tiny_train(tiny_recipe(*STILL), tiny_pictures, tiny_base, tmp_path / "out")


def test_blocks_learn_at_their_rates_and_those_with_none_get_no_adapter(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """One step of AdamW moves each trained number by about its rate."""
    recipe = tiny_recipe(
        "training.epochs=1", "adapter.parts=unet",
        "optimizer.up_block_rates=zeros+.5", "optimizer.down_block_rates=zeros",
        "training.batch_size=5", "pictures.buckets=false", "pictures.repeats=1", "optimizer.weight_decay=0",
    )  # fmt: skip
    run = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out")
    tensors = load_file(run.out / "tiny.safetensors")
    moved = {
        block_of(name): float(tensor.abs().max()) for name, tensor in tensors.items() if name.endswith("lora_up.weight")
    }
    assert all(block is not None and block >= 12 for block in moved)
    for block, size in moved.items():
        assert size == pytest.approx(0.02 if block == 12 else 0.01, rel=0.05)


def test_rates_for_another_family_are_refused_before_the_first_step(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    recipe = tiny_recipe(f"optimizer.down_block_rates={','.join(['1'] * 9)}")
    with pytest.raises(WrongUse, match="do not fit this base model"):
        tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out")
