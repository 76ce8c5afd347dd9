"""What a tagger says: tags with probabilities, unfiltered, so that thresholds can be changed without tagging again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from PIL import Image

TagCategory = Literal["rating", "general", "artist", "copyright", "character", "meta"]
"""Danbooru's categories and WD14's ratings."""


@dataclass(frozen=True)
class Tag:
    """One tag under its danbooru name, with underscores (``green_hair``)."""

    name: str
    probability: float
    """0 to 1."""
    category: TagCategory


class Tagger(Protocol):
    """Anything that tags pictures."""

    @property
    def recommended_threshold(self) -> float:
        """The threshold for general tags that suits this tagger, 0 to 1 (product D7)."""
        ...

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Every tag name it knows, in its own order."""
        ...

    def tag(self, images: Sequence[Image.Image]) -> list[list[Tag]]:
        """For each picture (any mode and size) every tag of the vocabulary, most probable first, ties by vocabulary."""
        ...
