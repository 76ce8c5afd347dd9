"""What is imported at run time: torch with its friends costs seconds and hundreds of megabytes, so it waits its turn.

import-linter (``make check``, contracts in pyproject.toml) holds who may import whom by reading the sources; these
tests hold what really happens in a fresh interpreter, third-party packages included.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.architecture.tree import SRC, python_files

HEAVY = ("torch", "diffusers", "transformers", "peft", "accelerate")
TORCH_FREE = (
    "errors",
    "whole_file",
    "settings",
    "presets",
    "starter_data",
    "base_models",
    "datasets",
    "recipe",
    "imaging",
    "tagging",
    "storage",
    "accounts",
    "stamina",
    "bootstrap",
    "server",
    "queue",
    "delivery",
    "uploads",
    "captions",
    "runs",
    "loras",
    "drawings",
    "weights",
)
HELP_RATIO = 2.1
"""Half a second where it is quiet: 0.44 s against 0.29 s. A busy machine was seen to make it 1.8."""
HELP_OF_ONE_COMMAND = """
import sys, typer
app = typer.Typer(help="A program.")
@app.command()
def one() -> None: pass
@app.callback()
def options() -> None: pass
sys.argv = ["program", "--help"]
app()
"""


@pytest.mark.parametrize("name", TORCH_FREE)
def test_importing_all_of_a_torch_free_package_does_not_import_torch(name: str) -> None:
    assert _heavy_after(f"import importlib\nfor name in {_modules(name)!r}: importlib.import_module(name)") == []


def test_the_recipe_alone_needs_neither_numpy_nor_pillow() -> None:
    """A form or a check of a file must not cost what pictures cost."""
    assert _loaded_after("import enogu.recipe", ("numpy", "PIL", *HEAVY)) == []


def test_a_server_reads_no_tables_of_other_trainers_until_somebody_asks() -> None:
    others = ("enogu.recipe.foreign.importing", "enogu.recipe.foreign.exporting", "enogu.recipe.foreign.conversions")
    assert _loaded_after("import enogu.server.app", others) == []


def test_enogu_help_does_not_import_torch() -> None:
    code = """
import sys
from enogu.cli.main import main
sys.argv = ["enogu", "--help"]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
"""
    assert _heavy_after(code) == []


def test_enogu_help_takes_not_much_more_than_the_help_of_a_program_of_one_command() -> None:
    """A ratio of processor time and the best of five: a slow or busy machine is slow or busy for both."""
    script = Path(sys.executable).parent / ("enogu.exe" if os.name == "nt" else "enogu")
    ours = min(_child_seconds(script, "--help") for _ in range(5))
    least = min(_child_seconds(sys.executable, "-c", HELP_OF_ONE_COMMAND) for _ in range(5))
    assert ours < HELP_RATIO * least


def test_enogu_help_does_not_import_what_pictures_cost() -> None:
    assert _loaded_after("import enogu.cli.main", ("PIL", "numpy", "pydantic", "httpx")) == []


def _modules(name: str) -> list[str]:
    """Every module of ``enogu.<name>``, dotted."""
    files = [path.relative_to(SRC.parent).with_suffix("") for path in python_files("src")]
    dotted = [".".join(part for part in path.parts if part != "__init__") for path in files]
    wanted = f"enogu.{name}"
    modules = [module for module in dotted if module == wanted or module.startswith(f"{wanted}.")]
    assert modules, f"there is no enogu.{name}"
    return modules


def _heavy_after(code: str) -> list[str]:
    return _loaded_after(code, HEAVY)


def _loaded_after(code: str, names: tuple[str, ...]) -> list[str]:
    """Which of ``names`` a fresh interpreter has loaded after running ``code``."""
    report = f"\nimport sys\nprint('\\nLOADED', *[name for name in {names!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code + report], check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.rsplit("LOADED", 1)[1].split()


def _child_seconds(*command: str | Path) -> float:
    before = _children_seconds()
    subprocess.run(command, check=True, capture_output=True)
    return _children_seconds() - before


def _children_seconds() -> float:
    """Processor time of all ended child processes; on Windows, which does not tell, the clock."""
    if os.name == "nt":
        return time.perf_counter()
    times = os.times()
    return times.children_user + times.children_system
