"""docs/fields_audit.md has a row for every field of the recipe and every id of F1 to F33, with tests that can tell.

A row's tests exist, are not left out, and one of their files writes the field down (issue 5, 2).
"""

from __future__ import annotations

import ast
import re

from enogu.recipe import recipe_fields
from tests.architecture.tree import ROOT

CODE = re.compile(r"`([^`\n]+)`")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "fields_audit.md").read_text(encoding="utf-8").splitlines()
    if re.match(r"\| [A-Z]\d+ ", line)
]
SAID_OTHERWISE = {
    "base_model": "refuse_for_family",
    "pictures.background": "PlacedPicture",
    "training.mixed_precision": "choose_compute",
}
"""Where a test sets what the field becomes, and not the field."""


def test_every_field_of_the_recipe_has_one_row_and_nothing_else_has_one() -> None:
    named = [name for row in ROWS for name in CODE.findall(row[1])]
    assert sorted(named) == sorted({field.path for field in recipe_fields()})
    assert all(len(CODE.findall(row[1])) <= 1 for row in ROWS), "each field has a row of its own"


def test_every_row_has_the_id_of_its_field_and_at_least_one_test() -> None:
    ids = {field.path: field.product for field in recipe_fields()}
    assert {row[0] for row in ROWS} >= {f"F{number}" for number in range(1, 34)}
    for row in ROWS:
        assert len(row) == 5, row
        assert [ids[name] for name in CODE.findall(row[1])] in ([], [row[0]]), row
        assert CODE.findall(row[3]), row


def test_every_test_that_the_audit_names_exists_and_is_not_left_out() -> None:
    for row in ROWS:
        for name in CODE.findall(row[3]):
            found = _function(name)
            decorators = [ast.unparse(decorator) for decorator in found.decorator_list]
            assert found.name.startswith("test_") and not any(
                "mark.skip" in one or "mark.xfail" in one for one in decorators
            ), name
            assert any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(found)) or _calls_for_proof(
                found
            ), name


def test_a_field_is_written_down_where_it_is_tested() -> None:
    """A row whose tests never say the field's name can hardly be its reference."""
    silent: list[str] = []
    for row in ROWS:
        for path in CODE.findall(row[1]):
            said = SAID_OTHERWISE[path] if path in SAID_OTHERWISE else str(path).rpartition(".")[2]
            files = {name.partition("::")[0] for name in CODE.findall(row[3])}
            if not any(re.search(rf"\b{re.escape(said)}", (ROOT / file).read_text(encoding="utf-8")) for file in files):
                silent.append(path)
    assert silent == []


def _function(name: str) -> ast.FunctionDef:
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
    assert len(found) == 1, name
    return found[0]


def _calls_for_proof(found: ast.FunctionDef) -> bool:
    """``torch.testing.assert_close``, ``pytest.raises``, or a function of the file that asserts for several tests."""
    calls = [ast.unparse(node.func) for node in ast.walk(found) if isinstance(node, ast.Call)]
    return any("assert" in call or "raises" in call or call.startswith("_checked") for call in calls)
