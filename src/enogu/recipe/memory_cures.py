"""What would make a run fit a device: changes to its recipe, each with the memory that it leaves, least harm first.

Each cure is one lever of the recipe, pulled just far enough alone, or as far as it goes. The first cost time and
leave what is learnt as it is; then come those that cost a little exactness; then those that learn something else. The
least set that fits is found from behind: the shortest row of levers that is enough when all are pulled to their ends,
then each let go again as far as the others allow, the most harmful first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from enogu.errors import RecipeRefused
from enogu.recipe.buckets import Bucket
from enogu.recipe.captions import captions_vary
from enogu.recipe.for_family import refuse_for_family
from enogu.recipe.memory import estimate_at, has_figures
from enogu.recipe.optimizer import AdamW
from enogu.recipe.plan import PictureSize, place_pictures
from enogu.recipe.train import TrainRecipe
from enogu.recipe.values import with_changes

CureKind = Literal[
    "gradient_checkpointing", "smaller_batches", "smaller_previews", "half_precision", "adamw8bit", "fp8_base",
    "blocks_to_swap", "captions_read_once", "unet_only", "smaller_dim", "smaller_pictures",
]  # fmt: skip
"""In the order of their harm. Latents are always read once and kept, so there is no lever for that."""

SMALLEST_SIDE = 64
_MOST_SWAPPED = 35
_MOST_ACCUMULATED = 1024
_BEHIND_THE_ESTIMATE = 0.85
"""Where memory ran out although the estimate fits, the next try is to need at most so much of what there was."""


@dataclass(frozen=True)
class Place:
    """Where a run would be trained, as far as memory and what can run there go."""

    on_graphics_card: bool
    has_fp8: bool = True
    """Whether numbers of eight bits can be stored; not on Apple's graphics processors."""
    has_adamw8bit: bool = False


@dataclass(frozen=True)
class MemoryWish:
    """A run of which the memory is asked. ``family`` is the base model's, ``figures`` the name of its networks in
    memory_figures.toml ("starter" for the one that ships), ``base_bytes`` the size of its file.
    """

    recipe: TrainRecipe
    pictures: Sequence[PictureSize]
    family: str
    figures: str
    base_bytes: int
    place: Place
    _areas: dict[tuple[Any, ...], int] = field(default_factory=dict[tuple[Any, ...], int], compare=False, repr=False)

    @property
    def is_known(self) -> bool:
        """Whether anything can be said of its memory."""
        return bool(self.pictures) and has_figures(self.figures, self.base_bytes)

    def total_of(self, recipe: TrainRecipe) -> int:
        """Bytes at the most of ``recipe`` on these pictures."""
        on_card = self.place.on_graphics_card
        return estimate_at(recipe, self._largest_bucket(recipe), self.figures, on_graphics_card=on_card).total

    def changed(self, changes: Mapping[str, Any]) -> TrainRecipe | None:
        """The recipe with ``changes``; None where it would contradict itself or its base model."""
        try:
            recipe = with_changes(self.recipe, changes)
            refuse_for_family(recipe, self.family, self.family)
        except RecipeRefused:
            return None
        return recipe

    @cached_property
    def _shapes(self) -> tuple[PictureSize, ...]:
        """One picture of each size."""
        return tuple({(one.width, one.height): one for one in self.pictures}.values())

    def _largest_bucket(self, recipe: TrainRecipe) -> int:
        rules = recipe.pictures
        key = (rules.resolution, rules.buckets, rules.bucket_step, rules.min_bucket, rules.max_bucket, rules.no_upscale)
        if key not in self._areas:
            buckets: list[Bucket] = [one.bucket for one in place_pictures(rules, self._shapes)]
            self._areas[key] = max(one.width * one.height for one in buckets)
        return self._areas[key]


@dataclass(frozen=True)
class MemoryCure:
    """One change to the recipe, or several together, and what would be needed then."""

    kinds: tuple[CureKind, ...]
    changes: dict[str, Any]
    """{dotted path: value}; None leaves a field to its default."""
    total: int
    """Bytes at the most."""
    fits: bool


@dataclass(frozen=True)
class MemoryFit:
    """The cures one by one, and the least of them that is enough together."""

    cures: tuple[MemoryCure, ...]
    together: MemoryCure | None
    """It says itself whether it fits: when nothing does, everything that helps. None where there is nothing to do, and
    where nothing helps at all."""


def fit_memory(wish: MemoryWish, capacity: int) -> MemoryFit:
    """What brings ``wish`` to at most ``capacity`` bytes; nothing where it fits already, or nothing is known of it."""
    if not wish.is_known or (before := wish.total_of(wish.recipe)) <= capacity:
        return MemoryFit((), None)
    levers = [_Lever(kind, pulls) for kind, pull in _LEVERS if (pulls := tuple(pull(wish)))]
    cures = tuple(cure for lever in levers if (cure := _alone(wish, lever, before, capacity)) is not None)
    return MemoryFit(cures, _least_set(wish, levers, before, capacity))


def after_running_out(wish: MemoryWish, capacity: int | None) -> MemoryCure | None:
    """What to change for the next try where memory ran out on a device of ``capacity`` bytes, if that is known.

    The engine goes on with gradient checkpointing by itself where the recipe allows it, so that alone was not enough.
    An estimate that fits was wrong by something: less than it is asked for. None where nothing helps.
    """
    if not wish.is_known:
        return None
    tried = wish.recipe
    if tried.training.retry_with_checkpointing and not tried.training.gradient_checkpointing:
        tried = wish.changed({"training.gradient_checkpointing": True}) or tried
    needed = wish.total_of(tried)
    enough = needed if capacity is None else min(capacity, needed)
    return fit_memory(wish, round(min(enough, needed * _BEHIND_THE_ESTIMATE))).together


# ---- levers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Lever:
    """``pulls`` are changes to the wished recipe, from the least to the most; any of them may be refused by it."""

    kind: CureKind
    pulls: tuple[dict[str, Any], ...]


_Pulled = tuple[_Lever, int]
"""A lever, and the place of the pull."""


def _checkpointing(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    if not wish.recipe.training.gradient_checkpointing:
        yield {"training.gradient_checkpointing": True}


def _batches(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    """Smaller batches of which so many more are added up that a step sees as many pictures."""
    training = wish.recipe.training
    size, added = training.batch_size, training.gradient_accumulation
    for smaller in range(size - 1, 0, -1):
        if size % smaller == 0 and added * size // smaller <= _MOST_ACCUMULATED:
            yield {"training.batch_size": smaller, "training.gradient_accumulation": added * size // smaller}


def _previews(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    """Not under half of their sides."""
    previews, side = wish.recipe.previews, wish.recipe.pictures.resolution
    if previews.prompts:
        sides = (previews.width or side, previews.height or side)
        for part in (0.75, 0.5):
            width, height = (max(SMALLEST_SIDE, round(one * part) // 64 * 64) for one in sides)
            yield {"previews.width": min(width, sides[0]), "previews.height": min(height, sides[1])}


def _precision(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    """bf16 does not overflow, and where a card has none the engine takes fp16."""
    if wish.recipe.training.mixed_precision == "none":
        yield {"training.mixed_precision": "bf16"}


def _adamw8bit(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    if wish.place.has_adamw8bit and isinstance(wish.recipe.optimizer, AdamW):
        yield {"optimizer.kind": "adamw8bit"}


def _fp8(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    if wish.place.has_fp8 and not wish.recipe.training.fp8_base:
        yield {"training.fp8_base": True}


def _swapping(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    for number in range(wish.recipe.training.blocks_to_swap + 1, _MOST_SWAPPED + 1):
        yield {"training.blocks_to_swap": number}


def _captions(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    """Captions that stay the same are read once, and the text encoders leave the device."""
    rules, changes = wish.recipe.captions, dict[str, Any]()
    if not captions_vary(rules) or wish.recipe.adapter.parts != "unet":
        return
    for name in ("shuffle", "dropout_rate", "tag_dropout_rate", "dropout_every_n_epochs", "keep_tokens"):
        default = type(rules).model_fields[name].default
        if getattr(rules, name) != default and (name != "keep_tokens" or rules.keep_tokens > 1):
            changes[f"captions.{name}"] = default
    yield changes


def _unet_only(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    recipe = wish.recipe
    if recipe.adapter.parts == "unet_and_text_encoder" and not recipe.start_from:
        rate = {"optimizer.text_encoder_learning_rate": None}
        has_rate = recipe.optimizer.text_encoder_learning_rate is not None
        t5 = {"training.train_t5": False} if recipe.training.train_t5 else {}
        yield {"adapter.parts": "unet", **(rate if has_rate else {}), **t5}


def _dim(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    """Not under a quarter, and not under 4. A file that is trained further keeps its dim, blocks have their own."""
    adapter = wish.recipe.adapter
    if wish.recipe.start_from or adapter.block_dims:
        return
    for dim in (adapter.dim // 2, adapter.dim // 4):
        if dim >= 4:
            has_own = "alpha" in adapter.model_fields_set
            yield {"adapter.dim": dim, **({"adapter.alpha": adapter.alpha * dim / adapter.dim} if has_own else {})}


def _pictures(wish: MemoryWish) -> Iterator[dict[str, Any]]:
    """Not under half the side."""
    rules = wish.recipe.pictures
    step = rules.bucket_step if rules.buckets else 64
    least = max(SMALLEST_SIDE, rules.resolution // 2)
    for side in range((rules.resolution - 1) // step * step, least - 1, -step):
        changes: dict[str, Any] = {"pictures.resolution": side}
        is_bound = rules.buckets and not rules.no_upscale and "min_bucket" in rules.model_fields_set
        if is_bound and rules.min_bucket > side:
            changes["pictures.min_bucket"] = max(step, side // 2 // step * step)
        yield changes


_LEVERS: tuple[tuple[CureKind, Callable[[MemoryWish], Iterator[dict[str, Any]]]], ...] = (
    ("gradient_checkpointing", _checkpointing),
    ("smaller_batches", _batches),
    ("smaller_previews", _previews),
    ("half_precision", _precision),
    ("adamw8bit", _adamw8bit),
    ("fp8_base", _fp8),
    ("blocks_to_swap", _swapping),
    ("captions_read_once", _captions),
    ("unet_only", _unet_only),
    ("smaller_dim", _dim),
    ("smaller_pictures", _pictures),
)


# ---- how far each is pulled ------------------------------------------------------------------------------------------


def _total(wish: MemoryWish, changes: Mapping[str, Any]) -> int | None:
    recipe = wish.changed(changes)
    return None if recipe is None else wish.total_of(recipe)


def _alone(wish: MemoryWish, lever: _Lever, before: int, capacity: int) -> MemoryCure | None:
    """Just far enough, else where it helps most; None where it does not help."""
    best: tuple[int, dict[str, Any]] | None = None
    for changes in lever.pulls:
        total = _total(wish, changes)
        if total is not None and total < (before if best is None else best[0]):
            best = (total, changes)
            if total <= capacity:
                break
    return None if best is None else MemoryCure((lever.kind,), best[1], best[0], best[0] <= capacity)


def _least_set(wish: MemoryWish, levers: Sequence[_Lever], before: int, capacity: int) -> MemoryCure | None:
    pulled: list[_Pulled] = []
    best = before
    for lever in levers:
        end = next((at for at in reversed(range(len(lever.pulls))) if wish.changed(lever.pulls[at])), None)
        if end is None:
            continue
        total = _total(wish, _merged([*pulled, (lever, end)]))
        if total is None or total > best:
            continue
        pulled.append((lever, end))
        best = total
        if best <= capacity:
            break
    bound = max(best, capacity)
    for place in reversed(range(len(pulled))):
        (lever, end), others = pulled[place], [*pulled[:place], *pulled[place + 1 :]]
        for tried in (others, *([*pulled[:place], (lever, at), *pulled[place + 1 :]] for at in range(end))):
            total = _total(wish, _merged(tried))
            if total is not None and total <= bound:
                pulled = tried
                break
    changes = _merged(pulled)
    total = _total(wish, changes)
    if not pulled or total is None:
        return None
    return MemoryCure(tuple(lever.kind for lever, _ in pulled), changes, total, total <= capacity)


def _merged(pulled: Sequence[_Pulled]) -> dict[str, Any]:
    return {path: value for lever, at in pulled for path, value in lever.pulls[at].items()}
