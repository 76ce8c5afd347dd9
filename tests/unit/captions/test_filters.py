"""Filters over captions (E3): every expression against a plain reading of it, and mistakes named by their place."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.captions.entities import FilterRefused
from enogu.captions.rules.filters import PictureFacts, matches, parse_filter


def facts(caption: str, name: str = "zdm_01.png", problems: frozenset[str] = frozenset()) -> PictureFacts:
    return PictureFacts(name, caption, bool(caption), 2, problems, lambda text: len(text.split()))


@pytest.mark.parametrize(
    ("expression", "is_taken"),
    [
        ("", True),
        ("black_hair", True),
        ('"black hair"', True),
        ("BLACK_HAIR smile", True),
        ("black", False),
        ("black*", True),
        ("*_hair", True),
        ("*lack_h*r", True),
        ("hat", False),
        ("NOT hat", True),
        ("-hat", True),
        ("hat OR smile", True),
        ("hat OR smile AND boots", False),
        ("(hat OR smile) AND NOT boots", True),
        ("count>2", True),
        ("count>3", False),
        ("count:<=3", True),
        ("tokens=4", True),
        ("repeats=2", True),
        ("caption:none", False),
        ("caption:any", True),
        ("name:zdm", True),
        ("name:zdm_0*", True),
        ("name:ZDM_02*", False),
        ('text:"hair, smi"', True),
        ("problem:none", True),
        ("problem:blurred", False),
        ("tag:smile", True),
        ('"*"', False),
    ],
)
def test_an_expression_takes_what_it_says(expression: str, is_taken: bool) -> None:
    """E3."""
    assert parse_filter(expression)(facts("zdm, black hair, smile")) is is_taken


def test_pictures_without_a_caption_and_with_problems_are_found() -> None:
    """E3, D4."""
    assert parse_filter("caption:none")(facts(" "))
    assert parse_filter("problem:any problem:blurred")(facts("a", problems=frozenset({"blurred"})))
    assert parse_filter(r"saber_\(fate\)")(facts("saber \\(fate\\)"))


@pytest.mark.parametrize(
    ("expression", "position"),
    [
        ("hat AND", 7),
        ("AND hat", 0),
        ("hat OR OR smile", 7),
        ("(hat", 0),
        ("hat)", 3),
        ("()", 1),
        ('"hat', 0),
        ('""', 0),
        ("caption:maybe", 0),
        ("name:", 5),
        ("NOT", 3),
        ("(" * 60 + "a" + ")" * 60, 51),
        ("a" * 3000, 2000),
    ],
)
def test_a_mistake_is_named_by_its_place(expression: str, position: int) -> None:
    """E3."""
    with pytest.raises(FilterRefused) as refused:
        parse_filter(expression)
    assert refused.value.position == position


@given(st.text(alphabet='ab*_-"()\\ ANDORT:>5count', max_size=40))
def test_any_text_is_a_filter_or_is_refused_with_a_place(text: str) -> None:
    try:
        parse_filter(text)(facts("a, b"))
    except FilterRefused as refused:
        assert 0 <= refused.position <= len(text)


@dataclass(frozen=True)
class Term:
    tag: str

    def written(self) -> str:
        return self.tag

    def taken(self, tags: set[str]) -> bool:
        return any(fnmatchcase(tag, self.tag) for tag in tags)


@dataclass(frozen=True)
class Joined:
    word: str
    parts: tuple[object, ...]

    def written(self) -> str:
        if self.word == "NOT":
            return f"NOT ({self.parts[0].written()})"  # type: ignore[attr-defined]
        return f" {self.word} ".join(f"({one.written()})" for one in self.parts)  # type: ignore[attr-defined]

    def taken(self, tags: set[str]) -> bool:
        answers = [one.taken(tags) for one in self.parts]  # type: ignore[attr-defined]
        return not answers[0] if self.word == "NOT" else all(answers) if self.word == "AND" else any(answers)


EXPRESSIONS = st.recursive(
    st.builds(Term, st.sampled_from(["hat", "smile", "h*", "*t", "*", "x"])),
    lambda inner: st.one_of(
        st.builds(Joined, st.just("NOT"), st.tuples(inner)),
        st.builds(Joined, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=10,
)


@given(EXPRESSIONS, st.sets(st.sampled_from(["hat", "smile", "heart", "cat"])))
def test_every_expression_agrees_with_a_plain_reading_of_it(expression: Joined, tags: set[str]) -> None:
    """E3."""
    test = parse_filter(expression.written())
    assert test(facts(", ".join(sorted(tags)))) is expression.taken(tags)


@given(st.lists(st.text("ab", max_size=2), min_size=1, max_size=4), st.text("ab", max_size=8))
def test_asterisks_match_as_everybody_knows_them(parts: list[str], text: str) -> None:
    assert matches(tuple(parts), text) is fnmatchcase(text, "*".join(parts))
