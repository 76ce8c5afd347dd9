"""Kohya's module set and names on a real, full-width SD1.5 built without memory (facts/trainers.md 2b; issue 2, 4)."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from enogu.engine.adapters.kinds import to_file
from enogu.engine.adapters.lora import Target
from enogu.engine.families.sd15.keys import unet_targets
from enogu.engine.families.unet import text_encoder_targets
from tests.unit.engine.tiny_run import plain_lora

KNOWN = (
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_out_0",
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_0_proj",
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_2",
    "lora_unet_down_blocks_0_attentions_0_proj_in",
    "lora_unet_down_blocks_0_attentions_0_proj_out",
    "lora_unet_down_blocks_2_attentions_1_transformer_blocks_0_attn2_to_k",
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v",
    "lora_unet_up_blocks_1_attentions_0_proj_in",
    "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_attn2_to_out_0",
    "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
    "lora_te_text_model_encoder_layers_0_self_attn_k_proj",
    "lora_te_text_model_encoder_layers_0_self_attn_v_proj",
    "lora_te_text_model_encoder_layers_11_self_attn_out_proj",
    "lora_te_text_model_encoder_layers_11_mlp_fc1",
    "lora_te_text_model_encoder_layers_11_mlp_fc2",
)


@pytest.fixture(scope="module")
def sd15_targets() -> list[Target]:
    """The targets of SD1.5's own shapes; on the meta device, so that they take no memory."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=64,
            block_out_channels=(320, 640, 1280, 1280),
            layers_per_block=2,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            cross_attention_dim=768,
            attention_head_dim=8,
        )
        text_encoder = CLIPTextModel(_clip_vit_l())
    return [*unet_targets(unet), *text_encoder_targets(text_encoder)]


def test_a_real_sd15_has_192_and_72_targets(sd15_targets: list[Target]) -> None:
    assert len([target for target in sd15_targets if target.part == "unet"]) == 192
    assert len([target for target in sd15_targets if target.part == "text_encoder"]) == 72
    assert len({target.key for target in sd15_targets}) == 264


@pytest.mark.parametrize("key", KNOWN)
def test_a_known_kohya_name_is_there(sd15_targets: list[Target], key: str) -> None:
    assert key in {target.key for target in sd15_targets}


def test_the_names_are_exactly_kohyas(sd15_targets: list[Target]) -> None:
    """All 264, put together from the architecture and not from the networks."""
    blocks = [f"down_blocks_{i}_attentions_{j}" for i in range(3) for j in range(2)]
    blocks += ["mid_block_attentions_0"]
    blocks += [f"up_blocks_{i}_attentions_{j}" for i in range(1, 4) for j in range(3)]
    inner = [f"attn{n}_to_{what}" for n in (1, 2) for what in ("q", "k", "v", "out_0")] + ["ff_net_0_proj", "ff_net_2"]
    layers = ["proj_in", *(f"transformer_blocks_0_{name}" for name in inner), "proj_out"]
    wanted = {f"lora_unet_{block}_{layer}" for block in blocks for layer in layers}
    parts = [*(f"self_attn_{name}_proj" for name in ("q", "k", "v", "out")), "mlp_fc1", "mlp_fc2"]
    wanted |= {f"lora_te_text_model_encoder_layers_{n}_{part}" for n in range(12) for part in parts}
    assert {target.key for target in sd15_targets} == wanted


def test_shapes_in_the_file_are_kohyas_with_proj_in_and_proj_out_in_four_dimensions(
    sd15_targets: list[Target],
) -> None:
    tensors = to_file(sd15_targets, plain_lora(sd15_targets, 1, 1.0, 0), torch.float16)
    up_block = "lora_unet_up_blocks_1_attentions_0"
    assert tensors[f"{up_block}_proj_in.lora_down.weight"].shape == (1, 1280, 1, 1)
    assert tensors[f"{up_block}_proj_out.lora_up.weight"].shape == (1280, 1, 1, 1)
    assert tensors[f"{up_block}_transformer_blocks_0_attn2_to_k.lora_down.weight"].shape == (1, 768)
    assert tensors[f"{up_block}_transformer_blocks_0_ff_net_0_proj.lora_up.weight"].shape == (10240, 1)
    fc1 = "lora_te_text_model_encoder_layers_3_mlp_fc1"
    assert tensors[f"{fc1}.lora_up.weight"].shape == (3072, 1)
    assert tensors[f"{fc1}.alpha"].shape == ()
    assert len([name for name, tensor in tensors.items() if tensor.ndim == 4]) == 2 * 2 * 16


def test_names_are_the_same_with_and_without_the_text_model_wrapper() -> None:
    """transformers 5 dropped it from CLIPTextModel and kept it in CLIPTextModelWithProjection (facts/stack.md D)."""
    with torch.device("meta"):
        plain = CLIPTextModel(_clip_vit_l(layers=2))
        wrapped = CLIPTextModelWithProjection(_clip_vit_l(layers=2))
    assert [t.key for t in text_encoder_targets(plain)] == [t.key for t in text_encoder_targets(wrapped)]
    assert len(text_encoder_targets(plain)) == 12


def test_a_target_hangs_where_it_says(sd15_targets: list[Target]) -> None:
    for target in sd15_targets:
        assert target.parent._modules[target.name] is target.layer
        assert isinstance(target.layer, (nn.Linear, nn.Conv2d))


def _clip_vit_l(layers: int = 12) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=layers,
        num_attention_heads=12,
        projection_dim=768,
        hidden_act="quick_gelu",
    )
