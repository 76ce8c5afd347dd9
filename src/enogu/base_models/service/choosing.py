"""Which base models somebody may choose from, and which one a reference means."""

from __future__ import annotations

import difflib
import unicodedata
from dataclasses import replace
from pathlib import Path

from enogu import starter_data
from enogu.base_models import store
from enogu.base_models.entities import BaseModel, BaseModelPage, NoSuchBaseModel, Origin
from enogu.base_models.rules import describing, folders, hashes
from enogu.base_models.rules.finding import STARTER
from enogu.errors import EnoguError, NotFound
from enogu.settings import Settings
from enogu.storage.database import Session

HOME_PREFIX = "home:"
MOST_LISTED = 200
LONGEST_REFERENCE = 300


def get_base_model(session: Session, settings: Settings, owner_id: str, reference: str) -> BaseModel:
    """The base model with this id or name: ``starter``, what lies in ENOGU_HOME/base_models, or one that ``owner_id``
    registered. Names are compared without case and width. One that is still imported or failed is given too, with
    ``why_not``.

    Raises NoSuchBaseModel with the names there are, or BaseModelRefused with what is wrong with the folder or file
    that is meant.
    """
    if reference == STARTER:
        return _starter(settings)
    if not reference.isprintable() or len(reference) > LONGEST_REFERENCE:
        raise _unknown(session, settings, owner_id, "".join(sign for sign in reference if sign.isprintable()))
    if reference.startswith(HOME_PREFIX):
        return _of_home(settings, reference.removeprefix(HOME_PREFIX))
    key = name_key(reference)
    own = store.find_base_model(session, owner_id, reference) or store.find_by_name(session, owner_id, key)
    if own is not None:
        return _as_it_is_now(settings, own)
    for path in _home_paths(settings):
        if name_key(describing.name_of(path)) == key:
            return _of_home(settings, path.name)
    raise _unknown(session, settings, owner_id, reference)


def list_base_models(
    session: Session,
    settings: Settings,
    owner_id: str,
    *,
    search: str = "",
    family: str = "",
    limit: int = 50,
    offset: int = 0,
) -> BaseModelPage:
    """The starter first, then by name: what ``owner_id`` may use, of ``family`` and with ``search`` in its name, notes
    or branch.
    """
    shared, refused = find_shared(settings)
    own = store.list_base_models(session, owner_id)
    words = name_key(search).split()
    found = [
        base
        for base in [*shared[:1], *sorted([*shared[1:], *own], key=lambda base: (name_key(base.name), base.id))]
        if (not family or base.family == family) and all(word in _searched(base) for word in words)
    ]
    limit, offset = max(1, min(limit, MOST_LISTED)), max(0, offset)
    end = offset + limit
    return BaseModelPage(tuple(found[offset:end]), len(found), end if end < len(found) else None, tuple(refused))


def find_shared(settings: Settings) -> tuple[list[BaseModel], list[EnoguError]]:
    """What is everybody's: the starter, then the home folder's by name; and what cannot be used, with the reason."""
    found: list[BaseModel] = []
    refused: list[EnoguError] = []
    try:
        found.append(_starter(settings))
    except EnoguError as error:
        refused.append(error)
    for path in _home_paths(settings):
        try:
            found.append(_of_home(settings, path.name))
        except EnoguError as error:
            refused.append(error)
    return found, refused


def name_key(name: str) -> str:
    """What names are compared by."""
    return unicodedata.normalize("NFKC", name).strip().casefold()[: 4 * store.NAME_LENGTH]


def no_base_model(base_model_id: str) -> NotFound:
    """The error for one that is not there, or not the asking person's."""
    return NotFound(f"There is no base model {base_model_id[:60]}.", "It may have been deleted; see the list.")


def _as_it_is_now(settings: Settings, base: BaseModel) -> BaseModel:
    """A file at a path may have changed since it was registered; its hash then is another one, as far as is known."""
    if base.path is None or not base.path.exists():
        return base
    return replace(base, hash=hashes.find_hash(settings.cache_folder, base.path) or base.hash)


def _starter(settings: Settings) -> BaseModel:
    return _shared(settings, starter_data.path("base_model"), STARTER, STARTER, "starter")


def _of_home(settings: Settings, file_name: str) -> BaseModel:
    """Only a name that the folder's listing has: a reference is no path."""
    for path in _home_paths(settings):
        if path.name == file_name:
            return _shared(settings, path, f"{HOME_PREFIX}{file_name}", describing.name_of(path), "home")
    raise NoSuchBaseModel(
        f"There is no base model '{file_name[:120]}' in the studio's folder.", "It may have been removed; see the list."
    )


def _home_paths(settings: Settings) -> tuple[Path, ...]:
    """Folders and single files; a folder goes before a file of the same name."""
    parent = settings.base_models_folder
    return (*folders.find_folders(parent), *folders.find_files(parent))


def _shared(settings: Settings, path: Path, base_model_id: str, name: str, origin: Origin) -> BaseModel:
    facts = describing.describe_path(path)
    return BaseModel(
        id=base_model_id,
        owner_id=None,
        name=name,
        family=facts.family,
        derivative=facts.derivative,
        prediction_type=facts.prediction_type,
        origin=origin,
        layout=facts.layout,
        state="ready",
        reason="",
        hash=hashes.find_hash(settings.cache_folder, path),
        size_bytes=facts.size_bytes,
        licence=facts.licence,
        notes="",
        picture_sha256=None,
        style=facts.style,
        native_side=facts.native_side,
        created_at=None,
        path=path.resolve(),
        can_train=not facts.why_not,
        why_not=facts.why_not,
    )


def _searched(base: BaseModel) -> str:
    return name_key(f"{base.name} {base.derivative} {base.notes[:400]}")


def _unknown(session: Session, settings: Settings, owner_id: str, reference: str) -> NoSuchBaseModel:
    own = [base.name for base in store.list_base_models(session, owner_id)]
    names = [STARTER, *(describing.name_of(path) for path in _home_paths(settings)), *own]
    close = difflib.get_close_matches(reference, names, n=1)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return NoSuchBaseModel(
        f"There is no base model '{reference[:120]}'.", f"{guess}There are: {', '.join(names[:30])}."
    )
