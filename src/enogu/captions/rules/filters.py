"""Which pictures: an expression over their captions (E3).

    black_hair AND (smile OR "looking at viewer") AND NOT hat*
    count>30    tokens>75    repeats=2    caption:none    name:zdm_0*    text:"in a field"    problem:any

A word is a tag; underscores stand for spaces, ``*`` for anything; quotes take everything literally; ``\\(`` is a
parenthesis that belongs to the word. AND may be left out; ``-word`` is NOT. AND, OR and NOT are capitals, so that tags
called so stay possible; AND binds tighter than OR, NOT tightest.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from enogu.captions.entities import FilterRefused
from enogu.captions.rules.text import key_of, tags_of

MOST_FILTER_CHARACTERS = 2000
MOST_DEPTH = 50
FIELDS = ("tag", "name", "text", "caption", "problem")
NUMBERS = ("count", "tokens", "repeats")


@dataclass(frozen=True)
class PictureFacts:
    """What a filter may ask of a picture."""

    name: str
    caption: str
    has_caption: bool
    repeats: int = 1
    problems: frozenset[str] = frozenset()
    count_tokens: Callable[[str], int] = field(default=lambda text: 0, repr=False)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Of its tags."""
        return tuple(key_of(tag) for tag in tags_of(self.caption))


Filter = Callable[[PictureFacts], bool]


def parse_filter(expression: str) -> Filter:
    """A test for pictures; a blank expression takes all. Raises FilterRefused naming the position."""
    if len(expression) > MOST_FILTER_CHARACTERS:
        raise FilterRefused(
            f"The filter is longer than {MOST_FILTER_CHARACTERS:,} characters", MOST_FILTER_CHARACTERS, "Shorten it."
        )
    tokens = _tokens(expression)
    if not tokens:
        return lambda _facts: True
    reader = _Reader(tokens, len(expression))
    found = reader.any_of(0)
    reader.expect_end()
    return found


@dataclass(frozen=True)
class _Token:
    kind: str
    """One of ( ) AND OR NOT word."""
    position: int
    name: str = ""
    """Field or number: ``name`` of ``name:foo``; empty for a tag."""
    sign: str = ""
    """Comparison of a number."""
    glob: tuple[str, ...] = ()
    """The literal parts between the asterisks."""


def _tokens(expression: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(expression):
        letter = expression[at]
        if letter.isspace():
            at += 1
        elif letter in "()":
            found.append(_Token(letter, at))
            at += 1
        elif letter == "-" and at + 1 < len(expression) and not expression[at + 1].isspace():
            found.append(_Token("NOT", at))
            at += 1
        else:
            token, at = _word(expression, at)
            found.append(token)
    return found


def _word(expression: str, start: int) -> tuple[_Token, int]:
    name, sign, at = "", "", start
    number = _NUMBER.match(expression, at)
    if number:
        return _Token("word", start, number[1].lower(), number[2], (number[3],)), number.end()
    prefix = _FIELD.match(expression, at)
    if prefix:
        name, at = prefix[1].lower(), prefix.end()
    if at < len(expression) and expression[at] == '"':
        text, end = _quoted(expression, at)
        return _Token("word", start, name, sign, (text,)), end
    glob, end = _bare(expression, at)
    word = expression[start:end]
    if not name and word in ("AND", "OR", "NOT"):
        return _Token(word, start), end
    if glob == ("",):
        raise FilterRefused(f"Something is missing behind '{word}'", end, f"Write {name}:word.")
    return _Token("word", start, name, sign, glob), end


def _quoted(expression: str, start: int) -> tuple[str, int]:
    text: list[str] = []
    at = start + 1
    while at < len(expression) and expression[at] != '"':
        at += expression[at] == "\\" and at + 1 < len(expression) and expression[at + 1] in '"\\'
        text.append(expression[at])
        at += 1
    if at >= len(expression):
        raise FilterRefused("The quote is not closed", start, 'Put a " at its end.')
    if not text:
        raise FilterRefused("There is nothing between the quotes", start, "Write a word, or caption:none.")
    return "".join(text), at + 1


def _bare(expression: str, start: int) -> tuple[tuple[str, ...], int]:
    parts, at = [""], start
    while at < len(expression) and not expression[at].isspace() and expression[at] not in '()"':
        if expression[at] == "\\" and at + 1 < len(expression):
            at += 1
            parts[-1] += expression[at]
        elif expression[at] == "*":
            parts.append("")
        else:
            parts[-1] += expression[at]
        at += 1
    return tuple(parts), at


class _Reader:
    """Recursive descent; what is read is turned into closures at once."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._at = 0
        self._end = end

    def expect_end(self) -> None:
        token = self._next_token()
        if token is not None:
            raise FilterRefused("This parenthesis closes nothing", token.position, "Leave it out, or open one.")

    def any_of(self, depth: int) -> Filter:
        found = [self._all_of(depth)]
        while self._takes("OR"):
            found.append(self._all_of(depth))
        return found[0] if len(found) == 1 else lambda facts: any(one(facts) for one in found)

    def _all_of(self, depth: int) -> Filter:
        found = [self._one(depth)]
        while True:
            token = self._next_token()
            if token is None or token.kind in (")", "OR"):
                break
            self._takes("AND")
            found.append(self._one(depth))
        return found[0] if len(found) == 1 else lambda facts: all(one(facts) for one in found)

    def _one(self, depth: int) -> Filter:
        token = self._next_token()
        if token is None:
            raise FilterRefused("The filter ends where a word should come", self._end, "Write a tag there.")
        if depth > MOST_DEPTH:
            raise FilterRefused(f"More than {MOST_DEPTH} levels of parentheses or NOT", token.position, "Use fewer.")
        self._at += 1
        if token.kind == "NOT":
            inner = self._one(depth + 1)
            return lambda facts: not inner(facts)
        if token.kind == "(":
            within = self.any_of(depth + 1)
            if not self._takes(")"):
                raise FilterRefused("This parenthesis is not closed", token.position, "Put a ) at its end.")
            return within
        if token.kind != "word":
            raise FilterRefused(f"A word should come before '{token.kind}'", token.position, "Write a tag there.")
        return _test_of(token)

    def _takes(self, kind: str) -> bool:
        token = self._next_token()
        if token is None or token.kind != kind:
            return False
        self._at += 1
        return True

    def _next_token(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None


def _test_of(token: _Token) -> Filter:
    if token.sign:
        compare, number = _COMPARISONS[token.sign], int(token.glob[0])
        measure: dict[str, Callable[[PictureFacts], int]] = {
            "count": lambda facts: len(facts.keys),
            "tokens": lambda facts: facts.count_tokens(facts.caption),
            "repeats": lambda facts: facts.repeats,
        }
        value = measure[token.name]
        return lambda facts: compare(value(facts), number)
    if token.name == "name":
        glob = tuple(part.casefold() for part in token.glob)
        whole = len(glob) > 1
        return lambda facts: matches(glob, facts.name.casefold()) if whole else glob[0] in facts.name.casefold()
    if token.name == "text":
        parts = ("", *(part.casefold() for part in token.glob), "")
        return lambda facts: matches(parts, facts.caption.casefold())
    if token.name == "caption":
        return _caption_test(token)
    if token.name == "problem":
        wanted = token.glob[0].casefold()
        if wanted in ("any", "none"):
            return lambda facts: bool(facts.problems) == (wanted == "any")
        return lambda facts: wanted in facts.problems
    glob = _tag_glob(token.glob)
    if len(glob) == 1:
        return lambda facts: glob[0] in facts.keys
    return lambda facts: any(matches(glob, key) for key in facts.keys)


def _caption_test(token: _Token) -> Filter:
    wanted = token.glob[0].casefold()
    if wanted not in ("none", "any") or len(token.glob) > 1:
        raise FilterRefused("caption takes none or any", token.position, 'To search in captions, write text:"words".')
    return lambda facts: bool(facts.caption.strip()) == (wanted == "any")


def _tag_glob(glob: tuple[str, ...]) -> tuple[str, ...]:
    """In the form of keys; blanks beside an asterisk stay."""
    if len(glob) == 1:
        return (key_of(glob[0]),)
    return tuple(part.replace("_", " ").casefold() for part in glob)


def matches(glob: tuple[str, ...], text: str) -> bool:
    """Whether ``text`` is the parts of ``glob`` with anything between them. Takes time in proportion to the text."""
    first, last = glob[0], glob[-1]
    if len(glob) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in glob[1:-1]:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


_FIELD = re.compile(rf"({'|'.join(FIELDS)}):", re.IGNORECASE)
_NUMBER = re.compile(rf"({'|'.join(NUMBERS)}):?(>=|<=|!=|=|>|<)(\d{{1,9}})(?=[\s()]|$)", re.IGNORECASE)
_COMPARISONS: dict[str, Any] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "=": operator.eq, "!=": operator.ne,
}  # fmt: skip
