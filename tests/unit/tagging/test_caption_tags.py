"""Captions made of tags (product D7, D8, D9, D10)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.errors import StorageFailed
from enogu.tagging.caption_tags import (
    KAOMOJI,
    CaptionRules,
    NewCaption,
    caption_from_tags,
    join_tags,
    merge_captions,
    spell_tag,
    split_tags,
    write_captions,
)
from enogu.tagging.entities import Tag

TAGS = (
    Tag("safe", 0.9, "rating"),
    Tag("questionable", 0.4, "rating"),
    Tag("smile", 0.36, "general"),
    Tag("green_hair", 0.99, "general"),
    Tag("^_^", 0.5, "general"),
    Tag("hat", 0.35, "general"),
    Tag("mame_(bean)", 0.86, "character"),
    Tag("zdm", 0.84, "character"),
)


def test_tags_above_their_threshold_come_by_falling_probability() -> None:
    """D7: above, not at, the threshold; characters have their own; ratings stay out."""
    assert caption_from_tags(TAGS) == "green hair, mame (bean), ^_^, smile"


def test_the_threshold_can_be_set() -> None:
    assert caption_from_tags(TAGS, CaptionRules(general_threshold=0.6, character_threshold=0.5)) == (
        "green hair, mame (bean), zdm"
    )
    assert caption_from_tags(TAGS, CaptionRules(general_threshold=1.0, character_threshold=1.0)) == ""


def test_the_trigger_comes_first_and_once() -> None:
    """D8."""
    assert caption_from_tags(TAGS, CaptionRules(trigger="mame")).startswith("mame, green hair")
    assert caption_from_tags(TAGS, CaptionRules(trigger="Smile")) == "Smile, green hair, mame (bean), ^_^"


def test_underscores_are_one_setting() -> None:
    """D10."""
    assert caption_from_tags(TAGS, CaptionRules(with_underscores=True)) == "green_hair, mame_(bean), ^_^, smile"


@pytest.mark.parametrize("face", sorted(KAOMOJI))
def test_the_underscore_of_a_face_stays(face: str) -> None:
    assert spell_tag(face, CaptionRules()) == face


def test_parentheses_can_be_escaped_for_prompts() -> None:
    assert spell_tag("mame_(bean)", CaptionRules(escape_parentheses=True)) == r"mame \(bean\)"


def test_undesired_tags_are_left_out_in_either_spelling() -> None:
    rules = CaptionRules(undesired_tags=frozenset({"green hair", "mame_(bean)", "SMILE"}))
    assert caption_from_tags(TAGS, rules) == "^_^"


def test_the_most_probable_rating_can_be_added_last() -> None:
    assert caption_from_tags(TAGS, CaptionRules(with_rating=True)).endswith("smile, safe")


def test_appending_keeps_what_was_there_and_adds_what_is_new() -> None:
    """D9."""
    assert merge_captions("1girl, Green_Hair , my own words", "green hair, smile") == (
        "1girl, Green_Hair, my own words, smile"
    )
    assert merge_captions("1girl, mame, x", "smile, mame", trigger="mame") == "mame, 1girl, x, smile"
    assert merge_captions(r"mame \(bean\)", "mame (bean)") == r"mame \(bean\)"


tag_lists = st.lists(st.text(alphabet="ab_ ()\\,\nあ", max_size=8), max_size=6).map(", ".join)


@given(tag_lists, tag_lists, st.sampled_from(["", "mame", "a"]))
def test_merging_loses_nothing_repeats_nothing_and_is_stable(old: str, new: str, trigger: str) -> None:
    merged = merge_captions(old, new, trigger=trigger)
    tags = split_tags(merged)
    assert join_tags(tags) == merged
    spelled = [" ".join(tag.replace("\\(", "(").replace("\\)", ")").replace("_", " ").split()) for tag in tags]
    assert len(set(spelled)) == len(spelled)
    assert merge_captions(merged, new, trigger=trigger) == merged
    assert merge_captions(merged, old, trigger=trigger) == merged
    assert not trigger or tags[0] == trigger


def write(
    folder: Path, existing: str, old: str | None, *, given_text: bool = True, trigger: str = ""
) -> tuple[str, str]:
    picture = folder / "豆 1.png"
    caption = folder / "豆 1.txt"
    if old is not None:
        caption.write_text(old, encoding="utf-8")
    (done,) = write_captions(
        [NewCaption(picture, "green hair, smile", old if given_text else None)],
        existing,  # type: ignore[arg-type]  the parameter of a test
        trigger=trigger,
    )
    assert done.path == caption
    return done.outcome, caption.read_text(encoding="utf-8")


@pytest.mark.parametrize("existing", ["keep", "append", "overwrite"])
@pytest.mark.parametrize("old", [None, "", " \n"])
def test_where_there_is_no_caption_one_is_written(tmp_path: Path, existing: str, old: str | None) -> None:
    """D9."""
    assert write(tmp_path, existing, old, trigger="mame") == ("written", "mame, green hair, smile\n")


def test_existing_captions_are_kept_appended_to_or_overwritten(tmp_path: Path) -> None:
    """D9."""
    assert write(tmp_path, "keep", "mine, smile", trigger="mame") == ("kept", "mine, smile")
    assert write(tmp_path, "append", "mine, smile", trigger="mame") == ("appended", "mame, mine, smile, green hair\n")
    assert write(tmp_path, "overwrite", "mine, smile", trigger="mame") == ("overwritten", "mame, green hair, smile\n")


@pytest.mark.parametrize("existing", ["keep", "append"])
def test_a_caption_that_was_not_read_is_never_touched(tmp_path: Path, existing: str) -> None:
    assert write(tmp_path, existing, "mine", given_text=False) == ("kept", "mine")


def test_a_caption_that_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFailed):
        write_captions([NewCaption(tmp_path / "file" / "a.png", "x")])
