"""The nouns of datasets: what comes in when a person brings pictures, and what is kept of it. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from enogu.errors import EnoguError, PictureRefused, WrongUse
from enogu.imaging.crops import Crop, CropMethod
from enogu.imaging.duplicates import DuplicateKind
from enogu.imaging.quality import ProblemKind, QualityMeasures
from enogu.tagging.entities import TagCategory


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
    is_regularisation: bool = False
    """Whether it lies in a folder called ``reg`` or the like."""
    mask_file: IncomingFile | None = None


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
    lone_masks: tuple[IncomingFile, ...] = ()
    """Masks without a picture among these: perhaps it is there already."""


@dataclass(frozen=True)
class IncomingMask:
    """A mask's bytes, not decoded yet: white, or opaque, where its picture is to be learnt."""

    name: str
    data: bytes


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
    is_regularisation: bool = False
    mask: IncomingMask | None = None


# ---- what is kept ----------------------------------------------------------------------------------------------------

DEFAULT_CROP_SIDE = 512
"""Pixels; what the smallest family learns at."""
MOST_PICTURES = 10_000
"""That one dataset may hold."""
MOST_REPEATS = 1000

ExistingCaptions = Literal["keep", "append", "overwrite"]
TaskParts = Literal["both", "crop", "tag"]
"""What one press of "crop and tag" does (D9)."""


@dataclass(frozen=True)
class CropSettings:
    """How pictures of a dataset are cropped (D5)."""

    method: CropMethod = "none"
    """``hand``: only pictures that have a rectangle of their own. Such a rectangle wins over every other method."""
    width: int = DEFAULT_CROP_SIDE
    """Of the result, in pixels."""
    height: int = DEFAULT_CROP_SIDE
    background: str = "#ffffff"
    """What transparency is laid on (D3): ``#rrggbb``."""


@dataclass(frozen=True)
class TagSettings:
    """How pictures of a dataset are tagged (D6 to D8, D10)."""

    tagger: str = "starter"
    """Name of a tagger as ``list_taggers`` gives it."""
    threshold: float | None = None
    """None: what the tagger recommends."""
    existing: ExistingCaptions = "keep"
    with_underscores: bool = False
    undesired_tags: tuple[str, ...] = ()
    """Never written, in either spelling."""
    most_tags: int | None = None
    """Per picture, the trigger not counted; None: all above the threshold."""


@dataclass(frozen=True)
class Dataset:
    """A set of pictures with captions."""

    id: str
    owner_id: str
    name: str
    trigger: str
    """Put first in every caption (D8); may be empty."""
    crop: CropSettings
    tag: TagSettings
    num_pictures: int
    captions_revision: int
    """Counts changes of captions (an undo too), of which pictures there are and of what they are for: who holds an
    older one is behind.
    """
    created_at: datetime
    changed_at: datetime
    deleted_at: datetime | None
    cover_sha256: str | None = None
    """Thumbnail of the first picture."""


@dataclass(frozen=True)
class Picture:
    """One picture of a dataset, as it came and as it is trained."""

    id: str
    dataset_id: str
    name: str
    """Unique in its dataset, with its suffix; may have folders, joined by ``/``. Never a path to open."""
    position: int
    sha256: str
    """Of the original's bytes."""
    size_bytes: int
    format: str
    """One of ``imaging.decoding.PICTURE_FORMATS``, by content."""
    width: int
    """Of the original, upright, in pixels."""
    height: int
    notes: tuple[str, ...]
    """What decoding does to it: first frame, transparency, rotation …"""
    pixel_sha256: str
    fingerprint: str | None
    quality: QualityMeasures
    thumbnail_sha256: str
    """A WebP file, of the original."""
    caption: str
    has_caption: bool
    """Whether a person or a tagger wrote it; False for the class tokens of a Kohya folder and for an empty one."""
    repeats: int
    class_tokens: str
    """Of its Kohya folder; empty without one."""
    crop: Crop | None
    """Which part is trained; None: the original as it is."""
    cropped_sha256: str | None
    """A PNG file of that part; None together with ``crop``."""
    cropped_thumbnail_sha256: str | None
    added_at: datetime
    deleted_at: datetime | None
    is_regularisation: bool = False
    """It keeps what the base model knows of a class, and is not what is to be learnt (F28)."""
    mask_sha256: str | None = None
    """A grey PNG file of the upright original's size, white where it is to be learnt."""

    @property
    def trained_sha256(self) -> str:
        """The file that is trained."""
        return self.cropped_sha256 or self.sha256

    @property
    def trained_size(self) -> tuple[int, int]:
        """Its width and height in pixels."""
        return (self.crop.width, self.crop.height) if self.crop and self.cropped_sha256 else (self.width, self.height)

    @property
    def shown_thumbnail_sha256(self) -> str:
        """Of what is trained."""
        return self.cropped_thumbnail_sha256 or self.thumbnail_sha256


MaskCut = tuple[int, int, int, int, int, int]
"""Which part of a mask belongs to a crop: left, top, width and height in it, width and height of the crop."""


@dataclass(frozen=True)
class TrainingPicture:
    """What a run takes over of a picture when it is started; later changes of the dataset do not reach it."""

    picture_id: str
    name: str
    sha256: str
    """Of the crop, or of the original when there is none."""
    caption: str
    repeats: int
    width: int
    """Of that file, upright, in pixels."""
    height: int
    folder: str
    """``20_zdm 1boy`` for pictures of a Kohya folder, else the dataset's name; for the LoRA's metadata."""
    is_regularisation: bool = False
    mask_sha256: str | None = None
    """Its mask; for a crop of a picture with transparency, which a crop has no more, the original."""
    mask_cut: MaskCut | None = None


@dataclass(frozen=True)
class CaptionEdit:
    """One entry of the journal: one change of captions, whoever made it, that one undo takes back."""

    id: str
    dataset_id: str
    number: int
    """Counts within its dataset; 0 when nothing was changed and so nothing was kept."""
    words: str
    """What was done, such as ``delete smile from 12 pictures``."""
    num_pictures: int
    """Whose caption really changed."""
    made_at: datetime
    is_undone: bool
    """Undone entries can be redone until the next change."""
    captions_revision: int
    """Of the dataset, after it."""


@dataclass(frozen=True)
class RefusedFile:
    """A file that did not come in, and why."""

    name: str
    message: str
    """Names the file."""
    cure: str


@dataclass(frozen=True)
class ExaminedPicture:
    """A picture that was decoded once, its original and thumbnail in the store of files; not in a dataset yet."""

    name: str
    sha256: str
    size_bytes: int
    format: str
    width: int
    height: int
    notes: tuple[str, ...]
    pixel_sha256: str
    fingerprint: str | None
    quality: QualityMeasures
    thumbnail_sha256: str
    caption: str
    has_caption: bool
    repeats: int
    class_tokens: str
    is_regularisation: bool = False
    mask_sha256: str | None = None


@dataclass(frozen=True)
class AddedPicture:
    """What became of one file: a new picture, or the one that was there with the same bytes."""

    picture: Picture
    is_new: bool
    note: str = ""
    """A sentence when something is worth telling: it was there already, it got another name."""


@dataclass(frozen=True)
class DuplicatesFound:
    """Pictures that are the same to the eye (D4)."""

    kept_id: str
    """The one worth keeping."""
    others: tuple[tuple[str, DuplicateKind], ...]
    """The rest, and how each is like it."""
    words: str


@dataclass(frozen=True)
class ProblemFound:
    """One kind of problem and the pictures that have it."""

    kind: ProblemKind
    words: str
    picture_ids: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """What is pointed out about a dataset's pictures."""

    duplicates: tuple[DuplicatesFound, ...]
    problems: tuple[ProblemFound, ...]


TaggerOrigin = Literal["starter", "folder", "upload"]
TaggerState = Literal["checking", "ready", "refused"]


@dataclass(frozen=True)
class TaggerFacts:
    """One tagger that a person may use."""

    id: str
    """Its row's; for the starter and for folders the name once more."""
    name: str
    origin: TaggerOrigin
    state: TaggerState
    reason: str
    """Why it was refused."""
    recommended_threshold: float
    num_tags: int
    model_sha256: str | None
    """Of ``model.onnx`` in the store of files, for an upload that is ready."""
    csv_sha256: str | None


@dataclass(frozen=True)
class TaggerTag:
    """One row of a tagger's vocabulary."""

    name: str
    category: TagCategory
    count: int
    """Pictures of the set it was trained on that have it, as its CSV says."""


@dataclass(frozen=True)
class IncomingUpload:
    """A finished upload that a task is to take pictures or a tagger from."""

    id: str
    job_id: str
    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class TaskPicture:
    """What a task did with one picture so far; kept until the task ends, so that a killed worker goes on from it."""

    picture_id: str
    tagged: str | None
    """The tags as a caption, without the trigger; None when it was not tagged."""
    reason: str
    """Why it could not be done; empty when it was."""


class NothingToUndo(EnoguError):
    """The journal has no entry to take back, or none to do again."""


class CaptionsChanged(EnoguError):
    """Somebody else changed the captions since they were read."""


class DatasetRefused(WrongUse):
    """A name, trigger, setting or order that a dataset cannot have."""


class DatasetFull(WrongUse):
    """A dataset has as many pictures as it may hold."""


class TaggerRefused(WrongUse):
    """Files that are no tagger, or a tagger that may not be used."""
