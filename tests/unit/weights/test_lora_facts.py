"""What a LoRA's header tells, with metadata missing, false or damaged (H of the product page)."""

from __future__ import annotations

import pytest

from enogu.weights.lora_facts import describe_lora, guess_family, top_tags
from enogu.weights.lora_layouts import Shape

ATTENTION = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


def lora(width: int = 768, dim: int = 16) -> dict[str, Shape]:
    """One U-Net and one text-encoder layer in Kohya's names."""
    return {
        f"{ATTENTION}.lora_down.weight": (dim, width),
        f"{ATTENTION}.lora_up.weight": (320, dim),
        f"{ATTENTION}.alpha": (),
        "lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (dim, 768),
    }


@pytest.mark.parametrize(("width", "family"), [(768, "sd15"), (1024, "sd2"), (2048, "sdxl"), (256, "sd15")])
def test_the_family_follows_from_how_wide_the_text_states_are(width: int, family: str) -> None:
    assert guess_family(lora(width)) == family


def test_other_families_are_known_by_their_keys() -> None:
    assert guess_family({"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (8, 1280)}) == "sdxl"
    assert guess_family({"lora_unet_double_blocks_0_img_attn_proj.lora_down.weight": (8, 3072)}) == "flux"
    assert guess_family({"something_else.lora_down.weight": (8, 8)}) == "unknown"


def test_dim_and_alpha_come_from_the_tensors_whatever_the_metadata_says() -> None:
    told = describe_lora({"ss_network_dim": "128", "ss_network_alpha": "64"}, lora(dim=16), alphas=[8.0, 8.0])
    assert (told["dim"], told["alpha"], told["modules"]) == (16, 8, {"unet": 1, "text_encoder": 1})
    assert describe_lora({"ss_network_alpha": "64.0"}, lora())["alpha"] == 64
    assert describe_lora({}, lora(), alphas=[4.0, 8.0])["alpha"] == [4, 8]


def test_a_file_without_metadata_is_still_described() -> None:
    told = describe_lora({}, lora())
    assert (told["kind"], told["trigger"], told["top_tags"], told["pictures"]) == ("LoRA", None, {}, None)


@pytest.mark.parametrize("text", ["", "no json", "[]", "[" * 100_000, '{"a": 3}', '{"a": {"tag": "many"}}'])
def test_damaged_tag_counts_are_no_tags(text: str) -> None:
    assert top_tags({"ss_tag_frequency": text}) == {}


def test_tags_are_counted_over_all_folders() -> None:
    counts = '{"20_a": {"mame": 5, "smile": 1}, "10_b": {"mame": 2}}'
    assert list(top_tags({"ss_tag_frequency": counts}).items()) == [("mame", 7), ("smile", 1)]


def test_what_is_no_lora_is_said_to_be_none() -> None:
    assert describe_lora({}, {"conv.weight": (4, 4)}) == {"kind": "safetensors file without a LoRA", "num_tensors": 1}
