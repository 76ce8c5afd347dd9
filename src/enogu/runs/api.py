"""Runs over HTTP: recipes and presets, plans and quotes, starting, watching, steering, and what is left (B6 to B9).

Bodies of recipes are nested as in a recipe file; what is left out has its default. Reports as they come are server-sent
events; files and previews come with ranges and their hash as ETag.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from enogu.accounts.asking import OneTransaction, SomeCaller, TheDoor
from enogu.delivery import LiveEvent, TheFiles, TheSettings, file_answer, follow, zip_answer
from enogu.errors import NotFound, Problem
from enogu.recipe import SavedFile, TrainPlan, describe_plan, recipe_fields, recipe_from_values, recipe_json_schema
from enogu.recipe.for_family import families_of
from enogu.recipe.foreign import MAX_CHARACTERS, Outcome, SettingsFile
from enogu.recipe.memory_cures import CureKind, MemoryCure
from enogu.runs import service
from enogu.runs.entities import Epoch, Failure, Notice, Preset, Run, RunState, Sample
from enogu.runs.rules.placing import file_name
from enogu.stamina.entities import Metering, QuotePart
from enogu.storage.database import Session, utc_now
from enogu.words import Language, said, said_in, speaking, spoken
from enogu.words.answers import Words

router = APIRouter(prefix="/api", tags=["runs"])

LORA_MEDIA_TYPE = "application/octet-stream"
MOST_EVENTS = 500
"""Read at a time for one stream."""


def _metering(request: Request) -> Metering:
    return request.app.state.metering


def _find_lora(request: Request) -> service.FindLora:
    return getattr(request.app.state, "find_lora", service.no_library)


TheMetering = Annotated[Metering, Depends(_metering)]
TheLibrary = Annotated[service.FindLora, Depends(_find_lora)]
_Id = Annotated[str, Field(min_length=1, max_length=26)]
_Recipe = dict[str, Any]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# ---- what is sent ----------------------------------------------------------------------------------------------------


class RecipeToCheck(_Body):
    """A recipe as it stands in a form."""

    recipe: _Recipe


class RecipesToCompare(_Body):
    """Each side is a recipe, or the id of a run or a preset."""

    before: _Recipe | str
    after: _Recipe | str


class FileOfSettings(_Body):
    """A text file by its name: settings of a trainer, a dataset's configuration, or prompts."""

    name: str = Field(min_length=1, max_length=300)
    text: str = Field(max_length=MAX_CHARACTERS)


class SettingsToImport(_Body):
    """The files of one run. With the number of pictures, steps are turned into epochs."""

    files: list[FileOfSettings] = Field(min_length=1, max_length=8)
    num_pictures: int | None = Field(default=None, ge=1, le=1_000_000)


class PresetToSave(_Body):
    """A recipe under a name."""

    name: str = Field(min_length=1, max_length=200)
    recipe: _Recipe
    purpose: str = Field(default="", max_length=1000)


class RunToPlan(_Body):
    """A dataset, and what is asked for."""

    dataset_id: _Id
    recipe: _Recipe = Field(default_factory=dict)


class RunToStart(RunToPlan):
    """The same, with the name it gets in the history; unless given, that of the LoRA file."""

    name: str = Field(default="", max_length=200)


class RunToRetry(_Body):
    """Changes by dotted path; None lets a field follow its default. With any, it is a new run on the same pictures."""

    changes: dict[str, Any] = Field(default_factory=dict)


class NewName(_Body):
    """A run's."""

    name: str = Field(min_length=1, max_length=200)


# ---- what is shown ---------------------------------------------------------------------------------------------------


class FieldShown(BaseModel):
    """One field of the recipe, everything that a form needs."""

    path: str
    kind: str
    """The variant of its section that has it, or empty."""
    type: Literal["bool", "int", "float", "str", "list"]
    may_be_unset: bool
    choices: list[str | int]
    default: Any
    default_words: Words
    low: float | None
    high: float | None
    low_is_open: bool
    high_is_open: bool
    step: float | None
    range: Words
    sentence: str
    product: str
    kohya: str
    advanced: bool
    families: list[str]
    """Of base models that it means something for; empty where it is all (F30)."""


class SchemaShown(BaseModel):
    """The recipe as JSON schema, and its fields as a flat table."""

    json_schema: dict[str, Any]
    fields: list[FieldShown]


class ProblemShown(BaseModel):
    """What is wrong, and the change that mends it: {path: value}, None to leave a field out; empty: decide yourself."""

    path: str
    message: Words
    cure: Words
    fix: dict[str, Any] = Field(default_factory=dict)


class CheckShown(BaseModel):
    """Problems, or the recipe with every default."""

    is_fine: bool
    problems: list[ProblemShown]
    recipe: dict[str, Any] | None


class DifferenceShown(BaseModel):
    """One field that differs."""

    path: str
    before: Any
    after: Any
    sentence: str


class RemarkShown(BaseModel):
    """What became of one value: where it went, or why it went nowhere."""

    name: str
    value: str
    outcome: Outcome
    path: str
    became: Any
    words: Words


class SettingsImportShown(BaseModel):
    """The recipe that the files mean, which trainer they are of, and a remark on each value."""

    recipe: dict[str, Any]
    source: str
    remarks: list[RemarkShown]


class SettingsExportShown(BaseModel):
    """Files for sd-scripts, and what it cannot hold."""

    files: list[FileOfSettings]
    remarks: list[RemarkShown]


class PresetShown(BaseModel):
    """A recipe to start from."""

    id: str
    name: str
    title: str
    purpose: str
    recipe: dict[str, Any]
    is_shipped: bool
    changed_at: datetime | None


class BucketShown(BaseModel):
    """How full a bucket is."""

    width: int
    height: int
    num_pictures: int
    uses_per_epoch: int
    batches_per_epoch: int


class FileShown(BaseModel):
    """A LoRA file that the run will leave."""

    epoch: int
    step: int
    filename: str


class PlanShown(BaseModel):
    """What will happen, counted."""

    sentences: list[Words]
    num_pictures: int
    seen_fewest: int
    seen_most: int
    num_epochs: int
    steps_per_epoch: int
    num_steps: int
    warmup_steps: int
    buckets: list[BucketShown]
    files: list[FileShown]


class PartShown(BaseModel):
    """One line of a quote, before rounding."""

    name: str
    count: int
    stamina: float


class QuoteShown(BaseModel):
    """The price, which is the bill."""

    stamina: int
    parts: list[PartShown]


class ProposalShown(BaseModel):
    """One way to make it fit. ``left_out`` are ids of pictures."""

    lever: str
    changes: dict[str, Any]
    left_out: list[str]
    stamina: int
    training_kept: float


class NoteShown(BaseModel):
    """A sentence to read before starting."""

    kind: Notice
    path: str
    message: Words
    cure: Words


class MemoryShown(BaseModel):
    """What a run holds in memory at its most, in bytes."""

    total: int
    weights: int
    adapter: int
    """Trained numbers, their gradients, and what the optimizer keeps of each."""
    passes: int
    overhead: int
    on_graphics_card: bool
    capacity: int | None
    """Of the worker that has most of all who train just now; null when nobody does, or it is not known."""
    device_name: str
    """Of that worker's device; empty when it is not known."""
    fits: bool | None
    """Whether ``total`` is within ``capacity``; null when that is not known."""


class MemoryCureShown(BaseModel):
    """A change to the recipe, or several together, that takes less memory."""

    kinds: list[CureKind]
    changes: dict[str, Any]
    """{dotted path: value}; null leaves a field to its default."""
    total: int
    """Bytes at the most, when it is made."""
    fits: bool


class PlannedRunShown(BaseModel):
    """Everything about a run before it is one."""

    name: str
    recipe: dict[str, Any]
    base_model_id: str
    base_model_name: str
    family: str
    can_train: bool
    why_not: Words
    start_name: str
    """Of the LoRA that would be trained further; empty when it would begin anew."""
    plan: PlanShown
    notes: list[NoteShown]
    quote: QuoteShown
    is_metered: bool
    balance: int
    is_affordable: bool
    over_limits: list[ProblemShown]
    proposals: list[ProposalShown]
    expected_seconds: float | None
    runs_ahead: int
    starts_in_seconds: float | None
    ends_in_seconds: float | None
    memory: MemoryShown | None
    memory_cures: list[MemoryCureShown]
    """What would take less where it does not fit, the least harmful first, each alone."""
    memory_fit: MemoryCureShown | None
    """The least of them that is enough together; where nothing is, all that helps, and ``fits`` says so."""


class FailureShown(BaseModel):
    """Why a run failed, and what to change."""

    kind: str
    message: Words
    cure: Words
    path: str
    value: Any
    changes: dict[str, Any]
    """{dotted path: value, null for the default} to retry it with; empty where nothing can be said."""


class RunInList(BaseModel):
    """One line of the history."""

    id: str
    name: str
    state: RunState
    attempt: int
    dataset_id: str
    dataset_name: str
    base_model_id: str
    base_model_name: str
    family: str
    num_pictures: int
    step: int
    num_steps: int
    epoch: int
    num_epochs: int
    quoted: int
    charged: int
    failure: FailureShown | None
    made_of_run_id: str | None
    start_name: str
    """Of the LoRA that it trains further; empty when it began anew."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class LiveShown(BaseModel):
    """How it is going."""

    average_loss: float | None
    learning_rates: dict[str, float]
    steps_per_second: float | None
    seconds_left: float | None
    memory_mib: int | None
    spared_memory_at: int | None
    """The step after which memory ran out and gradient checkpointing was switched on."""
    went_back_to: int | None
    """The step of the older state that the run went on from, since the newest was damaged; 0: from the beginning."""


class RunShown(RunInList):
    """A run with everything."""

    recipe: dict[str, Any]
    steps_per_epoch: int
    device: str
    live: LiveShown
    checkpoint_step: int
    asked: list[str]
    """What was asked and is not done yet: cancel, pause, save, sample."""
    runs_ahead: int | None
    runs_waiting: int | None
    expected_start_at: datetime | None
    expected_end_at: datetime | None
    expected_seconds: float | None
    num_events: int
    plan: PlanShown


class SampleShown(BaseModel):
    """A preview."""

    id: str
    epoch: int
    step: int
    prompt_index: int
    prompt: str
    seed: int
    is_extra: bool
    sampled_at: datetime
    picture_url: str


class EpochShown(BaseModel):
    """A LoRA file with its previews."""

    epoch: int
    step: int
    filename: str
    sha256: str
    size_bytes: int
    is_extra: bool
    saved_at: datetime
    file_url: str
    samples: list[SampleShown]


class PictureShown(BaseModel):
    """A picture as it is trained."""

    picture_id: str
    name: str
    caption: str
    repeats: int
    width: int
    height: int
    is_regularisation: bool


class LossesShown(BaseModel):
    """The curve as three lists of one length, and the losses on pictures that are held out."""

    steps: list[int]
    losses: list[float]
    smoothed: list[float]
    validation: list[ValidationShown]


class ValidationShown(BaseModel):
    """The loss on pictures that are never trained, after an epoch: it rises when learning turns into copying."""

    epoch: int
    step: int
    loss: float


# ---- recipes ---------------------------------------------------------------------------------------------------------


@router.get("/recipe/schema", response_model=SchemaShown)
def get_schema(caller: SomeCaller) -> Response:
    """Every field with its range, sentence, default and Kohya name (F31)."""
    return Response(schema_in(spoken()), media_type="application/json")


@cache
def schema_in(language: Language) -> bytes:
    """Written once in each language: a form waits for it, and it is the same until the program is another."""
    names = {bool: "bool", int: "int", float: "float", str: "str", tuple: "list"}
    fields = [
        FieldShown.model_validate(
            {
                "path": field.path,
                "kind": field.kind,
                "type": names[field.value_type],
                "may_be_unset": field.may_be_unset,
                "choices": list(field.choices),
                "default": field.default,
                "default_words": field.default_words,
                **asdict(field.limits),
                "range": field.range_words,
                "sentence": field.sentence,
                "product": field.product,
                "kohya": field.kohya,
                "advanced": field.advanced,
                "families": list(families_of(field.path)),
            }
        )
        for field in recipe_fields()
    ]
    with speaking(language):
        return SchemaShown(json_schema=recipe_json_schema(), fields=fields).model_dump_json().encode()


@router.post("/recipe/check")
def check_recipe(body: RecipeToCheck, caller: SomeCaller) -> CheckShown:
    """What stands against a recipe, with the change that mends it where there is one (F29)."""
    checked = service.check_recipe(body.recipe)
    return CheckShown(
        is_fine=not checked.problems,
        problems=[_problem(one.problem, one.fix) for one in checked.problems],
        recipe=None if checked.recipe is None else checked.recipe.model_dump(mode="json"),
    )


@router.post("/recipe/diff")
def diff_recipes(body: RecipesToCompare, session: OneTransaction, caller: SomeCaller) -> list[DifferenceShown]:
    """What changed between two recipes, runs or presets, field by field (F32)."""
    found = service.diff_recipes(session, caller.account.id, body.before, body.after)
    return [DifferenceShown(**asdict(one)) for one in found]


@router.post("/recipe/import")
def import_settings(body: SettingsToImport, caller: SomeCaller) -> SettingsImportShown:
    """kohya_ss' JSON, sd-scripts' TOML or ai-toolkit's YAML as a recipe, with what has no counterpart (F33)."""
    from enogu.recipe.foreign.importing import import_recipe

    files = [SettingsFile(file.name, file.text) for file in body.files]
    imported = import_recipe(files, num_pictures=body.num_pictures)
    return SettingsImportShown(
        recipe=imported.recipe.model_dump(mode="json", exclude_unset=True),
        source=imported.source,
        remarks=[RemarkShown(**asdict(remark)) for remark in imported.remarks],
    )


@router.post("/recipe/export")
def export_settings(body: RecipeToCheck, caller: SomeCaller) -> SettingsExportShown:
    """A recipe as files for sd-scripts, with what it cannot hold (F33)."""
    from enogu.recipe.foreign.exporting import export_to_kohya

    exported = export_to_kohya(recipe_from_values(body.recipe))
    return SettingsExportShown(
        files=[FileOfSettings(name=file.name, text=file.text) for file in exported.files],
        remarks=[RemarkShown(**asdict(remark)) for remark in exported.remarks],
    )


@router.get("/presets")
def list_presets(session: OneTransaction, caller: SomeCaller) -> list[PresetShown]:
    """One's own by name, then those that ship (F32)."""
    return [_preset(one) for one in service.list_presets(session, caller.account.id)]


@router.post("/presets", status_code=201)
def add_preset(body: PresetToSave, session: OneTransaction, caller: SomeCaller) -> PresetShown:
    """Save a recipe under a name, to be recalled (B8)."""
    saved = service.save_preset(session, caller.account.id, body.name, body.recipe, utc_now(), purpose=body.purpose)
    return _preset(saved)


@router.get("/presets/{preset_id}")
def get_preset(preset_id: str, session: OneTransaction, caller: SomeCaller) -> PresetShown:
    """One's own by its id, a shipped one by its name."""
    return _preset(service.get_preset(session, caller.account.id, preset_id))


@router.put("/presets/{preset_id}")
def change_preset(preset_id: str, body: PresetToSave, session: OneTransaction, caller: SomeCaller) -> PresetShown:
    """Name, purpose and recipe at once."""
    saved = service.save_preset(
        session, caller.account.id, body.name, body.recipe, utc_now(), purpose=body.purpose, preset_id=preset_id
    )
    return _preset(saved)


@router.delete("/presets/{preset_id}", status_code=204)
def delete_preset(preset_id: str, session: OneTransaction, caller: SomeCaller) -> None:
    """For good."""
    service.delete_preset(session, caller.account.id, preset_id)


# ---- planning and starting -------------------------------------------------------------------------------------------


@router.post("/runs/plan")
def plan_run(
    body: RunToPlan,
    session: OneTransaction,
    caller: SomeCaller,
    metering: TheMetering,
    settings: TheSettings,
    find_lora: TheLibrary,
) -> PlannedRunShown:
    """What a run would do, cost and take (F2, A4, A5). Nothing is kept, and it may be asked at every key."""
    now = utc_now()
    wish = service.RunWish(body.dataset_id, body.recipe)
    planned = service.plan_run(session, settings, metering, caller.account, wish, now, find_lora=find_lora)
    return _planned(planned, service.outlook_of(session, metering, caller.account, planned, now))


@router.post("/runs", status_code=201)
def start_run(
    body: RunToStart,
    session: OneTransaction,
    caller: SomeCaller,
    metering: TheMetering,
    settings: TheSettings,
    find_lora: TheLibrary,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> RunShown:
    """Freeze it, reserve its stamina, queue it (B8). The same Idempotency-Key again gives the same run."""
    wish = service.RunWish(body.dataset_id, body.recipe, body.name)
    run = service.start_run(
        session, settings, metering, caller.account, wish, utc_now(), start_key=idempotency_key, find_lora=find_lora
    )
    return _run(session, run)


# ---- history ---------------------------------------------------------------------------------------------------------


@router.get("/runs")
def list_runs(
    session: OneTransaction,
    caller: SomeCaller,
    state: Annotated[list[RunState] | None, Query()] = None,
    dataset_id: str | None = None,
    text: Annotated[str, Query(max_length=200)] = "",
    before: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[RunInList]:
    """The history, newest first (H1). The next page is ``before`` the id of this one's last."""
    found = service.list_runs(
        session, caller.account.id, states=state or (), dataset_id=dataset_id, text=text, before=before, limit=limit
    )
    return [RunInList(**_in_list(run)) for run in found]


@router.get("/runs/{run_id}")
def get_run(run_id: str, session: OneTransaction, caller: SomeCaller) -> RunShown:
    """One run with everything (G1, G4, G8)."""
    return _run(session, service.get_run(session, caller.account.id, run_id))


@router.patch("/runs/{run_id}")
def rename_run(run_id: str, body: NewName, session: OneTransaction, caller: SomeCaller) -> RunShown:
    """Another name in the history."""
    return _run(session, service.rename_run(session, caller.account.id, run_id, body.name))


@router.delete("/runs/{run_id}", status_code=204)
def delete_run(run_id: str, session: OneTransaction, caller: SomeCaller) -> None:
    """An ended one, with its files. What was saved to the library stays."""
    service.delete_run(session, caller.account.id, run_id)


@router.get("/runs/{run_id}/recipe")
def get_recipe(run_id: str, session: OneTransaction, caller: SomeCaller) -> dict[str, Any]:
    """What was asked for, to be changed and started again (F32); the rest are defaults."""
    return dict(service.get_run(session, caller.account.id, run_id).given)


@router.get("/runs/{run_id}/pictures")
def list_pictures(run_id: str, session: OneTransaction, caller: SomeCaller) -> list[PictureShown]:
    """The pictures with their captions as they were when it was started."""
    found = service.list_pictures(session, caller.account.id, run_id)
    return [
        PictureShown(**{name: value for name, value in asdict(one).items() if name in PictureShown.model_fields})
        for one in found
    ]


# ---- steering --------------------------------------------------------------------------------------------------------


@router.post("/runs/{run_id}/cancel", status_code=202)
def cancel_run(run_id: str, session: OneTransaction, caller: SomeCaller) -> RunShown:
    """Stop for good; a training run ends when its worker has seen it (G5)."""
    return _run(session, service.cancel_run(session, caller.account.id, run_id, utc_now()))


@router.post("/runs/{run_id}/pause", status_code=202)
def pause_run(run_id: str, session: OneTransaction, caller: SomeCaller) -> RunShown:
    """Stop for now; state and stamina are kept."""
    return _run(session, service.pause_run(session, caller.account.id, run_id, utc_now()))


@router.post("/runs/{run_id}/resume", status_code=202)
def resume_run(run_id: str, session: OneTransaction, caller: SomeCaller, metering: TheMetering) -> RunShown:
    """Go on from where it was paused."""
    return _run(session, service.resume_run(session, metering, caller.account, run_id, utc_now()))


@router.post("/runs/{run_id}/save-now", status_code=202)
def save_now(run_id: str, session: OneTransaction, caller: SomeCaller) -> RunShown:
    """A LoRA file of the weights as they are."""
    return _run(session, service.ask_run(session, caller.account.id, run_id, "save", utc_now()))


@router.post("/runs/{run_id}/sample-now", status_code=202)
def sample_now(run_id: str, session: OneTransaction, caller: SomeCaller) -> RunShown:
    """Previews of the weights as they are."""
    return _run(session, service.ask_run(session, caller.account.id, run_id, "sample", utc_now()))


@router.post("/runs/{run_id}/retry", status_code=201)
def retry_run(
    run_id: str,
    body: RunToRetry,
    session: OneTransaction,
    caller: SomeCaller,
    metering: TheMetering,
    settings: TheSettings,
    find_lora: TheLibrary,
) -> RunShown:
    """Go on with an ended run, or start it changed as another one; the answer says which."""
    run = service.retry_run(
        session, settings, metering, caller.account, run_id, utc_now(), changes=body.changes, find_lora=find_lora
    )
    return _run(session, run)


# ---- watching --------------------------------------------------------------------------------------------------------


@router.get("/runs/{run_id}/events", response_class=Response)
def follow_run(run_id: str, request: Request, door: TheDoor, session: OneTransaction, caller: SomeCaller) -> Response:
    """Everything that happens, as it happens (G4): the engine's events, changes of state, and while it waits
    ``PositionChanged``. Behind the last id that came it goes on; ends when the run is over.
    """
    owner_id = caller.account.id
    service.get_run(session, owner_id, run_id)
    told: list[tuple[int, int] | None] = [None]

    def read(session: Session, after: int) -> Sequence[LiveEvent]:
        events = service.list_events(session, owner_id, run_id, after, MOST_EVENTS)
        if events:
            return [LiveEvent(one.number, one.kind, {**said_in(one.data), "at": one.at.isoformat()}) for one in events]
        found = service.find_position(session, service.get_run(session, owner_id, run_id))
        position = None if found is None else (found.ahead, found.waiting)
        if position is None or position == told[0]:
            return []
        told[0] = position
        return [LiveEvent(after, "PositionChanged", {"ahead": position[0], "waiting": position[1]})]

    return follow(
        request, door.engine, read, is_over=lambda session: service.get_run(session, owner_id, run_id).is_over
    )


@router.get("/runs/{run_id}/losses")
def list_losses(
    run_id: str,
    session: OneTransaction,
    caller: SomeCaller,
    smoothing: Annotated[float, Query(ge=0, lt=1)] = 0.9,
    points: Annotated[int | None, Query(ge=2, le=100_000)] = None,
) -> LossesShown:
    """The loss of each step, raw and smoothed; with ``points`` thinned out, peaks kept (G4)."""
    curve = service.loss_curve(session, caller.account.id, run_id, weight=smoothing, most_points=points)
    return LossesShown(
        steps=[one.step for one in curve],
        losses=[one.loss for one in curve],
        smoothed=[one.smoothed for one in curve],
        validation=[
            ValidationShown(epoch=one["epoch"], step=one["step"], loss=one["loss"])
            for one in service.validation_curve(session, caller.account.id, run_id)
        ],
    )


# ---- what is left ----------------------------------------------------------------------------------------------------


@router.get("/runs/{run_id}/epochs")
def list_epochs(run_id: str, session: OneTransaction, caller: SomeCaller) -> list[EpochShown]:
    """Files with their previews, by step (H2, H3)."""
    samples = service.list_samples(session, caller.account.id, run_id)
    return [
        _epoch(one, [sample for sample in samples if sample.step == one.step])
        for one in service.list_epochs(session, caller.account.id, run_id)
    ]


@router.get("/runs/{run_id}/samples")
def list_samples(run_id: str, session: OneTransaction, caller: SomeCaller) -> list[SampleShown]:
    """All previews, by step, prompt and seed."""
    return [_sample(one) for one in service.list_samples(session, caller.account.id, run_id)]


@router.get("/runs/{run_id}/samples/{sample_id}/picture", response_class=Response)
def get_sample_picture(
    run_id: str, sample_id: str, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """The preview itself, as PNG with its A1111 text."""
    sample = service.find_sample(session, caller.account.id, run_id, sample_id)
    if sample is None:
        raise NotFound("There is no such preview.", "See the run's list.")
    return file_answer(request, files, sample.sha256, "image/png")


@router.get("/runs/{run_id}/epochs/{epoch}/file", response_class=Response)
def get_epoch_file(
    run_id: str, epoch: int, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """The LoRA file of an epoch, under sd-scripts' name for it (H3)."""
    found = service.get_epoch(session, caller.account.id, run_id, epoch)
    return file_answer(request, files, found.sha256, LORA_MEDIA_TYPE, download_name=found.filename)


@router.get("/runs/{run_id}/files/{filename}", response_class=Response)
def get_file(
    run_id: str, filename: str, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """Any LoRA file of the run by its name; for those that were saved in the middle."""
    found = service.get_file(session, caller.account.id, run_id, filename)
    return file_answer(request, files, found.sha256, LORA_MEDIA_TYPE, download_name=found.filename)


@router.get("/runs/{run_id}/files.zip", response_class=Response)
def get_files_zip(run_id: str, session: OneTransaction, caller: SomeCaller, files: TheFiles) -> Response:
    """Every LoRA file with its card and preview, to be put into A1111's folder (H5)."""
    run = service.get_run(session, caller.account.id, run_id)
    entries = service.zip_entries_of(session, caller.account.id, run_id)
    return zip_answer(files, entries, f"{run.recipe['output_name']}.zip")


# ---- how things are shown --------------------------------------------------------------------------------------------


def _problem(problem: Problem, fix: Mapping[str, Any] | None = None) -> ProblemShown:
    return ProblemShown(path=problem.path, message=problem.message, cure=problem.cure, fix=dict(fix or {}))


def _preset(preset: Preset) -> PresetShown:
    return PresetShown(
        id=preset.id,
        name=preset.name,
        title=said(preset.title) if preset.is_shipped else preset.title,
        purpose=said(preset.purpose) if preset.is_shipped else preset.purpose,
        recipe=dict(preset.values),
        is_shipped=preset.is_shipped,
        changed_at=preset.changed_at,
    )


def _plan(plan: TrainPlan) -> PlanShown:
    return PlanShown(
        sentences=describe_plan(plan).splitlines(),
        num_pictures=len(plan.keys),
        seen_fewest=min(plan.times_learnt),
        seen_most=max(plan.times_learnt),
        num_epochs=plan.num_epochs,
        steps_per_epoch=plan.steps_per_epoch,
        num_steps=plan.num_steps,
        warmup_steps=plan.warmup_steps,
        buckets=[
            BucketShown(
                width=one.bucket.width,
                height=one.bucket.height,
                num_pictures=one.num_pictures,
                uses_per_epoch=one.num_uses,
                batches_per_epoch=one.num_batches,
            )
            for one in plan.bucket_counts
        ],
        files=[_file(one) for one in plan.saved_files],
    )


def _file(file: SavedFile) -> FileShown:
    return FileShown(epoch=file.epoch, step=file.step, filename=file.filename)


def _part(part: QuotePart) -> PartShown:
    return PartShown(name=part.name, count=part.count, stamina=float(part.stamina))


def _planned(planned: service.PlannedRun, outlook: Any) -> PlannedRunShown:
    quoted = planned.quoted
    ids = {file_name(number, one): one.picture_id for number, one in enumerate(planned.pictures, 1)}
    return PlannedRunShown(
        name=planned.name,
        recipe=planned.recipe.model_dump(mode="json"),
        base_model_id=planned.base_model.id,
        base_model_name=planned.base_model.name,
        family=planned.base_model.family,
        can_train=planned.can_train,
        why_not=planned.why_not,
        start_name="" if planned.start is None else planned.start.name,
        plan=_plan(planned.plan),
        notes=[NoteShown(**asdict(one)) for one in planned.notes],
        quote=QuoteShown(stamina=quoted.quote.stamina, parts=[_part(one) for one in quoted.quote.parts]),
        is_metered=quoted.balance.is_metered,
        balance=quoted.balance.stamina,
        is_affordable=quoted.is_affordable,
        over_limits=[_problem(one) for one in quoted.over_limits],
        proposals=[
            ProposalShown(
                lever=one.lever,
                changes={
                    change.path: list(change.after) if isinstance(change.after, tuple) else change.after
                    for change in one.changes
                },
                left_out=[ids[key] for key in one.left_out],
                stamina=one.quote.stamina,
                training_kept=float(one.training_kept),
            )
            for one in quoted.proposals
        ],
        expected_seconds=planned.expected_seconds,
        runs_ahead=outlook.ahead,
        starts_in_seconds=outlook.starts_in_seconds,
        ends_in_seconds=outlook.ends_in_seconds,
        memory=_memory(planned),
        memory_cures=[MemoryCureShown(**_cure(one)) for one in planned.fit.cures],
        memory_fit=None if planned.fit.together is None else MemoryCureShown(**_cure(planned.fit.together)),
    )


def _cure(cure: MemoryCure) -> dict[str, Any]:
    return {**asdict(cure), "kinds": list(cure.kinds)}


def _memory(planned: service.PlannedRun) -> MemoryShown | None:
    found = planned.memory
    if found is None:
        return None
    trainer = planned.trainer
    room = None if trainer is None else trainer.memory_bytes
    return MemoryShown(
        **asdict(found),
        total=found.total,
        on_graphics_card=planned.on_graphics_card,
        capacity=room,
        device_name="" if trainer is None else trainer.device_name,
        fits=None if room is None else found.total <= room,
    )


def _failure(failure: Failure | None) -> FailureShown | None:
    if failure is None:
        return None
    shown = asdict(failure)
    if not failure.changes and failure.path and failure.value is not None:  # of a run that failed before there were any
        shown["changes"] = {failure.path: failure.value}
    return FailureShown(**shown)


def _in_list(run: Run) -> Mapping[str, Any]:
    same = (
        "id",
        "name",
        "state",
        "attempt",
        "dataset_id",
        "dataset_name",
        "num_pictures",
        "step",
        "num_steps",
        "epoch",
    )
    more = ("num_epochs", "quoted", "charged", "made_of_run_id", "start_name", "created_at", "started_at", "ended_at")
    return {
        **{name: getattr(run, name) for name in (*same, *more)},
        "base_model_id": run.base_model.id,
        "base_model_name": run.base_model.name,
        "family": run.base_model.family,
        "failure": _failure(run.failure),
    }


def _run(session: Session, run: Run) -> RunShown:
    position = service.find_position(session, run)
    start, end = service.expect_times(session, run, utc_now())
    return RunShown(
        **_in_list(run),
        recipe=dict(run.recipe),
        steps_per_epoch=run.steps_per_epoch,
        device=run.device,
        live=LiveShown(**asdict(run.live)),
        checkpoint_step=run.checkpoint_step,
        asked=sorted(service.find_asked(session, run)),
        runs_ahead=None if position is None else position.ahead,
        runs_waiting=None if position is None else position.waiting,
        expected_start_at=start,
        expected_end_at=end,
        expected_seconds=run.expected_seconds,
        num_events=run.num_events,
        plan=_plan(service.read_plan(session, run.owner_id, run.id)),
    )


def _epoch(epoch: Epoch, samples: Sequence[Sample]) -> EpochShown:
    return EpochShown(
        **{name: value for name, value in asdict(epoch).items() if name != "run_id"},
        file_url=f"/api/runs/{epoch.run_id}/files/{quote(epoch.filename)}",
        samples=[_sample(one) for one in samples],
    )


def _sample(sample: Sample) -> SampleShown:
    return SampleShown(
        **{name: value for name, value in asdict(sample).items() if name not in ("run_id", "sha256")},
        picture_url=f"/api/runs/{sample.run_id}/samples/{sample.id}/picture",
    )
