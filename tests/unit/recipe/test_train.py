"""The recipe as a whole: defaults of product.md F, names of files, one trigger, contradictions (F29)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from enogu.errors import RecipeRefused
from enogu.recipe import TrainRecipe, recipe_from_values


def _refusals(values: dict[str, Any]) -> dict[str, str]:
    """{path: the message with its cure}."""
    with pytest.raises(RecipeRefused) as refused:
        recipe_from_values(values)
    assert all(problem.message and problem.cure for problem in refused.value.problems)
    return {problem.path: str(problem) for problem in refused.value.problems}


def test_the_defaults_are_those_of_the_product_page() -> None:
    """F3, F4, F5, F6, F7, F17, F24, F25."""
    recipe = TrainRecipe()
    assert recipe.training.batch_size == 2
    assert recipe.training.mixed_precision == "fp16"
    assert recipe.optimizer.unet_rate == recipe.optimizer.text_encoder_rate == 1e-4
    assert recipe.schedule.kind == "cosine_with_restarts"
    assert recipe.schedule.warmup_percent == 0
    assert recipe.captions.keep_tokens == 1
    assert recipe.training.clip_skip == 2
    assert recipe.saving.every_n_epochs == 1


def test_separate_rates_win_over_the_common_one() -> None:
    """F5."""
    recipe = recipe_from_values({"optimizer": {"learning_rate": 1e-3, "text_encoder_learning_rate": 5e-5}})
    assert (recipe.optimizer.unet_rate, recipe.optimizer.text_encoder_rate) == (1e-3, 5e-5)


def test_alpha_and_bucket_sides_follow_what_they_hang_on_unless_given() -> None:
    """F14, F28: at 1024 the longest side is 2048, so that 832x1216 exists."""
    recipe = recipe_from_values({"adapter": {"dim": 8}, "pictures": {"resolution": 1024}})
    assert recipe.adapter.alpha == 8
    assert (recipe.pictures.min_bucket, recipe.pictures.max_bucket) == (512, 2048)
    assert recipe_from_values({"pictures": {"resolution": 64}}).pictures.min_bucket == 64
    assert recipe_from_values({"adapter": {"dim": 8, "alpha": 4}}).adapter.alpha == 4


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TrainRecipe().training.epochs = 3  # pyright: ignore[reportAttributeAccessIssue] — the point of the test


CONTRADICTIONS: list[tuple[dict[str, Any], str, str]] = [
    ({"adapter": {"dim": 8, "alpha": 16}}, "adapter.alpha", "Set it to 8 or less"),
    ({"schedule": {"kind": "constant", "warmup_percent": 5}}, "schedule.warmup_percent", "constant_with_warmup"),
    ({"schedule": {"kind": "cosine", "cycles": 2}}, "schedule.cycles", 'schedule.kind to "cosine_with_restarts"'),
    ({"schedule": {"kind": "linear", "power": 2}}, "schedule.power", 'schedule.kind to "polynomial"'),
    (
        {"adapter": {"parts": "unet"}, "optimizer": {"text_encoder_learning_rate": 1e-4}},
        "optimizer.text_encoder_learning_rate",
        "Leave the rate out",
    ),
    (
        {"adapter": {"parts": "text_encoder"}, "optimizer": {"unet_learning_rate": 1e-4}},
        "optimizer.unet_learning_rate",
        "unet_and_text_encoder",
    ),
    ({"training": {"train_t5": True}, "adapter": {"parts": "unet"}}, "training.train_t5", "Leave it out"),
    (
        {"optimizer": {"kind": "adafactor", "relative_step": True}},
        "schedule.kind",
        'Set schedule.kind = "constant"',
    ),
    (
        {
            "optimizer": {"kind": "adafactor", "relative_step": True, "unet_learning_rate": 1e-3},
            "schedule": {"kind": "constant"},
        },
        "optimizer.unet_learning_rate",
        "relative_step = false",
    ),
    ({"optimizer": {"kind": "adafactor", "warmup_init": True}}, "optimizer.warmup_init", "relative_step = true"),
    ({"optimizer": {"kind": "prodigy", "learning_rate": 1e-4}}, "optimizer.learning_rate", "every rate is 1"),
    ({"captions": {"keep_tokens": 2}}, "captions.keep_tokens", "captions.shuffle = true"),
    ({"captions": {"dropout_rate": 1}, "trigger": "zdm"}, "trigger", "Lower captions.dropout_rate"),
    ({"captions": {"dropout_rate": 1, "shuffle": True}}, "captions.shuffle", "Lower captions.dropout_rate"),
    ({"captions": {"dropout_rate": 1, "tag_dropout_rate": 0.1}}, "captions.tag_dropout_rate", "leave this out"),
    ({"pictures": {"min_bucket": 1024, "max_bucket": 512}}, "pictures.min_bucket", "Exchange"),
    ({"pictures": {"min_bucket": 768}}, "pictures.min_bucket", "512 or less"),
    ({"pictures": {"max_bucket": 256, "min_bucket": 256}}, "pictures.max_bucket", "512 or more"),
    ({"pictures": {"resolution": 520}}, "pictures.resolution", "Use 512 or 576"),
    ({"pictures": {"resolution": 64, "bucket_step": 128}}, "pictures.bucket_step", "64 or less"),
    ({"pictures": {"no_upscale": True, "buckets": False}}, "pictures.no_upscale", "pictures.buckets = true"),
    ({"captions": {"dropout_every_n_epochs": 1, "shuffle": True}}, "captions.shuffle", "Raise captions.dropout_every"),
    ({"training": {"validate_every_n_epochs": 2}}, "training.validate_every_n_epochs", "Set training.validation_split"),
    ({"noise": {"random_offset": True}}, "noise.random_offset", "Set noise.offset"),
    ({"noise": {"adaptive_offset": 0.1}}, "noise.adaptive_offset", "Set noise.offset"),
    (
        {"noise": {"random_input_perturbation": True}},
        "noise.random_input_perturbation",
        "Set noise.input_perturbation",
    ),
    ({"noise": {"min_timestep": 500, "max_timestep": 500}}, "noise.min_timestep", "Lower it"),
    ({"noise": {"scale_v_loss": True, "prediction": "epsilon"}}, "noise.scale_v_loss", "v_prediction"),
    ({"noise": {"v_like_loss": 0.1, "prediction": "v_prediction"}}, "noise.v_like_loss", "Leave it out"),
    ({"noise": {"zero_terminal_snr": True, "prediction": "epsilon"}}, "noise.zero_terminal_snr", "v_prediction"),
    ({"noise": {"multires_discount": 0.5}}, "noise.multires_discount", "Set noise.multires_iterations"),
]


@pytest.mark.parametrize(("values", "path", "cure"), CONTRADICTIONS, ids=[row[1] for row in CONTRADICTIONS])
def test_a_contradiction_is_refused_with_its_field_and_cure(values: dict[str, Any], path: str, cure: str) -> None:
    """F29."""
    refusals = _refusals(values)
    assert list(refusals) == [path]
    assert cure in refusals[path]


@pytest.mark.parametrize(
    "values",
    [
        {"saving": {"every_n_epochs": 50}, "training": {"epochs": 10}},
        {"captions": {"keep_tokens": 3, "shuffle": True}},
        {"captions": {"keep_tokens": 3, "tag_dropout_rate": 0.1}},
        {"captions": {"keep_tokens": 0}},
        {"captions": {"dropout_rate": 1}},
        {"pictures": {"resolution": 520, "buckets": False}},
        {"pictures": {"no_upscale": True, "min_bucket": 768}},
        {"noise": {"multires_discount": 0.5, "multires_iterations": 6}},
        {"noise": {"offset": 0.05, "multires_iterations": 6}},
        {"adapter": {"parts": "unet"}, "optimizer": {"unet_learning_rate": 1e-4}},
        {"schedule": {"warmup_percent": 5}},
        {"schedule": {"kind": "constant"}},
    ],
)
def test_what_only_looks_like_a_contradiction_is_taken(values: dict[str, Any]) -> None:
    """Saving less often than the run is long is fine: the last epoch is always saved (F25)."""
    recipe_from_values(values)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".hidden",
        "..",
        "a/b",
        "a\\b",
        "C:x",
        "x?",
        "a\nb",
        "CON",
        "nul.txt",
        "Lpt1",
        "com9.a.b",
        "x.",
        "x ",
        "x.safetensors",
        "絵" * 80,
    ],
)
def test_a_name_that_some_system_cannot_open_is_refused(name: str) -> None:
    """B8: Windows' reserved names included, since files are shared."""
    assert list(_refusals({"output_name": name})) == ["output_name"]


@pytest.mark.parametrize("name", ["lora", "zdm-v1.2", "豆の妖精", "my lora", "console", "con-1", "a" * 200])
def test_ordinary_names_are_taken(name: str) -> None:
    assert recipe_from_values({"output_name": name}).output_name == name


@given(st.text(max_size=60))
def test_any_name_taken_stays_inside_its_folder(name: str) -> None:
    try:
        taken = recipe_from_values({"output_name": name}).output_name
    except RecipeRefused:
        return
    assert taken == name
    assert not set(taken) & set('/\\:*?"<>|\0\n')
    assert not taken.startswith(".") and not taken.endswith((".", " "))


@pytest.mark.parametrize("trigger", ["a, b", "a\nb", "a\tb", "x" * 101])
def test_a_trigger_is_one_tag(trigger: str) -> None:
    """D8."""
    assert list(_refusals({"trigger": trigger})) == ["trigger"]


def test_blanks_around_a_trigger_do_not_matter() -> None:
    assert recipe_from_values({"trigger": " zdm "}).trigger == "zdm"
