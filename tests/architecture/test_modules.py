"""Rules that every module of the project keeps, whatever it does."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.tree import ROOT, SRC, python_files, shown, syntax

FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "manager", "common", "misc", "process", "base", "pipeline"}
PICKLE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def test_every_folder_of_python_under_src_is_a_package() -> None:
    folders = {path.parent for path in python_files("src")}
    inside = {folder for leaf in folders for folder in (leaf, *leaf.parents) if folder.is_relative_to(SRC)}
    assert not [shown(folder) for folder in sorted(inside) if not (folder / "__init__.py").is_file()]


def test_every_module_begins_with_a_docstring() -> None:
    modules = python_files("src", "starter", "tools", "benchmarks", "tests")
    assert not [shown(path) for path in modules if path.stat().st_size and not ast.get_docstring(syntax(path))]


def test_no_module_is_named_after_nothing() -> None:
    """Names such as util or common say nothing of what is inside, so everything ends up there."""
    modules = [path.relative_to(ROOT) for path in python_files("src", "starter", "tools", "benchmarks")]
    named = [path.as_posix() for path in modules if FORBIDDEN_NAMES & {*path.parts[:-1], path.stem}]
    assert named == ["src/enogu/cli/base.py"], "the one exception is the command `enogu base`, whose file has its name"


def test_no_pickle_is_ever_loaded_by_the_package() -> None:
    """C3: a pickle can run any program when it is opened. Weights and states are safetensors, the rest is JSON."""
    assert not [found for path in python_files("src") for found in _pickle_uses(path)]


def test_the_scripts_of_the_starter_load_weights_only() -> None:
    """They read only checkpoints that they wrote themselves, and even so never run what is in them."""
    assert not [
        f"{shown(path)}:{call.lineno}"
        for path in python_files("starter", "benchmarks")
        for call in _calls(path)
        if _dotted(call.func) == "torch.load" and not _has_true(call, "weights_only")
    ]


def test_the_engine_never_reads_the_environment() -> None:
    """What differs between machines reaches the engine as arguments, so that a run can be repeated from its recipe.

    SOURCE_DATE_EPOCH is the one exception: it fixes the time written into files, as reproducible-builds.org has it.
    """
    engine = [path for path in python_files("src") if path.is_relative_to(SRC / "engine")]
    reads = [
        (path, node)
        for path in engine
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.Attribute) and _dotted(node) in {"os.environ", "os.environb", "os.getenv"}
    ]
    allowed = {
        call.func.value
        for path in engine
        for call in _calls(path)
        if isinstance(call.func, ast.Attribute)
        and _dotted(call.func) == "os.environ.get"
        and ast.unparse(call.args[0]) == "'SOURCE_DATE_EPOCH'"
    }
    assert not [f"{shown(path)}:{node.lineno}" for path, node in reads if node not in allowed]


def _pickle_uses(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if node.module == "torch" and any(alias.name == "load" for alias in node.names):
                names.append("pickle")
        else:
            continue
        found += [f"{shown(path)}:{node.lineno}" for name in names if name.split(".")[0] in PICKLE_MODULES]
    for call in _calls(path):
        by_torch = _dotted(call.func) in {"torch.load", "torch.jit.load", "torch.hub.load"}
        if by_torch or _has_true(call, "allow_pickle"):
            found.append(f"{shown(path)}:{call.lineno}")
    return found


def _calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(syntax(path)) if isinstance(node, ast.Call)]


def _has_true(call: ast.Call, keyword: str) -> bool:
    values = [item.value for item in call.keywords if item.arg == keyword]
    return any(isinstance(value, ast.Constant) and value.value is True for value in values)


def _dotted(node: ast.expr) -> str:
    """``torch.jit.load`` of the expression that says so; empty when it is no plain dotted name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""
