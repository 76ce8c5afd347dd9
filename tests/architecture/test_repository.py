"""What lies in the repository besides code: sizes, links and names of tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.architecture.tree import ROOT, project_files, python_files, shown, syntax

LARGE_BYTES = 1_000_000
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|<img[^>]*\ssrc=\"([^\"]+)\"")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")


def test_no_file_over_one_megabyte_is_in_git_but_the_starter() -> None:
    starter = ROOT / "src" / "enogu" / "starter_data"
    large = [path for path in project_files() if path.stat().st_size > LARGE_BYTES]
    assert not [shown(path) for path in large if not path.is_relative_to(starter)]


def test_every_link_in_the_documents_leads_somewhere() -> None:
    assert not [f"{shown(page)}: {target}" for page in _pages() for target in _links(page) if not _leads(page, target)]


def test_every_test_that_the_architecture_names_exists() -> None:
    """ARCHITECTURE.md puts each invariant beside the test that holds it; a renamed test must be renamed there."""
    tests = {shown(path): _test_names(path) for path in python_files("tests")}
    named = [name for name in CODE.findall(_text(ROOT / "ARCHITECTURE.md")) if name.startswith("tests/")]
    assert named
    for name in named:
        file, _, function = name.partition("::")
        assert (ROOT / file).exists(), name
        assert not function or function in tests[file], name


def test_the_name_of_every_test_is_a_sentence() -> None:
    """At least four words after ``test``: a red test should say what is broken before anybody opens the file."""
    names = [(path, name) for path in python_files("tests") for name in _test_names(path)]
    assert not [f"{shown(path)}: {name}" for path, name in names if len(name.strip("_").split("_")) < 5]


def test_every_news_fragment_is_one_line() -> None:
    fragments = [path for path in (ROOT / "changelog.d").glob("*.md") if path.name != "README.md"]
    assert fragments
    assert not [path.name for path in fragments if len(_text(path).strip().splitlines()) != 1]


def _pages() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".md"]


def _links(page: Path) -> list[str]:
    return [one or other for one, other in LINK.findall(FENCE.sub("", _text(page)))]


def _leads(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True  # elsewhere: tests have no network
    file, _, anchor = target.partition("#")
    there = (page.parent / file) if file else page
    if not there.exists():
        return False
    return not anchor or anchor in _anchors(there)


def _anchors(page: Path) -> set[str]:
    """Headings as GitHub turns them into anchors: lower case, punctuation dropped, spaces to hyphens."""
    headings = re.findall(r"^#+ +(.+?) *$", FENCE.sub("", _text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _test_names(path: Path) -> set[str]:
    functions = (node for node in ast.walk(syntax(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test")}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
