"""A1111's generation text: what was drawn with, kept in the picture, readable by A1111, Forge, Civitai and Enogu alike.

Layout and quoting follow stable-diffusion-webui (modules/processing.py create_infotext, modules/infotext_utils.py):
prompt, ``Negative prompt: …``, then one line of ``Key: value`` pairs. The layout cannot hold every string: blanks at
the edges of lines are lost, and a prompt line that begins with ``Negative prompt:`` starts the negative prompt.

In a PNG the text is the chunk ``parameters`` (tEXt when Latin-1 suffices, else iTXt); JPEG, WebP and AVIF carry it as
the EXIF UserComment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from PIL import Image, PngImagePlugin

from enogu.errors import WrongUse
from enogu.imaging.decoding import PictureInfo, opened_bytes, opened_header
from enogu.whole_file import write_whole

SettingValue = str | int | float | None


@dataclass(frozen=True)
class Infotext:
    """A parsed infotext. ``settings`` holds the values as text under A1111's names, in the order they were written."""

    prompt: str
    negative_prompt: str = ""
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height in pixels from ``Size: 512x768``."""
        match = re.fullmatch(r"(\d{1,6})x(\d{1,6})", self.settings.get("Size", ""))
        return (int(match[1]), int(match[2])) if match else None

    @property
    def lora_hashes(self) -> dict[str, str]:
        """``Lora hashes: "mame: 1a2b, zdm: 3c4d"`` as a dict of name to hash."""
        pairs = (pair.rpartition(":") for pair in self.settings.get("Lora hashes", "").split(","))
        return {name.strip(): digest.strip() for name, _, digest in pairs if name.strip()}


def write_infotext(prompt: str, negative_prompt: str = "", settings: Mapping[str, SettingValue] | None = None) -> str:
    """The text for ``parameters``. ``settings`` use A1111's names (``Steps``, ``CFG scale``, ``Size``, …).

    Settings are put into A1111's order, others go before ``Version``; None is left out; values with ``,`` ``:`` or a
    line break are JSON-quoted. At least three settings are needed for any reader to recognise the line. Raises
    WrongUse for a setting's name that no reader would find again.
    """
    for key in settings or {}:
        if not _KEY.fullmatch(key):
            raise WrongUse(
                f"{key!r} cannot name a setting in a picture's text.", "Use letters, digits, spaces, - or /."
            )
    pairs = [(key, _as_text(value)) for key, value in (settings or {}).items() if value is not None]
    pairs.sort(key=lambda pair: _RANKS.get(pair[0], _RANKS["Version"] - 0.5))
    last_line = ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs)
    negative_line = f"\nNegative prompt: {negative_prompt}" if negative_prompt else ""
    return f"{prompt}{negative_line}\n{last_line}".strip()


def write_lora_hashes(hashes: Mapping[str, str]) -> str | None:
    """The value of ``Lora hashes`` (name → first 12 hex digits of sshs_model_hash), or None when there are none."""
    return ", ".join(f"{name}: {digest}" for name, digest in hashes.items()) or None


def parse_infotext(text: str) -> Infotext:
    """Read back what A1111 or ``write_infotext`` wrote; any text is accepted (without settings it is all prompt).

    The last line counts as settings when it holds at least three pairs (infotext_utils.parse_generation_parameters).
    """
    *lines, last_line = text.strip().split("\n")
    pairs = cast("list[tuple[str, str]]", _PAIR.findall(last_line))
    if len(pairs) < 3:
        lines.append(last_line)
        pairs = []
    prompt: list[str] = []
    negative: list[str] = []
    current = prompt
    for line in (line.strip() for line in lines):
        if line.startswith(_NEGATIVE):
            current = negative
            line = line.removeprefix(_NEGATIVE).strip()
        if current or line:
            current.append(line)
    return Infotext(
        prompt="\n".join(prompt),
        negative_prompt="\n".join(negative),
        settings={key: _unquoted(value) for key, value in pairs},
    )


def save_png(image: Image.Image, path: Path, parameters: str | None = None) -> None:
    """Write a PNG whole or not at all, with ``parameters`` when given. Raises StorageFailed with the cure."""
    chunks = PngImagePlugin.PngInfo()
    if parameters is not None:
        clean = parameters.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
        chunks.add_text("parameters", clean)  # tEXt when Latin-1 suffices, else iTXt
    write_whole(path, lambda aside: image.save(aside, format="PNG", pnginfo=chunks))


def read_png_parameters(path: Path) -> str | None:
    """``parameters`` of a PNG (tEXt, zTXt or iTXt, before or behind the pixels), else None. Raises PictureRefused."""
    with opened_header(path) as (image, _):
        return _of_png(image)


def read_parameters(path: Path) -> str | None:
    """The infotext of any picture: PNG ``parameters``, else EXIF UserComment. Raises PictureRefused."""
    with opened_header(path) as (image, info):
        return _of_any(image, info)


def find_parameters(data: bytes, name: str) -> str | None:
    """``read_parameters`` of bytes that are in memory; ``name`` is for messages."""
    with opened_bytes(data, Path(name)) as (image, info):
        return _of_any(image, info)


def decode_user_comment(value: object) -> str | None:
    """EXIF UserComment (EXIF 2.32, tag 0x9286: eight bytes name the encoding) as text, None when empty.

    UNICODE is UTF-16 whose byte order the standard leaves open: A1111 writes big-endian, others little-endian, so the
    order that yields more ASCII is taken.
    """
    if isinstance(value, str):
        return value or None
    if not isinstance(value, bytes):
        return None
    code, data = value[:8], value[8:]
    if code == b"UNICODE\0":
        orders = (data.decode(order, "replace") for order in ("utf-16-be", "utf-16-le"))
        text = max(orders, key=lambda text: sum(character.isascii() for character in text)).lstrip("\ufeff")
    elif code == b"JIS\0\0\0\0\0":
        text = data.decode("iso2022_jp", "replace")
    elif code in (b"ASCII\0\0\0", bytes(8)):
        text = data.decode("utf-8", "replace")
    else:
        text = value.decode("utf-8", "replace")
    return text.rstrip("\0").strip() or None


_NEGATIVE = "Negative prompt:"
_KEY = re.compile(r"\w[\w \-/]*[\w\-/]")
_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')  # the format's own definition
_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286

_ORDER = (
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Image CFG scale",
    "Seed",
    "Face restoration",
    "Size",
    "Model hash",
    "Model",
    "FP8 weight",
    "Cache FP16 weight for LoRA",
    "VAE hash",
    "VAE",
    "Variation seed",
    "Variation seed strength",
    "Seed resize from",
    "Denoising strength",
    "Conditional mask weight",
    "Clip skip",
    "ENSD",
    "Token merging ratio",
    "Token merging ratio hr",
    "Init image hash",
    "RNG",
    "Tiling",
    "Version",
    "User",
)
_RANKS: dict[str, float] = {key: rank for rank, key in enumerate(_ORDER)}


def _of_any(image: Image.Image, info: PictureInfo) -> str | None:
    if info.format == "PNG":
        return _of_png(image)
    return decode_user_comment(image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT))


def _of_png(image: Image.Image) -> str | None:
    if not isinstance(image, PngImagePlugin.PngImageFile):
        return None
    found = image.info.get("parameters") or image.text.get("parameters")
    return str(found) if found else None


def _as_text(value: str | int | float) -> str:
    """7.0 as A1111's sliders write it: 7."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _quoted(value: str) -> str:
    """JSON-quoted where A1111 quotes, and where the bare value would not be read back as it is."""
    bare = not any(sign in value for sign in ",\n:") and value == value.strip() and value and value[0] != '"'
    return value if bare else json.dumps(value, ensure_ascii=False)


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    try:
        return str(json.loads(value))
    except json.JSONDecodeError:
        return value
