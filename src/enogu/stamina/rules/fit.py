"""Make it fit: the smallest change to a run that brings its price within a balance (A5).

Each lever is pulled alone, just far enough: fewer previews, fewer repeats, fewer epochs, fewer pictures. The proposals
come in the order of how much learning they leave, and of equals the one that leaves the dearer run comes first, since
it changed less. When no lever is enough alone, one proposal pulls several, in that order. A price rises with each
lever (``rules/price.py``), so the place to stop is found by halving, with a true plan made at every try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from enogu.recipe import PictureSize, TrainRecipe, plan_training, with_settings
from enogu.stamina.entities import Change, Lever, PriceWeights, Proposal, Quote
from enogu.stamina.rules.price import price, work_of

_ORDER: tuple[Lever, ...] = ("previews", "repeats", "epochs", "pictures", "several")


@dataclass(frozen=True)
class Wish:
    """A run that somebody wants, before it is one: what its price follows from."""

    recipe: TrainRecipe
    pictures: tuple[PictureSize, ...]
    family: str
    weights: PriceWeights

    def quote(self) -> Quote:
        """The price by the true plan. Raises WrongUse when there is nothing to train on."""
        plan = plan_training(self.recipe, self.pictures)
        return price(work_of(self.recipe, plan, self.family), self.weights)


def proposals_within(wish: Wish, balance: int) -> tuple[Proposal, ...]:
    """Changes that bring ``wish`` to at most ``balance``, the smallest first; none when it fits, or never can."""
    before = wish.quote()
    if before.stamina <= balance:
        return ()
    found = [
        _proposal(lever, wish, fitting, before)
        for lever, pull in _PULLS
        for fitting in _just_enough(pull(wish), balance)
    ]
    if not found:
        found = [_proposal("several", wish, fitting, before) for fitting in _several(wish, balance)]
    return tuple(sorted(found, key=lambda one: (-one.training_kept, -one.quote.stamina, _ORDER.index(one.lever))))


@dataclass(frozen=True)
class _Lever:
    """``at(n)`` is the wish with this lever at ``n``, 1 to ``most``, dearer with each; ``most`` changes least."""

    most: int
    at: Callable[[int], Wish]


def _previews(wish: Wish) -> Iterator[_Lever]:
    """Previews of fewer epochs, always with the last one; then no previews at all."""
    recipe = wish.recipe
    if not recipe.previews.prompts:
        return
    saved_every, last = recipe.saving.every_n_epochs, recipe.training.epochs
    had = _num_previews(wish)
    # Multiples of the saving interval only, so that fewer epochs always means fewer previews.
    sparser = range(saved_every, last + saved_every, saved_every)
    rarest = [n for n in reversed(sparser) if len(range(n, last, n)) + 1 < had // _per_file(recipe)]
    if rarest:
        yield _Lever(len(rarest), lambda n: _with(wish, f"previews.every_n_epochs={rarest[n - 1]}"))
    yield _Lever(1, lambda _: _with(wish, "previews.prompts=[]"))


def _repeats(wish: Wish) -> Iterator[_Lever]:
    """One number for all pictures. Not when folders have numbers of their own, which one number would even out."""
    plan_repeats = _repeats_of(wish)
    if plan_repeats is not None and plan_repeats > 1:
        yield _Lever(plan_repeats - 1, lambda n: _with(wish, f"pictures.repeats={n}"))


def _epochs(wish: Wish) -> Iterator[_Lever]:
    if wish.recipe.training.epochs > 1:
        yield _Lever(wish.recipe.training.epochs - 1, lambda n: _with(wish, f"training.epochs={n}"))


def _pictures(wish: Wish) -> Iterator[_Lever]:
    """The first n pictures; which ones to leave out is for a person to say, and is quoted again."""
    if len(wish.pictures) > 1:
        yield _Lever(len(wish.pictures) - 1, lambda n: replace(wish, pictures=wish.pictures[:n]))


_PULLS: tuple[tuple[Lever, Callable[[Wish], Iterator[_Lever]]], ...] = (
    ("previews", _previews),
    ("repeats", _repeats),
    ("epochs", _epochs),
    ("pictures", _pictures),
)


def _just_enough(levers: Iterator[_Lever], balance: int) -> Iterator[tuple[Wish, Quote]]:
    """The least pull of the first of ``levers`` that can be pulled far enough."""
    for lever in levers:
        least = lever.at(1)
        fitting = (least, least.quote())
        if fitting[1].stamina > balance:
            continue
        low, high = 1, lever.most
        while low < high:
            middle = (low + high + 1) // 2
            tried = lever.at(middle)
            quote = tried.quote()
            if quote.stamina <= balance:
                low, fitting = middle, (tried, quote)
            else:
                high = middle - 1
        yield fitting
        return


def _several(wish: Wish, balance: int) -> Iterator[tuple[Wish, Quote]]:
    """Each lever in turn to its end, until one more is just enough."""
    for _, pull in _PULLS:
        for fitting in _just_enough(pull(wish), balance):
            yield fitting
            return
        for lever in pull(wish):
            wish = lever.at(1)


def _with(wish: Wish, setting: str) -> Wish:
    return replace(wish, recipe=with_settings(wish.recipe, [setting]))


def _proposal(lever: Lever, wish: Wish, fitting: tuple[Wish, Quote], before: Quote) -> Proposal:
    changed, quote = fitting
    old, new = wish.recipe, changed.recipe
    values: tuple[tuple[str, int | tuple[str, ...] | None, int | tuple[str, ...] | None], ...] = (
        ("previews.every_n_epochs", old.previews.every_n_epochs, new.previews.every_n_epochs),
        ("previews.prompts", old.previews.prompts, new.previews.prompts),
        ("pictures.repeats", _repeats_of(wish), _repeats_of(changed)),
        ("training.epochs", old.training.epochs, new.training.epochs),
    )
    return Proposal(
        lever=lever,
        changes=tuple(
            Change(path, was, now) for path, was, now in values if was != now and was is not None and now is not None
        ),
        left_out=tuple(picture.key for picture in wish.pictures[len(changed.pictures) :]),
        quote=quote,
        training_kept=Fraction(quote.work.pictures_seen, before.work.pictures_seen),
    )


def _repeats_of(wish: Wish) -> int | None:
    """The repeats that all pictures share; None when they differ."""
    if wish.recipe.pictures.repeats is not None:
        return wish.recipe.pictures.repeats
    numbers = {picture.repeats for picture in wish.pictures}
    return numbers.pop() if len(numbers) == 1 else None


def _per_file(recipe: TrainRecipe) -> int:
    return len(recipe.previews.prompts) * recipe.previews.count


def _num_previews(wish: Wish) -> int:
    return work_of(wish.recipe, plan_training(wish.recipe, wish.pictures), wish.family).previews
