"""Order tasks: import, crop and tag, check a tagger. What orders is a transaction; what works is ``datasets.tasks``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from enogu.accounts.entities import Account
from enogu.datasets import store
from enogu.datasets.entities import DatasetRefused, TaggerFacts, TaskParts
from enogu.datasets.service.pictures import no_picture
from enogu.datasets.service.sets import get_dataset
from enogu.datasets.service.taggers import add_tagger, usable_tagger
from enogu.errors import EnoguError, NotFound
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.stamina.entities import Metering
from enogu.storage.database import Session
from enogu.uploads import service as uploads

IMPORT = "import_pictures"
CROP_AND_TAG = "crop_and_tag"
CHECK_TAGGER = "check_tagger"
MOST_UPLOADS = 1000


class TaskGoesOn(EnoguError):
    """The same dataset is being cropped and tagged already."""


def order_import(
    session: Session, metering: Metering, account: Account, dataset_id: str, upload_ids: Sequence[str], now: datetime
) -> Job:
    """Take pictures from finished uploads: zips, Kohya folders in zips, pictures and their captions (D1).

    Raises NotFound, UploadUnfinished, DatasetRefused.
    """
    get_dataset(session, account.id, dataset_id)
    if not 1 <= len(set(upload_ids)) <= MOST_UPLOADS:
        raise DatasetRefused(f"1 to {MOST_UPLOADS:,} uploads are taken at a time.", "Divide them.")
    job = _enqueue(session, metering, account, IMPORT, dataset_id, {}, now)
    _take_uploads(session, account.id, job.id, upload_ids)
    return job


def order_crop_and_tag(
    session: Session,
    settings: Settings,
    metering: Metering,
    account: Account,
    dataset_id: str,
    parts: TaskParts,
    picture_ids: Sequence[str] | None,
    now: datetime,
) -> Job:
    """Crop, tag or both (D9), all pictures or some, by the dataset's settings of this moment.

    Raises NotFound, TaskGoesOn, TaggerRefused, DatasetRefused when there are no pictures.
    """
    dataset = get_dataset(session, account.id, dataset_id)
    ids = [one for one, _ in store.list_names(session, dataset_id)]
    if picture_ids is not None:
        if not set(picture_ids) <= set(ids):
            raise no_picture()
        wanted = set(picture_ids)
        ids = [one for one in ids if one in wanted]
    if not ids:
        raise DatasetRefused(f"The dataset '{dataset.name}' has no pictures to work on.", "Add some first.")
    if queue.list_jobs(
        session, account.id, kind=CROP_AND_TAG, states=("waiting", "running"), subject_id=dataset_id, limit=1
    ):
        raise TaskGoesOn(f"'{dataset.name}' is being cropped and tagged already.", "Wait for it, or cancel it.")
    tag = asdict(dataset.tag) | {"undesired_tags": list(dataset.tag.undesired_tags)}
    if parts != "crop":
        tagger = usable_tagger(session, settings, account.id, dataset.tag.tagger)
        if tag["threshold"] is None:
            tag["threshold"] = tagger.recommended_threshold
    payload = {
        "parts": parts,
        "picture_ids": None if picture_ids is None else ids,
        "crop": asdict(dataset.crop),
        "tag": tag,
    }
    return _enqueue(session, metering, account, CROP_AND_TAG, dataset_id, payload, now)


def order_tagger_check(
    session: Session, metering: Metering, account: Account, name: str, upload_ids: Sequence[str], now: datetime
) -> TaggerFacts:
    """A tagger of one's own from finished uploads: ``model.onnx`` and ``selected_tags.csv``, or a zip with both.

    Raises NotFound, UploadUnfinished, TaggerRefused, DatasetRefused.
    """
    if not 1 <= len(set(upload_ids)) <= 3:
        raise DatasetRefused(
            "A tagger comes in one to three files.", "Send model.onnx and selected_tags.csv, or a zip."
        )
    tagger = add_tagger(session, account, name, now)
    job = _enqueue(session, metering, account, CHECK_TAGGER, tagger.id, {}, now)
    _take_uploads(session, account.id, job.id, upload_ids)
    return tagger


def get_task(session: Session, owner_id: str, dataset_id: str, job_id: str) -> Job:
    """One task of a dataset. Raises NotFound."""
    get_dataset(session, owner_id, dataset_id)
    job = queue.get_job(session, owner_id, job_id)
    if job.subject_id != dataset_id or job.kind not in (IMPORT, CROP_AND_TAG):
        raise NotFound("There is no such task of this dataset.", "It may have been deleted.")
    return job


def list_tasks(session: Session, owner_id: str, dataset_id: str, limit: int = 50) -> tuple[Job, ...]:
    """A dataset's tasks, newest first. Raises NotFound."""
    get_dataset(session, owner_id, dataset_id)
    jobs = queue.list_jobs(session, owner_id, subject_id=dataset_id, limit=limit)
    return tuple(job for job in jobs if job.kind in (IMPORT, CROP_AND_TAG))


def cancel_task(session: Session, owner_id: str, dataset_id: str, job_id: str, now: datetime) -> Job:
    """What was done stays done. Raises NotFound, JobOver."""
    get_task(session, owner_id, dataset_id, job_id)
    job = queue.ask(session, job_id, "cancel", now)
    if job.has_ended:  # it waited: no worker will tidy up
        store.delete_uploads(session, job_id)
        store.delete_task_pictures(session, job_id)
    return job


def _enqueue(
    session: Session,
    metering: Metering,
    account: Account,
    kind: str,
    subject_id: str,
    payload: dict[str, object],
    now: datetime,
) -> Job:
    priority = stamina.get_balance(session, metering, account, now).standing.plan.queue_priority
    return queue.enqueue(
        session, lane="task", kind=kind, owner_id=account.id, subject_id=subject_id, priority=priority, now=now,
        payload=payload,
    )  # fmt: skip


def _take_uploads(session: Session, owner_id: str, job_id: str, upload_ids: Sequence[str]) -> None:
    taken = [uploads.take(session, owner_id, one) for one in dict.fromkeys(upload_ids)]
    store.add_uploads(session, owner_id, job_id, [(one.name[-300:], one.sha256, one.size_bytes) for one in taken])
