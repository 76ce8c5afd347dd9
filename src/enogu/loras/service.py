"""The library of LoRAs: epochs that were saved to it and files that were uploaded, by the name that prompts use (H3).

A name is what stands in ``<lora:name:weight>``, so it has no colon and no angle bracket and no other LoRA of the same
owner has it; case and width do not count. What a file is (family, dim, trigger) is read from its header and never from
its name. Deleting can be undone for ``KEPT_FOR``; until then the name is free for another one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.base_models import service as base_models
from enogu.errors import AdapterRefused, NotFound, WrongUse
from enogu.loras import store
from enogu.loras.entities import FittingBaseModel, Lora, LoraNameRefused, LoraPage, ToolWish
from enogu.runs import service as runs
from enogu.runs.entities import StartFile
from enogu.settings import Settings
from enogu.storage.database import Session, new_id
from enogu.storage.files import Files
from enogu.uploads import service as uploads
from enogu.weights import a1111
from enogu.weights.header import Header, parse_header, read_scalars
from enogu.weights.lora_facts import describe_lora

KEPT_FOR = timedelta(days=30)
"""How long a deleted LoRA can be brought back."""
MOST_LISTED = 10_000
MOST_ALPHAS = 4
"""Alpha tensors that are read: they are alike in one file, and each is a request when files are in a bucket."""
LONGEST_TEXT = 10_000
HEAVIEST = 2.0
"""Of the preferred weight: as far as A1111's slider goes."""

_FORBIDDEN = frozenset(':<>/\\"|?*')


def get_lora(session: Session, owner_id: str, lora_id: str) -> Lora:
    """Raises NotFound, for a deleted one too."""
    lora = store.find_lora(session, owner_id, lora_id)
    if lora is None or lora.deleted_at is not None:
        raise _no_lora(lora_id)
    return lora


def find_to_train(session: Session, owner_id: str, lora_id: str) -> StartFile:
    """A LoRA of the library as a run trains it further (G7). Raises NotFound."""
    lora = get_lora(session, owner_id, lora_id)
    return StartFile(lora.name, lora.sha256, lora.family, str(lora.facts.get("algorithm") or ""), lora.dim)


def find_by_name(session: Session, owner_id: str, name: str) -> Lora | None:
    """The one that ``<lora:name:1>`` means; None when there is none."""
    return store.find_by_name(session, owner_id, name_key(name))


def list_loras(
    session: Session,
    owner_id: str,
    *,
    text: str = "",
    family: str | None = None,
    run_id: str | None = None,
    deleted: bool = False,
    offset: int = 0,
    limit: int = 50,
) -> LoraPage:
    """Newest first. ``text`` is looked for in name, trigger, base model and notes; ``family`` is for "what fits this
    base model" (C5), ``run_id`` for what was saved of a run; ``deleted`` lists those that can be brought back instead.
    """
    families = () if family is None else (family,)
    limit = max(1, min(limit, MOST_LISTED))
    total = store.count_loras(session, owner_id, text=text, families=families, run_id=run_id, deleted=deleted)
    found = store.list_loras(
        session, owner_id, text=text, families=families, run_id=run_id, deleted=deleted, offset=offset, limit=limit
    )
    end = offset + len(found)
    return LoraPage(found, total, end if found and end < total else None)


def count_by_family(session: Session, owner_id: str) -> dict[str, int]:
    """How many LoRAs of each family are in the library."""
    return store.count_by_family(session, owner_id)


def family_of_base_model(session: Session, settings: Settings, owner_id: str, reference: str) -> str:
    """The family whose LoRAs fit this base model (C5). Raises BaseModelRefused, NotFound."""
    return base_models.get_base_model(session, settings, owner_id, reference).family


def list_fitting_base_models(
    session: Session, settings: Settings, owner_id: str, lora_id: str
) -> tuple[FittingBaseModel, ...]:
    """The base models of its family that are ready, those of its own branch first, then by name. Raises NotFound."""
    lora = get_lora(session, owner_id, lora_id)
    derivative = lora.facts.get("derivative") or ""
    page = base_models.list_base_models(session, settings, owner_id, family=lora.family, limit=MOST_LISTED)
    found = [
        FittingBaseModel(one.id, one.name, one.family, one.derivative == derivative)
        for one in page.base_models
        if one.state == "ready"
    ]
    return tuple(sorted(found, key=lambda one: (not one.is_same_derivative, one.name.casefold())))


# ---- what comes in ---------------------------------------------------------------------------------------------------


def save_epoch(
    session: Session, files: Files, owner_id: str, run_id: str, epoch: int, name: str | None = None, *, now: datetime
) -> Lora:
    """Save a planned epoch of a run (H3). Saving it twice is saving it once, unless another name is given.

    Raises NotFound for the run or the epoch, LoraNameRefused for a name that is given.
    """
    found = runs.get_epoch(session, owner_id, run_id, epoch)
    return save_file(session, files, owner_id, run_id, found.filename, name, now=now)


def save_file(
    session: Session, files: Files, owner_id: str, run_id: str, filename: str, name: str | None = None, *, now: datetime
) -> Lora:
    """As save_epoch, for any file that the run has left: those of "save now" too."""
    run = runs.get_run(session, owner_id, run_id)
    file = runs.get_file(session, owner_id, run_id, filename)
    saved = store.find_of_run(session, owner_id, run_id, file.sha256)
    if saved is not None and (name is None or name_key(name) == name_key(saved.name)):
        return saved
    samples = [one for one in runs.list_samples(session, owner_id, run_id) if one.step == file.step]
    return _add(
        session, files, owner_id, name, now,
        filename=file.filename, sha256=file.sha256, size_bytes=file.size_bytes, run_id=run_id, epoch=file.epoch,
        preview_sha256=samples[0].sha256 if samples else None, base_model_name=run.base_model.name,
    )  # fmt: skip


def add_upload(
    session: Session, files: Files, owner_id: str, upload_id: str, name: str | None = None, *, now: datetime
) -> Lora:
    """Add a finished upload of the kind ``lora``. The file is checked and its family read; nothing of it is executed.

    Raises NotFound, UploadUnfinished, AdapterRefused when it is no LoRA, LoraNameRefused for a name that is given.
    """
    taken = uploads.take(session, owner_id, upload_id)
    if taken.kind != "lora":
        raise WrongUse(f"{taken.name} was uploaded as a {taken.kind}.", "Upload it again as a LoRA.")
    filename = taken.name.replace("\\", "/").rpartition("/")[2][-store.FILENAME_LENGTH :]
    return _add(
        session, files, owner_id, name, now,
        filename=filename, sha256=taken.sha256, size_bytes=taken.size_bytes, run_id=None, epoch=None,
        preview_sha256=None, base_model_name="",
    )  # fmt: skip


def add_made(
    session: Session, files: Files, owner_id: str, wish: ToolWish, sha256: str, size_bytes: int, now: datetime
) -> Lora:
    """What a tool made, with what it was made from. Its name gets a number when it was taken in the meantime.

    What one LoRA was made to goes on with that one's trigger, notes, preview and best weight; what several were merged
    to is called by all their triggers.
    """
    name = _free_name(session, owner_id, wish.name)
    sources = [store.find_lora(session, owner_id, one.id) for one in wish.inputs]
    known = [one for one in sources if one is not None]
    names = {one.base_model_name for one in known if one.base_model_name}
    lora = _add(
        session, files, owner_id, name, now,
        filename=f"{name}.safetensors", sha256=sha256, size_bytes=size_bytes, run_id=None, epoch=None,
        preview_sha256=None, base_model_name=names.pop() if len(names) == 1 else "",
    )  # fmt: skip
    triggers = dict.fromkeys(one.trigger for one in known if one.trigger)
    lora = replace(lora, facts={**lora.facts, "made_from": made_from(wish)}, trigger=", ".join(triggers)[:LONGEST_TEXT])
    if len(known) == 1:
        (one,) = known
        lora = replace(
            lora, preview_sha256=one.preview_sha256, notes=one.notes, negative=one.negative,
            preferred_weight=one.preferred_weight,
        )  # fmt: skip
    store.write_lora(session, lora, name_key(lora.name))
    return lora


def made_from(wish: ToolWish) -> dict[str, Any]:
    """How it was made, as the LoRA's facts keep it."""
    numbers = {
        "convert": ("layout", "precision"),
        "merge": ("rank", "precision"),
        "resize": ("rank", "method", "parameter", "precision"),
        "extract": ("rank", "conv_rank", "precision"),
    }.get(wish.tool, ("precision",))
    return {
        "tool": wish.tool,
        "loras": [{"id": one.id, "name": one.name, "weight": one.weight} for one in wish.inputs],
        "base_models": [{"id": one.id, "name": one.name} for one in wish.bases],
        "options": {name: getattr(wish, name) for name in numbers},
    }


def _add(
    session: Session,
    files: Files,
    owner_id: str,
    name: str | None,
    now: datetime,
    *,
    filename: str,
    sha256: str,
    size_bytes: int,
    run_id: str | None,
    epoch: int | None,
    preview_sha256: str | None,
    base_model_name: str,
) -> Lora:
    facts = _read_facts(files, filename, sha256, size_bytes)
    stem = filename.removesuffix(".safetensors")
    shown = checked_name(name) if name is not None else _free_name(session, owner_id, stem)
    lora = Lora(
        id=new_id(),
        owner_id=owner_id,
        name=shown,
        filename=f"{shown}.safetensors" if run_id is None else filename,
        family=facts["family"],
        sha256=sha256,
        size_bytes=size_bytes,
        trigger=facts["trigger"] or "",
        dim=_largest(facts["dim"]),
        alpha=_largest(facts["alpha"]),
        preview_sha256=preview_sha256,
        run_id=run_id,
        epoch=epoch,
        base_model_name=base_model_name or facts["base_model"] or "",
        notes="",
        negative="",
        preferred_weight=0,
        facts=facts,
        created_at=now,
    )
    store.add_lora(session, lora, name_key(shown))
    return lora


def _read_facts(files: Files, filename: str, sha256: str, size_bytes: int) -> dict[str, Any]:
    def read(start: int, end: int) -> bytes:
        return b"".join(files.get(sha256, start, min(end, size_bytes)))

    header: Header = parse_header(filename, size_bytes, read)
    alphas = [name for name in header.tensors if name.endswith(".alpha")][:MOST_ALPHAS]
    facts = describe_lora(header.metadata, header.shapes, read_scalars(header, read, alphas))
    if facts["kind"] != "LoRA":
        raise AdapterRefused(
            f"{filename} is no LoRA: none of its {len(header.tensors)} tensors has a LoRA's name.",
            "Choose a LoRA file; a base model is registered under base models.",
        )
    return facts


# ---- changing --------------------------------------------------------------------------------------------------------


def change_lora(
    session: Session,
    owner_id: str,
    lora_id: str,
    *,
    name: str | None = None,
    trigger: str | None = None,
    notes: str | None = None,
    negative: str | None = None,
    preferred_weight: float | None = None,
) -> Lora:
    """Set what is not None; the file stays as it is. Raises NotFound, LoraNameRefused, WrongUse."""
    lora = _held(session, owner_id, lora_id)
    if name is not None:
        lora = replace(lora, name=checked_name(name))
    texts = {"trigger": trigger, "notes": notes, "negative": negative}
    for field, text in texts.items():
        if text is not None and len(text) > LONGEST_TEXT:
            raise WrongUse(f"The {field} has {len(text):,} characters.", f"Keep it below {LONGEST_TEXT:,}.")
    lora = replace(lora, **{field: text for field, text in texts.items() if text is not None})
    if preferred_weight is not None:
        if not 0 <= preferred_weight <= HEAVIEST:
            raise WrongUse(f"The preferred weight is {preferred_weight:g}.", f"It goes from 0 (none) to {HEAVIEST:g}.")
        lora = replace(lora, preferred_weight=preferred_weight)
    store.write_lora(session, lora, name_key(lora.name))
    return lora


def set_preview(session: Session, owner_id: str, lora_id: str, picture_sha256: str | None) -> Lora:
    """Show this PNG of the store of files, which the caller may see, as the LoRA's preview; None shows nothing."""
    lora = replace(_held(session, owner_id, lora_id), preview_sha256=picture_sha256)
    store.write_lora(session, lora, name_key(lora.name))
    return lora


def show_sample(session: Session, owner_id: str, lora_id: str, sample_id: str) -> Lora:
    """Make one of its run's previews the LoRA's own. Raises NotFound."""
    lora = _held(session, owner_id, lora_id)
    sample = None if lora.run_id is None else runs.find_sample(session, owner_id, lora.run_id, sample_id)
    if sample is None:
        raise NotFound(f"The run of '{lora.name}' has no such preview.", "Choose one of its run's previews.")
    return set_preview(session, owner_id, lora_id, sample.sha256)


def delete_lora(session: Session, owner_id: str, lora_id: str, now: datetime) -> None:
    """Take it out of the library; ``restore_lora`` undoes it for 30 days. Raises NotFound."""
    lora = _held(session, owner_id, lora_id)
    store.write_lora(session, replace(lora, deleted_at=now), f"deleted:{lora.id}")
    store.delete_forgotten(session, owner_id, now - KEPT_FOR)


def sweep(session: Session, now: datetime) -> int:
    """Take away for good what was deleted more than ``KEPT_FOR`` ago; how many rows. ``enogu.sweeping`` calls it."""
    return store.delete_all_forgotten(session, now - KEPT_FOR)


def restore_lora(session: Session, owner_id: str, lora_id: str) -> Lora:
    """Undo ``delete_lora``; with a number behind its name when that was given to another one. Raises NotFound."""
    lora = store.find_lora(session, owner_id, lora_id, for_update=True)
    if lora is None:
        raise _no_lora(lora_id)
    if lora.deleted_at is None:
        return lora
    lora = replace(lora, deleted_at=None, name=_free_name(session, owner_id, lora.name))
    store.write_lora(session, lora, name_key(lora.name))
    return lora


# ---- what goes out ---------------------------------------------------------------------------------------------------


def sidecar(lora: Lora) -> dict[str, Any]:
    """What A1111 and Forge keep beside the file as ``name.json``."""
    return a1111.sidecar(_for_ui(lora))


def zip_entries(loras: Iterable[Lora], layout: a1111.UiLayout = "a1111") -> list[tuple[str, str | bytes]]:
    """Files, sidecars and previews as ``delivery.zip_answer`` takes them."""
    return a1111.zip_entries([_for_ui(lora) for lora in loras], layout)


def _for_ui(lora: Lora) -> a1111.LoraForUi:
    epoch = "" if lora.epoch is None else f"Epoch {lora.epoch}. "
    base = f"Trained on {lora.base_model_name}." if lora.base_model_name else ""
    return a1111.LoraForUi(
        name=lora.name,
        sha256=lora.sha256,
        family=lora.family,
        trigger=lora.trigger,
        description=(epoch + base).strip(),
        notes=lora.notes,
        negative=lora.negative,
        preferred_weight=lora.preferred_weight,
        preview_sha256=lora.preview_sha256,
    )


# ---- names -----------------------------------------------------------------------------------------------------------


def checked_name(name: str) -> str:
    """The name in the form NFC without spaces around it. Raises LoraNameRefused."""
    shown = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(shown) <= store.NAME_LENGTH:
        raise LoraNameRefused(
            f"A LoRA's name has 1 to {store.NAME_LENGTH} characters; this one has {len(shown)}.", "Choose another."
        )
    if wrong := sorted({letter for letter in shown if letter in _FORBIDDEN}):
        raise LoraNameRefused(
            f"The name '{shown}' has {' and '.join(wrong)} in it, which <lora:name:weight> or a file cannot hold.",
            "Leave those signs out.",
        )
    if not shown.isprintable() or shown.startswith("."):
        raise LoraNameRefused(f"'{shown!a}' is no name that can be typed in a prompt.", "Choose another.")
    return shown


def name_key(name: str) -> str:
    """What names are compared by: case and width do not count."""
    return unicodedata.normalize("NFKC", name).strip().casefold()[: 4 * store.NAME_LENGTH]


def _free_name(session: Session, owner_id: str, wanted: str) -> str:
    """A name like ``wanted`` that can be typed and that nobody has, with a number when needed."""
    kept = "".join("_" if letter in _FORBIDDEN or not letter.isprintable() else letter for letter in wanted)
    stem = unicodedata.normalize("NFC", kept).strip().lstrip(".")[: store.NAME_LENGTH - 6].strip() or "lora"
    taken = store.find_name_keys(session, owner_id, name_key(stem))
    name, number = stem, 2
    while name_key(name) in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _held(session: Session, owner_id: str, lora_id: str) -> Lora:
    lora = store.find_lora(session, owner_id, lora_id, for_update=True)
    if lora is None or lora.deleted_at is not None:
        raise _no_lora(lora_id)
    return lora


def _no_lora(lora_id: str) -> NotFound:
    return NotFound(f"There is no LoRA {lora_id[:40]} in your library.", "It may have been deleted; see the list.")


def _largest(value: Any) -> float | None:
    """Of layers with different dims the largest; None when nothing is known."""
    if isinstance(value, list):
        return max(value, default=None)
    return value


# ---- everything one owns ---------------------------------------------------------------------------------------------


def list_named_files(session: Session) -> frozenset[str]:
    """Files of the store that LoRAs name; the sweep leaves them."""
    return store.list_named_files(session)


class LoraData:
    """What this slice keeps for an owner (J3)."""

    slice_name = "loras"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """Each LoRA with its facts, its file and its preview."""
        offset: int | None = 0
        while offset is not None:
            page = list_loras(session, owner_id, offset=offset, limit=500)
            for lora in page.loras:
                yield ExportedRecord(
                    f"loras/{lora.id}.json",
                    {
                        "name": lora.name,
                        "family": lora.family,
                        "trigger": lora.trigger,
                        "notes": lora.notes,
                        "negative": lora.negative,
                        "preferred_weight": lora.preferred_weight,
                        "base_model_name": lora.base_model_name,
                        "run_id": lora.run_id,
                        "epoch": lora.epoch,
                        "created_at": lora.created_at.isoformat(),
                        "facts": dict(lora.facts),
                    },
                )
                yield ExportedFile(f"loras/{lora.id}.safetensors", lora.sha256)
                if lora.preview_sha256 is not None:
                    yield ExportedFile(f"loras/{lora.id}.png", lora.preview_sha256)
            offset = page.next_offset

    def delete(self, session: Session, owner_id: str) -> None:
        """Every row; files are swept when no row names them."""
        store.delete_all(session, owner_id)
