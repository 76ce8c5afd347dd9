"""The trait advisor (E6): the article's nine tags, the shipped set, and kinds of tags it never saw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu import starter_data
from enogu.captions.rules.traits import advise, kind_of
from enogu.captions.rules.union import count_tags
from tests.unit.captions.article import CAPTIONS, NINE_TAGS, TRIGGER


def test_the_outfit_level_proposes_the_nine_tags_of_the_article() -> None:
    """E6."""
    advice = advise(count_tags(CAPTIONS), 7, "outfit", trigger=TRIGGER)
    assert {one.key for one in advice.proposals} == set(NINE_TAGS)
    assert {one.key for one in advice.kept} >= {"1boy", "solo"}
    assert all(one.reason_code == "promptable" for one in advice.kept)


def test_the_identity_level_leaves_the_clothes_and_says_so() -> None:
    """E6."""
    advice = advise(count_tags(CAPTIONS), 7, "identity", trigger=TRIGGER)
    assert [one.key for one in advice.proposals] == ["black hair", "short hair", "ahoge"]
    first = advice.proposals[0]
    assert (first.count, first.num_pictures, first.kind, first.reason_code) == (7, 7, "hair", "shared_identity")
    assert first.reason.startswith("7 of 7 pictures have it, and it is hair")
    assert {one.key: one.reason_code for one in advice.kept}["red scarf"] == "outfit_kept"


def test_the_shipped_set_gets_the_advice_that_its_demo_follows() -> None:
    """E6, C7."""
    files = sorted(starter_data.path("pictures", "mame_kohya").glob("*/*.txt"))
    advice = advise(count_tags(file.read_text() for file in files), 7, "outfit", trigger="mame")
    assert {one.key for one in advice.proposals} == {
        "green hair", "bob cut", "bangs", "bean pod ears", "vine curl", "suspenders", "collared shirt", "yellow shirt",
        "shorts", "brown shorts", "light skin",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "group", "kind"),
    [
        ("hair ribbon", "outfit", "accessory"),
        ("aqua eyes", "identity", "eyes"),
        ("fox ears", "identity", "ears"),
        ("very long hair", "identity", "hair"),
        ("hair between eyes", "identity", "hair"),
        ("frilled apron", "outfit", "clothes"),
        ("sleeves past wrists", "outfit", "clothes"),
        ("knee boots", "outfit", "legwear"),
        ("closed eyes", "never", "expression"),
        ("holding hat", "never", "pose"),
        ("unworn hat", "never", "pose"),
        ("2girls", "never", "count"),
        ("6+boys", "never", "count"),
        ("looking to the side", "never", "view"),
        ("blurry background", "never", "background"),
        ("quasar", "unknown", ""),
    ],
)
def test_kinds_follow_from_the_words_of_a_tag(tag: str, group: str, kind: str) -> None:
    """E6."""
    assert kind_of(tag) == (group, kind)


def test_a_category_of_a_vocabulary_goes_before_the_words() -> None:
    assert kind_of("blue hat", "copyright")[0] == "never"
    assert kind_of("saber (fate)", "character") == ("identity", "character")


@given(st.lists(st.sampled_from([*NINE_TAGS, "zdm", "1boy", "smile", "A b c d."]), max_size=8), st.integers(0, 9))
def test_advice_never_names_the_trigger_and_only_what_is_there(tags: list[str], more: int) -> None:
    counts = count_tags([", ".join(tags)] * 3)
    advice = advise(counts, 3 + more, "outfit", trigger="zdm")
    named = {one.key for one in advice.proposals} | {one.key for one in advice.kept}
    assert named <= set(counts) - {"zdm"}


def test_no_pictures_give_no_advice() -> None:
    assert advise({}, 0, "outfit").proposals == ()
