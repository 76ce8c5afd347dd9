"""Base models over HTTP (C1 to C5): a list to search, one's details, registering, what a person knows better."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel as Body
from pydantic import ConfigDict, Field, model_validator

from enogu.accounts.asking import OneTransaction, SomeCaller, TheDoor, identify
from enogu.accounts.entities import Caller
from enogu.base_models import service
from enogu.base_models.entities import BaseModel, NoSuchBaseModel
from enogu.delivery import TheFiles, TheSettings, file_answer
from enogu.errors import NotFound, TooLarge
from enogu.imaging.decoder import Decoder
from enogu.queue import service as queue
from enogu.settings import Settings
from enogu.stamina.entities import Metering
from enogu.storage.database import Session, transaction, utc_now
from enogu.weights.families import title
from enogu.words.answers import Words

router = APIRouter(prefix="/api/base-models", tags=["base models"])

MOST_PICTURE_BYTES = 32 * 2**20
Id = Annotated[str, Field(min_length=1, max_length=300)]


def _metering(request: Request) -> Metering:
    return request.app.state.metering


def _decoder(request: Request) -> Decoder:
    return request.app.state.decoder


TheMetering = Annotated[Metering, Depends(_metering)]
TheDecoder = Annotated[Decoder, Depends(_decoder)]


class _Asked(Body):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewBaseModel(_Asked):
    """One of the three: a path on this machine (administrators only), a finished upload, or a name on the Hugging Face
    hub (``owner/name``, ``owner/name/file.safetensors``, or the page's address)."""

    path: str | None = Field(default=None, min_length=1, max_length=4000)
    upload_id: str | None = Field(default=None, min_length=1, max_length=26)
    hub: str | None = Field(default=None, min_length=3, max_length=400)
    name: str = Field(default="", max_length=120)

    @model_validator(mode="after")
    def _one_of_three(self) -> NewBaseModel:
        if [self.path, self.upload_id, self.hub].count(None) != 2:
            raise ValueError("Give one of path, upload_id and hub.")
        return self


class BaseModelChange(_Asked):
    """What is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=120)
    notes: str | None = Field(default=None, max_length=20_000)
    licence: str | None = Field(default=None, max_length=200)
    derivative: Literal["", "pony", "illustrious", "noobai", "schnell"] | None = None
    style: Literal["", "2d", "3d"] | None = None


class BaseModelShown(Body):
    """One base model."""

    id: str
    name: str
    is_own: bool
    """False for what everybody in this studio has; that cannot be changed or deleted."""
    family: str
    family_title: str
    """As a person writes it: ``SD1.5``."""
    derivative: str
    prediction_type: str
    origin: str
    layout: str
    state: str
    reason: Words
    """Why its import failed."""
    hash: str
    """sha256; empty until it is known."""
    short_hash: str
    """AutoV2, as civitai and A1111 show it."""
    size_bytes: int
    licence: str
    notes: str
    style: str
    has_picture: bool
    native_side: int | None
    """Side in pixels of the pictures that it was made for."""
    created_at: datetime | None
    path: str | None
    """Shown to administrators only."""
    can_train: bool
    why_not: Words
    progress: dict[str, Any] | None = None
    """Of the task that imports, downloads or hashes it: ``done`` and ``total`` bytes."""


class BaseModelsShown(Body):
    """A page of them."""

    base_models: list[BaseModelShown]
    total: int
    next_offset: int | None
    refused: list[str]
    """What lies in the studio's folder and cannot be used; shown to administrators only."""


class HashTaskShown(Body):
    """The hash, or that a task is finding it."""

    hash: str
    state: Literal["known", "waiting"]


@router.get("")
def list_base_models(
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    search: Annotated[str, Query(max_length=200)] = "",
    family: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=service.MOST_LISTED)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> BaseModelsShown:
    """The starter first, then by name (C2)."""
    page = service.list_base_models(
        session, settings, caller.account.id, search=search, family=family, limit=limit, offset=offset
    )
    return BaseModelsShown(
        base_models=[_shown(session, caller, base) for base in page.base_models],
        total=page.total,
        next_offset=page.next_offset,
        refused=[str(error) for error in page.refused] if caller.account.is_admin else [],
    )


@router.post("", status_code=201)
def register_base_model(
    body: NewBaseModel,
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    files: TheFiles,
    metering: TheMetering,
) -> BaseModelShown:
    """A path of this machine, a finished upload (a ``.safetensors`` file or a zip of a diffusers folder), or what a
    task is to bring from the Hugging Face hub (C3).
    """
    now = utc_now()
    if body.path is not None:
        base = service.register_path(session, settings, metering, caller, body.path, now, name=body.name)
    elif body.hub is not None:
        base = service.register_from_hub(session, metering, caller.account, body.hub, now, name=body.name)
    else:
        base = service.register_upload(
            session, files, metering, caller.account, body.upload_id or "", now, name=body.name
        )
    return _shown(session, caller, base)


@router.get("/{base_model_id}")
def get_base_model(
    base_model_id: Id, session: OneTransaction, caller: SomeCaller, settings: TheSettings
) -> BaseModelShown:
    """By id or name."""
    return _shown(session, caller, _found(session, settings, caller, base_model_id))


@router.patch("/{base_model_id}")
def change_base_model(
    body: BaseModelChange, base_model_id: Id, session: OneTransaction, caller: SomeCaller
) -> BaseModelShown:
    """One's own: name, notes, licence, branch, style."""
    base = service.change_base_model(session, caller.account.id, base_model_id, **body.model_dump(exclude_none=True))
    return _shown(session, caller, base)


@router.delete("/{base_model_id}", status_code=204)
def delete_base_model(base_model_id: Id, session: OneTransaction, caller: SomeCaller) -> None:
    """One's own; the files of a path stay where they are."""
    service.delete_base_model(session, caller.account.id, base_model_id, utc_now())


@router.post("/{base_model_id}/hash", status_code=202)
def find_hash(
    base_model_id: Id, session: OneTransaction, caller: SomeCaller, settings: TheSettings, metering: TheMetering
) -> HashTaskShown:
    """Let a task read a large one once, for its hash."""
    base = _found(session, settings, caller, base_model_id)
    job = service.order_hash(session, settings, metering, caller.account, base.id, utc_now())
    return HashTaskShown(hash=base.hash, state="known" if job is None else "waiting")


@router.get("/{base_model_id}/picture", response_class=Response)
def get_picture(
    base_model_id: Id,
    request: Request,
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    files: TheFiles,
) -> Response:
    """The thumbnail that lists show."""
    base = _found(session, settings, caller, base_model_id)
    if base.picture_sha256 is None:
        raise NotFound(f"The base model '{base.name}' has no picture.")
    return file_answer(request, files, base.picture_sha256, "image/webp", is_immutable=False)


@router.put("/{base_model_id}/picture")
async def set_picture(
    base_model_id: Id, request: Request, door: TheDoor, files: TheFiles, decoder: TheDecoder
) -> BaseModelShown:
    """A picture as the body of the request, in any format that is read here; kept as a thumbnail."""
    caller = await run_in_threadpool(_identified, request, door)
    data = await _bounded_body(request)

    def keep() -> BaseModelShown:
        picture = service.keep_picture(files, decoder, data)
        with transaction(door.engine) as session:
            base = service.set_picture(session, caller.account.id, base_model_id, picture)
            return _shown(session, caller, base)

    return await run_in_threadpool(keep)


@router.delete("/{base_model_id}/picture")
def remove_picture(base_model_id: Id, session: OneTransaction, caller: SomeCaller) -> BaseModelShown:
    """Without a picture again."""
    return _shown(session, caller, service.set_picture(session, caller.account.id, base_model_id, None))


def _found(session: Session, settings: Settings, caller: Caller, reference: str) -> BaseModel:
    """In an address, what is not there is Not Found; in a recipe it is a mistake in the recipe."""
    try:
        return service.get_base_model(session, settings, caller.account.id, reference)
    except NoSuchBaseModel as error:
        raise NotFound(error.message, error.cure) from error


def _identified(request: Request, door: TheDoor) -> Caller:
    with transaction(door.engine) as session:
        return identify(request, session, door)


async def _bounded_body(request: Request) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_PICTURE_BYTES:
            raise TooLarge(f"The picture is larger than {MOST_PICTURE_BYTES // 2**20} MiB.", "Make it smaller.")
        pieces.append(piece)
    return b"".join(pieces)


def _shown(session: Session, caller: Caller, base: BaseModel) -> BaseModelShown:
    job = None if base.job_id is None else queue.find_job(session, base.job_id)
    goes_on = job is not None and job.state in ("waiting", "running")
    return BaseModelShown(
        id=base.id,
        name=base.name,
        is_own=base.owner_id is not None,
        family=base.family,
        family_title=title(base.family) if base.family else "",
        derivative=base.derivative,
        prediction_type=base.prediction_type,
        origin=base.origin,
        layout=base.layout,
        state=base.state,
        reason=base.reason,
        hash=base.hash,
        short_hash=base.short_hash,
        size_bytes=base.size_bytes,
        licence=base.licence,
        notes=base.notes,
        style=base.style,
        has_picture=base.picture_sha256 is not None,
        native_side=base.native_side,
        created_at=base.created_at,
        path=str(base.path) if base.path is not None and caller.account.is_admin else None,
        can_train=base.can_train,
        why_not=base.why_not,
        progress=dict(job.progress) if job is not None and goes_on else None,
    )
