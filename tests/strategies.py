"""Hypothesis strategies shared by tests: recipes, pictures' sizes, captions.

``recipes`` is made from the field table, so a new recipe field is drawn, written to TOML and read back with no change
here.
"""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from enogu.errors import RecipeRefused
from enogu.recipe import PictureSize, RecipeField, TrainRecipe, recipe_fields, recipe_from_values
from enogu.recipe.contradictions import Contradiction
from enogu.recipe.fields import kinds_of_section

TAG_CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"], exclude_characters=",")
WORDED_BY_HAND: dict[str, st.SearchStrategy[Any]] = {
    "optimizer.down_block_rates": st.sampled_from(["", "cosine", "sine+.25", ",".join(["0.5"] * 12)]),
    "optimizer.middle_block_rates": st.sampled_from(["", "0.5", "1,0,1"]),
    "optimizer.up_block_rates": st.sampled_from(["", "zeros+1", ",".join(["1"] * 9)]),
    "output_name": st.from_regex(r"[A-Za-z_絵具][A-Za-z0-9_ 絵具-]{0,20}[a-z]", fullmatch=True),
    "trigger": st.from_regex(r"([a-z絵]{1,8}( [a-z]{1,4})?)?", fullmatch=True),
    "adapter.block_dims": st.sampled_from(["", ",".join(["4"] * 25), ",".join(["0"] + ["8"] * 22)]),
    "adapter.block_alphas": st.sampled_from(["", ",".join(["2"] * 25), ",".join(["0"] + ["0.5"] * 22)]),
    "pictures.background": st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True),
}
"""Texts with a form of their own; every other field is drawn from its type and range."""


def tags() -> st.SearchStrategy[str]:
    """One tag as it stands between commas: no comma, no blank at its ends."""
    return st.text(TAG_CHARACTERS, min_size=1, max_size=8)


def captions() -> st.SearchStrategy[str]:
    """A caption file's first line: tags with commas, some blanks and empty tags between them."""
    return st.lists(st.one_of(tags(), st.just("")), max_size=10).map(", ".join)


def picture_sizes(max_repeats: int = 12) -> st.SearchStrategy[list[PictureSize]]:
    """A set of 1 to 25 pictures of any size a person could bring."""
    side = st.integers(16, 6000)
    one = st.tuples(side, side, st.integers(1, max_repeats))
    return st.lists(one, min_size=1, max_size=25).map(
        lambda rows: [PictureSize(f"{i:03d}.png", *row) for i, row in enumerate(rows)]
    )


@st.composite
def recipes(draw: st.DrawFn, **fixed: dict[str, Any]) -> TrainRecipe:
    """Any sound recipe: each field left out or drawn from its whole range, contradictions taken out again.

    ``fixed`` overrides whole sections: ``recipes(training={"epochs": 3})``.
    """
    values: dict[str, Any] = {}
    kinds = {
        section: draw(st.sampled_from(list(found)))
        for section in TrainRecipe.model_fields
        if (found := kinds_of_section(section))
    }
    for field in recipe_fields():
        section, _, name = field.path.rpartition(".")
        if field.kind != kinds.get(section, "") or (name != "kind" and draw(st.booleans())):
            continue
        where = values.setdefault(section, {}) if section else values
        where[name] = draw(field_values(field))
    for section, chosen in fixed.items():
        values[section] = values.get(section, {}) | chosen
    return _without_contradictions(values)


def field_values(field: RecipeField) -> st.SearchStrategy[Any]:
    """Any value the field allows by itself."""
    if field.path in WORDED_BY_HAND:
        return WORDED_BY_HAND[field.path]
    values = st.sampled_from(field.choices) if field.choices else _plain_values(field)
    return values


def _plain_values(field: RecipeField) -> st.SearchStrategy[Any]:
    limits = field.limits
    if field.value_type is bool:
        return st.booleans()
    if field.value_type is str:
        return st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
    if field.value_type is tuple:
        return st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=3).map(tuple)
    assert limits.low is not None and limits.high is not None, f"{field.path} has no range"
    if field.value_type is int:
        step = int(limits.step or 1)
        return st.integers(math.ceil(limits.low / step), int(limits.high) // step).map(lambda count: count * step)
    return st.floats(limits.low, limits.high, exclude_min=limits.low_is_open, exclude_max=limits.high_is_open)


def _without_contradictions(values: dict[str, Any]) -> TrainRecipe:
    while True:
        try:
            return recipe_from_values(values)
        except RecipeRefused as refused:
            for problem in refused.problems:
                assert isinstance(problem, Contradiction), problem
                for path in (problem.path, *problem.others):
                    section, _, name = path.rpartition(".")
                    if name == "kind":
                        values.pop(section, None)  # its other fields are of that kind
                    (values.get(section, {}) if section else values).pop(name, None)
