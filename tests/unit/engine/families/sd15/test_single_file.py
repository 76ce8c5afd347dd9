"""SD1.5 from one file: the numbers of the file, nothing left to chance; what cannot be used is named (C3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from enogu import starter_data
from enogu.engine.families import load_base_model
from enogu.engine.families.clip import clip_tokenizer
from enogu.engine.families.sd15.keys import targets
from enogu.engine.families.single_file import file_hash
from enogu.engine.memory import choose_compute
from enogu.errors import BaseModelRefused
from enogu.weights.header import read_header
from enogu.weights.lora_facts import describe_lora
from tests.ldm_file import ldm_tensors, small_networks, write_ldm_file
from tests.unit.engine.tiny_run import tiny_recipe, tiny_train, write_tiny_pictures

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    return small_networks()


@pytest.fixture(scope="module")
def file(networks: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ldm_file(tmp_path_factory.mktemp("single") / "豆 v1.safetensors", networks)


def test_every_number_comes_from_the_file_bit_for_bit(networks: dict[str, Any], file: Path) -> None:
    base = load_base_model(file, choose_compute("none", "cpu"))
    for part, network in networks.items():
        loaded = base.networks[part]
        assert not loaded.training
        assert not any(parameter.requires_grad or parameter.is_meta for parameter in loaded.parameters())
        assert not any(buffer.is_meta for buffer in loaded.buffers())
        want = {name.removeprefix("text_model."): tensor for name, tensor in network.state_dict().items()}
        have = {name.removeprefix("text_model."): tensor for name, tensor in loaded.state_dict().items()}
        assert want.keys() == have.keys()
        assert all(torch.equal(want[name], have[name]) for name in want), part
    assert (base.name, base.hash, base.schedule.prediction_type) == ("豆 v1", file_hash(file), "epsilon")
    assert base.scaling_factor == pytest.approx(0.18215)
    assert len(targets(base)) == 192 + 3 * 6


def test_what_the_networks_answer_is_what_they_answered_before(networks: dict[str, Any], file: Path) -> None:
    base = load_base_model(file, choose_compute("none", "cpu"))
    ids = torch.tensor([[49_406, 320, *[49_407] * 75]])
    noise, pixels = torch.randn(1, 4, 8, 8), torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        states = networks["text_encoder"].eval()(ids).last_hidden_state
        assert torch.equal(base.networks["text_encoder"](ids).last_hidden_state, states)
        torch.testing.assert_close(
            base.networks["unet"](noise, 500, states).sample, networks["unet"].eval()(noise, 500, states).sample
        )
        torch.testing.assert_close(
            base.networks["vae"].encode(pixels).latent_dist.mean, networks["vae"].eval().encode(pixels).latent_dist.mean
        )


def test_the_tokenizer_gives_clips_ids_without_a_network() -> None:
    from transformers import CLIPTokenizer

    ours = clip_tokenizer()
    shipped = CLIPTokenizer.from_pretrained(starter_data.path("base_model", "tokenizer"), local_files_only=True)
    assert ours("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    for text in ("1girl, green hair, (smile:1.2)", "豆の妖精 🫘", "", "don't stop  it", "x" * 300):
        assert ours(text).input_ids == shipped(text).input_ids, text
    assert (len(ours), ours.pad_token_id, ours.model_max_length) == (49_408, 49_407, 77)


def test_names_without_text_model_are_read_too(networks: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file(ldm_tensors(networks, text_model=False), path)
    loaded = load_base_model(path, choose_compute("none", "cpu")).networks["text_encoder"]
    want, have = networks["text_encoder"].state_dict(), loaded.state_dict()
    assert all(torch.equal(tensor, have[name]) for name, tensor in want.items())


@pytest.mark.parametrize(
    ("extra", "metadata"), [({"v_pred": torch.zeros(0)}, {}), ({}, {"modelspec.prediction_type": "v"})]
)
def test_a_file_that_predicts_v_says_so_itself(
    networks: dict[str, Any], tmp_path: Path, extra: Tensors, metadata: dict[str, str]
) -> None:
    """C4."""
    path = tmp_path / "x.safetensors"
    save_file(ldm_tensors(networks) | extra, path, metadata)
    base = load_base_model(path, choose_compute("none", "cpu"))
    assert base.schedule.prediction_type == base.scheduler_config["prediction_type"] == "v_prediction"


def _without(start: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if not name.startswith(start)}


def _with(name: str, *shape: int) -> Callable[[Tensors], Tensors]:
    return lambda tensors: tensors | {name: torch.zeros(*shape)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_without("first_stage_model."), "incomplete: it has no VAE"),
        (_without("cond_stage_model."), "incomplete: it has no text encoder"),
        (_without("model.diffusion_model."), "incomplete: it has no U-Net"),
        (
            _without("model.diffusion_model.out.2.bias"),
            "U-Net of x.safetensors is not SD1.5's: conv_out.bias is missing",
        ),
        (_without("first_stage_model.decoder.mid.attn_1.q.bias"), "VAE .* is missing"),
        (_without("cond_stage_model.transformer.text_model.encoder.layers.1.mlp"), "text encoder .* is missing"),
        (lambda _: {"a.weight": torch.zeros(2, 2)}, "no SD1.5 base model"),
        (_with("model.diffusion_model.input_blocks.0.0.weight", 32, 9, 3, 3), "another task, such as inpainting"),
        (_with("model.diffusion_model.input_blocks.0.0.weight", 4), "another task"),
        (_with("model.diffusion_model.out.2.bias", 5), "another shape"),
        (_with("model.diffusion_model.input_blocks.1.0.in_layers.2.weight", 33, 32, 3, 3), "not SD1.5's"),
        (_with("model.diffusion_model.input_blocks.4.0.in_layers.2.weight", 1), "of another shape"),
        (_with("cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", 9, 64), "9 tokens"),
        (_with("cond_stage_model.model.x", 1), "is Stable Diffusion 2"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_reason(
    networks: dict[str, Any], tmp_path: Path, change: Callable[[Tensors], Tensors], words: str
) -> None:
    path = tmp_path / "x.safetensors"
    save_file(change(ldm_tensors(networks)), path)
    with pytest.raises(BaseModelRefused, match=words) as refused:
        load_base_model(path, choose_compute("none", "cpu"))
    assert "x.safetensors" in refused.value.message
    assert refused.value.cure


@pytest.mark.parametrize("data", [b"", b"\x80\x02pickle", b"PK\x03\x04zip of torch", b"text of some length"])
def test_a_file_that_is_none_is_refused_unopened(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(BaseModelRefused, match=r"x\.safetensors is"):
        load_base_model(path, choose_compute("none", "cpu"))


def test_the_file_of_these_tests_has_as_many_tensors_as_the_real_one(networks: dict[str, Any]) -> None:
    """v1-5-pruned has 686 in its U-Net and 248 in its VAE; CLIP-L has 16 a layer and 4 besides."""
    names = list(ldm_tensors(networks))
    starts = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.")
    assert [sum(name.startswith(start) for name in names) for start in starts] == [686, 248, 3 * 16 + 4]


def test_a_lora_is_trained_on_a_single_file_as_on_a_folder(file: Path, tmp_path: Path) -> None:
    """C3, H5."""
    base = load_base_model(file, choose_compute("none", "cpu"))
    recipe = tiny_recipe("training.epochs=1")
    run = tiny_train(recipe, write_tiny_pictures(tmp_path / "pictures")[:2], base, tmp_path / "out")
    (lora,) = (tmp_path / "out").glob("*.safetensors")
    told = describe_lora((header := read_header(lora)).metadata, header.shapes)
    assert (told["family"], told["base_model"], told["modules"]) == ("sd15", "豆 v1", {"unet": 192, "text_encoder": 18})
    assert run.losses
    assert header.metadata["enogu_base_model_hash"] == file_hash(file)
