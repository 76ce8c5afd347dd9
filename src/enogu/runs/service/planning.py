"""What a run would be, before it is one: its recipe with the dataset's defaults, its true plan, price and outlook."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enogu.accounts.entities import Account
from enogu.base_models import STARTER
from enogu.base_models import service as base_models
from enogu.datasets import service as datasets
from enogu.errors import RecipeRefused
from enogu.queue.entities import Worker
from enogu.recipe import TrainPlan, TrainRecipe, plan_training, recipe_from_values
from enogu.recipe.for_family import refuse_for_family
from enogu.recipe.memory import MemoryEstimate, estimate_memory
from enogu.recipe.memory_cures import MemoryFit, MemoryWish, fit_memory
from enogu.runs import store
from enogu.runs.entities import FrozenBaseModel, FrozenPicture, Note, RunRefused, StartFile
from enogu.runs.rules.expecting import Outlook, expected_seconds
from enogu.runs.rules.further import refuse_start
from enogu.runs.rules.noting import notes_on
from enogu.runs.rules.placing import sizes_of
from enogu.runs.service import outlooks
from enogu.runs.service.history import FindLora, find_start, no_library
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.stamina.entities import Metering
from enogu.stamina.service import QuotedRun
from enogu.storage.database import Session
from enogu.weights.families import title

_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')


@dataclass(frozen=True)
class RunWish:
    """What somebody asks for: a dataset, and a recipe of which everything left out has its default."""

    dataset_id: str
    values: Mapping[str, Any]
    name: str = ""
    """Of the run in the history; unless given, that of the LoRA file."""


@dataclass(frozen=True)
class PlannedRun:
    """A wish thought through. ``given`` are its values with what the dataset adds."""

    name: str
    dataset_id: str
    dataset_name: str
    given: dict[str, Any]
    recipe: TrainRecipe
    base_model: FrozenBaseModel
    start: StartFile | None
    """The LoRA that is trained further."""
    can_train: bool
    why_not: str
    pictures: tuple[FrozenPicture, ...]
    plan: TrainPlan
    quoted: QuotedRun
    expected_seconds: float | None
    memory: MemoryEstimate | None
    """None where nothing is known of the base model's networks."""
    on_graphics_card: bool
    """Whether ``memory`` is a graphics card's; else the processor's."""
    trainer: Worker | None
    """The worker with the most room, which ``memory`` is held against; None when nobody trains just now."""
    fit: MemoryFit
    """What would make it fit there; nothing where it does, or where that is not known."""
    notes: tuple[Note, ...]


def plan_run(
    session: Session,
    settings: Settings,
    metering: Metering,
    account: Account,
    wish: RunWish,
    now: datetime,
    *,
    find_lora: FindLora = no_library,
) -> PlannedRun:
    """The whole run that ``wish`` would be (F2, A4, A5). Nothing is kept.

    Raises NotFound for the dataset, RunRefused when it is empty, RecipeRefused with every problem, BaseModelRefused or
    NotFound for the base model, NotFound or RecipeRefused for a LoRA to train further, and WrongUse when the base
    model's family has no price.
    """
    dataset = datasets.get_dataset(session, account.id, wish.dataset_id)
    given = with_defaults(wish.values, dataset.trigger, dataset.name)
    pictures = tuple(
        FrozenPicture(
            one.picture_id,
            one.name,
            one.sha256,
            one.caption,
            one.repeats,
            one.width,
            one.height,
            one.folder,
            one.is_regularisation,
            one.mask_sha256,
            one.mask_cut,
        )
        for one in datasets.pictures_to_train(session, account.id, wish.dataset_id)
    )
    if not pictures:
        raise RunRefused(f"The dataset '{dataset.name}' has no pictures.", "Add some, or choose another dataset.")
    return plan_frozen(
        session, settings, metering, account, given, pictures, now,
        name=wish.name, dataset_id=wish.dataset_id, dataset_name=dataset.name, find_lora=find_lora,
    )  # fmt: skip


def plan_frozen(
    session: Session,
    settings: Settings,
    metering: Metering,
    account: Account,
    given: dict[str, Any],
    pictures: Sequence[FrozenPicture],
    now: datetime,
    *,
    name: str,
    dataset_id: str,
    dataset_name: str,
    find_lora: FindLora = no_library,
) -> PlannedRun:
    """As ``plan_run``, of pictures that are chosen already."""
    recipe = recipe_from_values(given)
    base = base_models.get_base_model(session, settings, account.id, recipe.base_model)
    refuse_for_family(recipe, base.family, title(base.family))
    start = find_start(session, account.id, recipe, find_lora)
    if start is not None:
        refuse_start(recipe, start, base.name, base.family)
    sizes = sizes_of(pictures)
    plan = plan_training(recipe, sizes)
    quoted = stamina.quote_run(session, metering, account, recipe, sizes, base.family, now, with_proposals=True)
    speeds = store.list_speeds(session, base.family)
    trainer = outlooks.find_best_trainer(session, now)
    place = outlooks.place_of(trainer)
    figures = figures_of(base.id, base.family)
    asked = MemoryWish(recipe, sizes, base.family, figures, base.size_bytes, place)
    room = None if trainer is None else trainer.memory_bytes
    return PlannedRun(
        name=name.strip() or recipe.output_name,
        dataset_id=dataset_id,
        dataset_name=dataset_name,
        given=given,
        recipe=recipe,
        base_model=FrozenBaseModel(base.id, base.name, base.family, base.hash),
        start=start,
        can_train=base.can_train,
        why_not=base.why_not or "",
        pictures=tuple(pictures),
        plan=plan,
        quoted=quoted,
        expected_seconds=expected_seconds(recipe, plan, speeds),
        memory=estimate_memory(recipe, plan, figures, base.size_bytes, on_graphics_card=place.on_graphics_card),
        on_graphics_card=place.on_graphics_card,
        trainer=trainer,
        fit=MemoryFit((), None) if room is None else fit_memory(asked, room),
        notes=notes_on(recipe, pictures, base.family, base.native_side),
    )


def outlook_of(session: Session, metering: Metering, account: Account, planned: PlannedRun, now: datetime) -> Outlook:
    """When the run would start and end if it were started now (G1)."""
    priority = stamina.get_balance(session, metering, account, now).standing.plan.queue_priority
    return outlooks.outlook_of_new(session, priority, planned.expected_seconds, now)


def figures_of(base_model_id: str, family: str) -> str:
    """The name under which a base model's networks stand in memory_figures.toml."""
    return STARTER if base_model_id == STARTER else family


def with_defaults(values: Mapping[str, Any], trigger: str, dataset_name: str) -> dict[str, Any]:
    """``values`` with the dataset's trigger, and with the LoRA file named after the trigger or else the dataset."""
    given = copy.deepcopy(dict(values))
    if trigger and "trigger" not in given:
        given["trigger"] = trigger
    if "output_name" not in given:
        wanted = given.get("trigger") if isinstance(given.get("trigger"), str) else ""
        for name in (wanted or "", dataset_name):
            if cleaned := _as_file_name(name):
                given["output_name"] = cleaned
                break
    return given


def _as_file_name(name: str) -> str:
    cleaned = _NOT_IN_NAMES.sub("_", name).strip(" ._")[:60].strip(" .")
    try:
        return recipe_from_values({"output_name": cleaned}).output_name
    except RecipeRefused:
        return ""
