"""Register a base model from a path, an upload or the hub, change what a person wrote about it, delete it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account, Caller
from enogu.base_models import store
from enogu.base_models.entities import DOWNLOAD_KIND, HASH_KIND, IMPORT_KIND, BaseModel, Layout, Origin, StoredPart
from enogu.base_models.rules import describing, hashes
from enogu.base_models.rules.describing import BaseModelFacts
from enogu.base_models.rules.finding import STARTER
from enogu.base_models.rules.hub import parse_reference
from enogu.base_models.service.choosing import HOME_PREFIX, get_base_model, name_key, no_base_model
from enogu.errors import BaseModelRefused, NotFound, WrongUse
from enogu.imaging.decoder import Decoder
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.settings import Settings
from enogu.stamina import service as stamina
from enogu.stamina.entities import Metering
from enogu.storage.database import Session, new_id
from enogu.storage.files import Files
from enogu.uploads import service as uploads
from enogu.weights import families
from enogu.weights.header import parse_header

MOST_BASE_MODELS = 300
"""Of one owner."""
LONGEST_NOTES = 20_000
LONGEST_PATH = 4000
MOST_PICTURE_BYTES = 32 * 2**20
SINGLE_FILE = "model.safetensors"
DERIVATIVES: Sequence[str] = ("", "pony", "illustrious", "noobai", "schnell")
STYLES: Sequence[str] = ("", "2d", "3d")


def register_path(
    session: Session,
    settings: Settings,
    metering: Metering,
    caller: Caller,
    path: str,
    now: datetime,
    *,
    name: str = "",
) -> BaseModel:
    """A diffusers folder or ``.safetensors`` file of this machine, which stays where it is. For the owner of a studio
    on loopback and for administrators, since whoever may name paths may look at any file here.

    A large one's hash is found by a task. Raises NotAllowed, BaseModelRefused, BaseModelNameTaken, WrongUse.
    """
    accounts.require_admin(caller)
    place = _checked_path(path)
    facts = describing.describe_path(place)
    shown = name or facts.title or (place.stem if place.is_file() else place.name)
    base = _new(session, caller.account, shown, "path", facts, now)
    base = replace(base, path=place, hash=hashes.find_hash(settings.cache_folder, place))
    store.add_base_model(session, base, name_key(base.name))
    return base if base.hash else _with_job(session, metering, caller.account, base, HASH_KIND, now)


def register_upload(
    session: Session,
    files: Files,
    metering: Metering,
    account: Account,
    upload_id: str,
    now: datetime,
    *,
    name: str = "",
) -> BaseModel:
    """A finished upload: a ``.safetensors`` file, which is ready at once, or a zip of a diffusers folder, which a task
    unpacks (state ``importing``).

    Raises NotFound, UploadUnfinished, BaseModelRefused (the upload then stays, and expires), BaseModelNameTaken.
    """
    taken = uploads.take(session, account.id, upload_id)
    describing.refuse_pickle(taken.name)
    stem = Path(taken.name).stem
    if taken.name.lower().endswith(".zip"):
        base = _empty(session, account.id, name or stem, "upload", "folder", now)
        base = replace(base, state="importing", size_bytes=taken.size_bytes, why_not="It is still being unpacked.")
        store.add_base_model(session, base, name_key(base.name), archive_sha256=taken.sha256)
        return _with_job(session, metering, account, base, IMPORT_KIND, now)

    def read(start: int, end: int) -> bytes:
        return b"".join(files.get(taken.sha256, start, min(end, taken.size_bytes)))

    header = parse_header(taken.name, taken.size_bytes, read, BaseModelRefused)
    facts = describing.facts_of_header(taken.name, header)
    base = _new(session, account, name or facts.title or stem, "upload", facts, now)
    base = replace(base, hash=taken.sha256, parts=(StoredPart(SINGLE_FILE, taken.sha256, taken.size_bytes),))
    return store.add_base_model(session, base, name_key(base.name))


def register_from_hub(
    session: Session, metering: Metering, account: Account, reference: str, now: datetime, *, name: str = ""
) -> BaseModel:
    """One on the Hugging Face hub, which a task brings (state ``importing``); a network is needed only there.

    ``reference`` is ``owner/name``, with a revision and a file if one is meant, or the page's address. One
    that failed makes room for the next try of its name. Raises
    BaseModelRefused, BaseModelNameTaken, WrongUse.
    """
    wanted = parse_reference(reference)
    earlier = store.find_by_name(session, account.id, name_key(_checked_name(name or wanted.name)))
    if earlier is not None and (earlier.origin, earlier.state) == ("hub", "failed"):
        store.delete_base_model(session, account.id, earlier.id)
    base = _empty(session, account.id, name or wanted.name, "hub", "single_file" if wanted.file else "folder", now)
    base = replace(base, state="importing", why_not="It is still being downloaded.")
    store.add_base_model(session, base, name_key(base.name))
    return _with_job(session, metering, account, base, DOWNLOAD_KIND, now, hub=str(wanted))


def add_made(
    session: Session, owner_id: str, name: str, made: Path, parts: Sequence[StoredPart], notes: str, now: datetime
) -> BaseModel:
    """One that the studio made: ``made`` is its file or folder, whose files are kept as ``parts``. Its name gets a
    number when it is taken. Raises BaseModelRefused, WrongUse when there are too many.
    """
    facts = describing.describe_path(made)
    free, number = name, 2
    while store.find_by_name(session, owner_id, name_key(free)) is not None:
        free, number = f"{name[: store.NAME_LENGTH - 6]}-{number}", number + 1
    base = with_facts(_empty(session, owner_id, free, "merged", facts.layout, now), facts)
    is_file = facts.layout == "single_file"
    found = parts[0].sha256 if is_file else hashes.hash_of_parts((part.path, part.sha256) for part in parts)
    base = replace(base, hash=found, parts=tuple(parts), notes=notes[:LONGEST_NOTES])
    return store.add_base_model(session, base, name_key(base.name))


def change_base_model(
    session: Session,
    owner_id: str,
    base_model_id: str,
    *,
    name: str | None = None,
    notes: str | None = None,
    licence: str | None = None,
    derivative: str | None = None,
    style: str | None = None,
) -> BaseModel:
    """What a person knows better than the file; None leaves it. Raises NotFound, WrongUse, BaseModelNameTaken."""
    base = lock_own(session, owner_id, base_model_id)
    for value, allowed, what in ((derivative, DERIVATIVES, "branch"), (style, STYLES, "style")):
        if value is not None and value not in allowed:
            raise WrongUse(f"'{value[:60]}' is no {what}.", f"Choose {', '.join(one or 'none' for one in allowed)}.")
    return _write(
        session,
        replace(
            base,
            name=base.name if name is None else _checked_name(name),
            notes=base.notes if notes is None else _checked_text(notes, LONGEST_NOTES, "notes"),
            licence=base.licence if licence is None else _checked_text(licence, store.LICENCE_LENGTH, "licence"),
            derivative=base.derivative if derivative is None else derivative,
            style=base.style if style is None else style,
        ),
    )


def keep_picture(files: Files, decoder: Decoder, data: bytes) -> str:
    """sha256 of the thumbnail of a picture for ``set_picture``, made and kept before a transaction begins.

    Raises PictureRefused, TooLarge.
    """
    return files.put([decoder.examine(data, "The picture").thumbnail], MOST_PICTURE_BYTES).sha256


def set_picture(session: Session, owner_id: str, base_model_id: str, picture_sha256: str | None) -> BaseModel:
    """The picture that lists show; None takes it away. Raises NotFound."""
    base = lock_own(session, owner_id, base_model_id)
    return _write(session, replace(base, picture_sha256=picture_sha256))


def order_hash(
    session: Session, settings: Settings, metering: Metering, account: Account, base_model_id: str, now: datetime
) -> Job | None:
    """Let a task find the hash of one that is large; None when it is known. Raises BaseModelRefused, NotFound."""
    base = get_base_model(session, settings, account.id, base_model_id)
    if base.hash or base.path is None:
        return None
    for job in queue.list_jobs(session, account.id, kind=HASH_KIND, states=("waiting", "running")):
        if job.payload.get("base_model_id") == base.id:
            return job
    return _enqueue(session, metering, account, base, HASH_KIND, now)


def delete_base_model(session: Session, owner_id: str, base_model_id: str, now: datetime) -> None:
    """One's own. A path's files stay where they are; an upload's are swept later. Raises NotFound."""
    base = lock_own(session, owner_id, base_model_id)
    job = None if base.job_id is None else queue.find_job(session, base.job_id)
    if job is not None and job.state in ("waiting", "running"):
        queue.ask(session, job.id, "cancel", now)
    store.delete_base_model(session, owner_id, base.id)


def refuse_unfit(lora_name: str, lora_family: str, base: BaseModel) -> None:
    """Raises BaseModelRefused, naming both, when a LoRA of ``lora_family`` cannot be used with ``base`` (C5)."""
    if reason := families.why_not_together(lora_name, lora_family, base.name, base.family):
        raise BaseModelRefused(reason, f"Choose a base model of the family {families.title(lora_family)}.")


def lock_own(session: Session, owner_id: str, base_model_id: str) -> BaseModel:
    """One that ``owner_id`` registered, held until the transaction ends. Raises NotFound."""
    base = store.lock_base_model(session, owner_id, base_model_id)
    if base is not None:
        return base
    if base_model_id == STARTER or base_model_id.startswith(HOME_PREFIX):
        raise NotFound(
            f"'{base_model_id[:120]}' belongs to the studio and cannot be changed or deleted here.",
            "Register a copy of your own.",
        )
    raise no_base_model(base_model_id)


def _write(session: Session, base: BaseModel) -> BaseModel:
    return store.write_base_model(session, base, name_key(base.name))


def _new(
    session: Session, account: Account, name: str, origin: Origin, facts: BaseModelFacts, now: datetime
) -> BaseModel:
    return with_facts(_empty(session, account.id, name, origin, facts.layout, now), facts)


def with_facts(base: BaseModel, facts: BaseModelFacts) -> BaseModel:
    """``base``, ready, with what its files say."""
    return replace(
        base,
        family=facts.family,
        derivative=facts.derivative,
        prediction_type=facts.prediction_type,
        layout=facts.layout,
        size_bytes=facts.size_bytes,
        native_side=facts.native_side,
        licence=facts.licence,
        style=facts.style,
        why_not=facts.why_not,
        can_train=not facts.why_not,
        state="ready",
        reason="",
    )


def _empty(session: Session, owner_id: str, name: str, origin: Origin, layout: Layout, now: datetime) -> BaseModel:
    if store.count_base_models(session, owner_id) >= MOST_BASE_MODELS:
        raise WrongUse(f"You have {MOST_BASE_MODELS} base models already.", "Delete one first.")
    return BaseModel(
        id=new_id(),
        owner_id=owner_id,
        name=_checked_name(name),
        family="",
        derivative="",
        prediction_type="",
        origin=origin,
        layout=layout,
        state="ready",
        reason="",
        hash="",
        size_bytes=0,
        licence="",
        notes="",
        picture_sha256=None,
        style="",
        native_side=None,
        created_at=now,
    )


def _with_job(
    session: Session, metering: Metering, account: Account, base: BaseModel, kind: str, now: datetime, **more: str
) -> BaseModel:
    return _write(session, replace(base, job_id=_enqueue(session, metering, account, base, kind, now, **more).id))


def _enqueue(
    session: Session, metering: Metering, account: Account, base: BaseModel, kind: str, now: datetime, **more: str
) -> Job:
    standing = stamina.get_balance(session, metering, account, now).standing
    return queue.enqueue(
        session,
        lane="task",
        kind=kind,
        owner_id=account.id,
        subject_id=base.id if base.owner_id else "",
        priority=standing.plan.queue_priority,
        now=now,
        payload={"base_model_id": base.id, **more},
    )


def _checked_path(path: str) -> Path:
    place = Path(path)
    if not path or len(path) > LONGEST_PATH or "\0" in path or not place.is_absolute():
        raise BaseModelRefused(f"'{path[:200]}' is no whole path on this machine.", "Begin with the root folder.")
    try:
        found = place.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise BaseModelRefused(f"There is no file or folder {place}.", "Check the path.") from error
    if not str(found).isprintable():
        raise BaseModelRefused("The path has signs that cannot be shown.", "Rename the folder.")
    return found


def _checked_name(name: str) -> str:
    shown = " ".join(name.split())[: store.NAME_LENGTH]
    if not shown or not shown.isprintable() or name_key(shown) == STARTER or name_key(shown).startswith(HOME_PREFIX):
        raise WrongUse(f"A base model cannot be called '{shown}'.", "Give it another name.")
    return shown


def _checked_text(text: str, longest: int, what: str) -> str:
    if len(text) > longest or "\0" in text:
        raise WrongUse(f"The {what} may have up to {longest:,} characters.", "Shorten it.")
    return text.strip()
