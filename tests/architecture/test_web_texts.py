"""One option is one field: the web app adds its words in two languages and nothing else (F31, J1)."""

from __future__ import annotations

import json

from enogu.recipe import recipe_fields
from tests.architecture.tree import ROOT

FOLDER = ROOT / "web" / "src" / "features" / "runs" / "options"


def test_every_option_of_the_recipe_has_its_words_in_both_languages_and_no_other_has() -> None:
    """A label each, every choice, and the sentence in Japanese; the English sentence is the field's own docstring."""
    wanted_en = {f"{field.path}.label" for field in recipe_fields()}
    wanted_en |= {f"{field.path}.choice.{choice}" for field in recipe_fields() for choice in field.choices}
    wanted_ja = wanted_en | {f"{field.path}.help" for field in recipe_fields()}
    assert words_of("en") == wanted_en
    assert words_of("ja") == wanted_ja


def test_no_option_has_empty_words_in_either_language() -> None:
    for language in ("en", "ja"):
        texts = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
        assert not [key for key, text in texts.items() if not text.strip()]


def test_every_option_that_the_form_shows_first_is_one_of_the_recipe() -> None:
    paths = json.loads((FOLDER / "basics.json").read_text(encoding="utf-8"))
    assert paths
    assert set(paths) <= {field.path for field in recipe_fields()}


def words_of(language: str) -> set[str]:
    texts = json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8"))
    return {key for key in texts if not key.startswith("group.")}
