"""The place in which drawings are tested."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.unit.drawings.places import Place, make_place


@pytest.fixture
def place(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return make_place(engine, tmp_path, monkeypatch)
