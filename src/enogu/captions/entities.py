"""The nouns of the caption editor: commands on captions, their changes, vocabularies, completions (E1 to E8).

A caption stays the text that a person wrote. Commands say what is to become of its tags; all else in it (weights,
escapes, sentences, blanks) is left as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from enogu.errors import WrongUse

MOST_CHARACTERS = 20_000
"""Of one caption; no text encoder reads a tenth of it."""
MOST_VOCABULARIES = 20
"""Imported by one owner."""

Category = Literal["trigger", "character", "copyright", "artist", "general", "meta", "rating", "unknown"]
"""Danbooru's categories and WD14's ratings; the trigger; unknown when no vocabulary has the tag."""
Spelling = Literal["as_written", "spaces", "underscores"]
"""How tags are shown (D10)."""
UnionOrder = Literal["first_seen", "count", "alphabetical", "category"]


class CommandRefused(WrongUse):
    """A command on captions that cannot be carried out as it stands; nothing was changed."""


class PatternRefused(WrongUse):
    """A pattern that is no regular expression, costs too much, or took too long; nothing was changed."""


class FilterRefused(WrongUse):
    """A filter that cannot be read."""

    def __init__(self, message: str, position: int, cure: str = "") -> None:
        super().__init__(f"{message} (at character {position + 1})", cure)
        self.position = position
        """Counted in characters from 0."""


class VocabularyRefused(WrongUse):
    """A CSV that holds no tags, or too many."""


# ---- commands --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AddTags:
    """Tags that a caption does not have yet are put in; those it has stay where they are."""

    tags: tuple[str, ...]
    where: Literal["first", "last", "before", "after"] = "last"
    """``first`` is right behind the trigger."""
    anchor: str = ""
    """The tag to stand before or after; a caption without it is left alone."""


@dataclass(frozen=True)
class DeleteTags:
    """Every spelling of these tags is taken out."""

    tags: tuple[str, ...]
    with_trigger: bool = False
    """Only then the trigger may be among them."""


@dataclass(frozen=True)
class RenameTags:
    """Each of these tags becomes ``new``; where a caption would have it twice, the first place wins (merge)."""

    tags: tuple[str, ...]
    new: str


@dataclass(frozen=True)
class ReplaceText:
    """Replace plain text or a regular expression."""

    find: str
    replacement: str
    is_pattern: bool = False
    scope: Literal["caption", "tag"] = "caption"
    """In the whole text, or in each tag for itself, so that no match reaches over a comma."""
    ignore_case: bool = False


@dataclass(frozen=True)
class OrderTags:
    """These tags come first, in this order, behind the trigger; the others keep theirs."""

    tags: tuple[str, ...]


@dataclass(frozen=True)
class SortTags:
    """Sort by how many pictures have a tag (most first), by alphabet, or by category."""

    by: Literal["count", "alphabet", "category"]


@dataclass(frozen=True)
class PrependText:
    """Words put right behind the trigger, whatever is there already."""

    text: str


@dataclass(frozen=True)
class AppendText:
    """Words put at the end, whatever is there already."""

    text: str


@dataclass(frozen=True)
class RemoveDuplicates:
    """Of tags that differ in spelling alone, the first stays."""


@dataclass(frozen=True)
class SetCaption:
    """The whole text anew; the trigger is put in front when it is missing."""

    text: str


@dataclass(frozen=True)
class CopyCaption:
    """Another picture's caption."""

    from_picture_id: str


@dataclass(frozen=True)
class RespellTags:
    """Underscores to spaces or back; faces such as ``^_^`` and sentences stay."""

    to: Literal["spaces", "underscores"]


Command = (
    AddTags
    | DeleteTags
    | RenameTags
    | ReplaceText
    | OrderTags
    | SortTags
    | PrependText
    | AppendText
    | RemoveDuplicates
    | SetCaption
    | CopyCaption
    | RespellTags
)


@dataclass(frozen=True)
class CommandContext:
    """What a command may need to know beside the caption itself."""

    trigger: str = ""
    counts: Mapping[str, int] | None = None
    """Pictures per tag key, for sorting."""
    categories: Mapping[str, Category] | None = None
    """Per tag key, for sorting."""
    captions: Mapping[str, str] | None = None
    """All captions by picture, for copying."""


@dataclass(frozen=True)
class CaptionChange:
    """One caption that would be or was changed."""

    picture_id: str
    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Changes:
    """What a command came to."""

    words: str
    """English, naming the command: for the history."""
    changed: tuple[CaptionChange, ...]
    num_selected: int


# ---- what is shown ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UnionTag:
    """One tag of the union of all captions."""

    key: str
    """What all its spellings share."""
    shown: str
    count: int
    """Pictures that have it."""
    category: Category
    is_trigger: bool
    translation: str = ""


@dataclass(frozen=True)
class Vocabulary:
    """An imported list of tags."""

    id: str
    name: str
    num_tags: int
    created_at: datetime


@dataclass(frozen=True)
class KnownTag:
    """A tag of some vocabulary."""

    name: str
    category: Category
    count: int
    aliases: tuple[str, ...] = ()
    translation: str = ""


@dataclass(frozen=True)
class Completion:
    """One proposal while somebody types."""

    name: str
    category: Category
    count: int
    """Posts on danbooru, or pictures of one's own."""
    source: Literal["own", "tagger", "imported"]
    translation: str = ""
    matched: str = ""
    """The alias or translation that was met, when it was not the name itself."""
