"""Why a picture cannot be read, in words that a person knows (D3)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from enogu.errors import PictureRefused
from enogu.imaging.decoding import open_picture
from enogu.imaging.reasons import reason_of
from enogu.words.catalog import read_catalog
from tests import hostile_pictures as hostile


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("image file is truncated (12 bytes not processed)"), "the file ends too early"),
        (OSError("unrecognized data stream contents when reading image file"), "its pixels cannot be read"),
        (EOFError("no more images in GIF file"), ""),  # not one of those that speak of pictures
        (SyntaxError("not a PNG file"), "there is no picture in it"),
        (ValueError("Decompressed data too large for MAX_TEXT_CHUNK"), "it unpacks to more than a picture needs"),
        (OSError("Something.  New\nof a library."), "Something. New of a library"),
        (TypeError("unsupported operand"), ""),
    ],
)
def test_what_a_library_says_is_said_in_our_words(error: Exception, words: str) -> None:
    assert reason_of(error) == words


@pytest.mark.parametrize("name", sorted(hostile.REFUSED))
def test_no_refusal_speaks_a_programmers_english_to_a_japanese(name: str, tmp_path: Path) -> None:
    with pytest.raises(PictureRefused) as refused:
        open_picture(hostile.REFUSED[name](tmp_path / name))
    said = read_catalog("ja").translated(str(refused.value)).replace(name, "")
    assert not re.search(r"[a-z]{2,} [a-z]{2,}", said), said
