"""Flux' transformer with fused layers answers as diffusers' does; Kohya's names at its real width (facts 2b)."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from enogu.engine.families import load_base_model
from enogu.engine.families.flux.keys import t5_targets, transformer_targets
from enogu.engine.families.flux.network import fuse
from enogu.engine.families.flux.predict import patch_places
from enogu.engine.families.unet import text_encoder_targets
from enogu.engine.memory import choose_compute
from enogu.errors import BaseModelRefused
from tests.tiny_flux import tiny_transformer, write_flux_file


def _inputs(batch: int = 2) -> dict[str, Any]:
    chance = torch.Generator().manual_seed(3)
    return {
        "hidden_states": torch.randn(batch, 12, 64, generator=chance),
        "encoder_hidden_states": torch.randn(batch, 5, 24, generator=chance),
        "pooled_projections": torch.randn(batch, 32, generator=chance),
        "timestep": torch.tensor([0.3, 0.9])[:batch],
        "guidance": torch.full((batch,), 3.5),
        "img_ids": patch_places(3, 4),
        "txt_ids": torch.zeros(5, 3),
        "return_dict": False,
    }


def test_the_fused_transformer_answers_as_diffusers_does() -> None:
    torch.manual_seed(1)
    theirs = tiny_transformer().eval()
    ours = fuse(copy.deepcopy(theirs))
    with torch.inference_mode():
        torch.testing.assert_close(ours(**_inputs())[0], theirs(**_inputs())[0], rtol=1e-4, atol=1e-5)


def test_a_single_file_has_the_numbers_it_was_written_with(networks: dict[str, Any], tmp_path: Path) -> None:
    base = load_base_model(write_flux_file(tmp_path / "豆.safetensors", networks), choose_compute("none", "cpu"))
    assert (base.family.name, base.name, base.guidance) == ("flux", "豆", "told")
    assert (base.scaling_factor, base.shift_factor) == pytest.approx((0.3611, 0.1159))
    assert not any(p.is_meta for network in base.networks.values() for p in network.parameters())
    with torch.inference_mode():
        theirs = networks["transformer"].eval()(**_inputs())[0]
        torch.testing.assert_close(base.networks["unet"](**_inputs())[0], theirs, rtol=1e-4, atol=1e-5)
        ids = torch.tensor([[5, 6, 7, 1]])
        torch.testing.assert_close(
            base.networks["text_encoder_2"](ids).last_hidden_state,
            networks["text_encoder_2"].eval()(ids).last_hidden_state,
        )
        pixels = torch.rand(1, 3, 32, 32)
        mean, _ = base.family.encode_pictures(base, pixels)
        torch.testing.assert_close(mean, networks["vae"].eval().encode(pixels).latent_dist.mean)


def test_without_t5s_tokenizer_it_says_what_to_copy_where(networks: dict[str, Any], tmp_path: Path) -> None:
    path = write_flux_file(tmp_path / "x.safetensors", networks)
    (tmp_path / "tokenizer_2" / "tokenizer.json").unlink()
    with pytest.raises(BaseModelRefused, match="T5's tokenizer") as refused:
        load_base_model(path, choose_compute("none", "cpu"))
    assert "tokenizer_2" in refused.value.cure


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("text_encoders.t5xxl.", "it has no T5"),
        ("vae.", "it has no VAE"),
        ("model.diffusion_model.single_blocks.1.linear2", "transformer .* is missing"),
    ],
)
def test_what_lacks_a_part_is_refused_with_its_name(
    networks: dict[str, Any], tmp_path: Path, start: str, words: str
) -> None:
    path = write_flux_file(tmp_path / "x.safetensors", networks)
    save_file({name: tensor for name, tensor in load_file(path).items() if not name.startswith(start)}, path)
    with pytest.raises(BaseModelRefused, match=words):
        load_base_model(path, choose_compute("none", "cpu"))


def test_a_real_flux_has_304_and_72_and_168_targets_with_exactly_kohyas_names() -> None:
    with torch.device("meta"):
        transformer = FluxTransformer2DModel(guidance_embeds=True)
        clip = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12))
        t5 = T5EncoderModel(
            T5Config(d_model=4096, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu")
        )
        found = [*transformer_targets(fuse(transformer)), *text_encoder_targets(clip, "lora_te1_"), *t5_targets(t5)]
    double = [
        f"{side}_{layer}" for side in ("img", "txt") for layer in ("attn_qkv", "attn_proj", "mlp_0", "mlp_2", "mod_lin")
    ]
    wanted = {f"lora_unet_double_blocks_{n}_{layer}" for n in range(19) for layer in double}
    wanted |= {f"lora_unet_single_blocks_{n}_{x}" for n in range(38) for x in ("linear1", "linear2", "modulation_lin")}
    assert len(wanted) == 304
    parts = [*(f"self_attn_{name}_proj" for name in ("q", "k", "v", "out")), "mlp_fc1", "mlp_fc2"]
    wanted |= {f"lora_te1_text_model_encoder_layers_{n}_{part}" for n in range(12) for part in parts}
    in_t5 = [*(f"0_SelfAttention_{x}" for x in "qkvo"), *(f"1_DenseReluDense_{x}" for x in ("wi_0", "wi_1", "wo"))]
    wanted |= {f"lora_te3_encoder_block_{n}_layer_{x}" for n in range(24) for x in in_t5}
    assert {target.key for target in found} == wanted
    assert len(found) == 304 + 72 + 168
    widths = {target.key: (target.num_in, target.num_out) for target in found}
    assert widths["lora_unet_double_blocks_0_img_attn_qkv"] == (3072, 9216)
    assert widths["lora_unet_single_blocks_37_linear1"] == (3072, 21504)
