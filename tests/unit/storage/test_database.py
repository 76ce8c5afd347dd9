"""One transaction per request or task, the same on SQLite and PostgreSQL, and what is said when it cannot be."""

from __future__ import annotations

import sqlite3
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, ForeignKey, String, select, text
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from enogu.errors import DatabaseFailed, WrongUse
from enogu.storage import database
from enogu.storage.database import Base, RowId, UtcDateTime, new_id, open_engine, reading, transaction, utc_now

JAPAN = timezone(timedelta(hours=9))


class TestBase(DeclarativeBase):
    """Tables of these tests only; not Base itself, whose tables are the program's."""

    __test__ = False
    type_annotation_map = Base.type_annotation_map


class Brush(TestBase):
    __tablename__ = "brushes"
    id: Mapped[RowId]
    name: Mapped[str] = mapped_column(String(80), unique=True)
    bought_at: Mapped[datetime | None]
    hairs: Mapped[int] = mapped_column(default=0)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    belongs_to: Mapped[str | None] = mapped_column(ForeignKey("brushes.id", ondelete="CASCADE"))


@pytest.fixture
def studio(empty_engine: Engine) -> Engine:
    with empty_engine.begin() as connection:
        TestBase.metadata.create_all(connection)
    return empty_engine


def names(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return list(session.scalars(select(Brush.name).order_by(Brush.name)))


def test_what_one_transaction_wrote_the_next_one_reads_with_its_types(studio: Engine) -> None:
    bought = datetime(2026, 11, 24, 9, 30, 0, 123456, tzinfo=JAPAN)
    facts = {"色": "群青", "sizes": [1, 2.5, None]}
    with transaction(studio) as session:
        session.add(Brush(name="面相筆", bought_at=bought, hairs=2**40, facts=facts))
    with reading(studio) as session:
        brush = session.scalars(select(Brush)).one()
    assert (brush.name, brush.hairs, brush.facts) == ("面相筆", 2**40, facts)
    assert brush.bought_at == bought
    assert brush.bought_at.tzinfo is UTC
    assert len(brush.id) == database.ID_LENGTH


def test_times_are_compared_and_sorted_as_times_whatever_their_zone(studio: Engine) -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    with transaction(studio) as session:
        session.add(Brush(name="later", bought_at=(noon + timedelta(seconds=1)).astimezone(JAPAN)))
        session.add(Brush(name="earlier", bought_at=noon))
    with reading(studio) as session:
        assert session.scalars(select(Brush.name).order_by(Brush.bought_at)).all() == ["earlier", "later"]
        assert session.scalars(select(Brush.name).where(Brush.bought_at > noon.astimezone(JAPAN))).all() == ["later"]


def test_a_time_without_a_zone_is_refused_when_it_is_bound() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 11, 24), sqlite_dialect())


def test_an_exception_takes_the_whole_transaction_back(studio: Engine) -> None:
    with pytest.raises(KeyError), transaction(studio) as session:
        session.add(Brush(name="one"))
        session.flush()
        raise KeyError
    assert names(studio) == []


def test_a_reader_sees_one_moment_while_others_write(studio: Engine) -> None:
    with transaction(studio) as session:
        session.add(Brush(name="one"))
    with reading(studio) as session:
        assert session.scalars(select(Brush.name)).all() == ["one"]
        with transaction(studio) as other:
            other.add(Brush(name="two"))
        assert session.scalars(select(Brush.name)).all() == ["one"]
    assert names(studio) == ["one", "two"]


def test_a_reader_cannot_write_by_a_statement_of_its_own(studio: Engine) -> None:
    with pytest.raises(Exception, match=r"read.?only"), reading(studio) as session:
        session.execute(text("DELETE FROM brushes"))
    with transaction(studio) as session:  # the same connection, from the pool, writes again
        session.add(Brush(name="one"))
    assert names(studio) == ["one"]


def test_a_row_changed_in_a_reader_is_a_mistake_that_is_not_lost_in_silence(studio: Engine) -> None:
    with pytest.raises(RuntimeError, match="transaction"), reading(studio) as session:
        session.add(Brush(name="one"))
    with transaction(studio) as session:
        session.add(Brush(name="two"))
    with pytest.raises(RuntimeError, match="transaction"), reading(studio) as session:
        session.scalars(select(Brush)).one().name = "three"
    assert names(studio) == ["two"]


def test_foreign_keys_are_enforced_and_cascade(studio: Engine) -> None:
    with transaction(studio) as session:
        session.add(Brush(id="case", name="case"))
        session.flush()
        session.add(Brush(name="brush", belongs_to="case"))
    with pytest.raises(IntegrityError), transaction(studio) as session:
        session.add(Brush(name="stray", belongs_to="nobody"))
    with transaction(studio) as session:
        session.execute(text("DELETE FROM brushes WHERE id = 'case'"))
    assert names(studio) == []


def test_a_savepoint_is_taken_back_alone(studio: Engine) -> None:
    with transaction(studio) as session:
        session.add(Brush(name="one"))
        with pytest.raises(IntegrityError), session.begin_nested():
            session.add(Brush(name="one"))
            session.flush()
        session.add(Brush(name="two"))
    assert names(studio) == ["one", "two"]


def test_threads_that_read_then_write_the_same_row_lose_no_change(studio: Engine) -> None:
    """On SQLite because a transaction is the only writer from its start, on PostgreSQL by FOR UPDATE."""
    with transaction(studio) as session:
        session.add(Brush(id="one", name="one"))

    def add_hairs() -> None:
        for _ in range(5):
            with transaction(studio) as session:
                brush = session.get_one(Brush, "one", with_for_update=True)
                brush.hairs += 1

    threads = [threading.Thread(target=add_hairs) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(studio) as session:
        assert session.get_one(Brush, "one").hairs == 20


@pytest.mark.parametrize("value", ["\ud800", {"half": "\ud800"}], ids=["text", "json"])
def test_a_text_that_cannot_be_kept_is_refused_in_words(studio: Engine, value: Any) -> None:
    with pytest.raises(WrongUse, match="half surrogates"), transaction(studio) as session:
        session.add(Brush(name=value) if isinstance(value, str) else Brush(name="one", facts=value))


def test_a_number_beyond_sixty_four_bits_is_refused_in_words(studio: Engine) -> None:
    with pytest.raises(WrongUse, match="large"), transaction(studio) as session:
        session.add(Brush(name="one", hairs=2**70))


# SQLite alone


def test_sqlite_is_in_wal_mode_with_foreign_keys_and_a_wait(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'deep' / 'down' / '絵の具.sqlite3'}")
    with engine.connect() as connection:
        found = {
            pragma: connection.exec_driver_sql(f"PRAGMA {pragma}").scalar()
            for pragma in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 30_000, "synchronous": 2}


def test_a_database_that_stays_locked_is_named_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.05)
    file = tmp_path / "enogu.sqlite3"
    engine = open_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        TestBase.metadata.create_all(connection)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseFailed, match=r"enogu\.sqlite3 was locked.*end the program"), transaction(engine) as one:
        one.add(Brush(name="one"))
    assert names(engine) == []  # who only reads is not kept waiting
    other.close()
    engine.dispose()


def test_a_file_that_is_no_database_is_named_with_the_cure(tmp_path: Path) -> None:
    file = tmp_path / "enogu.sqlite3"
    file.write_bytes(b"my holiday pictures" * 100)
    engine = open_engine(f"sqlite:///{file}")
    with pytest.raises(DatabaseFailed, match="move it away"), reading(engine) as session:
        session.execute(text("SELECT 1"))
    engine.dispose()
    assert file.read_bytes() == b"my holiday pictures" * 100


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'enogu.sqlite3'}")
    with engine.begin() as connection:
        TestBase.metadata.create_all(connection)
    with pytest.raises(DatabaseFailed, match="disk is full"), transaction(engine) as session:
        session.execute(text("PRAGMA max_page_count = 1"))
        for number in range(2000):
            session.add(Brush(name=f"{number:080}"))
        session.flush()
    engine.dispose()


# PostgreSQL alone


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    engine = open_engine("postgresql://mame:secret@127.0.0.1:1/studio")
    words = r"mame:\*\*\*@127\.0\.0\.1:1/studio.*server runs"
    with pytest.raises(DatabaseFailed, match=words) as failed, reading(engine) as session:
        session.execute(text("SELECT 1"))
    engine.dispose()
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    "url",
    ["", "enogu", "mysql://host/studio", "sqlite://", "sqlite:///:memory:", "postgresql://me:secret@host:port/name"],
)
def test_a_url_of_no_use_is_refused_with_examples_and_without_its_password(url: str) -> None:
    with pytest.raises(WrongUse, match="sqlite:////path") as refused:
        open_engine(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("start", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_usual_beginning_of_a_postgresql_url_means_psycopg(start: str) -> None:
    assert open_engine(f"{start}://me@host/name").url.drivername == "postgresql+psycopg"


# Ids and time


def test_ids_sort_in_the_order_in_which_they_were_made() -> None:
    ids = [new_id() for _ in range(2000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(len(one) == 26 and set(one) <= set("0123456789abcdefghjkmnpqrstvwxyz") for one in ids)


def test_ids_go_on_ascending_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert new_id() > before


@given(st.integers(0, 2**47), st.integers(0, 2**47))
def test_ids_of_different_milliseconds_sort_as_time_does(first: int, second: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        made: list[str] = []
        for milliseconds in (first, second):
            patch.setattr(time, "time_ns", lambda milliseconds=milliseconds: milliseconds * 1_000_000)
            made.append(database._Ids().next())
    assert first == second or (made[0] < made[1]) == (first < second)


def test_the_time_is_aware_and_in_utc() -> None:
    assert utc_now().tzinfo is UTC
