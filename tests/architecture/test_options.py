"""One option of the recipe is named in three places: its section, what uses it, its words (J1; issue 5, section 8).

Form, command line, docs page, import and export follow from the field itself. Where a new option would have to be
written into a fourth place, that place is a list kept by hand, which is forgotten sooner or later.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

from enogu.recipe import recipe_fields
from tests.architecture.test_web_texts import words_of
from tests.architecture.tree import ROOT, SRC

WEB = ROOT / "web" / "src"
USERS = (SRC / "engine", SRC / "recipe", SRC / "stamina", SRC / "runs", SRC / "base_models")
ADVICE = {
    "src/enogu/engine/failures.py",
    "src/enogu/runs/rules/further.py",
    "src/enogu/runs/rules/noting.py",
    "src/enogu/runs/rules/changing.py",
    "src/enogu/stamina/rules/fit.py",
    "src/enogu/stamina/rules/limits.py",
    "src/enogu/worker/fake_engine.py",
    "web/src/features/runs/model/draft.ts",
    "web/src/features/runs/model/further.ts",
}
"""Files whose matter is to name the one option to change: a new option is no reason to touch them."""


def test_every_option_is_one_field_is_used_and_has_its_words() -> None:
    used = _attributes_read()
    english, japanese = words_of("en"), words_of("ja")
    unused = [field.path for field in recipe_fields() if field.name != "kind" and field.name not in used]
    assert not unused, "nothing does what these options say"
    assert not [field.path for field in recipe_fields() if f"{field.path}.label" not in english]
    assert not [field.path for field in recipe_fields() if f"{field.path}.help" not in japanese]


def test_no_other_place_names_an_option_by_its_path() -> None:
    """Pages read the schema; commands take ``--set``. Counted over all source files, tests apart."""
    paths = {field.path for field in recipe_fields() if "." in field.path}
    named: Counter[str] = Counter()
    for file in [*SRC.rglob("*.py"), *WEB.rglob("*.ts"), *WEB.rglob("*.tsx")]:
        name = file.relative_to(ROOT).as_posix()
        if name in ADVICE or file.is_relative_to(SRC / "recipe") or ".test." in file.name or "/api/" in name:
            continue
        found = set(re.findall(r"[\"']([a-z]+\.[a-z_0-9]+)[\"']", file.read_text(encoding="utf-8")))
        named.update({name: len(found & paths)} if found & paths else {})
    assert not named


def _attributes_read() -> set[str]:
    """Names that are read as attributes, or looked up by name, in what decides about a run."""
    names: set[str] = set()
    for folder in USERS:
        for file in folder.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute):
                    names.add(node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_looked_up(file):
                    names.add(node.value)
    return names


def _is_looked_up(file: Path) -> bool:
    return file.is_relative_to(SRC / "engine")
