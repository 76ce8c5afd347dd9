"""The database: one URL, one transaction per request or task, and the column types that every slice shares.

For a slice. Its ``store.py`` declares rows as classes over ``Base``: ``Mapped[str]``, ``Mapped[int]`` (64 bits on every
database), ``Mapped[bool]``, ``Mapped[float]``, ``Mapped[datetime]`` (aware, always UTC; a naive one is refused when it
is bound), ``Mapped[dict[str, Any]]`` and ``Mapped[list[Any]]`` (JSON, JSONB on PostgreSQL), ``Mapped[RowId]`` for a
primary key that fills itself, and ``mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)`` for a
reference. A store's functions take a ``Session`` first, and so do a service's, which never commits. Only what is at the
edge (a request, a task, a command) opens ``with transaction(engine) as session:``, which commits at the end and rolls
back on any exception, or ``with reading(engine) as session:``, which sees one moment of the data and cannot write.
A row that is read in order to be changed is read with ``.with_for_update()``: on PostgreSQL two writing transactions
run side by side and the second waits there; on SQLite there is one writing transaction at a time anyhow.
``take_turns(session, "what")`` does the same where there is no row yet. Each new table comes with a migration
(``migrations/__init__.py``).

For the edge. ``open_engine(url)`` gives the engine; nothing is connected until it is used. ``new_id()`` is a new
sortable id and ``utc_now()`` the time as it will be read back. What the database refuses for a reason that a person can
mend (locked for 30 seconds, disk full, server away, text it cannot hold) leaves ``transaction`` and ``reading`` as
DatabaseFailed or WrongUse with the cure; ``sqlalchemy.exc.IntegrityError`` passes through, as stores know what it means
there. SQLite is set to WAL, foreign keys, a wait of 30 seconds for the one writer, and ``BEGIN IMMEDIATE``, so that a
transaction never finds out in its middle that it may not write. SQLite's own rollback of Python's driver is switched
off: it begins transactions by guessing from the statement's first word.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    String,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DataError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from enogu.errors import DatabaseFailed, WrongUse

WAIT_SECONDS = 30
"""How long a transaction waits for another one's lock, on either database, before it is given up."""
ID_LENGTH = 26

_READ_ONLY = "enogu_read_only"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80


def open_engine(url: str) -> Engine:
    """The engine of ``sqlite:////absolute/path`` or ``postgresql://user:password@host:port/name``.

    A folder for SQLite's file is made when it is missing. Raises WrongUse for any other URL, DatabaseFailed when the
    folder cannot be made. Close it with ``engine.dispose()``.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return _open_postgresql(parsed)


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session that commits at the end of the block and rolls back on any exception.

    Nothing is begun before the first statement. Raises DatabaseFailed or WrongUse as the module's docstring says.
    """
    with said_in_words(engine), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that sees the data of one moment and cannot change it; writers are not kept waiting by it.

    Raises RuntimeError, a mistake in the program, when an object was added or changed, DatabaseFailed as above.
    """
    options: dict[str, Any] = {_READ_ONLY: True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with said_in_words(engine), Session(engine.execution_options(**options), autoflush=False) as session:
        yield session
        if session.new or session.deleted or any(session.is_modified(row) for row in session.dirty):
            raise RuntimeError("A row was changed inside reading(); use transaction().")


def take_turns(session: Session, subject: str) -> None:
    """Let no other transaction that takes turns on ``subject`` run beside this one, until this one ends.

    For decisions about rows that may not exist yet, which FOR UPDATE cannot lock: "is there an administrator already?"
    """
    if session.get_bind().dialect.name == "sqlite":
        session.connection()  # begun: from here on it is the only writer
    else:
        number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8], signed=True)
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def list_hashes(session: Session) -> Iterator[str]:
    """Every sha256 in any row: the contents of all columns whose name ends in ``sha256``, in tables that are loaded.

    A second look for the sweep of files, beside what each slice names itself: a slice that forgot one loses nothing.
    """
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name.endswith("sha256"):
                query = select(column).where(column.is_not(None)).distinct().execution_options(yield_per=1000)
                yield from session.scalars(query)


def new_id() -> str:
    """26 characters of 0-9 and a-z, for ever unique, later ones sorting later: 48 bits of milliseconds, 80 of chance.

    The layout is that of a ULID (time first, as in RFC 9562's UUIDv7), in lower case, since PostgreSQL's collations
    agree on the order of digits and lower-case letters only. Within a millisecond the random part counts upwards, so
    the ids of one process are strictly ascending even when its clock is set back.
    """
    return _ids.next()


def utc_now() -> datetime:
    """The time, aware and in UTC, to the microsecond that both databases keep."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, always UTC when read. Binding a naive one raises ValueError: whose time would it be?"""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC. SQLite has no time zones: there the text is UTC without saying so, and sorts as time does."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; use utc_now() or datetime(..., tzinfo=UTC).")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From UTC, whatever zone the connection speaks."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


JsonValue = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""JSON that PostgreSQL can look into. Order of keys is not kept, NaN and NUL are refused."""
LargeInteger = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits; SQLite's Integer is that, and its primary keys must be called so."""
RowId = Annotated[str, mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)]
"""A primary key that is given a ``new_id()`` when the row is written, unless the program gave one."""


class Base(DeclarativeBase):
    """What rows inherit from. Constraints get names, without which Alembic cannot change them later."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        int: LargeInteger,
        datetime: UtcDateTime(),
        dict[str, Any]: JsonValue,
        list[Any]: JsonValue,
        list[str]: JsonValue,
    }


class _Ids:
    """The counter behind ``new_id``; one per process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        fresh = (time.time_ns() // 1_000_000) << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8))
        with self._lock:
            self._last = max(fresh, self._last + 1)
            number = self._last
        return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * (ID_LENGTH - 1), -1, -5))

    def forget(self) -> None:
        """In a forked child: ids must not go on from the parent's last one, which both would then give."""
        self._lock = threading.Lock()
        self._last = 0


_ids = _Ids()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.forget)

_to_json = partial(json.dumps, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:  # its text may hold the password: not shown
        raise _refused("The database's URL cannot be understood.") from error
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise _refused("The database's URL names no file, and a database in memory would be lost.")
        return parsed.set(drivername="sqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise _refused(f"The database's URL begins with {parsed.drivername}, which Enogu does not know.")


def _refused(message: str) -> WrongUse:
    return WrongUse(message, "Use sqlite:////path/of/file or postgresql://user:password@host:5432/name.")


def _open_sqlite(url: URL) -> Engine:
    file = Path(url.database or "")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseFailed(
            f"The folder {file.parent} for the database cannot be made: {error.strerror or error}.",
            "Change its permissions, or set ENOGU_HOME or ENOGU_DATABASE_URL.",
        ) from error
    engine = create_engine(
        url,
        connect_args={"timeout": WAIT_SECONDS},
        pool_size=5,
        max_overflow=45,  # a connection is a file handle; FastAPI's threads are 40
        pool_timeout=WAIT_SECONDS,
        json_serializer=_to_json,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin when we say so, in _begin_sqlite
    connection.execute("PRAGMA foreign_keys=ON")
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """WAL is a property of the file. Switching it on does not wait for locks by itself, hence the loop."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    read_only = bool(connection.get_execution_options().get(_READ_ONLY))
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _open_postgresql(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={"connect_timeout": 10, "application_name": "enogu"},
        pool_size=5,
        max_overflow=15,
        pool_timeout=WAIT_SECONDS,
        pool_pre_ping=True,  # a server that was restarted is noticed before a request is
        json_serializer=_to_json,
    )
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: object) -> None:
    """The same wait for locks as on SQLite. Outside a transaction, else a rollback would undo it."""
    before = connection.autocommit
    connection.autocommit = True
    connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
    connection.autocommit = before


@contextmanager
def said_in_words(engine: Engine) -> Iterator[None]:
    """What a person can mend becomes DatabaseFailed or WrongUse with its cure; everything else passes as it is."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise _database_failed(engine.url, error) from error
    except PoolTimeout as error:
        raise DatabaseFailed(
            f"All connections to the database were busy for {WAIT_SECONDS} seconds.", "Try again in a moment."
        ) from error
    except (DataError, UnicodeEncodeError, OverflowError) as error:
        raise WrongUse(
            "A text holds a character, or a number is so large, that the database cannot keep it.",
            "Leave out NUL characters and half surrogates, and stay below 2^63.",
        ) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:  # the parent of all others; itself for a damaged file of SQLite's
            raise
        raise _database_failed(engine.url, error) from error


def _database_failed(url: URL, error: Exception) -> DatabaseFailed:
    """The database's own complaint in a person's words. The password is never part of them."""
    cause = getattr(error, "orig", None) or error
    said = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    name = shown(url)
    if isinstance(cause, sqlite3.Error):
        code = (getattr(cause, "sqlite_errorcode", 0) or 0) & 0xFF
        cure = _SQLITE_CURES.get(code, "")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return DatabaseFailed(f"{name} was locked by another program for {WAIT_SECONDS} seconds.", cure)
        return DatabaseFailed(f"{name} does not work: {said}.", cure)
    state = getattr(cause, "sqlstate", None) or ""
    cure = next((words for start, words in _POSTGRESQL_CURES.items() if state.startswith(start)), "")
    if not state:
        cure = "See that the server runs and that ENOGU_DATABASE_URL names its host, port, user and password."
    return DatabaseFailed(f"{name} does not answer as it should: {said.rstrip('.')}.", cure)


def shown(url: URL) -> str:
    """A database as a message should name it: its file, or its URL without the password."""
    if url.get_backend_name() == "sqlite":
        return f"The database {url.database}"
    return f"The database {url.set(query={}).render_as_string(hide_password=True)}"


_SQLITE_CURES = {
    sqlite3.SQLITE_BUSY: "Try again; if it stays so, end the program that holds it.",
    sqlite3.SQLITE_LOCKED: "Try again; if it stays so, end the program that holds it.",
    sqlite3.SQLITE_FULL: "The disk is full: free some space and try again.",
    sqlite3.SQLITE_READONLY: "You may not write there: change its permissions, or set ENOGU_DATABASE_URL.",
    sqlite3.SQLITE_CANTOPEN: "Change the folder's permissions, or set ENOGU_HOME or ENOGU_DATABASE_URL.",
    sqlite3.SQLITE_IOERR: "The disk reported an error or is full: look at its space and health.",
    sqlite3.SQLITE_CORRUPT: "The file is damaged: put a backup in its place.",
    sqlite3.SQLITE_NOTADB: "The file is no database: move it away, or set ENOGU_DATABASE_URL.",
}
_POSTGRESQL_CURES = {
    "53100": "The server's disk is full: free some space and try again.",
    "53": "The server is short of connections or memory: try again in a moment.",
    "55P03": "Another program held the row for too long: try again.",
    "40": "Two changes met: try again.",
    "57": "The server is stopping or starting: try again in a moment.",
    "25006": "The server takes no writes: it may be a standby.",
    "28": "See that ENOGU_DATABASE_URL names a user and password that the server knows.",
    "3D": "Create that database on the server, or name another in ENOGU_DATABASE_URL.",
}
