"""The union of a dataset's captions: each tag with the number of pictures that have it (E1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from enogu.captions.entities import Category, Spelling, UnionOrder, UnionTag
from enogu.captions.rules.commands import CATEGORY_ORDER
from enogu.captions.rules.text import core_of, key_of, spelled, tags_of


@dataclass(frozen=True)
class TagCounts:
    """What the captions of a set come to, in one pass over them."""

    counts: Mapping[str, int]
    """Pictures per tag key, in the order first seen; a tag that stands twice in a caption counts once."""
    spellings: Mapping[str, str]
    """The most frequent spelling of each, without weights."""


def collect_tags(captions: Iterable[str]) -> TagCounts:
    """Count every tag of these captions."""
    counts: dict[str, int] = {}
    written: dict[str, Counter[str]] = {}
    keys: dict[str, str] = {}
    for caption in captions:
        seen: set[str] = set()
        for tag in tags_of(caption):
            key = keys.get(tag)
            if key is None:
                key = keys[tag] = key_of(tag)
                written.setdefault(key, Counter())
            if key not in seen:
                seen.add(key)
                counts[key] = counts.get(key, 0) + 1
                written[key][tag] += 1
    return TagCounts(counts, {key: core_of(found.most_common(1)[0][0]) for key, found in written.items()})


def count_tags(captions: Iterable[str]) -> Mapping[str, int]:
    """Pictures per tag key, in the order first seen."""
    return collect_tags(captions).counts


def union_of(
    tags: TagCounts,
    *,
    trigger: str = "",
    categories: Mapping[str, Category] | None = None,
    translations: Mapping[str, str] | None = None,
    spelling: Spelling = "as_written",
    order: UnionOrder = "count",
) -> tuple[UnionTag, ...]:
    """Every tag, in its most frequent spelling. The trigger is first in every order."""
    triggers = {key_of(one) for one in tags_of(trigger)}
    known = categories or {}
    union = [
        UnionTag(
            key=key,
            shown=spelled(tags.spellings[key], spelling),
            count=count,
            category="trigger" if key in triggers else known.get(key, "unknown"),
            is_trigger=key in triggers,
            translation=(translations or {}).get(key, ""),
        )
        for key, count in tags.counts.items()
    ]
    if order == "count":
        union.sort(key=lambda one: -one.count)
    elif order == "alphabetical":
        union.sort(key=lambda one: one.key)
    elif order == "category":
        union.sort(key=lambda one: (CATEGORY_ORDER.index(one.category), -one.count))
    return tuple(sorted(union, key=lambda one: not one.is_trigger))
