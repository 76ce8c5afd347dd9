"""How many tokens a caption has, and which tag falls beyond the limit (E7).

The vocabulary is CLIP's own, which ships with the starter; every base model with a CLIP text encoder (SD1.5, SDXL with
both of its encoders, Flux's first) reads by the same one. It is the Rust library ``tokenizers``, without transformers.
It is loaded when it is first asked for, costs about 22 MB then, and is let go again after five idle minutes.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from enogu import starter_data
from enogu.captions.rules.text import Piece, parse

WINDOW = 75
"""Tokens that CLIP reads at a time, its two marks not counted."""
IDLE_SECONDS = 300.0
TokenLimit = Literal[75, 150, 225]


@dataclass(frozen=True)
class TagTokens:
    """One piece of a caption, in tokens."""

    text: str
    first: int
    """Number of its first token, from 0."""
    num_tokens: int
    """Without the comma behind it."""
    window: int
    """Which window of 75 it begins in, from 0."""
    is_cut: bool
    """It goes over the end of a window, so its words are read apart, or over the limit."""
    is_beyond: bool
    """All of it lies beyond the limit: the trainer never sees it."""


@dataclass(frozen=True)
class TokenCount:
    """A caption in tokens."""

    num_tokens: int
    limit: TokenLimit
    smallest_limit: TokenLimit | None
    """Of 75, 150, 225 the first that holds it; None: none does."""
    first_beyond: str | None
    """The first tag that the limit cuts or leaves out."""
    tags: tuple[TagTokens, ...]


class ClipTokens:
    """Counts by CLIP's vocabulary; one per process is enough, and threads may share it."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._lock = threading.Lock()
        self._loaded: Any = None
        self._used_at = 0.0

    def starts(self, text: str) -> list[int]:
        """Where each token begins in ``text``, in characters."""
        encoded = self._tokenizer().encode(text, add_special_tokens=False)
        return [start for start, _ in encoded.offsets]

    def count(self, text: str) -> int:
        """Tokens of a text, the two marks not counted."""
        return len(self.starts(text))

    def _tokenizer(self) -> Any:
        with self._lock:
            self._used_at = time.monotonic()
            if self._loaded is None:
                from tokenizers import Tokenizer  # 7 MB that a server without captions need not have

                path = starter_data.path("base_model", "tokenizer", "tokenizer.json")
                self._loaded = Tokenizer.from_file(str(path))
                _give_memory_back()
                self._watch(self._idle_seconds)
            return self._loaded

    def _watch(self, seconds: float) -> None:
        timer = threading.Timer(seconds, self._let_go)
        timer.daemon = True
        timer.start()

    def _let_go(self) -> None:
        with self._lock:
            left = self._idle_seconds - (time.monotonic() - self._used_at)
            if left > 0:
                self._watch(left)
                return
            self._loaded = None
        _give_memory_back()


def count_tokens(text: str, limit: TokenLimit, tokens: ClipTokens) -> TokenCount:
    """What the trainer's windows make of the first line of ``text``, which is all it reads."""
    lines = text.strip().splitlines()
    line = lines[0].strip() if lines else ""
    starts = tokens.starts(line)
    pieces: list[TagTokens] = []
    at = number = 0
    for piece in parse(line).pieces:
        begin = at + len(piece.before)
        end = begin + len(piece.text)
        while number < len(starts) and starts[number] < begin:
            number += 1
        first = number
        while number < len(starts) and starts[number] < end:
            number += 1
        pieces.append(_tag_tokens(piece, first, number - first, limit))
        at = end
    over = next((one.text for one in pieces if one.first + one.num_tokens > limit), None)
    return TokenCount(
        num_tokens=len(starts),
        limit=limit,
        smallest_limit=smallest_limit(len(starts)),
        first_beyond=over,
        tags=tuple(pieces),
    )


def measure_captions(texts: Iterable[str], limit: TokenLimit, tokens: ClipTokens) -> list[tuple[int, str | None]]:
    """Tokens and first tag beyond the limit, as ``count_tokens`` has them, of many captions of one line each.

    A tag is counted once and its number added wherever it stands again, which is right where letters or digits stand on
    both sides of a comma with a blank; captions of another form are counted as a whole.
    """
    known: dict[str, int] = {}
    found: list[tuple[int, str | None]] = []
    for text in texts:
        tags = text.split(", ")
        if not (text and text.isprintable() and all(tag and tag[-1].isalnum() and tag[0].isalnum() for tag in tags)):
            count = count_tokens(text, limit, tokens)
            found.append((count.num_tokens, count.first_beyond))
            continue
        num_tokens, beyond = -1, None
        for tag in tags:
            if tag not in known:
                known[tag] = tokens.count(tag)
            num_tokens += known[tag] + 1
            if num_tokens > limit and beyond is None:
                beyond = tag
        found.append((num_tokens, beyond))
    return found


def smallest_limit(num_tokens: int) -> TokenLimit | None:
    """Of 75, 150 and 225 the first that holds so many; None when none does."""
    limits: tuple[TokenLimit, ...] = (75, 150, 225)
    return next((one for one in limits if num_tokens <= one), None)


def _tag_tokens(piece: Piece, first: int, num_tokens: int, limit: int) -> TagTokens:
    last = first + max(num_tokens, 1) - 1
    return TagTokens(
        text=piece.text,
        first=first,
        num_tokens=num_tokens,
        window=first // WINDOW,
        is_cut=first < limit and (first // WINDOW != last // WINDOW or last >= limit),
        is_beyond=first >= limit,
    )


def _give_memory_back() -> None:
    """Reading the vocabulary leaves 14 MB of holes; glibc keeps them unless it is asked."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
