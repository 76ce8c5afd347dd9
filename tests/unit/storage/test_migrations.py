"""Tables come from migrations alone: once, also when two processes start together, and never from an older program."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from enogu.errors import DatabaseFailed
from enogu.storage import migrations
from enogu.storage.database import Base, open_engine
from enogu.storage.migrations import find_revision, known_revisions, migrate
from tests.architecture.tree import SRC

FIRST = '''"""Brushes."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table("cases", sa.Column("id", sa.String(26), primary_key=True))
    op.create_table(
        "brushes",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("case_id", sa.String(26), sa.ForeignKey("cases.id", ondelete="CASCADE")),
    )
    op.execute("INSERT INTO cases VALUES ('case')")
    op.execute("INSERT INTO brushes VALUES ('brush', 'case')")
'''
SECOND = '''"""A case has a colour; on SQLite its table is made anew."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("cases") as cases:
        cases.alter_column("id", type_=sa.String(30), existing_type=sa.String(26), existing_nullable=False)
        cases.add_column(sa.Column("colour", sa.String(20), nullable=True))
'''
BROKEN = '''"""Fails after it has changed something."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("DELETE FROM brushes")
    op.execute("INSERT INTO nothing VALUES (1)")
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations of the test's own."""
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_brushes.py").write_text(FIRST)
    (versions / "0002_colours.py").write_text(SECOND)
    return versions.parent


def at(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return find_revision(connection)


def brushes(engine: Engine) -> int | None:
    with engine.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM brushes")).scalar()


def test_the_migrations_make_exactly_the_tables_that_the_row_classes_say(empty_engine: Engine) -> None:
    for path in sorted([*SRC.glob("*/store.py"), *SRC.glob("*/store/")]):
        importlib.import_module(f"enogu.{path.parent.name}.store")
    migrate(empty_engine)  # not ``engine``, which has DBOS's own tables, too
    with empty_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        assert compare_metadata(context, Base.metadata) == []


def test_the_revisions_are_one_line_numbered_as_their_files_are() -> None:
    scripts = ScriptDirectory(str(migrations.FOLDER))
    walked = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(walked)) == known_revisions()


def test_a_new_database_gets_every_table_and_a_second_call_changes_nothing(empty_engine: Engine, folder: Path) -> None:
    assert at(empty_engine) is None
    migrate(empty_engine, folder)
    migrate(empty_engine, folder)
    assert at(empty_engine) == "0002"
    assert {column["name"] for column in inspect(empty_engine).get_columns("cases")} == {"id", "colour"}


def test_a_table_that_is_made_anew_does_not_take_along_what_refers_to_it(empty_engine: Engine, folder: Path) -> None:
    migrate(empty_engine, folder)
    assert brushes(empty_engine) == 1
    with empty_engine.begin() as connection:  # and afterwards foreign keys hold again
        connection.execute(text("DELETE FROM cases"))
    assert brushes(empty_engine) == 0


def test_processes_that_start_at_once_migrate_once(empty_url: str, folder: Path) -> None:
    """Each with its own engine, as processes have; the first migration would fail if it ran twice."""
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    def start() -> None:
        engine = open_engine(empty_url)
        try:
            together.wait()
            migrate(engine, folder)
        except BaseException as error:
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    engine = open_engine(empty_url)
    assert (at(engine), brushes(engine)) == ("0002", 1)
    engine.dispose()


def test_a_migration_that_fails_leaves_everything_as_it_was(empty_engine: Engine, folder: Path) -> None:
    migrate(empty_engine, folder)
    (folder / "versions" / "0003_broken.py").write_text(BROKEN)
    with pytest.raises(Exception, match="nothing"):
        migrate(empty_engine, folder)
    assert (at(empty_engine), brushes(empty_engine)) == ("0002", 1)


def test_a_database_of_a_newer_program_is_refused_and_not_touched(empty_engine: Engine, folder: Path) -> None:
    migrate(empty_engine, folder)
    (folder / "versions" / "0002_colours.py").unlink()
    with pytest.raises(DatabaseFailed, match=r"newer Enogu.*0002.*0001"):
        migrate(empty_engine, folder)
    assert (at(empty_engine), brushes(empty_engine)) == ("0002", 1)
