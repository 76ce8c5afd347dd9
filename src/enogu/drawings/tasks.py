"""A request as a worker draws it: what is to be drawn yet, and what becomes of each picture.

Every function that takes a session writes in a transaction that has fenced the job first (``JobContext.keep``), so a
worker that lost the job writes nothing. Pictures go into the store of files first and are named by a row afterwards;
each row is a cell that is never drawn again, so a worker that takes over draws what is left. A request that is gone,
since its owner deleted the account, reads as lost.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from PIL import Image

from enogu.base_models import service as base_models
from enogu.drawings import store
from enogu.drawings.entities import Cell, Drawing, DrawingRequest, DrawnPicture, Failure, LoraUse
from enogu.errors import EnoguError, NotFound
from enogu.imaging.examining import thumbnail_webp
from enogu.imaging.infotext import save_png
from enogu.imaging.sheets import labelled_sheet
from enogu.queue import service as queue
from enogu.queue.entities import Job, LostJob
from enogu.settings import Settings
from enogu.storage.database import Engine, Session, reading, transaction, utc_now
from enogu.storage.files import Files
from enogu.whole_file import make_folder, write_whole

MOST_PICTURE_BYTES = 256 * 2**20
SHEET_CELL_SIDE = 512
MOST_CACHED_LORAS = 40
MOST_BATCH_PIXELS = 4 * 512 * 512
"""Pictures that share a prompt are drawn together up to here; a picture does not depend on its neighbours."""


@dataclass(frozen=True)
class Batch:
    """Cells that are drawn in one go: one prompt, one set of LoRAs, seeds that count up."""

    cells: tuple[Cell, ...]

    @property
    def first(self) -> Cell:
        """The one with the lowest seed."""
        return self.cells[0]


def begin(session: Session, job: Job, now: datetime) -> tuple[DrawingRequest, frozenset[int]] | None:
    """The request as it is drawn now, and the numbers of its cells that are drawn already; None when it is over."""
    request = store.lock_request(session, job.subject_id)
    if request is None or request.is_over or request.job_id != job.id:
        return None
    started_at = now if request.started_at is None else None
    changed = store.change_request(session, request.id, state="running", step=0, started_at=started_at)
    return changed or request, store.find_numbers(session, request.id)


def batches_of(request: DrawingRequest, drawn: frozenset[int]) -> Iterator[Batch]:
    """What is left to draw, in order."""
    most = max(1, MOST_BATCH_PIXELS // (request.shared.width * request.shared.height))
    waiting: list[Cell] = []
    for cell in request.cells:
        if cell.number in drawn:
            continue
        if waiting and not (len(waiting) < most and _follows(waiting[-1], cell)):
            yield Batch(tuple(waiting))
            waiting = []
        waiting.append(cell)
    if waiting:
        yield Batch(tuple(waiting))


def place_base_model(engine: Engine, files: Files, settings: Settings, request: DrawingRequest) -> Path:
    """The base model on this machine. Raises EnoguError when it is no longer there."""
    with reading(engine) as session:
        base = base_models.get_base_model(session, settings, request.owner_id, request.base_model_id)
    return base_models.place(files, settings, base)


def place_lora(files: Files, settings: Settings, lora: LoraUse) -> Path:
    """The LoRA on this machine, under its hash. Raises NotFound when it is kept no longer."""
    folder = settings.cache_folder / "loras"
    path = folder / f"{lora.sha256}.safetensors"
    if not path.is_file():
        make_folder(folder)
        try:
            chunks = files.get(lora.sha256)
        except NotFound as error:
            raise NotFound(
                f"The LoRA '{lora.name}' is no longer kept.", "Choose another one, or upload it again."
            ) from error
        write_whole(path, lambda aside: _copy(chunks, aside, lora))
        _forget_oldest(folder)
    with suppress(OSError):
        os.utime(path)
    return path


def keep_picture(files: Files, number: int, path: Path, parameters: str) -> DrawnPicture:
    """Put a picture and its thumbnail into the store of files."""
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        thumbnail = thumbnail_webp(image.convert("RGB"))
    put = files.put([data], MOST_PICTURE_BYTES)
    small = files.put([thumbnail], MOST_PICTURE_BYTES)
    return DrawnPicture(number, put.sha256, put.size_bytes, small.sha256, parameters)


def note_step(session: Session, request_id: str, step: int) -> None:
    """How far the picture is that is drawn just now."""
    if store.change_request(session, request_id, step=step) is None:
        raise LostJob


def store_pictures(session: Session, request_id: str, pictures: Sequence[DrawnPicture], now: datetime) -> None:
    """Rows of pictures; those that have one already are left as they are."""
    if store.lock_request(session, request_id) is None:
        raise LostJob
    for picture in pictures:
        store.add_drawing(session, request_id, picture, now)


def make_sheet(engine: Engine, files: Files, request: DrawingRequest) -> tuple[str, int] | None:
    """The labelled sheet of a comparison, in the store of files: sha256 and size. None of a request that is none."""
    if request.labels is None:
        return None
    with reading(engine) as session:
        drawings = {one.number: one for one in store.list_of_request(session, request.id)}
    rows: list[list[Image.Image | None]] = [[None] * len(request.labels.columns) for _ in request.labels.rows]
    for cell in request.cells:
        picture = _picture(files, drawings[cell.number])
        for row, column in cell.places:
            rows[row][column] = picture
    side = min(SHEET_CELL_SIDE, max(request.shared.width, request.shared.height))
    sheet = labelled_sheet(rows, request.labels.rows, request.labels.columns, request.labels.title, cell_long_side=side)
    with tempfile.TemporaryDirectory(prefix="enogu-sheet-") as folder:
        path = Path(folder) / "sheet.png"
        save_png(sheet, path, drawings[0].parameters)
        put = files.put([path.read_bytes()], MOST_PICTURE_BYTES)
    return put.sha256, put.size_bytes


def finish(session: Session, job: Job, sheet: tuple[str, int] | None, now: datetime) -> None:
    """Everything is drawn; the job ends with it."""
    _end(session, job, "done", now, sheet=sheet)
    queue.end(session, job.id, job.token, "done", now)


def cancel(session: Session, job: Job, now: datetime) -> None:
    """As somebody asked; what is drawn stays."""
    _end(session, job, "cancelled", now)
    queue.end(session, job.id, job.token, "cancelled", now)


def fail(session: Session, job: Job, failure: Failure, now: datetime) -> None:
    """It cannot be drawn, and why; what is drawn stays."""
    _end(session, job, "failed", now, failure=failure)
    queue.end(session, job.id, job.token, "failed", now, f"{failure.message} {failure.cure}".strip())


def failure_of(error: EnoguError) -> Failure:
    """An error's words."""
    return Failure(type(error).__name__, error.message, error.cure)


def park(engine: Engine, job: Job) -> None:
    """The job was given up. Told more than once, it changes nothing the second time."""
    failure = Failure(
        "Parked", f"The drawing was given up. {job.reason}".strip(), "Try a smaller size, or continue it."
    )
    with transaction(engine) as session:
        request = store.lock_request(session, job.subject_id)
        if request is not None and not request.is_over and request.job_id == job.id:
            store.change_request(session, request.id, state="failed", step=0, failure=failure, ended_at=utc_now())


def _end(
    session: Session,
    job: Job,
    state: store.RequestState,
    now: datetime,
    *,
    failure: Failure | None = None,
    sheet: tuple[str, int] | None = None,
) -> None:
    changed = store.change_request(
        session, job.subject_id, state=state, step=0, failure=failure, sheet=sheet, ended_at=now
    )
    if changed is None:
        raise LostJob


def _follows(before: Cell, after: Cell) -> bool:
    return (after.prompt, after.loras, after.seed) == (before.prompt, before.loras, before.seed + 1)


def _picture(files: Files, drawing: Drawing) -> Image.Image:
    with Image.open(io.BytesIO(b"".join(files.get(drawing.sha256)))) as image:
        return image.convert("RGB")


def _copy(chunks: Iterator[bytes], aside: Path, lora: LoraUse) -> None:
    """A store that gives other bytes than it was given is found out here, and not by the engine."""
    hashed = hashlib.sha256()
    with aside.open("wb") as file:
        for chunk in chunks:
            hashed.update(chunk)
            file.write(chunk)
    if hashed.hexdigest() != lora.sha256:
        raise EnoguError(f"The kept file of the LoRA '{lora.name}' is damaged.", "Upload it again.")


def _forget_oldest(folder: Path) -> None:
    """The cache holds what was used last."""
    with suppress(OSError):
        kept = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in kept[MOST_CACHED_LORAS:]:
            path.unlink(missing_ok=True)
