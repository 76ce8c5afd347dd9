"""What tests of datasets need: an owner, a dataset, pictures, and a worker's context for a job."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image
from sqlalchemy import Engine

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.datasets import service, tasks
from enogu.datasets.entities import Dataset, Picture
from enogu.datasets.incoming.sources import NamedFiles
from enogu.imaging.decoder import Decoder, DirectDecoder
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.settings import Settings
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import reading, transaction
from enogu.storage.files_in_memory import FilesInMemory
from enogu.worker.handlers import JobContext

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
METERING = load_metering(SHIPPED)


def drawn(seed: int, width: int = 96, height: int = 64) -> Image.Image:
    """A picture with detail that differs from every other seed's."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.NEAREST)


def png(seed: int, width: int = 96, height: int = 64) -> bytes:
    buffer = io.BytesIO()
    drawn(seed, width, height).save(buffer, format="PNG")
    return buffer.getvalue()


@dataclass
class Place:
    """An owner's corner of a studio."""

    engine: Engine
    home: Path
    account: Account
    files: FilesInMemory = field(default_factory=FilesInMemory)
    decoder: Decoder = field(default_factory=DirectDecoder)

    @property
    def owner_id(self) -> str:
        return self.account.id

    @property
    def settings(self) -> Settings:
        return Settings(self.home)

    def dataset(self, files: Mapping[str, bytes] | None = None, name: str = "some pictures") -> Dataset:
        with transaction(self.engine) as session:
            made = service.create_dataset(session, self.owner_id, name, NOW)
        self.bring(made.id, files or {})
        return self.look(made.id)

    def bring(self, dataset_id: str, files: Mapping[str, bytes]) -> service.ImportReport:
        return tasks.import_sources(
            self.engine, self.files, self.decoder, self.owner_id, dataset_id, [NamedFiles(files)], []
        )

    def look(self, dataset_id: str) -> Dataset:
        with reading(self.engine) as session:
            return service.get_dataset(session, self.owner_id, dataset_id)

    def pictures(self, dataset_id: str) -> tuple[Picture, ...]:
        with reading(self.engine) as session:
            return service.list_pictures(session, self.owner_id, dataset_id)

    def captions(self, dataset_id: str) -> dict[str, str]:
        return {one.name: one.caption for one in self.pictures(dataset_id)}

    def caption(self, dataset_id: str, captions: Mapping[str, str], words: str = "by hand") -> int:
        by_name = {one.name: one.id for one in self.pictures(dataset_id)}
        with transaction(self.engine) as session:
            edit = service.change_captions(
                session, self.owner_id, dataset_id,
                {by_name[name]: text for name, text in captions.items()}, words=words, now=NOW,
            )  # fmt: skip
        return edit.num_pictures

    @contextmanager
    def work(self, worker: str = "one", now: datetime = NOW) -> Iterator[JobContext]:
        """The next task, as a worker has it; without a thread that beats."""
        with transaction(self.engine) as session:
            job = queue.take_next(session, "task", worker, now)
        assert job is not None
        yield self.context(job)

    def context(self, job: Job) -> JobContext:
        def no_engine() -> object:
            raise AssertionError("tasks need no engine")

        return JobContext(
            engine=self.engine,
            files=self.files,
            settings=self.settings,
            metering=METERING,
            decoder=self.decoder,
            job=job,
            engine_host=no_engine,  # pyright: ignore[reportArgumentType]  (never called)
        )

    def job(self, job_id: str) -> Job:
        with reading(self.engine) as session:
            return queue.get_job(session, self.owner_id, job_id)


def open_place(engine: Engine, home: Path, name: str = "someone") -> Place:
    with transaction(engine) as session:
        account = accounts.create_account(session, name, None, NOW)
    return Place(engine, home, account)
