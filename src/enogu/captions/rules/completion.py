"""What may be meant while somebody types: small vocabularies held in memory, and the order of proposals (E4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Literal

from enogu.captions.entities import Completion, KnownTag, Spelling
from enogu.captions.rules.text import key_of, spelled
from enogu.captions.rules.vocabulary_file import prefixes_of

MOST_COMPLETIONS = 50
_MOST_SCANNED = 20_000

Ranked = tuple[int, int, KnownTag, str]
"""How well it fits (0 best), count, the tag, what was met when that is not its name."""
Source = Literal["own", "tagger", "imported"]


class PrefixIndex:
    """Tags by everything one may begin to type for them, sorted."""

    def __init__(self, tags: Iterable[KnownTag]) -> None:
        self.tags = tuple(tags)
        self._entries = sorted(
            (key, kind, place) for place, tag in enumerate(self.tags) for key, kind in prefixes_of(tag)
        )

    def find(self, typed: str, limit: int) -> list[Ranked]:
        """The best ``limit``, best first. ``typed`` is a key."""
        best: dict[int, tuple[int, str]] = {}
        start = bisect_left(self._entries, (typed,))
        for at in range(start, min(len(self._entries), start + _MOST_SCANNED)):
            key, kind, place = self._entries[at]
            if not key.startswith(typed):
                break
            if place not in best or kind < best[place][0]:
                best[place] = (kind, key)
        found = [
            (kind, self.tags[place].count, self.tags[place], key if kind >= 2 else "")
            for place, (kind, key) in best.items()
        ]
        return sorted(found, key=lambda one: (one[0], -one[1], one[2].name))[:limit]


def merged(
    sources: Sequence[tuple[Source, Sequence[Ranked]]], translations: dict[str, str], spelling: Spelling, limit: int
) -> tuple[Completion, ...]:
    """One list of all sources: names before later words, before aliases, before translations; in each one's own tags
    first, then by count. A tag of several sources is shown once, with the count of the first.
    """
    order: dict[Source, int] = {"own": 0, "tagger": 1, "imported": 1}
    ranked = sorted(
        ((kind, order[source], -count, tag.name, place) for place, (source, found) in enumerate(sources)
         for kind, count, tag, _ in found)
    )  # fmt: skip
    by_place = [{tag.name: (tag, matched) for _, _, tag, matched in found} for _, found in sources]
    shown: dict[str, Completion] = {}
    for _, _, _, name, place in ranked:
        tag, matched = by_place[place][name]
        key = key_of(name)
        if key in shown:
            continue
        category, translation = tag.category, tag.translation or translations.get(key, "")
        for others in by_place:
            if category == "unknown" and name in others:
                category = others[name][0].category
        shown[key] = Completion(
            spelled(tag.name, spelling),
            category,
            tag.count,
            sources[place][0],
            translation,
            matched,
        )
        if len(shown) >= limit:
            break
    return tuple(shown.values())
