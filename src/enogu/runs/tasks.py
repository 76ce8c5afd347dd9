"""A run as a worker does it: what is put in place for the engine, and what becomes of everything it says.

The engine's files lie in a work folder of this machine; what counts lies in the store of files and in the rows. A file
is kept first and named by a row afterwards, and things are kept in the order in which the engine said them, so the
state that a row names never knows of a file that is not kept. Each writing transaction begins with the job's fence.
Everything here may be repeated: a worker that takes over does what is left.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from enogu.base_models import service as base_models
from enogu.errors import EnoguError, NotFound, StorageFailed, WrongUse
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.recipe import TrainRecipe, recipe_from_values
from enogu.recipe.memory_cures import MemoryWish, after_running_out
from enogu.runs import store
from enogu.runs.entities import Epoch, Failure, FrozenPicture, Run, Speed
from enogu.runs.rules.noting import failure_of
from enogu.runs.rules.placing import file_name, sizes_of
from enogu.runs.rules.states import Move, can
from enogu.runs.service import working
from enogu.runs.service.ending import move_run
from enogu.runs.service.outlooks import place_of
from enogu.runs.service.planning import figures_of
from enogu.settings import Settings
from enogu.storage.database import Engine, Session, new_id, reading, transaction, utc_now
from enogu.storage.files import CHUNK_BYTES, Files
from enogu.whole_file import make_folder, storage_failed, write_whole

MOST_FILE_BYTES = 64 * 2**30
"""Of one LoRA file or state; larger ones do not exist, and a file has to have a limit."""
OUT_OF_MEMORY = "OutOfMemory"
_TRIES_OF_A_STATE = 2
_NOT_TOLD_AGAIN = frozenset({"Finished", "Failed", "Stopped"})

_ENDS: dict[Move, Any] = {"finish": "done", "fail": "failed", "cancel": "cancelled", "pause": "cancelled"}


class CameDamaged(StorageFailed):
    """A file of the store has other bytes than those that were put."""


@dataclass(frozen=True)
class OnWorker:
    """A job that this worker has, and what it needs for it."""

    engine: Engine
    files: Files
    settings: Settings
    job: Job
    hold: Callable[[Session], object]
    """The fence, as the first statement of a transaction. Raises LostJob."""

    @property
    def run_id(self) -> str:
        """The run that the job is for."""
        return self.job.subject_id

    @property
    def folder(self) -> Path:
        """What is on this machine for the run; may be deleted whenever nobody trains it."""
        return self.settings.home / "work" / self.run_id


@dataclass(frozen=True)
class PlacedPicture:
    """A picture on this machine."""

    path: Path
    picture: FrozenPicture
    mask: Path | None = None


@dataclass(frozen=True)
class PreparedRun:
    """Everything that the engine needs, in place."""

    run: Run
    recipe: TrainRecipe
    pictures: tuple[PlacedPicture, ...]
    base_model: Path
    base_model_name: str
    out: Path
    cache: Path
    resume: bool
    """Whether there is a state to go on from."""
    start_from: Path | None = None
    """The LoRA that is trained further, unless there is a state already."""


# ---- before the engine -----------------------------------------------------------------------------------------------


def begin_run(worker: OnWorker) -> Run | None:
    """Say that this worker has it; None when there is nothing to do, and then the job is ended. Raises LostJob."""
    now = utc_now()
    with transaction(worker.engine) as session:
        worker.hold(session)
        run = working.begin(session, worker.run_id, worker.job.id, now)
        if run is None:
            queue.end(session, worker.job.id, worker.job.token, "cancelled", now, "There is nothing to train any more.")
        return run


def prepare_run(worker: OnWorker, run: Run) -> PreparedRun:
    """Bring pictures, base model and the last state into the work folder; what is there and whole is used again.

    Raises EnoguError in words: a picture is no longer kept, the base model is gone or another one, the disk is full.
    """
    recipe = recipe_from_values(run.recipe)
    with reading(worker.engine) as session:
        frozen = store.read_pictures(session, run.id)
        base = base_models.get_base_model(session, worker.settings, run.owner_id, run.base_model.id)
    if run.base_model.hash and base.hash and base.hash != run.base_model.hash:
        raise EnoguError(
            f"The base model '{base.name}' is another one than when the run was started.",
            "Put the former file back, or start the recipe again as a new run.",
        )
    out = worker.folder / "out"
    make_folder(out)
    placed: list[PlacedPicture] = []
    for number, picture in enumerate(frozen, 1):
        path = worker.folder / "pictures" / file_name(number, picture)
        try:
            _place(worker.files, picture.sha256, path)
        except NotFound as error:
            raise EnoguError(
                f"The picture {picture.name} is no longer kept.", "Upload it again and start a new run."
            ) from error
        mask = None
        if picture.mask_sha256 is not None and recipe.pictures.masked_loss:
            mask = worker.folder / "masks" / f"{number:06d}"
            try:
                _place(worker.files, picture.mask_sha256, mask)
            except NotFound as error:
                raise EnoguError(
                    f"The mask of {picture.name} is no longer kept.", "Upload it again and start a new run."
                ) from error
        placed.append(PlacedPicture(path, picture, mask))
    state = _place_state(worker, run, state_path(out, recipe))
    return PreparedRun(
        run=run,
        recipe=recipe,
        pictures=tuple(placed),
        base_model=base_models.place(worker.files, worker.settings, base),
        base_model_name=run.base_model.name,
        out=out,
        cache=worker.settings.cache_folder,
        resume=state,
        start_from=None if state else _place_start(worker, run),
    )


def _place_start(worker: OnWorker, run: Run) -> Path | None:
    """The LoRA to start from, on this machine. It is kept as long as the run, whatever became of where it was."""
    if run.start_sha256 is None:
        return None
    path = worker.folder / "start" / "start.safetensors"
    _place(worker.files, run.start_sha256, path)
    return path


def state_path(out: Path, recipe: TrainRecipe) -> Path:
    """Where the engine keeps and looks for the state of a run."""
    return out / f"{recipe.output_name}-state" / "state.safetensors"


def set_aside(worker: OnWorker, event: Mapping[str, Any]) -> dict[str, Any]:
    """``event`` with a state's file under a name of its own, as the engine writes the next one over it.

    Of one step there may be two: "save now" or a pause at a step that keeps a state anyway.
    """
    if event.get("event") != "Checkpointed":
        return dict(event)
    aside = worker.folder / "states" / f"{int(event['step']):08d}-{new_id()}.safetensors"
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            aside.hardlink_to(event["path"])
        except OSError:  # a disk without hard links
            shutil.copyfile(event["path"], aside)
    except OSError as error:
        raise storage_failed(aside, error) from error
    return {**event, "path": str(aside)}


# ---- while it trains -------------------------------------------------------------------------------------------------


def note_events(worker: OnWorker, run: Run, events: Sequence[Mapping[str, Any]]) -> int:
    """Keep what the engine said, in order: files first, then everything in one transaction. The last step that is safe
    now, 0 when none of these made one safe.

    Raises StorageFailed or DatabaseFailed, and may then be repeated; LostJob.
    """
    kept = [_keep_files(worker, run, event) for event in _merged(events)]
    now = utc_now()
    unneeded: list[str] = []
    with transaction(worker.engine) as session:
        worker.hold(session)
        for event in kept:
            held = working.get_held(session, run.id)
            if held is not None and event is not None:
                unneeded += _note(session, held, event, now)
    _forget(worker, unneeded)
    for event in kept:
        if event is not None and event["event"] == "Checkpointed":
            Path(event["path"]).unlink(missing_ok=True)
    safe = [int(event["step"]) for event in kept if event is not None and event["event"] in ("Saved", "Checkpointed")]
    return max(safe, default=0)


# ---- how it ends -----------------------------------------------------------------------------------------------------


def finish(worker: OnWorker, speed: Speed | None = None) -> None:
    """Every file is kept: the quote is the bill."""
    _end(worker, "finish", speed=speed)


def fail(worker: OnWorker, failure: Failure) -> None:
    """It stopped for a reason, in words; it costs nothing."""
    if failure.kind == OUT_OF_MEMORY:
        failure = _with_room(worker, failure)
    _end(worker, "fail", failure=failure)


def stop(worker: OnWorker, move: Move) -> None:
    """It was cancelled (what is delivered is paid) or paused (nothing is settled)."""
    _end(worker, move)


def give_back(worker: OnWorker) -> None:
    """The worker has to stop: the run waits for another one, or for this one again. The job is its caller's."""
    _end(worker, "give_back")


def park(engine: Engine, job: Job) -> None:
    """Its workers died again and again without progress: it is given up and costs nothing. May be repeated."""
    with transaction(engine) as session:
        run = working.get_held(session, job.subject_id)
        if run is not None and run.job_id == job.id and can("park", run.state):
            failure = Failure(
                "WorkersDied",
                "The run was given up: the program that trained it ended again and again at the same place.",
                "Look into the worker's log. Lower pictures.resolution or training.batch_size if memory ran out, "
                "then retry.",
            )
            move_run(session, run, "park", utc_now(), failure=failure)


def _with_room(worker: OnWorker, failure: Failure) -> Failure:
    """With the changes to try it again with, counted for this run on this device; as it was where that is not known."""
    with reading(worker.engine) as session:
        run = store.find_run(session, worker.run_id)
        if run is None:
            return failure
        trainer = queue.find_worker(session, worker.job.worker_id or "")
        try:
            base = base_models.get_base_model(session, worker.settings, run.owner_id, run.base_model.id)
            recipe = recipe_from_values(run.given)
        except (NotFound, WrongUse):
            return failure
        pictures = sizes_of(store.read_pictures(session, run.id))
    figures = figures_of(base.id, base.family)
    asked = MemoryWish(recipe, pictures, base.family, figures, base.size_bytes, place_of(trainer))
    cure = after_running_out(asked, None if trainer is None else trainer.memory_bytes)
    if cure is None:
        return failure
    path, value = next(iter(cure.changes.items()))
    return replace(failure, path=path, value=value, changes=cure.changes)


def failure_from(run: Run, error: EnoguError) -> Failure:
    """An error of ours as the reason of a run's end."""
    return failure_of(type(error).__name__, error.message, error.cure, recipe_from_values(run.recipe))


def failure_said(run: Run, event: Mapping[str, Any]) -> Failure:
    """What the engine's Failed event says."""
    return failure_of(
        str(event.get("kind", "TrainingFailed")),
        str(event.get("message", "The training failed.")),
        str(event.get("cure", "")),
        recipe_from_values(run.recipe),
        str(event.get("field") or ""),
        event.get("suggested"),
    )


def _end(worker: OnWorker, move: Move, *, failure: Failure | None = None, speed: Speed | None = None) -> None:
    now = utc_now()
    unneeded: list[str] = []
    with transaction(worker.engine) as session:
        worker.hold(session)
        run = working.get_held(session, worker.run_id)
        if run is not None and can(move, run.state):
            unneeded = working.end(session, run, move, now, failure=failure, speed=speed)
        if move in _ENDS:
            reason = "" if failure is None else failure.message
            reason = "paused" if move == "pause" else reason
            queue.end(session, worker.job.id, worker.job.token, _ENDS[move], now, reason)
    _forget(worker, unneeded)
    if move in ("finish", "fail", "cancel"):
        shutil.rmtree(worker.folder, ignore_errors=True)


# ---- events ----------------------------------------------------------------------------------------------------------


def _merged(events: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Steps that follow each other as one event, with all losses and the last of everything else."""
    pending: dict[str, Any] | None = None
    for event in events:
        if event["event"] == "Stepped":
            losses = [*(pending["losses"] if pending else ()), *event["losses"]]
            pending = {**event, "losses": losses}
            continue
        if pending is not None:
            yield pending
            pending = None
        yield event
    if pending is not None:
        yield pending


def _keep_files(worker: OnWorker, run: Run, event: Mapping[str, Any]) -> dict[str, Any] | None:
    """The event with the ``sha256`` of its file in the store; None when there is nothing to note."""
    kind = event["event"]
    if kind in _NOT_TOLD_AGAIN:
        return None
    if kind == "Saved":
        path = Path(event["path"])
        with reading(worker.engine) as session:
            if working.is_file_kept(session, run.id, path.name, int(event["step"])):
                return {**event, "event": "Saved", "sha256": None}
        put = worker.files.put(_chunks(path), MOST_FILE_BYTES)
        return {**event, "sha256": put.sha256, "size_bytes": put.size_bytes}
    if kind == "Sampled":
        return {**event, "sha256": worker.files.put(_chunks(Path(event["path"])), MOST_FILE_BYTES).sha256}
    if kind == "Checkpointed":
        path = Path(event["path"])
        if _step_of_state(path) not in (None, int(event["step"])):
            return None  # the engine was quicker and wrote the next one; that one is told, too
        return {**event, "sha256": worker.files.put(_chunks(path), MOST_FILE_BYTES).sha256}
    return dict(event)


def _note(session: Session, run: Run, event: Mapping[str, Any], now: Any) -> list[str]:
    match event["event"]:
        case "Started":
            working.note_started(session, run, event, now)
        case "Stepped":
            working.note_steps(session, run, event, now)
        case "SparedMemory":
            working.note_spared_memory(session, run, event, now)
        case "WentBack":
            working.note_went_back(session, run, event, now)
        case "Saved":
            if event["sha256"] is not None:
                working.keep_file(session, _epoch_of(run, event, now), now)
        case "Sampled":
            working.keep_sample(session, run, event, event["sha256"], now)
        case "Checkpointed":
            return working.keep_state(session, run, event["sha256"], int(event["step"]), now)
        case _:
            working.tell(session, run.id, event, now)
    return []


def _epoch_of(run: Run, event: Mapping[str, Any], now: Any) -> Epoch:
    step, name = int(event["step"]), Path(event["path"]).name
    return Epoch(
        run_id=run.id,
        epoch=int(event["epoch"]),
        step=step,
        filename=name,
        sha256=event["sha256"],
        size_bytes=event["size_bytes"],
        is_extra=name == f"{run.recipe['output_name']}-step{step:08d}.safetensors",
        saved_at=now,
    )


# ---- files -----------------------------------------------------------------------------------------------------------


def _place(files: Files, sha256: str, path: Path) -> None:
    """The file of this content at ``path``; nothing is done when it is there. Raises NotFound, StorageFailed."""
    if path.is_file() and _sha256(path) == sha256:
        return
    chunks = files.get(sha256)
    write_whole(path, lambda aside: _write(aside, chunks))
    if _sha256(path) != sha256:
        path.unlink(missing_ok=True)
        raise CameDamaged(f"The file {sha256[:8]} came damaged out of the store of files.", "Try again.")


def _place_state(worker: OnWorker, run: Run, path: Path) -> bool:
    """The newest state that the row names and that is whole, in place of whatever this machine has: a later one may
    know of files that were never kept. False when there is none: the run begins anew and ends the same.
    """
    shutil.rmtree(worker.folder / "states", ignore_errors=True)
    path.with_name("older.safetensors").unlink(missing_ok=True)
    named = [one for one in (run.checkpoint_sha256, run.older_checkpoint_sha256) if one is not None]
    placed = next((sha256 for sha256 in named if _is_placed(worker.files, sha256, path)), None)
    if placed is None:
        path.unlink(missing_ok=True)
    if named and placed != named[0]:
        _go_back(worker, named, placed, run)
    return placed is not None


def _is_placed(files: Files, sha256: str, path: Path) -> bool:
    """Whether the file could be had and is what it was. One that was swept or damaged is not."""
    for _ in range(_TRIES_OF_A_STATE):  # it may have been the line
        try:
            _place(files, sha256, path)
        except NotFound:
            return False
        except CameDamaged:
            continue
        return True
    return False


def _go_back(worker: OnWorker, named: Sequence[str], placed: str | None, run: Run) -> None:
    """The row names what there is, people hear of it, and the store lets go of what is damaged: the same state is made
    again, and would else be taken for there.
    """
    now = utc_now()
    with transaction(worker.engine) as session:
        worker.hold(session)
        held = working.get_held(session, run.id)
        if held is not None:
            working.go_back(session, held, placed)
            step = held.older_checkpoint_step if placed else 0
            working.note_went_back(session, held, {"event": "WentBack", "step": step}, now)
    _forget(worker, [sha256 for sha256 in named if sha256 != placed])


def _step_of_state(path: Path) -> int | None:
    """The step that a state's header names; None when it names none."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), 100 * 2**20)))
        return int(header["__metadata__"]["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise StorageFailed(
            f"{path} cannot be read: {error.strerror or error}.", "Look at the worker's disk."
        ) from error


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forget(worker: OnWorker, sha256s: Sequence[str]) -> None:
    """A store that refuses is no reason to end a training: what nothing names is swept later."""
    for sha256 in sha256s:
        try:
            worker.files.delete(sha256)
        except EnoguError:
            continue
