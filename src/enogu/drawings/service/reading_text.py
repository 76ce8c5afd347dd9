"""A picture's text back into the form (I4), with its LoRAs and base model looked for in the owner's library."""

from __future__ import annotations

from collections.abc import Iterable

from enogu.base_models import service as base_models
from enogu.drawings.entities import BaseModelRead, LoraRead, ReadForm
from enogu.drawings.rules.form_of_text import FormOfText, read_form
from enogu.drawings.service import library
from enogu.errors import BaseModelRefused, NotFound
from enogu.loras import service as loras
from enogu.loras.entities import Lora
from enogu.settings import Settings
from enogu.storage.database import Session


def read_parameters(session: Session, settings: Settings, owner_id: str, text: str) -> ReadForm:
    """What the form would have to hold to draw this again, and what cannot be taken over."""
    form = read_form(text)
    notes = list(form.notes)
    found = tuple(_lora(session, owner_id, form, wish.reference, wish.weight) for wish in form.loras)
    if missing := [one.name for one in found if one.lora_id is None]:
        notes.append(
            f"Not in your library: {', '.join(missing)}. Upload {'it' if len(missing) == 1 else 'them'} to use."
        )
    base = _base_model(session, settings, owner_id, form)
    if base is not None and base.base_model_id is None:
        notes.append(f"There is no base model '{base.name or base.hash}' here: choose one of its family.")
    return ReadForm(text, form.prompt, form.negative_prompt, form.fields, found, base, tuple(notes), dict(form.others))


def _lora(session: Session, owner_id: str, form: FormOfText, name: str, weight: float) -> LoraRead:
    """By its hash first, which tells even when it was renamed; else by its name."""
    digest = form.lora_hashes.get(name, "")
    known = _by_hash(library.list_all(session, owner_id), digest) if digest else None
    known = known or loras.find_by_name(session, owner_id, name)
    return LoraRead(name, weight, digest, known.id if known else None, known.name if known else None)


def _by_hash(known_loras: Iterable[Lora], digest: str) -> Lora | None:
    """A1111 writes the beginning of ``sshs_model_hash`` (of the tensors), others that of the file's sha256."""
    wanted = digest.casefold()
    if len(wanted) < 8:
        return None
    for lora in known_loras:
        known = (str(lora.facts.get("model_hash") or ""), lora.sha256, str(lora.facts.get("legacy_hash") or ""))
        if any(one and (one.startswith(wanted) or wanted.startswith(one)) for one in known):
            return lora
    return None


def _base_model(session: Session, settings: Settings, owner_id: str, form: FormOfText) -> BaseModelRead | None:
    if not form.base_model_name and not form.base_model_hash:
        return None
    found = None
    for reference in (form.base_model_name, form.base_model_hash):
        try:
            found = base_models.get_base_model(session, settings, owner_id, reference) if reference else None
        except (BaseModelRefused, NotFound):
            continue
        if found is not None:
            break
    return BaseModelRead(form.base_model_name, form.base_model_hash, found.id if found else None)
