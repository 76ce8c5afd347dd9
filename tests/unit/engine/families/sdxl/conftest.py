"""A tiny SDXL, loaded once from a folder, and small networks for one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enogu.engine.families import LoadedBase
from tests.tiny_sdxl import small_sdxl_networks, write_tiny_sdxl
from tests.unit.engine.tiny_run import load_tiny_base


@pytest.fixture(scope="session")
def tiny_sdxl_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_sdxl(tmp_path_factory.mktemp("tiny sdxl"))


@pytest.fixture(scope="session")
def tiny_sdxl(tiny_sdxl_folder: Path) -> LoadedBase:
    return load_tiny_base(tiny_sdxl_folder)


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    return small_sdxl_networks()
