"""What whole runs of the engine stand on: the tiny base, loaded once, and a small set of pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainPicture
from tests.tiny_base import write_tiny_base
from tests.unit.engine.tiny_run import load_tiny_base, write_tiny_pictures


@pytest.fixture(scope="session")
def tiny_base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusers folder of the SD1.5 architecture with random weights."""
    return write_tiny_base(tmp_path_factory.mktemp("tiny base"))


@pytest.fixture(scope="session")
def tiny_base(tiny_base_folder: Path) -> LoadedBase:
    """The tiny base on the CPU; tests leave it as they found it."""
    return load_tiny_base(tiny_base_folder)


@pytest.fixture(scope="session")
def tiny_pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainPicture, ...]:
    """Five pictures in three buckets."""
    return write_tiny_pictures(tmp_path_factory.mktemp("tiny pictures"))


@pytest.fixture
def fixed_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times in metadata are fixed, so that equal runs give equal files."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
