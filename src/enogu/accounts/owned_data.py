"""How the other slices take part when somebody exports or deletes everything they own (J3).

Each slice offers one object with this shape; ``bootstrap`` collects them in one tuple, the slice that depends on most
first and accounts last, and hands it to ``service.export_everything`` and ``service.delete_account``. No slice has to
know which others there are. Files are shared by content between owners, so ``delete`` removes rows only; what no row
names any more is swept from the store of files later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from enogu.storage.database import Session


@dataclass(frozen=True)
class ExportedRecord:
    """One JSON file of the export."""

    path: str
    """Inside the archive, such as ``datasets/<id>.json``; made of ids and words of the program's, never a person's."""
    value: dict[str, Any]
    """Only what JSON knows: times as ISO texts."""


@dataclass(frozen=True)
class ExportedFile:
    """One file of the export, to be streamed from the store of files."""

    path: str
    """As in ExportedRecord."""
    sha256: str


class OwnedData(Protocol):
    """What one slice keeps for its owners."""

    @property
    def slice_name(self) -> str:
        """Such as ``datasets``; the first part of every path."""
        ...

    def export(self, session: Session, owner_id: str) -> Iterable[ExportedRecord | ExportedFile]:
        """Everything of one owner's, piece by piece; it is read as it is sent."""
        ...

    def delete(self, session: Session, owner_id: str) -> None:
        """Delete every row of one owner's, or raise EnoguError with the reason (a run that trains just now)."""
        ...
