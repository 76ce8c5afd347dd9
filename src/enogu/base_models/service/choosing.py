"""Which base models somebody may choose from, and which one a reference means."""

from __future__ import annotations

import difflib
import unicodedata
from pathlib import Path

from enogu import starter_data
from enogu.base_models import store
from enogu.base_models.entities import BaseModel, Origin
from enogu.base_models.rules import folders, hashes
from enogu.base_models.rules.finding import STARTER
from enogu.errors import BaseModelRefused, EnoguError, NotFound
from enogu.settings import Settings
from enogu.storage.database import Session

HOME_PREFIX = "home:"


def get_base_model(session: Session, settings: Settings, owner_id: str, reference: str) -> BaseModel:
    """The base model with this id or name: ``starter``, a folder of ENOGU_HOME/base_models, or one that ``owner_id``
    registered. Names are compared without case and width. One that is still imported or failed is given too, with
    ``why_not``.

    Raises BaseModelRefused with the names there are, or with what is wrong with the folder that is meant.
    """
    if reference == STARTER:
        return _starter(settings)
    if reference.startswith(HOME_PREFIX):
        return _of_home(settings, reference.removeprefix(HOME_PREFIX))
    own = store.find_base_model(session, owner_id, reference) or store.find_by_name(
        session, owner_id, name_key(reference)
    )
    if own is not None:
        return own
    for folder in folders.find_folders(settings.base_models_folder):
        if name_key(folder.name) == name_key(reference):
            return _of_home(settings, folder.name)
    raise _unknown(session, settings, owner_id, reference)


def find_shared(settings: Settings) -> tuple[list[BaseModel], list[EnoguError]]:
    """What is everybody's: the starter, then the home folder's by name; and what cannot be used, with the reason."""
    found: list[BaseModel] = []
    refused: list[EnoguError] = []
    try:
        found.append(_starter(settings))
    except EnoguError as error:
        refused.append(error)
    for folder in folders.find_folders(settings.base_models_folder):
        try:
            found.append(_of_home(settings, folder.name))
        except EnoguError as error:
            refused.append(error)
    return found, refused


def name_key(name: str) -> str:
    """What names are compared by."""
    return unicodedata.normalize("NFKC", name).strip().casefold()[: 4 * store.NAME_LENGTH]


def no_base_model(base_model_id: str) -> NotFound:
    """The error for one that is not there, or not the asking person's."""
    return NotFound(f"There is no base model {base_model_id[:60]}.", "It may have been deleted; see the list.")


def _starter(settings: Settings) -> BaseModel:
    return _shared(settings, starter_data.path("base_model"), STARTER, STARTER, "starter")


def _of_home(settings: Settings, name: str) -> BaseModel:
    """Only a name that the folder's listing has: a reference is no path."""
    for folder in folders.find_folders(settings.base_models_folder):
        if folder.name == name:
            return _shared(settings, folder, f"{HOME_PREFIX}{name}", name, "home")
    raise no_base_model(name)


def _shared(settings: Settings, folder: Path, base_model_id: str, name: str, origin: Origin) -> BaseModel:
    facts = folders.describe_folder(folder)
    return BaseModel(
        id=base_model_id,
        owner_id=None,
        name=name,
        family=facts.family,
        derivative="",
        prediction_type=facts.prediction_type,
        origin=origin,
        layout="folder",
        state="ready",
        reason="",
        hash=hashes.find_folder_hash(settings.cache_folder, folder),
        size_bytes=facts.size_bytes,
        licence="",
        notes="",
        picture_sha256=None,
        style="",
        native_side=folders.native_side(folder),
        created_at=None,
        path=folder.resolve(),
        can_train=not facts.why_not,
        why_not=f"'{name}' is {facts.why_not}; the engine trains SD1.5." if facts.why_not else "",
    )


def _unknown(session: Session, settings: Settings, owner_id: str, reference: str) -> BaseModelRefused:
    own = [base.name for base in store.list_base_models(session, owner_id)]
    names = [STARTER, *(folder.name for folder in folders.find_folders(settings.base_models_folder)), *own]
    close = difflib.get_close_matches(reference, names, n=1)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return BaseModelRefused(
        f"There is no base model '{reference[:120]}'.", f"{guess}There are: {', '.join(names[:30])}."
    )
