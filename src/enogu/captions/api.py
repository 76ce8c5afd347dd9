"""The caption editor over HTTP (E1 to E8), completing of tags, imported lists of tags.

Edits and imports open their transactions themselves (``tasks``), so that no slow pattern keeps a writer waiting.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BeforeValidator
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.types import Message

from enogu.accounts.asking import OneTransaction, SomeCaller, TheDoor, identify
from enogu.captions import service, tasks
from enogu.captions.entities import Spelling, UnionOrder, VocabularyRefused
from enogu.captions.rules.token_counts import TokenLimit
from enogu.captions.rules.traits import Level
from enogu.captions.rules.vocabulary_file import MOST_FILE_BYTES
from enogu.captions.shown import (
    AdviceShown,
    CaptionsShown,
    CaptionTokensShown,
    CompletionShown,
    EditedShown,
    EditShown,
    EditToMake,
    FedShown,
    FedToShow,
    Id,
    ImportedShown,
    PictureIdsShown,
    TextToCount,
    TokenCountShown,
    UnionShown,
    UnionTagShown,
    VocabularyShown,
    advice_shown,
    caption_shown,
    command_of,
    edit_shown,
    edited_shown,
    fed_shown,
    tokens_shown,
    vocabulary_shown,
)
from enogu.datasets import service as datasets
from enogu.delivery import TheFiles, TheSettings
from enogu.errors import TooLarge
from enogu.storage.database import transaction, utc_now

router = APIRouter(prefix="/api/datasets/{dataset_id}/captions", tags=["captions"])
tags_router = APIRouter(prefix="/api/tags", tags=["captions"])
vocabularies_router = APIRouter(prefix="/api/vocabularies", tags=["captions"])

Filter = Annotated[str, Query(max_length=2000)]


def _number(value: object) -> object:
    """A query's ``75`` is text, which no literal number is."""
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 5 else value


_Limit = Annotated[TokenLimit, BeforeValidator(_number)]


# ---- looking ---------------------------------------------------------------------------------------------------------


@router.get("")
def list_captions(
    dataset_id: Id,
    session: OneTransaction,
    caller: SomeCaller,
    filter: Filter = "",
    spelling: Spelling = "as_written",
    start: Annotated[int, Query(ge=0, le=10**6)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> CaptionsShown:
    """The captions that the filter takes, in the order of the dataset, and how much can be undone and redone."""
    owner_id = caller.account.id
    known, found = service.list_captions(session, owner_id, dataset_id, filter)
    num_to_undo, num_to_redo = datasets.count_caption_edits(session, owner_id, dataset_id)
    return CaptionsShown(
        captions_revision=known.dataset.captions_revision,
        trigger=known.dataset.trigger,
        num_pictures=len(known.pictures),
        num_matching=len(found),
        num_to_undo=num_to_undo,
        num_to_redo=num_to_redo,
        captions=[
            caption_shown(one.picture_id, one.name, one.caption, spelling) for one in found[start : start + limit]
        ],
    )


@router.get("/matching")
def list_matching(dataset_id: Id, session: OneTransaction, caller: SomeCaller, filter: Filter = "") -> PictureIdsShown:
    """Which pictures a filter takes (E3), such as ``smile AND NOT (hat* OR count>30)``."""
    known, found = service.list_captions(session, caller.account.id, dataset_id, filter)
    return PictureIdsShown(
        captions_revision=known.dataset.captions_revision, picture_ids=[one.picture_id for one in found]
    )


@router.get("/union")
def get_union(
    dataset_id: Id,
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    files: TheFiles,
    filter: Filter = "",
    order: UnionOrder = "count",
    spelling: Spelling = "as_written",
) -> UnionShown:
    """The union of all tags with counts, categories and translations (E1)."""
    known, found = service.union(
        session, settings, files, caller.account.id, dataset_id, expression=filter, order=order, spelling=spelling
    )
    return UnionShown(
        captions_revision=known.dataset.captions_revision,
        num_pictures=len(known.pictures),
        tags=[
            UnionTagShown(
                key=one.key, shown=one.shown, count=one.count, category=one.category, is_trigger=one.is_trigger,
                translation=one.translation,
            )
            for one in found
        ],
    )  # fmt: skip


# ---- changing --------------------------------------------------------------------------------------------------------


@router.post("/edits", status_code=201)
def edit_captions(
    body: EditToMake, dataset_id: Id, request: Request, door: TheDoor, settings: TheSettings, files: TheFiles
) -> EditedShown:
    """Carry out a command on many captions (E2, E3); with ``dry_run`` only say what it would change."""
    with transaction(door.engine) as session:
        owner_id = identify(request, session, door).account.id
    edit, kept = tasks.edit_captions(
        door.engine,
        settings,
        files,
        owner_id,
        dataset_id,
        command_of(body.command),
        utc_now(),
        picture_ids=body.picture_ids,
        expression=body.filter,
        is_dry_run=body.dry_run,
        expected_revision=body.expected_revision,
    )
    return edited_shown(edit.changes, edit.captions_revision, kept, with_captions=body.with_captions)


@router.get("/edits")
def list_edits(
    dataset_id: Id,
    session: OneTransaction,
    caller: SomeCaller,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[EditShown]:
    """The history of changes, newest first; the next page is ``before`` this one's last number."""
    found = datasets.list_caption_edits(session, caller.account.id, dataset_id, before=before, limit=limit)
    return [edit_shown(one) for one in found]


@router.post("/undo")
def undo(dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> EditShown:
    """Take the last change back, across sessions (E2)."""
    return edit_shown(datasets.undo_captions(session, caller.account.id, dataset_id, utc_now()))


@router.post("/redo")
def redo(dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> EditShown:
    """Do again what was undone last."""
    return edit_shown(datasets.redo_captions(session, caller.account.id, dataset_id, utc_now()))


# ---- advice, tokens, what the trainer sees ---------------------------------------------------------------------------


@router.get("/advice")
def get_advice(
    dataset_id: Id,
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    files: TheFiles,
    level: Level = "identity",
) -> AdviceShown:
    """Tags to delete so that the trigger absorbs them, and why (E6)."""
    return advice_shown(service.advise(session, settings, files, caller.account.id, dataset_id, level))


@router.get("/tokens")
def count_tokens(
    dataset_id: Id, session: OneTransaction, caller: SomeCaller, limit: _Limit = 75, filter: Filter = ""
) -> list[CaptionTokensShown]:
    """How long each caption is, and the first tag that the limit cuts or leaves out (E7)."""
    found = service.count_caption_tokens(session, caller.account.id, dataset_id, limit, filter)
    return [
        CaptionTokensShown(
            picture_id=one.picture_id,
            name=one.name,
            num_tokens=one.num_tokens,
            smallest_limit=one.smallest_limit,
            first_beyond=one.first_beyond,
        )
        for one in found
    ]


@router.post("/fed")
def show_fed(body: FedToShow, dataset_id: Id, session: OneTransaction, caller: SomeCaller) -> FedShown:
    """The very captions that a run of this recipe feeds from a step on (E8). Nothing is kept."""
    found, num_steps, counts = service.captions_fed(
        session,
        caller.account.id,
        dataset_id,
        body.recipe,
        step=body.step,
        most=body.most,
        picture_ids=body.picture_ids,
    )
    return fed_shown(found, num_steps, counts)


# ---- tags and lists of tags ------------------------------------------------------------------------------------------


@tags_router.get("/complete")
def complete(
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    files: TheFiles,
    typed: Annotated[str, Query(max_length=200)],
    dataset_id: Annotated[str | None, Query(max_length=26)] = None,
    spelling: Spelling = "spaces",
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
) -> list[CompletionShown]:
    """What may be meant: by name, later word, alias or translation (E4)."""
    found = service.complete(
        session, settings, files, caller.account.id, typed, dataset_id=dataset_id, spelling=spelling, limit=limit
    )
    return [
        CompletionShown(
            name=one.name, category=one.category, count=one.count, source=one.source, translation=one.translation,
            matched=one.matched,
        )
        for one in found
    ]  # fmt: skip


@tags_router.post("/tokens")
def count_text(body: TextToCount, caller: SomeCaller) -> TokenCountShown:
    """Tokens of a caption that is being typed (E7)."""
    return tokens_shown(service.count_text_tokens(body.text, body.limit))


@vocabularies_router.get("")
def list_vocabularies(session: OneTransaction, caller: SomeCaller) -> list[VocabularyShown]:
    """One's imported lists."""
    return [vocabulary_shown(one) for one in service.list_vocabularies(session, caller.account.id)]


_MULTIPART: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}, "name": {"type": "string"}},
                }
            }
        },
    }
}


@vocabularies_router.post("", status_code=201, openapi_extra=_MULTIPART)
async def import_vocabulary(request: Request, door: TheDoor) -> ImportedShown:
    """A danbooru CSV or a file of translations, as multipart form data in a field ``file`` (E4)."""

    def who() -> str:
        with transaction(door.engine) as session:
            return identify(request, session, door).account.id

    owner_id = await run_in_threadpool(who)
    form = await _bounded_form(request)
    try:
        file, name = form.get("file"), form.get("name")
        if not isinstance(file, UploadFile):
            raise VocabularyRefused("No file was sent.", _CURE)
        shown = name if isinstance(name, str) and name.strip() else PurePath(file.filename or "tags").stem
        made, report = await run_in_threadpool(
            tasks.import_vocabulary, door.engine, owner_id, shown, file.file, utc_now()
        )
        return ImportedShown(**vocabulary_shown(made).model_dump(), num_left_out=report.num_left_out)
    finally:
        await form.close()


@vocabularies_router.delete("/{vocabulary_id}", status_code=204)
def delete_vocabulary(vocabulary_id: Id, session: OneTransaction, caller: SomeCaller) -> Response:
    """An imported list, for good."""
    service.delete_vocabulary(session, caller.account.id, vocabulary_id)
    return Response(status_code=204)


_CURE = "Send it as multipart/form-data, in a field 'file'."


async def _bounded_form(request: Request) -> FormData:
    """The form, its file spooled to disk. Raises TooLarge while it comes, VocabularyRefused when it is no form."""
    received_bytes = 0

    async def receive() -> Message:
        nonlocal received_bytes
        message = await request.receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > MOST_FILE_BYTES + 64 * 1024:
            raise TooLarge(f"A list of tags has {MOST_FILE_BYTES // 2**20} MiB at most.", "Leave out the rarest tags.")
        return message

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise VocabularyRefused("No file was sent.", _CURE)
    try:
        return await Request(request.scope, receive).form(max_files=1, max_fields=2)
    except MultiPartException as error:
        raise VocabularyRefused(f"The form cannot be read: {error.message}", _CURE) from error
