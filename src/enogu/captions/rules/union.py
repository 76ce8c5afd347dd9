"""The union of a dataset's captions: each tag with the number of pictures that have it (E1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from enogu.captions.entities import Category, Spelling, UnionOrder, UnionTag
from enogu.captions.rules.commands import CATEGORY_ORDER
from enogu.captions.rules.text import core_of, key_of, spelled, tags_of


def count_tags(captions: Iterable[str]) -> dict[str, int]:
    """Pictures per tag key, in the order first seen; a tag that stands twice in a caption counts once."""
    counts: dict[str, int] = {}
    for caption in captions:
        for key in {key_of(tag): None for tag in tags_of(caption)}:
            counts[key] = counts.get(key, 0) + 1
    return counts


def union_of(
    captions: Iterable[str],
    *,
    trigger: str = "",
    categories: Mapping[str, Category] | None = None,
    translations: Mapping[str, str] | None = None,
    spelling: Spelling = "as_written",
    order: UnionOrder = "count",
) -> tuple[UnionTag, ...]:
    """Every tag, in its most frequent spelling. The trigger is first in every order."""
    counts: dict[str, int] = {}
    spellings: dict[str, Counter[str]] = {}
    for caption in captions:
        seen: set[str] = set()
        for tag in tags_of(caption):
            key = key_of(tag)
            if key not in seen:
                seen.add(key)
                counts[key] = counts.get(key, 0) + 1
                spellings.setdefault(key, Counter())[core_of(tag)] += 1
    triggers = {key_of(one) for one in tags_of(trigger)}
    known = categories or {}
    union = [
        UnionTag(
            key=key,
            shown=spelled(spellings[key].most_common(1)[0][0], spelling),
            count=count,
            category="trigger" if key in triggers else known.get(key, "unknown"),
            is_trigger=key in triggers,
            translation=(translations or {}).get(key, ""),
        )
        for key, count in counts.items()
    ]
    if order == "count":
        union.sort(key=lambda one: -one.count)
    elif order == "alphabetical":
        union.sort(key=lambda one: one.key)
    elif order == "category":
        union.sort(key=lambda one: (CATEGORY_ORDER.index(one.category), -one.count))
    return tuple(sorted(union, key=lambda one: not one.is_trigger))
