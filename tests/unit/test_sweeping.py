"""What is swept and, above all, what is not: nothing that a row names, nothing young, nothing put again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from enogu import sweeping
from enogu.accounts import service as accounts
from enogu.accounts.asking import Door
from enogu.bootstrap import Studio
from enogu.settings import Settings
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import Engine, transaction, utc_now
from enogu.storage.files import StoredFile
from enogu.storage.files_in_memory import FilesInMemory
from enogu.sweeping import sweep
from enogu.uploads import service as uploads
from enogu.uploads import store as upload_rows
from enogu.uploads.parts import parts_of

LATER = timedelta(days=2)


@pytest.fixture
def files() -> FilesInMemory:
    return FilesInMemory()


@pytest.fixture
def studio(engine: Engine, files: FilesInMemory, tmp_path: Path) -> Studio:
    return Studio(Settings(tmp_path), engine, files, Door(engine, "password"), load_metering(SHIPPED))


def kept(files: FilesInMemory) -> set[str]:
    return {one.sha256 for one in files.list_files()}


def owner_of(engine: Engine) -> str:
    with transaction(engine) as session:
        return accounts.create_account(session, "mame", None, utc_now()).id


def finished_upload(engine: Engine, sha256: str) -> str:
    owner = owner_of(engine)
    with transaction(engine) as session:
        made = uploads.create(session, owner, "a.png", "picture", 3, utc_now())
        upload_rows.set_finished(session, owner, made.id, sha256)
    return made.id


def test_a_file_that_no_row_names_goes_when_it_is_a_day_old(studio: Studio, files: FilesInMemory) -> None:
    put = files.put([b"nobody's"], 100)
    assert sweep(studio, utc_now()).files == 0, "its row may be on its way"
    trial = sweep(studio, utc_now() + LATER, is_trial=True)
    assert (trial.files, trial.bytes, kept(files)) == (1, 8, {put.sha256})
    assert sweep(studio, utc_now() + LATER).files == 1
    assert kept(files) == set()


def test_a_file_that_a_row_names_stays(studio: Studio, files: FilesInMemory) -> None:
    named, nobodys = files.put([b"one"], 100), files.put([b"two"], 100)
    finished_upload(studio.engine, named.sha256)
    assert sweep(studio, utc_now() + LATER).files == 1
    assert kept(files) == {named.sha256}
    assert nobodys.sha256 != named.sha256


def test_a_slice_that_forgot_to_name_its_files_loses_none(
    studio: Studio, files: FilesInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look: every column that holds a sha256."""
    monkeypatch.setattr(sweeping, "FILE_NAMERS", ())
    named = files.put([b"one"], 100)
    finished_upload(studio.engine, named.sha256)
    assert sweep(studio, utc_now() + LATER).files == 0
    assert kept(files) == {named.sha256}


def test_files_that_only_a_slice_itself_can_name_stay(
    studio: Studio, files: FilesInMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside of a JSON column, say."""
    put = files.put([b"one"], 100)
    monkeypatch.setattr(sweeping, "FILE_NAMERS", (lambda session: [put.sha256, "no hash"],))
    assert sweep(studio, utc_now() + LATER).files == 0


def test_a_file_that_is_put_again_in_the_middle_of_a_sweep_stays(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PutAgain(FilesInMemory):
        def find(self, sha256: str) -> StoredFile | None:
            self.put([b"one"], 100)
            found = super().find(sha256)
            return found and StoredFile(found.sha256, found.size_bytes, utc_now() + LATER)

    files = PutAgain()
    files.put([b"one"], 100)
    again = Studio(studio.settings, studio.engine, files, studio.door, studio.metering)
    assert sweep(again, utc_now() + LATER).files == 0
    assert len(kept(files)) == 1


def test_what_has_run_out_goes_with_it(studio: Studio, engine: Engine) -> None:
    owner = owner_of(engine)
    with transaction(engine) as session:
        accounts.open_session(session, owner, utc_now() - timedelta(days=300))
        made = uploads.create(session, owner, "a.png", "picture", 3, utc_now())
    parts = parts_of(studio.settings)
    parts.create(made.id)
    swept = sweep(studio, utc_now() + timedelta(days=8))
    assert (swept.expired_keys, swept.forgotten_uploads) == (1, 1)
    assert not list(parts.list_ids())


def test_a_part_whose_row_is_on_its_way_stays(studio: Studio, engine: Engine) -> None:
    owner = owner_of(engine)
    parts = parts_of(studio.settings)

    def mine() -> Iterator[None]:
        with transaction(engine) as session:
            made = uploads.create(session, owner, "a.png", "picture", 3, utc_now())
            parts.create(made.id)
            session.rollback()  # what a sweep beside it sees
        yield

    for _ in mine():
        sweep(studio, utc_now())
    assert len(parts.list_ids()) == 1


def test_every_slice_that_has_columns_of_hashes_names_its_files(engine: Engine) -> None:
    """Who names files is a list that somebody may forget to add to."""
    from enogu.bootstrap import FILE_NAMERS
    from enogu.storage.database import Base

    own = {"accounts", "stamina", "queue"}  # hashes of secrets, or none
    naming = {namer.__module__.split(".")[1] for namer in FILE_NAMERS}
    keeping = {
        mapper.class_.__module__.split(".")[1]
        for mapper in Base.registry.mappers
        if any(column.name.endswith("sha256") for column in mapper.columns)
    }
    assert keeping - own <= naming
