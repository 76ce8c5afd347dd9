"""A worker brings base models from the hub, here from one on loopback, through the hub's own library (C3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import huggingface_hub.constants
import pytest

from enogu.base_models import service, tasks
from enogu.base_models.entities import BaseModel
from enogu.base_models.rules import hashes
from enogu.errors import BaseModelRefused
from enogu.queue import service as queue
from enogu.storage.database import Engine, reading, transaction
from enogu.worker import base_model_handlers
from enogu.worker.handlers import JobContext
from tests.unit.base_models.checkpoints import checkpoint, folder_files
from tests.unit.base_models.fake_hub import FakeHub, open_hub
from tests.unit.datasets.studio import METERING, NOW, Place, open_place

Listen = Callable[[FakeHub], AbstractContextManager[FakeHub]]
LARGE = checkpoint({"filler": "x" * 6_000_000})


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Place:
    return open_place(engine, tmp_path / "home")


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch) -> Listen:
    """A hub as a context; the library is told where it is."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_TOKEN", raising=False)

    @contextmanager
    def opened(hub: FakeHub) -> Iterator[FakeHub]:
        with open_hub(hub) as listening:
            monkeypatch.setenv("HF_ENDPOINT", listening.url)
            yield listening

    return opened


def ask(place: Place, reference: str, name: str = "") -> BaseModel:
    with transaction(place.engine) as session:
        return service.register_from_hub(session, METERING, place.account, reference, NOW, name=name)


def look(place: Place, base: BaseModel) -> BaseModel:
    with reading(place.engine) as session:
        return service.get_base_model(session, place.settings, place.owner_id, base.id)


def bring(place: Place, reference: str) -> BaseModel:
    base = ask(place, reference)
    assert (base.state, base.can_train, base.origin) == ("importing", False, "hub")
    with place.work() as context:
        base_model_handlers.download_base_model(context)
    return look(place, base)


def test_a_single_file_is_brought_and_known_by_its_hash(place: Place, listen: Listen) -> None:
    with listen(FakeHub({"owner/anime": {"anime.safetensors": checkpoint()}})):
        base = bring(place, "owner/anime")
    assert (base.state, base.family, base.layout, base.can_train) == ("ready", "sd15", "single_file", True)
    assert (base.name, base.licence) == ("anime", "openrail")
    assert base.notes.endswith("/owner/anime")
    placed = service.place(place.files, place.settings, base)
    assert placed.read_bytes() == checkpoint()
    assert not any((place.settings.cache_folder / "hub").iterdir()), "the copy on the way is gone"


def test_a_folder_is_brought_with_its_half_precision_copy_under_the_plain_name(
    place: Place, tmp_path: Path, listen: Listen
) -> None:
    files = folder_files(tmp_path)
    there = {path.replace("vae/model.", "vae/model.fp16."): data for path, data in files.items()}
    with listen(FakeHub({"owner/folder": {**there, "unet/model.bin": b"\x80\x02", "README.md": b"hello"}})):
        base = bring(place, "https://huggingface.co/owner/folder")
    assert (base.state, base.family, base.layout) == ("ready", "sd15", "folder")
    placed = service.place(place.files, place.settings, base)
    assert {one.relative_to(placed).as_posix() for one in placed.rglob("*") if one.is_file()} == set(files)
    assert base.hash == hashes.hash_base_model(place.home / "elsewhere", placed)


def refusal(place: Place, reference: str) -> str:
    base = ask(place, reference)
    with place.work() as context, pytest.raises(BaseModelRefused) as caught:
        base_model_handlers.download_base_model(context)
    after = look(place, base)
    assert (after.state, after.reason) == ("failed", str(caught.value))
    return after.reason


def test_each_reason_why_one_cannot_be_had_is_told_with_its_cure(place: Place, listen: Listen) -> None:
    repos = {"owner/gated": {"a.safetensors": checkpoint()}, "owner/none": {"README.md": b"x"},
             "owner/broken": {"a.safetensors": b"hello"}}  # fmt: skip
    with listen(FakeHub(repos, gated=frozenset({"owner/gated"}))):
        assert "no owner/missing on the hub" in refusal(place, "owner/missing")
        assert "HF_TOKEN" in refusal(place, "owner/gated")
        assert "no base model" in refusal(place, "owner/none")
        assert "a.safetensors" in refusal(place, "owner/broken")


def test_a_hub_that_does_not_answer_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached" in refusal(place, "owner/anime")


def test_a_studio_that_works_without_the_hub_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refusal(place, "owner/anime")


def test_a_token_opens_what_is_gated(place: Place, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen(FakeHub({"owner/gated": {"a.safetensors": checkpoint()}}, gated=frozenset({"owner/gated"}))):
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        assert bring(place, "owner/gated").state == "ready"


def test_a_stopped_worker_leaves_what_arrived_and_the_next_goes_on_from_there(
    place: Place, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enogu.base_models.tasks.working._TELL_BYTES", 1)
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 2**20)
    hub = FakeHub({"owner/anime": {"anime.safetensors": LARGE}})
    with listen(hub):
        base = ask(place, "owner/anime")
        with place.work() as context:
            asked: list[bool] = []

            def is_stopping(_context: JobContext) -> bool:
                asked.append(True)
                return len(asked) > 3

            with monkeypatch.context() as patched:
                patched.setattr(JobContext, "is_stopping", property(is_stopping))
                assert tasks.download_base_model(context) == "stopped"
            assert look(place, base).state == "importing"
            assert tasks.download_base_model(context) == "done"
    ranges = [int(asked.removeprefix("bytes=").split("-")[0]) for _, _, asked in hub.asked if asked]
    assert any(0 < start < len(LARGE) for start in ranges), hub.asked
    assert look(place, base).state == "ready"


def test_a_cancelled_download_leaves_nothing(place: Place, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enogu.base_models.tasks.working._TELL_BYTES", 1)
    with listen(FakeHub({"owner/anime": {"anime.safetensors": LARGE}})):
        base = ask(place, "owner/anime")
        with place.work() as context:
            with transaction(place.engine) as session:
                queue.ask(session, context.job.id, "cancel", NOW)
            context.beat()
            assert tasks.download_base_model(context) == "cancelled"
    assert look(place, base).reason == "The download was cancelled."
    assert not any((place.settings.cache_folder / "hub").iterdir())
