"""A studio around runs without the slices beside them: a dataset, base models and an engine's words, as doubles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.base_models import service as base_models
from enogu.datasets import service as datasets
from enogu.errors import BaseModelRefused, NotFound
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.runs import service, tasks
from enogu.runs.entities import Run
from enogu.runs.service import RunWish
from enogu.settings import Settings
from enogu.stamina.entities import Metering
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import Engine, Session, transaction, utc_now
from enogu.storage.files_in_memory import FilesInMemory

DATASET = "d" * 26
REFERENCE: dict[str, Any] = {
    "adapter": {"dim": 128},
    "base_model": "pony",
    "pictures": {"resolution": 512},
    "training": {"epochs": 10, "batch_size": 2},
    "previews": {"prompts": ["zdm, 1boy, smile"], "steps": 20},
}
"""The reference run of the article, with the trigger left to its dataset: 157 stamina."""
SMALL: dict[str, Any] = {
    "base_model": "starter",
    "pictures": {"resolution": 512, "repeats": 2},
    "training": {"epochs": 4, "batch_size": 2},
}
"""7 pictures, 7 steps an epoch, 28 in all."""


@dataclass(frozen=True)
class FakeDataset:
    name: str = "Zundamon"
    trigger: str = "zdm"


@dataclass(frozen=True)
class FakePicture:
    picture_id: str
    name: str
    sha256: str
    caption: str
    repeats: int = 20
    width: int = 768
    height: int = 768
    folder: str = "20_zdm 1boy"
    is_regularisation: bool = False
    mask_sha256: str | None = None
    mask_cut: tuple[int, ...] | None = None


@dataclass(frozen=True)
class FakeBaseModel:
    id: str
    name: str
    family: str
    hash: str = "ab" * 32
    can_train: bool = True
    why_not: str = ""
    native_side: int | None = None
    size_bytes: int = 7 * 10**9


@dataclass
class Place:
    """Everything that a test of runs needs, around one account."""

    engine: Engine
    settings: Settings
    metering: Metering
    account: Account
    other: Account
    files: FilesInMemory
    pictures: list[FakePicture]
    base_models: dict[str, FakeBaseModel] = field(default_factory=dict)

    def start(self, values: dict[str, Any] | None = None, **more: Any) -> Run:
        with transaction(self.engine) as session:
            return self.start_in(session, values, **more)

    def start_in(self, session: Session, values: dict[str, Any] | None = None, **more: Any) -> Run:
        wish = RunWish(DATASET, SMALL if values is None else values, more.pop("name", ""))
        return service.start_run(session, self.settings, self.metering, self.account, wish, utc_now(), **more)

    def get(self, run_id: str) -> Run:
        with transaction(self.engine) as session:
            return service.get_run(session, self.account.id, run_id)

    def job_of(self, run_id: str) -> Job:
        run = self.get(run_id)
        with transaction(self.engine) as session:
            job = queue.find_job(session, run.job_id or "")
        assert job is not None
        return job

    def take(self) -> tasks.OnWorker:
        """The next job, begun on a worker."""
        with transaction(self.engine) as session:
            job = queue.take_next(session, "train", "here:cpu", utc_now())
        assert job is not None
        return self.on_worker(job)

    def on_worker(self, job: Job) -> tasks.OnWorker:
        return tasks.OnWorker(
            self.engine, self.files, self.settings, job, lambda session: queue.hold(session, job.id, job.token)
        )


def metering_with(stamina_per_day: int = 100_000, **limits: int) -> Metering:
    """The shipped prices, with a free plan of so much."""
    shipped = load_metering(SHIPPED)
    free = shipped.plans["free"]
    plan = free.model_copy(update={"stamina_per_day": stamina_per_day, "limits": free.limits.model_copy(update=limits)})
    return shipped.model_copy(update={"plans": {**shipped.plans, "free": plan}})


def make_place(engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """With two accounts, seven pictures and the base models ``starter`` and ``pony``."""
    files = FilesInMemory()
    pictures: list[FakePicture] = []
    for number in range(1, 8):
        data = f"picture {number}".encode()
        files.put([data], 100)
        pictures.append(
            FakePicture(
                f"p{number}", f"{number:02d}.png", hashlib.sha256(data).hexdigest(), f"zdm, 1boy, pose {number}"
            )
        )
    now = utc_now()
    with transaction(engine) as session:
        account = accounts.create_account(session, "someone", None, now)
        other = accounts.create_account(session, "other", None, now)
    place = Place(engine, Settings(home), metering_with(), account, other, files, pictures)
    place.base_models = {
        "starter": FakeBaseModel("starter", "starter", "sd15"),
        "pony": FakeBaseModel("pony", "Pony", "sdxl"),
        "locked": FakeBaseModel("locked", "Locked", "sd15", can_train=False, why_not="It is being imported."),
    }

    def get_dataset(_session: Session, owner_id: str, dataset_id: str) -> FakeDataset:
        if owner_id == other.id or dataset_id != DATASET:
            raise NotFound("There is no such dataset.")
        return FakeDataset()

    def pictures_to_train(session: Session, owner_id: str, dataset_id: str) -> tuple[FakePicture, ...]:
        get_dataset(session, owner_id, dataset_id)
        return tuple(place.pictures)

    def get_base_model(_session: Session, _settings: Settings, _owner_id: str, reference: str) -> FakeBaseModel:
        if reference not in place.base_models:
            raise BaseModelRefused(f"There is no base model '{reference}'.", "There are: starter, pony.")
        return place.base_models[reference]

    monkeypatch.setattr(datasets, "get_dataset", get_dataset, raising=False)
    monkeypatch.setattr(datasets, "pictures_to_train", pictures_to_train, raising=False)
    monkeypatch.setattr(base_models, "get_base_model", get_base_model, raising=False)
    monkeypatch.setattr(base_models, "place", lambda _files, settings, base: settings.home / base.name, raising=False)
    return place


class ScriptedEngine:
    """What an engine would say and write, step by step, deterministic; a state says its step in its header."""

    def __init__(self, run: Run, out: Path) -> None:
        self.run, self.out = run, out
        self.name = run.recipe["output_name"]
        out.mkdir(parents=True, exist_ok=True)

    def started(self, step: int = 0) -> dict[str, Any]:
        return {
            "event": "Started", "run_id": self.run.id, "step": step, "num_steps": self.run.num_steps,
            "num_epochs": self.run.num_epochs, "num_adapter_parameters": {"unet": 9}, "device": "cpu",
            "dtype": "float32", "notes": [],
        }  # fmt: skip

    def stepped(self, step: int, num_losses: int = 1) -> dict[str, Any]:
        return {
            "event": "Stepped", "run_id": self.run.id, "step": step, "num_steps": self.run.num_steps,
            "epoch": -(-step // self.run.steps_per_epoch),
            "losses": [loss_of(one) for one in range(step - num_losses + 1, step + 1)],
            "average_loss": 0.1, "learning_rates": {"unet": 1e-4}, "steps_per_second": 2.0,
            "seconds_left": (self.run.num_steps - step) / 2, "memory_mib": 300,
        }  # fmt: skip

    def saved(self, epoch: int) -> dict[str, Any]:
        last = epoch == self.run.num_epochs
        name = f"{self.name}.safetensors" if last else f"{self.name}-{epoch:06d}.safetensors"
        return self._saved(epoch, epoch * self.run.steps_per_epoch, name)

    def saved_now(self, step: int) -> dict[str, Any]:
        return self._saved(-(-step // self.run.steps_per_epoch), step, f"{self.name}-step{step:08d}.safetensors")

    def sampled(self, epoch: int) -> dict[str, Any]:
        path = self.out / "sample" / f"{epoch}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(f"preview {epoch}".encode())
        return {
            "event": "Sampled", "run_id": self.run.id, "epoch": epoch, "step": epoch * self.run.steps_per_epoch,
            "prompt_index": 0, "prompt": "zdm, smile", "seed": 1, "path": str(path),
        }  # fmt: skip

    def checkpointed(self, step: int) -> dict[str, Any]:
        path = self.out / f"{self.name}-state" / "state.safetensors"
        path.parent.mkdir(exist_ok=True)
        header = f'{{"__metadata__":{{"step":"{step}"}}}}'.encode()
        path.unlink(missing_ok=True)
        path.write_bytes(len(header).to_bytes(8, "little") + header)
        return {"event": "Checkpointed", "run_id": self.run.id, "step": step, "path": str(path)}

    def epoch(self, number: int) -> Iterator[dict[str, Any]]:
        """One whole epoch, with its file, preview and state."""
        for step in range((number - 1) * self.run.steps_per_epoch + 1, number * self.run.steps_per_epoch + 1):
            yield self.stepped(step)
        yield self.saved(number)
        yield self.sampled(number)
        yield self.checkpointed(number * self.run.steps_per_epoch)

    def finished(self) -> dict[str, Any]:
        return {
            "event": "Finished",
            "run_id": self.run.id,
            "num_steps": self.run.num_steps,
            "seconds": 1.0,
            "files": [],
        }

    def _saved(self, epoch: int, step: int, name: str) -> dict[str, Any]:
        (self.out / name).write_bytes(f"lora {name} of step {step}".encode())
        path = str(self.out / name)
        return {"event": "Saved", "run_id": self.run.id, "epoch": epoch, "step": step, "path": path, "sha256": "0" * 64}


def loss_of(step: int) -> float:
    return 1 / (step + 1)
