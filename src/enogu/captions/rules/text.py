r"""A caption as pieces: what stands between the commas, each with the blanks and commas in front of it.

``written(parse(text)) == text`` for every text, byte for byte; so a command that touches one tag leaves the rest as the
person wrote it. A tag is what stands between two commas or line breaks, with two exceptions, which are one piece each:

* a group that begins a piece with ``(`` or ``[`` and ends it with the bracket that belongs to it:
  ``(black hair, blue eyes:1.2)``. A stray bracket, as in ``:(``, binds nothing.
* a sentence: from a piece that begins with a capital and has at least three words to the first piece that ends with a
  letter or quote and ``.``, ``!`` or ``?``, on the same line. ``A girl stands, smiling, in a field.``

Tags are compared by ``key_of``: case, underscores, escapes of parentheses, repeated blanks and weights do not count.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from enogu.captions.entities import Spelling
from enogu.tagging.caption_tags import KAOMOJI


class Piece(NamedTuple):
    """One tag or sentence, as written."""

    before: str
    """Blanks, commas and line breaks in front of it."""
    text: str
    """Never empty, no blanks around it."""


class Pieces(NamedTuple):
    """A whole caption."""

    pieces: tuple[Piece, ...]
    tail: str
    """Blanks and commas behind the last piece."""


def parse(text: str) -> Pieces:
    """The pieces of a caption."""
    end = len(text)
    while end and (text[end - 1] == "," or text[end - 1].isspace()):
        end -= 1
    body, tail = text[:end], text[end:]
    found = list(map(Piece._make, _PIECE.findall(body)))
    if _SPECIAL.search(text) is not None:
        if any(one.text[0] in "([" for one in found):
            found = _with_groups(found)
        if any(_ENDS_SENTENCE.search(one.text) for one in found):
            found = _with_sentences(found)
    return Pieces(tuple(found), tail)


def written(pieces: Pieces) -> str:
    """The caption as text again."""
    return "".join(one.before + one.text for one in pieces.pieces) + pieces.tail


def tags_of(text: str) -> list[str]:
    """The pieces as written, in order."""
    if _SPECIAL.search(text) is None:  # no group and no sentence, as nearly always
        return [tag for part in text.replace("\r", ",").replace("\n", ",").split(",") if (tag := part.strip())]
    return [one.text for one in parse(text).pieces]


@lru_cache(maxsize=20_000)
def key_of(tag: str) -> str:
    """What all spellings of one tag share."""
    core = core_of(tag)
    plain = core.replace("\\(", "(").replace("\\)", ")").replace("_", " ")
    return " ".join(unicodedata.normalize("NFC", plain).casefold().split())


def core_of(tag: str) -> str:
    """Without weights: ``black hair`` of ``((black hair:1.2))``. A group of several tags keeps its brackets."""
    core = tag.strip()
    while len(core) > 2 and core[0] in "([" and "," not in core and _closing(core) == len(core) - 1:
        inner = core[1:-1].strip()
        if core[0] == "(":
            inner = _WEIGHT.sub("", inner).strip()
        if not inner:
            break
        core = inner
    return core


def with_core(tag: str, new: str) -> str:
    """``tag`` with another core, its weight kept."""
    core = core_of(tag)
    start = tag.find(core)
    return tag[:start] + new + tag[start + len(core) :]


def is_sentence(tag: str) -> bool:
    """Whether a piece is prose and no tag."""
    return len(tag.split()) >= 3 and (bool(_ENDS_SENTENCE.search(tag)) or len(tag) > 80)


def spelled(tag: str, spelling: Spelling) -> str:
    """With spaces or underscores; faces and sentences as they are (D10)."""
    core = core_of(tag)
    if spelling == "as_written" or core in KAOMOJI or is_sentence(core) or "," in core:
        return tag
    new = core.replace("_", " ") if spelling == "spaces" else "_".join(core.split())
    return with_core(tag, new)


def without(pieces: Pieces, indices: set[int]) -> Pieces:
    """Take pieces out, each with the comma in front of it; the one that becomes first stands where the first stood."""
    if not indices:
        return pieces
    kept = [one for index, one in enumerate(pieces.pieces) if index not in indices]
    if kept and 0 in indices:
        kept[0] = kept[0]._replace(before=_lead(pieces))
    if not kept:
        return Pieces((), "")
    return Pieces(tuple(kept), pieces.tail)


def put_in(pieces: Pieces, at: int, tags: Sequence[str]) -> Pieces:
    """New tags before the piece ``at`` (behind the last one when that is their number)."""
    if not tags:
        return pieces
    old = list(pieces.pieces)
    new = [Piece(", ", tag) for tag in tags]
    if at == 0:
        new[0] = new[0]._replace(before=_lead(pieces))
        if old:
            old[0] = old[0]._replace(before=", ")
    return Pieces(tuple([*old[:at], *new, *old[at:]]), pieces.tail if old else "")


def arranged(pieces: Pieces, order: Sequence[int]) -> Pieces:
    """The same pieces in another order; separators stay where they are."""
    texts = [pieces.pieces[index].text for index in order]
    if texts == [one.text for one in pieces.pieces]:
        return pieces
    return Pieces(tuple(Piece(one.before, text) for one, text in zip(pieces.pieces, texts, strict=True)), pieces.tail)


def retold(pieces: Pieces, texts: Iterable[str]) -> Pieces:
    """Other texts in the same places; a blank one takes its place away."""
    changed = tuple(one._replace(text=text.strip()) for one, text in zip(pieces.pieces, texts, strict=True))
    return without(Pieces(changed, pieces.tail), {index for index, one in enumerate(changed) if not one.text})


def num_trigger_pieces(pieces: Pieces, trigger: str) -> int:
    """How many pieces at the start are the trigger; 0 when the caption does not begin with it."""
    keys = _keys_of(trigger)
    if not keys or len(keys) > len(pieces.pieces):
        return 0
    first = tuple(key_of(one.text) for one in pieces.pieces[: len(keys)])
    return len(keys) if first == keys or begins_with(pieces.pieces[0].text, trigger) else 0


def begins_with(text: str, word: str) -> bool:
    """Whether ``word`` opens ``text`` as a whole word, as the trainer sees it (``recipe.captions``)."""
    word = word.strip()
    if not word or not text.casefold().startswith(word.casefold()):
        return False
    rest = text[len(word) :]
    return not rest or not (rest[0].isalnum() or rest[0] in "_-")


def with_trigger_first(text: str, trigger: str) -> str:
    """The trigger in front: moved there when it stands further on, put there when it is missing (D8)."""
    pieces = parse(text)
    trigger = trigger.strip()
    if not trigger or begins_with(text.strip(), trigger) or num_trigger_pieces(pieces, trigger):
        return text
    keys = {key_of(one) for one in tags_of(trigger)}
    there = {index for index, one in enumerate(pieces.pieces) if key_of(one.text) in keys}
    rest = without(pieces, there)
    return written(put_in(rest, 0, tags_of(trigger)))


def has_trigger(text: str, trigger: str) -> bool:
    """Whether the trigger is in a caption at all."""
    trigger = trigger.strip()
    keys = _keys_of(trigger)
    if not keys:
        return False
    if begins_with(text.strip(), trigger):
        return True
    there = {key_of(one) for one in tags_of(text)}
    return all(key in there for key in keys)


_SPECIAL = re.compile(r"[(\[.!?]")
_PIECE = re.compile(r"([\s,]*+)([^,\n\r]*[^,\s])")  # possessive, else a long blank would be tried at every length
_ENDS_SENTENCE = re.compile(r"[^\W_][\"'”’)]?[.!?]+[\"'”’]?$")
_WEIGHT = re.compile(r":\s*[0-9]*\.?[0-9]+$")
_CLOSES = {"(": ")", "[": "]"}
_BRACKET = re.compile(r"\\.|[()\[\]\r\n]", re.DOTALL)
"""A bracket, a line break, or a backslash with what it escapes."""


@lru_cache(maxsize=100)
def _keys_of(trigger: str) -> tuple[str, ...]:
    return tuple(key_of(one) for one in tags_of(trigger))


def _lead(pieces: Pieces) -> str:
    """What stands before the first piece, without commas: they would be in front of nothing."""
    return pieces.pieces[0].before.replace(",", "") if pieces.pieces else ""


def _closing(text: str) -> int:
    """Where the bracket that opens ``text`` is closed; -1 when it is not."""
    return _closed_at(text).get(0, -1)


def _closed_at(text: str) -> dict[int, int]:
    """Where each bracket is closed that is closed at all, on its own line, in one pass. Escaped ones do not count."""
    found: dict[int, int] = {}
    open_at: dict[str, list[int]] = {")": [], "]": []}
    for match in _BRACKET.finditer(text):
        sign, at = match[0], match.start()
        if sign in "\r\n":
            open_at = {")": [], "]": []}
        elif sign in _CLOSES:
            open_at[_CLOSES[sign]].append(at)
        elif open_at.get(sign):
            found[open_at[sign].pop()] = at
    return found


def _with_groups(pieces: list[Piece]) -> list[Piece]:
    text = "".join(one.before + one.text for one in pieces)
    closed_at = _closed_at(text)
    begins: list[int] = []
    ends: dict[int, int] = {}
    at = 0
    for index, one in enumerate(pieces):
        begins.append(at + len(one.before))
        at = begins[-1] + len(one.text)
        ends[at - 1] = index
    found: list[Piece] = []
    index = 0
    while index < len(pieces):
        end = ends.get(closed_at.get(begins[index], -1), index)
        if end - index >= _MOST_IN_GROUP:
            end = index
        found.append(_merged(pieces[index : end + 1]))
        index = end + 1
    return found


def _with_sentences(pieces: list[Piece]) -> list[Piece]:
    found: list[Piece] = []
    index = 0
    while index < len(pieces):
        end = _end_of_sentence(pieces, index)
        found.append(_merged(pieces[index : end + 1]))
        index = end + 1
    return found


def _end_of_sentence(pieces: list[Piece], start: int) -> int:
    text = pieces[start].text
    if not text[0].isupper() or len(text.split()) < 3:
        return start
    for index in range(start, min(len(pieces), start + _MOST_IN_GROUP)):
        if index > start and _breaks_line(pieces[index]):
            break
        if _ENDS_SENTENCE.search(pieces[index].text):
            return index
    return start


def _breaks_line(piece: Piece) -> bool:
    return "\n" in piece.before or "\r" in piece.before


def _merged(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    return Piece(pieces[0].before, pieces[0].text + "".join(one.before + one.text for one in pieces[1:]))


_MOST_IN_GROUP = 50
"""Pieces in one group or sentence; so splitting takes time in proportion to the text."""
