"""Rows of imported vocabularies: their tags, and every beginning by which a tag can be found.

A beginning is kept as bytes: databases agree on the order of bytes and on nothing else, and looking up a prefix is
then a range of one index, whose columns hold all that ranking needs. Two letters are looked up in a table of their own,
which has only the best tags for each, since tens of thousands may begin with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from enogu.captions.entities import Category, KnownTag, Vocabulary
from enogu.storage.database import Base, RowId, Session

NAME_LENGTH = 100
KEY_BYTES = 120
SHORT_BYTES = 2
"""Beginnings so short are answered from ``vocabulary_heads``."""
_ROWS_AT_A_TIME = 2000


class VocabularyRow(Base):
    """One imported list."""

    __tablename__ = "vocabularies"

    id: Mapped[RowId]
    owner_id: Mapped[str] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    num_tags: Mapped[int]
    created_at: Mapped[datetime]


class VocabularyTagRow(Base):
    """One tag of it."""

    __tablename__ = "vocabulary_tags"

    vocabulary_id: Mapped[str] = mapped_column(ForeignKey("vocabularies.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(String(10))
    count: Mapped[int]
    translation: Mapped[str] = mapped_column(String(200))


class VocabularyKeyRow(Base):
    """One beginning of one tag."""

    __tablename__ = "vocabulary_keys"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 (SQLAlchemy reads it from the class)

    vocabulary_id: Mapped[str] = mapped_column(ForeignKey("vocabularies.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(KEY_BYTES), primary_key=True)
    kind: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class VocabularyHeadRow(Base):
    """One of the best tags for a very short beginning."""

    __tablename__ = "vocabulary_heads"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012

    vocabulary_id: Mapped[str] = mapped_column(ForeignKey("vocabularies.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(KEY_BYTES), primary_key=True)
    kind: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


def add_vocabulary(session: Session, owner_id: str, name: str, now: datetime) -> str:
    """An empty one; its id."""
    row = VocabularyRow(owner_id=owner_id, name=name, num_tags=0, created_at=now)
    session.add(row)
    session.flush()
    return row.id


def add_tags(session: Session, vocabulary_id: str, tags: Sequence[tuple[int, KnownTag]]) -> None:
    """Numbered tags."""
    rows = [
        {
            "vocabulary_id": vocabulary_id, "number": number, "name": tag.name, "category": tag.category,
            "count": tag.count, "translation": tag.translation,
        }
        for number, tag in tags
    ]  # fmt: skip
    if rows:
        _insert(session, VocabularyTagRow, rows)


def add_keys(
    session: Session, vocabulary_id: str, keys: Iterable[tuple[bytes, int, int, int]], *, are_heads: bool = False
) -> None:
    """Beginnings as (key, kind, count, number)."""
    table = VocabularyHeadRow if are_heads else VocabularyKeyRow
    rows: list[dict[str, Any]] = []
    for key, kind, count, number in keys:
        rows.append({"vocabulary_id": vocabulary_id, "key": key, "kind": kind, "count": count, "number": number})
        if len(rows) == _ROWS_AT_A_TIME:
            _insert(session, table, rows)
            rows = []
    if rows:
        _insert(session, table, rows)


def set_num_tags(session: Session, vocabulary_id: str, num_tags: int) -> None:
    """After the last tag."""
    session.get_one(VocabularyRow, vocabulary_id).num_tags = num_tags
    session.flush()


def find_vocabulary(session: Session, owner_id: str, vocabulary_id: str) -> Vocabulary | None:
    """One's own, by id."""
    query = select(VocabularyRow).where(VocabularyRow.id == vocabulary_id, VocabularyRow.owner_id == owner_id)
    row = session.scalars(query).one_or_none()
    return None if row is None else _vocabulary(row)


def list_vocabularies(session: Session, owner_id: str) -> tuple[Vocabulary, ...]:
    """Oldest first."""
    query = select(VocabularyRow).where(VocabularyRow.owner_id == owner_id).order_by(VocabularyRow.id)
    return tuple(_vocabulary(row) for row in session.scalars(query))


def count_vocabularies(session: Session, owner_id: str) -> int:
    """How many one has."""
    return session.scalars(select(func.count()).where(VocabularyRow.owner_id == owner_id)).one()


def delete_vocabulary(session: Session, owner_id: str, vocabulary_id: str) -> bool:
    """With its tags, by the foreign keys; whether it was there."""
    query = delete(VocabularyRow).where(VocabularyRow.id == vocabulary_id, VocabularyRow.owner_id == owner_id)
    return session.execute(query.returning(VocabularyRow.id)).one_or_none() is not None


def delete_vocabularies_of(session: Session, owner_id: str) -> None:
    """All of one owner's."""
    session.execute(delete(VocabularyRow).where(VocabularyRow.owner_id == owner_id))


def list_tags(session: Session, vocabulary_id: str, after: int, limit: int) -> list[tuple[int, KnownTag]]:
    """In the order of the file, those behind the number ``after``."""
    query = select(VocabularyTagRow).where(
        VocabularyTagRow.vocabulary_id == vocabulary_id, VocabularyTagRow.number > after
    )
    rows = session.scalars(query.order_by(VocabularyTagRow.number).limit(limit))
    return [(row.number, _tag(row)) for row in rows]


def find_tags(session: Session, vocabulary_id: str, typed: bytes, limit: int) -> list[tuple[int, int, KnownTag, bytes]]:
    """The best tags that begin so: kind, count, tag, and what was met."""
    if len(typed) <= SHORT_BYTES:
        query = select(
            VocabularyHeadRow.kind, VocabularyHeadRow.count, VocabularyHeadRow.number, VocabularyHeadRow.key
        ).where(VocabularyHeadRow.vocabulary_id == vocabulary_id, VocabularyHeadRow.key == typed)
        rows = session.execute(
            query.order_by(VocabularyHeadRow.kind, VocabularyHeadRow.count.desc(), VocabularyHeadRow.number).limit(
                limit
            )
        ).all()
    else:
        query = select(
            VocabularyKeyRow.kind, VocabularyKeyRow.count, VocabularyKeyRow.number, VocabularyKeyRow.key
        ).where(VocabularyKeyRow.vocabulary_id == vocabulary_id, VocabularyKeyRow.key >= typed)
        if (end := _behind(typed)) is not None:
            query = query.where(VocabularyKeyRow.key < end)
        rows = session.execute(
            query.order_by(VocabularyKeyRow.kind, VocabularyKeyRow.count.desc(), VocabularyKeyRow.number).limit(
                2 * limit
            )
        ).all()
    first: dict[int, Any] = {}
    for row in rows:
        first.setdefault(row.number, row)
    wanted = select(VocabularyTagRow).where(
        VocabularyTagRow.vocabulary_id == vocabulary_id, VocabularyTagRow.number.in_(first)
    )
    tags = {row.number: _tag(row) for row in session.scalars(wanted)}
    return [(row.kind, row.count, tags[row.number], bytes(row.key)) for row in list(first.values())[:limit]]


def find_exact(session: Session, vocabulary_ids: Sequence[str], keys: Sequence[bytes]) -> dict[bytes, KnownTag]:
    """Tags by the key of their whole name; of two lists that have one, either may give its count or its translation."""
    found: dict[bytes, KnownTag] = {}
    for start in range(0, len(keys), 400):
        query = (
            select(VocabularyKeyRow.key, VocabularyTagRow)
            .join(
                VocabularyTagRow,
                (VocabularyTagRow.vocabulary_id == VocabularyKeyRow.vocabulary_id)
                & (VocabularyTagRow.number == VocabularyKeyRow.number),
            )
            .where(
                VocabularyKeyRow.vocabulary_id.in_(vocabulary_ids),
                VocabularyKeyRow.key.in_(keys[start : start + 400]),
                VocabularyKeyRow.kind == 0,
            )
        )
        for key, row in session.execute(query.order_by(VocabularyKeyRow.vocabulary_id)):
            tag, known = _tag(row), found.get(bytes(key))
            found[bytes(key)] = tag if known is None else _joined(known, tag)
    return found


def _joined(one: KnownTag, other: KnownTag) -> KnownTag:
    more, less = (other, one) if other.count > one.count else (one, other)
    return replace(more, translation=more.translation or less.translation)


def _insert(session: Session, row_class: type[Base], rows: list[dict[str, Any]]) -> None:
    """Past the unit of work, whose bookkeeping costs three times as much as the rows."""
    session.flush()
    session.connection().execute(row_class.__table__.insert(), rows)  # pyright: ignore[reportAttributeAccessIssue]


def _behind(prefix: bytes) -> bytes | None:
    """The smallest bytes behind everything that begins with ``prefix``."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


def _vocabulary(row: VocabularyRow) -> Vocabulary:
    return Vocabulary(row.id, row.name, row.num_tags, row.created_at)


def _tag(row: VocabularyTagRow) -> KnownTag:
    category: Category = row.category  # pyright: ignore[reportAssignmentType] (written from one)
    return KnownTag(row.name, category, row.count, (), row.translation)
