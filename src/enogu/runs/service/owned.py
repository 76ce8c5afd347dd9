"""What this slice keeps for an owner, and which files it names (J3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.queue import service as queue
from enogu.runs import store
from enogu.runs.entities import NotInThisState, Run
from enogu.runs.rules.states import GOING_ON, ON_A_WORKER
from enogu.storage.database import Session, utc_now


class RunData:
    """Runs with their recipes, captions, files, previews and curves; own presets."""

    slice_name = "runs"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """One folder per run, and one record with all presets."""
        yield ExportedRecord(
            "runs/presets.json", {"presets": [_plain(one) for one in store.list_presets(session, owner_id)]}
        )
        before: str | None = None
        while page := store.list_runs(session, owner_id, states=(), dataset_id=None, text="", before=before, limit=50):
            for run in page:
                yield from _of_run(session, run)
            before = page[-1].id

    def delete(self, session: Session, owner_id: str) -> None:
        """Everything; what waits is taken out of the queue. Raises NotInThisState while a worker has one of the runs:
        it writes into rows that would be gone.
        """
        going = store.list_runs(
            session, owner_id, states=GOING_ON, dataset_id=None, text="", before=None, limit=100_000
        )
        now = utc_now()
        for run in going:
            job = None if run.job_id is None or run.state == "paused" else queue.find_job(session, run.job_id)
            if job is not None and job.state == "waiting":
                job = queue.ask(session, job.id, "cancel", now)
            if run.state in ON_A_WORKER and job is not None and job.state == "running":
                raise NotInThisState(f"The run '{run.name}' trains just now.", "Cancel it, and delete afterwards.")
        store.delete_all(session, owner_id)


def list_named_files(session: Session) -> Iterable[str]:
    """Every file that a run names; what nothing names is swept."""
    return store.list_named_files(session)


def _of_run(session: Session, run: Run) -> Iterable[ExportedRecord | ExportedFile]:
    folder = f"runs/{run.id}"
    epochs, samples = store.list_epochs(session, run.id), store.list_samples(session, run.id)
    yield ExportedRecord(
        f"{folder}/run.json",
        {
            **_plain(run),
            "pictures": [asdict(one) for one in store.read_pictures(session, run.id)],
            "epochs": [_plain(one) for one in epochs],
            "samples": [_plain(one) for one in samples],
            "steps": store.list_data(session, run.id, "Stepped"),
        },
    )
    for number, epoch in enumerate(epochs, 1):
        yield ExportedFile(f"{folder}/files/{number:04d}.safetensors", epoch.sha256)
    for sample in samples:
        yield ExportedFile(f"{folder}/previews/{sample.id}.png", sample.sha256)


def _plain(one: Any) -> dict[str, Any]:
    """Only what JSON knows."""
    return {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in asdict(one).items()
        if key != "owner_id"
    }
