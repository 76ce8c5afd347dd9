"""Names of files as they are sent to a browser and as they stand in a zip: a person's words, made harmless."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

LONGEST = 150
"""Characters. Most file systems hold 255 bytes, and a Japanese character is three of them in UTF-8."""
MOST_BYTES = 220
_FORBIDDEN = frozenset('/\\:*?"<>|')  # Windows' list; it holds everybody else's
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


def harmless_name(name: str, otherwise: str = "file") -> str:
    """``name`` as every system can keep it: no folders, no control or direction signs, none of Windows' own names.

    The ending is kept when a long name is cut. An empty result becomes ``otherwise``.
    """
    normal = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    kept = "".join("_" if sign in _FORBIDDEN else sign for sign in normal if _is_shown(sign)).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if not dot or not stem or len(ending) > 20:
        stem, ending = kept, ""
    tail = f".{ending}" if ending else ""
    if stem.partition(".")[0].strip().lower() in _RESERVED:
        stem = f"_{stem}"
    stem = stem[: LONGEST - len(tail)]
    while stem and len((stem + tail).encode()) > MOST_BYTES:
        stem = stem[:-1]
    return (stem.rstrip(" .") + tail) if stem.rstrip(" .") else otherwise


def content_disposition(name: str | None) -> str:
    """``inline`` without a name; else ``attachment`` with it, in both forms of RFC 6266 (Japanese names too)."""
    if name is None:
        return "inline"
    shown = harmless_name(name)
    plain = "".join(sign if sign.isascii() and sign not in "%" else "_" for sign in shown)
    if plain == shown:
        return f'attachment; filename="{plain}"'
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}"


def _is_shown(sign: str) -> bool:
    """Control, format (direction marks) and unassigned signs are not."""
    return sign == " " or (sign.isprintable() and unicodedata.category(sign) not in ("Cf", "Cc", "Cn", "Cs"))
