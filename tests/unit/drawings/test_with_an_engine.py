"""Requests drawn by an engine's child through the real host and the real library: both sides mean the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.bootstrap import Studio, open_studio
from enogu.drawings import service
from enogu.drawings.entities import ComparisonWish, LoraWish, Wish
from enogu.loras import service as loras
from enogu.settings import Settings
from enogu.storage.database import reading, transaction, utc_now
from enogu.uploads import store as uploads_store
from enogu.worker.engine_host import EngineHost
from enogu.worker.in_process import run_one_job
from tests.unit.loras.lora_files import lora_bytes

FAKE = [sys.executable, "-m", "enogu.worker.fake_engine"]


@pytest.fixture
def studio(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Studio]:
    (tmp_path / "enogu.sqlite3").write_bytes(migrated_sqlite.read_bytes())
    studio = open_studio(Settings(tmp_path))
    yield studio
    studio.close()


@pytest.fixture
def owner(studio: Studio) -> Account:
    with reading(studio.engine) as session:
        caller = accounts.find_loopback_owner(session)
    assert caller is not None
    return caller.account


@pytest.fixture(scope="module")
def host() -> Iterator[EngineHost]:
    host = EngineHost(FAKE, "cpu")
    yield host
    host.close()


def add_lora(studio: Studio, owner: Account, name: str) -> None:
    data = lora_bytes({"enogu_trigger": "まめ", "ss_clip_skip": "2"})
    put = studio.files.put([data], len(data))
    with transaction(studio.engine) as session:
        upload = uploads_store.add_upload(
            session, owner_id=owner.id, name=f"{name}.safetensors", kind="lora", size_bytes=len(data),
            now=utc_now(), expires_at=utc_now(),
        )  # fmt: skip
        uploads_store.set_finished(session, owner.id, upload.id, put.sha256)
        loras.add_upload(session, studio.files, owner.id, upload.id, name, now=utc_now())


def test_a_request_goes_through_the_engine_and_comes_back_into_the_form(
    studio: Studio, owner: Account, host: EngineHost
) -> None:
    """I1 to I4."""
    add_lora(studio, owner, "まめ")
    wish = Wish(
        "starter", "笑顔", negative_prompt="暗い", steps=3, seed=5, count=5, loras=(LoraWish("まめ", 0.8),),
        add_trigger=True,
    )  # fmt: skip
    with transaction(studio.engine) as session:
        asked = service.request_drawing(session, studio.settings, studio.metering, owner, wish, utc_now())
    job = run_one_job(studio, lanes=("draw",), engine_host=host)
    assert job is not None
    assert (job.state, job.reason) == ("done", "")
    with reading(studio.engine) as session:
        done = service.get_request(session, owner.id, asked.id)
        drawings = service.list_of_request(session, done)
        form = service.read_parameters(session, studio.settings, owner.id, drawings[4].parameters)
    assert (done.num_done, [one.seed for one in drawings]) == (5, [5, 6, 7, 8, 9])
    assert len({one.sha256 for one in drawings}) == 5
    assert (form.prompt, form.negative_prompt, form.fields["seed"]) == ("まめ, 笑顔", "暗い", 9)
    assert (form.fields["width"], form.fields["clip_skip"]) == (128, 2)
    assert [(one.library_name, one.weight) for one in form.loras] == [("まめ", 0.8)]
    assert form.base_model is not None
    assert form.base_model.base_model_id == "starter"


def test_a_comparison_is_drawn_warm_and_ends_with_its_sheet(studio: Studio, owner: Account, host: EngineHost) -> None:
    """I5."""
    add_lora(studio, owner, "mame")
    wish = ComparisonWish(Wish("starter", "", steps=1, seed=5), ("mame",), ("smile", "angry"))
    with transaction(studio.engine) as session:
        asked = service.request_comparison(session, studio.settings, studio.metering, owner, wish, utc_now())
    job = run_one_job(studio, lanes=("draw",), engine_host=host)
    assert job is not None
    assert job.state == "done"
    with reading(studio.engine) as session:
        done = service.get_request(session, owner.id, asked.id)
        drawings = service.list_of_request(session, done)
    assert done.sheet_sha256 is not None
    assert len({one.sha256 for one in drawings}) == 8
