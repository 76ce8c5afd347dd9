"""A studio in ENOGU_HOME for the commands over the API, called in this process, and a worker that works on demand."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from enogu.bootstrap import open_studio, put_samples_in
from enogu.cli import studio_client
from enogu.cli.main import run
from enogu.cli.output import Call
from enogu.settings import read_settings
from enogu.worker.engine_host import EngineHost
from enogu.worker.in_process import run_one_job


@dataclass(frozen=True)
class Said:
    """What a call answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Enogu = Callable[..., Said]


@pytest.fixture(scope="session")
def home_with_mame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: tables and the set of pictures that ships."""
    home = tmp_path_factory.mktemp("home_with_mame")
    studio = open_studio(read_settings({"ENOGU_HOME": str(home)}))
    put_samples_in(studio)
    studio.close()
    return home


@pytest.fixture
def home(home_with_mame: Path, enogu_home: Path) -> Path:
    shutil.copytree(home_with_mame, enogu_home)
    return enogu_home


@pytest.fixture
def enogu(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Enogu]:
    """Call the program with words; ``code`` says which exit code is expected (None: any).

    The studio is opened once a test and not at every call, which would be most of the time.
    """
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    opened = contextlib.ExitStack()
    clients: list[Any] = []
    open_here = studio_client._here

    @contextlib.contextmanager
    def kept(call: Call) -> Iterator[Any]:
        if not clients:
            clients.append(opened.enter_context(open_here(call)))
        yield clients[0]

    monkeypatch.setattr(studio_client, "_here", kept)

    def call(*words: str | Path, code: int | None = 0) -> Said:
        capsys.readouterr()
        ended = run([str(word) for word in words])
        said = capsys.readouterr()
        assert code is None or ended == code, f"{words} ended with {ended}: {said.err or said.out}"
        return Said(ended, said.out, said.err)

    with opened:
        yield call
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def work(home: Path) -> Iterator[Callable[[], int]]:
    """Do everything that waits, with the fake engine; how many jobs it were."""
    host = EngineHost((sys.executable, "-m", "enogu.worker.fake_engine"), "cpu")

    def do_all() -> int:
        studio = open_studio(read_settings({"ENOGU_HOME": str(home)}))
        try:
            done = 0
            while run_one_job(studio, engine_host=host) is not None:
                done += 1
            return done
        finally:
            studio.close()

    yield do_all
    host.close()
