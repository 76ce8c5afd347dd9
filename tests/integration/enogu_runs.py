"""Run the command line in this process as a person would type it, and a small recipe for the tiny base."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from enogu.cli.main import run

SMALL = (
    "pictures.resolution=64",
    "pictures.bucket_step=32",
    "pictures.min_bucket=32",
    "pictures.max_bucket=128",
    "pictures.repeats=1",
    "adapter.dim=2",
    "adapter.alpha=2",
    "training.epochs=2",
    "training.mixed_precision=none",
    "training.clip_skip=1",
)
"""Settings under which a run on the tiny base takes about a second."""


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """stdout as the one JSON document it must be."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """stdout as one JSON document a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class Enogu:
    """``enogu("plan", "--pictures", folder)``."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Ended:
        self._capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    def train(self, pictures: Path, out: Path, base: Path, *more: str | Path, settings: tuple[str, ...] = ()) -> Ended:
        """A small training."""
        changes = [word for setting in (*SMALL, *settings) for word in ("--set", setting)]
        return self("train", "--pictures", pictures, "--base", base, "--trigger", "mame", "--out", out, *changes, *more)


def files_under(folder: Path) -> set[str]:
    """Every file under ``folder``, hidden ones too, relative and with slashes."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def left_halves(*folders: Path) -> list[str]:
    """Files that an interrupted write left behind; must be empty."""
    return [name for folder in folders if folder.exists() for name in files_under(folder) if name.endswith(".part")]
