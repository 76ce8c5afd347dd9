"""Read a folder of pictures with their captions, as people prepare them for sd-scripts or by hand (product D1, D2).

A folder is either *plain* (pictures, with or without captions of the same name), a *Kohya folder*
(``20_mame 1girl``: shown 20 times an epoch, class tokens ``mame 1girl``), or the parent of Kohya folders. What cannot
be used is collected with its reason while the rest stays usable: one broken file must not cost a person the others.
Nothing is ever written here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from enogu.errors import EnoguError, PictureRefused, WrongUse
from enogu.imaging.decoding import PictureInfo, check_picture, probe_picture

PICTURE_SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
)
"""File names that promise a picture we can read: refused with a reason when they do not keep it."""

UNREADABLE_SUFFIXES = frozenset(
    {
        ".heic",
        ".heif",
        ".jxl",
        ".jp2",
        ".svg",
        ".psd",
        ".clip",
        ".kra",
        ".xcf",
        ".ico",
        ".tga",
        ".exr",
        ".hdr",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".dng",
        ".raf",
    }
)
"""File names that promise a picture we cannot read: refused with a reason too, so that nobody misses them silently."""

CAPTION_SUFFIXES = (".txt", ".caption")
"""Where a caption is looked for, in this order; ``.caption`` is sd-scripts' default (library/train_util.py)."""

MASK_FOLDERS = frozenset({"mask", "masks", "マスク"})
"""Folders of masks, in any letters: each file says what is learnt of the picture of its name (F28)."""

REGULARISATION_FOLDERS = frozenset(
    {
        "reg",
        "regs",
        "reg_images",
        "regularisation",
        "regularisation_images",
        "regularization",
        "regularization_images",
        "正則化",
        "正則化画像",
    }
)
"""Folders of regularisation pictures; kohya_ss makes one called ``reg``."""

MAX_CAPTION_BYTES = 256 * 1024
"""Largest caption file that is read."""

MAX_FOLDER_REPEATS = 1000
"""A larger leading number is taken for a date (``20240131_photos``), not for repeats."""


@dataclass(frozen=True)
class PictureFile:
    """One usable picture."""

    path: Path
    caption: str
    """Text of its caption file; without one, the Kohya folder's class tokens (as sd-scripts does), else empty."""
    has_caption: bool
    """Whether a caption file exists."""
    repeats: int
    """How often an epoch shows it: the Kohya folder's number, else 1."""
    class_tokens: str
    """``mame 1girl`` of ``20_mame 1girl``; empty in a plain folder."""
    info: PictureInfo


@dataclass(frozen=True)
class PictureFolder:
    """What ``read_folder`` found, pictures in natural order (2 before 10) by folder and name on every platform."""

    path: Path
    pictures: tuple[PictureFile, ...]
    refused: tuple[PictureRefused, ...]
    notes: tuple[str, ...]
    """Sentences a person should see: captions in another encoding, folders and files that were left aside."""
    trigger_hint: str
    """First class token when all Kohya folders agree on it, else empty."""


def read_folder(path: Path, *, decode: bool = True) -> PictureFolder:
    """Find the pictures and captions under ``path``.

    With ``decode`` every picture is decoded once to find truncated files now rather than in the middle of a training;
    without it only headers are read (fast, for counting). Raises WrongUse when ``path`` is no folder or nothing usable
    is in it; the message then names the refused files.
    """
    subsets, notes = _find_subsets(path)
    pictures: list[PictureFile] = []
    refused: list[PictureRefused] = []
    for subset in subsets:
        notes += _read_subset(subset, decode, pictures, refused)
    if not pictures:
        raise _nothing_usable(path, refused, notes)
    return PictureFolder(
        path=path,
        pictures=tuple(pictures),
        refused=tuple(refused),
        notes=tuple(notes),
        trigger_hint=_trigger_hint(subsets),
    )


def parse_kohya_name(name: str) -> tuple[int, str] | None:
    """``20_mame 1girl`` → (20, "mame 1girl"), by sd-scripts' rule (library/config_util.py): number, ``_``, the rest.

    None when the name is not of that form, or the number is above MAX_FOLDER_REPEATS.
    """
    match = re.fullmatch(r"([0-9]{1,9})_(.*\S.*)", name)
    if match is None or int(match[1]) > MAX_FOLDER_REPEATS:
        return None
    return int(match[1]), match[2].strip()


def natural_key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key: ``a2`` before ``a10``, capitals and Unicode forms alike; ties by the exact name, so never random."""
    parts = re.split(r"([0-9]+)", unicodedata.normalize("NFC", name).casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part), name


@dataclass(frozen=True)
class _Subset:
    """Pictures of one folder that share repeats and class tokens."""

    folder: Path
    repeats: int
    class_tokens: str


def _find_subsets(path: Path) -> tuple[list[_Subset], list[str]]:
    """Which folders to read, and what was left aside."""
    entries = _list_folder(path)
    own = [entry for entry in entries if entry.is_file() and _promises_picture(entry)]
    if own and (kohya := parse_kohya_name(path.resolve().name)) and kohya[0] >= 1:
        return [_Subset(path, *kohya)], []
    subsets: list[_Subset] = []
    notes: list[str] = []
    for folder in (entry for entry in entries if entry.is_dir()):
        if kohya := parse_kohya_name(folder.name):
            if kohya[0] >= 1:
                subsets.append(_Subset(folder, *kohya))
            else:
                notes.append(f"{folder.name} is left aside: it says 0 repeats.")
        elif any(_promises_picture(entry) for entry in _list_folder(folder)):
            notes.append(f"{folder.name} is left aside: its name has no repeats (like 20_{folder.name}).")
    if subsets and own:
        notes.append(f"Loose pictures left aside in {path.name}: {len(own)}; only the numbered folders are read.")
    return subsets or [_Subset(path, 1, "")], notes


def _read_subset(
    subset: _Subset, decode: bool, pictures: list[PictureFile], refused: list[PictureRefused]
) -> list[str]:
    entries = [entry for entry in _list_folder(subset.folder) if entry.is_file()]
    candidates = [entry for entry in entries if _promises_picture(entry)]
    captions = {_plain_name(entry.name): entry for entry in entries if entry.suffix.lower() in CAPTION_SUFFIXES}
    notes: list[str] = []
    for candidate, probed in zip(candidates, _probe_all(candidates, decode), strict=True):
        if isinstance(probed, PictureRefused):
            refused.append(probed)
            continue
        try:
            text, note = _caption_of(candidate, captions)
        except PictureRefused as refusal:
            refused.append(refusal)
            continue
        notes += [note] if note else []
        pictures.append(
            PictureFile(
                path=candidate,
                caption=subset.class_tokens if text is None else text,
                has_caption=text is not None,
                repeats=subset.repeats,
                class_tokens=subset.class_tokens,
                info=probed,
            )
        )
    return notes


def _probe_all(candidates: Sequence[Path], decode: bool) -> list[PictureInfo | PictureRefused]:
    """Probe on a few threads (Pillow decodes outside the interpreter lock), in the given order."""
    look = check_picture if decode else probe_picture

    def probe(path: Path) -> PictureInfo | PictureRefused:
        try:
            return look(path)
        except PictureRefused as refusal:
            return refusal

    with ThreadPoolExecutor(max_workers=4) as threads:
        return list(threads.map(probe, candidates))


def _caption_of(picture: Path, captions: dict[str, Path]) -> tuple[str | None, str]:
    """Caption text (None without a caption file) and a note. Raises PictureRefused naming both files."""
    for suffix in CAPTION_SUFFIXES:
        if caption := captions.get(_plain_name(picture.stem + suffix)):
            try:
                return read_caption(caption)
            except EnoguError as error:
                raise PictureRefused(f"{picture.name}: its caption {error.message}", error.cure) from error
    return None, ""


def read_caption(path: Path) -> tuple[str, str]:
    """Text of a caption file and a note; see ``decode_caption``. Raises EnoguError also when it cannot be read."""
    try:
        data = path.read_bytes()[: MAX_CAPTION_BYTES + 1]
    except OSError as error:
        raise EnoguError(f"{path.name} cannot be read ({error.strerror or error}).") from error
    return decode_caption(data, path.name)


def decode_caption(data: bytes, name: str) -> tuple[str, str]:
    """Text of a caption's bytes without surrounding blanks, and a note ("" when there is nothing to say).

    UTF-8 (with or without BOM), UTF-16 with BOM, else Shift-JIS (CP932) with a note naming the file. Raises EnoguError
    whose message begins with the file's name when it is none of these, or larger than MAX_CAPTION_BYTES.
    """
    cure = "Save it as UTF-8 text."
    if len(data) > MAX_CAPTION_BYTES:
        raise EnoguError(f"{name} is larger than {MAX_CAPTION_BYTES // 1024} KiB.", cure)
    note = ""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding, note = "utf-16", f"{name} is not UTF-8; it was read as UTF-16."
    elif _decodes(data, "utf-8-sig"):
        encoding = "utf-8-sig"
    else:
        encoding, note = "cp932", f"{name} is not UTF-8; it was read as Shift-JIS (CP932)."
    if not _decodes(data, encoding):
        raise EnoguError(f"{name} is neither UTF-8 nor Shift-JIS text.", cure)
    text = data.decode(encoding).replace("\r\n", "\n").strip()
    if encoding == "cp932" and any(unicodedata.category(sign) == "Co" or sign in "\x80\xa0" for sign in text):
        raise EnoguError(f"{name} is neither UTF-8 nor Shift-JIS text.", cure)  # bytes that CP932 has no letter for
    if "\0" in text:
        raise EnoguError(f"{name} is not text.", cure)
    return text, note or ("" if text else f"{name} is empty.")


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _list_folder(path: Path) -> list[Path]:
    """Visible entries in natural order. Raises WrongUse when ``path`` is no folder or may not be read."""
    try:
        entries = list(path.iterdir())
    except FileNotFoundError:
        raise WrongUse(f"There is no folder {path}.", "Check the spelling.") from None
    except NotADirectoryError:
        raise WrongUse(f"{path} is a file, not a folder.", "Name the folder the pictures are in.") from None
    except OSError as error:
        raise WrongUse(f"The folder {path} cannot be read ({error.strerror or error}).") from error
    visible = (entry for entry in entries if not entry.name.startswith(".") and entry.name != "__MACOSX")
    return sorted(visible, key=lambda entry: natural_key(entry.name))


def _promises_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES | UNREADABLE_SUFFIXES


def _plain_name(name: str) -> str:
    """For matching a caption to its picture: macOS decomposes が, and cameras write .TXT and .JPG."""
    return unicodedata.normalize("NFC", name).casefold()


def _trigger_hint(subsets: Sequence[_Subset]) -> str:
    hints = {re.split(r"[\s,]+", subset.class_tokens)[0] for subset in subsets}
    return hints.pop() if len(hints) == 1 else ""


def _nothing_usable(path: Path, refused: Sequence[PictureRefused], notes: Sequence[str]) -> WrongUse:
    if refused:
        shown = " ".join(str(refusal) for refusal in refused[:3])
        more = f" (and {len(refused) - 3} more)" if len(refused) > 3 else ""
        return WrongUse(f"None of the pictures in {path} can be used: {shown}{more}")
    if notes:
        return WrongUse(f"There are no pictures in {path} itself. {' '.join(notes)}", "Name the folder they are in.")
    return WrongUse(f"There are no pictures in {path}.", "Put PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF files into it.")
