"""Datasets themselves: make, find, name, set, copy, delete and bring back. Every function is for one owner."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from enogu.datasets import store
from enogu.datasets.entities import CropSettings, Dataset, DatasetRefused, TagSettings
from enogu.errors import NotFound, WrongUse
from enogu.imaging.decoding import MIN_SIDE, parse_colour
from enogu.storage.database import Session

MOST_LISTED = 200
MOST_DATASETS = 10_000
KEPT_DAYS = 30
"""So long a deleted dataset or picture can be brought back."""
MOST_SIDE = 4096
MOST_UNDESIRED = 500


def create_dataset(session: Session, owner_id: str, name: str, now: datetime) -> Dataset:
    """A new dataset without pictures. Raises DatasetRefused for its name."""
    if store.count_datasets(session, owner_id) >= MOST_DATASETS:
        raise DatasetRefused(f"There are {MOST_DATASETS:,} datasets already.", "Delete some of them.")
    shown = checked_name(name)
    return store.add_dataset(session, owner_id=owner_id, name=shown, name_key=name_key(shown), now=now)


def get_dataset(session: Session, owner_id: str, dataset_id: str) -> Dataset:
    """Raises NotFound, too, when it is somebody else's or was deleted."""
    found = store.find_dataset(session, owner_id, dataset_id)
    if found is None:
        raise no_dataset()
    return found


def list_datasets(
    session: Session,
    owner_id: str,
    *,
    search: str = "",
    is_deleted: bool = False,
    before: str | None = None,
    limit: int = MOST_LISTED,
) -> tuple[Dataset, ...]:
    """Newest first; ``search`` is a part of the name, ``before`` the id of the last one that is known already."""
    wanted = min(max(limit, 1), MOST_LISTED)
    return store.list_datasets(
        session, owner_id, search=name_key(search), is_deleted=is_deleted, before=before, limit=wanted
    )


def count_datasets(session: Session, owner_id: str, *, search: str = "", is_deleted: bool = False) -> int:
    """How many ``list_datasets`` would go through."""
    return store.count_datasets(session, owner_id, search=name_key(search), is_deleted=is_deleted)


def rename_dataset(session: Session, owner_id: str, dataset_id: str, name: str, now: datetime) -> Dataset:
    """Raises NotFound, DatasetRefused."""
    shown = checked_name(name)
    return store.change_dataset(
        session, locked(session, owner_id, dataset_id), now, name=shown, name_key=name_key(shown)
    )


def set_trigger(session: Session, owner_id: str, dataset_id: str, trigger: str, now: datetime) -> Dataset:
    """The word that stands first in every caption (D8); empty for none. Raises NotFound, DatasetRefused.

    Captions that are there already stay as they are: ``captions`` puts a trigger into them.
    """
    return store.change_dataset(
        session, locked(session, owner_id, dataset_id), now, trigger_word=checked_trigger(trigger)
    )


def set_settings(
    session: Session,
    owner_id: str,
    dataset_id: str,
    now: datetime,
    *,
    crop: CropSettings | None = None,
    tag: TagSettings | None = None,
) -> Dataset:
    """How it is cropped and tagged the next time (D5 to D10). Raises NotFound, DatasetRefused, WrongUse."""
    row = locked(session, owner_id, dataset_id)
    values: dict[str, Any] = {}
    if crop is not None:
        values["crop"] = checked_crop(crop)
    if tag is not None:
        values["tag"] = checked_tag(tag)
    return store.change_dataset(session, row, now, **values)


def delete_dataset(session: Session, owner_id: str, dataset_id: str, now: datetime) -> Dataset:
    """Out of sight; ``restore_dataset`` brings it back for KEPT_DAYS. Files stay until then. Raises NotFound."""
    return store.change_dataset(session, locked(session, owner_id, dataset_id), now, deleted_at=now)


def restore_dataset(session: Session, owner_id: str, dataset_id: str, now: datetime) -> Dataset:
    """Back as it was. Raises NotFound when it was not deleted, or is gone for good."""
    row = store.lock_dataset(session, owner_id, dataset_id, is_deleted=True)
    if row is None:
        raise no_dataset()
    return store.change_dataset(session, row, now, deleted_at=None)


def sweep(session: Session, now: datetime) -> int:
    """Take away for good what was deleted more than KEPT_DAYS ago; how many rows. ``enogu admin sweep`` calls it."""
    return store.purge(session, now - timedelta(days=KEPT_DAYS))


def copy_dataset(session: Session, owner_id: str, dataset_id: str, name: str | None, now: datetime) -> Dataset:
    """The same pictures, crops, captions and settings under another name; the journal begins anew. No file is copied.

    Raises NotFound, DatasetRefused.
    """
    source = get_dataset(session, owner_id, dataset_id)
    shown = name if name is not None else f"{source.name[: store.NAME_LENGTH - 5]} copy"
    made = create_dataset(session, owner_id, shown, now)
    store.copy_pictures(session, source.id, made.id, now)
    row = locked(session, owner_id, made.id)
    return store.change_dataset(
        session, row, now, trigger_word=source.trigger, crop=source.crop, tag=source.tag,
        num_pictures=source.num_pictures, cover_sha256=source.cover_sha256,
    )  # fmt: skip


# ---- what other parts of this service use ----------------------------------------------------------------------------


def locked(session: Session, owner_id: str, dataset_id: str) -> store.DatasetRow:
    """Its row, held until the transaction ends. Raises NotFound."""
    row = store.lock_dataset(session, owner_id, dataset_id)
    if row is None:
        raise no_dataset()
    return row


def no_dataset() -> NotFound:
    """The error for one that is not there, is deleted, or is somebody else's."""
    return NotFound("There is no such dataset.", "It may have been deleted.")


def name_key(name: str) -> str:
    """What two names share that are the same to a person."""
    return unicodedata.normalize("NFKC", " ".join(name.split())).casefold()[: 4 * store.NAME_LENGTH]


def checked_name(name: str, length: int = store.NAME_LENGTH) -> str:
    """In one line, without signs that cannot be shown. Raises DatasetRefused."""
    shown = " ".join(unicodedata.normalize("NFC", _writable(name)).split())
    if not shown:
        raise DatasetRefused("A name is needed.", "Give a word or two.")
    if len(shown) > length:
        raise DatasetRefused(f"The name is longer than {length} characters.", "Shorten it.")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Co", "Cn") for sign in shown):
        raise DatasetRefused("The name has signs that cannot be shown.", "Leave them out.")
    return shown


def checked_trigger(trigger: str) -> str:
    """One tag. Raises DatasetRefused."""
    shown = " ".join(trigger.split())
    if not shown:
        return ""
    if re.search(r"[,\n]", trigger):
        raise DatasetRefused(f"The trigger {shown[:40]!r} is more than one tag.", "Use a word without commas.")
    return checked_name(shown, store.TRIGGER_LENGTH)


def checked_crop(crop: CropSettings) -> CropSettings:
    """Raises DatasetRefused for a size, WrongUse for a colour."""
    if not (MIN_SIDE <= crop.width <= MOST_SIDE and MIN_SIDE <= crop.height <= MOST_SIDE):
        raise DatasetRefused(
            f"A crop of {crop.width}×{crop.height} pixels does not go.", f"Take {MIN_SIDE} to {MOST_SIDE} on each side."
        )
    red, green, blue = parse_colour(crop.background)
    return replace(crop, background=f"#{red:02x}{green:02x}{blue:02x}")


def checked_tag(tag: TagSettings) -> TagSettings:
    """Raises DatasetRefused."""
    if tag.threshold is not None and not 0 <= tag.threshold <= 1:
        raise DatasetRefused(f"The threshold {tag.threshold} does not go.", "It lies between 0 and 1.")
    if tag.most_tags is not None and not 1 <= tag.most_tags <= 1000:
        raise DatasetRefused(f"{tag.most_tags} tags per picture do not go.", "Take 1 to 1000, or leave it open.")
    undesired = tuple(dict.fromkeys(one for given in tag.undesired_tags if (one := " ".join(given.split()))))
    if len(undesired) > MOST_UNDESIRED or any(len(one) > store.TRIGGER_LENGTH for one in undesired):
        raise DatasetRefused(
            f"More than {MOST_UNDESIRED} undesired tags, or one of more than {store.TRIGGER_LENGTH} characters.",
            "Leave some out.",
        )
    return replace(tag, tagger=checked_name(tag.tagger), undesired_tags=undesired)


def _writable(text: str) -> str:
    """Raises DatasetRefused for half surrogates, which no database keeps."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DatasetRefused("A text has signs that cannot be kept.", "Leave them out.") from None
    if "\0" in text:
        raise WrongUse("A text has NUL characters.", "Leave them out.")
    return text
