"""What every test stands on: no network, a bounded number of threads, a home folder of its own, repeatable examples.

The environment is set when this file is imported, before any test module can import torch or a Hugging Face library,
since both read it once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.databases import (  # noqa: F401 (fixtures are found by being here)
    database_kind,
    database_url,
    empty_engine,
    empty_url,
    engine,
    migrated_postgresql,
    migrated_sqlite,
    postgresql_address,
)


def _threads() -> int:
    """One under pytest-xdist, where the workers share the cores; else two, which small tensors do not outgrow."""
    return 1 if "PYTEST_XDIST_WORKER" in os.environ else min(2, os.cpu_count() or 1)


# Hundreds of processes are started here: where Python is told to keep no bytecode, each would compile all of it anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", str(_threads()))

settings.register_profile(
    "ci",
    derandomize=True,  # the same examples on every machine: a red test is red for everybody
    max_examples=50,
    deadline=None,  # the machine is shared; slowness is measured by benchmarks
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def enogu_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``ENOGU_HOME`` of the test: an empty folder, never the person's own."""
    home = tmp_path / "enogu-home"
    monkeypatch.setenv("ENOGU_HOME", str(home))
    return home
