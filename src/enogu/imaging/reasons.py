"""What readers of pictures say of a damaged one, in our own words: theirs are for programmers, and in English only."""

from __future__ import annotations

import re

_WORDS = (
    (r"truncat|unexpected end|premature|end[ -]of[ -](file|data|stream|input)|not enough (image )?data|\beof\b"
     r"|requires a buffer", "the file ends too early"),
    (r"no more images|cannot identify|not an? \S+ file|no images? ", "there is no picture in it"),
    (r"decompress|too large|memory|overflow", "it unpacks to more than a picture needs"),
    (r"broken|corrupt|unrecognized|decod|checksum|\bcrc\b|invalid|cannot load|bad |wrong |missing |illegal|error -?\d+",
     "its pixels cannot be read"),
)  # fmt: skip
_LONGEST = 120


def reason_of(error: Exception) -> str:
    """Why, as a part of a sentence; what is not known stays as it was said. Empty for what speaks of Python."""
    if not isinstance(error, (OSError, SyntaxError, ValueError)):
        return ""
    said = " ".join(str(error).split())
    for pattern, words in _WORDS:
        if re.search(pattern, said, re.IGNORECASE):
            return words
    return said[:_LONGEST].rstrip(".")
