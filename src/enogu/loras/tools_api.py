"""Tools on LoRAs over HTTP: asking for one, following it, what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from enogu.accounts.asking import OneTransaction, SomeCaller
from enogu.delivery import TheSettings
from enogu.loras import tools
from enogu.loras.entities import Tool, ToolBase, ToolInput, ToolWish
from enogu.queue.entities import Job, JobState
from enogu.stamina.entities import Metering
from enogu.storage.database import utc_now
from enogu.words.answers import Words

router = APIRouter(prefix="/api/lora-jobs", tags=["loras"])


def _metering(request: Request) -> Metering:
    return request.app.state.metering


TheMetering = Annotated[Metering, Depends(_metering)]
_Id = Annotated[str, Field(min_length=1, max_length=300)]
_Name = Annotated[str, Field(max_length=100)]
_Weight = Annotated[float, Field(ge=tools.LOWEST_WEIGHT, le=tools.HIGHEST_WEIGHT)]
_Rank = Annotated[int, Field(ge=1, le=1024)]
Precision = Literal["fp32", "fp16", "bf16", "same"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeighedLora(_Body):
    """A LoRA of the library with its weight."""

    id: _Id
    weight: _Weight = 1.0
    text_weight: _Weight | None = None
    """Of its layers in text encoders; left out: as ``weight``."""


class ToConvert(_Body):
    """The same LoRA in another layout or precision, as a new one."""

    tool: Literal["convert"]
    lora_id: _Id
    layout: Literal["kohya", "diffusers"] = "kohya"
    precision: Precision = "same"
    name: _Name = ""
    """Here and below: of what is made; left out, one that says what it is."""


class ToMerge(_Body):
    """Several LoRAs as one: with ranks that add up, or brought to ``rank``."""

    tool: Literal["merge"]
    loras: Annotated[list[WeighedLora], Field(min_length=2, max_length=tools.MOST_MERGED)]
    rank: _Rank | None = None
    precision: Precision = "fp16"
    name: _Name = ""


class ToMergeInto(_Body):
    """A new base model with these LoRAs in its weights."""

    tool: Literal["merge_into"]
    loras: Annotated[list[WeighedLora], Field(min_length=1, max_length=tools.MOST_MERGED)]
    base_model_id: _Id
    precision: Precision = "same"
    name: _Name = ""


class ToResize(_Body):
    """A lower rank, by singular values: fixed, or the lowest that keeps enough, at most ``rank``."""

    tool: Literal["resize"]
    lora_id: _Id
    rank: _Rank
    method: Literal["fixed", "sv_ratio", "sv_cumulative", "sv_fro"] = "fixed"
    parameter: Annotated[float, Field(gt=0, le=1e6)] | None = None
    precision: Precision = "fp16"
    name: _Name = ""


class ToExtract(_Body):
    """A LoRA, or a LoCon with ``conv_rank``, of what a tuned base model has learnt since ``base_model_id``."""

    tool: Literal["extract"]
    tuned_id: _Id
    base_model_id: _Id
    rank: _Rank = 32
    conv_rank: Annotated[int, Field(ge=0, le=1024)] = 0
    precision: Precision = "fp16"
    name: _Name = ""


class ToCompare(_Body):
    """How alike two LoRAs are, layer by layer."""

    tool: Literal["compare"]
    lora_ids: Annotated[list[_Id], Field(min_length=2, max_length=2)]


ToolToUse = Annotated[ToConvert | ToMerge | ToMergeInto | ToResize | ToExtract | ToCompare, Field(discriminator="tool")]


class LoraJobShown(BaseModel):
    """A tool that was asked for."""

    id: str
    tool: Tool
    name: str
    """Of what it makes; empty for a comparison."""
    loras: list[WeighedName]
    base_models: list[NamedBase]
    state: JobState
    done: int
    """Layers or tensors, of ``total``; both 0 before it is known."""
    total: int
    reason: Words
    """Why it failed, in words."""
    made_lora_id: str | None
    made_base_model_id: str | None
    created_at: datetime
    ended_at: datetime | None


class WeighedName(BaseModel):
    """A LoRA that was put in."""

    id: str
    name: str
    weight: float


class NamedBase(BaseModel):
    """A base model that was put in."""

    id: str
    name: str


class LoraJobInFull(LoraJobShown):
    """With what it found: of a comparison and a resize ``layers``, with their keys and numbers."""

    result: dict[str, Any]


class LoraJobs(BaseModel):
    """The last ones, newest first."""

    jobs: list[LoraJobShown]


@router.post("", status_code=201)
def use_tool(
    body: ToolToUse, session: OneTransaction, caller: SomeCaller, settings: TheSettings, metering: TheMetering
) -> LoraJobInFull:
    """Ask for a tool. What it makes appears in the library, or among the base models; it costs no stamina."""
    return _in_full(tools.ask(session, settings, metering, caller.account, _wish(body), utc_now()))


@router.get("")
def list_lora_jobs(session: OneTransaction, caller: SomeCaller) -> LoraJobs:
    """The last fifty."""
    return LoraJobs(jobs=[LoraJobShown(**_values(job)) for job in tools.list_jobs(session, caller.account.id)])


@router.get("/{job_id}")
def get_lora_job(job_id: str, session: OneTransaction, caller: SomeCaller) -> LoraJobInFull:
    """One, with what it found."""
    return _in_full(tools.get_job(session, caller.account.id, job_id))


@router.post("/{job_id}/cancel")
def cancel_lora_job(job_id: str, session: OneTransaction, caller: SomeCaller) -> LoraJobInFull:
    """End it; nothing of it is kept."""
    return _in_full(tools.cancel(session, caller.account.id, job_id, utc_now()))


def _wish(body: ToolToUse) -> ToolWish:
    if isinstance(body, ToCompare):
        return ToolWish("compare", "", tuple(ToolInput(one, "", "") for one in body.lora_ids))
    common: dict[str, Any] = {"precision": body.precision}
    if isinstance(body, ToConvert):
        return ToolWish("convert", body.name, (ToolInput(body.lora_id, "", ""),), layout=body.layout, **common)
    if isinstance(body, ToResize):
        common |= {"rank": body.rank, "method": body.method, "parameter": body.parameter}
        return ToolWish("resize", body.name, (ToolInput(body.lora_id, "", ""),), **common)
    if isinstance(body, ToExtract):
        bases = (ToolBase(body.tuned_id, ""), ToolBase(body.base_model_id, ""))
        return ToolWish("extract", body.name, bases=bases, rank=body.rank, conv_rank=body.conv_rank, **common)
    inputs = tuple(
        ToolInput(one.id, "", "", one.weight, one.weight if one.text_weight is None else one.text_weight)
        for one in body.loras
    )
    if isinstance(body, ToMerge):
        return ToolWish("merge", body.name, inputs, rank=body.rank, **common)
    return ToolWish("merge_into", body.name, inputs, (ToolBase(body.base_model_id, ""),), **common)


def _in_full(job: Job) -> LoraJobInFull:
    return LoraJobInFull(**_values(job), result=job.progress.get("result", {}))


def _values(job: Job) -> dict[str, Any]:
    wish, result = tools.wish_of(job.payload), job.progress.get("result", {})
    return {
        "id": job.id,
        "tool": wish.tool,
        "name": result.get("name", wish.name),
        "loras": [WeighedName(id=one.id, name=one.name, weight=one.weight) for one in wish.inputs],
        "base_models": [NamedBase(id=one.id, name=one.name) for one in wish.bases],
        "state": job.state,
        "done": job.progress.get("done", 0),
        "total": job.progress.get("total", 0),
        "reason": job.reason,
        "made_lora_id": result.get("lora_id"),
        "made_base_model_id": result.get("base_model_id"),
        "created_at": job.created_at,
        "ended_at": job.ended_at,
    }
