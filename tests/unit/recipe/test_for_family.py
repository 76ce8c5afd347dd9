"""What a family of base models has no use for is refused with its field and its cure (F29)."""

from __future__ import annotations

import pytest

from enogu.errors import RecipeRefused
from enogu.presets import preset_names, preset_path
from enogu.recipe import load_recipe, recipe_from_values, with_settings
from enogu.recipe.for_family import refuse_for_family

PLAIN = recipe_from_values({})


@pytest.mark.parametrize(
    ("family", "setting"),
    [
        ("flux", "noise.min_snr_gamma=5"),
        ("flux", "noise.offset=0.05"),
        ("flux", "noise.multires_iterations=6"),
        ("flux", "noise.prediction=v_prediction"),
        ("flux", "captions.weighted=true"),
        ("flux", "captions.max_token_length=225"),
        ("flux", 'previews.prompts=["a"]'),
        ("sd15", "training.train_t5=true"),
        ("sdxl", "training.train_t5=true"),
        ("sd15", "flow.shift=2"),
        ("sdxl", "flow.guidance=3.5"),
        ("sdxl", "training.clip_skip=1"),
    ],
)
def test_a_setting_of_another_family_is_refused_with_its_cure(family: str, setting: str) -> None:
    recipe = with_settings(PLAIN, [setting])
    with pytest.raises(RecipeRefused) as refused:
        refuse_for_family(recipe, family, family.upper())
    (problem,) = refused.value.problems
    assert problem.path == setting.partition("=")[0].replace("prompts", "sampler")
    assert problem.cure


def test_what_is_left_as_it_is_fits_every_family() -> None:
    for family in ("sd15", "sdxl", "flux", "sd2"):
        refuse_for_family(PLAIN, family, family)


def test_every_preset_fits_the_family_that_it_is_named_after() -> None:
    for name in preset_names():
        family = name.partition("_")[0].replace("starter", "sd15")
        refuse_for_family(load_recipe(preset_path(name)), family, family)
