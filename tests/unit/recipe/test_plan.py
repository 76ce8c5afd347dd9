"""The true plan (A4, F1, F2, F25): steps from real buckets, files, and the order of an epoch."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.errors import WrongUse
from enogu.recipe import (
    Bucket,
    PictureSize,
    TrainPlan,
    TrainRecipe,
    describe_plan,
    plan_training,
    recipe_from_values,
    with_settings,
)
from tests.strategies import picture_sizes, recipes

SQUARE, WIDE, TALL = (512, 512), (768, 512), (512, 768)


def _plan(sizes: list[PictureSize], **values: Any) -> TrainPlan:
    return plan_training(recipe_from_values(values), sizes)


def _pictures(*shapes: tuple[int, int], repeats: int = 1) -> list[PictureSize]:
    return [PictureSize(f"{i}.png", width, height, repeats) for i, (width, height) in enumerate(shapes)]


def test_20_pictures_in_3_buckets_take_51_steps_and_not_50() -> None:
    """Trap 1 of facts/trainers.md 6: 7, 7 and 6 pictures, repeats 10, batch 4 → 18 + 18 + 15."""
    sizes = _pictures(*[SQUARE] * 7, *[WIDE] * 7, *[TALL] * 6)
    plan = _plan(sizes, pictures={"repeats": 10}, training={"batch_size": 4, "epochs": 1})
    assert sorted(count.num_batches for count in plan.bucket_counts) == [15, 18, 18]
    assert plan.num_steps == 51
    assert math.ceil(20 * 10 / 4) == 50


def test_the_reference_run_is_700_steps_in_10_epochs_with_10_files() -> None:
    """product.md: 7 pictures x 20 repeats / batch of 2, whatever their buckets, since 20 repeats are even."""
    for shapes in ([SQUARE] * 7, [SQUARE, WIDE, TALL, SQUARE, (900, 500), TALL, WIDE]):
        plan = _plan(_pictures(*shapes, repeats=20), output_name="zdm")
        assert (plan.steps_per_epoch, plan.num_steps) == (70, 700)
        assert plan.seen_per_picture == (200,) * 7
        assert [file.filename for file in plan.saved_files] == [
            *(f"zdm-{epoch:06d}.safetensors" for epoch in range(1, 10)),
            "zdm.safetensors",
        ]
        assert [file.step for file in plan.saved_files] == list(range(70, 701, 70))


def test_seven_pictures_in_seven_buckets_take_seven_steps_and_not_two() -> None:
    """The worst case of facts/trainers.md 2a."""
    shapes = [(512, 512), (576, 448), (448, 576), (640, 384), (384, 640), (704, 320), (320, 704)]
    plan = _plan(_pictures(*shapes), training={"batch_size": 4, "epochs": 1})
    assert len(plan.bucket_counts) == 7
    assert plan.num_steps == 7


@pytest.mark.parametrize(
    ("every", "epochs", "saved"),
    [(1, 10, list(range(1, 11))), (2, 10, [2, 4, 6, 8, 10]), (3, 10, [3, 6, 9, 10]), (20, 10, [10]), (1, 1, [1])],
)
def test_every_nth_epoch_is_saved_and_the_last_always(every: int, epochs: int, saved: list[int]) -> None:
    """F25: 10 epochs with N = 1 give 10 files, with N = 2 give 5; N over the epochs gives the last."""
    plan = _plan(_pictures(SQUARE), training={"epochs": epochs}, saving={"every_n_epochs": every})
    assert [file.epoch for file in plan.saved_files] == saved
    assert plan.saved_files[-1].filename == "lora.safetensors"
    assert all(file.filename != "lora.safetensors" for file in plan.saved_files[:-1])


def test_accumulated_batches_make_one_step_and_a_short_group_ends_the_epoch() -> None:
    """F28: 5 batches in groups of 2 are 3 steps an epoch (facts/trainers.md 2a, updates_per_epoch)."""
    plan = _plan(_pictures(*[SQUARE] * 10), training={"batch_size": 2, "gradient_accumulation": 2, "epochs": 3})
    assert (plan.batches_per_epoch, plan.steps_per_epoch, plan.num_steps) == (5, 3, 9)
    assert [len(group) for group in plan.epoch_updates(1)] == [2, 2, 1]


def test_repeats_of_the_recipe_win_over_those_of_the_folders() -> None:
    """F1, D1: the folder's number counts when the recipe has none."""
    sizes = [PictureSize("a.png", 512, 512, 20), PictureSize("b.png", 512, 512, 3)]
    assert _plan(sizes).repeats == (20, 3)
    assert _plan(sizes, pictures={"repeats": 5}).repeats == (5, 5)


def test_the_warm_up_is_counted_in_steps_of_the_whole_run() -> None:
    """F6: 5 % of 700."""
    plan = _plan(_pictures(*[SQUARE] * 7, repeats=20), schedule={"kind": "linear", "warmup_percent": 5})
    assert plan.warmup_steps == 35


@pytest.mark.parametrize(
    ("settings", "shortest", "longest", "step"),
    [
        ((), 256, 1024, 64),
        (("pictures.bucket_step=32",), 256, 1024, 32),
        (("pictures.min_bucket=448",), 448, 1024, 64),
        (("pictures.max_bucket=576",), 256, 576, 64),
    ],
)
def test_each_picture_goes_to_the_bucket_that_the_recipes_fields_make(
    settings: tuple[str, ...], shortest: int, longest: int, step: int
) -> None:
    """F28: the facts' loop (2h) written out; the fields are told apart by a very wide picture and a little tall one."""
    sizes = [PictureSize("wide", 3000, 1000), PictureSize("tall", 1000, 1130)]
    placed = plan_training(with_settings(TrainRecipe(), settings), sizes).placements
    found = {(512, 512)}
    for side in range(shortest, longest + step, step):
        other = min(longest, 512 * 512 // side // step * step)
        if other >= shortest:
            found |= {(side, other), (other, side)}
    for size, place in zip(sizes, placed, strict=True):
        ratio = size.width / size.height
        nearest = min(sorted(found), key=lambda one: abs(one[0] / one[1] - ratio))
        assert (place.bucket.width, place.bucket.height) == nearest


def test_without_buckets_all_pictures_share_one_square() -> None:
    """F28."""
    plan = _plan(_pictures(SQUARE, WIDE, TALL), pictures={"buckets": False, "resolution": 256})
    assert {placement.bucket for placement in plan.placements} == {Bucket(256, 256)}


def test_without_upscaling_each_size_may_have_a_bucket_of_its_own() -> None:
    plan = _plan(_pictures((300, 420), (200, 200), (4000, 3000)), pictures={"no_upscale": True})
    buckets = [placement.bucket for placement in plan.placements]
    assert buckets[:2] == [Bucket(256, 384), Bucket(192, 192)]
    assert buckets[2].width * buckets[2].height <= 512 * 512


@pytest.mark.parametrize(
    ("sizes", "culprit"),
    [
        ([], "no picture"),
        ([PictureSize("empty.png", 0, 5)], "empty.png"),
        ([PictureSize("never.png", 64, 64, 0)], "never.png"),
        ([PictureSize("a.png", 64, 64, 10_000_001)], "10,000,001 times"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_its_name(sizes: list[PictureSize], culprit: str) -> None:
    with pytest.raises(WrongUse, match=culprit):
        _plan(sizes)


def test_the_plan_in_words_says_times_steps_and_files() -> None:
    """F2: "each picture is seen N times, S steps in all, these files at these epochs"."""
    words = describe_plan(_plan(_pictures(*[SQUARE] * 7, repeats=20), saving={"every_n_epochs": 5}))
    assert words.splitlines() == [
        "Each of the 7 pictures is seen 200 times.",
        "700 steps in all: 10 epochs of 70 steps, in 1 bucket.",
        "2 files saved: lora-000005.safetensors (epoch 5), lora.safetensors (epoch 10).",
    ]


def test_the_plan_in_words_tells_folders_with_different_repeats_apart_and_shortens_long_lists() -> None:
    sizes = [PictureSize("a.png", 512, 512, 2), PictureSize("b.png", 512, 768, 3)]
    words = describe_plan(_plan(sizes, training={"epochs": 100}))
    assert "200 to 300 times" in words
    assert "100 files saved" in words
    assert words.count(".safetensors") < 10
    one = describe_plan(_plan(_pictures(SQUARE), training={"epochs": 1}))
    assert one.startswith("The picture is seen 1 time.\n1 step in all: 1 epoch of 1 step, in 1 bucket.\n1 file saved")


def test_an_epoch_outside_the_run_is_a_mistake_of_the_caller() -> None:
    plan = _plan(_pictures(SQUARE))
    for epoch in (0, 11):
        with pytest.raises(ValueError, match="of 1 to 10"):
            plan.epoch_batches(epoch)


def test_the_order_of_an_epoch_never_changes_between_versions() -> None:
    """Golden: if it moves, no old run can be resumed or repeated."""
    plan = _plan(_pictures(SQUARE, WIDE, SQUARE, TALL, SQUARE, repeats=2), training={"epochs": 2})
    assert [batch.picture_indices for batch in plan.epoch_batches(1)] == [(3, 3), (2, 0), (2, 0), (1, 1), (4, 4)]
    assert [batch.picture_indices for batch in plan.epoch_batches(2)] == [(4, 2), (3, 3), (0, 2), (1, 1), (4, 0)]


def test_epochs_and_seeds_differ_in_order() -> None:
    sizes = _pictures(*[SQUARE] * 12)
    orders = [_plan(sizes, seed=seed).epoch_batches(epoch) for seed in (1, 2) for epoch in (1, 2)]
    assert len(set(orders)) == 4


@given(recipes(training={"epochs": 2}), picture_sizes())
def test_each_picture_is_used_exactly_its_repeats_in_every_epoch(recipe: TrainRecipe, sizes: list[PictureSize]) -> None:
    """And the counted steps are the batches really handed out: the quote is the bill (A4)."""
    recipe = recipe.model_copy(update={"pictures": recipe.pictures.model_copy(update={"repeats": None})})
    plan = plan_training(recipe, sizes)
    for epoch in (1, 2):
        batches = plan.epoch_batches(epoch)
        uses = Counter(index for batch in batches for index in batch.picture_indices)
        trained = {index: size.repeats for index, size in enumerate(sizes) if index not in plan.held_out}
        assert uses == trained
        assert len(batches) == plan.batches_per_epoch
        assert len(plan.epoch_updates(epoch)) == plan.steps_per_epoch
        for batch in batches:
            assert 1 <= len(batch.picture_indices) <= recipe.training.batch_size
            assert {plan.placements[index].bucket for index in batch.picture_indices} == {batch.bucket}
    assert plan.num_steps == 2 * plan.steps_per_epoch == plan.saved_files[-1].step
    assert sum(count.num_uses for count in plan.bucket_counts) == sum(trained.values())
    assert sum(count.num_pictures for count in plan.bucket_counts) == len(trained)
    assert plan.num_steps >= math.ceil(sum(trained.values()) / recipe.training.batch_size) * 2 / (
        recipe.training.gradient_accumulation
    )


@given(picture_sizes(), st.integers(0, 2**32 - 1), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_folder_was_listed(
    sizes: list[PictureSize], seed: int, chance: random.Random
) -> None:
    shuffled = sizes.copy()
    chance.shuffle(shuffled)

    def order(listed: list[PictureSize]) -> list[list[str]]:
        plan = _plan(listed, seed=seed)
        return [[plan.keys[index] for index in batch.picture_indices] for batch in plan.epoch_batches(1)]

    assert order(sizes) == order(shuffled)


@given(picture_sizes())
def test_only_short_last_batches_are_short(sizes: list[PictureSize]) -> None:
    plan = _plan(sizes, training={"batch_size": 4})
    short = Counter(batch.bucket for batch in plan.epoch_batches(1) if len(batch.picture_indices) < 4)
    assert all(number == 1 for number in short.values())


@given(
    count=st.integers(2, 30),
    split=st.floats(0.01, 0.5),
    seed=st.integers(0, 99),
    order=st.randoms(use_true_random=False),
)
def test_a_share_of_the_pictures_is_held_out_once_and_whatever_their_order(
    count: int, split: float, seed: int, order: random.Random
) -> None:
    """Never trained, never none of the others; sd-scripts keeps the first ceil(n (1 - split))."""
    sizes = _pictures(*[SQUARE] * count, repeats=2)
    values: dict[str, Any] = {"training": {"validation_split": split, "epochs": 2}, "seed": seed}
    plan = _plan(sizes, **values)
    assert len(plan.held_out) == max(1, count - math.ceil(count * (1 - split) - 1e-9))
    trained = {index for epoch in (1, 2) for batch in plan.epoch_batches(epoch) for index in batch.picture_indices}
    assert trained == set(range(count)) - set(plan.held_out)
    assert plan.num_steps == 2 * plan.steps_per_epoch == 2 * math.ceil(2 * len(trained) / 2)
    shuffled = order.sample(sizes, count)
    again = _plan(shuffled, **values)
    assert {shuffled[index].key for index in again.held_out} == {sizes[index].key for index in plan.held_out}


def test_a_share_that_comes_out_even_is_held_out_whole() -> None:
    """0.44 of 25 is 11; in floating point 25 (1 - 0.44) is a little over 14, and sd-scripts would keep 15."""
    assert len(_plan(_pictures(*[SQUARE] * 25), training={"validation_split": 0.44}).held_out) == 11


def test_another_seed_holds_out_other_pictures() -> None:
    """Drawn, not the first ones: as sd-scripts, which shuffles with its seed before it splits."""
    sizes = _pictures(*[SQUARE] * 20)
    held_out = {_plan(sizes, seed=seed, training={"validation_split": 0.2}).held_out for seed in range(10)}
    assert len(held_out) > 5


def test_which_regularisation_pictures_are_used_once_more_does_not_depend_on_how_they_are_listed() -> None:
    learnt = _pictures(SQUARE, repeats=5)
    spare = [PictureSize(f"r{i}.png", *SQUARE, is_regularisation=True) for i in range(3)]
    for listed in (spare, spare[::-1]):
        plan = _plan([*learnt, *listed])
        assert dict(zip(plan.keys, plan.repeats, strict=True)) == {"0.png": 5, "r0.png": 2, "r1.png": 2, "r2.png": 1}


def test_regularisation_pictures_are_used_until_they_are_as_many_as_the_others() -> None:
    """sd-scripts: by their repeats first, then once more in turn; the surplus is not used."""
    learnt = _pictures(SQUARE, SQUARE, repeats=4)

    def uses(*repeats: int) -> tuple[int, ...]:
        spare = [PictureSize(f"r{i}.png", *SQUARE, times, is_regularisation=True) for i, times in enumerate(repeats)]
        return _plan([*learnt, *spare]).repeats[2:]

    assert uses(1, 1, 1) == (3, 3, 2)
    assert uses(5, 1, 1) == (6, 1, 1)
    assert uses(4, 4, 4) == (4, 4, 0)
    plan = _plan([*learnt, PictureSize("r.png", *WIDE, is_regularisation=True)], training={"epochs": 1})
    assert plan.num_steps == 8 / 2 + 8 / 2
    assert plan.times_learnt == (4, 4)
    words = describe_plan(plan).splitlines()[0]
    assert words == "Each of the 2 pictures is seen 4 times. 1 regularisation picture is seen 8 times in all."


def test_the_plan_says_how_many_pictures_are_held_out() -> None:
    plan = _plan(_pictures(*[SQUARE] * 4), training={"validation_split": 0.5, "epochs": 3})
    words = describe_plan(plan).splitlines()[0]
    assert words == "Each of the 2 pictures is seen 3 times. 2 pictures are held out to measure the loss on."


def test_regularisation_pictures_alone_are_refused() -> None:
    with pytest.raises(WrongUse, match="but regularisation pictures"):
        _plan([PictureSize("r.png", *SQUARE, is_regularisation=True)])
