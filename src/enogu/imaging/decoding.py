"""Open a picture from an untrusted file: know it by its content, measure it by its header, only then decode it.

A picture's name says nothing (phones call HEIC files .jpg, browsers call WebP files .png) and its header may claim
50,000×50,000 pixels in forty bytes. So the first bytes choose the one Pillow reader that may look at it, the size in
the header is held against the limits below, and pixels are decoded last. ``PIL.Image.open`` is not used because it
tries readers we do not want, and only warns about sizes between one and two times its own limit.

Whatever a reader raises on hostile bytes (OSError, SyntaxError, struct.error, zlib.error, …) becomes
``PictureRefused``.
"""

from __future__ import annotations

import hashlib
import io
import stat
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageColor,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from enogu.errors import PictureRefused, WrongUse
from enogu.imaging.colours import converted_to_srgb
from enogu.imaging.reasons import reason_of
from enogu.imaging.signatures import describe_content, find_format, png_orientation, webp_size

if TYPE_CHECKING:
    pass


MAX_PIXELS = 100_000_000
"""Largest picture that is decoded, in pixels (100 megapixels)."""

MIN_SIDE = 16
"""Shortest side that is accepted, in pixels: less carries nothing to learn."""

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Largest file that is read into memory."""

PICTURE_FORMATS = ("PNG", "JPEG", "WebP", "AVIF", "GIF", "BMP", "TIFF")
"""What can be read (product D2)."""
NOTE_OF_TRANSPARENCY = "Has transparency: laid on the background colour."
"""Among a picture's notes: who looks for its transparency later finds it by this."""


@dataclass(frozen=True)
class PictureInfo:
    """What a picture's header says. ``width`` and ``height`` are pixels after EXIF rotation."""

    path: Path
    width: int
    height: int
    format: str
    """One of PICTURE_FORMATS, by content."""
    notes: tuple[str, ...] = ()
    """Sentences on what decoding will do to it: first frame only, transparency, rotation, CMYK, 16 bit."""


@dataclass(frozen=True)
class DecodedPicture:
    """A picture as the trainer sees it."""

    image: Image.Image
    """Mode RGB, 8 bit, upright."""
    sha256: str
    """Hex digest of the file's bytes as they were decoded."""
    info: PictureInfo


def probe_picture(path: Path) -> PictureInfo:
    """Read the header only. Raises PictureRefused for anything ``open_picture`` would refuse by its header."""
    with opened_header(path) as (_, info):
        return info


@contextmanager
def opened_header(path: Path) -> Generator[tuple[ImageFile.ImageFile, PictureInfo], None, None]:
    """The picture with its header read and checked but no pixels decoded, for those who read its metadata."""
    _check_file(path)
    with _refusing(path, "cannot be read"), path.open("rb") as file, _opened(path, file) as opened:
        yield opened


@contextmanager
def opened_bytes(data: bytes, path: Path) -> Generator[tuple[ImageFile.ImageFile, PictureInfo], None, None]:
    """``opened_header`` for bytes that are in memory; of ``path`` only the name is used, for messages."""
    _check_length(path, len(data))
    with _refusing(path, "cannot be read"), _opened(path, io.BytesIO(data)) as opened:
        yield opened


def open_picture(path: Path, background: str = "#ffffff") -> DecodedPicture:
    """Decode the first frame to upright 8-bit sRGB; transparency is laid on ``background`` (any CSS colour).

    16-bit channels are scaled (not clipped) to 8 bit; CMYK and wide-gamut pictures are converted with their own ICC
    profile when they carry one. Raises PictureRefused with the file's name, the reason and the cure; WrongUse when
    ``background`` is no colour.
    """
    parse_colour(background)
    _check_file(path)
    with _refusing(path, "cannot be read"):
        data = path.read_bytes()
    return decode_picture(data, path, background)


def decode_picture(data: bytes, path: Path, background: str = "#ffffff") -> DecodedPicture:
    """``open_picture`` for bytes that are in memory; of ``path`` only the name is used, for messages."""
    colour = parse_colour(background)
    _check_length(path, len(data))
    with _refusing(path, "is cut short or damaged"), _opened(path, io.BytesIO(data)) as (image, info):
        _load(image, info)
        upright = _upright(_as_rgb(path, image, colour), _orientation(image, info, io.BytesIO(data)))
    return DecodedPicture(image=upright, sha256=hashlib.sha256(data).hexdigest(), info=info)


def open_transparency(path: Path) -> Image.Image | None:
    """How opaque each pixel of ``open_picture`` was, upright, mode L (255 is opaque); None where the file has none.

    Raises PictureRefused as ``open_picture`` does.
    """
    _check_file(path)
    with _refusing(path, "cannot be read"):
        data = path.read_bytes()
    with _refusing(path, "is cut short or damaged"), _opened(path, io.BytesIO(data)) as (image, info):
        _load(image, info)
        if not image.has_transparency_data:
            return None
        alpha = image.convert("RGBA").getchannel("A")
        return _upright(alpha, _orientation(image, info, io.BytesIO(data)))


def check_picture(path: Path) -> PictureInfo:
    """Decode every pixel and keep none: finds truncated and damaged files that a header check cannot find.

    Costs a third of ``open_picture`` for a JPEG (decoded at an eighth of its size). Raises PictureRefused.
    """
    _check_file(path)
    with _refusing(path, "is cut short or damaged"), path.open("rb") as file, _opened(path, file) as (image, info):
        if info.format == "JPEG":
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        _load(image, info)
        _check_mode(path, image)
        return info


def parse_colour(colour: str) -> tuple[int, int, int]:
    """``#fff``, ``#ffffff``, ``white`` or ``rgb(…)`` to red, green, blue (0–255). Raises WrongUse."""
    try:
        red, green, blue = ImageColor.getrgb(colour)[:3]
    except ValueError:
        raise WrongUse(f"{colour!r} is no colour.", "Write it like #ffffff or white.") from None
    return red, green, blue


_READERS: dict[str, Callable[[IO[bytes]], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
}

_DAMAGED_CURE = "Save or download it again, or leave it out."
_CONVERT_CURE = "Save it as PNG or JPEG."

# EXIF orientation → what makes the picture upright (EXIF 2.32, tag 0x0112).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112

_warnings_lock = threading.Lock()


def _check_file(path: Path) -> None:
    """Refuse what must not be opened at all: folders, pipes, empty and enormous files."""
    try:
        status = path.stat()
    except OSError as error:
        raise PictureRefused(f"{path.name} cannot be read ({error.strerror or error}).") from error
    if not stat.S_ISREG(status.st_mode):
        raise PictureRefused(f"{path.name} is not a file.", "Leave it out.")
    _check_length(path, status.st_size)


def _check_length(path: Path, num_bytes: int) -> None:
    if num_bytes == 0:
        raise PictureRefused(f"{path.name} is empty (0 bytes).", _DAMAGED_CURE)
    if num_bytes > MAX_FILE_BYTES:
        mib = num_bytes // 2**20
        raise PictureRefused(f"{path.name} is {mib} MiB, more than {MAX_FILE_BYTES // 2**20} MiB.", _CONVERT_CURE)


@contextmanager
def _refusing(path: Path, what: str) -> Generator[None, None, None]:
    """Turn whatever a reader raises into PictureRefused: on hostile bytes readers raise nearly every built-in error."""
    try:
        yield
    except PictureRefused:
        raise
    except MemoryError as error:
        raise PictureRefused(
            f"{path.name} needs more memory to open than there is.", "Make it smaller and add it again."
        ) from error
    except OSError as error:
        if error.strerror:  # the disk, not the picture: no permission, gone, I/O error
            cure = "Check the file's permissions and the disk."
            raise PictureRefused(f"{path.name} cannot be read ({error.strerror}).", cure) from error
        raise _damaged(path, what, error) from error
    except Exception as error:
        raise _damaged(path, what, error) from error


def _damaged(path: Path, what: str, error: Exception) -> PictureRefused:
    reason = reason_of(error)
    return PictureRefused(f"{path.name} {what}{f' ({reason})' if reason else ''}.", _DAMAGED_CURE)


@contextmanager
def _opened(path: Path, file: IO[bytes]) -> Generator[tuple[ImageFile.ImageFile, PictureInfo], None, None]:
    """Choose the reader by content, parse the header, hold it against the limits."""
    head = file.read(4096)
    found = find_format(head)
    if found is None:
        name = describe_content(head)
        raise PictureRefused(f"{path.name} is not a picture we can read: {name}.", _CONVERT_CURE)
    if found == "WebP" and (size := webp_size(head)):  # its reader allocates the canvas while opening
        _check_size(path, *size)
    file.seek(0)
    with _without_warnings():
        image = _READERS[found](file)
        _check_size(path, *image.size)
        _check_mode(path, image)
        orientation = _orientation(image, found, file)
        notes = _notes(image, found, orientation)
    width, height = image.size
    if orientation >= 5:
        width, height = height, width
    try:
        yield image, PictureInfo(path=path, width=width, height=height, format=found, notes=notes)
    finally:
        image.close()


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PictureRefused(
            f"{path.name} is {width:,}×{height:,} pixels, more than {MAX_PIXELS // 1_000_000} megapixels.",
            "Make it smaller and add it again.",
        )
    if min(width, height) < MIN_SIDE:
        raise PictureRefused(
            f"{path.name} is {width}×{height} pixels; each side must be at least {MIN_SIDE}.",
            "Use a larger picture or leave it out.",
        )


def _check_mode(path: Path, image: Image.Image) -> None:
    if image.mode in ("F", "I"):
        raise PictureRefused(
            f"{path.name} has 32 bits a channel, whose range is not defined.", "Save it with 8 or 16 bits a channel."
        )


@contextmanager
def _without_warnings() -> Generator[None, None, None]:
    """Silence Pillow's remarks on odd metadata; the size is checked by us. One thread at a time: filters are global."""
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _load(image: Image.Image, info: PictureInfo) -> None:
    """Decode the pixels, in parallel with other threads but for TIFF, whose reader warns while loading."""
    quiet: AbstractContextManager[None] = _without_warnings() if info.format == "TIFF" else nullcontext()
    with quiet:
        image.load()


def _notes(image: ImageFile.ImageFile, found: str, orientation: int) -> tuple[str, ...]:
    bands = image.getbands()
    sixteen_bit = image.mode.startswith("I;16") or any("16" in str(tile.args) for tile in image.tile)
    facts = {
        "Animated: only the first frame is used.": found != "TIFF" and bool(getattr(image, "is_animated", False)),
        "Turned upright by its EXIF orientation.": orientation != 1,
        NOTE_OF_TRANSPARENCY: "A" in bands or "transparency" in image.info,
        "CMYK: converted to RGB.": image.mode == "CMYK",
        "16 bits a channel: reduced to 8.": sixteen_bit,
    }
    return tuple(sentence for sentence, holds in facts.items() if holds)


def _orientation(image: Image.Image, found: str | PictureInfo, file: IO[bytes]) -> int:
    """EXIF orientation 1–8 that is still to be applied; unknown values count as 1, as every viewer treats them."""
    name = found.format if isinstance(found, PictureInfo) else found
    if name == "TIFF":  # its reader turns the picture (and reports the turned size) by itself
        return 1
    if name == "PNG":  # image.getexif() would decode all pixels to look behind them
        position = file.tell()
        orientation = png_orientation(file)
        file.seek(position)
    else:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in _TURNS else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _as_rgb(path: Path, image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """Any mode to RGB, transparency laid on ``background``."""
    _check_mode(path, image)
    if image.mode.startswith("I;16"):
        return _grey16_as_rgb(image, background)
    icc_profile: bytes | None = image.info.get("icc_profile")
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        flat = Image.new("RGBA", image.size, background)
        flat.alpha_composite(_with_srgb_colours(with_alpha, icc_profile))
        return flat.convert("RGB")
    if image.mode == "P":
        image = image.convert("RGB")
    return converted_to_srgb(image, icc_profile).convert("RGB")


def _with_srgb_colours(image_rgba: Image.Image, icc_profile: bytes | None) -> Image.Image:
    colours = converted_to_srgb(image_rgba.convert("RGB"), icc_profile)
    colours.putalpha(image_rgba.getchannel("A"))
    return colours


def _grey16_as_rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """16-bit grey to 8 bit by v/257 rounded; Pillow's own conversion would clip everything above 255 to white."""
    import numpy as np

    grey_HW = np.asarray(image).astype(np.uint32)
    levels_HW = ((grey_HW + 128) // 257).astype(np.uint8)
    rgb_HWC = np.repeat(levels_HW[:, :, None], 3, axis=2)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        rgb_HWC[grey_HW == transparent] = background
    return Image.fromarray(rgb_HWC)
