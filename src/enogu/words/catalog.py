"""Templates and their translations, found quickly: no pattern is tried that does not begin or end as the text does.

A template is literal pieces with values between them. It is matched from left to right, each literal piece at its first
place (and the last also at its last): linear in the text, whatever it holds. A translation uses a value in one of these
ways:

    {1}        as it is
    {1:bare}   without the quotes that Python's ``repr`` put around it
    {1:words}  is itself something that the program says, and is translated
    {1:maybe}  may be that, or something of a person's
    {1:list}   several of those, with commas, "and", "or" or "; " between them
    {1:number} as it is; and what is no number is not of this form

A translation with ``{0}`` is of a predicate (``is a link``), which the source puts behind a name and before a full
stop, or before a reason in parentheses: ``{0}`` is that name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

_VALUE = re.compile(r"\{(\d)(?::(bare|words|maybe|list|number))?\}")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
_PATH = re.compile(r"(\S{1,120}:) (.+)")
_NUMBER = re.compile(r"-?[\d.,]+(?:e[-+]?\d+)?")
_BETWEEN = re.compile(r", and |, or | and no | and | or |; or |; |, ")
_KEY_LENGTH = 5
LONGEST_LINE = 2000
MOST_LINES = 200
_MOST_SENTENCES = 24
_LONGEST_RUN = 6
_DEEPEST = 4
_VAGUE_LETTERS = 8
_MOST_REMEMBERED = 5000
"""Texts of a page are asked for again and again. All at once are forgotten when there are more."""


@dataclass(frozen=True)
class Template:
    """One text of the source: its literal pieces, with a value between each two."""

    source: str
    translation: str

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """The literal pieces; one more than there are values."""
        return tuple(_VALUE.sub("\0", self.source).split("\0"))

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The places of values that have to be numbers."""
        return tuple(int(match[1]) - 1 for match in _VALUE.finditer(self.translation) if match[2] == "number")

    @cached_property
    def longest(self) -> str:
        """The longest literal piece: what lacks it is not of this form."""
        return max(self.pieces, key=len)

    @cached_property
    def num_literal(self) -> int:
        """How much of it is literal: of two that match, the one that says more is meant."""
        return sum(map(len, self.pieces))

    @cached_property
    def words(self) -> tuple[int, ...]:
        """The places of values that the program said."""
        return tuple(int(match[1]) - 1 for match in _VALUE.finditer(self.translation) if match[2] == "words")

    @cached_property
    def is_vague(self) -> bool:
        """Whether it says so little that it is meant only where the words in it are known, such as ``{1} is {2}.``"""
        return sum(letter.isalpha() for piece in self.pieces for letter in piece) < _VAGUE_LETTERS

    def values_in(self, text: str) -> list[tuple[str, ...]]:
        """The values, when ``text`` is of this form; twice where the last piece stands in it at several places."""
        first, *middle, last = self.pieces
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return []
        at, end, values = len(first), len(text) - len(last), list[str]()
        for piece in middle[:-1]:
            found = text.find(piece, at, end)
            if found < 0:
                return []
            values.append(text[at:found])
            at = found + len(piece)
        if not middle:
            return self._with_numbers([(*values, text[at:end])])
        piece = middle[-1]
        places = {text.find(piece, at, end), text.rfind(piece, at, end) if piece else at}
        return self._with_numbers(
            [(*values, text[at:place], text[place + len(piece) : end]) for place in sorted(places) if place >= 0]
        )

    def _with_numbers(self, found: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
        return [values for values in found if all(_NUMBER.fullmatch(values[place]) for place in self.numbers)]


class Catalog:
    """The translations into one language."""

    def __init__(self, entries: dict[str, str]) -> None:
        entries = _with_predicates(entries)
        self._whole = {source: translation for source, translation in entries.items() if not _VALUE.search(source)}
        templates = [Template(*entry) for entry in entries.items() if _VALUE.search(entry[0])]
        templates.sort(key=lambda one: -one.num_literal)
        self._by_beginning: dict[str, list[Template]] = {}
        self._by_end: dict[str, list[Template]] = {}
        self._others: list[Template] = []
        self._remembered: dict[str, str] = {}
        for one in templates:
            first, last = one.pieces[0], one.pieces[-1]
            if len(first) >= _KEY_LENGTH:
                self._by_beginning.setdefault(first[:_KEY_LENGTH], []).append(one)
            elif len(last) >= _KEY_LENGTH:
                self._by_end.setdefault(last[-_KEY_LENGTH:], []).append(one)
            else:
                self._others.append(one)

    def translated(self, text: str) -> str:
        """The text as a whole, else sentence by sentence; what is not known stays."""
        found = self._remembered.get(text)
        if found is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[text] = self._translated(text, 0)
        return found

    def find(self, text: str, depth: int = 0) -> tuple[Template, tuple[str, ...]] | None:
        """The template that ``text`` is of, which says most, with its values."""
        if text in self._whole:
            return Template(text, self._whole[text]), ()
        best: tuple[Template, tuple[str, ...]] | None = None
        for candidates in (
            self._by_beginning.get(text[:_KEY_LENGTH], ()),
            self._by_end.get(text[-_KEY_LENGTH:], ()),
            self._others,
        ):
            for one in candidates:
                if best is not None and one.num_literal <= best[0].num_literal:
                    break  # they are sorted
                if one.longest not in text:
                    continue
                values = self._values(one, text, depth)
                if values is not None:
                    best = one, values
                    break
        return best

    def _values(self, template: Template, text: str, depth: int) -> tuple[str, ...] | None:
        """Those in which the program's own words are known, if there is a choice."""
        found = template.values_in(text)
        if len(found) < 2 and not (found and template.is_vague):
            return found[0] if found else None
        for values in found:
            if all(self._is_known(values[place], depth) for place in template.words):
                return values
        return None if template.is_vague else found[0]

    def _is_known(self, value: str, depth: int) -> bool:
        return not value.strip() or bool(_NUMBER.fullmatch(value)) or (
            depth < _DEEPEST and self.find(value.strip(), depth + 1) is not None
        )  # fmt: skip

    def _translated(self, text: str, depth: int) -> str:
        if "\n" in text:
            lines = text.split("\n", MOST_LINES)
            return "\n".join(self._translated(line, depth) if "\n" not in line else line for line in lines)
        if depth > _DEEPEST or len(text) > LONGEST_LINE:
            return text
        stripped = text.strip()
        found = self.find(stripped)
        if found is not None and not any(_SENTENCE_END.search(value) for value in found[1]):
            return self._filled(*found, depth)
        if path := _PATH.fullmatch(stripped):
            rest = self._translated(path[2], depth)
            if rest != path[2]:
                return f"{path[1]} {rest}"
        sentences = _SENTENCE_END.split(stripped)
        if 1 < len(sentences) <= _MOST_SENTENCES:
            several, num_known = self._sentence_by_sentence(sentences, depth)
            if num_known == len(sentences) or (found is None and num_known):
                return several
        return text if found is None else self._filled(*found, depth)

    def _has_swallowed(self, template: Template, values: tuple[str, ...]) -> bool:
        """Whether a value seems to hold the end of one sentence and the beginning of another."""
        return any(_SENTENCE_END.search(value) for place, value in enumerate(values) if place not in template.words)

    def _sentence_by_sentence(self, sentences: list[str], depth: int) -> tuple[str, int]:
        """The longest runs of sentences that are known, one behind the other; and how many sentences those are."""
        shown: list[str] = []
        at = num_known = 0
        while at < len(sentences):
            for end in range(min(len(sentences), at + _LONGEST_RUN), at, -1):
                if at == 0 and end == len(sentences):
                    continue  # that is the whole, which was looked at
                found = self.find(" ".join(sentences[at:end]))
                if found is not None and (end == at + 1 or not self._has_swallowed(*found)):
                    shown.append(self._filled(*found, depth))
                    num_known += end - at
                    break
            else:
                end = at + 1
                shown.append(sentences[at])
            if end < len(sentences) and not shown[-1].endswith("。"):
                shown.append(" ")
            at = end
        return "".join(shown), num_known

    def _filled(self, template: Template, values: tuple[str, ...], depth: int) -> str:
        def filled(match: re.Match[str]) -> str:
            value, how = values[int(match[1]) - 1], match[2]
            if how == "bare":
                return value[1:-1] if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0] else value
            if how in ("words", "maybe"):
                return self._translated(value, depth + 1)
            if how == "list":
                return "、".join(self._translated(one, depth + 1) for one in _BETWEEN.split(value))
            return value

        return _VALUE.sub(filled, template.translation)


def _with_predicates(entries: dict[str, str]) -> dict[str, str]:
    """Each predicate as the sentences that it stands in."""
    spread: dict[str, str] = {}
    for source, translation in entries.items():
        if "{0}" not in translation:
            spread[source] = translation
            continue
        shifted, said = (_VALUE.sub(_next_number, one) for one in (source, translation))
        reason = len(set(_VALUE.findall(shifted))) + 2
        said = said.replace("{0}", "{1}")
        spread[f"{{1}} {shifted}."] = said
        spread[f"{{1}} {shifted} ({{{reason}}})."] = f"{said.removesuffix('。')}({{{reason}:words}})。"
    return spread


def _next_number(match: re.Match[str]) -> str:
    return f"{{{int(match[1]) + 1}{f':{match[2]}' if match[2] else ''}}}" if match[1] != "0" else match[0]


def read_entries(language: str) -> dict[str, dict[str, str]]:
    """By file, what is translated: one file for each package of the source."""
    folder = resources.files("enogu.words") / language
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".json")), key=lambda one: one.name)
    return {one.name: json.loads(one.read_text("utf-8")) for one in files}


def read_catalog(language: str) -> Catalog:
    """All of a language."""
    merged: dict[str, str] = {}
    for entries in read_entries(language).values():
        merged.update(entries)
    return Catalog(merged)
