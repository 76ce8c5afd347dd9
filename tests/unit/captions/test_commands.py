"""Commands on captions (E2, E3): what each does, the rest stays as written, and the trigger stays first (D8)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.captions.entities import (
    AddTags,
    AppendText,
    Command,
    CommandContext,
    CommandRefused,
    CopyCaption,
    DeleteTags,
    OrderTags,
    PatternRefused,
    PrependText,
    RemoveDuplicates,
    RenameTags,
    ReplaceText,
    RespellTags,
    SetCaption,
    SortTags,
)
from enogu.captions.rules.commands import apply_command
from enogu.captions.rules.text import begins_with, key_of, tags_of
from enogu.captions.rules.union import collect_tags, count_tags, union_of


def after(text: str, command: Command, trigger: str = "zdm") -> str:
    context = CommandContext(
        trigger, {"smile": 9, "hat": 4}, {"hat": "meta", "smile": "general"}, {"a": text, "b": "zdm, other"}
    )
    changes = apply_command(command, {"a": ("a.png", text)}, {"a"}, context)
    return changes.changed[0].after if changes.changed else text


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (AddTags(("hat", "Smile")), "zdm, smile, black_hair, hat"),
        (AddTags(("hat",), "first"), "zdm, hat, smile, black_hair"),
        (AddTags(("hat",), "before", "black hair"), "zdm, smile, hat, black_hair"),
        (AddTags(("hat",), "after", "smile"), "zdm, smile, hat, black_hair"),
        (AddTags(("hat",), "after", "boots"), "zdm, smile, black_hair"),
        (AddTags(("hat",), "before", "zdm"), "zdm, hat, smile, black_hair"),
        (DeleteTags(("black hair", "zdm")), "zdm, smile"),
        (DeleteTags(("zdm",), with_trigger=True), "smile, black_hair"),
        (RenameTags(("black hair",), "red hair"), "zdm, smile, red hair"),
        (RenameTags(("smile", "black hair"), "grin"), "zdm, grin"),
        (ReplaceText("smile", "grin"), "zdm, grin, black_hair"),
        (ReplaceText("zdm, smile", "hat"), "zdm, hat, black_hair"),
        (ReplaceText(r"(\w+)_hair", r"\1 fur", is_pattern=True, scope="tag"), "zdm, smile, black fur"),
        (ReplaceText(r"^smile$", "", is_pattern=True, scope="tag"), "zdm, black_hair"),
        (OrderTags(("black hair",)), "zdm, black_hair, smile"),
        (SortTags("alphabet"), "zdm, black_hair, smile"),
        (SortTags("count"), "zdm, smile, black_hair"),
        (PrependText("best"), "zdm, best, smile, black_hair"),
        (AppendText("a girl, smiling"), "zdm, smile, black_hair, a girl, smiling"),
        (RemoveDuplicates(), "zdm, smile, black_hair"),
        (SetCaption("hat, boots"), "zdm, hat, boots"),
        (CopyCaption("b"), "zdm, other"),
        (RespellTags("spaces"), "zdm, smile, black hair"),
    ],
)
def test_each_command_does_what_it_says(command: Command, expected: str) -> None:
    """E2, E3."""
    assert after("zdm, smile, black_hair", command) == expected


def test_what_a_command_does_not_concern_stays_as_it_was_written() -> None:
    text = "zdm,smile ,  (black hair:1.2),\nA girl stands, smiling, in a field."
    assert after(text, DeleteTags(("smile",))) == "zdm ,  (black hair:1.2),\nA girl stands, smiling, in a field."
    assert after(text, RenameTags(("black hair",), "red hair")) == text.replace("black", "red")


def test_duplicates_in_another_spelling_are_removed() -> None:
    """E3."""
    assert after("zdm, black hair, Black_Hair, (black hair:1.2), hat", RemoveDuplicates()) == "zdm, black hair, hat"


def test_words_name_the_command_and_how_many_pictures() -> None:
    captions = {str(number): (f"{number}.png", "zdm, smile, hat") for number in range(3)}
    changes = apply_command(DeleteTags(("smile", "hat")), captions, {"0", "1"}, CommandContext("zdm"))
    assert (changes.words, changes.num_selected) == ("delete smile, hat from 2 pictures", 2)
    assert [one.picture_id for one in changes.changed] == ["0", "1"]


@pytest.mark.parametrize(
    "command",
    [
        AddTags(()),
        AddTags(("a, b",)),
        AddTags((" ",)),
        AddTags(("a",), "before"),
        RenameTags(("zdm",), "other"),
        RenameTags(("hat",), "a\nb"),
        PrependText(" , "),
        CopyCaption("nobody"),
        SetCaption("a" * 30_000),
    ],
)
def test_commands_that_make_no_sense_are_refused(command: Command) -> None:
    with pytest.raises(CommandRefused):
        after("zdm, hat", command)


@pytest.mark.parametrize(
    "pattern",
    ["(", "", "a" * 600, r"(?:(?:a?){9999}){9999}", r"(a{40}){40}", r"(?R)", r"(a)(?1)", r"(?P<x>a)(?&x)", r"a{2000}"],
)
def test_patterns_that_cost_too_much_are_refused_before_they_are_compiled(pattern: str) -> None:
    with pytest.raises(PatternRefused):
        after("zdm, hat", ReplaceText(pattern, "x", is_pattern=True))


def test_a_pattern_that_runs_away_is_stopped_within_its_second() -> None:
    start = time.monotonic()
    with pytest.raises(PatternRefused, match="longer than"):
        after("a" * 3000 + "!", ReplaceText(r"(a+)+$", "x", is_pattern=True))
    assert time.monotonic() - start < 5


def test_a_replacement_that_makes_a_caption_too_long_is_refused() -> None:
    with pytest.raises(PatternRefused, match="characters"):
        after("a" * 900, ReplaceText("a", "b" * 400))


@pytest.mark.parametrize("replacement", [r"\9", r"\g<none>"])
def test_a_replacement_with_an_unknown_group_is_refused(replacement: str) -> None:
    with pytest.raises(PatternRefused):
        after("zdm, hat", ReplaceText("hat", replacement, is_pattern=True))


TAGS = st.sampled_from(["smile", "black hair", "Black_Hair", "hat", "(hat:1.2)", "zdm", ":(", "saber \\(fate\\)"])
TAG_TUPLES = st.lists(TAGS, min_size=1, max_size=3).map(tuple)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(AddTags, TAG_TUPLES, st.sampled_from(["first", "last"])),
    st.builds(AddTags, TAG_TUPLES, st.sampled_from(["before", "after"]), TAGS),
    st.builds(DeleteTags, TAG_TUPLES),
    st.builds(RenameTags, TAG_TUPLES.filter(lambda tags: "zdm" not in tags), TAGS),
    st.builds(ReplaceText, st.sampled_from(["zdm", "a", ", ", "smile"]), st.sampled_from(["", "x", ", "]),
              st.booleans(), st.sampled_from(["caption", "tag"])),
    st.builds(OrderTags, TAG_TUPLES),
    st.builds(SortTags, st.sampled_from(["count", "alphabet", "category"])),
    st.builds(PrependText, TAGS),
    st.builds(AppendText, TAGS),
    st.just(RemoveDuplicates()),
    st.builds(SetCaption, st.sampled_from(["", "hat", "smile, zdm"])),
    st.just(CopyCaption("1")),
    st.builds(RespellTags, st.sampled_from(["spaces", "underscores"])),
)  # fmt: skip
CAPTIONS = st.lists(TAGS, max_size=6).map(lambda tags: ", ".join(["zdm", *tags]))


@given(st.lists(CAPTIONS, min_size=2, max_size=5), st.sets(st.integers(0, 4)), COMMANDS)
def test_no_command_loses_the_trigger_or_touches_pictures_that_are_not_selected(
    texts: list[str], chosen: set[int], command: Command
) -> None:
    """D8, E2."""
    captions = {str(number): (f"{number}.png", text) for number, text in enumerate(texts)}
    selected = {str(number) for number in chosen if number < len(texts)}
    context = CommandContext("zdm", count_tags(texts), {}, {key: text for key, (_, text) in captions.items()})
    changes = apply_command(command, captions, selected, context)
    for one in changes.changed:
        assert one.picture_id in selected
        assert one.before == captions[one.picture_id][1] != one.after
        assert begins_with(one.after, "zdm") or key_of(tags_of(one.after)[0]) == "zdm"


@given(st.lists(CAPTIONS, min_size=1, max_size=5), TAG_TUPLES)
def test_a_deleted_tag_is_nowhere_and_all_others_are_where_they_were(texts: list[str], tags: tuple[str, ...]) -> None:
    """E2."""
    captions = {str(number): ("x", text) for number, text in enumerate(texts)}
    changes = apply_command(DeleteTags(tags), captions, set(captions), CommandContext("zdm"))
    gone = {key_of(tag) for tag in tags} - {"zdm"}
    texts_after = {key: text for key, (_, text) in captions.items()} | {
        one.picture_id: one.after for one in changes.changed
    }
    for key, (_, before) in captions.items():
        assert tags_of(texts_after[key]) == [tag for tag in tags_of(before) if key_of(tag) not in gone]


def test_the_union_counts_pictures_and_shows_the_most_frequent_spelling() -> None:
    """E1."""
    texts = ["zdm, hat, black hair, black_hair", "zdm, black hair, (hat:1.2)", "zdm, Hat, smile"]
    union = union_of(collect_tags(texts), trigger="zdm", categories={"smile": "general"}, order="count")
    assert [(one.shown, one.count, one.category) for one in union] == [
        ("zdm", 3, "trigger"), ("hat", 3, "unknown"), ("black hair", 2, "unknown"), ("smile", 1, "general")
    ]  # fmt: skip
    assert [one.key for one in union_of(collect_tags(texts), trigger="zdm", order="alphabetical")] == [
        "zdm", "black hair", "hat", "smile"
    ]  # fmt: skip
    assert union_of(collect_tags(texts), order="category", categories={"smile": "character"})[0].key == "smile"
    assert union_of(collect_tags(texts), spelling="underscores")[2].shown == "black_hair"
