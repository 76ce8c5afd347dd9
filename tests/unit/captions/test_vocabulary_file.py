"""Lists of tags that people bring (E4): every layout, bounds, and what one may begin to type."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.captions.entities import KnownTag, VocabularyRefused
from enogu.captions.rules import vocabulary_file
from enogu.captions.rules.completion import PrefixIndex, merged
from enogu.captions.rules.vocabulary_file import ReadingReport, prefixes_of, read_tags


def read(text: str | bytes) -> tuple[list[KnownTag], ReadingReport]:
    report = ReadingReport()
    data = text.encode() if isinstance(text, str) else text
    return list(read_tags(io.BytesIO(data), report)), report


@pytest.mark.parametrize(
    "text",
    [
        '1girl,0,4114588,"1girls,sole_female"\n',
        'name,type,count,aliases\n1girl,0,4114588,"1girls,sole_female"\n',
        '\ufeff1girl,0,4114588,"1girls,sole_female"\r\n',
        'name,category,post_count,aliases\n1girl,general,4114588,"1girls,sole_female"\n',
    ],
)
def test_a_danbooru_csv_is_read_with_or_without_a_header(text: str) -> None:
    """E4."""
    assert read(text)[0] == [KnownTag("1girl", "general", 4114588, ("1girls", "sole_female"))]


def test_translations_come_as_a_fifth_column_or_as_a_file_of_their_own() -> None:
    """E4."""
    assert read("smile,0,9,,笑顔\n")[0] == [KnownTag("smile", "general", 9, (), "笑顔")]
    assert read("smile,笑顔\nhat,帽子\n")[0][1] == KnownTag("hat", "general", 0, (), "帽子")
    assert read("tag_id,name,category,count\n1,smile,0,5\n")[0] == [KnownTag("smile", "general", 5)]


def test_rows_that_do_not_fit_are_left_out_and_counted() -> None:
    tags, report = read('smile,0,9,\nbad,99,1,\n"a,b",0,1,\nx,0,many,\n\nhat,0,1,\n')
    assert [one.name for one in tags] == ["smile", "hat"]
    assert (report.num_read, report.num_left_out) == (2, 3)


@pytest.mark.parametrize("text", ["", "\n\n", "{}", "smile\n", b"\xff\xfe\x00", "name,type,count\n", '"open,0,1'])
def test_files_that_hold_no_tags_are_refused(text: str | bytes) -> None:
    with pytest.raises(VocabularyRefused):
        read(text)


def test_more_rows_than_are_accepted_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary_file, "MOST_ROWS", 3)
    with pytest.raises(VocabularyRefused, match="more than 3 rows"):
        read("a,0,1,\n" * 5)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read(data)
    except VocabularyRefused as refused:
        assert refused.message


def test_a_tag_is_found_by_name_later_word_alias_and_translation() -> None:
    """E4."""
    tag = KnownTag("black_hair", "general", 5, ("dark_hair",), "黒髪")
    assert list(prefixes_of(tag)) == [("black hair", 0), ("hair", 1), ("dark hair", 2), ("黒髪", 3)]


def test_names_come_before_later_words_before_aliases_and_own_tags_first() -> None:
    """E4."""
    index = PrefixIndex(
        [
            KnownTag("hair_ribbon", "general", 5),
            KnownTag("black_hair", "general", 900),
            KnownTag("mane", "general", 9999, ("hairy",)),
            KnownTag("hairclip", "general", 50),
        ]
    )
    found = index.find("hair", 10)
    assert [one[2].name for one in found] == ["hairclip", "hair_ribbon", "black_hair", "mane"]
    own = PrefixIndex([KnownTag("hair ribbon", "unknown", 2)]).find("hair", 10)
    shown = merged([("own", own), ("imported", found)], {"mane": "たてがみ"}, "spaces", 10)
    assert [(one.name, one.source) for one in shown][:2] == [("hair ribbon", "own"), ("hairclip", "imported")]
    assert (shown[-1].matched, shown[-1].translation) == ("hairy", "たてがみ")
    assert index.find("zzz", 10) == []
