"""Pictures of a dataset: add, list, order, remove and bring back; what a training takes; what is wrong with them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from enogu.datasets import store
from enogu.datasets.entities import (
    MOST_PICTURES,
    MOST_REPEATS,
    AddedPicture,
    Dataset,
    DatasetFull,
    DatasetRefused,
    DuplicatesFound,
    ExaminedPicture,
    Findings,
    MaskCut,
    Picture,
    ProblemFound,
    TrainingPicture,
)
from enogu.datasets.service.sets import get_dataset, locked
from enogu.errors import NotFound
from enogu.imaging.crops import Crop
from enogu.imaging.decoding import NOTE_OF_TRANSPARENCY
from enogu.imaging.duplicates import DuplicateKind, KnownPicture, find_duplicates, parse_fingerprint
from enogu.imaging.quality import PictureProblem, ProblemKind, QualityMeasures, find_problems
from enogu.storage.database import Session


def get_picture(session: Session, owner_id: str, dataset_id: str, picture_id: str) -> Picture:
    """Raises NotFound."""
    get_dataset(session, owner_id, dataset_id)
    found = store.find_picture(session, dataset_id, picture_id)
    if found is None:
        raise no_picture()
    return found


def list_pictures(
    session: Session, owner_id: str, dataset_id: str, *, start: int = 0, limit: int | None = None
) -> tuple[Picture, ...]:
    """In the order of the dataset; all of them unless ``limit`` says otherwise. Raises NotFound."""
    get_dataset(session, owner_id, dataset_id)
    return store.list_pictures(session, dataset_id, start=max(0, start), limit=limit)


def pictures_to_train(session: Session, owner_id: str, dataset_id: str) -> tuple[TrainingPicture, ...]:
    """What a run is made of, in the order of the dataset. Raises NotFound."""
    dataset = get_dataset(session, owner_id, dataset_id)
    pictures: list[TrainingPicture] = []
    for row in store.list_training(session, dataset_id):
        crop = store.crop_of(row.crop) if row.cropped_sha256 else None
        pictures.append(
            TrainingPicture(
                picture_id=row.id,
                name=row.name,
                sha256=row.cropped_sha256 or row.sha256,
                caption=row.caption,
                repeats=row.repeats,
                width=crop.width if crop else row.width,
                height=crop.height if crop else row.height,
                folder=f"{row.repeats}_{row.class_tokens}" if row.class_tokens else dataset.name,
                is_regularisation=row.is_regularisation,
                mask_sha256=row.mask_sha256 or (row.sha256 if crop and NOTE_OF_TRANSPARENCY in row.notes else None),
                mask_cut=None if crop is None else _mask_cut(crop),
            )
        )
    return tuple(pictures)


def problems_of(picture: Picture, dataset: Dataset) -> tuple[PictureProblem, ...]:
    """What to point out about one picture, held against the size at which its dataset is cropped (D4)."""
    return find_problems(picture.quality, picture.width, picture.height, _resolution(dataset))


def find_findings(session: Session, owner_id: str, dataset_id: str) -> Findings:
    """Duplicates and bad pictures of the whole dataset (D4). Raises NotFound."""
    dataset = get_dataset(session, owner_id, dataset_id)
    rows = store.list_faces(session, dataset_id)
    known = [
        KnownPicture(row.pixel_sha256, parse_fingerprint(row.fingerprint) if row.fingerprint else None,
                     row.width * row.height)
        for row in rows
    ]  # fmt: skip
    duplicates = tuple(
        DuplicatesFound(
            kept_id=rows[group.kept].id,
            others=tuple((rows[one.index].id, one.kind) for one in group.others),
            words=_duplicates_said(rows[group.kept].name, [one.kind for one in group.others]),
        )
        for group in find_duplicates(known)
    )
    by_kind: dict[ProblemKind, list[str]] = {}
    for row in rows:
        measures = QualityMeasures(row.blur, row.bright_level, row.dark_level)
        for problem in find_problems(measures, row.width, row.height, _resolution(dataset)):
            by_kind.setdefault(problem.kind, []).append(row.id)
    problems = tuple(
        ProblemFound(kind, _PROBLEM_WORDS[kind].format(count=len(ids), side=_resolution(dataset)), tuple(ids))
        for kind, ids in by_kind.items()
    )
    return Findings(duplicates, problems)


def add_picture(
    session: Session, owner_id: str, dataset_id: str, examined: ExaminedPicture, now: datetime
) -> AddedPicture:
    """Put an examined picture at the end of the dataset. The same bytes are not kept twice: a caption or Kohya folder
    that comes with them is for ``attach_caption``. A name that is taken gets a number.

    Raises NotFound, DatasetFull.
    """
    row = locked(session, owner_id, dataset_id)
    there = store.find_by_content(session, dataset_id, examined.sha256)
    if there is not None:
        return AddedPicture(there, False, f"{examined.name} is there already, as {there.name}.")
    if row.num_pictures >= MOST_PICTURES:
        raise DatasetFull(
            f"{examined.name} is left out: the dataset has {MOST_PICTURES:,} pictures, the most it may hold.",
            "Make another dataset.",
        )
    taken = {_same(name) for _, name in store.list_names(session, dataset_id)}
    name = free_name(examined.name, taken)
    picture = store.add_picture(session, dataset_id, examined, name, store.last_position(session, dataset_id) + 1, now)
    values = {"num_pictures": row.num_pictures + 1, "captions_revision": row.captions_revision + 1}
    store.change_dataset(session, row, now, **values, cover_sha256=row.cover_sha256 or examined.thumbnail_sha256)
    note = "" if name == examined.name else f"{examined.name} is kept as {name}: the name was taken."
    return AddedPicture(picture, True, note)


def remove_pictures(session: Session, owner_id: str, dataset_id: str, ids: Sequence[str], now: datetime) -> int:
    """Out of the dataset; ``restore_pictures`` brings them back. How many were there. Raises NotFound for none."""
    row = locked(session, owner_id, dataset_id)
    count = store.remove_pictures(session, dataset_id, ids, now)
    if count == 0:
        raise no_picture()
    row.captions_revision += 1
    _recount(session, row, now)
    return count


def restore_pictures(session: Session, owner_id: str, dataset_id: str, ids: Sequence[str], now: datetime) -> int:
    """Back where they were, with their captions of then; under another name when theirs was taken meanwhile.

    Raises NotFound when none of them was removed, DatasetFull.
    """
    row = locked(session, owner_id, dataset_id)
    taken = {_same(name) for _, name in store.list_names(session, dataset_id)}
    back = store.restore_pictures(session, dataset_id, ids)
    if not back:
        raise no_picture()
    if len(taken) + len(back) > MOST_PICTURES:
        raise DatasetFull(f"The dataset would have more than {MOST_PICTURES:,} pictures.", "Remove others first.")
    for picture_id, name in back:
        free = free_name(name, taken)
        taken.add(_same(free))
        if free != name:
            store.change_picture(session, dataset_id, picture_id, name=free)
    row.captions_revision += 1
    _recount(session, row, now)
    return len(back)


def reorder_pictures(session: Session, owner_id: str, dataset_id: str, ids: Sequence[str], now: datetime) -> None:
    """These pictures first and in this order, the others behind them as they were. Raises NotFound, DatasetRefused."""
    row = locked(session, owner_id, dataset_id)
    before = [picture_id for picture_id, _ in store.list_names(session, dataset_id)]
    if len(set(ids)) != len(ids):
        raise DatasetRefused("A picture stands in the order twice.", "Name each once.")
    if not set(ids) <= set(before):
        raise no_picture()
    first = set(ids)
    order = [*ids, *(one for one in before if one not in first)]
    store.set_positions(session, dataset_id, {one: place for place, one in enumerate(order, start=1)})
    _recount(session, row, now)


def set_repeats(
    session: Session, owner_id: str, dataset_id: str, ids: Collection[str] | None, repeats: int, now: datetime
) -> int:
    """How often an epoch shows these pictures (None: all of them); how many it is. Raises NotFound, DatasetRefused."""
    if not 1 <= repeats <= MOST_REPEATS:
        raise DatasetRefused(f"{repeats} repeats do not go.", f"Take 1 to {MOST_REPEATS}.")
    row = locked(session, owner_id, dataset_id)
    count = store.set_repeats(session, dataset_id, ids, repeats)
    if count == 0 and ids is not None:
        raise no_picture()
    store.change_dataset(session, row, now)
    return count


def set_role(
    session: Session, owner_id: str, dataset_id: str, ids: Collection[str], is_regularisation: bool, now: datetime
) -> int:
    """Whether these pictures are to be learnt or only keep what the base model knows (F28); how many it is.

    Raises NotFound.
    """
    row = locked(session, owner_id, dataset_id)
    count = store.set_role(session, dataset_id, ids, is_regularisation)
    if count == 0:
        raise no_picture()
    store.change_dataset(session, row, now, captions_revision=row.captions_revision + 1)
    return count


def set_mask(
    session: Session, owner_id: str, dataset_id: str, picture_id: str, mask_sha256: str | None, now: datetime
) -> Picture:
    """The mask that ``masks.keep_mask`` has put into the store of files; None for none. Raises NotFound."""
    row = locked(session, owner_id, dataset_id)
    changed = store.change_picture(session, dataset_id, picture_id, mask_sha256=mask_sha256)
    if changed is None:
        raise no_picture()
    store.change_dataset(session, row, now, captions_revision=row.captions_revision + 1)
    return changed


def set_crop(
    session: Session,
    owner_id: str,
    dataset_id: str,
    picture_id: str,
    crop: Crop | None,
    cropped_sha256: str | None,
    thumbnail_sha256: str | None,
    now: datetime,
) -> Picture:
    """Which part of a picture is trained, with its files; all None for the original as it is. Raises NotFound."""
    row = locked(session, owner_id, dataset_id)
    changed = store.change_picture(
        session, dataset_id, picture_id,
        crop=crop, cropped_sha256=cropped_sha256, cropped_thumbnail_sha256=thumbnail_sha256,
    )  # fmt: skip
    if changed is None:
        raise no_picture()
    _recount(session, row, now)
    return changed


def find_by_stem(session: Session, dataset_id: str, stem: str) -> str | None:
    """Id of the first picture called ``stem`` without its suffix; folders count."""
    wanted = _same(stem)
    names = store.list_names(session, dataset_id)
    return next((one for one, name in names if _same(stem_of(name)) == wanted), None)


def no_picture() -> NotFound:
    """The error for a picture that is not there."""
    return NotFound("There is no such picture in this dataset.", "It may have been removed.")


def free_name(name: str, taken: Collection[str]) -> str:
    """``name``, or with `` (2)``, `` (3)`` … before its suffix when it is among ``taken`` (in ``_same`` spelling)."""
    suffix = PurePosixPath(name).suffix
    stem = name.removesuffix(suffix)
    stem = stem[: store.PICTURE_NAME_LENGTH - len(suffix) - 10]
    found, number = stem + suffix, 1
    while _same(found) in taken:
        number += 1
        found = f"{stem} ({number}){suffix}"
    return found


def stem_of(name: str) -> str:
    """A name without its suffix."""
    return name.removesuffix(PurePosixPath(name).suffix)


def _same(name: str) -> str:
    """What two names share that no file system should be asked to hold side by side."""
    return unicodedata.normalize("NFC", name).casefold()


def _recount(session: Session, row: store.DatasetRow, now: datetime) -> None:
    """The count and the cover, after pictures came, went or moved."""
    first = store.list_pictures(session, row.id, limit=1)
    store.change_dataset(
        session, row, now,
        num_pictures=store.count_pictures(session, row.id),
        cover_sha256=first[0].shown_thumbnail_sha256 if first else None,
    )  # fmt: skip


def _mask_cut(crop: Crop) -> MaskCut:
    return crop.box.left, crop.box.top, crop.box.width, crop.box.height, crop.width, crop.height


def _resolution(dataset: Dataset) -> int:
    return round((dataset.crop.width * dataset.crop.height) ** 0.5)


def _duplicates_said(kept: str, kinds: Sequence[DuplicateKind]) -> str:
    names: dict[DuplicateKind, str] = {
        "exact": "the same picture", "near": "nearly the same picture", "mirrored": "its mirror image",
    }  # fmt: skip
    parts = [f"{kinds.count(kind)} × {words}" for kind, words in names.items() if kind in kinds]
    return f"Beside {kept}: {', '.join(parts)}."


_PROBLEM_WORDS: dict[ProblemKind, str] = {
    "too_small": "Pictures with too few pixels to train at {side}, which would be enlarged: {count}.",
    "blurred": "Blurred pictures, whose blur a LoRA learns too: {count}.",
    "dark": "Pictures that are dark all over, so that details are lost: {count}.",
    "washed_out": "Overexposed pictures, in which nothing is dark: {count}.",
    "blank": "Pictures of one colour only, from which there is nothing to learn: {count}.",
}
