"""A tiny SDXL is trained, saved, opened by diffusers and drawn (C2, F24, G2, H5)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionXLPipeline

from enogu.engine.families import LoadedBase, TextRules
from enogu.engine.loop import TrainPicture
from enogu.engine.lora_file import load_lora
from enogu.engine.sample import DrawRequest, draw
from enogu.weights.header import read_header
from enogu.weights.lora_facts import describe_lora
from tests.unit.engine.tiny_run import header_of, loss_with, tiny_recipe, tiny_train


@pytest.fixture(scope="module")
def lora_path(
    tiny_sdxl: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two epochs of U-Net and both text encoders."""
    run = tiny_train(tiny_recipe(), tiny_pictures, tiny_sdxl, tmp_path_factory.mktemp("out"))
    assert len(run.losses) == 8
    assert run.result is not None
    return run.result.files[-1]


def test_a_run_on_it_learns_the_pictures(
    tiny_sdxl: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], lora_path: Path
) -> None:
    before = loss_with(tiny_sdxl, tiny_recipe(), tiny_pictures, None)
    assert loss_with(tiny_sdxl, tiny_recipe(), tiny_pictures, load_lora(lora_path).tensors) < 0.985 * before


def test_every_layer_of_all_three_networks_learns(lora_path: Path) -> None:
    tensors = load_lora(lora_path).tensors
    ups = {name: tensor for name, tensor in tensors.items() if name.endswith("lora_up.weight")}
    # 11 attentions: 4 + 1 of one block, 6 and 2 deep of two; of the text encoders the last layer is not read
    still = {name for name, tensor in ups.items() if not bool(tensor.any())}
    assert all("encoder_layers_1_" in name and name.startswith("lora_te1_") for name in still)
    assert {name.split("_")[1] for name in ups.keys() - still} == {"unet", "te1", "te2"}


def test_the_file_says_that_it_is_sdxl_in_every_readers_words(lora_path: Path) -> None:
    header = read_header(lora_path)
    told = describe_lora(header.metadata, header.shapes)
    assert (told["family"], told["layout"]) == ("sdxl", "kohya")
    metadata = header_of(lora_path)["__metadata__"]
    assert metadata["ss_base_model_version"].startswith("sdxl_")  # A1111 goes by this
    assert metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"


def test_diffusers_reads_the_file_and_predicts_the_same(
    tiny_sdxl: LoadedBase, tiny_sdxl_folder: Path, lora_path: Path
) -> None:
    """Captions, pooled vector, sizes and all LoRA layers: one pass of the U-Net in diffusers' hands and in ours."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(tiny_sdxl_folder, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(lora_path)
    picture = pipeline(
        "mame, bean", negative_prompt="", num_inference_steps=3, guidance_scale=3.0, width=64, height=64,
        latents=torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5)), output_type="np",
    ).images[0]  # fmt: skip
    request = DrawRequest("mame, bean", width=64, height=64, steps=3, cfg=3.0, sampler="ddim", seed=5)
    ours = draw(tiny_sdxl, request, [(load_lora(lora_path), 1.0)])[0].image
    np.testing.assert_allclose(np.asarray(ours) / 255, picture, atol=0.02)
    without = draw(tiny_sdxl, request)[0].image
    assert np.abs(np.asarray(without) - np.asarray(ours).astype(float)).mean() > 1  # the LoRA shows


def test_clip_skip_changes_nothing_since_it_is_always_the_layer_before_the_last(tiny_sdxl: LoadedBase) -> None:
    one = tiny_sdxl.family.encode_captions(tiny_sdxl, ["1girl"], TextRules(clip_skip=1))
    two = tiny_sdxl.family.encode_captions(tiny_sdxl, ["1girl"], TextRules(clip_skip=2))
    assert torch.equal(one.states_BTC, two.states_BTC)


@pytest.mark.parametrize(("length", "vectors"), [(75, 77), (150, 152), (225, 227)])
def test_long_captions_are_joined_windows_and_the_summary_is_the_firsts(
    tiny_sdxl: LoadedBase, length: int, vectors: int
) -> None:
    long = " ".join("abcdefghij"[n % 10] for n in range(100))
    ours = tiny_sdxl.family.encode_captions(tiny_sdxl, [long, "a"], TextRules(1, length))
    short = tiny_sdxl.family.encode_captions(tiny_sdxl, [long, "a"], TextRules(1, 75))
    assert ours.states_BTC.shape == (2, vectors, 80)
    assert ours.pooled_BC is not None and short.pooled_BC is not None
    torch.testing.assert_close(ours.pooled_BC, short.pooled_BC)
    torch.testing.assert_close(ours.states_BTC[:, :76], short.states_BTC[:, :76])
