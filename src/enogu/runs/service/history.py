"""What runs there are and what each has left: rows only, nothing is changed."""

from __future__ import annotations

from collections.abc import Collection

from enogu.errors import NotFound
from enogu.runs import store
from enogu.runs.entities import Epoch, FrozenPicture, Run, RunEvent, RunState, Sample
from enogu.storage.database import Session

MOST_LISTED = 200


def get_run(session: Session, owner_id: str, run_id: str) -> Run:
    """Raises NotFound."""
    run = store.find_run(session, run_id)
    if run is None or run.owner_id != owner_id:
        raise no_run(run_id)
    return run


def list_runs(
    session: Session,
    owner_id: str,
    *,
    states: Collection[RunState] = (),
    dataset_id: str | None = None,
    text: str = "",
    before: str | None = None,
    limit: int = 50,
) -> tuple[Run, ...]:
    """Newest first; the next page is ``before`` the id of this one's last. ``text`` is looked for in names (H1)."""
    return store.list_runs(
        session, owner_id, states=states, dataset_id=dataset_id, text=text, before=before,
        limit=max(1, min(limit, MOST_LISTED)),
    )  # fmt: skip


def list_pictures(session: Session, owner_id: str, run_id: str) -> tuple[FrozenPicture, ...]:
    """The pictures as they are trained, in their order. Raises NotFound."""
    return store.read_pictures(session, get_run(session, owner_id, run_id).id)


def list_epochs(session: Session, owner_id: str, run_id: str) -> tuple[Epoch, ...]:
    """The LoRA files that are there, by step. Raises NotFound."""
    return store.list_epochs(session, get_run(session, owner_id, run_id).id)


def find_epoch(session: Session, owner_id: str, run_id: str, epoch: int) -> Epoch | None:
    """The file of a planned epoch; None when it is not there (yet). Raises NotFound for the run."""
    return next(
        (one for one in list_epochs(session, owner_id, run_id) if one.epoch == epoch and not one.is_extra), None
    )


def get_epoch(session: Session, owner_id: str, run_id: str, epoch: int) -> Epoch:
    """As find_epoch. Raises NotFound with the epochs there are."""
    found = find_epoch(session, owner_id, run_id, epoch)
    if found is None:
        there = ", ".join(str(one.epoch) for one in list_epochs(session, owner_id, run_id) if not one.is_extra)
        raise NotFound(f"There is no file of epoch {epoch}.", f"There are: {there}." if there else "None is saved yet.")
    return found


def get_file(session: Session, owner_id: str, run_id: str, filename: str) -> Epoch:
    """The file of this name, extra ones too. Raises NotFound."""
    for one in list_epochs(session, owner_id, run_id):
        if one.filename == filename:
            return one
    raise NotFound(f"This run has left no file {filename[:200]}.", "Choose one of its list.")


def list_samples(session: Session, owner_id: str, run_id: str) -> tuple[Sample, ...]:
    """All previews, by step, prompt and seed. Raises NotFound."""
    return store.list_samples(session, get_run(session, owner_id, run_id).id)


def find_sample(session: Session, owner_id: str, run_id: str, sample_id: str) -> Sample | None:
    """One preview; None when it is none of this run's. Raises NotFound for the run."""
    return next((one for one in list_samples(session, owner_id, run_id) if one.id == sample_id), None)


def list_events(
    session: Session, owner_id: str, run_id: str, after: int = 0, limit: int = 1000
) -> tuple[RunEvent, ...]:
    """What happened after the event with number ``after``, in order. Raises NotFound."""
    return store.list_events(session, get_run(session, owner_id, run_id).id, after, limit)


def no_run(run_id: str) -> NotFound:
    """The error for a run that is not there, or not the asking person's."""
    return NotFound(f"There is no run {run_id[:40]}.", "It may have been deleted; see the list of runs.")
