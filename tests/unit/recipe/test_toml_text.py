"""Recipes as files: what is written is read back equal; what cannot be read is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.errors import RecipeRefused, WrongUse
from enogu.presets import preset_names, preset_path
from enogu.recipe import TrainRecipe, load_recipe, parse_recipe, recipe_to_toml
from tests.strategies import recipes


@given(recipes(), st.booleans())
def test_a_recipe_written_and_read_back_is_the_same(recipe: TrainRecipe, explained: bool) -> None:
    """F32: recalled exactly."""
    text = recipe_to_toml(recipe, explained=explained)
    assert parse_recipe(text) == recipe
    assert recipe_to_toml(parse_recipe(text), explained=explained) == text


def test_an_explained_recipe_has_each_fields_sentence_above_it() -> None:
    """F31."""
    text = recipe_to_toml(TrainRecipe(), explained=True)
    assert "# How many pictures are looked at in one step. (1 to 256)\nbatch_size = 2" in text


def test_an_empty_file_is_the_default_recipe() -> None:
    assert parse_recipe("") == TrainRecipe()


def test_a_file_that_is_no_toml_is_refused_with_line_and_column() -> None:
    with pytest.raises(RecipeRefused, match="line 2"):
        parse_recipe("seed = 1\nepochs 3\n")


def test_a_file_with_the_mark_that_notepad_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "レシピ 1.toml"
    path.write_bytes("\ufefftrigger = '豆'\r\n".encode())
    assert load_recipe(path).trigger == "豆"


@pytest.mark.parametrize(
    ("data", "words"),
    [("trigger = '豆'".encode("cp932"), "UTF-8"), (b"#" * 1_000_001, "too large")],
)
def test_a_file_that_cannot_be_a_recipe_is_refused_with_its_name(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(data)
    with pytest.raises(WrongUse, match=words) as refused:
        load_recipe(path)
    assert str(path) in str(refused.value)


def test_a_missing_file_and_a_folder_are_refused_with_their_name(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(WrongUse) as refused:
            load_recipe(path)
        assert str(path) in str(refused.value)


@pytest.mark.parametrize("path", [preset_path(name) for name in preset_names()], ids=lambda path: path.stem)
def test_every_shipped_preset_is_sound(path: Path) -> None:
    """F32. Named family_goal_hardware."""
    recipe = load_recipe(path)
    assert len(path.stem.split("_")) == 3
    assert recipe.trigger == "", "a preset serves any set"


def test_the_demo_preset_is_the_articles_run() -> None:
    """Ten epochs, batch of 2, 20 repeats: 7 pictures make 700 steps."""
    recipe = load_recipe(preset_path("starter_character_cpu"))
    assert recipe.base_model == "starter"
    assert (recipe.pictures.repeats, recipe.training.batch_size, recipe.training.epochs) == (20, 2, 10)
