"""What our file draws in somebody else's program: diffusers' own loader and pipeline (issue 2, section 7; I2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
)
from numpy.typing import NDArray

from enogu.engine.families import LoadedBase, load_base_model
from enogu.engine.lora_file import load_lora
from enogu.engine.memory import choose_compute
from enogu.engine.sample import DrawRequest, draw
from tests.tiny_base import write_tiny_base
from tests.unit.engine.tiny_run import tiny_recipe, tiny_train, write_tiny_pictures

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers"),
    pytest.mark.filterwarnings("ignore:.*deprecated.*:FutureWarning:(diffusers|transformers|peft)"),
]
SCHEDULERS: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
}
PROMPT, NEGATIVE = "mame, 1girl, hat", "dog"


@pytest.fixture(scope="module")
def trained(tiny_base: LoadedBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file trained a few steps at a large rate, so that it matters; fp16, as people save it."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = tiny_recipe("saving.precision=fp16", "optimizer.learning_rate=0.05", "training.epochs=3")
    tiny_train(recipe, write_tiny_pictures(folder / "pictures"), tiny_base, folder / "out")
    return folder / "out" / "tiny.safetensors"


@pytest.mark.parametrize("clip_skip", [1, 2])
@pytest.mark.parametrize("sampler", SCHEDULERS)
def test_diffusers_draws_the_same_picture_from_the_file_as_we_do(
    tiny_base: LoadedBase, tiny_base_folder: Path, trained: Path, sampler: str, clip_skip: int
) -> None:
    """The largest difference is 2 of 255, and the LoRA matters far more than that."""
    theirs = _draw_with_diffusers(tiny_base_folder, trained, sampler, clip_skip)
    request = DrawRequest(PROMPT, NEGATIVE, 64, 96, steps=6, cfg=4.0, sampler=sampler, seed=3, clip_skip=clip_skip)  # type: ignore[arg-type]
    ours = _levels(draw(tiny_base, request, [(load_lora(trained), 1.0)])[0].image)
    without = _levels(draw(tiny_base, request)[0].image)
    assert ours.shape == theirs.shape == (96, 64, 3)
    assert np.abs(ours - theirs).max() <= 2
    assert np.abs(ours - without).max() > 20


def test_diffusers_finds_every_layer_of_the_file(tiny_base_folder: Path, trained: Path) -> None:
    """As many LoRA layers in its networks as in the file: none is dropped on the way."""
    pipeline = _pipeline(tiny_base_folder, trained)
    counts = [
        sum(name.endswith("lora_A.ours.weight") for name, _ in network.named_parameters())
        for network in (pipeline.unet, pipeline.text_encoder)
    ]
    layers = [name for name in load_lora(trained).tensors if name.endswith(".lora_down.weight")]
    assert counts == [
        len([name for name in layers if name.startswith("lora_unet_")]),
        len([name for name in layers if name.startswith("lora_te_")]),
    ]


def test_diffusers_draws_the_same_from_a_locon(tiny_base: LoadedBase, tiny_base_folder: Path, tmp_path: Path) -> None:
    """Convolutions too. It reads no LoHa and LoKr, and leaves the lengths out of a DoRA in Kohya's layout (0.42)."""
    recipe = tiny_recipe("adapter.kind=locon", "adapter.conv_dim=2", "optimizer.learning_rate=0.02")
    tiny_train(recipe, write_tiny_pictures(tmp_path / "pictures"), tiny_base, tmp_path / "out")
    file = tmp_path / "out" / "tiny.safetensors"
    theirs = _draw_with_diffusers(tiny_base_folder, file, "ddim", 1)
    request = DrawRequest(PROMPT, NEGATIVE, 64, 96, steps=6, cfg=4.0, sampler="ddim", seed=3, clip_skip=1)
    ours = _levels(draw(tiny_base, request, [(load_lora(file), 1.0)])[0].image)
    assert np.abs(ours - theirs).max() <= 3
    assert np.abs(ours - _levels(draw(tiny_base, request)[0].image)).max() > 20


def test_a_base_in_half_precision_is_computed_in_fp32_on_a_processor(tmp_path: Path) -> None:
    """F4: asked for fp16, the run goes on in fp32 and says why."""
    from enogu.engine.events import Started

    base = load_base_model(write_tiny_base(tmp_path / "base"), choose_compute("fp16", "cpu"))
    pictures = write_tiny_pictures(tmp_path / "pictures")
    recipe = tiny_recipe("training.mixed_precision=fp16", "training.epochs=1")
    run = tiny_train(recipe, pictures, base, tmp_path / "out")
    (started,) = run.said(Started)
    assert started.dtype == "float32"
    assert "fp32 is used" in started.notes[0]


def _draw_with_diffusers(base: Path, lora: Path, sampler: str, clip_skip: int) -> NDArray[np.int64]:
    pipeline = _pipeline(base, lora)
    pipeline.scheduler = SCHEDULERS[sampler].from_config(pipeline.scheduler.config)
    (image,) = pipeline(
        prompt_embeds=_states(pipeline, PROMPT, clip_skip),
        negative_prompt_embeds=_states(pipeline, NEGATIVE, clip_skip),
        width=64,
        height=96,
        num_inference_steps=6,
        guidance_scale=4.0,
        generator=torch.Generator().manual_seed(3),
    ).images
    return _levels(image)


def _states(pipeline: Any, text: str, clip_skip: int) -> torch.Tensor:
    """Text states of their text encoder with the LoRA in it.

    Their ``encode_prompt`` asks for a ``text_model`` that transformers 5 has no more as soon as clip skip is on
    (diffusers 0.42), so for 2 its next lines are done here.
    """
    if clip_skip == 1:
        states: torch.Tensor = pipeline.encode_prompt(text, "cpu", 1, do_classifier_free_guidance=False)[0]
        return states
    ids = pipeline.tokenizer(text, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
    encoder = pipeline.text_encoder
    with torch.no_grad():
        states = encoder.final_layer_norm(encoder(ids, output_hidden_states=True).hidden_states[-clip_skip])
    return states


def _pipeline(base: Path, lora: Path) -> Any:
    pipeline: Any = StableDiffusionPipeline.from_pretrained(
        base, local_files_only=True, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(str(lora.parent), weight_name=lora.name, adapter_name="ours", local_files_only=True)
    return pipeline


def _levels(image: Any) -> NDArray[np.int64]:
    return np.asarray(image, dtype=np.int64)
