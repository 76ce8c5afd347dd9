"""A tagger without weights, for tests and for trying pages out: tags follow from the pixels, the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from PIL import Image

from enogu.tagging.entities import Tag, TagCategory

FAKE_TAGS: Mapping[str, TagCategory] = {
    "safe": "rating",
    "questionable": "rating",
    "1girl": "general",
    "solo": "general",
    "green_hair": "general",
    "smile": "general",
    "^_^": "general",
    "suspenders": "general",
    "white_background": "general",
    "mame_(bean)": "character",
}


class FakeTagger:
    """Knows ``tags``; says ``answer`` for every picture, or probabilities drawn from a hash of its pixels."""

    def __init__(
        self,
        tags: Mapping[str, TagCategory] = FAKE_TAGS,
        *,
        answer: Mapping[str, float] | None = None,
        recommended_threshold: float = 0.35,
    ) -> None:
        self._tags = dict(tags)
        self._answer = answer
        self._recommended_threshold = recommended_threshold

    @property
    def recommended_threshold(self) -> float:
        """As given."""
        return self._recommended_threshold

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The names given."""
        return tuple(self._tags)

    def tag(self, images: Sequence[Image.Image]) -> list[list[Tag]]:
        """As the protocol says."""
        return [self._tags_of(image) for image in images]

    def _tags_of(self, image: Image.Image) -> list[Tag]:
        pixels = image.convert("RGBA").tobytes()
        tags = [Tag(name, self._probability(name, pixels), category) for name, category in self._tags.items()]
        return sorted(tags, key=lambda tag: -tag.probability)

    def _probability(self, name: str, pixels: bytes) -> float:
        if self._answer is not None:
            return self._answer.get(name, 0.0)
        digest = hashlib.blake2b(pixels, digest_size=8, key=name.encode()[:64]).digest()
        return int.from_bytes(digest, "big") / 2**64
