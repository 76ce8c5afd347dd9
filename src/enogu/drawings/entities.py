"""The nouns of drawings: what was asked for (a request of cells), and the pictures that came of it (I1 to I6).

A request is drawn cell by cell; a cell is one picture with its prompt, seed and LoRAs. ``count`` pictures of one prompt
are ``count`` cells whose seeds count up; a comparison is rows of prompts by columns of weights at one seed. What a
request draws with is copied into it when it is asked for, so that a renamed LoRA changes nothing of what waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from enogu.errors import EnoguError, WrongUse
from enogu.recipe.samplers import Sampler, ScheduleType

RequestKind = Literal["pictures", "comparison"]
RequestState = Literal["waiting", "running", "done", "failed", "cancelled"]

LOWEST_WEIGHT, HIGHEST_WEIGHT = -2.0, 2.0
"""Of a LoRA. The page's slider goes from −1 to 2; prompts from elsewhere hold stronger negative ones."""
MOST_SEED = 2**32 - 1
MOST_COUNT = 64
"""Pictures of one request, and cells of one comparison."""
MOST_LORAS = 10
"""At once in one picture."""
MOST_PROMPT_CHARACTERS = 10_000
MOST_WAITING_REQUESTS = 20
"""Of one owner, waiting or being drawn at the same time: drawings cost no stamina, so this is what keeps them fair."""


class DrawingRefused(WrongUse):
    """A picture that cannot be drawn as it was asked for; nothing was queued."""


class LoraUnknown(DrawingRefused):
    """A LoRA that the library does not have under this name."""


class WrongFamily(DrawingRefused):
    """A LoRA of one family on a base model of another; both are named (C5)."""


class TooManyWaiting(EnoguError):
    """As many requests of one owner wait as may; one of them has to be drawn or cancelled first."""


class RequestEnded(EnoguError):
    """What was asked makes no sense for a request that is over."""


@dataclass(frozen=True)
class LoraWish:
    """A LoRA that somebody wants to draw with: its id or name in the library, and how strongly."""

    reference: str
    weight: float = 1.0


@dataclass(frozen=True)
class LoraUse:
    """A LoRA as one cell is drawn with it: copied from the library when it was asked for."""

    lora_id: str
    name: str
    """As in ``<lora:name:weight>``."""
    sha256: str
    weight: float


@dataclass(frozen=True)
class Wish:
    """What the drawing page's form holds (I3). None: what suits the base model or the first LoRA."""

    base_model: str
    """Its id or name."""
    prompt: str
    """May hold ``<lora:name:weight>``."""
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    steps: int = 20
    cfg: float = 7.0
    sampler: Sampler | None = None
    schedule_type: ScheduleType = "automatic"
    seed: int = -1
    """−1: the server chooses one and tells which."""
    count: int = 1
    clip_skip: int | None = None
    loras: tuple[LoraWish, ...] = ()
    add_trigger: bool = False
    """Whether the triggers of the LoRAs are put in front of the prompt where they are missing."""


@dataclass(frozen=True)
class ComparisonWish:
    """LoRAs at several weights beside each other (I5): a row per prompt and LoRA, a column per weight."""

    form: Wish
    """Everything that all cells share. Its ``count`` is not used, and its LoRAs are in every cell."""
    compared: tuple[str, ...]
    """Ids or names of the LoRAs that are compared, such as several epochs of one run."""
    prompts: tuple[str, ...]
    weights: tuple[float, ...] = (0.7, 0.8, 1.0)
    without_lora: bool = True
    """Whether the first column is drawn without the compared LoRA."""


@dataclass(frozen=True)
class Cell:
    """One picture to draw."""

    number: int
    """From 0, in the order in which they are drawn."""
    prompt: str
    """What the text encoder reads: without ``<lora:…>``, with the triggers."""
    written_prompt: str
    """As it was typed, with the triggers: what the gallery shows and searches."""
    seed: int
    loras: tuple[LoraUse, ...] = ()
    places: tuple[tuple[int, int], ...] = ()
    """Row and column in a comparison's sheet; the picture without a LoRA stands in several rows. Empty otherwise."""


@dataclass(frozen=True)
class SheetLabels:
    """What is written beside the rows and above the columns of a comparison."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Shared:
    """What all cells of a request have in common."""

    negative_prompt: str
    width: int
    height: int
    steps: int
    cfg: float
    sampler: Sampler
    clip_skip: int
    schedule_type: ScheduleType = "automatic"


@dataclass(frozen=True)
class DrawingRequest:
    """What somebody asked to be drawn, and how far it has come."""

    id: str
    owner_id: str
    kind: RequestKind
    state: RequestState
    prompt: str
    """As it was typed; the first of a comparison's."""
    shared: Shared
    seed: int
    """Of the first picture."""
    base_model_id: str
    base_model_name: str
    cells: tuple[Cell, ...]
    labels: SheetLabels | None
    """Of a comparison."""
    num_done: int
    """Pictures that are stored."""
    step: int
    """Of the picture that is drawn just now; 0 before its first."""
    num_steps: int
    """Of each picture."""
    sheet_sha256: str | None
    sheet_size_bytes: int
    failure: Failure | None
    job_id: str
    is_cancel_asked: bool
    revision: int
    """Counts every change, for those who follow it."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Failure:
    """Why a request failed, in words."""

    kind: str
    message: str
    cure: str = ""


@dataclass(frozen=True)
class Drawing:
    """A picture that was drawn."""

    id: str
    owner_id: str
    request_id: str
    number: int
    """Which cell of its request."""
    prompt: str
    """As it was typed, with ``<lora:…>`` and triggers."""
    shared: Shared
    seed: int
    loras: tuple[LoraUse, ...]
    base_model_id: str
    base_model_name: str
    parameters: str
    """The A1111 text inside the picture."""
    sha256: str
    size_bytes: int
    thumbnail_sha256: str
    revision: int
    """Of its request, when it was stored."""
    created_at: datetime
    deleted_at: datetime | None
    """When it was put away; it can be brought back."""


@dataclass(frozen=True)
class DrawnPicture:
    """What the worker has of one cell, before it is stored."""

    number: int
    sha256: str
    size_bytes: int
    thumbnail_sha256: str
    parameters: str


@dataclass(frozen=True)
class GalleryFilter:
    """Which drawings somebody wants to see (I6)."""

    words: str = ""
    """All of these are in the prompt, wherever; Japanese too."""
    lora_id: str | None = None
    base_model_id: str | None = None
    request_id: str | None = None
    deleted: bool = False
    """Those that were put away, and only those."""


@dataclass(frozen=True)
class FormOutlook:
    """What suits a base model on the drawing page."""

    base_model_id: str
    base_model_name: str
    family: str
    own_side: int
    """Of the square that it draws best."""
    sizes: tuple[tuple[int, int], ...]
    """Widths and heights, the own square first."""
    has_clip_skip: bool


@dataclass(frozen=True)
class ReadForm:
    """A picture's text as fields of the drawing page's form (I4)."""

    parameters: str
    """The text itself."""
    prompt: str
    """Without the ``<lora:…>`` that became ``loras``."""
    negative_prompt: str
    fields: Mapping[str, Any]
    """The form's fields that the text names: ``width``, ``steps``, ``sampler``, …"""
    loras: tuple[LoraRead, ...]
    base_model: BaseModelRead | None
    notes: tuple[str, ...] = ()
    """What could not be taken over, and why; each a sentence."""
    others: Mapping[str, str] = field(default_factory=dict[str, str])
    """The settings that Enogu does not have, as they were written."""


@dataclass(frozen=True)
class LoraRead:
    """A LoRA that a picture's text names."""

    name: str
    weight: float
    hash: str
    """As the text has it, or empty."""
    lora_id: str | None
    """In the owner's library; None when it is not there."""
    library_name: str | None
    """Its name there, which may be another than the text's when the hash told."""


@dataclass(frozen=True)
class BaseModelRead:
    """The base model that a picture's text names."""

    name: str
    hash: str
    base_model_id: str | None
    """Here; None when there is none of that name or hash."""
