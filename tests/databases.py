"""Fixtures that give a test its own database, once on SQLite and once on PostgreSQL.

``empty_engine`` has no tables; ``engine`` has all that the migrations make. Each test gets a copy of its own of a
database that was prepared once, which costs milliseconds. Where PostgreSQL is not installed its half is skipped and
says so. SQLAlchemy is imported only by who asks for a fixture, since every test of the project reads this file.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import postgresql_server

if TYPE_CHECKING:
    from sqlalchemy import Engine

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql_address() -> Iterator[str]:
    programs = postgresql_server.find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: its half of the tests needs the programs postgres and initdb")
    with postgresql_server.running(programs) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def empty_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    else:
        yield from _postgresql_for_a_while(request.getfixturevalue("postgresql_address"), "template0")


@pytest.fixture
def empty_engine(empty_url: str) -> Iterator[Engine]:
    yield from _opened(empty_url)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with every table."""
    if database_kind == "sqlite":
        file = tmp_path / "enogu.sqlite3"
        shutil.copyfile(request.getfixturevalue("migrated_sqlite"), file)
        yield f"sqlite:///{file}"
    else:
        address = request.getfixturevalue("postgresql_address")
        yield from _postgresql_for_a_while(address, request.getfixturevalue("migrated_postgresql"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    yield from _opened(database_url)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "enogu.sqlite3"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_address: str) -> str:
    url = _new_postgresql(postgresql_address, "template0")
    _migrate(url)
    return url.rsplit("/", 1)[1]


def _postgresql_for_a_while(address: str, template: str) -> Iterator[str]:
    """Gone with its test: hundreds of them would fill the disk, or the memory."""
    import psycopg

    url = _new_postgresql(address, template)
    yield url
    name = url.rsplit("/", 1)[1]
    with psycopg.connect(f"postgresql://enogu@{address}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # pyright: ignore[reportArgumentType]


def _new_postgresql(address: str, template: str) -> str:
    import psycopg

    name = f"test_{next(_numbers)}"
    with psycopg.connect(f"postgresql://enogu@{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # pyright: ignore[reportArgumentType]
    return f"postgresql://enogu@{address}/{name}"


def _opened(url: str) -> Iterator[Engine]:
    from enogu.storage.database import open_engine

    engine = open_engine(url)
    yield engine
    engine.dispose()


def _migrate(url: str) -> None:
    """Everything in the file itself afterwards: the last connection to close takes SQLite's WAL along."""
    from enogu.queue import service as queue
    from enogu.storage.database import open_engine
    from enogu.storage.migrations import migrate

    engine = open_engine(url)
    migrate(engine)
    queue.prepare(engine)
    engine.dispose()
