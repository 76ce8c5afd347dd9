"""What a run will do, known before it starts: sizes, batches, steps, files. Used by quote, progress and engine alike.

Nobody may estimate steps in another way: ``pictures × repeats ÷ batch`` is wrong as soon as there is more than one
bucket, since every bucket's last batch may be short (sd-scripts, ``library/train_util.py`` make_buckets). The order of
an epoch is a pure function of (seed, epoch), so resuming needs no saved state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from enogu.errors import WrongUse
from enogu.recipe.buckets import (
    Bucket,
    Placement,
    choose_bucket,
    make_buckets,
    place_in_bucket,
    place_without_upscaling,
)
from enogu.recipe.draws import random_for
from enogu.recipe.pictures import PictureRules
from enogu.recipe.schedules import warmup_steps
from enogu.recipe.train import TrainRecipe

_Item = TypeVar("_Item")
_MOST_USES_PER_EPOCH = 10_000_000


@dataclass(frozen=True)
class PictureSize:
    """One picture as far as the plan cares: a name for it, its size in pixels, and its folder's repeats.

    A regularisation picture keeps what the base model knows of a class; it is not what is to be learnt.
    """

    key: str
    width: int
    height: int
    repeats: int = 1
    is_regularisation: bool = False


@dataclass(frozen=True)
class Batch:
    """Pictures trained together: positions in the planned sequence, all placed in ``bucket``."""

    bucket: Bucket
    picture_indices: tuple[int, ...]


@dataclass(frozen=True)
class BucketCount:
    """How full a bucket is: ``num_pictures`` different ones, used ``num_uses`` times (with repeats) an epoch."""

    bucket: Bucket
    num_pictures: int
    num_uses: int
    num_batches: int


@dataclass(frozen=True)
class SavedFile:
    """A LoRA file the run will leave: after which epoch (from 1), after how many steps, under which name."""

    epoch: int
    step: int
    filename: str


@dataclass(frozen=True)
class TrainPlan:
    """The whole run, counted. A step is one change of the weights (an optimizer update)."""

    seed: int
    batch_size: int
    gradient_accumulation: int
    num_epochs: int
    keys: tuple[str, ...]
    repeats: tuple[int, ...]
    """How often each picture is used in an epoch: 0 for those held out, and for regularisation pictures to spare."""
    placements: tuple[Placement, ...]
    bucket_counts: tuple[BucketCount, ...]
    batches_per_epoch: int
    steps_per_epoch: int
    num_steps: int
    warmup_steps: int
    saved_files: tuple[SavedFile, ...]
    held_out: tuple[int, ...] = ()
    """Pictures that are never trained: the loss on them is measured."""
    regularisation: tuple[int, ...] = ()
    """Pictures that keep what the base model knows: they count ``pictures.prior_loss_weight``."""

    @property
    def seen_per_picture(self) -> tuple[int, ...]:
        """How many times each picture is seen in the whole run."""
        return tuple(repeats * self.num_epochs for repeats in self.repeats)

    @property
    def times_learnt(self) -> tuple[int, ...]:
        """The same for the pictures that are to be learnt: none held out, none for regularisation."""
        others = {*self.held_out, *self.regularisation}
        return tuple(times for index, times in enumerate(self.seen_per_picture) if index not in others)

    def epoch_batches(self, epoch: int) -> tuple[Batch, ...]:
        """The batches of one epoch (counted from 1) in the order they are trained.

        As sd-scripts: each bucket is shuffled and cut into batches, the short last one kept, then the batches are
        shuffled. A pure function of (seed, epoch) and the set; not of the order in which pictures were listed.
        """
        if not 1 <= epoch <= self.num_epochs:
            raise ValueError(f"epoch {epoch} of 1 to {self.num_epochs}")
        batches: list[Batch] = []
        for bucket, uses in self._uses_in_buckets():
            random_for(self.seed, "order in bucket", epoch, bucket.width, bucket.height).shuffle(uses)
            batches += [Batch(bucket, tuple(part)) for part in _cut(uses, self.batch_size)]
        random_for(self.seed, "order of batches", epoch).shuffle(batches)
        return tuple(batches)

    def epoch_updates(self, epoch: int) -> tuple[tuple[Batch, ...], ...]:
        """The batches of one epoch in groups of ``gradient_accumulation``, one per step; the last may be short."""
        return tuple(tuple(group) for group in _cut(self.epoch_batches(epoch), self.gradient_accumulation))

    def _uses_in_buckets(self) -> list[tuple[Bucket, list[int]]]:
        """Each bucket with the positions of its pictures, each as often as it is repeated; all in a fixed order."""
        uses: dict[Bucket, list[int]] = {}
        for index in sorted(range(len(self.keys)), key=lambda index: (self.keys[index], index)):
            if self.repeats[index]:
                uses.setdefault(self.placements[index].bucket, []).extend([index] * self.repeats[index])
        return sorted(uses.items())


def plan_training(recipe: TrainRecipe, sizes: Sequence[PictureSize]) -> TrainPlan:
    """Count the run that ``recipe`` makes of these pictures. Raises WrongUse when there is nothing to train on."""
    if not sizes:
        raise WrongUse("There is no picture to train on.", "Add at least one picture.")
    held_out = _held_out(recipe, sizes)
    repeats = _uses_per_epoch(recipe.pictures, sizes, held_out)
    if not any(count for count, size in zip(repeats, sizes, strict=True) if not size.is_regularisation):
        raise WrongUse("There is no picture to train on but regularisation pictures.", "Add pictures to learn from.")
    if sum(repeats) > _MOST_USES_PER_EPOCH:
        raise WrongUse(
            f"One epoch would use pictures {sum(repeats):,} times.", "Lower pictures.repeats; 10 to 20 is usual."
        )
    placements = place_pictures(recipe.pictures, sizes)
    counts = _count_buckets(placements, repeats, recipe.training.batch_size)
    batches_per_epoch = sum(count.num_batches for count in counts)
    steps_per_epoch = math.ceil(batches_per_epoch / recipe.training.gradient_accumulation)
    num_steps = steps_per_epoch * recipe.training.epochs
    return TrainPlan(
        seed=recipe.seed,
        batch_size=recipe.training.batch_size,
        gradient_accumulation=recipe.training.gradient_accumulation,
        num_epochs=recipe.training.epochs,
        keys=tuple(size.key for size in sizes),
        repeats=repeats,
        placements=placements,
        bucket_counts=counts,
        batches_per_epoch=batches_per_epoch,
        steps_per_epoch=steps_per_epoch,
        num_steps=num_steps,
        warmup_steps=warmup_steps(recipe.schedule, num_steps),
        saved_files=_saved_files(recipe, steps_per_epoch),
        held_out=held_out,
        regularisation=tuple(index for index, size in enumerate(sizes) if size.is_regularisation),
    )


def place_pictures(rules: PictureRules, sizes: Sequence[PictureSize]) -> tuple[Placement, ...]:
    """The bucket, resized size and crop of each picture, in the order given."""
    for size in sizes:
        if size.width < 1 or size.height < 1:
            raise WrongUse(f"{size.key} has no size ({size.width}x{size.height}).", "Leave it out.")
    resolution = rules.resolution
    if not rules.buckets:
        square = Bucket(resolution, resolution)
        return tuple(place_in_bucket(square, size.width, size.height) for size in sizes)
    if rules.no_upscale:
        step = rules.bucket_step
        return tuple(place_without_upscaling(resolution, step, size.width, size.height) for size in sizes)
    buckets = make_buckets(resolution, min_side=rules.min_bucket, max_side=rules.max_bucket, step=rules.bucket_step)
    return tuple(
        place_in_bucket(choose_bucket(buckets, size.width, size.height), size.width, size.height) for size in sizes
    )


def describe_plan(plan: TrainPlan) -> str:
    """The plan in three sentences (F2): how often each picture is seen, how many steps, which files at which epochs."""
    num_buckets, num_files = len(plan.bucket_counts), len(plan.saved_files)
    num_pictures, fewest, most = len(plan.times_learnt), min(plan.times_learnt), max(plan.times_learnt)
    times = _count(most, "time") if fewest == most else f"{fewest} to {most} times, by its folder"
    who = "The picture" if num_pictures == 1 else f"Each of the {num_pictures} pictures"
    others = ""
    if plan.regularisation:
        used = [plan.seen_per_picture[index] for index in plan.regularisation]
        others += f" {_count(sum(map(bool, used)), 'regularisation picture')} {_are(sum(map(bool, used)))} seen "
        others += f"{_count(sum(used), 'time')} in all."
    if plan.held_out:
        others += (
            f" {_count(len(plan.held_out), 'picture')} {_are(len(plan.held_out))} held out to measure the loss on."
        )
    return "\n".join(
        [
            f"{who} is seen {times}.{others}",
            f"{_count(plan.num_steps, 'step')} in all: {_count(plan.num_epochs, 'epoch')} of "
            f"{_count(plan.steps_per_epoch, 'step')}, in {_count(num_buckets, 'bucket')}.",
            f"{_count(num_files, 'file')} saved: {', '.join(_file_words(plan.saved_files))}.",
        ]
    )


def _held_out(recipe: TrainRecipe, sizes: Sequence[PictureSize]) -> tuple[int, ...]:
    """Which pictures are never trained: drawn once from the seed, whatever the order they are listed in.

    As many as by sd-scripts' formula (all but the first ceil(n (1 - split))), but never none of the others. Where that
    comes out even, its floating point may hold out one fewer: 10 of 25 at 0.44, here 11. There the two parts are
    shuffled apart and can overlap (facts of library/train_util.py).
    """
    split = recipe.training.validation_split
    learnt = [index for index, size in enumerate(sizes) if not size.is_regularisation]
    count = len(learnt) - math.ceil(len(learnt) * (1 - split) - 1e-9)
    if split > 0 and count == 0 and len(learnt) > 1:
        count = 1
    in_order = sorted(learnt, key=lambda index: (sizes[index].key, index))
    return tuple(sorted(random_for(recipe.seed, "validation split").sample(in_order, count)))


def _uses_per_epoch(rules: PictureRules, sizes: Sequence[PictureSize], held_out: Sequence[int]) -> tuple[int, ...]:
    """Repeats of each picture; regularisation pictures are used until they are as many as the others.

    As sd-scripts counts: each by its folder's repeats first, then once more in turn; those to spare are not used.
    """
    uses = [
        0 if size.is_regularisation or index in set(held_out) else _repeats(rules, size)
        for index, size in enumerate(sizes)
    ]
    learnt = sum(uses)
    spare = [index for index, size in enumerate(sizes) if size.is_regularisation]
    spare.sort(key=lambda index: (sizes[index].key, index))
    used, first = 0, True
    while spare and used < learnt:
        for index in spare:
            more = max(1, sizes[index].repeats) if first else 1
            uses[index] += more
            used += more
            if used >= learnt:
                break
        first = False
    return tuple(uses)


def _repeats(rules: PictureRules, size: PictureSize) -> int:
    repeats = size.repeats if rules.repeats is None else rules.repeats
    if repeats < 1:
        raise WrongUse(f"{size.key} is to be repeated {repeats} times.", "Give its folder 1 or more, or leave it out.")
    return repeats


def _count_buckets(placements: Sequence[Placement], repeats: Sequence[int], batch_size: int) -> tuple[BucketCount, ...]:
    """Σ over buckets of ceil(uses / batch): each bucket is cut into batches by itself. Sorted by size."""
    uses: dict[Bucket, list[int]] = {}
    for placement, times in zip(placements, repeats, strict=True):
        if times:
            uses.setdefault(placement.bucket, []).append(times)
    return tuple(
        BucketCount(bucket, len(times), sum(times), math.ceil(sum(times) / batch_size))
        for bucket, times in sorted(uses.items())
    )


def _saved_files(recipe: TrainRecipe, steps_per_epoch: int) -> tuple[SavedFile, ...]:
    """Every n-th epoch under its number, the last always and under the bare name (sd-scripts, train_network.py)."""
    last = recipe.training.epochs
    every = recipe.saving.every_n_epochs
    numbered = [
        SavedFile(epoch, epoch * steps_per_epoch, f"{recipe.output_name}-{epoch:06d}.safetensors")
        for epoch in range(every, last, every)
    ]
    return (*numbered, SavedFile(last, last * steps_per_epoch, f"{recipe.output_name}.safetensors"))


def _cut(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    """``items`` in parts of ``size``; the last may be shorter, and is kept."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _file_words(files: Sequence[SavedFile]) -> list[str]:
    words = [f"{file.filename} (epoch {file.epoch})" for file in files]
    return words if len(words) <= 20 else [*words[:3], "…", *words[-2:]]


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
