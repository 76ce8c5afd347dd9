"""Each kind of adapter trained on the tiny base, stopped and resumed, read back and drawn (issue 5, section 2)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from enogu.engine.adapters.deltas import change_of, layers_of
from enogu.engine.control import Asked
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainPicture
from enogu.engine.lora_file import load_lora
from enogu.engine.sample import DrawRequest, draw
from enogu.errors import TrainingFailed
from enogu.weights.header import read_header
from enogu.weights.lora_facts import describe_lora
from tests.unit.engine.tiny_run import tiny_recipe, tiny_train

SETTINGS = {
    "lora": ("adapter.network_dropout=0.2", "adapter.rank_dropout=0.1", "adapter.module_dropout=0.1"),
    "locon": ("adapter.kind=locon", "adapter.conv_dim=2", "adapter.rank_dropout=0.2"),
    "loha": ("adapter.kind=loha", "adapter.conv_dim=2", "adapter.rank_dropout=0.1"),
    "lokr": (
        "adapter.kind=lokr",
        "adapter.dim=1",
        "adapter.alpha=1",
        "adapter.conv_dim=1",
        "adapter.module_dropout=0.1",
    ),
    "dora": ("adapter.kind=dora", "adapter.conv_dim=2"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_kind_learns_and_a_resumed_run_ends_with_the_same_bytes(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], folder: Path, kind: str
) -> None:
    recipe = tiny_recipe(*SETTINGS[kind], "optimizer.learning_rate=0.01")
    straight = tiny_train(recipe, tiny_pictures, tiny_base, folder / kind)
    stopped = folder / f"{kind} stopped"
    with pytest.raises(TrainingFailed):
        tiny_train(recipe, tiny_pictures, tiny_base, stopped, between_steps=lambda now: Asked(stop=now.step == 5))
    resumed = tiny_train(recipe, tiny_pictures, tiny_base, stopped, resume=True)
    assert resumed.file_bytes() == straight.file_bytes()
    file = load_lora(folder / kind / "tiny.safetensors")
    assert all(bool(torch.isfinite(tensor).all()) for tensor in file.tensors.values())
    layers = layers_of(file.tensors)
    places = {target.key: target.layer.weight for target in tiny_base.family.all_targets(tiny_base)}
    moved = [key for key, layer in layers.items() if change_of(layer, places[key]).abs().max() > 1e-4]
    assert len(moved) > 0.9 * len(layers), "it learns in nearly every layer"


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_file_of_a_kind_draws_as_weights_that_were_changed_by_it(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], folder: Path, kind: str
) -> None:
    path = folder / kind / "tiny.safetensors"
    if not path.exists():
        recipe = tiny_recipe(*SETTINGS[kind], "optimizer.learning_rate=0.01")
        tiny_train(recipe, tiny_pictures, tiny_base, folder / kind)
    file = load_lora(path)
    request = DrawRequest("mame, 1girl", "", 64, 64, steps=4, cfg=3.0, seed=3)
    ours = draw(tiny_base, request, [(file, 0.8)])[0].image
    places = {target.key: target.layer for target in tiny_base.family.all_targets(tiny_base)}
    kept = {key: places[key].weight.detach().clone() for key in layers_of(file.tensors)}
    try:
        with torch.no_grad():
            for key, layer in layers_of(file.tensors).items():
                places[key].weight += 0.8 * change_of(layer, places[key].weight)
        merged = draw(tiny_base, request)[0].image
    finally:
        with torch.no_grad():
            for key, weight in kept.items():
                places[key].weight.copy_(weight)
    differences = [abs(a - b) for a, b in zip(ours.tobytes(), merged.tobytes(), strict=True)]
    assert max(differences) <= 2
    assert ours.tobytes() != draw(tiny_base, request)[0].image.tobytes()


def test_the_facts_of_a_file_name_its_kind(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], folder: Path
) -> None:
    for kind, settings in SETTINGS.items():
        path = folder / kind / "tiny.safetensors"
        if not path.exists():
            tiny_train(tiny_recipe(*settings), tiny_pictures, tiny_base, folder / kind)
        header = read_header(path)
        facts = describe_lora(header.metadata, header.shapes)
        assert facts["algorithm"] == kind
        assert facts["family"] == "sd15"
