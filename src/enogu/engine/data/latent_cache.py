"""Latents by content: encoded once for each (picture bytes, place, flip, VAE) and shared between runs.

Kohya's cache is keyed by file name and picture size, so an edited picture, another crop or another base model silently
trains on stale latents. Here the key is a hash of everything the latents depend on, so nothing can be stale. Mean and
standard deviation are kept, so that the VAE's sampling can be drawn anew each step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file

from enogu.engine.data.pixels import placed_pixels
from enogu.engine.families import LoadedBase, picture_sizes
from enogu.engine.tensor_files import tensor_file_bytes
from enogu.errors import PictureRefused, StorageFailed
from enogu.imaging.decoding import open_picture
from enogu.recipe.buckets import Placement
from enogu.whole_file import write_whole_bytes

_VAE_FORMATS = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
FORMAT = 1
"""Raised when the bytes of an entry change their meaning."""


@dataclass(frozen=True)
class Latents:
    """The VAE's posterior of one placed picture, scaled for the U-Net: fp32 [C, H/8, W/8] each."""

    mean_CHW: torch.Tensor
    std_CHW: torch.Tensor
    sizes: tuple[float, ...] = (0.0,) * 6
    """How the picture was cut, as ``picture_sizes`` orders it."""


@dataclass(frozen=True)
class PlacedPicture:
    """A picture of the training set with the place the plan gave it; ``sha256`` of its bytes as ``picture_sha256``."""

    path: Path
    sha256: str
    placement: Placement
    background: str
    width: int = 0
    height: int = 0
    """Of the whole picture in pixels; 0 where nobody asks."""


def latents_of(
    base: LoadedBase,
    pictures: Sequence[PlacedPicture],
    *,
    flips: Sequence[bool],
    folder: Path | None,
    progress: Callable[[int, int, int], None],
) -> dict[tuple[int, bool], Latents]:
    """Latents for every picture and every flip of ``flips``, from the cache ``folder`` where they are there.

    ``progress(done, total, reused)`` is called after each picture. A cache that cannot be written is no reason to
    stop: the latents are then kept in memory only. A picture whose latents are there is not decoded. Raises
    PictureRefused naming a picture that cannot be read, or whose bytes are not those of its ``sha256`` any more.
    """
    found: dict[tuple[int, bool], Latents] = {}
    reused = 0
    for index, picture in enumerate(pictures):
        image: Image.Image | None = None
        for flip in flips:
            key = latents_key(base, picture, flip)
            latents = _read(folder, key, _shape(base, picture))
            reused += latents is not None and flip == flips[0]
            if latents is None:
                image = decoded(picture) if image is None else image
                latents = _posterior(base, picture, placed_pixels(image, picture.placement, flip))
                _write(folder, key, latents)
            found[index, flip] = _scaled(base, picture, latents, flip)
        progress(index + 1, len(pictures), reused)
    return found


def encoded(base: LoadedBase, picture: PlacedPicture, pixels_3HW: torch.Tensor, flip: bool) -> Latents:
    """Latents of these pixels of ``picture`` at its place, kept nowhere. Raises PictureRefused as ``latents_of``."""
    return _scaled(base, picture, _posterior(base, picture, pixels_3HW), flip)


def _posterior(base: LoadedBase, picture: PlacedPicture, pixels_3HW: torch.Tensor) -> Latents:
    """As the VAE gives it."""
    mean, std = base.family.encode_pictures(base, pixels_3HW[None])
    latents = Latents(mean[0], std[0])
    if not all(bool(torch.isfinite(tensor).all()) for tensor in (latents.mean_CHW, latents.std_CHW)):
        raise PictureRefused(
            f"The base model's VAE makes no numbers (NaN) of {picture.path.name}.",
            "Leave this picture out; if it is so with all of them, the base model's VAE is damaged.",
        )
    return latents


def _scaled(base: LoadedBase, picture: PlacedPicture, latents: Latents, flip: bool) -> Latents:
    """As the network sees it, with how the picture was cut."""
    scale, shift = base.scaling_factor, base.shift_factor
    return Latents((latents.mean_CHW - shift) * scale, latents.std_CHW * scale, _sizes(picture, flip))


def picture_sha256(path: Path) -> str:
    """sha256 of the file's bytes, hex, read once from end to end. Raises PictureRefused naming it."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise PictureRefused(f"{path.name} cannot be read ({reason}).", "Check that it is still there.") from error


def latents_key(base: LoadedBase, picture: PlacedPicture, flip: bool) -> str:
    """sha256 over everything the latents depend on, hex."""
    place = picture.placement
    parts = [
        FORMAT,
        picture.sha256,
        picture.background,
        place.resized_width,
        place.resized_height,
        list(place.crop_box),
        flip,
        base.hash,
        _VAE_FORMATS.get(base.networks["vae"].dtype, "fp32"),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def decoded(picture: PlacedPicture) -> Image.Image:
    """The whole picture. Raises PictureRefused when its bytes are not those of its ``sha256`` any more."""
    found = open_picture(picture.path, picture.background)
    if found.sha256 != picture.sha256:
        raise PictureRefused(f"{picture.path.name} was changed while the run was starting.", "Start again.")
    return found.image


def _sizes(picture: PlacedPicture, flip: bool) -> tuple[float, ...]:
    """Cut in the picture as it was resized, mirrored with it; the sizes of the original and of what is left."""
    place = picture.placement
    left, top, right, _ = place.crop_box
    return tuple(
        picture_sizes(
            original_height=picture.height or place.resized_height,
            original_width=picture.width or place.resized_width,
            target_height=place.bucket.height,
            target_width=place.bucket.width,
            crop_top=top,
            crop_left=place.resized_width - right if flip else left,
        )
    )


def _shape(base: LoadedBase, picture: PlacedPicture) -> tuple[int, int, int]:
    """What the latents of a placed picture must look like: [C, H/8, W/8] of its bucket."""
    bucket, scale = picture.placement.bucket, base.family.pixels_per_latent
    return base.family.latent_channels, bucket.height // scale, bucket.width // scale


def _read(folder: Path | None, key: str, shape: tuple[int, int, int]) -> Latents | None:
    """The entry, or None where there is none or it is damaged: it is then made again."""
    if folder is None:
        return None
    path = folder / key[:2] / f"{key}.safetensors"
    try:
        tensors = load_file(path)
        mean, std = tensors["mean"], tensors["std"]
    except (OSError, SafetensorError, KeyError):
        return None
    if any(t.shape != shape or t.dtype != torch.float32 or not bool(torch.isfinite(t).all()) for t in (mean, std)):
        return None
    return Latents(mean, std)


def _write(folder: Path | None, key: str, latents: Latents) -> None:
    if folder is None:
        return
    tensors = {"mean": latents.mean_CHW.contiguous(), "std": latents.std_CHW.contiguous()}
    try:
        write_whole_bytes(folder / key[:2] / f"{key}.safetensors", tensor_file_bytes(tensors, {}))
    except StorageFailed:
        return
