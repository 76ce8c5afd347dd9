"""What the architecture tests look at: the repository's files as git sees them, and Python files as syntax trees."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "enogu"


@cache
def project_files() -> tuple[Path, ...]:
    """Files that are in git or would be added by ``git add .``; so neither .venv nor what a run leaves behind."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = {name for name in listing.stdout.decode().split("\0") if name}
    return tuple(sorted(path for name in names if (path := ROOT / name).is_file()))


def python_files(*folders: str) -> list[Path]:
    """The project's Python files under these folders of the root."""
    return [path for path in project_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def shown(path: Path) -> str:
    """A path as a message should name it."""
    return path.relative_to(ROOT).as_posix()
