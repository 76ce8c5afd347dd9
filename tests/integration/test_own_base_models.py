"""A base model that somebody brings, from its upload to a LoRA trained on it: a zip unpacked by a worker, and a single
file (C3), with the real engine in its child.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enogu import starter_data
from enogu.accounts import service as accounts
from enogu.base_models import service as base_models
from enogu.base_models.entities import BaseModel
from enogu.bootstrap import Studio, open_studio
from enogu.datasets import service as datasets
from enogu.imaging.decoder import DirectDecoder
from enogu.queue.entities import Lane
from enogu.runs import service as runs
from enogu.settings import Settings
from enogu.storage.database import reading, transaction, utc_now
from enogu.uploads import service as uploads
from enogu.uploads.parts import parts_of
from enogu.worker.in_process import run_one_job
from tests.ldm_file import small_networks, write_ldm_file
from tests.tiny_flux import write_tiny_flux
from tests.tiny_sdxl import small_sdxl_networks, write_sdxl_file

RECIPE: dict[str, Any] = {
    "pictures": {"resolution": 64, "repeats": 1},
    "training": {"epochs": 1, "batch_size": 4, "mixed_precision": "none"},
    "adapter": {"dim": 2},
    "previews": {"prompts": []},
}


class Owner:
    """A studio with somebody who has the sample pictures."""

    def __init__(self, home: Path) -> None:
        self.studio: Studio = open_studio(Settings(home))
        with transaction(self.studio.engine) as session:
            self.account = accounts.create_account(session, "someone", None, utc_now())
            dataset = datasets.ensure_samples(session, self.studio.files, DirectDecoder(), self.account.id)
        assert dataset is not None
        self.dataset_id = dataset.id
        self.head, self.num_samples = b"", 0

    def bring(self, name: str, data: bytes) -> BaseModel:
        """Upload and register."""
        parts = parts_of(self.studio.settings)
        with transaction(self.studio.engine) as session:
            upload = uploads.create(session, self.account.id, name, "base_model", len(data), utc_now())
        parts.create(upload.id)
        with parts.writing(upload.id, 0) as part:
            part.write(data)
        uploads.finish(self.studio.engine, self.studio.files, parts, self.account.id, upload.id)
        with transaction(self.studio.engine) as session:
            return base_models.register_upload(
                session, self.studio.files, self.studio.metering, self.account, upload.id, utc_now()
            )

    def work(self, lane: Lane) -> None:
        assert run_one_job(self.studio, lanes=(lane,), beat_seconds=0.2) is not None

    def train(self, base_model: str, **sections: Any) -> str:
        """Start a run and work it off; its state."""
        with transaction(self.studio.engine) as session:
            wish = runs.RunWish(self.dataset_id, {**RECIPE, "base_model": base_model, **sections})
            run = runs.start_run(session, self.studio.settings, self.studio.metering, self.account, wish, utc_now())
        self.work("train")
        with reading(self.studio.engine) as session:
            done = runs.get_run(session, self.account.id, run.id)
            assert done.failure is None, done.failure
            (epoch,) = runs.list_epochs(session, self.account.id, run.id)
            self.num_samples = len(runs.list_samples(session, self.account.id, run.id))
        self.head = next(iter(self.studio.files.get(epoch.sha256)))
        assert base_model.encode() in self.head
        return done.state


def zip_of(folder: Path, name: str) -> bytes:
    """The folder in a zip, under ``name``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"{name}/{file.relative_to(folder).as_posix()}")
    return buffer.getvalue()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    made = Owner(tmp_path / "home")
    yield made
    made.studio.close()


def test_a_zip_of_a_folder_is_unpacked_by_a_worker_and_trained_on(owner: Owner) -> None:
    base = owner.bring("mame base.zip", zip_of(starter_data.path("base_model"), "mame base"))
    assert base.state == "importing"
    owner.work("task")
    with reading(owner.studio.engine) as session:
        ready = base_models.get_base_model(session, owner.studio.settings, owner.account.id, "mame base")
        starter = base_models.get_base_model(session, owner.studio.settings, owner.account.id, "starter")
    assert (ready.state, ready.can_train, ready.hash) == ("ready", True, starter.hash)
    assert owner.train("mame base") == "finished"


def test_a_single_file_is_trained_on_right_after_its_upload(owner: Owner, tmp_path: Path) -> None:
    file = write_ldm_file(tmp_path / "anime.safetensors", small_networks())
    base = owner.bring("anime.safetensors", file.read_bytes())
    assert (base.state, base.family, base.can_train) == ("ready", "sd15", True)
    assert owner.train("anime") == "finished"


def test_an_sdxl_file_that_predicts_v_is_told_trained_and_drawn(owner: Owner, tmp_path: Path) -> None:
    """C2, C4: known by its own marks, in the child with the real engine; its LoRA says that it is SDXL."""
    file = write_sdxl_file(tmp_path / "noob.safetensors", small_sdxl_networks(), "v_pred", "ztsnr")
    base = owner.bring("noob.safetensors", file.read_bytes())
    assert (base.state, base.family, base.prediction_type, base.can_train) == ("ready", "sdxl", "v_prediction", True)
    assert owner.train("noob", previews={"prompts": ["mame"], "steps": 2, "sampler": "euler_a"}) == "finished"
    assert b'"sdxl_base_v1-0"' in owner.head and b'"modelspec.prediction_type":"v"' in owner.head
    assert owner.num_samples == 1


def test_a_flux_folder_is_trained_on_and_drawn_with(owner: Owner, tmp_path: Path) -> None:
    """C2: T5's tokenizer comes with the folder; the LoRA says that it is Flux, in sd-scripts' words."""
    base = owner.bring("flux.zip", zip_of(write_tiny_flux(tmp_path / "flux"), "flux"))
    owner.work("task")
    with reading(owner.studio.engine) as session:
        base = base_models.get_base_model(session, owner.studio.settings, owner.account.id, "flux")
    assert (base.state, base.family, base.prediction_type, base.can_train) == ("ready", "flux", "flow", True)
    previews = {"prompts": ["mame"], "steps": 2, "sampler": "euler"}
    assert owner.train("flux", previews=previews) == "finished"
    assert b'"networks.lora_flux"' in owner.head and b'"ss_timestep_sampling":"shift"' in owner.head
    assert owner.num_samples == 1
