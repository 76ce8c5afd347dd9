"""Every field has what a hobbyist and a form need; the docs page is the fields' own words; the package is light."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.recipe import RecipeField, TrainRecipe, fields_at, parse_recipe, recipe_fields, recipe_to_toml
from enogu.recipe.fields import kinds_of_section
from enogu.recipe.reference import reference_page

DOCS = Path(__file__).parents[3] / "docs" / "recipe.md"
FLOOR = "from pydantic import BaseModel, Field, field_validator\nclass One(BaseModel):\n    x: int = 1\nOne()"


@pytest.mark.parametrize("field", recipe_fields(), ids=lambda field: f"{field.path}-{field.kind}")
def test_every_field_has_one_sentence_an_id_a_default_and_a_range(field: RecipeField) -> None:
    """F31: an illustrator reads it."""
    assert re.fullmatch(r"[A-Z][^.]*(\.\d[^.]*)*\.", field.sentence), "one sentence, with a full stop"
    assert len(field.sentence) <= 120
    assert re.fullmatch(r"[A-Z]\d+", field.product)
    assert field.default is not None or field.default_words
    if field.value_type in (int, float) and not field.choices:
        assert field.range_words


def test_every_section_and_every_setting_is_in_the_table_once() -> None:
    rows = [(field.path, field.kind) for field in recipe_fields()]
    assert len(rows) == len(set(rows))
    assert {path.partition(".")[0] for path, _ in rows} == set(TrainRecipe.model_fields)
    assert [field.kind for field in fields_at("schedule.cycles")] == ["cosine_with_restarts"]
    assert len(fields_at("schedule.warmup_percent")) == 5
    assert fields_at("schedule.nothing") == ()


def test_all_default_values_are_in_their_own_range() -> None:
    """pydantic does not check defaults: a recipe with all of them written out must be read back."""
    assert parse_recipe(recipe_to_toml(TrainRecipe())) == TrainRecipe()
    for section, kind in [("schedule", kind) for kind in kinds_of_section("schedule")]:
        recipe = parse_recipe(f'[{section}]\nkind = "{kind}"')
        assert parse_recipe(recipe_to_toml(recipe)) == recipe


@given(st.integers(8, 512).map(lambda steps: steps * 8))
def test_derived_bucket_sides_are_sound_at_every_resolution(resolution: int) -> None:
    """F28: half and twice the resolution never run into the fields' own limits."""
    recipe = parse_recipe(f"[pictures]\nresolution = {resolution}\nbucket_step = 8")
    assert parse_recipe(recipe_to_toml(recipe)) == recipe


def test_the_docs_page_is_what_the_fields_say() -> None:
    """Run ``python -m enogu.recipe.reference`` after changing a field."""
    assert DOCS.read_text(encoding="utf-8") == reference_page()


def test_importing_the_recipe_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, enogu.recipe; print([name for name in ('torch', 'numpy', 'PIL') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


def test_importing_the_recipe_is_quick() -> None:
    """Under 0.25 s of processor time; on a machine busy with other work, at most twice one empty pydantic model."""
    seconds = min(_processor_seconds("import enogu.recipe") for _ in range(5))
    assert seconds < max(0.25, 2 * min(_processor_seconds(FLOOR) for _ in range(5)))


def _processor_seconds(code: str) -> float:
    timed = f"import time\nstart = time.process_time()\n{code}\nprint(time.process_time() - start)"
    return float(subprocess.run([sys.executable, "-c", timed], capture_output=True, check=True, text=True).stdout)
