"""Captions as pieces: nothing that a person wrote is lost, and spellings of one tag are one tag (E1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.captions.rules.text import (
    core_of,
    key_of,
    parse,
    spelled,
    tags_of,
    with_core,
    with_trigger_first,
    written,
)

CAPTIONS = st.one_of(
    st.text(max_size=120),
    st.lists(
        st.sampled_from(
            ["zdm", "black hair", "Black_Hair", "(smile:1.2)", "((a, b)", ":(", "saber \\(fate\\)", "A girl stands",
             "in a field.", "^_^", " ", "", "(x, y:1.1)", "\n", "黒髪", "[hat]"]
        ),
        max_size=12,
    ).map(",".join),
)  # fmt: skip


@given(CAPTIONS)
def test_every_caption_comes_back_byte_for_byte(text: str) -> None:
    assert written(parse(text)) == text


@given(CAPTIONS)
def test_pieces_are_never_blank_and_have_no_blanks_around_them(text: str) -> None:
    assert all(tag and tag == tag.strip() for tag in tags_of(text))


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("zdm, black hair,smile", ["zdm", "black hair", "smile"]),
        ("a,, b ,\n c,", ["a", "b", "c"]),
        ("(black hair, blue eyes:1.2), smile", ["(black hair, blue eyes:1.2)", "smile"]),
        (":(, smile, (unclosed, hat", [":(", "smile", "(unclosed", "hat"]),
        ("(o)_(o), hat", ["(o)_(o)", "hat"]),
        ("zdm, A girl stands, smiling, in a field. hat", ["zdm", "A girl stands", "smiling", "in a field. hat"]),
        ("zdm, A girl stands, smiling, in a field., hat", ["zdm", "A girl stands, smiling, in a field.", "hat"]),
        ("solo, !?, smile", ["solo", "!?", "smile"]),
        ("A girl in red, smiling\nin a field.", ["A girl in red", "smiling", "in a field."]),
    ],
)
def test_tags_groups_and_sentences_are_told_apart(text: str, tags: list[str]) -> None:
    assert tags_of(text) == tags


@pytest.mark.parametrize(
    "spelling", ["black hair", "Black_Hair", "(black hair:1.2)", "((black  hair))", "[black hair]", " BLACK HAIR "]
)
def test_spellings_of_one_tag_have_one_key(spelling: str) -> None:
    """D10."""
    assert key_of(spelling) == "black hair"


def test_escaped_parentheses_belong_to_the_name_and_are_no_weight() -> None:
    assert key_of("saber \\(fate\\)") == key_of("saber_(fate)") == "saber (fate)"
    assert core_of("(saber \\(fate\\):1.3)") == "saber \\(fate\\)"
    assert with_core("(black hair:1.2)", "red hair") == "(red hair:1.2)"


@pytest.mark.parametrize(
    ("tag", "spaces", "underscores"),
    [
        ("black_hair", "black hair", "black_hair"),
        ("(black hair:1.2)", "(black hair:1.2)", "(black_hair:1.2)"),
        ("^_^", "^_^", "^_^"),
        ("A girl in a field.", "A girl in a field.", "A girl in a field."),
    ],
)
def test_tags_are_shown_with_spaces_or_underscores(tag: str, spaces: str, underscores: str) -> None:
    """D10."""
    assert (spelled(tag, "spaces"), spelled(tag, "underscores"), spelled(tag, "as_written")) == (
        spaces, underscores, tag
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "zdm"),
        ("smile", "zdm, smile"),
        ("smile, ZDM, hat", "zdm, smile, hat"),
        ("zdm smiling, hat", "zdm smiling, hat"),
        ("zdm2, hat", "zdm, zdm2, hat"),
    ],
)
def test_the_trigger_is_put_first_once(text: str, after: str) -> None:
    """D8."""
    assert with_trigger_first(text, "zdm") == after
