"""The library of LoRAs over HTTP (H3, H5, C5): adding, listing, changing, deleting with undo, downloading."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from enogu.accounts.asking import OneTransaction, SomeCaller
from enogu.delivery import TheFiles, TheSettings, file_answer, zip_answer
from enogu.errors import NotFound
from enogu.loras import service
from enogu.loras.entities import FittingBaseModel, Lora
from enogu.storage.database import utc_now
from enogu.weights.a1111 import UiLayout
from enogu.weights.families import title

router = APIRouter(prefix="/api", tags=["loras"])

LORA_MEDIA_TYPE = "application/octet-stream"
_Id = Annotated[str, Field(min_length=1, max_length=26)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Text = Annotated[str, Field(max_length=service.LONGEST_TEXT)]
_Search = Annotated[str, Query(max_length=200, description="Looked for in name, trigger, base model and notes.")]
_FamilyAsked = Annotated[Literal["sd15", "sd2", "sdxl", "flux", "unknown"] | None, Query()]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LoraToAdd(_Body):
    """A finished upload, or what a run has left: an epoch by its number or any of its files by name."""

    upload_id: _Id | None = None
    run_id: _Id | None = None
    epoch: Annotated[int, Field(ge=0, le=2**31)] | None = None
    filename: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    name: _Name | None = None
    """Left out: the file's own name, with a number when it is taken."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> LoraToAdd:
        of_run = self.run_id is not None and (self.epoch is None) != (self.filename is None)
        of_upload = self.upload_id is not None and self.run_id is None and self.epoch is None and self.filename is None
        if not of_upload and (not of_run or self.upload_id is not None):
            raise ValueError("give upload_id, or run_id with either epoch or filename")
        return self


class LoraChange(_Body):
    """What is to be set; what is left out stays."""

    name: _Name | None = None
    trigger: _Text | None = None
    notes: _Text | None = None
    negative: _Text | None = None
    preferred_weight: Annotated[float, Field(ge=0, le=service.HEAVIEST)] | None = None


class PreviewToShow(_Body):
    """One of the previews of the LoRA's run."""

    sample_id: _Id


class LoraShown(BaseModel):
    """A LoRA in one's library."""

    id: str
    name: str
    """As in ``<lora:name:weight>``."""
    filename: str
    family: str
    family_title: str
    """As a person writes it: ``SD1.5``."""
    sha256: str
    short_hash: str
    """The first ten characters, as civitai writes it (AutoV2)."""
    size_bytes: int
    trigger: str
    dim: float | None
    alpha: float | None
    base_model_name: str
    run_id: str | None
    epoch: int | None
    notes: str
    negative: str
    preferred_weight: float
    preview_url: str | None
    file_url: str
    created_at: datetime
    deleted_at: datetime | None


class LoraInFull(LoraShown):
    """A LoRA with all that its header tells."""

    facts: dict[str, Any]


class FamilyCounted(BaseModel):
    """A family of which there are LoRAs."""

    family: str
    title: str
    count: int


class LorasShown(BaseModel):
    """A page of the library."""

    loras: list[LoraShown]
    total: int
    next_offset: int | None
    families: list[FamilyCounted]
    """Of the whole library, whatever was asked for: what a page offers to filter by."""


class FittingBaseModelShown(BaseModel):
    """A base model that a LoRA can be used with (C5)."""

    id: str
    name: str
    family: str
    is_same_derivative: bool


class FittingBaseModels(BaseModel):
    """All of them, those of the LoRA's own branch first."""

    base_models: list[FittingBaseModelShown]


@router.post("/loras", status_code=201)
def add_lora(body: LoraToAdd, session: OneTransaction, caller: SomeCaller, files: TheFiles) -> LoraInFull:
    """Add an uploaded LoRA, or save an epoch of a run to the library (H3)."""
    owner_id, now = caller.account.id, utc_now()
    if body.upload_id is not None:
        return _in_full(service.add_upload(session, files, owner_id, body.upload_id, body.name, now=now))
    run_id = body.run_id or ""
    if body.epoch is not None:
        return _in_full(service.save_epoch(session, files, owner_id, run_id, body.epoch, body.name, now=now))
    return _in_full(service.save_file(session, files, owner_id, run_id, body.filename or "", body.name, now=now))


@router.get("/loras")
def list_loras(
    session: OneTransaction,
    caller: SomeCaller,
    q: _Search = "",
    family: _FamilyAsked = None,
    base_model: Annotated[
        str | None, Query(max_length=200, description="Id or name of a base model: only LoRAs that fit it.")
    ] = None,
    run_id: Annotated[str | None, Query(max_length=26, description="Only what was saved of this run.")] = None,
    deleted: Annotated[bool, Query(description="Those that can be brought back instead.")] = False,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    *,
    settings: TheSettings,
) -> LorasShown:
    """Newest first."""
    owner_id = caller.account.id
    families = [
        FamilyCounted(family=one, title=title(one), count=count)
        for one, count in service.count_by_family(session, owner_id).items()
    ]
    wanted: str | None = family
    if base_model is not None:
        wanted = service.family_of_base_model(session, settings, owner_id, base_model)
        if family not in (None, wanted):
            return LorasShown(loras=[], total=0, next_offset=None, families=families)
    page = service.list_loras(
        session, owner_id, text=q, family=wanted, run_id=run_id, deleted=deleted, offset=offset, limit=limit
    )
    return LorasShown(
        loras=[_shown(one) for one in page.loras], total=page.total, next_offset=page.next_offset, families=families
    )


@router.get("/loras.zip", response_class=Response)
def get_all_as_zip(
    session: OneTransaction,
    caller: SomeCaller,
    files: TheFiles,
    layout: Annotated[UiLayout, Query(description="Where the files lie: flat, or as in ComfyUI's folder.")] = "a1111",
    q: _Search = "",
    family: _FamilyAsked = None,
    id: Annotated[list[str] | None, Query(max_length=500, description="Only these.")] = None,
) -> Response:
    """All LoRAs, or those that are looked for, each with A1111's sidecar and its preview (H5)."""
    if id is not None:
        found = [service.get_lora(session, caller.account.id, one) for one in dict.fromkeys(id)]
    else:
        page = service.list_loras(session, caller.account.id, text=q, family=family, limit=service.MOST_LISTED)
        found = list(page.loras)
    if not found:
        raise NotFound("There is no LoRA to download.", "Save an epoch of a run to the library, or upload a file.")
    return zip_answer(files, service.zip_entries(found, layout), "loras.zip")


@router.get("/loras/{lora_id}")
def get_lora(lora_id: str, session: OneTransaction, caller: SomeCaller) -> LoraInFull:
    """One LoRA with what its header tells."""
    return _in_full(service.get_lora(session, caller.account.id, lora_id))


@router.patch("/loras/{lora_id}")
def change_lora(lora_id: str, body: LoraChange, session: OneTransaction, caller: SomeCaller) -> LoraInFull:
    """Rename it, or note something."""
    return _in_full(service.change_lora(session, caller.account.id, lora_id, **body.model_dump()))


@router.delete("/loras/{lora_id}", status_code=204)
def delete_lora(lora_id: str, session: OneTransaction, caller: SomeCaller) -> None:
    """Take it out of the library; it can be brought back for 30 days."""
    service.delete_lora(session, caller.account.id, lora_id, utc_now())


@router.post("/loras/{lora_id}/restore")
def restore_lora(lora_id: str, session: OneTransaction, caller: SomeCaller) -> LoraInFull:
    """Undo its deletion."""
    return _in_full(service.restore_lora(session, caller.account.id, lora_id))


@router.get("/loras/{lora_id}/file", response_class=Response)
def get_file(lora_id: str, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles) -> Response:
    """The file itself, called as sd-scripts would call it."""
    lora = service.get_lora(session, caller.account.id, lora_id)
    return file_answer(request, files, lora.sha256, LORA_MEDIA_TYPE, download_name=lora.filename)


@router.get("/loras/{lora_id}/sidecar.json")
def get_sidecar(lora_id: str, session: OneTransaction, caller: SomeCaller) -> dict[str, Any]:
    """What A1111 and Forge keep beside the file as ``name.json`` (H5)."""
    return service.sidecar(service.get_lora(session, caller.account.id, lora_id))


@router.get("/loras/{lora_id}/preview.png", response_class=Response)
def get_preview(
    lora_id: str, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """Its preview. It may become another one, so a browser has to ask again."""
    lora = service.get_lora(session, caller.account.id, lora_id)
    if lora.preview_sha256 is None:
        raise NotFound(f"The LoRA '{lora.name}' has no preview.", "Choose one of its run's previews.")
    return file_answer(request, files, lora.preview_sha256, "image/png", is_immutable=False)


@router.put("/loras/{lora_id}/preview")
def set_preview(lora_id: str, body: PreviewToShow, session: OneTransaction, caller: SomeCaller) -> LoraInFull:
    """Show one of its run's previews."""
    return _in_full(service.show_sample(session, caller.account.id, lora_id, body.sample_id))


@router.get("/loras/{lora_id}/base-models")
def list_fitting_base_models(
    lora_id: str, session: OneTransaction, caller: SomeCaller, settings: TheSettings
) -> FittingBaseModels:
    """The base models that it fits (C5)."""
    found = service.list_fitting_base_models(session, settings, caller.account.id, lora_id)
    return FittingBaseModels(base_models=[_fitting(one) for one in found])


def _fitting(one: FittingBaseModel) -> FittingBaseModelShown:
    return FittingBaseModelShown(id=one.id, name=one.name, family=one.family, is_same_derivative=one.is_same_derivative)


def _shown(lora: Lora) -> LoraShown:
    return LoraShown(**_values(lora))


def _in_full(lora: Lora) -> LoraInFull:
    return LoraInFull(**_values(lora), facts=dict(lora.facts))


def _values(lora: Lora) -> dict[str, Any]:
    names = LoraShown.model_fields.keys() - {"family_title", "short_hash", "preview_url", "file_url"}
    return {
        **{name: getattr(lora, name) for name in names},
        "family_title": title(lora.family),
        "short_hash": lora.sha256[:10],
        "preview_url": None if lora.preview_sha256 is None else f"/api/loras/{lora.id}/preview.png",
        "file_url": f"/api/loras/{lora.id}/file",
    }
