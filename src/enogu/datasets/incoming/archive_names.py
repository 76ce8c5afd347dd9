"""Names inside a zip: what they are in letters, and whether they may be names at all.

A zip made on a Japanese Windows holds Shift-JIS bytes, one made on a Mac UTF-8, one made by an old DOS program code
page 437, and none of the three says so: the one flag there is means "UTF-8 for certain", and Python reads all else as
code page 437. So the bytes are taken back and read as what they look like.
"""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from collections.abc import Sequence
from zipfile import ZipInfo

_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
_MAX_NAME_CHARACTERS = 1000


def decoded_names(entries: Sequence[ZipInfo]) -> list[str]:
    """The name of each entry, folders joined by ``/``. All entries that leave it open are read in one encoding."""
    unsure = [_raw(entry) for entry in entries if not _is_certain(entry)]
    encoding = find_encoding(unsure)
    names = [
        entry.orig_filename if entry.flag_bits & _UTF8_FLAG else _unicode_path(entry) or _raw(entry).decode(encoding)
        for entry in entries
    ]
    return [unicodedata.normalize("NFC", name.replace("\\", "/")) for name in names]


def find_encoding(names: Sequence[bytes]) -> str:
    """``utf-8``, ``cp932`` (Shift-JIS) or ``cp437``: the first that all names can be and that makes sense of them.

    Nearly every Western name in code page 437 is some name in Shift-JIS too: the ``öl`` of Köln is one kanji. Such a
    kanji stands alone between Latin letters, which Japanese names hardly ever have.
    """
    if all(_decodes(name, "utf-8") for name in names):
        return "utf-8"
    if all(_decodes(name, "cp932") for name in names) and any(_is_japanese(name) for name in names):
        return "cp932"
    return "cp437"


def why_refused(name: str) -> str | None:
    """What is wrong with a name, in words that follow it, or None. It is never opened; but who writes such names is up
    to no good, and they could not be shown either.
    """
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute path"
    if all(part in ("", ".") for part in name.split("/")):
        return "has no name"
    if ".." in name.split("/"):
        return "has a path that leads out of its folder"
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name):
        return "has signs in its name that cannot be shown"
    if len(name) > _MAX_NAME_CHARACTERS:
        return f"has a path of more than {_MAX_NAME_CHARACTERS} characters"
    return None


def printable(name: str) -> str:
    """The last part of a name, in one line, for messages."""
    last = name.rstrip("/").rpartition("/")[2][-200:] or name[-200:] or "A file without a name"
    return "".join(sign if sign.isprintable() else "?" for sign in last)


def _is_certain(entry: ZipInfo) -> bool:
    return bool(entry.flag_bits & _UTF8_FLAG) or _unicode_path(entry) is not None or entry.orig_filename.isascii()


def _raw(entry: ZipInfo) -> bytes:
    """The name's bytes: ``orig_filename`` is what Python read from them as code page 437, which has all 256."""
    return entry.orig_filename.encode("cp437")


def _unicode_path(entry: ZipInfo) -> str | None:
    """The name in the extra field of Info-ZIP (APPNOTE.TXT 4.6.9), when it belongs to this name."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        content, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(content) > 5 and content[0] == 1:
            is_ours = struct.unpack("<I", content[1:5])[0] == zlib.crc32(_raw(entry))
            return content[5:].decode() if is_ours and _decodes(content[5:], "utf-8") else None
    return None


def _decodes(name: bytes, encoding: str) -> bool:
    try:
        name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


_JAPANESE = re.compile("[\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uff66-\uff9f]+")


def _is_japanese(name: bytes) -> bool:
    """Whether the Shift-JIS reading has kana or kanji that are not a Western letter and its neighbour misread."""
    text = name.decode("cp932")
    for run in _JAPANESE.finditer(text):
        around = text[run.start() - 1 : run.start()] + text[run.end() : run.end() + 1]
        touches_latin = any(sign.isascii() and sign.isalpha() for sign in around)
        second = run[0].encode("cp932")[-1:]
        is_misread = len(run[0]) == 1 and touches_latin and (second.isalpha() or len(run[0].encode("cp932")) == 1)
        if not is_misread:
            return True
    return False
