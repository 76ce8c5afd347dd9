"""Bring a database to the tables that this program wants; safe to call by every process at every start.

To change tables: change the row classes, and add ``versions/NNNN_what.py`` with the next free number, with
``revision = "NNNN"``, ``down_revision`` the number before it, and ``upgrade()`` in Alembic's operations. SQLite cannot
change a column in place, so use ``with op.batch_alter_table(...)``. There is no downgrade: a backup is the way back.
``tests/unit/storage/test_migrations.py`` compares what the migrations make with the row classes, on both databases.

Alembic brings its operations and the table ``alembic_version``; the walk over the revisions is ours, since its own
wants an ``env.py`` and an ini file and knows no lock. All of it is one transaction: a migration that fails, or whose
process is killed, leaves the tables as they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from enogu.errors import DatabaseFailed
from enogu.storage.database import WAIT_SECONDS, said_in_words, shown

FOLDER = Path(__file__).parent
WAIT_FOR_OTHERS_SECONDS = 600
"""How long a second process waits for the one that migrates."""

_LOCK_NUMBER = 0x656E6F67755F6D67  # "enogu_mg": PostgreSQL's advisory locks are numbers


def migrate(engine: Engine, folder: Path = FOLDER) -> None:
    """Bring the database of ``engine`` to the newest revision in ``folder``/versions.

    Raises DatabaseFailed, with nothing changed, when the database was written by a newer program or does not answer.
    """
    known = known_revisions(folder)
    with said_in_words(engine):
        with engine.connect() as connection:
            current = find_revision(connection)
        _refuse_newer(engine, current, known)
        if not known or current == known[-1]:
            return  # the usual start: Alembic is not even imported
        with engine.connect() as connection, _alone(connection):
            current = find_revision(connection)  # again: another process may have been faster
            _refuse_newer(engine, current, known)
            _upgrade(connection, current, folder)


def is_migrated(engine: Engine, folder: Path = FOLDER) -> bool:
    """Whether there is nothing to do for ``migrate``. Raises DatabaseFailed."""
    with said_in_words(engine), engine.connect() as connection:
        return find_revision(connection) == known_revisions(folder)[-1]


def known_revisions(folder: Path = FOLDER) -> tuple[str, ...]:
    """The numbers of all revisions, first to last, taken from the files' names."""
    return tuple(sorted(path.name.partition("_")[0] for path in (folder / "versions").glob("[0-9]*_*.py")))


def find_revision(connection: Connection) -> str | None:
    """The revision that the database is at; None when it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar()


def _refuse_newer(engine: Engine, current: str | None, known: tuple[str, ...]) -> None:
    if current is not None and current not in known:
        raise DatabaseFailed(
            f"{shown(engine.url)} was used by a newer Enogu: its tables are at revision {current}, "
            f"and this program knows them up to {known[-1] if known else 'none'}.",
            "Install the newer Enogu again, or put back the backup from before it.",
        )


def _upgrade(connection: Connection, current: str | None, folder: Path) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(folder))
    context = MigrationContext.configure(connection, opts={"transactional_ddl": True})
    with Operations.context(context):
        for script in reversed(list(scripts.iterate_revisions("head", current or "base"))):
            script.module.upgrade()
            context.stamp(scripts, script.revision)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise RuntimeError(f"A migration left rows that refer to nothing: {broken[:5]}")


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """A transaction in which no other process migrates; what ran before in another one is seen."""
    with _sqlite_at_rest(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{WAIT_FOR_OTHERS_SECONDS}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        yield


@contextmanager
def _sqlite_at_rest(connection: Connection) -> Iterator[None]:
    """On SQLite no foreign keys (a table that is rebuilt is dropped, and would take what refers to it along) and a
    longer wait. Neither can be set inside a transaction, so they are set on the driver's connection.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 (for the type checker)
    driver.execute("PRAGMA foreign_keys=OFF")
    driver.execute(f"PRAGMA busy_timeout={WAIT_FOR_OTHERS_SECONDS * 1000}")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")
        driver.execute(f"PRAGMA busy_timeout={WAIT_SECONDS * 1000}")
