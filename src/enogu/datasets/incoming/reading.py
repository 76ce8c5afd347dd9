"""From the files of an upload to pictures with captions (product D1): which caption is whose, what folders say.

First ``plan_import`` looks at names alone, so that a person can be told at once what will come in; then
``incoming_pictures`` reads one picture after the other, and whoever takes them has only one in memory. A file that
cannot be used is named with its reason, the others stay (D2). Pictures are not decoded here: that is for a decoder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from enogu.datasets.entities import ImportPlan, IncomingFile, IncomingMask, IncomingPicture, PlannedPicture
from enogu.datasets.incoming.sources import ImportSource
from enogu.errors import EnoguError, PictureRefused
from enogu.imaging.folder import (
    CAPTION_SUFFIXES,
    MASK_FOLDERS,
    PICTURE_SUFFIXES,
    REGULARISATION_FOLDERS,
    UNREADABLE_SUFFIXES,
    decode_caption,
    natural_key,
    parse_kohya_name,
)


def plan_import(source: ImportSource) -> ImportPlan:
    """What the names come to.

    A picture in a Kohya folder (``20_zdm 1boy``, at any depth) takes its repeats and class tokens from it. When there
    are such folders, pictures outside them are left aside, as sd-scripts does, with a note; so are folders of 0
    repeats. Without them, all pictures count once, whatever folder they are in.

    Pictures in a folder called ``reg`` (or ``regularisation``, …) are regularisation pictures, with their folder's
    repeats and class if it has some. Files in a folder called ``masks`` (or ``mask``) are masks of the pictures of
    their name.
    """
    files = sorted(source.files, key=lambda file: (natural_key(file.folder), natural_key(file.name)))
    images = [file for file in files if _suffix(file) in PICTURE_SUFFIXES | UNREADABLE_SUFFIXES]
    masks = _masks(images)
    candidates = [file for file in images if file not in masks.taken]
    found = [file for file in files if _suffix(file) in CAPTION_SUFFIXES]
    captions = {_plain(file.path): file for file in found} | {file.path: file for file in found}
    kept, notes = _by_folder(candidates)
    shown = _shown_names([file for file, _, _ in kept])
    pictures = [
        PlannedPicture(
            file,
            shown[file.path],
            _caption_of(file, captions),
            repeats,
            class_tokens,
            _is_regularisation(file),
            masks.by_picture.get(file.path),
        )
        for file, repeats, class_tokens in kept
    ]
    notes += _unused(files, images, candidates, captions)
    return ImportPlan(tuple(pictures), tuple(source.refused), tuple(notes), _trigger_hint(pictures), masks.alone)


def incoming_pictures(source: ImportSource, plan: ImportPlan) -> Iterator[IncomingPicture | PictureRefused]:
    """The plan's pictures in order, each with its bytes and caption, or the reason why not. Never raises for a file."""
    for planned in plan.pictures:
        try:
            yield _read(source, planned)
        except PictureRefused as refusal:
            yield refusal


def lone_captions(source: ImportSource, plan: ImportPlan) -> Iterator[tuple[str, str]]:
    """Captions that came without their picture: its name without suffix, and the text. Unreadable ones are left out;
    ``plan.notes`` tell of all of them.
    """
    stems = {_plain(one.file.path.removesuffix(_raw_suffix(one.file))) for one in plan.pictures}
    for file in source.files:
        if _suffix(file) in CAPTION_SUFFIXES and _plain(file.path.removesuffix(_raw_suffix(file))) not in stems:
            try:
                text, _ = decode_caption(source.read(file), file.name)
            except EnoguError:
                continue
            yield file.path.removesuffix(_raw_suffix(file)), text


def _read(source: ImportSource, planned: PlannedPicture) -> IncomingPicture:
    data = source.read(planned.file)
    caption, note = None, ""
    if planned.caption_file is not None:
        try:
            caption, note = decode_caption(source.read(planned.caption_file), planned.caption_file.name)
        except EnoguError as error:
            raise PictureRefused(f"{planned.shown}: its caption {error.message}", error.cure) from error
    return IncomingPicture(
        name=planned.shown,
        data=data,
        caption=planned.class_tokens if caption is None else caption,
        has_caption=caption is not None,
        repeats=planned.repeats,
        class_tokens=planned.class_tokens,
        notes=(note,) if note else (),
        is_regularisation=planned.is_regularisation,
        mask=None
        if planned.mask_file is None
        else IncomingMask(planned.mask_file.name, source.read(planned.mask_file)),
    )


def _by_folder(candidates: Sequence[IncomingFile]) -> tuple[list[tuple[IncomingFile, int, str]], list[str]]:
    """File, repeats and class tokens of each picture that stays; a note for each folder that does not."""
    kohya = {file.folder: parse_kohya_name(file.folder.rpartition("/")[2]) for file in candidates}
    beside = {file.folder for file in candidates if _is_regularisation(file)}
    if not any(found for folder, found in kohya.items() if folder not in beside):
        named = {folder: found or (1, "") for folder, found in kohya.items()}
        return [(file, named[file.folder][0], named[file.folder][1]) for file in candidates], []
    for folder in beside:
        kohya[folder] = kohya[folder] or (1, "")
    kept = [(file, *found) for file in candidates if (found := kohya[file.folder]) and found[0] >= 1]
    notes: list[str] = []
    for folder, found in kohya.items():
        name = folder.rpartition("/")[2]
        if found and found[0] < 1:
            notes.append(f"{name} is left aside: it says 0 repeats.")
        elif not found:
            count = sum(file.folder == folder for file in candidates)
            where = f"in {name}" if name else "outside of folders"
            notes.append(f"Pictures left aside {where}: {count}; only the numbered folders are read.")
    return kept, notes


def _shown_names(files: Sequence[IncomingFile]) -> dict[str, str]:
    """By path, the name without the folders that all share."""
    folders = [file.folder.split("/") if file.folder else [] for file in files]
    shared = len(list(takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))))
    return {file.path: "/".join(file.path.split("/")[shared:]) for file in files}


def _caption_of(picture: IncomingFile, captions: dict[str, IncomingFile]) -> IncomingFile | None:
    stem = picture.path.removesuffix(_raw_suffix(picture))
    for suffix in CAPTION_SUFFIXES:
        if caption := captions.get(stem + suffix) or captions.get(_plain(stem + suffix)):
            return caption
    return None


def _unused(
    files: Sequence[IncomingFile],
    images: Sequence[IncomingFile],
    candidates: Sequence[IncomingFile],
    captions: dict[str, IncomingFile],
) -> list[str]:
    """Notes on captions without a picture, and on files that are neither."""
    owned = {caption.path for file in candidates if (caption := _caption_of(file, captions))}
    second = {_plain(file.path.removesuffix(_raw_suffix(file))) for file in candidates}
    orphans = [
        file.name
        for file in dict.fromkeys(captions.values())
        if file.path not in owned and _plain(file.path.removesuffix(_raw_suffix(file))) not in second
    ]
    known = {*images, *captions.values()}
    others = [file.name for file in files if file not in known]
    notes: list[str] = []
    if orphans:
        notes.append(f"Captions without a picture ({len(orphans)}): {_listed(orphans)}.")
    if others:
        notes.append(f"Files that are neither pictures nor captions ({len(others)}): {_listed(others)}.")
    return notes


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


@dataclass(frozen=True)
class _Masks:
    by_picture: dict[str, IncomingFile]
    """By the path of the picture."""
    taken: frozenset[IncomingFile]
    """That are masks and no pictures."""
    alone: tuple[IncomingFile, ...]
    """That no picture here has the name of."""


def _masks(images: Sequence[IncomingFile]) -> _Masks:
    inside = [file for file in images if _mask_root(file) is not None]
    by_end: dict[str, list[IncomingFile]] = {}
    for file in images:
        if _mask_root(file) is None:
            for end in _ends(_stem(file)):
                by_end.setdefault(end, []).append(file)
    by_picture: dict[str, IncomingFile] = {}
    alone: list[IncomingFile] = []
    for file in inside:
        owners = next((by_end[end] for end in names_of_mask(file) if end in by_end), None)
        if owners is None:
            alone.append(file)
        for owner in owners or ():
            by_picture.setdefault(owner.path, file)
    return _Masks(by_picture, frozenset(inside), tuple(alone))


def names_of_mask(mask: IncomingFile) -> list[str]:
    """Which picture it may belong to, without suffix, surest first: ``20_zdm/a`` and ``a`` of ``masks/20_zdm/a``."""
    return _ends(_stem(mask).removeprefix(_plain(_mask_root(mask) or "") + "/"))


def _mask_root(file: IncomingFile) -> str | None:
    """The path of the folder of masks that it lies in."""
    parts = file.folder.split("/")
    for count, part in enumerate(parts, 1):
        if part.casefold() in MASK_FOLDERS:
            return "/".join(parts[:count])
    return None


def _is_regularisation(file: IncomingFile) -> bool:
    return any(part.casefold() in REGULARISATION_FOLDERS for part in file.folder.split("/"))


def _stem(file: IncomingFile) -> str:
    return _plain(file.path.removesuffix(_raw_suffix(file)))


def _ends(stem: str) -> list[str]:
    """The path and its shorter ends, the longest first: ``20_zdm/a``, ``a``."""
    parts = stem.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _trigger_hint(pictures: Sequence[PlannedPicture]) -> str:
    learnt = [picture for picture in pictures if not picture.is_regularisation]
    hints = {re.split(r"[\s,]+", picture.class_tokens)[0] for picture in learnt}
    return hints.pop() if len(hints) == 1 else ""


def _raw_suffix(file: IncomingFile) -> str:
    stem, dot, suffix = file.name.rpartition(".")
    return dot + suffix if stem else ""


def _suffix(file: IncomingFile) -> str:
    return _raw_suffix(file).lower()


def _plain(path: str) -> str:
    """For matching a caption to its picture: macOS decomposes が, and cameras write .TXT and .JPG."""
    return unicodedata.normalize("NFC", path).casefold()
