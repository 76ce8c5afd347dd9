"""What comes in when a person brings pictures: limits, files, and pictures with their captions. Plain values."""

from __future__ import annotations

from dataclasses import dataclass

from enogu.errors import PictureRefused


@dataclass(frozen=True)
class ImportLimits:
    """What one upload may hold. Counted while reading: what an archive says of itself is not believed."""

    max_files: int = 10_000
    max_file_bytes: int = 512 * 2**20
    max_total_bytes: int = 8 * 2**30
    max_ratio: int = 200
    """Unpacked bytes per packed byte of one file, beyond the first MiB: photographs have about 1, bombs 1000."""


@dataclass(frozen=True)
class IncomingFile:
    """One file of a source, before it is read."""

    path: str
    """Relative, parts joined by ``/``, without ``..``: for telling folders apart and for showing, never for opening."""
    number: int
    """By which its source finds it again."""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """All but the last part of the path; empty at the top."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class PlannedPicture:
    """A picture that is to be read, with what the names around it say."""

    file: IncomingFile
    shown: str
    """The name under which it is kept: unique in its import, without the folders that all pictures share."""
    caption_file: IncomingFile | None
    repeats: int
    """How often an epoch shows it: the Kohya folder's number, else 1."""
    class_tokens: str
    """``zdm 1boy`` of ``20_zdm 1boy``; empty in a plain folder."""


@dataclass(frozen=True)
class ImportPlan:
    """What the names of an upload come to. Nothing but names was read so far."""

    pictures: tuple[PlannedPicture, ...]
    """In natural order (2 before 10) by folder and name."""
    refused: tuple[PictureRefused, ...]
    notes: tuple[str, ...]
    """Sentences a person should see: what was left aside, and why."""
    trigger_hint: str
    """First class token when all Kohya folders agree on it, else empty."""


@dataclass(frozen=True)
class IncomingPicture:
    """A picture's bytes, not decoded yet, with its caption."""

    name: str
    data: bytes
    caption: str
    """Text of its caption file; without one, the Kohya folder's class tokens (as sd-scripts does), else empty."""
    has_caption: bool
    """Whether a caption file came with it."""
    repeats: int
    class_tokens: str
    notes: tuple[str, ...]
    """Sentences on its caption: read in another encoding, empty."""
