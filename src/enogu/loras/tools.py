"""Tools on LoRAs of the library: asked for and checked here, used by a worker (``tasks``), kept as jobs of the queue.

What can be known from headers is refused before anything is queued: LoRAs of somebody else's, families that do not fit
each other, a DoRA where a plain LoRA is needed, a rank that is not lower. Tools cost no stamina: they need no graphics
card. A job names its LoRAs by the hash of their files, so that what is asked is what is done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from enogu.accounts.entities import Account
from enogu.base_models import service as base_models
from enogu.base_models.entities import BaseModel
from enogu.errors import NotFound
from enogu.loras import service
from enogu.loras.entities import TOOL_KIND, Lora, ToolBase, ToolInput, ToolRefused, ToolWish
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.stamina.entities import Metering
from enogu.storage.database import Session
from enogu.weights.families import title

MOST_WAITING = 20
"""Tools that one owner can have in the queue."""
MOST_MERGED = 10
LOWEST_WEIGHT, HIGHEST_WEIGHT = -4.0, 4.0
_MADE = {
    "convert": "converted",
    "merge": "merged",
    "merge_into": "merged",
    "resize": "resized",
    "extract": "extracted",
}
"""What stands behind a name that nobody chose."""


def ask(
    session: Session, settings: Settings, metering: Metering, account: Account, wish: ToolWish, now: datetime
) -> Job:
    """Check what is asked for and queue it. ``wish`` names LoRAs and base models by their ids; the rest is filled in.

    Raises NotFound, ToolRefused, LoraNameRefused, BaseModelRefused.
    """
    going_on = queue.list_jobs(session, account.id, kind=TOOL_KIND, states=("waiting", "running"))
    if len(going_on) >= MOST_WAITING:
        raise ToolRefused(f"You have {MOST_WAITING} tools waiting already.", "Wait for one of them, or cancel it.")
    loras = [service.get_lora(session, account.id, one.id) for one in wish.inputs]
    bases = [base_models.get_base_model(session, settings, account.id, one.id) for one in wish.bases]
    _check_inputs(wish, loras)
    _check_bases(wish, loras, bases)
    _check_numbers(wish, loras)
    name = "" if wish.tool == "compare" else _name(session, account.id, wish, loras, bases)
    checked = replace(
        wish,
        name=name,
        inputs=tuple(
            ToolInput(lora.id, lora.name, lora.sha256, one.weight, one.text_weight)
            for lora, one in zip(loras, wish.inputs, strict=True)
        ),
        bases=tuple(ToolBase(base.id, base.name) for base in bases),
    )
    standing = stamina.get_balance(session, metering, account, now).standing
    return queue.enqueue(
        session,
        lane="task",
        kind=TOOL_KIND,
        owner_id=account.id,
        subject_id=loras[0].id if loras else "",
        priority=standing.plan.queue_priority,
        now=now,
        payload=asdict(checked),
    )


def get_job(session: Session, owner_id: str, job_id: str) -> Job:
    """Raises NotFound for other kinds of jobs, too."""
    job = queue.get_job(session, owner_id, job_id)
    if job.kind != TOOL_KIND:
        raise NotFound("There is no such job.", "It may have been deleted.")
    return job


def list_jobs(session: Session, owner_id: str, limit: int = 50) -> tuple[Job, ...]:
    """Newest first."""
    return queue.list_jobs(session, owner_id, kind=TOOL_KIND, limit=limit)


def cancel(session: Session, owner_id: str, job_id: str, now: datetime) -> Job:
    """Raises NotFound, JobOver when it has ended."""
    return queue.ask(session, get_job(session, owner_id, job_id).id, "cancel", now)


def wish_of(payload: dict[str, Any]) -> ToolWish:
    """What a job was queued with."""
    values = dict(payload)
    values["inputs"] = tuple(ToolInput(**one) for one in values["inputs"])
    values["bases"] = tuple(ToolBase(**one) for one in values["bases"])
    return ToolWish(**values)


def _check_inputs(wish: ToolWish, loras: Sequence[Lora]) -> None:
    least, most = {
        "convert": (1, 1), "resize": (1, 1), "compare": (2, 2), "merge": (2, MOST_MERGED),
        "merge_into": (1, MOST_MERGED), "extract": (0, 0),
    }[wish.tool]  # fmt: skip
    if not least <= len(loras) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ToolRefused(f"This needs {wanted} LoRAs, and {len(loras)} were chosen.", f"Choose {wanted}.")
    if len({lora.id for lora in loras}) < len(loras):
        raise ToolRefused("The same LoRA was chosen twice.", "Choose different ones.")
    for lora in loras[1:]:
        if lora.family != loras[0].family:
            raise ToolRefused(
                f"'{loras[0].name}' is for {title(loras[0].family)} and '{lora.name}' for {title(lora.family)}.",
                "Choose LoRAs of one family.",
            )
    if wish.tool in ("merge", "resize", "compare"):
        for lora in loras:
            if lora.facts.get("algorithm") == "dora":
                raise ToolRefused(
                    f"'{lora.name}' is a DoRA: what it does depends on the base model.",
                    "Merge it into its base model, then extract a LoRA from the two.",
                )
    if wish.layout == "diffusers" and loras:
        kind = str(loras[0].facts.get("algorithm"))
        if kind not in ("lora", "locon", "dora"):
            raise ToolRefused(
                f"'{loras[0].name}' is a {kind.upper()}, for which diffusers has no names.",
                "Keep Kohya's layout; or lower its rank, which makes a LoRA of it, and convert that.",
            )
        if loras[0].family not in ("sd15", "sdxl", "flux"):
            raise ToolRefused(
                f"The family of '{loras[0].name}' is {title(loras[0].family)}, whose names in diffusers are not known.",
                "Keep Kohya's layout.",
            )


def _check_bases(wish: ToolWish, loras: Sequence[Lora], bases: Sequence[BaseModel]) -> None:
    wanted = {"merge_into": 1, "extract": 2}.get(wish.tool, 0)
    if len(bases) != wanted:
        raise ToolRefused(f"This needs {wanted} base models, and {len(bases)} were chosen.", f"Choose {wanted}.")
    for base in bases:
        if base.state != "ready":
            raise ToolRefused(f"The base model '{base.name}' cannot be used: {base.why_not}", "Choose another one.")
        for lora in loras:
            base_models.refuse_unfit(lora.name, lora.family, base)
    if wanted == 2 and bases[0].id == bases[1].id:
        raise ToolRefused("Both base models are the same.", "Choose a tuned one and the one it was made from.")
    if wanted == 2 and bases[0].family != bases[1].family:
        raise ToolRefused(
            f"'{bases[0].name}' is {title(bases[0].family)} and '{bases[1].name}' is {title(bases[1].family)}.",
            "Choose two of one family.",
        )


def _check_numbers(wish: ToolWish, loras: Sequence[Lora]) -> None:
    for one, lora in zip(wish.inputs, loras, strict=True):
        for weight in (one.weight, one.text_weight):
            if not math.isfinite(weight) or not LOWEST_WEIGHT <= weight <= HIGHEST_WEIGHT:
                raise ToolRefused(
                    f"The weight of '{lora.name}' is {weight:g}.",
                    f"It goes from {LOWEST_WEIGHT:g} to {HIGHEST_WEIGHT:g}.",
                )
    if wish.tool in ("merge", "merge_into") and not any(one.weight or one.text_weight for one in wish.inputs):
        raise ToolRefused("At these weights nothing would change.", "Give a weight that is not 0.")
    if wish.tool in ("resize", "extract") and wish.rank is None:
        raise ToolRefused("No rank was given.", "Give the new rank; 16 or 32 is usual.")
    if wish.tool != "resize":
        return
    largest = loras[0].dim
    is_plain = loras[0].facts.get("algorithm") in ("lora", "locon")
    if wish.method == "fixed" and is_plain and largest and wish.rank is not None and wish.rank >= largest:
        raise ToolRefused(f"'{loras[0].name}' has the rank {largest:g} already.", "Choose a lower rank.")
    if wish.method == "sv_ratio" and not (wish.parameter is not None and wish.parameter >= 1):
        raise ToolRefused("The ratio has to be 1 or more.", "Try 20: smaller parts than a twentieth are left out.")
    if wish.method in ("sv_cumulative", "sv_fro") and not (wish.parameter is not None and 0 < wish.parameter <= 1):
        raise ToolRefused("The share to keep has to be above 0 and up to 1.", "Try 0.9.")


def _name(session: Session, owner_id: str, wish: ToolWish, loras: Sequence[Lora], bases: Sequence[BaseModel]) -> str:
    """As it was given and checked, or one that says what it is."""
    if not wish.name.strip():
        first = loras[0].name if loras else bases[0].name
        return f"{first[:60]}-{_MADE[wish.tool]}"
    name = service.checked_name(wish.name)
    if wish.tool != "merge_into" and service.find_by_name(session, owner_id, name) is not None:
        raise ToolRefused(f"You already have a LoRA named '{name}'.", "Choose another name.")
    return name
