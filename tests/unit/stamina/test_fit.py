"""Make it fit: the smallest changes that bring a run within a balance (A5)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from enogu.recipe import PictureSize, TrainRecipe, with_settings
from enogu.stamina.entities import Change, Proposal
from enogu.stamina.rules.fit import Wish, proposals_within
from tests.strategies import picture_sizes
from tests.unit.stamina.reference_run import reference_wish, shipped_weights, short_recipes

WEIGHTS = shipped_weights()


def test_the_reference_run_gets_four_ways_to_fit_the_free_plan() -> None:
    """A5: 157 over 150; each way with what to set and what it then costs, the smallest change first."""
    found = proposals_within(reference_wish(), 150)
    assert [(one.lever, one.changes, one.left_out, one.quote.stamina) for one in found] == [
        ("previews", (Change("previews.every_n_epochs", 1, 2),), (), 149),
        ("repeats", (Change("pictures.repeats", 20, 18),), (), 143),
        ("epochs", (Change("training.epochs", 10, 9),), (), 142),
        ("pictures", (), ("07.png",), 137),
    ]


def test_a_run_that_fits_gets_no_proposals() -> None:
    assert proposals_within(reference_wish(), 157) == ()


def test_when_no_lever_is_enough_alone_several_are_pulled_together() -> None:
    """A5: previews away, one repeat, and then as many epochs as there is stamina for."""
    (only,) = proposals_within(reference_wish(), 5)
    assert only.lever == "several"
    assert [change.path for change in only.changes] == ["previews.prompts", "pictures.repeats", "training.epochs"]
    assert only.quote.stamina <= 5


def test_what_can_never_fit_gets_no_proposals() -> None:
    assert proposals_within(reference_wish(), 0) == ()


def test_previews_go_altogether_when_the_last_epoch_alone_is_too_much() -> None:
    (first, *_) = proposals_within(reference_wish(), 141)
    assert first.changes == (Change("previews.prompts", ("zdm, 1boy, smile",), ()),)
    assert first.quote.stamina == 141
    assert first.training_kept == 1


def test_repeats_that_differ_between_folders_are_not_evened_out() -> None:
    wish = reference_wish()
    mixed = replace(wish, pictures=(PictureSize("00.png", 768, 768, repeats=5), *wish.pictures))
    assert "repeats" not in {one.lever for one in proposals_within(mixed, 150)}


@given(short_recipes(), picture_sizes(), st.sampled_from(sorted(WEIGHTS.families)), st.floats(0, 1))
@settings(max_examples=20)
def test_every_proposal_fits_is_what_it_says_and_cannot_be_smaller(
    recipe: TrainRecipe, sizes: Any, family: str, share: float
) -> None:
    """A5: applied by hand a proposal costs what it said; one notch less of its lever would be over the balance."""
    wish = Wish(recipe, tuple(sizes), family, WEIGHTS)
    before = wish.quote()
    balance = int(before.stamina * share)
    found = proposals_within(wish, balance)
    assert not (found and before.stamina <= balance)
    for proposal in found:
        changed = _applied(wish, proposal)
        assert changed.quote() == proposal.quote
        assert proposal.quote.stamina <= balance
        assert proposal.training_kept == Fraction(proposal.quote.work.pictures_seen, before.work.pictures_seen)
        if proposal.lever in ("repeats", "epochs"):
            (change,) = proposal.changes
            assert isinstance(change.before, int) and isinstance(change.after, int)
            if change.after + 1 < change.before:
                assert _set(wish, f"{change.path}={change.after + 1}").quote().stamina > balance
        if proposal.lever == "pictures" and len(proposal.left_out) > 1:
            assert (
                replace(wish, pictures=(*changed.pictures, wish.pictures[len(changed.pictures)])).quote().stamina
                > balance
            )
    kept = [proposal.training_kept for proposal in found]
    assert kept == sorted(kept, reverse=True)


def _applied(wish: Wish, proposal: Proposal) -> Wish:
    for change in proposal.changes:
        value = list(change.after) if isinstance(change.after, tuple) else change.after
        wish = _set(wish, f"{change.path}={value}")
    return replace(wish, pictures=tuple(one for one in wish.pictures if one.key not in proposal.left_out))


def _set(wish: Wish, setting: str) -> Wish:
    return replace(wish, recipe=with_settings(wish.recipe, [setting]))
