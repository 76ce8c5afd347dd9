"""Uploads that go on where they were cut off: tus 1.0.0 (core, creation, termination, expiration) under /api/uploads.

The protocol is tus' and not our own, so that its clients (tus-js-client in the page, tuspy in scripts) just work. A
body is written as it comes and no transaction is open meanwhile; when the line is cut, what arrived stays.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from email.utils import format_datetime
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from enogu.accounts.asking import Door, OneTransaction, SomeCaller, TheDoor, identify
from enogu.delivery import TheFiles, TheSettings
from enogu.storage.database import reading, transaction, utc_now
from enogu.uploads import service
from enogu.uploads.entities import LIMIT_BYTES, Upload, UploadConflict, UploadKind, UploadRefused
from enogu.uploads.parts import Parts, PartWriter, parts_of

router = APIRouter(prefix="/api/uploads", tags=["uploads"])

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,expiration"
BYTES = "application/offset+octet-stream"
_WRITE_BYTES = 1024 * 1024
"""Pieces of a body are gathered to this size before a thread writes them."""
SILENT_SECONDS = 120.0
"""A sender of whom nothing was heard for so long has gone."""
_TAKEOVER_SECONDS = 5.0
_TusVersion = Annotated[str, Header(alias="Tus-Resumable", max_length=20)]


class UploadShown(BaseModel):
    """An upload that is under way or waits to be used."""

    id: str
    name: str
    kind: UploadKind
    size_bytes: int
    offset: int
    """How many bytes are there."""
    is_finished: bool
    created_at: datetime
    expires_at: datetime


@router.options("", status_code=204)
def describe_uploads() -> Response:
    """What this server can do of the tus protocol."""
    headers = {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(max(LIMIT_BYTES.values())),
    }
    return Response(status_code=204, headers=headers)


@router.post("", status_code=201)
def create_upload(
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    upload_length: Annotated[int, Header(ge=0, le=2**62)],
    upload_metadata: Annotated[str, Header(max_length=4000)] = "",
    tus_resumable: _TusVersion = VERSION,
) -> Response:
    """Announce a file: its size in Upload-Length, ``filename`` and ``kind`` in Upload-Metadata (base64)."""
    _check_version(tus_resumable)
    told = _metadata(upload_metadata)
    name, kind = told.get("filename", told.get("name", "")), told.get("kind", "picture")
    upload = service.create(session, caller.account.id, name, kind, upload_length, utc_now())
    parts_of(settings).create(upload.id, upload_length)
    return Response(status_code=201, headers={"Location": f"/api/uploads/{upload.id}", **_headers(upload, 0)})


@router.get("")
def list_uploads(session: OneTransaction, caller: SomeCaller, settings: TheSettings) -> list[UploadShown]:
    """One's uploads that are under way or wait to be used, oldest first."""
    parts = parts_of(settings)
    return [_shown(one, _offset(parts, one)) for one in service.list_uploads(session, caller.account.id)]


@router.get("/{upload_id}")
def get_upload(upload_id: str, session: OneTransaction, caller: SomeCaller, settings: TheSettings) -> UploadShown:
    """How far one upload is."""
    upload = service.get_upload(session, caller.account.id, upload_id)
    return _shown(upload, _offset(parts_of(settings), upload))


@router.head("/{upload_id}", status_code=200)
def find_offset(
    upload_id: str,
    request: Request,
    door: TheDoor,
    files: TheFiles,
    settings: TheSettings,
    tus_resumable: _TusVersion = VERSION,
) -> Response:
    """How many bytes are there, in Upload-Offset: where to go on."""
    _check_version(tus_resumable)
    with reading(door.engine) as session:
        owner_id = identify(request, session, door).account.id
        upload = service.get_upload(session, owner_id, upload_id)
    parts = parts_of(settings)
    offset = _offset(parts, upload)
    if upload.sha256 is None and offset == upload.size_bytes:  # a server that died right behind the last byte
        with suppress(UploadConflict):
            upload = service.finish(door.engine, files, parts, owner_id, upload_id)
    headers = {"Cache-Control": "no-store", "Upload-Length": str(upload.size_bytes)}
    return Response(status_code=200, headers={**headers, **_headers(upload, offset)})


@router.patch("/{upload_id}", status_code=204)
async def append_to_upload(
    upload_id: str,
    request: Request,
    door: TheDoor,
    files: TheFiles,
    settings: TheSettings,
    upload_offset: Annotated[int, Header(ge=0, le=2**62)],
    content_type: Annotated[str, Header(max_length=200)],
    tus_resumable: _TusVersion = VERSION,
) -> Response:
    """Bytes behind Upload-Offset. What arrived stays, also when the line is cut; then ask with HEAD and go on."""
    _check_version(tus_resumable)
    if content_type.split(";")[0].strip() != BYTES:
        raise UploadRefused(f"Bytes of an upload come as {BYTES}.", "Send that as Content-Type.")
    owner_id, upload = await to_thread.run_sync(_begin, request, door, upload_id)
    parts = parts_of(settings)
    if upload.sha256 is None:
        async with _only_sender(request, upload_id) as leaves:
            offset = await _receive(request, parts, upload, upload_offset, leaves)
        if offset == upload.size_bytes:
            upload = await to_thread.run_sync(service.finish, door.engine, files, parts, owner_id, upload_id)
    else:
        offset = upload.size_bytes
    return Response(status_code=204, headers=_headers(upload, offset))


@router.delete("/{upload_id}", status_code=204)
def cancel_upload(
    upload_id: str,
    session: OneTransaction,
    caller: SomeCaller,
    settings: TheSettings,
    tus_resumable: _TusVersion = VERSION,
) -> Response:
    """Forget an upload and what was sent of it."""
    _check_version(tus_resumable)
    service.cancel(session, parts_of(settings), caller.account.id, upload_id)
    return Response(status_code=204, headers={"Tus-Resumable": VERSION})


def _begin(request: Request, door: Door, upload_id: str) -> tuple[str, Upload]:
    """Who sends, and to what. The transaction is over before the first byte is read."""
    with transaction(door.engine) as session:
        caller = identify(request, session, door)
        upload = service.get_upload(session, caller.account.id, upload_id)
        service.prolong(session, caller.account.id, upload_id, utc_now())
    return caller.account.id, upload


@asynccontextmanager
async def _only_sender(request: Request, upload_id: str) -> AsyncIterator[asyncio.Event]:
    """The event that is set when another request wants to go on with this upload.

    A phone that changes its network comes back while its old line, which nobody told that it is dead, still holds the
    upload. The old one stops then; what it brought is kept.
    """
    senders: dict[str, _Sender] = request.app.state.__dict__.setdefault("upload_senders", {})
    if (before := senders.get(upload_id)) is not None:
        before.leaves.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(before.is_gone.wait(), _TAKEOVER_SECONDS)
    own = senders[upload_id] = _Sender()
    try:
        yield own.leaves
    finally:
        own.is_gone.set()
        if senders.get(upload_id) is own:
            del senders[upload_id]


async def _receive(request: Request, parts: Parts, upload: Upload, offset: int, leaves: asyncio.Event) -> int:
    """Append the body; how many bytes are there afterwards. Raises UploadConflict, UploadRefused, StorageFailed."""
    writing = parts.writing(upload.id, offset)
    writer = await to_thread.run_sync(writing.__enter__)
    try:
        gathered = bytearray()
        async for chunk in _until_left(request, leaves):
            gathered += chunk
            if writer.offset + len(gathered) > upload.size_bytes:
                raise UploadRefused(
                    f"{upload.name} was announced with {upload.size_bytes:,} bytes, and more of them came.",
                    "Cancel it, and announce its right size.",
                )
            if len(gathered) >= _WRITE_BYTES:
                await to_thread.run_sync(_write, writer, gathered)
        await to_thread.run_sync(_write, writer, gathered)
    finally:
        await to_thread.run_sync(writing.__exit__, None, None, None)
    if leaves.is_set() and writer.offset < upload.size_bytes:
        raise UploadConflict("Another request goes on with this upload.", "Ask how far it is.")
    return writer.offset


async def _until_left(request: Request, leaves: asyncio.Event) -> AsyncIterator[bytes]:
    """The body's pieces, until its end, until the sender has gone or is silent, or until it has to leave."""
    chunks = request.stream().__aiter__()
    leaving = asyncio.ensure_future(leaves.wait())
    try:
        while True:
            coming = asyncio.ensure_future(anext(chunks))
            await asyncio.wait({coming, leaving}, timeout=SILENT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                return
            try:
                yield coming.result()
            except (StopAsyncIteration, ClientDisconnect):
                return  # what arrived is kept; when the line was cut, nobody is there to be told
    finally:
        leaving.cancel()


class _Sender:
    """A request that sends to an upload."""

    def __init__(self) -> None:
        self.leaves = asyncio.Event()
        self.is_gone = asyncio.Event()


def _write(writer: PartWriter, gathered: bytearray) -> None:
    writer.write(bytes(gathered))
    gathered.clear()


def _offset(parts: Parts, upload: Upload) -> int:
    return upload.size_bytes if upload.sha256 is not None else parts.offset(upload.id)


def _headers(upload: Upload, offset: int) -> dict[str, str]:
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(offset),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }


def _check_version(told: str) -> None:
    if told != VERSION:
        raise UploadRefused(f"This server speaks tus {VERSION}, not {told!r}.", f"Send Tus-Resumable: {VERSION}.")


def _metadata(header: str) -> dict[str, str]:
    """``filename aGVsbG8=,kind emlw`` as texts. Raises UploadRefused for what is not written so."""
    told: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = pair.partition(" ")
        try:
            told[key] = base64.b64decode(value.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError) as error:
            raise UploadRefused(f"Upload-Metadata's {key[:40]!r} is no base64 of UTF-8.", "Encode it so.") from error
    return told


def _shown(upload: Upload, offset: int) -> UploadShown:
    return UploadShown(
        id=upload.id,
        name=upload.name,
        kind=upload.kind,
        size_bytes=upload.size_bytes,
        offset=offset,
        is_finished=upload.sha256 is not None,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
    )
