"""The place in which the library is tested: a studio with two accounts, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from enogu.storage.database import Engine
from tests.unit.runs.places import Place, make_place


@pytest.fixture
def place(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(engine, tmp_path / "home", monkeypatch)
