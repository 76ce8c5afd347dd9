"""T5 learns beside CLIP-L where ``training.train_t5`` says so: sd-scripts' train_t5xxl (C1, F10; facts 2b, 2l)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from enogu.engine.adapters import kinds
from enogu.engine.control import Asked, Between
from enogu.engine.families import LoadedBase, TextRules
from enogu.engine.loop import TrainingStopped, TrainPicture
from enogu.engine.lora_file import load_lora
from enogu.engine.memory import choose_compute
from enogu.engine.optim import make_optimizer
from enogu.engine.sample import DrawRequest, draw
from enogu.engine.stored import is_stored, store
from enogu.recipe import TrainRecipe
from enogu.weights.header import read_header
from enogu.weights.lora_facts import describe_lora
from tests.tiny_flux import write_tiny_flux
from tests.unit.engine.tiny_run import Run, load_tiny_base, tiny_recipe, tiny_train


def t5_recipe(*settings: str) -> TrainRecipe:
    return tiny_recipe("training.train_t5=true", "training.epochs=1", "previews.sampler=euler", *settings)


@pytest.fixture(scope="module")
def trained(
    tiny_flux: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    return tiny_train(t5_recipe(), tiny_pictures, tiny_flux, tmp_path_factory.mktemp("out"))


def _file(run: Run) -> Path:
    assert run.result is not None
    return run.result.files[-1]


def test_every_layer_of_attention_and_feed_forward_learns_under_kohyas_name(trained: Run) -> None:
    tensors = load_file(_file(trained))
    ups = {name.partition(".")[0]: t for name, t in tensors.items() if "lora_te3_" in name and "lora_up" in name}
    in_block = [*(f"0_SelfAttention_{x}" for x in "qkvo"), *(f"1_DenseReluDense_{x}" for x in ("wi_0", "wi_1", "wo"))]
    assert set(ups) == {f"lora_te3_encoder_block_{n}_layer_{x}" for n in range(2) for x in in_block}
    assert all(bool(up.any()) for up in ups.values())
    assert {name.partition("_text_")[0] for name in tensors if "lora_te" in name and "te3" not in name} == {"lora_te1"}
    header = read_header(_file(trained))
    told = describe_lora(header.metadata, header.shapes)
    assert (told["family"], told["modules"]) == ("flux", {"unet": 26, "text_encoder": 12 + 14})
    assert json.loads(header.metadata["ss_network_args"]) == {"train_t5xxl": "True"}
    assert header.metadata["ss_network_module"] == "networks.lora_flux"


def test_gradients_are_those_that_autograd_finds_with_the_product_written_out(tiny_flux: LoadedBase) -> None:
    """Reference: each T5 layer's weight plus scale * B A as one plain matrix."""
    recipe = t5_recipe()
    targets = [target for target in tiny_flux.family.targets(tiny_flux) if target.part == "t5"]
    parameters = kinds.new_adapter(targets, recipe.adapter, 3, torch.device("cpu"))
    with torch.no_grad():
        parameters.flat["t5"].add_(
            torch.randn(parameters.flat["t5"].shape, generator=torch.Generator().manual_seed(1)) / 9
        )
    kinds.attach(targets, parameters)
    try:
        states = tiny_flux.family.encode_captions(tiny_flux, ["mame, bean"], TextRules()).states_BTC
        states[:, :20].square().sum().backward()
    finally:
        for target in targets:
            target.parent._modules[target.name] = target.layer
    assert parameters.flat["t5"].grad is not None
    found = parameters.flat["t5"].grad.clone()

    leaves = {key: [m.detach().clone().requires_grad_() for m in those] for key, those in parameters.matrices.items()}
    plain: dict[str, nn.Linear] = {}
    for target in targets:
        down, up = leaves[target.key]
        layer = nn.Linear(target.num_in, target.num_out, bias=False)
        del layer.weight
        layer.weight = target.layer.weight + parameters.sizes[target.key].scale * up @ down
        target.parent._modules[target.name] = plain[target.key] = layer
    try:
        wanted_states = tiny_flux.family.encode_captions(tiny_flux, ["mame, bean"], TextRules()).states_BTC
        wanted_states[:, :20].square().sum().backward()
    finally:
        for target in targets:
            target.parent._modules[target.name] = target.layer
    torch.testing.assert_close(states, wanted_states, rtol=1e-4, atol=1e-5)
    wanted = torch.cat([leaf.grad.flatten() for those in leaves.values() for leaf in those if leaf.grad is not None])
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_it_is_drawn_with(tiny_flux: LoadedBase, trained: Run) -> None:
    request = DrawRequest("mame", width=64, height=64, steps=3, sampler="euler")
    lora = load_lora(_file(trained))
    without_t5 = replace(lora, tensors={name: t for name, t in lora.tensors.items() if "lora_te3_" not in name})
    whole, rest = (
        np.asarray(draw(tiny_flux, request, [(one, 2.0)])[0].image, dtype=float) for one in (lora, without_t5)
    )
    assert np.abs(whole - rest).max() > 0


def test_it_is_trained_further_and_begins_where_the_file_ends(
    tiny_flux: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], trained: Run, tmp_path: Path
) -> None:
    recipe = t5_recipe("start_from=x", "optimizer.learning_rate=2e-7")
    again = tiny_train(recipe, tiny_pictures, tiny_flux, tmp_path, start=load_lora(_file(trained)))
    before, after = load_file(_file(trained)), load_file(_file(again))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, rtol=0, atol=1e-5)


@pytest.mark.parametrize("settings", [(), ("optimizer.kind=prodigy", "captions.shuffle=true")])
def test_a_run_that_goes_on_ends_with_the_same_bytes(
    tiny_flux: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, settings: tuple[str, ...]
) -> None:
    recipe = t5_recipe(*settings, "saving.checkpoint_every_n_steps=1")
    whole = tiny_train(recipe, tiny_pictures, tiny_flux, tmp_path / "whole")

    def stop_at_two(between: Between) -> Asked:
        return Asked(stop=between.step == 2)

    with pytest.raises(TrainingStopped):
        tiny_train(recipe, tiny_pictures, tiny_flux, tmp_path / "parts", between_steps=stop_at_two)
    resumed = tiny_train(recipe, tiny_pictures, tiny_flux, tmp_path / "parts", resume=True)
    assert _tensors(resumed) == _tensors(whole)
    assert resumed.losses == whole.losses[2:]


@pytest.mark.parametrize("kind", ["lora", "locon", "loha", "lokr", "dora"])
def test_checkpointing_and_weights_in_main_memory_change_no_bit(
    tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, kind: str
) -> None:
    folder = write_tiny_flux(tmp_path / "flux")
    plain = tiny_train(t5_recipe(f"adapter.kind={kind}"), tiny_pictures, load_tiny_base(folder), tmp_path / "plain")
    swapped = load_tiny_base(folder)
    t5 = swapped.networks["text_encoder_2"]
    store(t5, torch.device("cpu"), swapped=list(t5.encoder.block))  # as where blocks_to_swap or fp8_base is set
    assert any(is_stored(layer) for layer in t5.modules())
    swapped.compute = choose_compute("none", "cpu", blocks_to_swap=1)
    for name, base in (("checked", load_tiny_base(folder)), ("swapped", swapped)):
        recipe = t5_recipe(f"adapter.kind={kind}", "training.gradient_checkpointing=true")
        run = tiny_train(recipe, tiny_pictures, base, tmp_path / name)
        assert run.losses == plain.losses, name
        assert _tensors(run) == _tensors(plain), name


def test_its_rate_is_the_text_encoders(tiny_flux: LoadedBase) -> None:
    """sd-scripts takes the one rate of ``--text_encoder_lr`` for all text encoders."""
    recipe = t5_recipe("optimizer.text_encoder_learning_rate=0.003", "optimizer.unet_learning_rate=0.01")
    parameters = kinds.new_adapter(tiny_flux.family.targets(tiny_flux), recipe.adapter, 3, torch.device("cpu"))
    rates = {group["part"]: group["lr"] for group in make_optimizer(recipe, parameters).param_groups}
    assert rates == {"unet": 0.01, "text_encoder": 0.003, "t5": 0.003}


def test_without_it_t5_stays_as_it_is(
    tiny_flux: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    run = tiny_train(t5_recipe("training.train_t5=false"), tiny_pictures, tiny_flux, tmp_path)
    assert not [name for name in load_file(_file(run)) if "lora_te3_" in name]


def _tensors(run: Run) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in load_file(_file(run)).items()}
