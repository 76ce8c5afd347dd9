"""Which recipe is meant, and what wins over what."""

from __future__ import annotations

from pathlib import Path

import pytest

from enogu.cli.demo import NUM_EPOCHS, NUM_STEPS, PROMPT_LABELS, PROMPTS, demo_recipe
from enogu.cli.recipes import RecipeWish, choose_recipe
from enogu.errors import RecipeRefused, WrongUse
from enogu.presets import preset_names, preset_path, preset_purpose, preset_title
from enogu.recipe import PictureSize, load_recipe, plan_training, recipe_to_toml


def test_the_starter_has_a_preset_of_its_own_and_other_base_models_another() -> None:
    assert choose_recipe(RecipeWish(base="starter")).recipe.pictures.resolution == 128
    assert choose_recipe(RecipeWish()).recipe.pictures.resolution == 128
    assert choose_recipe(RecipeWish(base="my_base")).recipe.pictures.resolution == 512


def test_a_file_a_preset_and_settings_win_in_that_order(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('trigger = "from file"\n[training]\nepochs = 3\nbatch_size = 4\n', encoding="utf-8")
    wish = RecipeWish(base="my_base", trigger="said", recipe_file=file, settings=("training.epochs=5",))
    recipe = choose_recipe(wish).recipe
    assert (recipe.base_model, recipe.trigger) == ("my_base", "said")
    assert (recipe.training.epochs, recipe.training.batch_size) == (5, 4)
    with pytest.raises(WrongUse, match="--recipe and --preset"):
        choose_recipe(RecipeWish(recipe_file=file, preset="starter_character_cpu"))


def test_the_files_are_named_after_the_trigger_unless_something_names_them(tmp_path: Path) -> None:
    named = tmp_path / "named.toml"
    named.write_text('output_name = "own"\n', encoding="utf-8")
    assert choose_recipe(RecipeWish(trigger="mame")).recipe.output_name == "mame"
    assert choose_recipe(RecipeWish(trigger="mame", name="other")).recipe.output_name == "other"
    assert choose_recipe(RecipeWish(trigger="mame", recipe_file=named)).recipe.output_name == "own"
    assert choose_recipe(RecipeWish(trigger="mame", settings=("output_name=set",))).recipe.output_name == "set"
    assert choose_recipe(RecipeWish()).recipe.output_name == "lora"


def test_the_repeats_of_a_folders_name_win_over_a_preset_nobody_asked_for() -> None:
    """D1: 5_mame means five, whatever the preset for the starter says."""
    assert choose_recipe(RecipeWish(), folder_has_repeats=True).recipe.pictures.repeats is None
    asked = RecipeWish(preset="starter_character_cpu")
    assert choose_recipe(asked, folder_has_repeats=True).recipe.pictures.repeats == 20
    assert choose_recipe(RecipeWish(), folder_has_repeats=False).recipe.pictures.repeats == 20


def test_a_resumed_run_uses_its_own_recipe(tmp_path: Path) -> None:
    first = choose_recipe(RecipeWish(trigger="mame", settings=("adapter.dim=4", "adapter.alpha=2"))).recipe
    kept = tmp_path / "recipe.toml"
    kept.write_text(recipe_to_toml(first), encoding="utf-8")
    assert choose_recipe(RecipeWish(), resumed=kept).recipe == first
    assert choose_recipe(RecipeWish(trigger="mame"), resumed=kept).recipe == first


@pytest.mark.parametrize("text", ['say "mame"', "it's", "C:\\folder", "絵の具", "a=b", "[x]"])
def test_words_reach_the_recipe_whatever_signs_they_hold(text: str) -> None:
    assert choose_recipe(RecipeWish(trigger=text, name="x")).recipe.trigger == text


def test_every_problem_of_the_settings_is_named_at_once() -> None:
    with pytest.raises(RecipeRefused) as refused:
        choose_recipe(RecipeWish(settings=("training.epoch=3", "adapter.dim=0")))
    assert {"training.epoch", "adapter.dim"} <= {problem.path for problem in refused.value.problems}


def test_every_preset_has_a_title_says_what_it_is_for_and_is_a_sound_recipe() -> None:
    assert preset_names()
    for name in preset_names():
        assert preset_purpose(name).endswith(".")
        assert preset_title(name)[:1].isupper() and not preset_title(name).endswith(".")
        load_recipe(preset_path(name))


def test_an_unknown_preset_is_answered_with_the_known_ones() -> None:
    with pytest.raises(WrongUse, match="Did you mean 'starter_character_cpu'"):
        preset_path("starter_character_gpu")


def test_the_demo_is_as_long_as_it_says() -> None:
    """Section 6 of the issue: 7 pictures, 700 steps, 10 epochs, dim 16, three prompts."""
    recipe = demo_recipe("starter")
    plan = plan_training(recipe, [PictureSize(str(number), 512, 512, 20) for number in range(7)])
    assert (plan.num_steps, plan.num_epochs, recipe.adapter.dim) == (NUM_STEPS, NUM_EPOCHS, 16)
    assert len(PROMPTS) == len(PROMPT_LABELS) == len(recipe.previews.prompts) == 3
    assert [recipe.trigger in prompt for prompt in PROMPTS] == [True, True, False]
