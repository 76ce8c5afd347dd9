"""What runs there are and what each has left: rows only, nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from enogu.errors import NotFound, WrongUse
from enogu.recipe import TrainPlan, TrainRecipe, plan_training, recipe_from_values
from enogu.runs import store
from enogu.runs.entities import Epoch, FrozenPicture, Run, RunEvent, RunState, Sample, StartFile
from enogu.runs.rules.placing import sizes_of
from enogu.runs.rules.series import LossPoint, loss_points, losses_by_step
from enogu.storage.database import Session
from enogu.weights import a1111

FindLora = Callable[[Session, str, str], StartFile]
"""Session, owner and id to a LoRA of the owner's library, which lies above runs. Raises NotFound."""
MOST_LISTED = 200
_START_RUN = re.compile(r"run:(?P<run>[0-9A-Za-z-]{1,40})/(?P<file>[^/]{1,255})")
_START_LORA = re.compile(r"lora:(?P<lora>[0-9A-Za-z-]{1,40})")


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


def find_start(session: Session, owner_id: str, recipe: TrainRecipe, find_lora: FindLora) -> StartFile | None:
    """What a recipe trains further (G7): ``run:<id>/<file name>``, or ``lora:<id>`` of one's library; None when it
    begins anew.

    Raises WrongUse for anything else, since a reference is never opened as a path, and NotFound.
    """
    if not recipe.start_from:
        return None
    if found := _START_LORA.fullmatch(recipe.start_from):
        return find_lora(session, owner_id, found["lora"])
    found = _START_RUN.fullmatch(recipe.start_from)
    if found is None:
        raise WrongUse(
            f"{recipe.start_from[:200]!r} is no LoRA of this studio.",
            "Write start_from as run:<id of the run>/<file name>, or as lora:<id of a LoRA in the library>.",
        )
    file = get_file(session, owner_id, found["run"], found["file"])
    run = get_run(session, owner_id, found["run"])
    adapter = run.recipe["adapter"]
    return StartFile(file.filename, file.sha256, run.base_model.family, adapter["kind"], adapter.get("dim"))


def no_library(session: Session, owner_id: str, lora_id: str) -> StartFile:
    """A ``FindLora`` where there is no library."""
    raise NotFound(f"There is no LoRA {lora_id[:40]}.", "It may have been deleted; see the library.")


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


def loss_curve(
    session: Session, owner_id: str, run_id: str, *, weight: float, most_points: int | None = None
) -> list[LossPoint]:
    """The loss of every step, raw and smoothed with ``weight`` on the past, or thinned out (G4). Raises NotFound."""
    run = get_run(session, owner_id, run_id)
    return loss_points(losses_by_step(store.list_data(session, run.id, "Stepped")), weight, most_points)


def validation_curve(session: Session, owner_id: str, run_id: str) -> list[dict[str, Any]]:
    """What ``Validated`` told after each epoch, the last of each where a killed worker was taken over from.

    Raises NotFound.
    """
    run = get_run(session, owner_id, run_id)
    by_epoch = {int(told["epoch"]): told for told in store.list_data(session, run.id, "Validated")}
    return [by_epoch[epoch] for epoch in sorted(by_epoch)]


def read_plan(session: Session, owner_id: str, run_id: str) -> TrainPlan:
    """The run's plan, made again of what is frozen. Raises NotFound."""
    run = get_run(session, owner_id, run_id)
    pictures = store.read_pictures(session, run.id)
    return plan_training(recipe_from_values(run.recipe), sizes_of(pictures))


def zip_entries_of(session: Session, owner_id: str, run_id: str) -> list[tuple[str, str | bytes]]:
    """Every LoRA file with what A1111 wants beside it: its card as JSON and its first preview (H5).

    Raises NotFound, also when there is no file yet.
    """
    run = get_run(session, owner_id, run_id)
    epochs = store.list_epochs(session, run.id)
    if not epochs:
        raise NotFound(f"The run '{run.name}' has left no file yet.", "Wait for its first epoch.")
    previews: dict[int, str] = {}
    for sample in store.list_samples(session, run.id):
        previews.setdefault(sample.step, sample.sha256)
    return a1111.zip_entries(
        a1111.LoraForUi(
            name=epoch.filename.removesuffix(".safetensors"),
            sha256=epoch.sha256,
            family=run.base_model.family,
            trigger=str(run.recipe.get("trigger", "")),
            description=run.name,
            notes=f"Epoch {epoch.epoch} of {run.num_epochs}, trained on {run.base_model.name}.",
            preview_sha256=previews.get(epoch.step),
        )
        for epoch in epochs
    )
