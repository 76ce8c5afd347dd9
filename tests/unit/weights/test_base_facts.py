"""Families of single-file base models, by keys and widths and never by a name (C1, C4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enogu.errors import BaseModelRefused
from enogu.weights.base_facts import describe_checkpoint, style_in
from tests.unit.weights.checkpoint_keys import UNET, Shapes, flux, sd15, sdxl


@pytest.mark.parametrize(
    ("shapes", "family", "prediction", "side"),
    [
        (sd15(), "sd15", "epsilon", 512),
        (sd15(1024), "sd2", "epsilon", 768),
        (sdxl(), "sdxl", "epsilon", 1024),
        (flux(prefix=UNET, whole=True), "flux", "flow", 1024),
    ],
)
def test_each_family_is_known_by_its_keys_and_widths(shapes: Shapes, family: str, prediction: str, side: int) -> None:
    """C4."""
    facts = describe_checkpoint("x.safetensors", {}, shapes)
    assert (facts.family, facts.prediction_type, facts.native_side) == (family, prediction, side)
    assert (facts.derivative, facts.missing, facts.special) == ("", (), "")


def test_v_prediction_is_read_from_the_marker_or_the_metadata() -> None:
    """NoobAI's v-pred files hold a tensor ``v_pred`` without a number in it."""
    assert describe_checkpoint("x", {}, {**sdxl(), "v_pred": (0,)}).prediction_type == "v_prediction"
    said = {"modelspec.prediction_type": "v"}
    assert describe_checkpoint("x", said, sd15(1024)).prediction_type == "v_prediction"


@pytest.mark.parametrize(
    ("title", "derivative"),
    [
        ("Pony Diffusion V6 XL", "pony"),
        ("Illustrious-XL v1.0", "illustrious"),
        ("NoobAI-XL (v-pred), of Illustrious", "noobai"),
        ("Animagine", ""),
    ],
)
def test_branches_of_sdxl_are_known_by_the_metadata_only(title: str, derivative: str) -> None:
    assert describe_checkpoint("pony.safetensors", {"modelspec.title": title}, sdxl()).derivative == derivative
    assert describe_checkpoint("pony.safetensors", {"modelspec.title": title}, sd15()).derivative == ""


def test_schnell_is_the_flux_that_takes_no_guidance() -> None:
    assert describe_checkpoint("x", {}, flux(guided=False)).derivative == "schnell"
    assert describe_checkpoint("x", {}, flux()).derivative == ""


def test_a_bare_flux_says_what_it_lacks() -> None:
    assert describe_checkpoint("x", {}, flux()).missing == ("text encoders", "VAE")
    without = {name: shape for name, shape in sd15().items() if name.startswith(UNET)}
    assert describe_checkpoint("x", {}, without).missing == ("text encoder", "VAE")


def test_another_task_is_told_by_the_channels() -> None:
    assert describe_checkpoint("x", {}, sd15(channels=9)).special == "inpainting"


def _joined() -> Shapes:
    return {f"{UNET}joint_blocks.0.x_block.attn.qkv.weight": (4608, 1536)}


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (lambda: {"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (4, 320)}, "a LoRA"),
        (_joined, "Stable Diffusion 3"),
        (lambda: sdxl(1280), "refiner"),
        (lambda: {"first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3)}, "a VAE alone"),
        (lambda: {"text_model.embeddings.token_embedding.weight": (49408, 768)}, "a text encoder alone"),
        (lambda: {"down_blocks.0.resnets.0.conv1.weight": (320, 320, 3, 3)}, "diffusers folder"),
        (lambda: {"something": (1,)}, "1 tensors"),
        (lambda: {**sd15(), f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 2048)}, "family"),
        (dict[str, tuple[int, ...]], "0 tensors"),
    ],
)
def test_what_is_no_base_model_is_refused_saying_what_it_is(shapes: Callable[[], Shapes], said: str) -> None:
    """C3, C5."""
    with pytest.raises(BaseModelRefused, match=rf"(?i)file\.safetensors is .*{said}"):
        describe_checkpoint("file.safetensors", {}, shapes())


def test_metadata_give_title_licence_and_size() -> None:
    said = {"modelspec.title": " 絵\0\ud800 \n", "modelspec.license": "CreativeML", "modelspec.resolution": "768x512"}
    facts = describe_checkpoint("x", said, sd15())
    assert (facts.title, facts.licence, facts.native_side) == ("絵", "CreativeML", 768)


@pytest.mark.parametrize(
    ("texts", "style"),
    [
        (["anime, girl"], "2d"),
        (["photorealistic"], "3d"),
        (["anime and photo"], ""),
        ([None, ""], ""),
        (["アニメ"], "2d"),
    ],
)
def test_flat_and_solid_are_told_by_words_that_speak_of_one_only(texts: list[str | None], style: str) -> None:
    """C6."""
    assert style_in(texts) == style
