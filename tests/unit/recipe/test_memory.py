"""What a run needs in memory, said before it starts (issue 5, section 5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.recipe import plan_training, recipe_from_values
from enogu.recipe.memory import (
    DOUBLE_BLOCK,
    SINGLE_BLOCK,
    T5_BLOCK,
    T5_EMBEDDINGS,
    MemoryEstimate,
    estimate_memory,
)
from enogu.recipe.plan import PictureSize

GIB = 2**30
REAL = 20 * GIB
"""Of a base model's file; anything from a network's real size on."""


def estimate(family: str = "sd15", *, on_card: bool = True, base_bytes: int = REAL, **values: Any) -> MemoryEstimate:
    recipe = recipe_from_values(values)
    plan = plan_training(recipe, [PictureSize("a", 1024, 1024)])
    found = estimate_memory(recipe, plan, family, base_bytes, on_graphics_card=on_card)
    assert found is not None
    return found


def at(side: int, **training: Any) -> dict[str, Any]:
    return {
        "pictures": {"resolution": side},
        "training": {"batch_size": 1, **training},
        "adapter": {"dim": 16, "parts": "unet"},
    }


def test_sdxl_at_1024_needs_a_card_of_16_gb_and_with_checkpointing_one_of_12() -> None:
    """As people who train it report."""
    plain, checkpointed = estimate("sdxl", **at(1024)), estimate("sdxl", **at(1024, gradient_checkpointing=True))
    assert 12 * GIB < plain.total < 16 * GIB
    assert 7 * GIB < checkpointed.total < 12 * GIB


def test_sd15_at_512_fits_a_card_of_6_gb_and_flux_does_not_fit_24_without_more() -> None:
    assert estimate("sd15", **at(512)).total < 6 * GIB
    assert estimate("flux", **at(512)).total > 24 * GIB


@pytest.mark.parametrize("family", ["starter", "sd15", "sdxl", "flux"])
@given(data=st.data())
def test_nothing_that_asks_for_more_needs_less(family: str, data: st.DataObject) -> None:
    values: dict[str, Any] = {
        "pictures": {"resolution": data.draw(st.sampled_from([256, 512, 1024]))},
        "training": {"batch_size": data.draw(st.integers(1, 8)), "gradient_checkpointing": data.draw(st.booleans())},
        "adapter": {"dim": data.draw(st.integers(1, 128)), "parts": "unet"},
    }
    before = estimate(family, **values).total
    section, name = data.draw(
        st.sampled_from([("pictures", "resolution"), ("training", "batch_size"), ("adapter", "dim")])
    )
    values[section][name] *= 2
    assert estimate(family, **values).total >= before
    values["training"]["gradient_checkpointing"] = False
    assert estimate(family, **values).total >= before
    assert estimate(family, on_card=False, **values).total > before


def test_optimizers_that_keep_more_of_each_number_need_more() -> None:
    kinds = ("adafactor", "adamw8bit", "lion", "adamw", "dadaptation", "prodigy")
    totals = [estimate(optimizer={"kind": kind}, adapter={"dim": 128}).adapter for kind in kinds]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1] / 2


@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux"])
def test_each_kind_of_adapter_needs_what_was_measured_beside_a_lora(family: str) -> None:
    """A DoRA keeps each layer's output, a LoHa makes its change of a weight whole, a LoKr has few numbers."""
    of = {
        kind: estimate(
            family,
            on_card=False,
            adapter={"kind": kind, "dim": 16, "parts": "unet", **({} if kind == "lora" else {"conv_dim": 0})},
            training={"batch_size": 8},
        )
        for kind in ("lora", "loha", "lokr", "dora")
    }
    assert 1.3 * of["lora"].passes < of["dora"].passes < 1.65 * of["lora"].passes
    assert of["lora"].passes < of["loha"].passes < of["lora"].passes + 1.2 * GIB
    assert of["lokr"].adapter < of["lora"].adapter < of["dora"].adapter < of["loha"].adapter == 2 * of["lora"].adapter
    blocks = {"sd15": 25, "sdxl": 23, "flux": 57}[family]
    largest = ",".join(["1"] * (blocks - 1) + ["32"])
    by_block = estimate(family, adapter={"dim": 16, "parts": "unet", "block_dims": largest})
    assert by_block.adapter == 2 * of["lora"].adapter, "at the most: as if every block had the largest"


def test_of_a_base_model_that_is_smaller_than_its_family_nothing_is_said() -> None:
    recipe = recipe_from_values({})
    plan = plan_training(recipe, [PictureSize("a", 512, 512)])
    assert estimate_memory(recipe, plan, "sd15", 10_000_000, on_graphics_card=True) is None
    assert estimate_memory(recipe, plan, "sd2", REAL, on_graphics_card=True) is None


def test_flux_fits_a_card_of_24_gb_with_eight_bits_and_one_of_12_with_blocks_in_main_memory() -> None:
    """As people who train it with sd-scripts report (its README: 24, 16, 12 GB)."""
    checked = at(512, gradient_checkpointing=True)
    eight_bits = at(512, gradient_checkpointing=True, fp8_base=True)
    both = at(512, gradient_checkpointing=True, fp8_base=True, blocks_to_swap=18)
    assert estimate("flux", **checked).total > 22 * GIB
    assert 11 * GIB < estimate("flux", **eight_bits).total < 17 * GIB
    assert estimate("flux", **both).total < 12 * GIB


@given(st.integers(0, 34), st.booleans())
def test_each_block_that_waits_leaves_less_on_the_card_and_nothing_less_on_a_processor(count: int, fp8: bool) -> None:
    few, more = (estimate("flux", **at(512, fp8_base=fp8, blocks_to_swap=n)).weights for n in (count, count + 1))
    assert more < few or count == 0
    on_processor = [
        estimate("flux", on_card=False, **at(512, fp8_base=fp8, blocks_to_swap=n)).weights for n in (count, count + 1)
    ]
    assert on_processor[0] == on_processor[1]


def test_training_t5_costs_its_pass_and_its_adapter_and_random_crops_the_vae() -> None:
    """A pass of T5-XXL over 512 tokens holds 3.8 GiB, with gradient checkpointing a tenth of it."""
    both: dict[str, Any] = {"training": {"batch_size": 1}, "adapter": {"dim": 16}}
    for checkpointing, most in ((False, 4.2), (True, 0.7)):
        training = {"batch_size": 1, "gradient_checkpointing": checkpointing}
        plain = estimate("flux", **{**both, "training": training})
        with_t5 = estimate("flux", **{**both, "training": {**training, "train_t5": True}})
        assert 0.4 * GIB < with_t5.passes - plain.passes < most * GIB
        assert with_t5.adapter - plain.adapter == 16 * 16 * 1_818_624
    shown = {"pictures": {"resolution": 1024}, "adapter": {"parts": "unet"}}
    still, moving = (
        estimate("sdxl", **{**shown, "pictures": {"resolution": 1024, "random_crop": value}}) for value in (False, True)
    )
    assert moving.weights - still.weights == 4 * 83_653_863


def test_the_numbers_of_flux_blocks_are_the_networks_own() -> None:
    torch = pytest.importorskip("torch")
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

    with torch.device("meta"):
        network = FluxTransformer2DModel(num_layers=1, num_single_layers=1)
    sizes = [
        sum(parameter.numel() for parameter in blocks[0].parameters())
        for blocks in (network.transformer_blocks, network.single_transformer_blocks)
    ]
    assert sizes == [DOUBLE_BLOCK, SINGLE_BLOCK]


def test_the_numbers_of_t5_are_the_networks_own() -> None:
    torch = pytest.importorskip("torch")
    from transformers import T5Config, T5EncoderModel

    with torch.device("meta"):
        network = T5EncoderModel(
            T5Config(d_model=4096, d_ff=10240, num_heads=64, num_layers=2, vocab_size=32128,
                     feed_forward_proj="gated-gelu")
        )  # fmt: skip
    block = sum(parameter.numel() for parameter in network.encoder.block[1].parameters())
    assert (network.shared.weight.numel(), block) == (T5_EMBEDDINGS, T5_BLOCK)
