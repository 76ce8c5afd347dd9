"""Names in zips that do not say how they are written (product D1; issue 3, section 5)."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.datasets.incoming.archive_names import find_encoding, printable, why_refused
from enogu.datasets.incoming.sources import ZipSource
from tests.unit.datasets.incoming import zips


def names_of(data: bytes) -> list[str]:
    return [file.path for file in ZipSource(io.BytesIO(data), "a.zip").files]


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        (["日本語.png", "豆 (1).png"], "cp932"),
        (["a豆.png"], "cp932"),
        (["表示.png"], "cp932"),  # 表 ends with the byte of a backslash
        (["ｶﾞｿﾞｳ.png"], "cp932"),
        (["夏の写真/海 01.jpg"], "cp932"),
        (["日本語.png", "é.png"], "utf-8"),
        (["が.png"], "utf-8"),
        (["über.png"], "cp437"),
        (["Köln.png"], "cp437"),
        (["été.png", "señor.png"], "cp437"),
        (["plain.png"], "cp437"),
    ],
)
def test_names_are_shown_right_in_each_encoding(names: list[str], encoding: str) -> None:
    data = zips.with_raw_names({name.encode(encoding): b"x" for name in names})
    assert names_of(data) == names


def test_a_flagged_name_stays_what_it_is_beside_names_in_shift_jis() -> None:
    flagged = zips.packed({"é.png": b"x"})
    assert names_of(flagged) == ["é.png"]
    assert find_encoding(["豆.png".encode("cp932"), "海.png".encode("cp932")]) == "cp932"


def test_a_decomposed_name_of_a_mac_is_composed() -> None:
    assert names_of(zips.packed({"が.png": b"x"})) == ["が.png"]


def test_the_unicode_field_counts_when_it_belongs_to_the_name() -> None:
    raw = "豆.png".encode("cp932")
    assert names_of(zips.with_extra_name(raw, "ひよこ豆.png")) == ["ひよこ豆.png"]
    assert names_of(zips.with_extra_name(raw, "other.png", checksum=1)) == ["豆.png"]


def test_a_refused_name_is_shown_in_one_line() -> None:
    assert printable("a/b\n\u202e.png") == "b??.png"
    assert printable("") == "A file without a name"
    assert why_refused("a/b.png") is None and why_refused("a..b/c...png") is None


KANA_AND_KANJI = st.sampled_from("あいうかがきくまめりんごアイウカラスー日本語夏海写真絵豆表示能予画像一人少女髪")


@given(st.lists(st.text(KANA_AND_KANJI, min_size=2, max_size=8), min_size=1, max_size=5))
def test_japanese_names_come_back_from_shift_jis(names: list[str]) -> None:
    encoded = [f"{name}.png".encode("cp932") for name in names]
    assert [name.decode(find_encoding(encoded)) for name in encoded] == [f"{name}.png" for name in names]


@given(st.lists(st.binary(max_size=30), max_size=4))
def test_every_name_can_be_shown_somehow(names: list[bytes]) -> None:
    encoding = find_encoding(names)
    assert all(isinstance(name.decode(encoding), str) for name in names)
