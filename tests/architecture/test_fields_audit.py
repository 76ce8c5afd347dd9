"""docs/fields_audit.md names every field of the recipe, every id of F1 to F33, and tests that exist (issue 5, 2)."""

from __future__ import annotations

import ast
import re

from enogu.recipe import recipe_fields
from tests.architecture.tree import ROOT

CODE = re.compile(r"`([^`\n]+)`")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "fields_audit.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| F")
]


def test_every_field_of_the_recipe_is_in_the_audit_and_no_other() -> None:
    named = {name for row in ROWS for name in CODE.findall(row[1])}
    assert named == {field.path for field in recipe_fields()}


def test_every_id_from_f1_to_f33_has_a_row_with_a_test() -> None:
    assert {row[0] for row in ROWS} == {f"F{number}" for number in range(1, 34)}
    assert not [row[0] for row in ROWS if len(row) != 5 or not CODE.findall(row[3])]


def test_every_test_that_the_audit_names_exists() -> None:
    for row in ROWS:
        for name in CODE.findall(row[3]):
            file, _, function = name.partition("::")
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, name
