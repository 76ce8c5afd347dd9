"""Templates and their translations, found quickly: no pattern is tried that does not begin or end as the text does.

A template is literal pieces with values between them. It is matched from left to right, each literal piece at its first
place: linear in the text, whatever it holds. A translation may use each value in one of four ways:

    {1}        as it is
    {1:bare}   without the quotes that Python's ``repr`` put around it
    {1:words}  is itself something that the program says, and is translated
    {1:list}   several of those, with commas, "and", "or" or "; " between them
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import resources

_VALUE = re.compile(r"\{(\d)(?::(bare|words|list))?\}")
_SENTENCE_END = re.compile(r"(?<=[.!?…:])\s+|\n+")
_BETWEEN = re.compile(r", and |, or | and no | and | or |; or |; |, ")
_KEY_LENGTH = 5
LONGEST_TEXT = 8000
_MOST_SENTENCES = 40
_LONGEST_RUN = 6
_DEEPEST = 4


@dataclass(frozen=True)
class Template:
    """One text of the source: its literal pieces, with a value between each two."""

    source: str
    translation: str

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """The literal pieces; one more than there are values."""
        return tuple(_VALUE.sub("\0", self.source).split("\0"))

    @property
    def num_literal(self) -> int:
        """How much of it is literal: of two that match, the one that says more is meant."""
        return sum(map(len, self.pieces))

    def values_in(self, text: str) -> tuple[str, ...] | None:
        """The values, when ``text`` is of this form."""
        first, *middle, last = self.pieces
        if not text.startswith(first):
            return None
        at, values = len(first), list[str]()
        for piece in middle:
            found = text.find(piece, at) if piece else -1
            if found < 0:
                return None
            values.append(text[at:found])
            at = found + len(piece)
        if len(text) < at + len(last) or not text.endswith(last):
            return None
        return (*values, text[at : len(text) - len(last)])


class Catalog:
    """The translations into one language."""

    def __init__(self, entries: dict[str, str]) -> None:
        self._whole = {source: translation for source, translation in entries.items() if not _VALUE.search(source)}
        templates = [Template(*entry) for entry in entries.items() if _VALUE.search(entry[0])]
        templates.sort(key=lambda one: -one.num_literal)
        self._by_beginning: dict[str, list[Template]] = {}
        self._by_end: dict[str, list[Template]] = {}
        self._others: list[Template] = []
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
        return self._translated(text, 0)

    def find(self, text: str) -> tuple[Template, tuple[str, ...]] | None:
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
                values = one.values_in(text)
                if values is not None:
                    best = one, values
                    break
        return best

    def _translated(self, text: str, depth: int) -> str:
        if depth > _DEEPEST or len(text) > LONGEST_TEXT:
            return text
        stripped = text.strip()
        found = self.find(stripped)
        sentences = _SENTENCE_END.split(stripped) if found is None or self._may_be_several(stripped, found) else []
        if 1 < len(sentences) <= _MOST_SENTENCES:
            several, num_known = self._sentence_by_sentence(stripped, sentences, depth)
            if num_known == len(sentences) or (found is None and num_known):
                return several
        return text if found is None else self._filled(*found, depth)

    def _may_be_several(self, text: str, found: tuple[Template, tuple[str, ...]]) -> bool:
        """Whether a value seems to have swallowed the end of one sentence and the beginning of another."""
        return any(_SENTENCE_END.search(value) for value in found[1])

    def _sentence_by_sentence(self, text: str, sentences: list[str], depth: int) -> tuple[str, int]:
        """The longest runs of sentences that are known, one behind the other; and how many sentences those are."""
        gaps = [match[0] for match in _SENTENCE_END.finditer(text)]
        shown: list[str] = []
        at = num_known = 0
        while at < len(sentences):
            longest = min(len(sentences), at + _LONGEST_RUN)
            for end in range(longest, at, -1):
                if at == 0 and end == len(sentences):
                    continue  # that is the whole, which was looked at
                run = "".join(sentences[i] + (gaps[i] if i + 1 < end else "") for i in range(at, end))
                found = self.find(run)
                if found is not None and (end == at + 1 or not self._may_be_several(run, found)):
                    shown.append(self._filled(*found, depth))
                    num_known += end - at
                    break
            else:
                end = at + 1
                shown.append(sentences[at])
            if end < len(sentences):
                shown.append("\n" if "\n" in gaps[end - 1] else "" if shown[-1].endswith(("。", "、", ":")) else " ")
            at = end
        return "".join(shown), num_known

    def _filled(self, template: Template, values: tuple[str, ...], depth: int) -> str:
        def filled(match: re.Match[str]) -> str:
            value, how = values[int(match[1]) - 1], match[2]
            if how == "bare":
                return value[1:-1] if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0] else value
            if how == "words":
                return self._translated(value, depth + 1)
            if how == "list":
                return "、".join(self._translated(one, depth + 1) for one in _BETWEEN.split(value))
            return value

        return _VALUE.sub(filled, template.translation)


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
