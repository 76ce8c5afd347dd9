"""What the program says has its Japanese, with the same values, and no two texts are taken for each other (J1)."""

from __future__ import annotations

import re
from functools import cache

from pydantic_core._pydantic_core import list_all_errors

from enogu.presets import preset_names, preset_purpose, preset_title
from enogu.words.catalog import read_catalog
from tools.collect_words import Said, collect, missing, stale, translations

_VALUE = re.compile(r"\{(\d)(?::(\w+))?\}")
VALUES = {"number": "7", "words": "training"}
NOT_OVER_HTTP = re.compile(
    r"no_such|needs_python|recursion_loop|frozen_(field|instance)|get_attribute|dataclass|named_tuple|default_factory"
    r"|iteration|string_unicode|ordered_dict|counter|frozen_dict|mapping|deque|bytes_(too|invalid)|sentinel|ellipsis"
    r"|date_from_datetime_inexact|date_(past|future)|time|is_instance|is_subclass|callable|argument|url|uuid|decimal"
    r"|fraction|complex|json_type|enum"
)
"""Kinds of pydantic's errors that no form of the API can give: it has no such field."""


def test_everything_that_is_said_to_people_has_its_japanese() -> None:
    """`python tools/collect_words.py` lists what to add, and --stubs writes it as JSON."""
    found = missing(_said(), translations())
    assert not found, "add these to src/enogu/words/ja/"


def test_each_preset_that_ships_tells_its_title_and_purpose_in_japanese() -> None:
    for name in preset_names():
        assert read_catalog("ja").translated(preset_title(name)) != preset_title(name)
        told = read_catalog("ja").translated(preset_purpose(name))
        assert not re.search(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}", told), f"{name}: {told}"


def test_nothing_is_translated_that_is_no_longer_said() -> None:
    assert not stale(_said(), translations())


def test_a_translation_has_the_values_of_its_source_and_is_not_empty() -> None:
    wrong: list[str] = []
    for name, entries in translations().items():
        for source, translation in entries.items():
            wanted = {match[1] for match in _VALUE.finditer(source)}
            used = {match[1] for match in _VALUE.finditer(translation)} - {"0"}
            may_leave_out = name == "pydantic.json" or "picture(s)" in source or "Upload {2} to use" in source
            if used - wanted or (wanted - used and not may_leave_out) or not translation.strip():
                wrong.append(f"{name}: {source}")
    assert not wrong


def test_no_text_is_taken_for_another() -> None:
    """Each template filled with values is found again as itself, or as one with the same translation."""
    catalog, wrong = read_catalog("ja"), list[str]()
    for entries in translations().values():
        for source, translation in entries.items():
            if "{0}" in translation:
                continue  # a predicate stands in a sentence
            how = {match[1]: match[2] for match in _VALUE.finditer(translation)}
            filled = _VALUE.sub(lambda match, how=how: VALUES.get(how.get(match[1], ""), "zdm"), source)
            found = catalog.find(filled)
            if found is None or found[0].translation != translation:
                wrong.append(f"{source} is taken for {found and found[0].source}")
    assert not wrong


def test_what_pydantic_says_of_a_request_has_its_japanese() -> None:
    catalog, wrong = read_catalog("ja"), list[str]()
    for error in list_all_errors():
        if not NOT_OVER_HTTP.search(error["type"]):
            said = re.sub(r"\{\w+\}", "7", error["message_template_python"].replace("{expected}", "'a' or 'b'"))
            if catalog.translated(said) == said:
                wrong.append(f"{error['type']}: {said}")
    assert not wrong


@cache
def _said() -> list[Said]:
    return collect()
