"""Asking for pictures: a wish is checked whole, copied into a request, and queued in the same transaction (I2, I3, I5).

Drawings cost no stamina (docs/decisions/0020_drawings.md); how many requests of one owner wait is bounded instead. Who
is on a plan with a better priority is drawn sooner, and within a plan owners take turns, as with runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime

from enogu.accounts.entities import Account
from enogu.base_models import service as base_models
from enogu.base_models.entities import BaseModel
from enogu.drawings import store
from enogu.drawings.entities import (
    MOST_COUNT,
    MOST_LORAS,
    MOST_PROMPT_CHARACTERS,
    MOST_SEED,
    MOST_WAITING_REQUESTS,
    Cell,
    ComparisonWish,
    DrawingRefused,
    DrawingRequest,
    FormOutlook,
    LoraUse,
    LoraWish,
    RequestEnded,
    RequestKind,
    Shared,
    SheetLabels,
    TooManyWaiting,
    Wish,
)
from enogu.drawings.rules.cells import Row, compare, count_up
from enogu.drawings.rules.lora_tags import check_weights, parse_prompt, with_triggers
from enogu.drawings.rules.sizes import suitable_sizes
from enogu.drawings.service import library
from enogu.errors import NotFound
from enogu.loras.entities import Lora
from enogu.queue import service as queue
from enogu.queue.entities import JobOver, Position
from enogu.recipe.samplers import samplers_of, why_not_drawn
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.stamina.entities import Metering
from enogu.storage.database import Session, new_id, take_turns
from enogu.weights.families import title

JOB_KIND = "draw"
LOWEST_SIDE, HIGHEST_SIDE, SIDE_STEP = 64, 2048, 8
MOST_LISTED = 200


def request_drawing(
    session: Session, settings: Settings, metering: Metering, account: Account, wish: Wish, now: datetime
) -> DrawingRequest:
    """Queue ``wish.count`` pictures of one prompt.

    Raises DrawingRefused (LoraUnknown, WrongFamily) and what ``get_base_model`` raises before anything is kept;
    TooManyWaiting.
    """
    base = _base_model(session, settings, account.id, wish.base_model)
    if not 1 <= wish.count <= MOST_COUNT:
        raise DrawingRefused(f"{wish.count} pictures are asked for.", f"At most {MOST_COUNT} at a time.")
    _check_prompts((wish.prompt,), wish.negative_prompt)
    prompt = parse_prompt(wish.prompt)
    uses, found = _loras(session, account.id, (*wish.loras, *prompt.loras), base)
    triggers = [one.trigger for one in found] if wish.add_trigger else []
    seed = _seed(wish.seed, wish.count)
    cells = count_up(
        with_triggers(prompt.text, triggers), with_triggers(wish.prompt, triggers), _in_use(uses), seed, wish.count
    )
    shared = _shared(wish, base, found)
    return _keep(session, metering, account, base, "pictures", shared, seed, cells, None, now)


def request_comparison(
    session: Session, settings: Settings, metering: Metering, account: Account, wish: ComparisonWish, now: datetime
) -> DrawingRequest:
    """Queue a comparison: each prompt with each compared LoRA at each weight, and one labelled sheet at the end.

    Raises as ``request_drawing`` does.
    """
    form = wish.form
    base = _base_model(session, settings, account.id, form.base_model)
    if not wish.prompts or not wish.compared or not wish.weights:
        raise DrawingRefused("A comparison needs a prompt, a LoRA and a weight at least.", "Add what is missing.")
    num_cells = len(wish.prompts) * (len(wish.compared) * len(set(wish.weights)) + int(wish.without_lora))
    if num_cells > MOST_COUNT:
        raise DrawingRefused(
            f"This comparison has {num_cells} pictures.", f"At most {MOST_COUNT}: use fewer prompts, LoRAs or weights."
        )
    _check_prompts(wish.prompts, form.negative_prompt)
    compared = [library.get_lora(session, account.id, reference) for reference in dict.fromkeys(wish.compared)]
    for lora in compared:
        library.check_family(lora, base)
        check_weights([LoraWish(lora.name, weight) for weight in wish.weights])
    rows: list[Row] = []
    others: list[Lora] = []
    for prompt in wish.prompts:
        parsed = parse_prompt(prompt)
        always, found = _loras(session, account.id, (*form.loras, *parsed.loras), base)
        others += found
        for lora in compared:
            if lora.id in {one.id for one in found}:
                raise DrawingRefused(
                    f"The LoRA '{lora.name}' is compared, and in the prompt or the list as well.",
                    "Take it out there: the comparison sets its weight.",
                )
            triggers = [one.trigger for one in (*compared, *found)] if form.add_trigger else []
            text, written = with_triggers(parsed.text, triggers), with_triggers(prompt, triggers)
            rows.append(Row(text, written, LoraUse(lora.id, lora.name, lora.sha256, 1.0), _in_use(always)))
    seed = _seed(form.seed, 1)
    cells, labels = compare(rows, tuple(dict.fromkeys(wish.weights)), seed, without_lora=wish.without_lora)
    shared = _shared(form, base, [*compared, *others])
    return _keep(session, metering, account, base, "comparison", shared, seed, cells, labels, now)


def describe_form(session: Session, settings: Settings, owner_id: str, base_model: str) -> FormOutlook:
    """What the drawing page offers for a base model. Raises what ``get_base_model`` raises."""
    base = base_models.get_base_model(session, settings, owner_id, base_model)
    side = library.own_side(base)
    return FormOutlook(
        base_model_id=base.id,
        base_model_name=base.name,
        family=base.family,
        own_side=side,
        sizes=suitable_sizes(base.family, side),
        has_clip_skip=library.has_clip_skip(base),
    )


def get_request(session: Session, owner_id: str, request_id: str) -> DrawingRequest:
    """Raises NotFound, too, when it is somebody else's."""
    request = store.find_request(session, request_id, owner_id)
    if request is None:
        raise NotFound("There is no such request for a drawing.", "It may have been deleted.")
    return request


def list_requests(
    session: Session,
    owner_id: str,
    *,
    live_only: bool = False,
    kind: RequestKind | None = None,
    before: str | None = None,
    limit: int = 50,
) -> tuple[DrawingRequest, ...]:
    """A page, newest first; the next one begins ``before`` the last id of this one."""
    return store.list_requests(
        session, owner_id, live_only=live_only, kind=kind, before=before, limit=max(1, min(limit, MOST_LISTED))
    )


def find_position(session: Session, request: DrawingRequest) -> Position | None:
    """How many are drawn before it; None when it does not wait (G1)."""
    return queue.find_position(session, request.job_id) if request.state == "waiting" else None


def cancel_request(session: Session, owner_id: str, request_id: str, now: datetime) -> DrawingRequest:
    """One that waits is over at once; one that is drawn ends within seconds. What is drawn by then stays.

    Raises NotFound, RequestEnded.
    """
    request = get_request(session, owner_id, request_id)
    try:
        if request.is_over:
            raise JobOver("")
        job = queue.ask(session, request.job_id, "cancel", now)  # the job's row is locked before the request's
    except JobOver as error:
        raise RequestEnded("This is over already.", "Look at what was drawn.") from error
    if job.state == "cancelled":
        changed = store.change_request(session, request_id, state="cancelled", is_cancel_asked=True, ended_at=now)
    else:
        changed = store.change_request(session, request_id, is_cancel_asked=True)
    return changed or request


def continue_request(
    session: Session, metering: Metering, account: Account, request_id: str, now: datetime
) -> DrawingRequest:
    """Draw what is missing of a request that failed or was cancelled, exactly as it would have been.

    Raises NotFound, RequestEnded when nothing is missing or it goes on, TooManyWaiting.
    """
    request = get_request(session, account.id, request_id)
    if request.state not in ("failed", "cancelled"):
        raise RequestEnded("There is nothing to go on with.", "Only what failed or was cancelled can be continued.")
    _check_room(session, account.id)
    request = store.lock_request(session, request_id, account.id)
    if request is None or request.state not in ("failed", "cancelled"):
        raise RequestEnded("Somebody has continued it just now.", "Load it again.")
    job_id = _enqueue(session, metering, account, request.id, request.base_model_id, request.shared, request.cells, now)
    return store.restart_request(session, request_id, job_id) or request


# ---- pieces ----------------------------------------------------------------------------------------------------------


def _base_model(session: Session, settings: Settings, owner_id: str, reference: str) -> BaseModel:
    base = base_models.get_base_model(session, settings, owner_id, reference)
    if base.state != "ready":
        raise DrawingRefused(
            f"The base model '{base.name}' is not ready yet." if base.state == "importing"
            else f"The base model '{base.name}' could not be imported: {base.reason}",
            "Choose another one.",
        )  # fmt: skip
    return base


def _check_prompts(prompts: Sequence[str], negative_prompt: str) -> None:
    for text in (*prompts, negative_prompt):
        if len(text) > MOST_PROMPT_CHARACTERS:
            raise DrawingRefused(
                f"A prompt has {len(text):,} characters.", f"At most {MOST_PROMPT_CHARACTERS:,} are read."
            )
        if "\0" in text:
            raise DrawingRefused("A prompt holds a NUL character.", "Take it out.")


def _loras(
    session: Session, owner_id: str, wishes: Sequence[LoraWish], base: BaseModel
) -> tuple[tuple[LoraUse, ...], tuple[Lora, ...]]:
    check_weights(wishes)
    uses, found = library.use_loras(session, owner_id, wishes, base)
    if len(uses) > MOST_LORAS:
        raise DrawingRefused(f"{len(uses)} LoRAs are asked for.", f"At most {MOST_LORAS} can be used at once.")
    return uses, found


def _in_use(uses: Sequence[LoraUse]) -> tuple[LoraUse, ...]:
    """A LoRA at weight 0 changes nothing, and is not loaded for it."""
    return tuple(one for one in uses if one.weight != 0)


def _seed(wanted: int, count: int) -> int:
    if wanted == -1:
        return secrets.randbelow(MOST_SEED - count + 2)
    if not 0 <= wanted <= MOST_SEED:
        raise DrawingRefused(f"{wanted} is no seed.", f"Seeds go from 0 to {MOST_SEED}; -1 chooses one.")
    return wanted


def _shared(wish: Wish, base: BaseModel, found: Sequence[Lora]) -> Shared:
    side = library.own_side(base)
    width, height = wish.width or side, wish.height or side
    for name, pixels in (("width", width), ("height", height)):
        if not LOWEST_SIDE <= pixels <= HIGHEST_SIDE or pixels % SIDE_STEP:
            nearest = min(HIGHEST_SIDE, max(LOWEST_SIDE, round(pixels / SIDE_STEP) * SIDE_STEP))
            raise DrawingRefused(
                f"The {name} {pixels} is no multiple of {SIDE_STEP} from {LOWEST_SIDE} to {HIGHEST_SIDE}.",
                f"Use {nearest}.",
            )
    for name, value, lowest, highest in (("steps", wish.steps, 1, 200), ("cfg", wish.cfg, 1, 30)):
        if not lowest <= value <= highest:
            raise DrawingRefused(f"{name} is {value:g}.", f"It goes from {lowest} to {highest}.")
    sampler = wish.sampler or samplers_of(base.family)[0]
    if why_not := why_not_drawn(sampler, wish.schedule_type, base.family, title(base.family)):
        raise DrawingRefused(*why_not)
    clip_skip = library.clip_skip_of(found, base) if wish.clip_skip is None else wish.clip_skip
    if not 1 <= clip_skip <= 12:
        raise DrawingRefused(f"The clip skip is {clip_skip}.", "It goes from 1 to 12.")
    return Shared(wish.negative_prompt, width, height, wish.steps, wish.cfg, sampler, clip_skip, wish.schedule_type)


def _check_room(session: Session, owner_id: str) -> None:
    take_turns(session, f"drawings: requests of {owner_id}")
    if store.count_live_requests(session, owner_id) >= MOST_WAITING_REQUESTS:
        raise TooManyWaiting(
            f"{MOST_WAITING_REQUESTS} of your requests wait or are drawn.", "Wait for one of them, or cancel one."
        )


def _keep(
    session: Session,
    metering: Metering,
    account: Account,
    base: BaseModel,
    kind: store.RequestKind,
    shared: Shared,
    seed: int,
    cells: tuple[Cell, ...],
    labels: SheetLabels | None,
    now: datetime,
) -> DrawingRequest:
    _check_room(session, account.id)
    request_id = new_id()
    job_id = _enqueue(session, metering, account, request_id, base.id, shared, cells, now)
    return store.add_request(
        session,
        request_id=request_id,
        owner_id=account.id,
        kind=kind,
        prompt=cells[0].written_prompt,
        shared=shared,
        seed=seed,
        base_model=(base.id, base.name),
        cells=cells,
        labels=labels,
        job_id=job_id,
        now=now,
    )


def _enqueue(
    session: Session,
    metering: Metering,
    account: Account,
    request_id: str,
    base_model_id: str,
    shared: Shared,
    cells: Sequence[Cell],
    now: datetime,
) -> str:
    plan = stamina.get_balance(session, metering, account, now).standing.plan
    missing = len(cells) - len(store.find_numbers(session, request_id))
    pace = store.find_pace(session, base_model_id)
    seconds = None if pace is None else pace * missing * shared.steps * shared.width * shared.height
    job = queue.enqueue(
        session,
        lane="draw",
        kind=JOB_KIND,
        owner_id=account.id,
        subject_id=request_id,
        priority=plan.queue_priority,
        now=now,
        payload={} if seconds is None else {"seconds": round(seconds, 1)},
    )
    return job.id
