"""The family of a LoRA by the whole lists of names that real files have, in each program's layout (C4, C5, H5)."""

from __future__ import annotations

import re

import pytest

from enogu.weights.derivatives import derivative_in
from enogu.weights.lora_facts import describe_lora
from enogu.weights.lora_layouts import Shape, adapted_layers, family_of, layout_of
from tests.unit.weights import lora_keys


def dotted(path: str) -> str:
    """``down_blocks_0_attentions_1`` as ``down_blocks.0.attentions.1``: at each number and known word."""
    path = re.sub(r"_(\d+)(?=_|$)", r".\1", path)
    path = re.sub(r"(?<=\d)_", ".", path)
    return re.sub(r"_(proj$|attn\b)", r"_\1", path.replace("attn1_", "attn1.").replace("attn2_", "attn2."))


WHOLE = {
    "sd15": (lora_keys.sd15(), {"unet": 192, "text_encoder": 72}),
    "sdxl": (lora_keys.sdxl(), {"unet": 722, "text_encoder": 72 + 192}),
    "flux": (lora_keys.flux(), {"unet": 304, "text_encoder": 72}),
}


@pytest.mark.parametrize("family", WHOLE)
def test_whole_files_of_sd_scripts_are_known_with_all_their_layers(family: str) -> None:
    shapes, modules = WHOLE[family]
    told = describe_lora({}, shapes, [8.0])
    assert (told["family"], told["modules"], told["layout"]) == (family, modules, "kohya")
    assert (told["dim"], told["alpha"], told["algorithm"]) == (16, 8, "lora")


@pytest.mark.parametrize(
    ("shapes", "family", "layout"),
    [
        (lora_keys.kohya("lora_unet_", lora_keys.sd15_unet()), "sd15", "kohya"),
        (lora_keys.kohya("lora_te_", lora_keys.clip(12, 768)), "sd15", "kohya"),
        (lora_keys.kohya("lora_te_", lora_keys.clip(23, 1024)), "sd2", "kohya"),
        (lora_keys.kohya("lora_unet_", lora_keys.sd15_unet(1024)), "sd2", "kohya"),
        (lora_keys.kohya("lora_unet_", lora_keys.sdxl_unet()), "sdxl", "kohya"),
        (lora_keys.kohya("lora_te2_", lora_keys.clip(32, 1280)), "sdxl", "kohya"),
        (lora_keys.kohya("lora_unet_", lora_keys.flux_transformer()), "flux", "kohya"),
        (lora_keys.with_dots("unet.", lora_keys.sd15_unet(), dotted), "sd15", "peft"),
        (lora_keys.with_dots("unet.", lora_keys.sd15_unet(2048), dotted), "sdxl", "peft"),
        (lora_keys.with_dots("text_encoder_2.", lora_keys.clip(32, 1280), dotted), "sdxl", "peft"),
        (lora_keys.with_dots("diffusion_model.", lora_keys.flux_transformer(), dotted), "flux", "comfyui"),
        (lora_keys.with_dots("diffusion_model.", lora_keys.sdxl_unet(), dotted), "sdxl", "comfyui"),
    ],
)
def test_parts_and_other_programs_files_are_known_too(shapes: dict[str, Shape], family: str, layout: str) -> None:
    layers = adapted_layers(shapes)
    assert (family_of(layers), layout_of(layers)) == (family, layout)


@pytest.mark.parametrize(
    "name",
    [
        "transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight",
        "transformer.transformer_blocks.3.ff_context.net.0.proj.lora_A.weight",
        "transformer.transformer_blocks.0.norm1.linear.lora_A.weight",
        "lora_transformer_single_transformer_blocks_0_proj_mlp.lora_down.weight",
    ],
)
def test_flux_is_known_by_blocks_that_only_flux_has(name: str) -> None:
    assert family_of(adapted_layers({name: (16, 3072)})) == "flux"


@pytest.mark.parametrize(
    "name",
    [
        "diffusion_model.blocks.0.cross_attn.k.lora_A.weight",  # Wan
        "lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight",  # SD3
        "transformer.transformer_blocks.0.img_mlp.net.0.proj.lora_A.weight",  # Qwen-Image
        "lora_unet_layers_0_attention_qkv.lora_down.weight",  # Lumina
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight",  # text states of 1280: refiner
    ],
)
def test_other_architectures_are_unknown_rather_than_guessed(name: str) -> None:
    assert family_of(adapted_layers({name: (16, 1280)})) == "unknown"


def test_metadata_only_decides_what_tensors_leave_open() -> None:
    clip_alone = lora_keys.kohya("lora_te1_", lora_keys.clip(12, 768))
    assert describe_lora({"ss_base_model_version": "flux1"}, clip_alone)["family"] == "flux"
    assert describe_lora({}, clip_alone)["family"] == "sdxl"
    assert describe_lora({"ss_base_model_version": "sdxl_base_v1-0"}, lora_keys.sd15())["family"] == "sd15"


def test_other_algorithms_are_named() -> None:
    path = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    loha = {f"{path}.hada_w1_a": (320, 8), f"{path}.hada_w1_b": (8, 320)}
    assert (describe_lora({}, loha)["algorithm"], describe_lora({}, loha)["dim"]) == ("loha", 8)
    assert describe_lora({"ss_network_dim": "4"}, {f"{path}.lokr_w1": (8, 8)})["algorithm"] == "lokr"
    dora = {f"{path}.lora_down.weight": (8, 320), f"{path}.dora_scale": (320, 1)}
    assert describe_lora({}, dora)["algorithm"] == "dora"


@pytest.mark.parametrize(
    ("text", "derivative"),
    [
        ("ponyDiffusionV6XL_v6StartWithThisOne.safetensors", "pony"),
        ("autismmixSDXL_autismmixPony", "pony"),
        ("Illustrious-XL-v0.1", "illustrious"),
        ("noobaiXLNAIXL_vPred10Version", "noobai"),
        ("illustrious merged into NoobAI", "noobai"),
        ("sd_xl_base_1.0", ""),
        ("epona", ""),
        ("", ""),
    ],
)
def test_branches_are_read_from_words_of_the_metadata(text: str, derivative: str) -> None:
    assert derivative_in(None, text) == derivative


def test_signs_that_no_database_keeps_are_left_out() -> None:
    told = describe_lora({"ss_sd_model_name": "a\0b\ud800c", "enogu_trigger": "None"}, lora_keys.sd15())
    assert (told["base_model"], told["trigger"]) == ("abc", None)
