"""Which branch of a family a base model is of, when a file's own metadata says so.

Branches share the architecture, so no tensor tells them apart; a title, the name of what was merged, or the name of the
base model in a LoRA's metadata may.
"""

from __future__ import annotations

import re

from enogu.weights.families import Derivative

_WORDS: tuple[tuple[re.Pattern[str], Derivative], ...] = (
    (re.compile(r"noob[ _-]?ai|noob(?![a-z])", re.IGNORECASE), "noobai"),  # before Illustrious: it was made from it
    (re.compile(r"illustrious|(?<![a-z])ilxl|(?<![a-z])wai[_-]?nsfw", re.IGNORECASE), "illustrious"),
    (re.compile(r"(?<![a-zA-Z])pony|Pony|PONY|(?<![a-zA-Z])(?:pdxl|PDXL)"), "pony"),  # not the end of another word
)


def derivative_in(*texts: str | None) -> Derivative:
    """The branch that the first telling text names; empty when none does."""
    for text in texts:
        for words, derivative in _WORDS:
            if text and words.search(text):
                return derivative
    return ""
