"""Datasets over HTTP (B1, B4, D1 to D10): sets, pictures, crops, findings, tasks; taggers.

Routes that decode pictures open their transactions themselves, so that nobody waits for a picture to be decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.types import Message

from enogu.accounts.asking import OneTransaction, SomeCaller, TheDoor, identify
from enogu.datasets import service, tasks
from enogu.datasets.entities import Dataset, DatasetRefused, IncomingMask, Picture
from enogu.datasets.service import ordering
from enogu.datasets.shown import (
    CopyName,
    CountShown,
    DatasetChange,
    DatasetShown,
    DatasetsShown,
    FindingsShown,
    HandCrop,
    Id,
    ImportShown,
    NewDataset,
    NewTagger,
    PictureIds,
    PictureShown,
    PicturesShown,
    Repeats,
    Role,
    SampleName,
    SampleShown,
    TaggerShown,
    TaskShown,
    TaskToDo,
    UploadIds,
    dataset_shown,
    findings_shown,
    import_shown,
    picture_shown,
    tagger_shown,
    task_shown,
)
from enogu.delivery import LiveEvent, TheFiles, TheSettings, file_answer, follow, zip_answer
from enogu.errors import NotFound, TooLarge
from enogu.imaging.decoder import Decoder
from enogu.imaging.decoding import MAX_FILE_BYTES
from enogu.queue import service as queue
from enogu.stamina.entities import Metering
from enogu.storage.database import Session, reading, transaction, utc_now

router = APIRouter(prefix="/api/datasets", tags=["datasets"])
taggers_router = APIRouter(prefix="/api/taggers", tags=["taggers"])

MOST_FILES = 1000
"""In one request; more come as a zip or as resumable uploads."""
MOST_REQUEST_BYTES = 600 * 2**20
_MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WebP": "image/webp", "AVIF": "image/avif", "GIF": "image/gif",
          "BMP": "image/bmp", "TIFF": "image/tiff"}  # fmt: skip
_OVER = 2**40
"""The id of a task's last event."""


def _metering(request: Request) -> Metering:
    return request.app.state.metering


def _decoder(request: Request) -> Decoder:
    return request.app.state.decoder


TheMetering = Annotated[Metering, Depends(_metering)]
TheDecoder = Annotated[Decoder, Depends(_decoder)]


# ---- sets ------------------------------------------------------------------------------------------------------------


@router.post("", status_code=201)
def create_dataset(body: NewDataset, session: OneTransaction, caller: SomeCaller) -> DatasetShown:
    """A new dataset without pictures (B2)."""
    return dataset_shown(service.create_dataset(session, caller.account.id, body.name, utc_now()))


@router.get("")
def list_datasets(
    session: OneTransaction,
    caller: SomeCaller,
    search: Annotated[str, Query(max_length=200)] = "",
    deleted: bool = False,
    before: Annotated[str | None, Query(max_length=26)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DatasetsShown:
    """One's datasets, newest first; those that can be brought back with ``deleted``. The next page is ``before`` this
    one's last id.
    """
    owner_id = caller.account.id
    found = service.list_datasets(session, owner_id, search=search, is_deleted=deleted, before=before, limit=limit)
    total = service.count_datasets(session, owner_id, search=search, is_deleted=deleted)
    return DatasetsShown(datasets=[dataset_shown(one) for one in found], total=total)


@router.get("/samples")
def list_samples(caller: SomeCaller) -> list[SampleShown]:
    """Sets that ship with Enogu (C7)."""
    return [SampleShown(name=one.name, num_pictures=one.num_pictures) for one in service.list_samples()]


@router.post("/samples", status_code=201)
def add_sample(
    body: SampleName, session: OneTransaction, caller: SomeCaller, files: TheFiles, decoder: TheDecoder
) -> DatasetShown:
    """A dataset of one's own from a sample."""
    return dataset_shown(service.add_sample(session, files, decoder, caller.account.id, body.name))


@router.get("/{dataset_id}")
def get_dataset(dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> DatasetShown:
    """One dataset."""
    return dataset_shown(service.get_dataset(session, caller.account.id, dataset_id))


@router.patch("/{dataset_id}")
def change_dataset(
    body: DatasetChange, dataset_id: Id, session: OneTransaction, caller: SomeCaller, settings: TheSettings
) -> DatasetShown:
    """Name, trigger, how it is cropped and tagged (D5 to D10). All of it, or nothing when something is refused."""
    owner_id, now = caller.account.id, utc_now()
    dataset = service.get_dataset(session, owner_id, dataset_id)
    if body.name is not None:
        dataset = service.rename_dataset(session, owner_id, dataset_id, body.name, now)
    if body.trigger is not None:
        dataset = service.set_trigger(session, owner_id, dataset_id, body.trigger, now)
    if body.tag is not None and body.tag.tagger is not None:
        service.get_tagger(session, settings, owner_id, body.tag.tagger)
    if body.crop is not None or body.tag is not None:
        dataset = service.set_settings(
            session, owner_id, dataset_id, now,
            crop=None if body.crop is None else body.crop.applied(dataset.crop),
            tag=None if body.tag is None else body.tag.applied(dataset.tag),
        )  # fmt: skip
    return dataset_shown(dataset)


@router.delete("/{dataset_id}")
def delete_dataset(dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> DatasetShown:
    """Out of sight; it can be restored for thirty days."""
    return dataset_shown(service.delete_dataset(session, caller.account.id, dataset_id, utc_now()))


@router.post("/{dataset_id}/restore")
def restore_dataset(dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> DatasetShown:
    """Undo a deletion."""
    return dataset_shown(service.restore_dataset(session, caller.account.id, dataset_id, utc_now()))


@router.post("/{dataset_id}/copy", status_code=201)
def copy_dataset(body: CopyName, dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> DatasetShown:
    """The same pictures and captions once more."""
    return dataset_shown(service.copy_dataset(session, caller.account.id, dataset_id, body.name, utc_now()))


@router.get("/{dataset_id}/cover", response_class=Response)
def get_cover(
    dataset_id: Id, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """The first picture's thumbnail."""
    dataset = service.get_dataset(session, caller.account.id, dataset_id)
    if dataset.cover_sha256 is None:
        raise NotFound("The dataset has no pictures.")
    return file_answer(request, files, dataset.cover_sha256, "image/webp", is_immutable=False)


@router.get("/{dataset_id}/zip", response_class=Response)
def download_dataset(dataset_id: Id, session: OneTransaction, caller: SomeCaller, files: TheFiles) -> Response:
    """Originals with their captions beside them, as other trainers take them; regularisation pictures in ``reg``, masks
    in ``masks``. The same zip comes in again as it went out.
    """
    dataset = service.get_dataset(session, caller.account.id, dataset_id)
    pictures = service.list_pictures(session, caller.account.id, dataset_id)
    return zip_answer(files, list(_zip_entries(pictures)), f"{dataset.name}.zip")


@router.get("/{dataset_id}/findings")
def find_findings(dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> FindingsShown:
    """Duplicates, and pictures that are too small, blurred, dark, washed out or blank (D4)."""
    return findings_shown(service.find_findings(session, caller.account.id, dataset_id))


# ---- pictures --------------------------------------------------------------------------------------------------------


@router.get("/{dataset_id}/pictures")
def list_pictures(
    dataset_id: Id,
    session: OneTransaction,
    caller: SomeCaller,
    start: Annotated[int, Query(ge=0, le=100_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 200,
) -> PicturesShown:
    """A page of pictures in their order, with all that is shown of them."""
    dataset = service.get_dataset(session, caller.account.id, dataset_id)
    found = service.list_pictures(session, caller.account.id, dataset_id, start=start, limit=limit)
    return PicturesShown.model_construct(
        pictures=[picture_shown(one, dataset) for one in found],
        total=dataset.num_pictures,
        captions_revision=dataset.captions_revision,
    )


_MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                    "required": ["files"],
                }
            }
        },
    }
}


@router.post("/{dataset_id}/pictures", status_code=201, openapi_extra=_MULTIPART)
async def add_pictures(
    dataset_id: Id, request: Request, door: TheDoor, files: TheFiles, decoder: TheDecoder
) -> ImportShown:
    """Pictures, captions of the same names, or zips, as multipart form data (D1, D2). Each file that is refused is
    named with its reason and cure; the others come in.
    """

    def who() -> str:
        with transaction(door.engine) as session:  # a token's use is noted
            owner_id = identify(request, session, door).account.id
            service.get_dataset(session, owner_id, dataset_id)
        return owner_id

    owner_id = await run_in_threadpool(who)
    form = await _bounded_form(request)
    try:
        given = [(one.filename or "", one.file) for _, one in form.multi_items() if isinstance(one, UploadFile)]
        if not given:
            raise DatasetRefused("No files were sent.", "Send them as multipart/form-data, each in a field 'files'.")

        def take() -> ImportShown:
            sources, refused = tasks.sources_of(given)
            report = tasks.import_sources(door.engine, files, decoder, owner_id, dataset_id, sources, refused)
            with reading(door.engine) as session:
                return import_shown(report, service.get_dataset(session, owner_id, dataset_id))

        return await run_in_threadpool(take)
    finally:
        await form.close()


@router.post("/{dataset_id}/pictures/remove")
def remove_pictures(body: PictureIds, dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> CountShown:
    """Several at once; ``restore`` brings them back."""
    count = service.remove_pictures(session, caller.account.id, dataset_id, body.ids, utc_now())
    return CountShown(num_pictures=count)


@router.post("/{dataset_id}/pictures/restore")
def restore_pictures(body: PictureIds, dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> CountShown:
    """Undo a removal."""
    count = service.restore_pictures(session, caller.account.id, dataset_id, body.ids, utc_now())
    return CountShown(num_pictures=count)


@router.put("/{dataset_id}/pictures/order", status_code=204)
def reorder_pictures(body: PictureIds, dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> None:
    """These first, in this order; the others behind them as they were."""
    service.reorder_pictures(session, caller.account.id, dataset_id, body.ids, utc_now())


@router.put("/{dataset_id}/pictures/repeats")
def set_repeats(body: Repeats, dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> CountShown:
    """How often an epoch shows these pictures, or all (B6)."""
    count = service.set_repeats(session, caller.account.id, dataset_id, body.ids, body.repeats, utc_now())
    return CountShown(num_pictures=count)


@router.put("/{dataset_id}/pictures/role")
def set_role(body: Role, dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> CountShown:
    """Mark pictures as regularisation pictures, or as what is to be learnt (F28)."""
    count = service.set_role(session, caller.account.id, dataset_id, body.ids, body.is_regularisation, utc_now())
    return CountShown(num_pictures=count)


@router.get("/{dataset_id}/pictures/{picture_id}")
def get_picture(dataset_id: Id, picture_id: Id, session: OneTransaction, caller: SomeCaller) -> PictureShown:
    """One picture."""
    dataset, picture = _both(session, caller.account.id, dataset_id, picture_id)
    return picture_shown(picture, dataset)


@router.delete("/{dataset_id}/pictures/{picture_id}", status_code=204)
def remove_picture(dataset_id: Id, picture_id: Id, session: OneTransaction, caller: SomeCaller) -> None:
    """Out of the dataset; ``restore`` brings it back."""
    service.remove_pictures(session, caller.account.id, dataset_id, [picture_id], utc_now())


@router.get("/{dataset_id}/pictures/{picture_id}/file", response_class=Response)
def get_file(
    dataset_id: Id,
    picture_id: Id,
    request: Request,
    session: OneTransaction,
    caller: SomeCaller,
    files: TheFiles,
    download: bool = False,
) -> Response:
    """The original, byte for byte (D3)."""
    picture = service.get_picture(session, caller.account.id, dataset_id, picture_id)
    name = PurePosixPath(picture.name).name if download else None
    return file_answer(request, files, picture.sha256, _MEDIA[picture.format], download_name=name)


@router.get("/{dataset_id}/pictures/{picture_id}/thumb", response_class=Response)
def get_thumbnail(
    dataset_id: Id, picture_id: Id, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """A small WebP of what is trained."""
    picture = service.get_picture(session, caller.account.id, dataset_id, picture_id)
    return file_answer(request, files, picture.shown_thumbnail_sha256, "image/webp", is_immutable=False)


@router.get("/{dataset_id}/pictures/{picture_id}/cropped", response_class=Response)
def get_cropped(
    dataset_id: Id, picture_id: Id, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """The crop, as it is trained. 404 when the original is."""
    picture = service.get_picture(session, caller.account.id, dataset_id, picture_id)
    if picture.cropped_sha256 is None:
        raise NotFound(f"{picture.name} is not cropped.", "Its original is what is trained.")
    return file_answer(request, files, picture.cropped_sha256, "image/png", is_immutable=False)


@router.put("/{dataset_id}/pictures/{picture_id}/crop")
def crop_by_hand(
    body: HandCrop, dataset_id: Id, picture_id: Id, request: Request, door: TheDoor, files: TheFiles,
    decoder: TheDecoder,
) -> PictureShown:  # fmt: skip
    """Cut this part out, now (D5). It stays when the dataset is cropped again, until it is reset."""
    with transaction(door.engine) as session:  # a token's use is noted
        owner_id = identify(request, session, door).account.id
        dataset, picture = _both(session, owner_id, dataset_id, picture_id)
    cut = service.cut_picture(files, decoder, picture, dataset.crop, box=body.box())
    with transaction(door.engine) as session:
        changed = service.set_crop(
            session, owner_id, dataset_id, picture_id, cut.crop, cut.sha256, cut.thumbnail_sha256, utc_now()
        )
    return picture_shown(changed, dataset)


@router.delete("/{dataset_id}/pictures/{picture_id}/crop")
def reset_crop(dataset_id: Id, picture_id: Id, session: OneTransaction, caller: SomeCaller) -> PictureShown:
    """Back to the whole original."""
    picture = service.set_crop(session, caller.account.id, dataset_id, picture_id, None, None, None, utc_now())
    return picture_shown(picture, service.get_dataset(session, caller.account.id, dataset_id))


@router.get("/{dataset_id}/pictures/{picture_id}/mask", response_class=Response)
def get_mask(
    dataset_id: Id, picture_id: Id, request: Request, session: OneTransaction, caller: SomeCaller, files: TheFiles
) -> Response:
    """Which part is learnt, as a grey PNG of the upright original's size: white is learnt. 404 without one."""
    picture = service.get_picture(session, caller.account.id, dataset_id, picture_id)
    if picture.mask_sha256 is None:
        raise NotFound(f"{picture.name} has no mask.", "All of it is learnt.")
    return file_answer(request, files, picture.mask_sha256, "image/png", is_immutable=False)


@router.put("/{dataset_id}/pictures/{picture_id}/mask", openapi_extra=_MULTIPART)
async def put_mask(
    dataset_id: Id, picture_id: Id, request: Request, door: TheDoor, files: TheFiles, decoder: TheDecoder
) -> PictureShown:
    """A mask of the original's size, as multipart form data: white, or opaque, is learnt (F28). The original stays as
    it is.
    """

    def who() -> tuple[str, Dataset, Picture]:
        with transaction(door.engine) as session:  # a token's use is noted
            owner_id = identify(request, session, door).account.id
            return owner_id, *_both(session, owner_id, dataset_id, picture_id)

    owner_id, dataset, picture = await run_in_threadpool(who)
    form = await _bounded_form(request)
    try:
        given = [one for _, one in form.multi_items() if isinstance(one, UploadFile)]
        if len(given) != 1:
            raise DatasetRefused("A mask is one file.", "Send it as multipart/form-data, in a field 'files'.")

        def keep() -> PictureShown:
            data = given[0].file.read(MAX_FILE_BYTES + 1)
            mask = IncomingMask(given[0].filename or "mask", data)
            sha256 = service.keep_mask(
                files, decoder, mask, picture_name=picture.name, width=picture.width, height=picture.height
            )
            with transaction(door.engine) as session:
                changed = service.set_mask(session, owner_id, dataset_id, picture_id, sha256, utc_now())
            return picture_shown(changed, dataset)

        return await run_in_threadpool(keep)
    finally:
        await form.close()


@router.delete("/{dataset_id}/pictures/{picture_id}/mask")
def remove_mask(dataset_id: Id, picture_id: Id, session: OneTransaction, caller: SomeCaller) -> PictureShown:
    """All of the picture is learnt again."""
    picture = service.set_mask(session, caller.account.id, dataset_id, picture_id, None, utc_now())
    return picture_shown(picture, service.get_dataset(session, caller.account.id, dataset_id))


# ---- tasks -----------------------------------------------------------------------------------------------------------


@router.post("/{dataset_id}/imports", status_code=202)
def import_uploads(
    body: UploadIds, dataset_id: Id, session: OneTransaction, caller: SomeCaller, metering: TheMetering
) -> TaskShown:
    """Take pictures from finished uploads, as a task (D1)."""
    job = ordering.order_import(session, metering, caller.account, dataset_id, body.upload_ids, utc_now())
    return task_shown(job, queue.find_position(session, job.id))


@router.post("/{dataset_id}/crop-and-tag", status_code=202)
def crop_and_tag(
    body: TaskToDo,
    dataset_id: Id,
    session: OneTransaction,
    caller: SomeCaller,
    metering: TheMetering,
    settings: TheSettings,
) -> TaskShown:
    """Crop and tag (D9), or one of the two, by the dataset's settings; one undo takes its captions back."""
    job = ordering.order_crop_and_tag(
        session, settings, metering, caller.account, dataset_id, body.parts, body.picture_ids, utc_now()
    )
    return task_shown(job, queue.find_position(session, job.id))


@router.get("/{dataset_id}/tasks")
def list_tasks(dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> list[TaskShown]:
    """A dataset's tasks, newest first."""
    jobs = ordering.list_tasks(session, caller.account.id, dataset_id)
    return [task_shown(job, queue.find_position(session, job.id)) for job in jobs]


@router.get("/{dataset_id}/tasks/{job_id}")
def get_task(dataset_id: Id, job_id: Id, session: OneTransaction, caller: SomeCaller) -> TaskShown:
    """How far a task is."""
    job = ordering.get_task(session, caller.account.id, dataset_id, job_id)
    return task_shown(job, queue.find_position(session, job.id))


@router.post("/{dataset_id}/tasks/{job_id}/cancel")
def cancel_task(dataset_id: Id, job_id: Id, session: OneTransaction, caller: SomeCaller) -> TaskShown:
    """Stop after the picture it is at; what was done stays."""
    return task_shown(ordering.cancel_task(session, caller.account.id, dataset_id, job_id, utc_now()))


@router.get("/{dataset_id}/tasks/{job_id}/events", response_class=Response)
def follow_task(dataset_id: Id, job_id: Id, request: Request, door: TheDoor) -> Response:
    """Its progress as server-sent events named ``Progress``, each a whole task as ``GET`` of it gives."""
    with reading(door.engine) as session:
        owner_id = identify(request, session, door).account.id
        ordering.get_task(session, owner_id, dataset_id, job_id)

    def read(session: Session, after: int) -> list[LiveEvent]:
        job = queue.get_job(session, owner_id, job_id)
        number = _OVER if job.has_ended else 1 + (job.state == "running") + job.progress.get("done", 0)
        if number <= after:
            return []
        shown = task_shown(job, queue.find_position(session, job_id))
        return [LiveEvent(number, "Progress", shown.model_dump(mode="json"))]

    return follow(
        request, door.engine, read, is_over=lambda session: queue.get_job(session, owner_id, job_id).has_ended
    )


# ---- taggers ---------------------------------------------------------------------------------------------------------


@taggers_router.get("")
def list_taggers(session: OneTransaction, caller: SomeCaller, settings: TheSettings) -> list[TaggerShown]:
    """The starter, the studio's folders, and one's own (D6), each with the threshold it recommends (D7)."""
    return [tagger_shown(one) for one in service.list_taggers(session, settings, caller.account.id)]


@taggers_router.post("", status_code=202)
def add_tagger(body: NewTagger, session: OneTransaction, caller: SomeCaller, metering: TheMetering) -> TaggerShown:
    """One's own, from finished uploads. A task tries it out; until then its state is ``checking``."""
    tagger = ordering.order_tagger_check(session, metering, caller.account, body.name, body.upload_ids, utc_now())
    return tagger_shown(tagger)


@taggers_router.delete("/{tagger_id}", status_code=204)
def delete_tagger(tagger_id: Id, session: OneTransaction, caller: SomeCaller) -> None:
    """One's own only."""
    service.delete_tagger(session, caller.account.id, tagger_id)


def _both(session: Session, owner_id: str, dataset_id: str, picture_id: str) -> tuple[Dataset, Picture]:
    dataset = service.get_dataset(session, owner_id, dataset_id)
    return dataset, service.get_picture(session, owner_id, dataset_id, picture_id)


def _zip_entries(pictures: tuple[Picture, ...]) -> Iterator[tuple[str, str | bytes]]:
    for one in pictures:
        folder = f"{one.repeats}_{one.class_tokens}/" if one.class_tokens else ""
        if one.is_regularisation and not one.name.casefold().startswith("reg"):
            folder = f"reg/{folder}"
        yield folder + one.name, one.sha256
        if one.mask_sha256 is not None:
            yield f"masks/{folder}{PurePosixPath(one.name).with_suffix('.png')}", one.mask_sha256
        if one.has_caption:
            yield f"{folder}{PurePosixPath(one.name).with_suffix('.txt')}", one.caption.encode()


async def _bounded_form(request: Request) -> FormData:
    """The form, spooled to disk file by file. Raises TooLarge while it comes, DatasetRefused when it is no form."""
    received_bytes = 0

    async def receive() -> Message:
        nonlocal received_bytes
        message = await request.receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > MOST_REQUEST_BYTES:
            raise TooLarge(
                f"The request has more than the {MOST_REQUEST_BYTES:,} bytes that are accepted at a time.",
                "Send fewer files at a time, or as a resumable upload.",
            )
        return message

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise DatasetRefused("No files were sent.", "Send them as multipart/form-data, each in a field 'files'.")
    try:
        return await Request(request.scope, receive).form(max_files=MOST_FILES, max_fields=100)
    except MultiPartException as error:
        raise DatasetRefused(f"The form cannot be read: {error.message}", "Send at most 1,000 files.") from error
