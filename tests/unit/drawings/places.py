"""A studio around drawings without the slices beside them: base models, a library and an engine, as doubles."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.base_models import service as base_models
from enogu.base_models.entities import BaseModel
from enogu.drawings import service
from enogu.drawings.entities import DrawingRequest, LoraWish, Wish
from enogu.errors import BaseModelRefused, NotFound
from enogu.imaging.decoder import DirectDecoder
from enogu.imaging.infotext import save_png, write_infotext, write_lora_hashes
from enogu.loras import service as loras
from enogu.loras.entities import Lora, LoraPage
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.recipe.samplers import SAMPLER_TITLES, SCHEDULE_TITLES, Sampler, ScheduleType
from enogu.settings import Settings
from enogu.stamina.entities import Metering
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import Engine, Session, reading, transaction, utc_now
from enogu.storage.files_in_memory import FilesInMemory
from enogu.worker.engine_host import DrawJob
from enogu.worker.handlers import JobContext


class ScriptedEngine:
    """Draws at once, one colour per seed, and says what an engine says. ``before`` may do or raise anything."""

    def __init__(self) -> None:
        self.jobs: list[DrawJob] = []
        self.before: Callable[[DrawJob, int], None] = lambda _job, _number: None
        self.failure: dict[str, Any] | None = None

    def draw(self, job: DrawJob, *, cancelled: Callable[[], bool] = lambda: False) -> Iterator[dict[str, Any]]:
        self.jobs.append(job)
        job.out.mkdir(parents=True, exist_ok=True)
        for number in range(job.count):
            self.before(job, number)
            if self.failure is not None:
                yield {"event": "DrawFailed", "drawing_id": job.drawing_id, **self.failure}
                return
            for step in range(1, job.steps + 1):
                if cancelled():
                    yield {
                        "event": "DrawFailed", "drawing_id": job.drawing_id, "kind": "Cancelled",
                        "message": "", "cure": "",
                    }  # fmt: skip
                    return
                yield {"event": "DrawStepped", "drawing_id": job.drawing_id, "done": step, "total": job.steps}
            seed = job.seed + number
            path = job.out / f"{number:02d}.png"
            text = parameters_of(job, seed)
            colour = tuple(hashlib.sha256(str((seed, len(job.loras))).encode()).digest()[:3])
            save_png(Image.new("RGB", (job.width, job.height), colour), path, text)
            yield {
                "event": "Drew", "drawing_id": job.drawing_id, "number": number, "seed": seed, "path": str(path),
                "parameters": text,
            }  # fmt: skip
        yield {"event": "DrawFinished", "drawing_id": job.drawing_id}


def parameters_of(job: DrawJob, seed: int) -> str:
    """As ``engine.infotext_of`` writes it."""
    tags = [f"<lora:{lora.name}:{lora.weight:g}>" for lora in job.loras]
    settings = {
        "Steps": job.steps, "Sampler": SAMPLER_TITLES[cast(Sampler, job.sampler)],
        "Schedule type": SCHEDULE_TITLES[cast(ScheduleType, job.schedule_type)],
        "CFG scale": job.cfg, "Seed": seed,
        "Size": f"{job.width}x{job.height}", "Model": job.base_model.name, "RNG": "CPU",
        "Clip skip": job.clip_skip if job.clip_skip > 1 else None,
        "Lora hashes": write_lora_hashes({lora.name: Path(lora.path).read_bytes().hex()[:12] for lora in job.loras}),
        "Version": "Enogu",
    }  # fmt: skip
    return write_infotext(" ".join([job.prompt, *tags]), job.negative_prompt, settings)


@dataclass
class Place:
    """Everything that a test of drawings needs, around one account."""

    engine: Engine
    settings: Settings
    metering: Metering
    account: Account
    other: Account
    files: FilesInMemory
    base_models: dict[str, BaseModel] = field(default_factory=dict[str, BaseModel])
    loras: dict[str, Lora] = field(default_factory=dict[str, Lora])
    scripted: ScriptedEngine = field(default_factory=ScriptedEngine)

    def add_lora(self, name: str, family: str = "sd15", **facts: Any) -> Lora:
        """One of the account's own."""
        data = f"lora {name}".encode()
        put = self.files.put([data], 1000)
        lora = Lora(
            id=f"{len(self.loras):026d}", owner_id=self.account.id, name=name, filename=f"{name}.safetensors",
            family=family, sha256=put.sha256, size_bytes=put.size_bytes, trigger=facts.pop("trigger", ""),
            dim=8, alpha=8,
            preview_sha256=None, run_id=None, epoch=None, base_model_name="starter", notes="", negative="",
            preferred_weight=0, facts={"model_hash": data.hex(), **facts}, created_at=utc_now(),
        )  # fmt: skip
        self.loras[lora.id] = lora
        return lora

    def ask(self, prompt: str = "mame, smile", **more: Any) -> DrawingRequest:
        with transaction(self.engine) as session:
            return self.ask_in(session, prompt, **more)

    def ask_in(self, session: Session, prompt: str = "mame, smile", **more: Any) -> DrawingRequest:
        given = {"base_model": "starter", "width": 64, "height": 64, "steps": 2, "seed": 7, **more}
        given["loras"] = tuple(LoraWish(*one) for one in given.pop("loras", ()))
        return service.request_drawing(
            session, self.settings, self.metering, self.account, Wish(prompt=prompt, **given), utc_now()
        )

    def get(self, request_id: str) -> DrawingRequest:
        with reading(self.engine) as session:
            return service.get_request(session, self.account.id, request_id)

    def drawings_of(self, request_id: str) -> list[Any]:
        with reading(self.engine) as session:
            return list(service.list_of_request(session, service.get_request(session, self.account.id, request_id)))

    def take(self) -> Job | None:
        """The next job, begun on a worker."""
        with transaction(self.engine) as session:
            return queue.take_next(session, "draw", "here:cpu", utc_now())

    def context(self, job: Job, **more: Any) -> JobContext:
        host: Any = self.scripted
        return JobContext(
            engine=self.engine, files=self.files, settings=self.settings, metering=self.metering,
            decoder=DirectDecoder(), job=job, engine_host=lambda: host, **more,
        )  # fmt: skip

    def work(self, **more: Any) -> Job:
        """Draw the next request; its job as it is afterwards."""
        from enogu.worker import drawing_handler

        job = self.take()
        assert job is not None
        drawing_handler.draw(self.context(job, **more))
        with reading(self.engine) as session:
            found = queue.find_job(session, job.id)
        assert found is not None
        return found


def base_model(reference: str, family: str = "sd15", **more: Any) -> BaseModel:
    """One that is there."""
    given: dict[str, Any] = {
        "owner_id": None, "derivative": "", "prediction_type": "epsilon", "origin": "home", "layout": "folder",
        "state": "ready", "reason": "", "hash": "ab" * 32, "size_bytes": 1, "licence": "", "notes": "",
        "picture_sha256": None, "style": "", "native_side": None, "created_at": None, **more,
    }  # fmt: skip
    return BaseModel(id=reference, name=given.pop("name", reference), family=family, **given)


def make_place(engine: Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """With two accounts and the base models ``starter`` (SD1.5) and ``pony`` (SDXL)."""
    logging.getLogger("enogu.worker").setLevel(logging.ERROR)
    now = utc_now()
    with transaction(engine) as session:
        account = accounts.create_account(session, "someone", None, now)
        other = accounts.create_account(session, "other", None, now)
    place = Place(engine, Settings(home), load_metering(SHIPPED), account, other, FilesInMemory())
    place.base_models = {
        "starter": base_model("starter", origin="starter", native_side=128),
        "pony": base_model("pony", "sdxl", name="Pony"),
        "coming": base_model("coming", state="importing"),
    }

    def get_base_model(_session: Session, _settings: Settings, _owner_id: str, reference: str) -> BaseModel:
        if reference not in place.base_models:
            raise BaseModelRefused(f"There is no base model '{reference}'.", "There are: starter, pony.")
        return place.base_models[reference]

    def get_lora(_session: Session, owner_id: str, lora_id: str) -> Lora:
        if lora_id not in place.loras or owner_id != account.id:
            raise NotFound("There is no such LoRA.")
        return place.loras[lora_id]

    def find_by_name(_session: Session, owner_id: str, name: str) -> Lora | None:
        return next((one for one in place.loras.values() if one.name == name and owner_id == account.id), None)

    def list_loras(_session: Session, owner_id: str, **_more: Any) -> LoraPage:
        own = tuple(place.loras.values()) if owner_id == account.id else ()
        return LoraPage(own, len(own), None)

    monkeypatch.setattr(base_models, "get_base_model", get_base_model, raising=False)
    monkeypatch.setattr(base_models, "place", lambda _files, settings, base: settings.home / base.name, raising=False)
    monkeypatch.setattr(loras, "get_lora", get_lora, raising=False)
    monkeypatch.setattr(loras, "find_by_name", find_by_name, raising=False)
    monkeypatch.setattr(loras, "list_loras", list_loras, raising=False)
    return place
