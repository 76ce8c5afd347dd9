"""The forms in which datasets, pictures and tasks are shown and asked for over HTTP."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from enogu.datasets import service
from enogu.datasets.entities import (
    MOST_PICTURES,
    MOST_REPEATS,
    AddedPicture,
    CropSettings,
    Dataset,
    ExistingCaptions,
    Findings,
    Picture,
    RefusedFile,
    TaggerFacts,
    TaggerOrigin,
    TaggerState,
    TagSettings,
    TaskParts,
)
from enogu.imaging.crops import Box, CropMethod
from enogu.imaging.duplicates import DuplicateKind
from enogu.imaging.quality import ProblemKind
from enogu.queue.entities import Job, JobState, Position
from enogu.words import said_in
from enogu.words.answers import Words

Id = Annotated[str, Field(min_length=1, max_length=26)]
_Side = Annotated[int, Field(ge=1, le=100_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


# ---- asked for -------------------------------------------------------------------------------------------------------


class NewDataset(_Body):
    """A dataset to make."""

    name: str = Field(min_length=1, max_length=500)


class CropChange(_Body):
    """What is left out stays."""

    method: CropMethod | None = None
    width: _Side | None = None
    height: _Side | None = None
    background: str | None = Field(default=None, max_length=30)

    def applied(self, before: CropSettings) -> CropSettings:
        """The settings after it."""
        return replace(before, **self.model_dump(exclude_none=True))


class TagChange(_Body):
    """What is left out stays; ``threshold`` and ``most_tags`` may be set to null."""

    tagger: str | None = Field(default=None, max_length=120)
    threshold: float | None = Field(default=None, ge=0, le=1)
    existing: ExistingCaptions | None = None
    with_underscores: bool | None = None
    undesired_tags: list[str] | None = Field(default=None, max_length=500)
    most_tags: int | None = Field(default=None, ge=1, le=1000)

    def applied(self, before: TagSettings) -> TagSettings:
        """The settings after it."""
        given = self.model_dump(exclude_unset=True)
        values = {name: one for name, one in given.items() if one is not None or name in ("threshold", "most_tags")}
        if "undesired_tags" in values:
            values["undesired_tags"] = tuple(self.undesired_tags or ())
        return replace(before, **values)


class DatasetChange(_Body):
    """What is left out stays."""

    name: str | None = Field(default=None, max_length=500)
    trigger: str | None = Field(default=None, max_length=500)
    crop: CropChange | None = None
    tag: TagChange | None = None


class CopyName(_Body):
    """How the copy is called; unless given, as the original with "copy" behind it."""

    name: str | None = Field(default=None, max_length=500)


class SampleName(_Body):
    """Which sample."""

    name: str = Field(min_length=1, max_length=100)


class PictureIds(_Body):
    """Some pictures of a dataset."""

    ids: list[Id] = Field(min_length=1, max_length=MOST_PICTURES)


class Repeats(_Body):
    """How often an epoch shows them; without ``ids`` all."""

    ids: list[Id] | None = Field(default=None, max_length=MOST_PICTURES)
    repeats: int = Field(ge=1, le=MOST_REPEATS)


class Role(_Body):
    """Whether these pictures are to be learnt, or only keep what the base model knows."""

    ids: list[Id] = Field(min_length=1, max_length=MOST_PICTURES)
    is_regularisation: bool


class HandCrop(_Body):
    """A rectangle in the upright original, in its pixels."""

    left: int = Field(ge=0, le=1_000_000)
    top: int = Field(ge=0, le=1_000_000)
    width: int = Field(ge=1, le=1_000_000)
    height: int = Field(ge=1, le=1_000_000)

    def box(self) -> Box:
        """As imaging has it."""
        return Box(self.left, self.top, self.width, self.height)


class UploadIds(_Body):
    """Finished uploads."""

    upload_ids: list[Id] = Field(min_length=1, max_length=1000)


class TaskToDo(_Body):
    """Which half of "crop and tag", and for which pictures (unless given, all)."""

    parts: TaskParts = "both"
    picture_ids: list[Id] | None = Field(default=None, max_length=MOST_PICTURES)


class NewTagger(_Body):
    """A tagger from finished uploads."""

    name: str = Field(min_length=1, max_length=100)
    upload_ids: list[Id] = Field(min_length=1, max_length=3)


# ---- shown -----------------------------------------------------------------------------------------------------------


class CropSettingsShown(BaseModel):
    """How pictures are cropped."""

    method: CropMethod
    width: int
    height: int
    background: str


class TagSettingsShown(BaseModel):
    """How pictures are tagged. ``threshold`` null: what the tagger recommends."""

    tagger: str
    threshold: float | None
    existing: ExistingCaptions
    with_underscores: bool
    undesired_tags: list[str]
    most_tags: int | None


class DatasetShown(BaseModel):
    """One dataset."""

    id: str
    name: str
    trigger: str
    num_pictures: int
    captions_revision: int
    crop: CropSettingsShown
    tag: TagSettingsShown
    cover: str | None
    """The address of its first picture's thumbnail."""
    created_at: datetime
    changed_at: datetime
    deleted_at: datetime | None


class DatasetsShown(BaseModel):
    """A page of them."""

    datasets: list[DatasetShown]
    total: int


class SampleShown(BaseModel):
    """A set to try things with."""

    name: str
    num_pictures: int


class ProblemShown(BaseModel):
    """One remark on a picture."""

    kind: ProblemKind
    message: Words


class CropShown(BaseModel):
    """Which part is trained, at which size, and how that was found."""

    left: int
    top: int
    width: int
    height: int
    result_width: int
    result_height: int
    method: CropMethod
    note: Words


class PictureShown(BaseModel):
    """One picture with everything that a page shows of it."""

    id: str
    name: str
    position: int
    width: int
    height: int
    size_bytes: int
    format: str
    notes: list[Words]
    problems: list[ProblemShown]
    caption: str
    has_caption: bool
    repeats: int
    class_tokens: str
    crop: CropShown | None
    trained_width: int
    trained_height: int
    thumb_url: str
    """Of what is trained; changes with it."""
    file_url: str
    cropped_url: str | None
    is_regularisation: bool
    """It keeps what the base model knows of a class, and is not what is to be learnt."""
    mask_url: str | None
    """A grey picture of the original's size: white is learnt."""
    added_at: datetime


class PicturesShown(BaseModel):
    """A page of them."""

    pictures: list[PictureShown]
    total: int
    captions_revision: int


class RefusedShown(BaseModel):
    """A file that did not come in, why, and what to do."""

    name: str
    message: Words
    cure: Words


class AddedShown(BaseModel):
    """What became of a picture."""

    picture: PictureShown
    is_new: bool
    note: Words


class ImportShown(BaseModel):
    """What came in and what did not."""

    added: list[AddedShown]
    refused: list[RefusedShown]
    notes: list[Words]
    num_captions: int
    """Attached to pictures that were there."""
    num_masks: int
    """The same."""


class DuplicateShown(BaseModel):
    """One picture that another stands for."""

    picture_id: str
    kind: DuplicateKind


class DuplicatesShown(BaseModel):
    """Pictures that are the same to the eye."""

    kept_id: str
    others: list[DuplicateShown]
    words: Words


class ProblemsShown(BaseModel):
    """One kind of problem and who has it."""

    kind: ProblemKind
    words: Words
    picture_ids: list[str]


class FindingsShown(BaseModel):
    """What is pointed out about a dataset."""

    duplicates: list[DuplicatesShown]
    problems: list[ProblemsShown]


class CountShown(BaseModel):
    """How many pictures it was."""

    num_pictures: int


class TaskShown(BaseModel):
    """A task and how far it is."""

    id: str
    kind: Literal["import_pictures", "crop_and_tag"]
    state: JobState
    total: int
    done: int
    name: str
    """The picture it is at."""
    num_new: int
    num_refused: int
    refused: list[dict[str, str]]
    """The first hundred: picture_id, name, message, cure."""
    ahead: int | None
    """How many tasks come before it, while it waits."""
    reason: Words
    created_at: datetime
    ended_at: datetime | None


class TaggerShown(BaseModel):
    """One tagger."""

    id: str
    name: str
    origin: TaggerOrigin
    state: TaggerState
    reason: Words
    recommended_threshold: float
    num_tags: int


def tag_values(settings: TagSettings) -> dict[str, Any]:
    """Settings as JSON has them."""
    values: dict[str, Any] = asdict(settings)
    return {**values, "undesired_tags": list(settings.undesired_tags)}


def dataset_shown(dataset: Dataset) -> DatasetShown:
    """One dataset."""
    return DatasetShown(
        id=dataset.id,
        name=dataset.name,
        trigger=dataset.trigger,
        num_pictures=dataset.num_pictures,
        captions_revision=dataset.captions_revision,
        crop=CropSettingsShown(**asdict(dataset.crop)),
        tag=TagSettingsShown(**tag_values(dataset.tag)),
        cover=f"/api/datasets/{dataset.id}/cover?v={dataset.cover_sha256[:12]}" if dataset.cover_sha256 else None,
        created_at=dataset.created_at,
        changed_at=dataset.changed_at,
        deleted_at=dataset.deleted_at,
    )


def picture_shown(picture: Picture, dataset: Dataset) -> PictureShown:
    """One picture; addresses change when what they show does, so a browser may keep it for ever."""
    address = f"/api/datasets/{picture.dataset_id}/pictures/{picture.id}"
    crop, (width, height) = picture.crop, picture.trained_size
    return PictureShown.model_construct(  # ours, and ten thousand of them: not checked again
        id=picture.id,
        name=picture.name,
        position=picture.position,
        width=picture.width,
        height=picture.height,
        size_bytes=picture.size_bytes,
        format=picture.format,
        notes=list(picture.notes),
        problems=[ProblemShown(kind=one.kind, message=one.message) for one in service.problems_of(picture, dataset)],
        caption=picture.caption,
        has_caption=picture.has_caption,
        repeats=picture.repeats,
        class_tokens=picture.class_tokens,
        crop=None
        if crop is None
        else CropShown(
            **asdict(crop.box), result_width=crop.width, result_height=crop.height, method=crop.method, note=crop.note
        ),
        trained_width=width,
        trained_height=height,
        thumb_url=f"{address}/thumb?v={picture.shown_thumbnail_sha256[:12]}",
        file_url=f"{address}/file",
        cropped_url=f"{address}/cropped?v={picture.cropped_sha256[:12]}" if picture.cropped_sha256 else None,
        is_regularisation=picture.is_regularisation,
        mask_url=f"{address}/mask?v={picture.mask_sha256[:12]}" if picture.mask_sha256 else None,
        added_at=picture.added_at,
    )


def refused_shown(refused: RefusedFile) -> RefusedShown:
    """One refusal."""
    return RefusedShown(name=refused.name, message=refused.message, cure=refused.cure)


def import_shown(report: service.ImportReport, dataset: Dataset) -> ImportShown:
    """What an import came to."""
    return ImportShown(
        added=[_added(one, dataset) for one in report.added],
        refused=[refused_shown(one) for one in report.refused],
        notes=report.notes,
        num_captions=report.num_captions,
        num_masks=report.num_masks,
    )


def findings_shown(findings: Findings) -> FindingsShown:
    """What is pointed out."""
    return FindingsShown(
        duplicates=[
            DuplicatesShown(
                kept_id=group.kept_id,
                others=[DuplicateShown(picture_id=one, kind=kind) for one, kind in group.others],
                words=group.words,
            )
            for group in findings.duplicates
        ],
        problems=[
            ProblemsShown(kind=one.kind, words=one.words, picture_ids=list(one.picture_ids))
            for one in findings.problems
        ],
    )


def task_shown(job: Job, position: Position | None = None) -> TaskShown:
    """How far a task is."""
    told: dict[str, Any] = job.progress
    return TaskShown(
        id=job.id,
        kind="crop_and_tag" if job.kind == "crop_and_tag" else "import_pictures",
        state=job.state,
        total=told.get("total", 0),
        done=told.get("done", 0),
        name=told.get("name", ""),
        num_new=told.get("num_new", 0),
        num_refused=told.get("num_refused", 0),
        refused=[said_in(one) for one in told.get("refused", [])],
        ahead=None if position is None else position.ahead,
        reason=job.reason,
        created_at=job.created_at,
        ended_at=job.ended_at,
    )


def tagger_shown(tagger: TaggerFacts) -> TaggerShown:
    """One tagger."""
    return TaggerShown(
        id=tagger.id,
        name=tagger.name,
        origin=tagger.origin,
        state=tagger.state,
        reason=tagger.reason,
        recommended_threshold=tagger.recommended_threshold,
        num_tags=tagger.num_tags,
    )


def _added(added: AddedPicture, dataset: Dataset) -> AddedShown:
    return AddedShown.model_construct(
        picture=picture_shown(added.picture, dataset), is_new=added.is_new, note=added.note
    )
