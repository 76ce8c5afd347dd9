"""Kohya's module set and names on a real, full-width SDXL built without memory (facts/trainers.md 2b)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from enogu.engine.adapters.lora import Target
from enogu.engine.families.placed_layers import layers_in_file, layers_in_folder
from enogu.engine.families.sdxl.keys import conv_targets, unet_targets
from enogu.engine.families.unet import ldm_path, text_encoder_targets
from tests.ldm_file import ldm_unet_name


@pytest.fixture(scope="module")
def unet() -> UNet2DConditionModel:
    """SDXL's own shapes on the meta device."""
    with torch.device("meta"):
        return UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            layers_per_block=2,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2, 10),  # pyright: ignore[reportArgumentType]
            cross_attention_dim=2048,
            attention_head_dim=(5, 10, 20),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
        )


@pytest.fixture(scope="module")
def sdxl_targets(unet: UNet2DConditionModel) -> list[Target]:
    with torch.device("meta"):
        clip_l = CLIPTextModel(_text_config(768, 3072, 12))
        big_g = CLIPTextModelWithProjection(_text_config(1280, 5120, 32))
    first, second = text_encoder_targets(clip_l, "lora_te1_"), text_encoder_targets(big_g, "lora_te2_")
    return [*unet_targets(unet), *first, *second]


def test_a_real_sdxl_has_722_and_72_and_192_targets(sdxl_targets: list[Target]) -> None:
    beginnings = ("lora_unet_", "lora_te1_", "lora_te2_")
    assert [sum(t.key.startswith(beginning) for t in sdxl_targets) for beginning in beginnings] == [722, 72, 192]
    assert len({target.key for target in sdxl_targets}) == len(sdxl_targets) == 986


def test_the_names_are_exactly_kohyas(sdxl_targets: list[Target]) -> None:
    """All 986, put together from the architecture and not from the networks."""
    blocks = {f"input_blocks_{n}_1": 2 for n in (4, 5)} | {f"input_blocks_{n}_1": 10 for n in (7, 8)}
    blocks |= {"middle_block_1": 10}
    blocks |= {f"output_blocks_{n}_1": 10 for n in (0, 1, 2)} | {f"output_blocks_{n}_1": 2 for n in (3, 4, 5)}
    inner = [f"attn{n}_to_{what}" for n in (1, 2) for what in ("q", "k", "v", "out_0")] + ["ff_net_0_proj", "ff_net_2"]
    wanted = {f"lora_unet_{block}_{end}" for block in blocks for end in ("proj_in", "proj_out")}
    for block, depth in blocks.items():
        wanted |= {f"lora_unet_{block}_transformer_blocks_{n}_{name}" for n in range(depth) for name in inner}
    parts = [*(f"self_attn_{name}_proj" for name in ("q", "k", "v", "out")), "mlp_fc1", "mlp_fc2"]
    for beginning, layers in (("lora_te1", 12), ("lora_te2", 32)):
        wanted |= {f"{beginning}_text_model_encoder_layers_{n}_{part}" for n in range(layers) for part in parts}
    assert {target.key for target in sdxl_targets} == wanted


def test_te1_is_clip_l_and_te2_is_big_g(sdxl_targets: list[Target]) -> None:
    """The order that sd-scripts' own documentation has the wrong way round."""
    widths = {target.key: target.num_in for target in sdxl_targets}
    assert widths["lora_te1_text_model_encoder_layers_0_self_attn_q_proj"] == 768
    assert widths["lora_te2_text_model_encoder_layers_31_self_attn_q_proj"] == 1280


def test_projections_into_and_out_of_attention_are_two_dimensional(sdxl_targets: list[Target]) -> None:
    assert not any(target.is_conv for target in sdxl_targets)


def test_every_tensor_of_the_unet_has_stabilitys_name(unet: UNet2DConditionModel) -> None:
    """Convolutions, norms and samplers too; against the mapping of the tests, which was written apart."""
    for name in unet.state_dict():
        path, _, kind = name.rpartition(".")
        assert f"{ldm_path(path)}.{kind}" == ldm_unet_name(name, (0, 1))


def test_the_layers_of_convolutional_blocks_have_exactly_kohyas_names(unet: UNet2DConditionModel) -> None:
    """LoCon's at full width: 17 residual blocks of three layers, of four where widths change, and four samplers."""
    convolutional = conv_targets(SimpleNamespace(networks={"unet": unet}))  # pyright: ignore[reportArgumentType]
    blocks = {f"input_blocks_{n}_0": n in (4, 7) for n in (1, 2, 4, 5, 7, 8)}
    blocks |= {"middle_block_0": False, "middle_block_2": False}
    blocks |= {f"output_blocks_{n}_0": True for n in range(9)}  # each takes what its twin on the way down put by
    wanted = {f"lora_unet_{b}_{end}" for b in blocks for end in ("in_layers_2", "emb_layers_1", "out_layers_3")}
    wanted |= {f"lora_unet_{block}_skip_connection" for block, widens in blocks.items() if widens}
    wanted |= {f"lora_unet_input_blocks_{n}_0_op" for n in (3, 6)}
    wanted |= {f"lora_unet_output_blocks_{n}_2_conv" for n in (2, 5)}
    assert {target.key for target in convolutional} == wanted
    assert len(convolutional) == len(wanted) == 17 * 3 + 11 + 4


def test_every_layer_has_its_place_in_a_file_and_in_a_folder(
    unet: UNet2DConditionModel, sdxl_targets: list[Target]
) -> None:
    convolutional = conv_targets(SimpleNamespace(networks={"unet": unet}))  # pyright: ignore[reportArgumentType]
    wanted = {t.key: tuple(t.shape) for t in [*sdxl_targets, *convolutional] if t.part == "unet"}
    shapes = {name: tuple(tensor.shape) for name, tensor in unet.state_dict().items()}
    in_folder = layers_in_folder("sdxl", {f"unet/{name}": shape for name, shape in shapes.items()})
    in_file = layers_in_file(
        "sdxl", {f"model.diffusion_model.{ldm_unet_name(name, (0, 1))}": shape for name, shape in shapes.items()}
    )
    for placed in (in_folder, in_file):
        found = {layer.key: layer.shape for layer in placed}
        assert {key: found.get(key) for key in wanted} == wanted


def _text_config(width: int, inner: int, layers: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        projection_dim=width,
    )
