"""Cut pictures as they are to be trained (D5). Decoding is the limited child's, cutting and encoding are ours."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from enogu.datasets.entities import CropSettings, Picture
from enogu.errors import NotFound
from enogu.imaging.crops import Box, Crop, FaceFinder, choose_crop, cut
from enogu.imaging.decoder import Decoder
from enogu.imaging.decoding import MAX_FILE_BYTES
from enogu.imaging.examining import thumbnail_webp
from enogu.storage.files import Files

WHITE = "#ffffff"


@dataclass(frozen=True)
class CutPicture:
    """A picture as it will be trained, with its files in the store; all three None when that is the original."""

    image: Image.Image
    crop: Crop | None
    sha256: str | None
    thumbnail_sha256: str | None


def read_original(files: Files, picture: Picture) -> bytes:
    """The bytes as they came. Raises NotFound, StorageFailed."""
    return b"".join(files.get(picture.sha256))


def cut_picture(
    files: Files,
    decoder: Decoder,
    picture: Picture,
    settings: CropSettings,
    *,
    box: Box | None = None,
    face_finder: FaceFinder | None = None,
) -> CutPicture:
    """Decode and cut it. ``box`` (upright original pixels) is a rectangle by hand and wins over the settings' method,
    as the one does that the picture has from before. Raises PictureRefused, WrongUse for the box, StorageFailed.
    """
    decoded = decoder.decode(read_original(files, picture), picture.name, settings.background)
    by_hand = box or (picture.crop.box if picture.crop is not None and picture.crop.method == "hand" else None)
    size = settings.width, settings.height
    if by_hand is not None:
        crop = choose_crop(decoded.image, "hand", size, box=by_hand)
    else:
        method = "none" if settings.method == "hand" else settings.method
        crop = choose_crop(decoded.image, method, size, face_finder=face_finder)
    has_own_ground = settings.background != WHITE and any("transparency" in note for note in picture.notes)
    if crop.method == "none" and not has_own_ground:
        return CutPicture(decoded.image, None, None, None)
    image = cut(decoded.image, crop)
    stored = files.put(_png(image), MAX_FILE_BYTES)
    thumbnail = files.put([thumbnail_webp(image)], MAX_FILE_BYTES)
    return CutPicture(image, crop, stored.sha256, thumbnail.sha256)


def read_trained(files: Files, decoder: Decoder, picture: Picture, background: str) -> Image.Image:
    """The pixels of what is trained, for a tagger. Our own crops are decoded in the limited child as well."""
    data = b"".join(files.get(picture.trained_sha256))
    if not data:
        raise NotFound(f"{picture.name} has no bytes.", "Add it again.")
    return decoder.decode(data, picture.name, background).image


def _png(image: Image.Image) -> Iterator[bytes]:
    """Lossless, without metadata; the same bytes for the same pixels, so the same crop is kept once."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="PNG", compress_level=6)
    yield buffer.getvalue()
