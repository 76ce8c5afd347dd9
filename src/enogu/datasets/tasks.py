"""What a worker does for datasets: import pictures, crop and tag them, check an uploaded tagger.

Each picture is one transaction that begins with the fence, so that a worker that is killed costs one picture and a
worker that lost its job writes nothing. What a crop-and-tag found is put by picture for picture and goes into the
captions at the end, as one change: one undo takes the whole task back, and edits that a person makes meanwhile are met
by the captions' rule of that moment (keep, append, overwrite).
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Literal, Protocol, TypeVar

from enogu.datasets import service, store
from enogu.datasets.entities import (
    CropSettings,
    Dataset,
    DatasetFull,
    ImportPlan,
    IncomingMask,
    Picture,
    RefusedFile,
    TaggerRefused,
    TagSettings,
    TaskPicture,
)
from enogu.datasets.incoming.reading import lone_captions, names_of_mask, plan_import
from enogu.datasets.incoming.sources import FolderSource, ImportSource, NamedFiles, ZipSource
from enogu.datasets.service.taggers import CSV_FILE, MODEL_FILE
from enogu.errors import NotFound, PictureRefused, WrongUse
from enogu.imaging.decoder import Decoder
from enogu.queue import service as queue
from enogu.queue.entities import Ask, Job
from enogu.settings import Settings
from enogu.storage.database import Engine, Session, reading, transaction, utc_now
from enogu.storage.files import Files
from enogu.tagging.caption_tags import CaptionRules, choose_tags, join_tags, merge_captions, spell_tag, split_tags
from enogu.tagging.checking import CheckedTagger, check_tagger
from enogu.tagging.entities import Tagger

Outcome = Literal["done", "cancelled", "stopped"]
"""``stopped``: the worker must go and the job goes back into the queue."""
MOST_REFUSED_SHOWN = 100
MOST_TAGGER_BYTES = 4 * 2**30

Kept = TypeVar("Kept")
OpenTagger = Callable[[str], Tagger]
"""Opens a tagger by its name."""


class Work(Protocol):
    """The part of a worker's JobContext that is needed here."""

    engine: Engine
    files: Files
    settings: Settings
    decoder: Decoder
    job: Job

    @property
    def is_stopping(self) -> bool:
        """Whether the worker is told to stop."""
        ...

    def asked(self) -> frozenset[Ask]:
        """What people want. Raises LostJob."""
        ...

    def tell(self, *, mark: int | None = None, progress: dict[str, Any] | None = None) -> None:
        """How far it is. Raises LostJob."""
        ...

    def keep(self, write: Callable[[Session], Kept]) -> Kept:
        """Write in a transaction that begins with the fence. Raises LostJob."""
        ...


@dataclass
class _Progress:
    """What a page shows of a task; the form of ``job.progress``."""

    total: int
    done: int = 0
    name: str = ""
    refused: list[dict[str, str]] = field(default_factory=list)
    num_refused: int = 0
    num_new: int = 0

    def refuse(self, refusal: RefusedFile, picture_id: str = "") -> None:
        self.num_refused += 1
        if len(self.refused) < MOST_REFUSED_SHOWN:
            self.refused.append(
                {"picture_id": picture_id, "name": refusal.name, "message": refusal.message, "cure": refusal.cure}
            )

    def shown(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "done": self.done,
            "name": self.name,
            "refused": list(self.refused),
            "num_refused": self.num_refused,
            "num_new": self.num_new,
        }


# ---- crop and tag ----------------------------------------------------------------------------------------------------


def crop_and_tag(work: Work, open_tagger: OpenTagger) -> Outcome:
    """Every picture that this job has not done yet (D5 to D9). Raises NotFound when the dataset is gone, LostJob."""
    job = work.job
    crop = CropSettings(**job.payload["crop"])
    tag = _tag_settings(job.payload["tag"])
    parts: str = job.payload["parts"]
    with reading(work.engine) as session:
        pictures = _wanted(session, job)
        done = {one.picture_id: one for one in store.list_task_pictures(session, job.id)}
    progress = _Progress(len(pictures))
    names = {one.id: one.name for one in pictures}
    for one in done.values():
        progress.done += one.picture_id in names
        if one.reason and one.picture_id in names:
            progress.refuse(RefusedFile(names[one.picture_id], one.reason, ""), one.picture_id)
    tagger = open_tagger(tag.tagger) if parts != "crop" and len(done) < len(pictures) else None
    outcome: Outcome = "done"
    for picture in pictures:
        if picture.id in done:
            continue
        if "cancel" in work.asked():
            outcome = "cancelled"
            break
        if work.is_stopping:
            return "stopped"
        progress.name = picture.name
        work.tell(mark=progress.done, progress=progress.shown())
        reason = _do_one(work, picture, crop, tag, parts, tagger)
        progress.done += 1
        if reason:
            progress.refuse(RefusedFile(picture.name, reason, ""), picture.id)
        work.tell(mark=progress.done, progress=progress.shown())

    def finish(session: Session) -> None:
        _write_captions(session, job, tag)
        store.delete_task_pictures(session, job.id)
        queue.beat(session, job.id, job.token, utc_now(), mark=progress.done, progress=progress.shown())
        queue.end(session, job.id, job.token, "cancelled" if outcome == "cancelled" else "done", utc_now())

    progress.name = ""
    work.keep(finish)
    return outcome


def forget_crop_and_tag(engine: Engine, job: Job) -> None:
    """For a job that failed or was parked: what it has found goes into the captions, and its rows are removed."""
    with transaction(engine) as session:
        tag = job.payload.get("tag")
        if isinstance(tag, dict):
            with suppress(NotFound):  # the dataset may be gone, and its captions with it
                _write_captions(session, job, _tag_settings(tag))
        store.delete_task_pictures(session, job.id)


def _do_one(
    work: Work, picture: Picture, crop: CropSettings, tag: TagSettings, parts: str, tagger: Tagger | None
) -> str:
    """Crop and tag one picture and keep what came of it; why it could not be done, or empty."""
    cut: service.CutPicture | None = None
    tagged: str | None = None
    reason = ""
    try:
        if parts != "tag":
            cut = service.cut_picture(work.files, work.decoder, picture, crop)
        if tagger is not None and not (tag.existing == "keep" and picture.has_caption):
            image = (
                cut.image
                if cut is not None
                else service.read_trained(work.files, work.decoder, picture, crop.background)
            )
            tagged = tags_as_caption(tagger, image, tag)
    except (PictureRefused, WrongUse, NotFound) as refusal:
        reason = str(refusal)

    def write(session: Session) -> None:
        if store.find_picture(session, picture.dataset_id, picture.id) is None:
            return  # removed meanwhile
        if cut is not None and not reason:
            service.set_crop(
                session, work.job.owner_id, picture.dataset_id, picture.id,
                cut.crop, cut.sha256, cut.thumbnail_sha256, utc_now(),
            )  # fmt: skip
        store.add_task_picture(session, work.job.id, TaskPicture(picture.id, tagged, reason))

    work.keep(write)
    return reason


def tags_as_caption(tagger: Tagger, image: Any, tag: TagSettings) -> str:
    """The tags of one picture above the threshold, the surest first, without a trigger."""
    rules = CaptionRules(
        general_threshold=tagger.recommended_threshold if tag.threshold is None else tag.threshold,
        with_underscores=tag.with_underscores,
        undesired_tags=frozenset(tag.undesired_tags),
    )
    chosen = choose_tags(tagger.tag([image])[0], rules)[: tag.most_tags]
    return join_tags(spell_tag(one.name, rules) for one in chosen)


def _tag_settings(values: dict[str, Any]) -> TagSettings:
    return TagSettings(**{**values, "undesired_tags": tuple(values["undesired_tags"])})


def _wanted(session: Session, job: Job) -> tuple[Picture, ...]:
    pictures = service.list_pictures(session, job.owner_id, job.subject_id)
    ids = job.payload.get("picture_ids")
    return pictures if ids is None else tuple(one for one in pictures if one.id in set(ids))


def _write_captions(session: Session, job: Job, tag: TagSettings) -> None:
    """What was tagged goes into the captions, as one change. Raises NotFound."""
    tagged = {one.picture_id: one.tagged for one in store.list_task_pictures(session, job.id) if one.tagged is not None}
    if not tagged:
        return
    trigger = service.get_dataset(session, job.owner_id, job.subject_id).trigger
    now_there = store.read_captions(session, job.subject_id)
    spared = {one.id for one in store.list_pictures(session, job.subject_id) if one.is_regularisation}
    changes = {
        one: _met(
            now_there[one].text if now_there[one].has_caption else "", text, "" if one in spared else trigger, tag
        )
        for one, text in tagged.items()
        if one in now_there
    }
    count, tagger = len(changes), tag.tagger
    words = f"tagged 1 picture with {tagger}" if count == 1 else f"tagged {count} pictures with {tagger}"
    service.change_captions(session, job.owner_id, job.subject_id, changes, words=words, now=utc_now())


def _met(existing: str, tagged: str, trigger: str, tag: TagSettings) -> str:
    """The caption that comes of an existing one and new tags."""
    if existing and tag.existing == "keep":
        return existing
    if existing and tag.existing == "append":
        return merge_captions(existing, tagged, trigger=trigger)
    return join_tags([trigger, *split_tags(tagged)])


# ---- import ----------------------------------------------------------------------------------------------------------


def import_uploads(work: Work) -> Outcome:
    """Every picture of the uploads that this job was given (D1, D2). Raises NotFound when the dataset is gone."""
    job = work.job
    with reading(work.engine) as session:
        uploads = store.list_uploads(session, job.id)
        dataset = service.get_dataset(session, job.owner_id, job.subject_id)
    with ExitStack() as open_files:
        given = [
            (one.name, open_files.enter_context(open_files.enter_context(work.files.local(one.sha256)).open("rb")))
            for one in uploads
        ]
        sources, refused = sources_of(given)
        outcome = _import_all(work, dataset, sources, refused)
    return outcome


def forget_import(engine: Engine, job: Job) -> None:
    """For a job that failed or was parked: its uploads need not be kept any longer; what came in stays."""
    with transaction(engine) as session:
        store.delete_uploads(session, job.id)


def sources_of(given: Sequence[tuple[str, IO[bytes]]]) -> tuple[list[ImportSource], list[RefusedFile]]:
    """Open files by name as sources: each zip (by its content) one, all others together one."""
    sources: list[ImportSource] = []
    refused: list[RefusedFile] = []
    single: dict[str, bytes | IO[bytes]] = {}
    for name, file in given:
        start = file.read(4)
        file.seek(0)
        is_zip = start in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08") or name.lower().endswith(".zip")
        if not is_zip:
            single[name if name not in single else f"{len(single)}/{name}"] = file
            continue
        try:
            sources.append(ZipSource(file, name))
        except WrongUse as refusal:
            refused.append(RefusedFile(name, refusal.message, refusal.cure))
    if single:
        sources.append(NamedFiles(single))
    return sources, refused


def import_folder(
    engine: Engine, files: Files, decoder: Decoder, owner_id: str, dataset_id: str, folder: Path
) -> service.ImportReport:
    """Copy a folder of this machine into a dataset; its files are only read. For the command line and the owner of a
    studio on loopback: a path must never come over the network. Raises NotFound, WrongUse for the folder.
    """
    return import_sources(engine, files, decoder, owner_id, dataset_id, [FolderSource(folder)], [])


def import_sources(
    engine: Engine,
    files: Files,
    decoder: Decoder,
    owner_id: str,
    dataset_id: str,
    sources: Sequence[ImportSource],
    refused: Sequence[RefusedFile],
) -> service.ImportReport:
    """All of them at once, with transactions of its own. Raises NotFound."""
    report = service.ImportReport(refused=list(refused))
    with reading(engine) as session:
        background = service.get_dataset(session, owner_id, dataset_id).crop.background
    for source in sources:
        plan = plan_import(source)
        report.refused += [service.refused_file(one) for one in plan.refused]
        report.notes += plan.notes
        for one in service.examined_pictures(files, decoder, source, plan, background):
            if isinstance(one, RefusedFile):
                report.refused.append(one)
                continue
            try:
                with transaction(engine) as session:
                    report.added.append(service.take_picture(session, owner_id, dataset_id, one, utc_now()))
            except DatasetFull as error:
                report.refused.append(RefusedFile(one.name, error.message, error.cure))
        with transaction(engine) as session:
            report.num_captions += _finish_source(session, owner_id, dataset_id, source, plan)

        def keep(write: Callable[[Session], Picture]) -> Picture:
            with transaction(engine) as session:
                return write(session)

        for done in _lone_masks(engine, files, decoder, owner_id, dataset_id, source, plan, keep):
            if done is None:
                report.num_masks += 1
            else:
                report.refused.append(done)
    return report


def _import_all(
    work: Work, dataset: Dataset, sources: Sequence[ImportSource], refused: Sequence[RefusedFile]
) -> Outcome:
    job = work.job
    plans = [plan_import(source) for source in sources]
    progress = _Progress(sum(len(plan.pictures) for plan in plans))
    before = job.progress.get("done", 0)
    progress.num_new = job.progress.get("num_new", 0)
    for one in (*refused, *(service.refused_file(one) for plan in plans for one in plan.refused)):
        progress.refuse(one)
    for source, plan in zip(sources, plans, strict=True):
        skipped = min(before - progress.done, len(plan.pictures)) if progress.done < before else 0
        progress.done += skipped
        examined = service.examined_pictures(
            work.files, work.decoder, source, plan, dataset.crop.background, start=skipped
        )
        for one in examined:
            if "cancel" in work.asked():
                _end_import(work, progress, "cancelled")
                return "cancelled"
            if work.is_stopping:
                return "stopped"
            progress.name = one.name
            if isinstance(one, RefusedFile):
                progress.refuse(one)
            else:
                try:
                    added = work.keep(
                        lambda session, one=one: service.take_picture(session, job.owner_id, dataset.id, one, utc_now())
                    )
                    progress.num_new += added.is_new
                except DatasetFull as error:
                    progress.refuse(RefusedFile(one.name, error.message, error.cure))
            progress.done += 1
            work.tell(mark=progress.done, progress=progress.shown())
        work.keep(
            lambda session, source=source, plan=plan: _finish_source(session, job.owner_id, dataset.id, source, plan)
        )
        for done in _lone_masks(
            work.engine, work.files, work.decoder, job.owner_id, dataset.id, source, plan, work.keep
        ):
            if done is not None:
                progress.refuse(done)
    _end_import(work, progress, "done")
    return "done"


def _end_import(work: Work, progress: _Progress, state: Literal["done", "cancelled"]) -> None:
    progress.name = ""

    def write(session: Session) -> None:
        store.delete_uploads(session, work.job.id)
        queue.beat(session, work.job.id, work.job.token, utc_now(), mark=progress.done, progress=progress.shown())
        queue.end(session, work.job.id, work.job.token, state, utc_now())

    work.keep(write)


def _finish_source(session: Session, owner_id: str, dataset_id: str, source: ImportSource, plan: ImportPlan) -> int:
    """Captions without a picture in the upload go to pictures that were there; the trigger of a Kohya folder."""
    service.take_trigger(session, owner_id, dataset_id, plan.trigger_hint, utc_now())
    return service.attach_captions(session, owner_id, dataset_id, list(lone_captions(source, plan)), utc_now())


def _lone_masks(
    engine: Engine,
    files: Files,
    decoder: Decoder,
    owner_id: str,
    dataset_id: str,
    source: ImportSource,
    plan: ImportPlan,
    keep: Callable[[Callable[[Session], Picture]], Picture],
) -> Iterator[RefusedFile | None]:
    """Masks without a picture in the upload go to pictures that were there; None for each that did, else why not."""
    for file in plan.lone_masks:
        with reading(engine) as session:
            named = (service.find_by_stem(session, dataset_id, name) for name in names_of_mask(file))
            found = next((one for one in named if one is not None), None)
            picture = None if found is None else service.get_picture(session, owner_id, dataset_id, found)
        if picture is None:
            yield RefusedFile(
                file.name, f"{file.name} is in a folder of masks, and no picture here has its name.",
                "Name a mask as its picture: hat.png for hat.jpg. If it is a picture, rename its folder.",
            )  # fmt: skip
            continue
        try:
            sha256 = service.keep_mask(
                files, decoder, IncomingMask(file.name, source.read(file)),
                picture_name=picture.name, width=picture.width, height=picture.height,
            )  # fmt: skip
        except PictureRefused as refusal:
            yield service.refused_file(refusal, file.name)
            continue
        keep(
            lambda session, picture=picture, sha256=sha256: service.set_mask(
                session, owner_id, dataset_id, picture.id, sha256, utc_now()
            )
        )
        yield None


# ---- taggers ---------------------------------------------------------------------------------------------------------


def check_uploaded_tagger(work: Work, check: Callable[[Path], CheckedTagger] = check_tagger) -> None:
    """Try out the tagger that this job is about; what came of it is in its row. Never fails for a bad tagger."""
    job = work.job
    with reading(work.engine) as session:
        uploads = store.list_uploads(session, job.id)
    work.settings.incoming_folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=work.settings.incoming_folder, prefix="tagger-") as name:
        folder = Path(name)
        values: dict[str, Any]
        try:
            for one in uploads:
                with work.files.local(one.sha256) as kept:
                    _lay_out(kept, one.name, folder)
            found = check(folder)
            model = work.files.put(_pieces(folder / MODEL_FILE), MOST_TAGGER_BYTES)
            labels = work.files.put(_pieces(folder / CSV_FILE), MOST_TAGGER_BYTES)
            values = {
                "state": "ready", "reason": "", "recommended_threshold": found.recommended_threshold,
                "num_tags": found.num_tags, "model_sha256": model.sha256, "csv_sha256": labels.sha256,
            }  # fmt: skip
        except (WrongUse, NotFound) as refusal:
            values = {
                "state": "refused",
                "reason": str(refusal).replace(f"{folder}/", "").replace(str(folder), "The tagger"),
            }

    def write(session: Session) -> None:
        store.change_tagger(session, job.owner_id, job.subject_id, **values)
        store.delete_uploads(session, job.id)
        queue.end(session, job.id, job.token, "done", utc_now())

    work.keep(write)


def refuse_tagger(engine: Engine, job: Job, reason: str) -> None:
    """For a check that failed or was parked."""
    with transaction(engine) as session:
        store.change_tagger(session, job.owner_id, job.subject_id, state="refused", reason=reason)
        store.delete_uploads(session, job.id)


def _lay_out(kept: Path, name: str, folder: Path) -> None:
    """The files of a tagger among an upload, under the names they must have. Raises TaggerRefused."""
    wanted = {MODEL_FILE, CSV_FILE, "tagger.json"}
    if zipfile.is_zipfile(kept):
        with zipfile.ZipFile(kept) as archive:
            for entry in archive.infolist():
                last = entry.filename.replace("\\", "/").rpartition("/")[2]
                if last in wanted and not (folder / last).exists() and not entry.flag_bits & 1:
                    _write(folder / last, _unpacked(archive, entry))
        return
    last = name.replace("\\", "/").rpartition("/")[2].lower()
    by_suffix = {".onnx": MODEL_FILE, ".csv": CSV_FILE, ".json": "tagger.json"}
    target = by_suffix.get(Path(last).suffix)
    if target is None:
        raise TaggerRefused(f"{last[:80]} is no part of a tagger.", "Send model.onnx and selected_tags.csv, or a zip.")
    _write(folder / target, _pieces(kept))


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(entry) as content:
            while piece := content.read(2**20):
                yield piece
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise TaggerRefused("The zip is damaged.", "Pack it again.") from error


def _write(target: Path, pieces: Iterator[bytes]) -> None:
    size = 0
    with target.open("wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > MOST_TAGGER_BYTES:
                raise TaggerRefused("The tagger is larger than 4 GiB.", "Take a smaller one.")
            file.write(piece)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(2**20):
            yield piece
