"""Which pictures of a set are the same or nearly so (product D4): resized, recompressed, cropped a little, flipped.

Each picture has a fingerprint: two 64-bit perceptual hashes by libphash (docs/decisions/0011), upright and mirrored,
and the mean colours of a grid of four by four. The hashes are the signs of its lowest frequencies (pHash) and of its
neighbours' differences (dHash). Two pictures are near when all three are: pHash alone takes every figure on a plain
ground for every other, dHash alone does not survive a crop, and neither sees that the ground is blue here and yellow
there. A fingerprint is 160 hex digits, to be kept beside the picture; it holds for one major release of libphash.

Exact duplicates are those with one digest of their decoded pixels (``examining.pixel_sha256``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import libphash
from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


DuplicateKind = Literal["exact", "near", "mirrored"]

NEAR_PHASH_BITS = 10
"""Of 64, that the pHashes of near duplicates may differ in."""

NEAR_DHASH_BITS = 12
"""Of 64, that their dHashes may differ in as well."""

NEAR_LEVELS = 24
"""Of 255, that the colours of their grids may differ by in the mean."""


@dataclass(frozen=True)
class Fingerprint:
    """What one picture looks like; ``str`` and ``parse_fingerprint`` are inverse."""

    phash: int
    dhash: int
    mirrored_phash: int
    mirrored_dhash: int
    colours: bytes
    """Red, green, blue of four by four fields, row by row."""

    def __str__(self) -> str:
        hashes = (self.phash, self.dhash, self.mirrored_phash, self.mirrored_dhash)
        return "".join(f"{bits:016x}" for bits in hashes) + self.colours.hex()


@dataclass(frozen=True)
class KnownPicture:
    """What the search needs of one picture."""

    pixel_sha256: str
    fingerprint: Fingerprint | None
    """None for a picture of one colour, which is like every other such."""
    num_pixels: int


@dataclass(frozen=True)
class Duplicate:
    """One picture that another stands for."""

    index: int
    kind: DuplicateKind


@dataclass(frozen=True)
class DuplicateGroup:
    """Pictures that are the same to the eye."""

    kept: int
    """Index of the one with most pixels (the first of them), which is worth keeping."""
    others: tuple[Duplicate, ...]


def find_fingerprint(image: Image.Image) -> Fingerprint | None:
    """The fingerprint of an RGB picture; None when all of it has one colour, give or take compression."""
    small = image.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=4.0)
    darkest, brightest = small.convert("L").getextrema()
    if brightest - darkest <= _BLANK_LEVELS:  # pyright: ignore  (one band, so two numbers)
        return None
    colours = small.resize((_GRID, _GRID), Image.Resampling.BOX).tobytes()
    return Fingerprint(*_hashes(small), *_hashes(small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)), colours)


def parse_fingerprint(text: str) -> Fingerprint:
    """``str(fingerprint)`` back. Raises ValueError."""
    colours = bytes.fromhex(text[64:])
    if len(colours) != _GRID * _GRID * 3:
        raise ValueError(f"a fingerprint has {64 + _GRID * _GRID * 6} hex digits, not {len(text)}")
    phash, dhash, mirrored_phash, mirrored_dhash = (int(text[at : at + 16], 16) for at in range(0, 64, 16))
    return Fingerprint(phash, dhash, mirrored_phash, mirrored_dhash, colours)


def find_duplicates(pictures: Sequence[KnownPicture]) -> tuple[DuplicateGroup, ...]:
    """Groups of duplicates, by the index of the picture worth keeping.

    From the largest picture to the smallest, each one that is not in a group yet takes all smaller ones that are near
    *it*. So no chain of small changes joins pictures that are not alike, and a group can be said in one sentence.
    Costs one pass of array operations per picture: 10,000 in about half a second.
    """
    order = sorted(range(len(pictures)), key=lambda index: (-pictures[index].num_pixels, index))
    found: dict[int, list[Duplicate]] = {}
    first_by_digest: dict[str, int] = {}
    unique: list[int] = []
    for index in order:
        first = first_by_digest.setdefault(pictures[index].pixel_sha256, index)
        if first == index:
            unique.append(index)
        else:
            found.setdefault(first, []).append(Duplicate(index, "exact"))
    hashed = [(index, print_) for index in unique if (print_ := pictures[index].fingerprint) is not None]
    for leader, duplicates in _near([index for index, _ in hashed], [print_ for _, print_ in hashed]):
        copies = [copy for duplicate in duplicates for copy in found.pop(duplicate.index, [])]
        kinds: dict[int, DuplicateKind] = {duplicate.index: duplicate.kind for duplicate in duplicates}
        as_theirs = [
            Duplicate(copy.index, kinds[first_by_digest[pictures[copy.index].pixel_sha256]]) for copy in copies
        ]
        found.setdefault(leader, []).extend([*duplicates, *as_theirs])
    return tuple(
        DuplicateGroup(kept, tuple(sorted(others, key=lambda duplicate: duplicate.index)))
        for kept, others in sorted(found.items())
    )


_SIDE = 128
"""To which a picture is squeezed before it is hashed, so that its size does not matter."""
_GRID = 4
_BLANK_LEVELS = 6


def _hashes(small: Image.Image) -> tuple[int, int]:
    import numpy as np

    with libphash.ImageContext() as context:
        context.load_pixels(np.asarray(small))
        return context.phash(), context.dhash()


def _near(indices: Sequence[int], prints: Sequence[Fingerprint]) -> list[tuple[int, list[Duplicate]]]:
    """For each leader, those near it; given from the most worth keeping to the least."""
    import numpy as np

    looks = _Looks(prints)
    is_taken = np.zeros(len(prints), dtype=np.bool_)
    groups: list[tuple[int, list[Duplicate]]] = []
    for row in range(len(prints) - 1):
        if is_taken[row]:
            continue
        upright, mirrored = looks.near_behind(row), looks.near_behind(row, is_mirrored=True)
        behind: list[int] = np.flatnonzero((upright | mirrored) & ~is_taken[row + 1 :]).tolist()
        if behind:
            is_taken[[at + row + 1 for at in behind]] = True
            kinds: list[DuplicateKind] = ["near" if upright[at] else "mirrored" for at in behind]
            members = [Duplicate(indices[at + row + 1], kind) for at, kind in zip(behind, kinds, strict=True)]
            groups.append((indices[row], members))
    return groups


class _Looks:
    """Fingerprints as arrays."""

    def __init__(self, prints: Sequence[Fingerprint]) -> None:
        import numpy as np

        rows = [(one.phash, one.dhash, one.mirrored_phash, one.mirrored_dhash) for one in prints]
        self._bits_4N = np.ascontiguousarray(np.array(rows, dtype=np.uint64).reshape(-1, 4).T)
        colours = np.frombuffer(b"".join(one.colours for one in prints), dtype=np.uint8)
        self._colours_NHWC = colours.reshape(-1, _GRID, _GRID, 3).astype(np.int16)

    def near_behind(self, row: int, *, is_mirrored: bool = False) -> NDArray[np.bool_]:
        """Which pictures behind ``row`` look like it, or like its mirror image."""
        import numpy as np

        own_phash, own_dhash = self._bits_4N[2:, row] if is_mirrored else self._bits_4N[:2, row]
        is_near = np.bitwise_count(self._bits_4N[0, row + 1 :] ^ own_phash) <= NEAR_PHASH_BITS
        if is_near.any():
            is_near &= np.bitwise_count(self._bits_4N[1, row + 1 :] ^ own_dhash) <= NEAR_DHASH_BITS
            candidates = np.flatnonzero(is_near)
            own_HWC = self._colours_NHWC[row, :, ::-1] if is_mirrored else self._colours_NHWC[row]
            differences = np.abs(self._colours_NHWC[candidates + row + 1] - own_HWC)
            is_near[candidates] = differences.mean(axis=(1, 2, 3)) <= NEAR_LEVELS
        return is_near
