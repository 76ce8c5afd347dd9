"""What would make a run fit a device (issue 4, item 2; issue 5, item 5)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.recipe import TrainRecipe, plan_training, recipe_from_values
from enogu.recipe.memory import estimate_memory
from enogu.recipe.memory_cures import MemoryWish, Place, after_running_out, fit_memory
from enogu.recipe.plan import PictureSize
from enogu.recipe.values import with_changes

GIB = 2**30
CARD = Place(on_graphics_card=True, has_adamw8bit=True)
SDXL: dict[str, Any] = {
    "pictures": {"resolution": 1024},
    "training": {"batch_size": 4, "gradient_accumulation": 2},
    "adapter": {"dim": 128, "alpha": 64.0},
    "previews": {"prompts": ["zdm, smile"]},
}


def wish(family: str = "sdxl", values: dict[str, Any] | None = None, place: Place = CARD) -> MemoryWish:
    sizes = [PictureSize("a", 1024, 1024), PictureSize("b", 900, 1300), PictureSize("c", 640, 480)]
    return MemoryWish(recipe_from_values(SDXL if values is None else values), sizes, family, family, 24 * GIB, place)


def estimated(asked: MemoryWish, recipe: TrainRecipe) -> int:
    """By the whole plan, as a quote counts it."""
    plan = plan_training(recipe, asked.pictures)
    found = estimate_memory(
        recipe, plan, asked.figures, asked.base_bytes, on_graphics_card=asked.place.on_graphics_card
    )
    assert found is not None
    return found.total


def kinds(asked: MemoryWish, capacity: float) -> list[str]:
    return [cure.kinds[0] for cure in fit_memory(asked, round(capacity * GIB)).cures]


def test_a_run_that_fits_needs_no_cure() -> None:
    asked = wish()
    found = fit_memory(asked, asked.total_of(asked.recipe))
    assert (found.cures, found.together) == ((), None)


def test_the_cures_of_sdxl_come_with_the_least_harm_first() -> None:
    assert kinds(wish(), 12) == [
        "gradient_checkpointing", "smaller_batches", "adamw8bit", "fp8_base", "unet_only", "smaller_dim",
        "smaller_pictures",
    ]  # fmt: skip


def test_one_switch_that_costs_time_alone_is_all_that_is_changed_where_it_is_enough() -> None:
    values = {**SDXL, "training": {"batch_size": 1}, "adapter": {"dim": 16, "parts": "unet"}}
    together = fit_memory(wish(values=values), 12 * GIB).together
    assert together is not None
    assert (together.changes, together.fits) == ({"training.gradient_checkpointing": True}, True)


def test_smaller_batches_add_up_to_as_many_pictures_a_step() -> None:
    (cure,) = [one for one in fit_memory(wish(), 12 * GIB).cures if one.kinds == ("smaller_batches",)]
    assert cure.changes == {"training.batch_size": 1, "training.gradient_accumulation": 8}


def test_a_smaller_dim_keeps_its_strength() -> None:
    (cure,) = [one for one in fit_memory(wish(), 12 * GIB).cures if one.kinds == ("smaller_dim",)]
    assert cure.changes == {"adapter.dim": 32, "adapter.alpha": 16.0}


def test_what_cannot_run_on_the_device_is_not_offered() -> None:
    assert "adamw8bit" not in kinds(wish(place=Place(on_graphics_card=True)), 12)
    assert "fp8_base" not in kinds(wish(place=Place(on_graphics_card=True, has_fp8=False)), 12)
    assert "blocks_to_swap" in kinds(wish("flux", {"training": {"clip_skip": 2}}), 12)
    on_processor = Place(on_graphics_card=False)
    assert not {"blocks_to_swap", "half_precision"} & set(
        kinds(wish("flux", {"training": {"mixed_precision": "none"}}, on_processor), 12)
    )


def test_a_lora_that_is_trained_further_keeps_its_dim_and_its_parts() -> None:
    asked = wish(values={**SDXL, "start_from": "run:1/lora.safetensors"})
    assert not {"smaller_dim", "unet_only"} & set(kinds(asked, 8))


def test_captions_that_stay_the_same_let_the_text_encoders_go() -> None:
    values = {
        "training": {"batch_size": 4},
        "adapter": {"parts": "unet"},
        "captions": {"shuffle": True, "keep_tokens": 3, "dropout_rate": 0.1},
    }
    cures = fit_memory(wish(values=values), 4 * GIB).cures
    (cure,) = [one for one in cures if one.kinds == ("captions_read_once",)]
    assert cure.changes == {"captions.shuffle": False, "captions.dropout_rate": 0.0, "captions.keep_tokens": 1}


def test_where_nothing_is_enough_it_is_said_with_everything_that_helps() -> None:
    together = fit_memory(wish(), 2 * GIB).together
    assert together is not None
    assert not together.fits
    assert together.total > 2 * GIB
    assert {"fp8_base", "smaller_pictures"} <= set(together.kinds)


def test_of_a_base_model_without_figures_nothing_is_said() -> None:
    asked = MemoryWish(recipe_from_values({}), [PictureSize("a", 512, 512)], "sd15", "sd15", 10_000, CARD)
    assert fit_memory(asked, 1).together is None
    assert after_running_out(asked, 1) is None


def test_after_memory_ran_out_the_next_try_needs_less_than_the_one_with_checkpointing() -> None:
    """The engine switches checkpointing on by itself, so the same again would end the same."""
    asked = wish()
    cure = after_running_out(asked, None)
    assert cure is not None
    tried = with_changes(asked.recipe, {"training.gradient_checkpointing": True})
    assert cure.total <= 0.85 * estimated(asked, tried) + 1
    assert cure.changes["training.gradient_checkpointing"] is True
    for_card = after_running_out(asked, 10 * GIB)
    assert for_card is not None
    assert for_card.fits
    assert for_card.total <= 10 * GIB


def recipes(family: str) -> st.SearchStrategy[dict[str, Any]]:
    training: dict[str, Any] = {
        "batch_size": st.integers(1, 12),
        "gradient_accumulation": st.integers(1, 4),
        "gradient_checkpointing": st.booleans(),
        "fp8_base": st.booleans(),
        "mixed_precision": st.sampled_from(["none", "fp16", "bf16"]),
    }
    if family == "flux":
        training["blocks_to_swap"] = st.integers(0, 35)
    return st.fixed_dictionaries(
        {
            "pictures": st.fixed_dictionaries(
                {"resolution": st.sampled_from([256, 512, 768, 1024, 1536])},
                optional={"min_bucket": st.sampled_from([64, 256]), "no_upscale": st.booleans()},
            ),
            "training": st.fixed_dictionaries(training),
            "adapter": st.fixed_dictionaries(
                {"kind": st.sampled_from(["lora", "locon", "loha", "lokr", "dora"]), "dim": st.integers(1, 128),
                 "parts": st.sampled_from(["unet", "unet_and_text_encoder"])},
                optional={"alpha": st.just(1.0)},
            ),
            "captions": st.fixed_dictionaries(
                {"shuffle": st.just(True)}, optional={"keep_tokens": st.integers(0, 4), "dropout_rate": st.just(0.1)}
            ),
            "optimizer": st.sampled_from(
                [{"kind": "adamw"}, {"kind": "adamw", "text_encoder_learning_rate": 1e-5, "beta1": 0.8},
                 {"kind": "prodigy"}]
            ),
            "previews": st.sampled_from([{}] if family == "flux" else [{}, {"prompts": ["a"], "width": 2048}]),
        }
    )  # fmt: skip


@pytest.mark.parametrize("family", ["starter", "sd15", "sdxl", "flux"])
@given(data=st.data())
def test_each_cure_lowers_the_estimate_and_what_is_offered_together_fits_or_says_that_nothing_does(
    family: str, data: st.DataObject
) -> None:
    values = data.draw(recipes(family))
    if values["adapter"]["parts"] == "unet":
        values["optimizer"] = {k: v for k, v in values["optimizer"].items() if k != "text_encoder_learning_rate"}
    place = Place(
        on_graphics_card=data.draw(st.booleans()),
        has_fp8=data.draw(st.booleans()),
        has_adamw8bit=data.draw(st.booleans()),
    )
    asked = wish(family, values, place)
    before = estimated(asked, asked.recipe)
    capacity = round(before * data.draw(st.floats(0.05, 0.999)))
    found = fit_memory(asked, capacity)
    for cure in found.cures:
        cured = with_changes(asked.recipe, cure.changes)  # refuses what contradicts itself
        assert estimated(asked, cured) == cure.total < before
        assert cure.fits == (cure.total <= capacity)
    if found.cures:
        assert found.together is not None
    if found.together is not None:
        together = with_changes(asked.recipe, found.together.changes)
        assert estimated(asked, together) == found.together.total < before
        assert found.together.fits == (found.together.total <= capacity)
        assert found.together.fits or not any(cure.fits for cure in found.cures)
        for cure in found.cures:  # what is left out is not needed, what is in is
            assert found.together.fits or cure.total >= found.together.total
