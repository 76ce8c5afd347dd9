"""Drawings over HTTP: asking, following and cancelling, the gallery, a picture's text back into the form (I2 to I6).

A request is queued and answered at once; its pictures come while it is followed (server-sent events): ``drawn`` for
each picture, ``changed`` for how far the request is. Each event holds the whole row, so who joins late misses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from enogu.accounts.asking import Door, OneTransaction, SomeCaller, TheDoor, identify
from enogu.delivery import LiveEvent, TheFiles, TheSettings, file_answer, follow, zip_answer
from enogu.drawings import service
from enogu.drawings.entities import (
    HIGHEST_WEIGHT,
    LOWEST_WEIGHT,
    MOST_COUNT,
    MOST_LORAS,
    MOST_PROMPT_CHARACTERS,
    MOST_SEED,
    ComparisonWish,
    Drawing,
    DrawingRequest,
    Failure,
    GalleryFilter,
    LoraWish,
    RequestKind,
    RequestState,
    Shared,
    Wish,
)
from enogu.errors import NotFound, TooLarge, WrongUse
from enogu.recipe.samplers import (
    SAMPLER_TITLES,
    SCHEDULE_TITLES,
    Sampler,
    ScheduleType,
    samplers_of,
    schedules_of,
)
from enogu.settings import Settings
from enogu.stamina.entities import Metering
from enogu.storage.database import Session, reading, transaction, utc_now
from enogu.weights.families import title
from enogu.words.answers import Words

router = APIRouter(prefix="/api/drawings", tags=["drawings"])

UPLOAD_PATH = "/api/drawings/read-parameters"
"""Takes whole pictures, so it has a limit of its own instead of the frame's."""
MOST_UPLOAD_BYTES = 64 * 1024 * 1024
MOST_ZIPPED = 1000


def _metering(request: Request) -> Metering:
    return request.app.state.metering


TheMetering = Annotated[Metering, Depends(_metering)]
_Id = Annotated[str, Field(min_length=1, max_length=26)]
_Reference = Annotated[str, Field(min_length=1, max_length=300)]
_Prompt = Annotated[str, Field(max_length=MOST_PROMPT_CHARACTERS)]
_Weight = Annotated[float, Field(ge=LOWEST_WEIGHT, le=HIGHEST_WEIGHT, allow_inf_nan=False)]
_PageSize = Annotated[int, Query(ge=1, le=200)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


# ---- what is sent ----------------------------------------------------------------------------------------------------


class LoraToUse(_Body):
    """A LoRA of one's library."""

    lora: _Reference
    """Its id or its name."""
    weight: _Weight = 1.0


class _Form(_Body):
    base_model: _Reference = "starter"
    """Its id or its name."""
    negative_prompt: _Prompt = ""
    width: int | None = Field(default=None, ge=1, le=100_000)
    """In pixels; unless given, what the base model draws best."""
    height: int | None = Field(default=None, ge=1, le=100_000)
    steps: int = Field(default=20, ge=1, le=200)
    cfg: float = Field(default=7.0, ge=1, le=30, allow_inf_nan=False)
    sampler: Sampler | None = None
    """Unless given, the usual one for the base model."""
    schedule_type: ScheduleType = "automatic"
    """At which strengths of noise the sampler stops; ``automatic`` is its own."""
    seed: int = Field(default=-1, ge=-1, le=MOST_SEED)
    """-1: the server chooses one and tells which."""
    clip_skip: int | None = Field(default=None, ge=1, le=12)
    """Unless given, as the first LoRA was trained."""
    loras: list[LoraToUse] = Field(default_factory=list[LoraToUse], max_length=MOST_LORAS)
    add_trigger: bool = False
    """Whether the triggers of the LoRAs are put in front of the prompt where they are missing."""

    def as_wish(self, prompt: str, count: int) -> Wish:
        return Wish(
            base_model=self.base_model,
            prompt=prompt,
            negative_prompt=self.negative_prompt,
            width=self.width,
            height=self.height,
            steps=self.steps,
            cfg=self.cfg,
            sampler=self.sampler,
            schedule_type=self.schedule_type,
            seed=self.seed,
            count=count,
            clip_skip=self.clip_skip,
            loras=tuple(LoraWish(one.lora, one.weight) for one in self.loras),
            add_trigger=self.add_trigger,
        )


class PicturesToDraw(_Form):
    """What to draw (I3)."""

    prompt: _Prompt
    """May hold ``<lora:name:weight>``."""
    count: int = Field(default=1, ge=1, le=MOST_COUNT)
    """How many, with the seed counting up."""


class ComparisonToDraw(_Form):
    """LoRAs at several weights beside each other, at one seed (I5)."""

    prompts: list[_Prompt] = Field(min_length=1, max_length=MOST_COUNT)
    compare: list[_Reference] = Field(min_length=1, max_length=MOST_COUNT)
    """Ids or names of the LoRAs to compare, such as several epochs of a run."""
    weights: list[_Weight] = Field(default=[0.7, 0.8, 1.0], min_length=1, max_length=MOST_COUNT)
    without_lora: bool = True
    """Whether the first column is drawn without the compared LoRA."""


class DrawingsNamed(_Body):
    """Some drawings."""

    ids: list[_Id] = Field(min_length=1, max_length=1000)


# ---- what is shown ---------------------------------------------------------------------------------------------------


class LoraUsed(BaseModel):
    """A LoRA as a picture was drawn with it."""

    lora_id: str
    name: str
    weight: float


class SettingsShown(BaseModel):
    """What the pictures of a request have in common."""

    negative_prompt: str
    width: int
    height: int
    steps: int
    cfg: float
    sampler: Sampler
    schedule_type: ScheduleType
    clip_skip: int


class FailureShown(BaseModel):
    """Why it failed."""

    kind: str
    message: Words
    cure: Words


class CellShown(BaseModel):
    """One picture that is or will be drawn."""

    number: int
    prompt: str
    seed: int
    loras: list[LoraUsed]
    places: list[tuple[int, int]]
    """Rows and columns of the comparison's sheet; empty outside of comparisons."""


class SheetShown(BaseModel):
    """What stands beside and above the pictures of a comparison."""

    title: str
    rows: list[str]
    columns: list[str]
    is_ready: bool
    size_bytes: int


class DrawingShown(BaseModel):
    """A picture that was drawn."""

    id: str
    request_id: str
    number: int
    prompt: str
    settings: SettingsShown
    seed: int
    loras: list[LoraUsed]
    base_model_id: str
    base_model_name: str
    parameters: str
    """The text inside the picture, as A1111 and others read it."""
    size_bytes: int
    picture_url: str
    thumbnail_url: str
    created_at: datetime
    deleted_at: datetime | None


class RequestShown(BaseModel):
    """What was asked for, and how far it is."""

    id: str
    kind: RequestKind
    state: RequestState
    prompt: str
    settings: SettingsShown
    seed: int
    base_model_id: str
    base_model_name: str
    count: int
    num_done: int
    step: int
    """Of the pictures that are drawn just now."""
    num_steps: int
    ahead: int | None
    """How many are drawn before it; None when it does not wait."""
    is_cancel_asked: bool
    failure: FailureShown | None
    sheet: SheetShown | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class RequestInFull(RequestShown):
    """With its pictures."""

    cells: list[CellShown]
    drawings: list[DrawingShown]


class GalleryPage(BaseModel):
    """A page of drawings, newest first."""

    drawings: list[DrawingShown]
    next_before: str | None
    """To be given as ``before`` for the next page; None behind the last."""


class RequestPage(BaseModel):
    """A page of requests, newest first."""

    requests: list[RequestShown]
    next_before: str | None


class DrawingsChanged(BaseModel):
    """The drawings that were changed by this call."""

    ids: list[str]


class BinEmptied(BaseModel):
    """How many drawings are gone for good."""

    num_deleted: int


class LoraReadShown(BaseModel):
    """A LoRA that a picture's text names."""

    name: str
    weight: float
    hash: str
    lora_id: str | None
    """In one's library; None when it is not there."""
    library_name: str | None


class BaseModelReadShown(BaseModel):
    """The base model that a picture's text names."""

    name: str
    hash: str
    base_model_id: str | None


class FormRead(BaseModel):
    """A picture's text as the form's fields. What the text does not say is None."""

    parameters: str
    prompt: str
    negative_prompt: str
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    cfg: float | None = None
    sampler: Sampler | None = None
    schedule_type: ScheduleType | None = None
    seed: int | None = None
    clip_skip: int | None = None
    loras: list[LoraReadShown]
    base_model: BaseModelReadShown | None
    notes: list[Words]
    """What could not be taken over, and why."""
    others: dict[str, str]
    """Settings that Enogu does not have, as they were written."""


class RangeShown(BaseModel):
    """Where a number of the form may lie."""

    low: float
    high: float
    step: float
    default: float | None
    """None: what suits the base model or the LoRA."""


class ScheduleShown(BaseModel):
    """At which strengths of noise a sampler stops on its way."""

    value: ScheduleType
    title: str
    """As A1111 calls it."""


class SamplerShown(BaseModel):
    """A way from noise to a picture."""

    value: Sampler
    title: str
    """As A1111 calls it."""
    schedules: list[ScheduleShown]
    """Those that it can go along, ``automatic`` first."""


class SizeShown(BaseModel):
    """A size that suits the base model."""

    width: int
    height: int


class FormOptions(BaseModel):
    """What the drawing page's form offers for a base model: so that no page has a list of its own."""

    base_model_id: str
    base_model_name: str
    family: str
    family_title: str
    samplers: list[SamplerShown]
    default_sampler: Sampler
    sizes: list[SizeShown]
    """The one that it draws best first."""
    side: RangeShown
    steps: RangeShown
    cfg: RangeShown
    seed: RangeShown
    count: RangeShown
    clip_skip: RangeShown | None
    """None where the base model has none."""
    weight: RangeShown
    most_loras: int
    comparison_weights: list[float]


# ---- asking ----------------------------------------------------------------------------------------------------------


@router.get("/options")
def get_form_options(
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    base_model: Annotated[str, Query(max_length=300, description="Its id or its name.")] = "starter",
) -> FormOptions:
    """What can be asked for with a base model, with its ranges and defaults (I3)."""
    outlook = service.describe_form(session, settings, caller.account.id, base_model)
    return FormOptions(
        base_model_id=outlook.base_model_id,
        base_model_name=outlook.base_model_name,
        family=outlook.family,
        family_title=title(outlook.family),
        samplers=[_sampler_shown(sampler, outlook.family) for sampler in samplers_of(outlook.family)],
        default_sampler=samplers_of(outlook.family)[0],
        sizes=[SizeShown(width=width, height=height) for width, height in outlook.sizes],
        side=RangeShown(
            low=service.LOWEST_SIDE, high=service.HIGHEST_SIDE, step=service.SIDE_STEP, default=outlook.own_side
        ),
        steps=_range("steps"),
        cfg=_range("cfg", step=0.5),
        seed=_range("seed"),
        count=_range("count"),
        clip_skip=_range("clip_skip") if outlook.has_clip_skip else None,
        weight=RangeShown(low=LOWEST_WEIGHT, high=HIGHEST_WEIGHT, step=0.05, default=1),
        most_loras=MOST_LORAS,
        comparison_weights=ComparisonToDraw.model_fields["weights"].default,
    )


def _sampler_shown(sampler: Sampler, family: str) -> SamplerShown:
    schedules = [ScheduleShown(value=one, title=SCHEDULE_TITLES[one]) for one in schedules_of(sampler, family)]
    return SamplerShown(value=sampler, title=SAMPLER_TITLES[sampler], schedules=schedules)


def _range(name: str, step: float = 1) -> RangeShown:
    """As the field's own rule says it."""
    field = PicturesToDraw.model_fields[name]
    low = next(rule.ge for rule in field.metadata if hasattr(rule, "ge"))
    high = next(rule.le for rule in field.metadata if hasattr(rule, "le"))
    return RangeShown(low=low, high=high, step=step, default=field.default)


@router.post("", status_code=201)
def request_drawing(
    body: PicturesToDraw, session: OneTransaction, caller: SomeCaller, settings: TheSettings, metering: TheMetering
) -> RequestInFull:
    """Queue pictures of one prompt (I2, I3)."""
    wish = body.as_wish(body.prompt, body.count)
    request = service.request_drawing(session, settings, metering, caller.account, wish, utc_now())
    return _in_full(session, request)


@router.post("/comparison", status_code=201)
def request_comparison(
    body: ComparisonToDraw, session: OneTransaction, caller: SomeCaller, settings: TheSettings, metering: TheMetering
) -> RequestInFull:
    """Queue a comparison of LoRAs at several weights (I5)."""
    wish = ComparisonWish(
        form=body.as_wish("", 1),
        compared=tuple(body.compare),
        prompts=tuple(body.prompts),
        weights=tuple(body.weights),
        without_lora=body.without_lora,
    )
    request = service.request_comparison(session, settings, metering, caller.account, wish, utc_now())
    return _in_full(session, request)


@router.post(
    "/read-parameters",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)
async def read_parameters(request: Request, door: TheDoor, settings: TheSettings) -> FormRead:
    """The text of a PNG, JPEG or WebP (field ``file``) as the form's fields (I4). Nothing is kept."""
    owner_id = await to_thread.run_sync(lambda: _owner_id(request, door))  # no transaction is open while it is decoded
    name, data = await _uploaded(request)
    text = await to_thread.run_sync(lambda: request.app.state.decoder.find_parameters(data, name))
    if text is None:
        raise WrongUse(
            f"{name} does not say how it was drawn.", "Pictures that were edited or sent by chat often lose it."
        )
    return await to_thread.run_sync(lambda: _read(door, settings, owner_id, text))


# ---- requests --------------------------------------------------------------------------------------------------------


@router.get("/requests")
def list_requests(
    session: OneTransaction,
    caller: SomeCaller,
    live: Annotated[bool, Query(description="Only those that wait or are drawn.")] = False,
    kind: Annotated[RequestKind | None, Query(description="Only those of this kind.")] = None,
    before: Annotated[str | None, Query(max_length=26)] = None,
    limit: _PageSize = 50,
) -> RequestPage:
    """What was asked for, newest first."""
    found = service.list_requests(session, caller.account.id, live_only=live, kind=kind, before=before, limit=limit)
    shown = [_request_shown(session, one) for one in found]
    return RequestPage(requests=shown, next_before=found[-1].id if len(found) == limit else None)


@router.get("/requests/{request_id}")
def get_request(request_id: str, session: OneTransaction, caller: SomeCaller) -> RequestInFull:
    """One request with its pictures so far."""
    return _in_full(session, service.get_request(session, caller.account.id, request_id))


@router.get("/requests/{request_id}/events", response_class=Response)
def follow_request(
    request_id: str, request: Request, door: TheDoor, session: OneTransaction, caller: SomeCaller
) -> Response:
    """Server-sent events: ``drawn`` (a drawing) and ``changed`` (the request), until it is over."""
    owner_id = caller.account.id
    service.get_request(session, owner_id, request_id)

    def read(session: Session, after: int) -> Sequence[LiveEvent]:
        found = service.get_request(session, owner_id, request_id)
        events = [
            LiveEvent(one.revision, "drawn", _drawing_shown(one).model_dump(mode="json"))
            for one in service.list_of_request(session, found, after)
        ]
        if found.revision > after:
            events.append(_changed(session, found))
        return events

    return follow(
        request,
        door.engine,
        read,
        is_over=lambda session: service.get_request(session, owner_id, request_id).is_over,
    )


@router.post("/requests/{request_id}/cancel")
def cancel_request(request_id: str, session: OneTransaction, caller: SomeCaller) -> RequestShown:
    """End it; what is drawn by then stays."""
    return _request_shown(session, service.cancel_request(session, caller.account.id, request_id, utc_now()))


@router.post("/requests/{request_id}/continue")
def continue_request(
    request_id: str, session: OneTransaction, caller: SomeCaller, metering: TheMetering
) -> RequestShown:
    """Draw what is missing of one that failed or was cancelled."""
    found = service.continue_request(session, metering, caller.account, request_id, utc_now())
    return _request_shown(session, found)


@router.get("/requests/{request_id}/sheet", response_class=Response)
def get_sheet(
    request_id: str,
    request: Request,
    session: OneTransaction,
    caller: SomeCaller,
    files: TheFiles,
    download: bool = False,
) -> Response:
    """The labelled picture of a comparison."""
    found = service.get_request(session, caller.account.id, request_id)
    if found.sheet_sha256 is None:
        raise NotFound("There is no sheet yet.", "It is made when the last picture is drawn.")
    name = f"comparison-{found.seed}.png" if download else None
    return file_answer(request, files, found.sheet_sha256, "image/png", download_name=name)


# ---- the gallery -----------------------------------------------------------------------------------------------------


@router.get("")
def list_drawings(
    session: OneTransaction,
    caller: SomeCaller,
    q: Annotated[str, Query(max_length=500, description="Words that are all in the prompt.")] = "",
    lora: Annotated[str | None, Query(max_length=26, description="Id of a LoRA.")] = None,
    base_model: Annotated[str | None, Query(max_length=300, description="Id of a base model.")] = None,
    request: Annotated[str | None, Query(max_length=26, description="Id of a request.")] = None,
    deleted: Annotated[bool, Query(description="Those that were put away, and only those.")] = False,
    before: Annotated[str | None, Query(max_length=26)] = None,
    limit: _PageSize = 50,
) -> GalleryPage:
    """Drawings, newest first (I6)."""
    wanted = GalleryFilter(q, lora, base_model, request, deleted)
    found = service.list_drawings(session, caller.account.id, wanted, before=before, limit=limit)
    return GalleryPage(
        drawings=[_drawing_shown(one) for one in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.post("/delete")
def delete_drawings(body: DrawingsNamed, session: OneTransaction, caller: SomeCaller) -> DrawingsChanged:
    """Put drawings away; ``/api/drawings/restore`` brings them back."""
    return DrawingsChanged(ids=list(service.delete_drawings(session, caller.account.id, body.ids, utc_now())))


@router.post("/restore")
def restore_drawings(body: DrawingsNamed, session: OneTransaction, caller: SomeCaller) -> DrawingsChanged:
    """Bring back what was put away."""
    return DrawingsChanged(ids=list(service.restore_drawings(session, caller.account.id, body.ids)))


@router.post("/empty-bin")
def empty_bin(session: OneTransaction, caller: SomeCaller) -> BinEmptied:
    """Delete for good what was put away. There is no way back."""
    return BinEmptied(num_deleted=service.empty_bin(session, caller.account.id))


@router.post("/download", response_class=Response)
def download_drawings(body: DrawingsNamed, session: OneTransaction, caller: SomeCaller, files: TheFiles) -> Response:
    """Some drawings as one zip."""
    found = [service.get_drawing(session, caller.account.id, one) for one in dict.fromkeys(body.ids)]
    return zip_answer(files, [(_file_name(one), one.sha256) for one in found], "drawings.zip")


@router.get("/{drawing_id}")
def get_drawing(drawing_id: str, session: OneTransaction, caller: SomeCaller) -> DrawingShown:
    """One drawing; also one that was put away."""
    return _drawing_shown(service.get_drawing(session, caller.account.id, drawing_id))


@router.delete("/{drawing_id}")
def delete_drawing(drawing_id: str, session: OneTransaction, caller: SomeCaller) -> DrawingsChanged:
    """Put one drawing away; ``/api/drawings/restore`` brings it back."""
    return DrawingsChanged(ids=list(service.delete_drawings(session, caller.account.id, [drawing_id], utc_now())))


@router.get("/{drawing_id}/picture", response_class=Response)
def get_picture(
    drawing_id: str,
    request: Request,
    session: OneTransaction,
    caller: SomeCaller,
    files: TheFiles,
    download: bool = False,
) -> Response:
    """The PNG, with its text inside."""
    found = service.get_drawing(session, caller.account.id, drawing_id)
    return file_answer(request, files, found.sha256, "image/png", download_name=_file_name(found) if download else None)


@router.get("/{drawing_id}/thumbnail", response_class=Response)
def get_thumbnail(
    drawing_id: str, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """A small WebP."""
    found = service.get_drawing(session, caller.account.id, drawing_id)
    return file_answer(request, files, found.thumbnail_sha256, "image/webp")


# ---- as it is shown --------------------------------------------------------------------------------------------------


def _owner_id(request: Request, door: Door) -> str:
    with transaction(door.engine) as session:
        return identify(request, session, door).account.id


async def _uploaded(request: Request) -> tuple[str, bytes]:
    """Name and bytes of the field ``file``. Raises WrongUse, TooLarge before more than the limit is read."""
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise WrongUse("The request does not say how long it is.", "Send a Content-Length header.")
    if int(length) > MOST_UPLOAD_BYTES:
        raise TooLarge(f"The picture has more than {MOST_UPLOAD_BYTES:,} bytes.", "Send a smaller one.")
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise WrongUse("There is no picture in the request.", "Send it as the field 'file' of a form.")
        return file.filename or "picture", await file.read()


def _read(door: Door, settings: Settings, owner_id: str, text: str) -> FormRead:
    with reading(door.engine) as session:
        found = service.read_parameters(session, settings, owner_id, text)
    return FormRead(
        parameters=found.parameters,
        prompt=found.prompt,
        negative_prompt=found.negative_prompt,
        **found.fields,
        loras=[
            LoraReadShown(
                name=one.name, weight=one.weight, hash=one.hash, lora_id=one.lora_id, library_name=one.library_name
            )
            for one in found.loras
        ],
        base_model=None
        if found.base_model is None
        else BaseModelReadShown(
            name=found.base_model.name, hash=found.base_model.hash, base_model_id=found.base_model.base_model_id
        ),
        notes=list(found.notes),
        others=dict(found.others),
    )


def _changed(session: Session, request: DrawingRequest) -> LiveEvent:
    return LiveEvent(request.revision, "changed", _request_shown(session, request).model_dump(mode="json"))


def _in_full(session: Session, request: DrawingRequest) -> RequestInFull:
    return RequestInFull(
        **_request_shown(session, request).model_dump(),
        cells=[
            CellShown(
                number=cell.number,
                prompt=cell.written_prompt,
                seed=cell.seed,
                loras=_loras_shown(cell.loras),
                places=list(cell.places),
            )
            for cell in request.cells
        ],
        drawings=[_drawing_shown(one) for one in service.list_of_request(session, request) if one.deleted_at is None],
    )


def _request_shown(session: Session, request: DrawingRequest) -> RequestShown:
    position = service.find_position(session, request)
    return RequestShown(
        id=request.id,
        kind=request.kind,
        state=request.state,
        prompt=request.prompt,
        settings=_settings_shown(request.shared),
        seed=request.seed,
        base_model_id=request.base_model_id,
        base_model_name=request.base_model_name,
        count=len(request.cells),
        num_done=request.num_done,
        step=request.step,
        num_steps=request.num_steps,
        ahead=None if position is None else position.ahead,
        is_cancel_asked=request.is_cancel_asked,
        failure=_failure_shown(request.failure),
        sheet=None
        if request.labels is None
        else SheetShown(
            title=request.labels.title,
            rows=list(request.labels.rows),
            columns=list(request.labels.columns),
            is_ready=request.sheet_sha256 is not None,
            size_bytes=request.sheet_size_bytes,
        ),
        created_at=request.created_at,
        started_at=request.started_at,
        ended_at=request.ended_at,
    )


def _drawing_shown(drawing: Drawing) -> DrawingShown:
    return DrawingShown(
        id=drawing.id,
        request_id=drawing.request_id,
        number=drawing.number,
        prompt=drawing.prompt,
        settings=_settings_shown(drawing.shared),
        seed=drawing.seed,
        loras=_loras_shown(drawing.loras),
        base_model_id=drawing.base_model_id,
        base_model_name=drawing.base_model_name,
        parameters=drawing.parameters,
        size_bytes=drawing.size_bytes,
        picture_url=f"/api/drawings/{drawing.id}/picture",
        thumbnail_url=f"/api/drawings/{drawing.id}/thumbnail",
        created_at=drawing.created_at,
        deleted_at=drawing.deleted_at,
    )


def _settings_shown(shared: Shared) -> SettingsShown:
    return SettingsShown(
        negative_prompt=shared.negative_prompt,
        width=shared.width,
        height=shared.height,
        steps=shared.steps,
        cfg=shared.cfg,
        sampler=shared.sampler,
        schedule_type=shared.schedule_type,
        clip_skip=shared.clip_skip,
    )


def _loras_shown(loras: Sequence[Any]) -> list[LoraUsed]:
    return [LoraUsed(lora_id=one.lora_id, name=one.name, weight=one.weight) for one in loras]


def _failure_shown(failure: Failure | None) -> FailureShown | None:
    return None if failure is None else FailureShown(kind=failure.kind, message=failure.message, cure=failure.cure)


def _file_name(drawing: Drawing) -> str:
    """The seed, and the first words of the prompt: what a person looks for in a folder."""
    words = " ".join(drawing.prompt.replace(",", " ").split()[:6])
    return f"{drawing.seed} {words}".strip()[:80].strip() + ".png"
