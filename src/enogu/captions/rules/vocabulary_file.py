"""Lists of tags that people bring: danbooru CSV, with a translation or without, and files of translations (E4).

Three layouts, told apart by the header or by the second column of the first rows:

* ``name,type,count,"alias,alias"[,translation]``: as tag completion for A1111 has it; the header may be missing.
* ``tag_id,name,category,count``: WD14's own ``selected_tags.csv``.
* ``tag,translation``: translations alone.

Rows that do not fit are left out and counted; a file in which none fits is refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from enogu.captions.entities import Category, KnownTag, VocabularyRefused
from enogu.captions.rules.text import key_of

MOST_FILE_BYTES = 50 * 2**20
MOST_ROWS = 500_000
MOST_NAME_CHARACTERS = 200
MOST_ALIASES = 40

CATEGORIES: dict[str, Category] = {
    "0": "general", "1": "artist", "3": "copyright", "4": "character", "5": "meta", "9": "rating",
    "general": "general", "artist": "artist", "copyright": "copyright", "character": "character", "meta": "meta",
    "rating": "rating",
}  # fmt: skip


@dataclass
class ReadingReport:
    """Counted while the tags are taken from ``read_tags``."""

    num_read: int = 0
    num_left_out: int = 0


def read_tags(file: IO[bytes], report: ReadingReport) -> Iterator[KnownTag]:
    """The tags, one by one, without holding the file. Raises VocabularyRefused: not UTF-8, too many rows, none fits."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        rows = csv.reader(text)
        layout: _Layout | None = None
        for number, row in enumerate(rows):
            if number > MOST_ROWS:
                raise VocabularyRefused(f"The file has more than {MOST_ROWS:,} rows.", "Leave out the rarest tags.")
            if not row or not row[0].strip() or row[0].startswith("#"):
                continue
            if layout is None:
                layout = _layout_of(row)
                if layout.is_header:
                    continue
            tag = _tag_of(row, layout)
            if tag is None:
                report.num_left_out += 1
            else:
                report.num_read += 1
                yield tag
    except UnicodeDecodeError as error:
        raise VocabularyRefused("The file is not UTF-8.", "Save it as UTF-8.") from error
    except csv.Error as error:
        raise VocabularyRefused(f"The file is no CSV ({error}).", _CURE) from error
    finally:
        text.detach()
    if not report.num_read:
        raise VocabularyRefused("The file holds no tags.", _CURE)


def prefixes_of(tag: KnownTag) -> Iterator[tuple[str, int]]:
    """What somebody may begin to type to find the tag, and how well that fits: 0 its name, 1 a later word of it, 2 an
    alias, 3 the translation.
    """
    seen: set[str] = set()
    name = key_of(tag.name)
    yield from _once(name, 0, seen)
    words = name.split()
    for start in range(1, min(len(words), 8)):
        yield from _once(" ".join(words[start:]), 1, seen)
    for alias in tag.aliases:
        yield from _once(key_of(alias), 2, seen)
    if tag.translation:
        for one in tag.translation.replace("、", ",").split(","):
            yield from _once(key_of(one), 3, seen)


@dataclass(frozen=True)
class _Layout:
    is_header: bool
    name: int = 0
    category: int | None = None
    count: int | None = None
    aliases: int | None = None
    translation: int | None = None


def _layout_of(first: list[str]) -> _Layout:
    lowered = [one.strip().lower() for one in first]
    if "name" in lowered or "tag" in lowered:
        place = {name: lowered.index(name) for name in lowered}
        return _Layout(
            True,
            place.get("name", place.get("tag", 0)),
            place.get("type", place.get("category")),
            place.get("count", place.get("post_count")),
            place.get("aliases", place.get("alias")),
            place.get("translation"),
        )
    if len(first) >= 3 and lowered[1] in CATEGORIES and lowered[2].isdecimal():
        return _Layout(False, 0, 1, 2, 3, 4)
    if len(first) == 2:
        return _Layout(False, translation=1)
    raise VocabularyRefused(f"The first row is '{','.join(first)[:80]}'.", _CURE)


def _tag_of(row: list[str], layout: _Layout) -> KnownTag | None:
    def cell(index: int | None) -> str:
        return row[index].strip() if index is not None and index < len(row) else ""

    name = cell(layout.name)
    kind, count = cell(layout.category).lower(), cell(layout.count)
    if not name or len(name) > MOST_NAME_CHARACTERS or "," in name or "\0" in "".join(row):
        return None
    if layout.category is not None and kind not in CATEGORIES:
        return None
    if count and not count.isdecimal():
        return None
    aliases = [one.strip() for one in cell(layout.aliases).split(",")]
    return KnownTag(
        name=name,
        category=CATEGORIES.get(kind, "general"),
        count=min(int(count[:18] or 0), 2**62),
        aliases=tuple(one for one in aliases if one and len(one) <= MOST_NAME_CHARACTERS)[:MOST_ALIASES],
        translation=cell(layout.translation)[:MOST_NAME_CHARACTERS],
    )


def _once(key: str, kind: int, seen: set[str]) -> Iterator[tuple[str, int]]:
    if key and key not in seen:
        seen.add(key)
        yield key, kind


_CURE = 'Give a CSV with the columns name,type,count,"aliases", or tag,translation.'
