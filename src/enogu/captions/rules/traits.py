"""The trait advisor: which tags to delete, so that the trigger learns what they mean, and why (E6).

A tag that stays in the captions stays something to ask for; one that is deleted becomes part of what the trigger
means. So what a character always has goes: hair, eyes, ears, skin (level identity), and clothes when they are to
belong to the character, too (level outfit). What changes from picture to picture (face, pose, view, background) and
count words such as ``1girl`` keep their words. The words are in ``words/traits.toml``; shares follow the practice of
automatic character makers: a trait counts when most pictures have it, and one of the body sooner than a piece of
clothing, since taggers miss eyes and ears more often.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from enogu.captions.entities import Category
from enogu.captions.rules.text import is_sentence, key_of, tags_of

Level = Literal["identity", "outfit"]
Group = Literal["never", "identity", "outfit", "unknown"]
ReasonCode = Literal["shared_identity", "shared_outfit"]
KeptCode = Literal["promptable", "not_shared", "outfit_kept", "not_known"]

IDENTITY_SHARE = 0.3
OUTFIT_SHARE = 0.5
"""Of the pictures that have a caption."""
LEAST_PICTURES = 2
"""In at least so many, else one tagger's mistake would be advice; a set of one picture needs one."""


@dataclass(frozen=True)
class Proposal:
    """A tag to delete."""

    key: str
    count: int
    num_pictures: int
    kind: str
    """Such as ``hair`` or ``headwear``."""
    reason_code: ReasonCode
    reason: str


@dataclass(frozen=True)
class KeptTag:
    """A tag that many pictures share and that stays nevertheless."""

    key: str
    count: int
    num_pictures: int
    kind: str
    reason_code: KeptCode
    reason: str


@dataclass(frozen=True)
class Advice:
    """What the advisor says at one level."""

    level: Level
    proposals: tuple[Proposal, ...]
    kept: tuple[KeptTag, ...]


def advise(
    counts: Mapping[str, int],
    num_pictures: int,
    level: Level,
    *,
    trigger: str = "",
    categories: Mapping[str, Category] | None = None,
) -> Advice:
    """``counts`` are pictures per tag key, of ``num_pictures`` that have a caption. Most shared first."""
    proposals: list[Proposal] = []
    kept: list[KeptTag] = []
    triggers = {key_of(one) for one in tags_of(trigger)}
    least = min(LEAST_PICTURES, num_pictures)
    for key, count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        if key in triggers or num_pictures == 0:
            continue
        group, kind = kind_of(key, (categories or {}).get(key, "unknown"))
        share = count / num_pictures
        needed = {"identity": IDENTITY_SHARE, "outfit": OUTFIT_SHARE}.get(group)
        of = f"{count} of {num_pictures} pictures"
        if needed is not None and share >= needed and count >= least and (group == "identity" or level == "outfit"):
            words = _PROPOSED[group].format(of=of, kind=_KINDS.get(kind, kind))
            code: ReasonCode = "shared_identity" if group == "identity" else "shared_outfit"
            proposals.append(Proposal(key, count, num_pictures, kind, code, words))
        elif share >= OUTFIT_SHARE:
            why: KeptCode = "promptable" if group == "never" else "not_known" if needed is None else "outfit_kept"
            if needed is not None and group == "identity":
                why = "not_shared"
            kept.append(KeptTag(key, count, num_pictures, kind, why, _KEPT[why].format(of=of, kind=kind)))
    return Advice(level, tuple(proposals), tuple(kept))


@lru_cache(maxsize=20_000)
def kind_of(key: str, category: Category = "unknown") -> tuple[Group, str]:
    """Group and kind of a tag, by its category if that decides, else by its words."""
    if category in ("rating", "meta", "copyright", "artist"):
        return "never", "style"
    if is_sentence(key) or len(key) > 60:
        return "unknown", "sentence"
    if category == "character":
        return "identity", "character"
    plain = re.sub(r"\s*\([^()]*\)$", "", key).strip() or key
    if _COUNT_WORD.match(plain):
        return "never", "count"
    exact, last = _words()
    if plain in exact:
        return exact[plain]
    words = plain.split()
    if words[0] in _DOING or any(word in _STATES for word in words):
        return "never", "pose"
    by_last = last.get(words[-1]) or last.get(_singular(words[-1])) or ("unknown", "")
    is_joined = len(parts := _PREPOSITION.split(plain)) > 1
    if words[0] in _LIMBS and (is_joined or by_last[0] != "outfit"):
        return "never", "pose"
    if len(words) > 1 and words[0] in ("looking", "facing", "from"):
        return "never", "view"
    if is_joined:
        head = parts[0].split()[-1]
        return last.get(head) or last.get(_singular(head)) or ("unknown", "")
    return by_last


@lru_cache(maxsize=1)
def _words() -> tuple[dict[str, tuple[Group, str]], dict[str, tuple[Group, str]]]:
    """Whole tags, and single words that decide as the last one. What stays promptable wins over everything."""
    content: dict[str, dict[str, list[str]]] = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    exact: dict[str, tuple[Group, str]] = {}
    groups: tuple[Group, ...] = ("never", "identity", "outfit")
    for group in groups:
        for kind, words in content[group].items():
            for word in words:
                exact.setdefault(word, (group, kind))
    last = {word: found for word, found in exact.items() if " " not in word}
    for word, found in list(exact.items()):
        exact.setdefault(_singular(word), found)
        exact.setdefault(word + "s", found)
    return exact, last


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


_FILE = Path(__file__).parents[1] / "words" / "traits.toml"
_COUNT_WORD = re.compile(r"\d+\+?\s?(?:girl|boy|other|koma|character|person|people)s?$")
_PREPOSITION = re.compile(r" (?:on|in|over|past|under) ")
_DOING = frozenset(
    {
        "holding", "adjusting", "removing", "wearing", "lifting", "pulling", "grabbing", "touching", "playing",
        "eating", "drinking", "reading", "carrying", "unworn", "no", "undressing", "dressing", "against", "covering",
        "putting", "spread", "tying", "biting", "licking",
    }
)  # fmt: skip
"""First words of what somebody does; and of what is not worn."""
_LIMBS = frozenset({"hand", "hands", "arm", "arms", "leg", "legs", "knee", "knees", "head"})
"""First words of a pose, unless it is something to wear there (``knee boots``)."""
_STATES = frozenset({"lift", "pull", "grab", "removed", "aside", "tug", "adjust", "peek", "slip", "partially"})
_KINDS: dict[str, str] = {
    "horns": "horns, wings or a tail",
    "body": "the body",
    "character": "a name for the same character",
    "clothes": "clothing",
    "legwear": "legwear or shoes",
    "accessory": "an accessory",
}
_PROPOSED = {
    "identity": "{of} have it, and it is {kind}: deleted, it becomes part of what the trigger means.",
    "outfit": "{of} have it, and it is {kind}: deleted, the trigger always wears it; kept, it can be changed.",
}
_KEPT: dict[KeptCode, str] = {
    "promptable": "{of} have it, but it is no trait ({kind}): kept, it can be asked for or left out.",
    "not_shared": "{of} have it, which is too few to be a trait.",
    "outfit_kept": "{of} have it; clothes stay promptable at this level.",
    "not_known": "{of} have it, and nothing is known about it: decide yourself.",
}
