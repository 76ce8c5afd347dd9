"""What takes longer than a request's one transaction should: changing captions, and importing a list of tags.

Each opens short transactions of its own, so that a slow pattern or a large file keeps no other writer waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import IO

from enogu.captions import service
from enogu.captions.entities import Command, KnownTag, Vocabulary
from enogu.captions.rules.vocabulary_file import ReadingReport, read_tags
from enogu.captions.service import PreparedEdit
from enogu.captions.service.vocabularies import Heads
from enogu.datasets.entities import CaptionEdit, CaptionsChanged
from enogu.errors import NotFound
from enogu.settings import Settings
from enogu.storage.database import Engine, Session, reading, transaction
from enogu.storage.files import Files

_TRIES = 3
_TAGS_AT_A_TIME = 4000


def edit_captions(
    engine: Engine,
    settings: Settings,
    files: Files,
    owner_id: str,
    dataset_id: str,
    command: Command,
    now: datetime,
    *,
    picture_ids: Collection[str] | None = None,
    expression: str = "",
    is_dry_run: bool = False,
    expected_revision: int | None = None,
) -> tuple[PreparedEdit, CaptionEdit | None]:
    """Carry out a command on the pictures named that the filter takes; a dry run only says what it would change.

    Raises NotFound, CaptionsChanged when the captions are no longer of ``expected_revision`` (None: whatever they are),
    and what refuses the command.
    """
    for tried in range(1, _TRIES + 1):
        with reading(engine) as session:
            edit = service.prepare_edit(
                session, settings, files, owner_id, dataset_id, command,
                picture_ids=picture_ids, expression=expression,
            )  # fmt: skip
        if expected_revision is not None and expected_revision != edit.captions_revision:
            raise CaptionsChanged("The captions were changed meanwhile.", "Load them again and repeat the change.")
        if is_dry_run or not edit.changes.changed:
            return edit, None
        try:
            with transaction(engine) as session:
                return edit, service.keep_edit(session, owner_id, edit, now)
        except CaptionsChanged:
            if expected_revision is not None or tried == _TRIES:
                raise
    raise AssertionError("every try returns or raises")


def import_vocabulary(
    engine: Engine, owner_id: str, name: str, file: IO[bytes], now: datetime
) -> tuple[Vocabulary, ReadingReport]:
    """A list of tags from a CSV; whole, or nothing of it. Raises VocabularyRefused, NotFound."""
    with transaction(engine) as session:
        vocabulary_id = service.start_vocabulary(session, owner_id, name, now)
    try:
        return _import(engine, owner_id, vocabulary_id, file)
    except BaseException:
        with transaction(engine) as session:
            _delete(session, owner_id, vocabulary_id)
        raise


def _import(engine: Engine, owner_id: str, vocabulary_id: str, file: IO[bytes]) -> tuple[Vocabulary, ReadingReport]:
    report, heads = ReadingReport(), Heads()
    tags: list[KnownTag] = []
    first = 0

    def write(rest: Callable[[Session], None]) -> None:
        with transaction(engine) as session:
            rest(session)

    def add(session: Session) -> None:
        service.add_tags(session, owner_id, vocabulary_id, first, tags, heads)

    for tag in read_tags(file, report):
        tags.append(tag)
        if len(tags) == _TAGS_AT_A_TIME:
            write(add)
            first, tags = first + len(tags), []
    write(add)
    with transaction(engine) as session:
        return service.end_vocabulary(session, owner_id, vocabulary_id, report.num_read, heads), report


def _delete(session: Session, owner_id: str, vocabulary_id: str) -> None:
    try:
        service.delete_vocabulary(session, owner_id, vocabulary_id)
    except NotFound:
        return
