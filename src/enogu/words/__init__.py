"""What the program says to people, in their language.

The source stays English: ``WrongUse(f"There is no preset {name!r}.", …)``. Each such text is a template, its values
numbered as they come (``There is no preset {1}.``), and ``ja/*.json`` has the Japanese of it. What is stored (failures,
notes, histories) is stored in English and translated when it is shown: ``answers.Words`` is a field that does so.

The language of a request is a context variable that the server sets; everything else here is a pure function. Nothing
is loaded before somebody wants another language than English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from enogu.words.catalog import Catalog

Language = Literal["en", "ja"]
_language: ContextVar[Language] = ContextVar("language", default="en")
_LONGEST_HEADER = 400
_WORDS_IN_DATA = ("message", "cure", "reason", "note", "notes", "why_not")


@contextmanager
def speaking(language: Language) -> Iterator[None]:
    """What is said inside is said in ``language``."""
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def spoken() -> Language:
    """The language of this request; English outside of requests."""
    return _language.get()


def said(text: str, language: Language | None = None) -> str:
    """``text``, which the program wrote in English, in the language of this request; as it is where that is not known.

    May be several sentences, each of which is looked for, and may hold values.
    """
    return _catalog().translated(text) if (language or spoken()) == "ja" and text else text


def said_in(data: Mapping[str, Any]) -> dict[str, Any]:
    """A stored event or progress with its sentences (message, cure, reason, …) said, at any depth of mappings."""
    return {key: _said_value(key, value) for key, value in data.items()} if spoken() != "en" else dict(data)


def _said_value(key: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return said_in(value)
    if isinstance(value, list):
        return [_said_value(key, one) for one in value]
    return said(value) if key in _WORDS_IN_DATA and isinstance(value, str) else value


def language_of_header(header: str) -> Language:
    """By Accept-Language, the wanted one of those that are there."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:_LONGEST_HEADER].split(",")):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.partition("=")[2]) if weight else 1.0
        except ValueError:
            quality = 0.0
        wanted.append((-quality, place, tag.strip().lower().partition("-")[0]))
    for quality, _, tag in sorted(wanted):
        if quality and tag in ("en", "*"):
            return "en"
        if quality and tag == "ja":
            return "ja"
    return "en"


def language_of_environment(environment: Mapping[str, str]) -> Language:
    """By LC_ALL, LC_MESSAGES and LANG, as programs on a command line go by."""
    name = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
    return "ja" if name.lower().startswith("ja") else "en"


@cache
def _catalog() -> Catalog:
    from enogu.words.catalog import read_catalog  # what speaks English only does not load it

    return read_catalog("ja")
