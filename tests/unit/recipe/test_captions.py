"""What becomes of a caption (D8, F16, F17, F28): order of the steps as sd-scripts, trigger first and kept."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.recipe import CaptionRules, captions_vary, final_caption, random_for, split_tags
from enogu.recipe.captions import split_weighted_tags
from tests.strategies import captions, tags

TAGS = "1girl, green hair, suspenders, shorts, smile, standing"


def _final(text: str, *, trigger: str = "", seed: int = 1, epoch: int = 1, **rules: object) -> str:
    return final_caption(
        text, CaptionRules.model_validate(rules), trigger=trigger, rng=random.Random(seed), epoch=epoch
    )


@pytest.mark.parametrize(
    ("text", "trigger", "expected"),
    [
        ("1girl, smile", "zdm", "zdm, 1girl, smile"),
        ("zdm, 1girl", "zdm", "zdm, 1girl"),
        ("ZDM, 1girl", "zdm", "ZDM, 1girl"),
        ("zdm standing in a park", "zdm", "zdm standing in a park"),
        ("zdmx, 1girl", "zdm", "zdm, zdmx, 1girl"),
        ("zdm_x, 1girl", "zdm", "zdm, zdm_x, 1girl"),
        ("zdm-x, 1girl", "zdm", "zdm, zdm-x, 1girl"),
        ("1girl, ZDM, smile", "zdm", "zdm, 1girl, smile"),
        ("1girl, zdm, smile", "zdm", "zdm, 1girl, smile"),
        ("", "zdm", "zdm"),
        (" ,, ", "zdm", "zdm"),
        ("1girl, smile", "", "1girl, smile"),
        ("まめ、少女", "まめ", "まめ、少女"),
        ("1girl", "two words", "two words, 1girl"),
    ],
)
def test_the_trigger_is_put_first_once(text: str, trigger: str, expected: str) -> None:
    """D8."""
    assert _final(text, trigger=trigger) == expected


def test_only_the_first_line_counts() -> None:
    assert _final("\n\n1girl, smile\nsecond line, other\n") == "1girl, smile"


def test_without_any_rule_the_line_stays_as_it_was_written() -> None:
    assert _final("1girl,smile ,  shorts") == "1girl,smile ,  shorts"


def test_with_one_kept_token_the_trigger_is_the_kept_one_and_the_rest_is_shuffled() -> None:
    """D8 with F17: the trigger counts as the first kept tag."""
    seen = {_final(TAGS, trigger="zdm", shuffle=True, keep_tokens=1, seed=seed) for seed in range(40)}
    assert all(caption.startswith("zdm, ") for caption in seen)
    assert len({caption.split(", ")[1] for caption in seen}) == 6


def test_with_two_kept_tokens_trigger_and_first_tag_stay() -> None:
    """Trap 10 of facts/trainers.md 6: keep_tokens with shuffle."""
    seen = {_final(TAGS, trigger="zdm", shuffle=True, keep_tokens=2, seed=seed) for seed in range(20)}
    assert len(seen) > 1
    assert all(caption.startswith("zdm, 1girl, ") for caption in seen)


def test_with_no_kept_tokens_the_trigger_still_stays_first() -> None:
    seen = {_final(TAGS, trigger="zdm", shuffle=True, keep_tokens=0, seed=seed) for seed in range(20)}
    assert all(caption.startswith("zdm, ") for caption in seen)


def test_tags_are_dropped_at_their_rate_but_never_the_kept_ones() -> None:
    counts: Counter[str] = Counter()
    for seed in range(600):
        counts.update(split_tags(_final(TAGS, trigger="zdm", tag_dropout_rate=0.25, keep_tokens=2, seed=seed)))
    assert counts["zdm"] == counts["1girl"] == 600
    assert all(400 < counts[tag] < 500 for tag in split_tags(TAGS)[1:])


def test_tag_dropout_alone_keeps_the_order() -> None:
    kept = split_tags(_final(TAGS, tag_dropout_rate=0.5, keep_tokens=0))
    assert kept == [tag for tag in split_tags(TAGS) if tag in kept]


def test_caption_dropout_leaves_nothing_not_even_the_trigger_at_its_rate() -> None:
    empty = sum(_final(TAGS, trigger="zdm", dropout_rate=0.3, seed=seed) == "" for seed in range(1000))
    assert 250 < empty < 350


def test_chance_is_read_only_where_a_rule_asks_for_it() -> None:
    """So that a rule switched on does not change what another draws without it."""
    rng = random.Random(5)
    before = rng.getstate()
    final_caption(TAGS, CaptionRules(), trigger="zdm", rng=rng, epoch=1)
    assert rng.getstate() == before
    assert not captions_vary(CaptionRules())
    assert captions_vary(CaptionRules(dropout_rate=0.1))
    assert captions_vary(CaptionRules(tag_dropout_rate=0.1))
    assert captions_vary(CaptionRules(shuffle=True))


@given(captions(), st.integers(0, 12), st.integers(0, 2**32), st.one_of(st.just(""), tags()))
def test_shuffling_keeps_every_tag_and_the_kept_ones_in_front(text: str, keep: int, seed: int, trigger: str) -> None:
    """F16, F17."""
    plain = split_tags(_final(text, trigger=trigger))
    shuffled = split_tags(_final(text, trigger=trigger, shuffle=True, keep_tokens=keep, seed=seed))
    assert Counter(shuffled) == Counter(plain)
    num_kept = max(keep, 1 if trigger else 0)
    assert shuffled[:num_kept] == plain[:num_kept]


@given(captions(), tags(), st.booleans(), st.integers(0, 3), st.floats(0, 1))
def test_a_caption_that_is_not_dropped_always_begins_with_the_trigger(
    text: str, trigger: str, shuffle: bool, keep: int, rate: float
) -> None:
    """D8."""
    out = _final(text, trigger=trigger, shuffle=shuffle, keep_tokens=keep, tag_dropout_rate=rate)
    assert out.casefold().startswith(trigger.casefold())


@given(captions(), tags())
def test_putting_the_trigger_twice_is_putting_it_once(text: str, trigger: str) -> None:
    once = _final(text, trigger=trigger)
    assert _final(once, trigger=trigger) == once


@given(captions(), st.integers(0, 100), st.integers(0, 100))
def test_a_caption_is_a_function_of_seed_epoch_and_picture(text: str, epoch: int, picture: int) -> None:
    rules = CaptionRules(shuffle=True, tag_dropout_rate=0.3, dropout_rate=0.1)
    first, second = (
        final_caption(text, rules, trigger="zdm", rng=random_for(42, "caption", epoch, picture), epoch=epoch)
        for _ in range(2)
    )
    assert first == second


def test_every_nth_epoch_has_no_captions_and_the_others_have() -> None:
    """F28: sd-scripts counts epochs from 1 and leaves the captions out of n, 2n, …"""
    assert [_final(TAGS, epoch=epoch, dropout_every_n_epochs=3) == "" for epoch in range(1, 8)] == [
        False, False, True, False, False, True, False,
    ]  # fmt: skip
    assert captions_vary(CaptionRules(dropout_every_n_epochs=2))


def test_what_is_weighted_together_is_shuffled_and_dropped_together() -> None:
    """F18: a comma within brackets parts no tags; without weighting it does, as in sd-scripts."""
    text = r"(hat, boots:1.2), smile \(fate, cup\), [a, b"
    assert split_weighted_tags(text) == ["(hat, boots:1.2)", r"smile \(fate", r"cup\)", "[a, b"]
    assert split_weighted_tags("a), b, c") == ["a)", "b", "c"], "a bracket that was never opened holds nothing"
    parted = {_final("(hat, boots), smile", shuffle=True, keep_tokens=0, seed=seed) for seed in range(20)}
    assert "boots), (hat, smile" in parted
    for seed in range(20):
        fed = _final("(hat, boots:1.2), smile, cup", weighted=True, shuffle=True, keep_tokens=0, seed=seed)
        assert sorted(split_weighted_tags(fed)) == ["(hat, boots:1.2)", "cup", "smile"]
