"""Changes of captions. Every one goes through here, so that every one can be taken back (E7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from enogu.datasets import store
from enogu.datasets.entities import CaptionEdit, CaptionsChanged, DatasetRefused, NothingToUndo
from enogu.datasets.service.sets import get_dataset, locked
from enogu.datasets.store import CaptionChange, CaptionState
from enogu.errors import NotFound, WrongUse
from enogu.imaging.folder import MAX_CAPTION_BYTES
from enogu.storage.database import Session

MOST_EDITS = 500
MOST_EDIT_BYTES = 64 * 2**20
"""Of one dataset's journal, packed. The oldest entries go first; the newest always stays."""
MOST_LISTED = 200


def change_captions(
    session: Session,
    owner_id: str,
    dataset_id: str,
    changes: Mapping[str, str],
    *,
    words: str,
    now: datetime,
    expected_revision: int | None = None,
) -> CaptionEdit:
    """New captions by picture id, as one entry of the journal; what was undone before cannot be redone any more.

    ``words`` say what was done, for the list. A caption that stays as it is is no change; when all do, no entry is made
    and the answer has the number 0. With ``expected_revision`` (``Dataset.captions_revision`` when the captions were
    read) a change of somebody else's in between is not written over. Raises NotFound for the dataset or a picture,
    CaptionsChanged, DatasetRefused for a caption that is too long.
    """
    row = locked(session, owner_id, dataset_id)
    if expected_revision is not None and expected_revision != row.captions_revision:
        raise CaptionsChanged("The captions were changed meanwhile.", "Load them again and repeat the change.")
    before = store.read_captions(session, dataset_id)
    done: dict[str, CaptionChange] = {}
    for picture_id, given in changes.items():
        if picture_id not in before:
            raise NotFound("One of the pictures is not in this dataset.", "It may have been removed.")
        text = checked_caption(given)
        after = CaptionState(text, bool(text))
        if text != before[picture_id].text:
            done[picture_id] = CaptionChange(before[picture_id], after)
    if not done:
        return CaptionEdit("", dataset_id, 0, words, 0, now, False, row.captions_revision)
    store.forget_undone_edits(session, dataset_id)
    row.num_edits += 1
    row.captions_revision += 1
    row.changed_at = now
    number, revision = row.num_edits, row.captions_revision
    edit = store.add_edit(session, dataset_id, number, words[: store.WORDS_LENGTH], done, now)
    store.forget_old_edits(session, dataset_id, MOST_EDITS, MOST_EDIT_BYTES)
    store.apply_captions(session, dataset_id, {one: change.after for one, change in done.items()})
    return replace(edit, captions_revision=revision)


def undo_captions(session: Session, owner_id: str, dataset_id: str, now: datetime) -> CaptionEdit:
    """Take the last change back, whoever made it and whenever. Raises NotFound, NothingToUndo."""
    row = locked(session, owner_id, dataset_id)
    found = store.find_edit_to_undo(session, dataset_id)
    if found is None:
        raise NothingToUndo("There is no change of captions to take back.")
    return _moved(session, row, found, now, is_undone=True)


def redo_captions(session: Session, owner_id: str, dataset_id: str, now: datetime) -> CaptionEdit:
    """Do again what was undone last. Raises NotFound, NothingToUndo."""
    row = locked(session, owner_id, dataset_id)
    found = store.find_edit_to_redo(session, dataset_id)
    if found is None:
        raise NothingToUndo("There is no change of captions to do again.")
    return _moved(session, row, found, now, is_undone=False)


def list_caption_edits(
    session: Session, owner_id: str, dataset_id: str, *, before: int | None = None, limit: int = 50
) -> tuple[CaptionEdit, ...]:
    """The journal, newest first; the next page is ``before`` this one's last number. Raises NotFound."""
    revision = get_dataset(session, owner_id, dataset_id).captions_revision
    found = store.list_edits(session, dataset_id, before, min(max(limit, 1), MOST_LISTED))
    return tuple(replace(one, captions_revision=revision) for one in found)


def count_caption_edits(session: Session, owner_id: str, dataset_id: str) -> tuple[int, int]:
    """How many changes can be undone, and how many redone. Raises NotFound."""
    get_dataset(session, owner_id, dataset_id)
    return (
        store.count_edits(session, dataset_id, is_undone=False),
        store.count_edits(session, dataset_id, is_undone=True),
    )


def checked_caption(text: str) -> str:
    """Without blanks around it. Raises DatasetRefused, WrongUse."""
    caption = text.replace("\r\n", "\n").strip()
    if "\0" in caption:
        raise WrongUse("A caption has NUL characters.", "Leave them out.")
    try:
        size = len(caption.encode())
    except UnicodeEncodeError:
        raise WrongUse("A caption has signs that cannot be kept.", "Leave half surrogates out.") from None
    if size > MAX_CAPTION_BYTES:
        raise DatasetRefused(f"A caption is larger than {MAX_CAPTION_BYTES // 1024} KiB.", "Shorten it.")
    return caption


def _moved(
    session: Session,
    row: store.DatasetRow,
    found: tuple[CaptionEdit, dict[str, CaptionChange]],
    now: datetime,
    *,
    is_undone: bool,
) -> CaptionEdit:
    edit, changes = found
    row.captions_revision += 1
    row.changed_at = now
    dataset_id, revision = row.id, row.captions_revision
    store.mark_edit(session, edit.id, is_undone=is_undone)
    states = {one: change.before if is_undone else change.after for one, change in changes.items()}
    store.apply_captions(session, dataset_id, states)
    return replace(edit, is_undone=is_undone, captions_revision=revision)
