"""The price: the reference run to the unit, monotone in every lever, never nothing (A4)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enogu.errors import WrongUse
from enogu.recipe import PictureSize, TrainRecipe, plan_training, with_settings
from enogu.stamina.entities import Work
from enogu.stamina.rules.price import price, work_of
from tests.strategies import picture_sizes
from tests.unit.stamina.reference_run import (
    PICTURES,
    reference_recipe,
    reference_wish,
    shipped_weights,
    short_recipes,
)

WEIGHTS = shipped_weights()
COUNTS = st.integers(0, 100_000)
LEVERS = st.sampled_from([field for field in Work.__dataclass_fields__ if field != "family"])
FAMILIES = st.sampled_from(sorted(WEIGHTS.families))


def works() -> st.SearchStrategy[Work]:
    return st.builds(
        Work,
        family=FAMILIES,
        pictures_seen=COUNTS,
        steps=COUNTS,
        resolution=st.integers(64, 4096),
        dim=st.integers(1, 1024),
        previews=st.integers(0, 1000),
        preview_steps=st.integers(0, 200),
        preview_pixels=st.integers(0, 4096 * 4096),
        text_dim=st.integers(0, 1024),
        text_passes=st.integers(0, 6),
        t5_passes=st.integers(0, 2),
        encodings=st.integers(0, 1),
    )


def quoted(recipe: TrainRecipe, pictures: Any, family: str = "sdxl") -> int:
    plan = plan_training(recipe, pictures)
    return price(work_of(recipe, plan, family), WEIGHTS).stamina


def test_the_reference_run_costs_157() -> None:
    """A4, and the ledger's reference: 7 pictures, 700 steps, 10 epochs, dim 128, SDXL at 512."""
    quote = reference_wish().quote()
    assert (quote.work.steps, quote.work.previews) == (700, 10)
    assert quote.stamina == 157
    assert [(part.name, part.count, part.stamina) for part in quote.parts] == [
        ("pictures", 1400, 126),
        ("steps", 700, 14),
        ("previews", 10, 16),
        ("start", 1, 1),
    ]


def test_previews_of_fewer_epochs_are_counted_by_the_saved_files() -> None:
    """F27: of ten files those of every third epoch and the last, each prompt as often as it is drawn."""
    rules = ["previews.every_n_epochs=3", "previews.count=2", "previews.width=256", "saving.every_n_epochs=1"]
    recipe = with_settings(reference_recipe(), rules)
    work = work_of(recipe, plan_training(recipe, PICTURES), "sdxl")
    assert (work.previews, work.preview_pixels) == (8, 256 * 512)


def test_the_price_follows_real_buckets_and_not_a_rule_of_thumb() -> None:
    """A4: the same pictures in two buckets end in two short batches, and so in more steps."""
    recipe = with_settings(reference_recipe(), ["pictures.repeats=1", "training.batch_size=4", "training.epochs=100"])
    square = [PictureSize(f"{i}.png", 512, 512) for i in range(4)]
    mixed = [*square[:3], PictureSize("3.png", 512, 1024)]
    one, two = (work_of(recipe, plan_training(recipe, sizes), "sdxl") for sizes in (square, mixed))
    assert (one.steps, two.steps) == (100, 200)
    assert price(two, WEIGHTS).stamina > price(one, WEIGHTS).stamina


def test_the_parts_of_a_quote_sum_up_to_it() -> None:
    work = Work("sd15", 3, 2, 512, 128)
    quote = price(work, WEIGHTS)
    total = sum((part.stamina for part in quote.parts), Fraction(0))
    assert quote.stamina - 1 < total <= quote.stamina


def test_a_family_without_weights_is_refused_by_name() -> None:
    with pytest.raises(WrongUse, match=r"family sd9.*\[price\.families\.sd9\]"):
        price(replace(reference_wish().quote().work, family="sd9"), WEIGHTS)


def test_an_absurd_run_is_refused_before_any_database_overflows() -> None:
    with pytest.raises(WrongUse, match="fewer pictures"):
        price(Work("flux", 10**11, 10**11, 4096, 1024), WEIGHTS)


def test_a_larger_batch_of_the_same_pictures_costs_no_more() -> None:
    """The same pictures are seen in fewer steps; only steps can be saved, so it is a little."""
    prices = [
        quoted(with_settings(reference_recipe(), [f"training.batch_size={n}"]), PICTURES) for n in (1, 2, 4, 7, 70)
    ]
    assert prices == sorted(prices, reverse=True)


@given(works(), LEVERS, st.integers(0, 1000))
def test_more_of_any_work_never_costs_less_and_nothing_is_free(work: Work, field: str, more: int) -> None:
    """A4: at least one stamina, and monotone in every field."""
    before = price(work, WEIGHTS).stamina
    assert before >= 1
    after = replace(work, **{field: getattr(work, field) + more})
    assert price(after, WEIGHTS).stamina >= before


@given(short_recipes(), picture_sizes(), picture_sizes(), FAMILIES)
@settings(max_examples=25)
def test_more_pictures_never_cost_less(recipe: TrainRecipe, some: Any, more: Any, family: str) -> None:
    """A4, through the true plan: whatever buckets the new ones fall into. Pictures that are held out are not trained,
    so with a share of them a further picture may leave less to do.
    """
    recipe = with_settings(recipe, ["training.validation_split=0", "training.validate_every_n_epochs=1"])
    new = [replace(picture, key=f"new {picture.key}") for picture in more]
    assert quoted(recipe, [*some, *new], family) >= quoted(recipe, some, family)


@given(short_recipes(), picture_sizes(), st.data())
@settings(max_examples=25)
def test_more_repeats_epochs_or_previews_never_cost_less(recipe: TrainRecipe, sizes: Any, data: st.DataObject) -> None:
    """A4, through the true plan."""
    more = with_settings(recipe, data.draw(st.sampled_from(_raises(recipe))))
    assert quoted(more, sizes) >= quoted(recipe, sizes)


@given(short_recipes(), picture_sizes(), st.integers(8, 30), st.integers(1, 10))
@settings(max_examples=25)
def test_a_larger_size_never_costs_less_even_when_buckets_merge(
    recipe: TrainRecipe, sizes: Any, base: int, more: int
) -> None:
    """A4, F28: multiples of 64 from 512 on; the plans file holds per_step down to a quarter of per_picture for it."""
    smaller, larger = (_at_size(recipe, 64 * factor) for factor in (base, base + more))
    assert quoted(larger, sizes) >= quoted(smaller, sizes)


def _raises(recipe: TrainRecipe) -> list[list[str]]:
    previews = recipe.previews
    repeats = recipe.pictures.repeats
    candidates = [
        [f"pictures.repeats={max(repeats or 12, 12) + 1}"],
        [f"training.epochs={min(recipe.training.epochs + 3, 10_000)}"],
        [f"previews.count={min(previews.count + 1, 64)}"],
        [f"previews.steps={min(previews.steps + 1, 200)}"],
        ["previews.every_n_epochs=1"],
    ]
    return [change for change in candidates if repeats is None or repeats < 10_000 or "repeats" not in change[0]]


def _at_size(recipe: TrainRecipe, size: int) -> TrainRecipe:
    """``recipe`` at another resolution, with the sides of buckets following it as they do when nobody sets them."""
    values = recipe.model_dump(exclude_unset=True)
    values["pictures"] = {
        **{k: v for k, v in values.get("pictures", {}).items() if k not in ("min_bucket", "max_bucket")},
        "resolution": size,
        "bucket_step": 64,
    }
    return TrainRecipe.model_validate(values)
