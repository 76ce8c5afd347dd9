"""The nouns of uploads: a file on its way, of a kind that has its limit, until another slice takes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from enogu.errors import EnoguError, WrongUse

UploadKind = Literal["picture", "caption", "zip", "base_model", "tagger", "lora", "vocabulary"]

_MIB = 2**20
LIMIT_BYTES: dict[UploadKind, int] = {
    "picture": 512 * _MIB,
    "caption": _MIB,
    "zip": 8192 * _MIB,
    "base_model": 65536 * _MIB,
    "tagger": 4096 * _MIB,
    "lora": 8192 * _MIB,
    "vocabulary": 64 * _MIB,
}
"""The largest file of each kind."""
MOST_OPEN = 2000
"""Uploads of one owner that nothing has taken yet: a folder of pictures is that many at once."""
MOST_OPEN_BYTES = 256 * 1024 * _MIB
KEPT_FOR = timedelta(days=7)
"""How long an upload that nobody goes on with is kept, from its last byte."""
LONGEST_NAME = 300


@dataclass(frozen=True)
class Upload:
    """A file on its way, or waiting to be taken."""

    id: str
    name: str
    """As the sender calls it; for showing, never for opening."""
    kind: UploadKind
    size_bytes: int
    """As it was announced."""
    sha256: str | None
    """Of the whole file, once it is there."""
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class TakenUpload:
    """A finished upload that a slice has made its own: the bytes are in the store of files under ``sha256``."""

    id: str
    name: str
    kind: UploadKind
    sha256: str
    size_bytes: int


class UploadUnfinished(EnoguError):
    """Bytes are missing; it cannot be taken yet."""


class UploadConflict(EnoguError):
    """Bytes that do not fit behind those that are there, or another sender is at it."""


class UploadRefused(WrongUse):
    """Too large, too many, or of no kind that is known."""
