"""Everything of one owner's in captions, to export or delete (J3): imported lists. Captions are the datasets'."""

from __future__ import annotations

from collections.abc import Iterable

from enogu.accounts.owned_data import ExportedFile, ExportedRecord
from enogu.captions import store
from enogu.storage.database import Session

_TAGS_IN_A_RECORD = 5000


class CaptionsData:
    """What this slice keeps for an owner."""

    slice_name = "captions"

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """Each vocabulary in records of 5,000 tags, so that none has to be held as a whole."""
        for one in store.list_vocabularies(session, owner_id):
            after, part = -1, 0
            while page := store.list_tags(session, one.id, after, _TAGS_IN_A_RECORD):
                after, part = page[-1][0], part + 1
                tags = [[tag.name, tag.category, tag.count, tag.translation] for _, tag in page]
                yield ExportedRecord(f"captions/{one.id}-{part}.json", {"name": one.name, "tags": tags})

    def delete(self, session: Session, owner_id: str) -> None:
        """All vocabularies."""
        store.delete_vocabularies_of(session, owner_id)
