"""Errors are for people: what is shown, in which order, and how the process ends."""

from __future__ import annotations

import inspect
import pickle

import pytest

from enogu import errors
from enogu.errors import EnoguError, Problem, RecipeRefused, WrongUse

ALL = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, EnoguError)]


def test_an_error_shows_its_message_and_then_the_cure() -> None:
    assert str(EnoguError("mame.png is cut off.", "Copy it again.")) == "mame.png is cut off. Copy it again."


def test_an_error_without_a_cure_shows_the_message_alone() -> None:
    assert str(EnoguError("mame.png is cut off.")) == "mame.png is cut off."


def test_a_problem_begins_with_the_dotted_path_of_its_field() -> None:
    problem = Problem("schedule.cycles", "only goes with restarts.", "Leave it out.")
    assert str(problem) == "schedule.cycles: only goes with restarts. Leave it out."


def test_a_refused_recipe_shows_every_problem_on_its_own_line() -> None:
    """F29: all contradictions at once, so that a person does not meet them one by one."""
    problems = (Problem("adapter.alpha", "is over dim."), Problem("training.epochs", "must be at least 1."))
    refused = RecipeRefused(problems)
    assert str(refused).splitlines() == ["adapter.alpha: is over dim.", "training.epochs: must be at least 1."]
    assert refused.problems == problems


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.__name__)
def test_wrong_use_exits_with_two_and_failed_work_with_one(one: type[EnoguError]) -> None:
    """The command line's contract: 2 means that nothing was started."""
    assert one.exit_code == (2 if issubclass(one, WrongUse) else 1)


def test_what_a_person_gave_wrongly_counts_as_wrong_use() -> None:
    assert issubclass(errors.RecipeRefused, WrongUse)
    assert issubclass(errors.BaseModelRefused, WrongUse)
    assert issubclass(errors.AdapterRefused, WrongUse)


@pytest.mark.parametrize("one", [one for one in ALL if one is not RecipeRefused], ids=lambda one: one.__name__)
def test_an_error_keeps_its_words_on_the_way_out_of_a_child_process(one: type[EnoguError]) -> None:
    """A worker's child process hands its error over as a pickle of our own making; both arguments must survive it."""
    there = pickle.loads(pickle.dumps(one("The disk is full.", "Free some space.")))  # noqa: S301 (made on this line)
    assert (type(there), there.message, there.cure) == (one, "The disk is full.", "Free some space.")


def test_a_refused_recipe_keeps_its_problems_on_the_way_out_of_a_child_process() -> None:
    problems = (Problem("adapter.alpha", "is over dim.", "Lower it."),)
    there = pickle.loads(pickle.dumps(RecipeRefused(problems)))  # noqa: S301 (made on this line)
    assert (there.problems, str(there)) == (problems, str(RecipeRefused(problems)))


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.__name__)
def test_every_kind_of_error_says_when_it_is_raised(one: type[EnoguError]) -> None:
    assert inspect.getdoc(one)
