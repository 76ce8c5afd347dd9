"""Tokens of captions (E7): the same as the trainer's own tokenizer, windows of 75, what falls beyond, memory let go."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from enogu.captions.rules.token_counts import ClipTokens, count_tokens, measure_captions

TOKENS = ClipTokens()


def test_a_caption_is_counted_tag_by_tag() -> None:
    """E7."""
    count = count_tokens("zdm, black hair, smile\nsecond line", 75, TOKENS)
    assert (count.num_tokens, count.smallest_limit, count.first_beyond) == (7, 75, None)
    assert [(one.text, one.first, one.num_tokens) for one in count.tags] == [
        ("zdm", 0, 2), ("black hair", 3, 2), ("smile", 6, 1)
    ]  # fmt: skip


def test_the_first_tag_beyond_the_limit_is_named() -> None:
    """E7."""
    text = ", ".join(["smile"] * 37 + ["black hair", "hat"])
    count = count_tokens(text, 75, TOKENS)
    assert (count.num_tokens, count.smallest_limit, count.first_beyond) == (78, 150, "black hair")
    assert [(one.is_cut, one.is_beyond) for one in count.tags[-3:]] == [(False, False), (True, False), (False, True)]
    assert count_tokens(text, 150, TOKENS).first_beyond is None
    assert count_tokens("smile, " * 200, 225, TOKENS).smallest_limit is None


def test_an_empty_caption_has_no_tokens() -> None:
    assert count_tokens(" \n", 75, TOKENS).num_tokens == 0


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_pieces_never_overlap_and_never_exceed_the_whole(text: str) -> None:
    count = count_tokens(text, 75, TOKENS)
    ends = [0]
    for one in count.tags:
        assert one.first >= ends[-1] or one.num_tokens == 0
        ends.append(one.first + one.num_tokens)
    assert max(ends) <= count.num_tokens


TAG = st.one_of(st.text(max_size=8), st.sampled_from(["smile", "it's", "1girl", "黒髪", "hat)", "é", "t's", "(a:1.2)"]))


@given(st.lists(TAG, max_size=60).map(", ".join))
def test_many_captions_are_measured_as_each_alone(text: str) -> None:
    """E7."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    alone = count_tokens(line, 75, TOKENS)
    assert measure_captions([line, "zdm"], 75, TOKENS) == [(alone.num_tokens, alone.first_beyond), (2, None)]


def test_the_vocabulary_is_let_go_when_nobody_asks_and_comes_back() -> None:
    tokens = ClipTokens(idle_seconds=0.05)
    assert tokens.count("smile") == 1
    until = time.monotonic() + 5
    while tokens._loaded is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert tokens._loaded is None
    assert tokens.count("smile") == 1
