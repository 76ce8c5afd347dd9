"""Pictures on their way in (D1, D2): examined one by one, put into the dataset, captions attached.

Decoding takes long and must not happen inside a transaction: ``examined_pictures`` knows no database, ``take_picture``
no decoder. A request, a task and the command line do one after the other for each picture, so that a broken file or a
killed process costs no other picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from enogu.datasets import store
from enogu.datasets.entities import (
    AddedPicture,
    ExaminedPicture,
    ImportPlan,
    IncomingPicture,
    RefusedFile,
)
from enogu.datasets.incoming.reading import incoming_pictures
from enogu.datasets.incoming.sources import ImportSource
from enogu.datasets.service.journal import change_captions
from enogu.datasets.service.masks import keep_mask
from enogu.datasets.service.pictures import add_picture, find_by_stem, set_mask
from enogu.datasets.service.sets import checked_trigger, get_dataset, set_trigger
from enogu.errors import EnoguError, PictureRefused
from enogu.imaging.decoder import Decoder
from enogu.storage.database import Session
from enogu.storage.files import Files

THUMBNAIL_BYTES = 4 * 2**20


@dataclass
class ImportReport:
    """What an import came to."""

    added: list[AddedPicture] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_captions: int = 0
    """Captions that were attached to pictures that were there."""
    num_masks: int = 0
    """Masks that were."""

    @property
    def num_new(self) -> int:
        """Pictures that are new."""
        return sum(one.is_new for one in self.added)


def examined_pictures(
    files: Files, decoder: Decoder, source: ImportSource, plan: ImportPlan, background: str = "#ffffff", start: int = 0
) -> Iterator[ExaminedPicture | RefusedFile]:
    """The plan's pictures from the one with ``start`` others before it: decoded once, the original's bytes and a
    thumbnail put into the store of files. What cannot be used comes as its reason. Raises StorageFailed.
    """
    rest = ImportPlan(plan.pictures[start:], plan.refused, plan.notes, plan.trigger_hint)
    for incoming in incoming_pictures(source, rest):
        if isinstance(incoming, PictureRefused):
            yield refused_file(incoming)
            continue
        try:
            yield examine(files, decoder, incoming, background)
        except PictureRefused as refusal:
            yield refused_file(refusal, incoming.name)


def examine(files: Files, decoder: Decoder, incoming: IncomingPicture, background: str = "#ffffff") -> ExaminedPicture:
    """Raises PictureRefused, StorageFailed."""
    name = incoming.name if len(incoming.name) <= store.PICTURE_NAME_LENGTH else incoming.name.rpartition("/")[2]
    if len(name) > store.PICTURE_NAME_LENGTH:
        raise PictureRefused(
            f"{name[:80]}… has a name of more than {store.PICTURE_NAME_LENGTH} characters.", "Give it a shorter one."
        )
    found = decoder.examine(incoming.data, name, background)
    original = files.put([incoming.data], len(incoming.data))
    thumbnail = files.put([found.thumbnail], THUMBNAIL_BYTES)
    mask_sha256, notes = None, incoming.notes
    if incoming.mask is not None:
        try:
            mask_sha256 = keep_mask(
                files, decoder, incoming.mask,
                picture_name=name, width=found.info.width, height=found.info.height,
            )  # fmt: skip
        except PictureRefused as refusal:
            notes = (*notes, refusal.message)
    return ExaminedPicture(
        name=name,
        sha256=original.sha256,
        size_bytes=original.size_bytes,
        format=found.info.format,
        width=found.info.width,
        height=found.info.height,
        notes=(*found.info.notes, *notes),
        pixel_sha256=found.pixel_sha256,
        fingerprint=None if found.fingerprint is None else str(found.fingerprint),
        quality=found.quality,
        thumbnail_sha256=thumbnail.sha256,
        caption=incoming.caption,
        has_caption=incoming.has_caption and bool(incoming.caption),
        repeats=incoming.repeats,
        class_tokens=incoming.class_tokens[: store.PICTURE_NAME_LENGTH],
        is_regularisation=incoming.is_regularisation,
        mask_sha256=mask_sha256,
    )


def take_picture(
    session: Session, owner_id: str, dataset_id: str, examined: ExaminedPicture, now: datetime
) -> AddedPicture:
    """Into the dataset; when the same bytes are there already without a caption or mask, they get these.

    Raises NotFound, DatasetFull.
    """
    added = add_picture(session, owner_id, dataset_id, examined, now)
    if not added.is_new and examined.has_caption and not added.picture.has_caption:
        change_captions(
            session, owner_id, dataset_id, {added.picture.id: examined.caption},
            words=f"caption of {added.picture.name} from a file", now=now,
        )  # fmt: skip
    if not added.is_new and examined.mask_sha256 and not added.picture.mask_sha256:
        masked = set_mask(session, owner_id, dataset_id, added.picture.id, examined.mask_sha256, now)
        added = replace(added, picture=masked)
    return added


def attach_captions(
    session: Session, owner_id: str, dataset_id: str, captions: Sequence[tuple[str, str]], now: datetime
) -> int:
    """Captions that came without their picture go to the one of that name; as one change. How many found theirs.

    ``captions`` are (name without suffix, text). Raises NotFound.
    """
    changes: dict[str, str] = {}
    for stem, text in captions:
        picture_id = find_by_stem(session, dataset_id, stem) or find_by_stem(
            session, dataset_id, stem.rpartition("/")[2]
        )
        if picture_id is not None:
            changes[picture_id] = text
    if not changes:
        return 0
    words = "1 caption from files" if len(changes) == 1 else f"{len(changes)} captions from files"
    return change_captions(session, owner_id, dataset_id, changes, words=words, now=now).num_pictures


def take_trigger(session: Session, owner_id: str, dataset_id: str, hint: str, now: datetime) -> bool:
    """The trigger that a Kohya folder's name says, when the dataset has none yet. Raises NotFound."""
    if not hint or get_dataset(session, owner_id, dataset_id).trigger:
        return False
    try:
        set_trigger(session, owner_id, dataset_id, checked_trigger(hint), now)
    except EnoguError:
        return False
    return True


def refused_file(refusal: PictureRefused, name: str = "") -> RefusedFile:
    """A refusal as something to show."""
    return RefusedFile(name or refusal.message.split(" ", 1)[0].rstrip(":"), refusal.message, refusal.cure)
