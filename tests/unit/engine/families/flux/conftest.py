"""A tiny Flux, loaded once from a folder, and small networks for one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enogu.engine.families import LoadedBase
from tests.tiny_flux import small_flux_networks, write_tiny_flux
from tests.unit.engine.tiny_run import load_tiny_base


@pytest.fixture(scope="session")
def tiny_flux_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_flux(tmp_path_factory.mktemp("tiny flux"))


@pytest.fixture(scope="session")
def tiny_flux(tiny_flux_folder: Path) -> LoadedBase:
    return load_tiny_base(tiny_flux_folder)


@pytest.fixture(scope="module")
def networks() -> dict[str, Any]:
    return small_flux_networks()
