"""Which taggers a person has (D6): the starter, folders of ``ENOGU_HOME/taggers``, and their own uploads."""

from __future__ import annotations

import csv
import shutil
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from enogu import starter_data
from enogu.accounts.entities import Account
from enogu.datasets import store
from enogu.datasets.entities import TaggerFacts, TaggerRefused, TaggerTag
from enogu.datasets.service.sets import checked_name, name_key
from enogu.errors import EnoguError, NotFound
from enogu.settings import Settings
from enogu.storage.database import Session
from enogu.storage.files import Files
from enogu.tagging.wd14 import CATEGORIES, read_labels, read_recommended_threshold
from enogu.whole_file import write_whole

STARTER = "starter"
MOST_TAGGERS = 50
MODEL_FILE = "model.onnx"
CSV_FILE = "selected_tags.csv"


def list_taggers(session: Session, settings: Settings, owner_id: str) -> tuple[TaggerFacts, ...]:
    """The starter, this studio's folders by name, then one's own; with those that are being checked or were refused."""
    found = [_starter()]
    folder = settings.home / "taggers"
    for place in sorted(folder.iterdir()) if folder.is_dir() else []:
        if place.is_dir() and (place / MODEL_FILE).is_file():
            found.append(_in_folder(place))
    return (*found, *store.list_taggers(session, owner_id))


def get_tagger(session: Session, settings: Settings, owner_id: str, reference: str) -> TaggerFacts:
    """By id or name; one's own before a folder of the same name. Raises NotFound."""
    own = store.find_tagger(session, owner_id, reference) or store.find_tagger_by_name(
        session, owner_id, name_key(reference)
    )
    if own is not None:
        return own
    for one in list_taggers(session, settings, owner_id):
        if one.name == reference:
            return one
    raise NotFound(f"There is no tagger called '{reference[:80]}'.", "Choose one from the list of taggers.")


def usable_tagger(session: Session, settings: Settings, owner_id: str, reference: str) -> TaggerFacts:
    """As ``get_tagger``; raises TaggerRefused, too, when it was refused or is not checked yet."""
    found = get_tagger(session, settings, owner_id, reference)
    if found.state == "checking":
        raise TaggerRefused(f"The tagger {found.name} is still being checked.", "Try again in a moment.")
    if found.state == "refused":
        raise TaggerRefused(f"The tagger {found.name} cannot be used: {found.reason}", "Choose another.")
    return found


def add_tagger(session: Session, account: Account, name: str, now: datetime) -> TaggerFacts:
    """A new one of somebody's own, to be checked by a task. Raises DatasetRefused for its name, TaggerRefused."""
    shown = checked_name(name, 64)
    if shown == STARTER or store.find_tagger_by_name(session, account.id, name_key(shown)) is not None:
        raise TaggerRefused(f"There is a tagger called '{shown}' already.", "Choose another name, or delete it first.")
    if len(store.list_taggers(session, account.id)) >= MOST_TAGGERS:
        raise TaggerRefused(f"There are {MOST_TAGGERS} taggers of yours already.", "Delete one first.")
    return store.add_tagger(session, owner_id=account.id, name=shown, name_key=name_key(shown), now=now)


def delete_tagger(session: Session, owner_id: str, tagger_id: str) -> None:
    """One's own only. Raises NotFound."""
    if not store.delete_tagger(session, owner_id, tagger_id):
        raise NotFound("There is no such tagger of yours.", "The starter and the studio's folders cannot be deleted.")


def place_tagger(files: Files, settings: Settings, tagger: TaggerFacts) -> Path:
    """A folder on this machine with its two files; an upload is copied there once. Raises NotFound, StorageFailed."""
    if tagger.origin == "starter":
        return starter_data.path("tagger")
    if tagger.origin == "folder":
        return settings.home / "taggers" / tagger.name
    if tagger.model_sha256 is None or tagger.csv_sha256 is None:
        raise TaggerRefused(f"The tagger {tagger.name} has no files.", "Upload it again.")
    folder = settings.cache_folder / "taggers" / f"{tagger.model_sha256[:24]}-{tagger.csv_sha256[:24]}"
    for sha256, name in ((tagger.csv_sha256, CSV_FILE), (tagger.model_sha256, MODEL_FILE)):
        if not (folder / name).is_file():
            with files.local(sha256) as kept:
                write_whole(folder / name, lambda aside, source=kept: _copy(source, aside))
    return folder


def read_vocabulary(files: Files, settings: Settings, tagger: TaggerFacts) -> tuple[TaggerTag, ...]:
    """Every tag it knows, in its own order, with the counts of its CSV. Raises WrongUse, NotFound, StorageFailed."""
    if tagger.origin == "upload" and tagger.csv_sha256 is not None:
        with files.local(tagger.csv_sha256) as kept:
            return _vocabulary(kept)
    return _vocabulary(place_tagger(files, settings, tagger) / CSV_FILE)


def _starter() -> TaggerFacts:
    return _facts(STARTER, "starter", starter_data.path("tagger"))


def _in_folder(place: Path) -> TaggerFacts:
    try:
        return _facts(place.name, "folder", place)
    except EnoguError as error:
        return TaggerFacts(place.name, place.name, "folder", "refused", str(error), 0.0, 0, None, None)


def _facts(name: str, origin: str, place: Path) -> TaggerFacts:
    changed_at = 0.0
    with suppress(OSError):
        changed_at = max(file.stat().st_mtime for file in place.iterdir())
    threshold, num_tags = _measured(place, changed_at)
    is_starter = origin == "starter"
    return TaggerFacts(name, name, "starter" if is_starter else "folder", "ready", "", threshold, num_tags, None, None)


@lru_cache(maxsize=64)
def _measured(place: Path, _changed_at: float) -> tuple[float, int]:
    return read_recommended_threshold(place / "tagger.json"), len(read_labels(place / CSV_FILE))


def _vocabulary(file: Path) -> tuple[TaggerTag, ...]:
    read_labels(file)  # refuses what is no vocabulary
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = [row for row in csv.reader(opened) if row][1:]
    return tuple(TaggerTag(row[1], CATEGORIES[int(row[2])], int(row[3]) if row[3].isdecimal() else 0) for row in rows)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
