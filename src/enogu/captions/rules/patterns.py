"""Regular expressions of strangers, bounded: in length, in what they unfold to, in time.

The ``regex`` library stops a search at a given time and lets other threads run meanwhile, neither of which the standard
library can. What it does not bound is compiling: ``(?:(?:a?){9999}){9999}`` takes all memory there is. So counts may
multiply to no more than 1,000 in one pattern, and a pattern may not call itself.
"""

from __future__ import annotations

import time
from typing import Any, cast

import regex

from enogu.captions.entities import MOST_CHARACTERS, PatternRefused

MOST_PATTERN_CHARACTERS = 500
MOST_REPEATS = 1000
MOST_SECONDS = 1.0
"""For all captions of one command together."""

_COUNT = regex.compile(r"\{\s*(\d*)\s*(,?)\s*(\d*)\s*\}")
_CALLS = regex.compile(r"\(\?(?:R|[+-]?\d|&|P>|\(DEFINE\))|\\L<")


class BoundedPattern:
    """One pattern for one command."""

    def __init__(self, pattern: str, *, is_pattern: bool, ignore_case: bool, seconds: float = MOST_SECONDS) -> None:
        """Raises PatternRefused with what is wrong and where."""
        if not pattern or len(pattern) > MOST_PATTERN_CHARACTERS:
            raise PatternRefused(
                f"What to look for has 1 to {MOST_PATTERN_CHARACTERS} characters; this has {len(pattern)}.",
                "Make it shorter." if pattern else "Write what to look for.",
            )
        if is_pattern:
            _refuse_costly(pattern)
        flags = regex.IGNORECASE if ignore_case else 0
        try:
            self._compiled = cast(Any, regex.compile(pattern if is_pattern else regex.escape(pattern), flags))
        except (regex.error, RecursionError, OverflowError, MemoryError, ValueError) as error:
            raise PatternRefused(f"'{pattern[:80]}' is no regular expression: {error}.", _CURE) from error
        self._is_pattern = is_pattern
        self._left_seconds = seconds

    def replace(self, text: str, replacement: str) -> str:
        """Every match replaced; ``\\1`` and ``\\g<name>`` stand for groups in patterns. Raises PatternRefused."""
        used: Any = replacement if self._is_pattern else (lambda _match: replacement)
        start = time.monotonic()
        if self._left_seconds <= 0:
            raise _too_slow()
        try:
            found: str = self._compiled.sub(used, text, timeout=self._left_seconds, concurrent=True)
        except TimeoutError as error:
            raise _too_slow() from error
        except (regex.error, IndexError, KeyError, MemoryError) as error:
            raise PatternRefused(f"The replacement cannot be used: {error}.", _CURE) from error
        self._left_seconds -= time.monotonic() - start
        if len(found) > MOST_CHARACTERS:
            raise PatternRefused(
                f"A caption would have {len(found):,} characters; {MOST_CHARACTERS:,} are the most.",
                "Replace with less.",
            )
        return found


def _refuse_costly(pattern: str) -> None:
    product = 1
    for low, _, high in _COUNT.findall(pattern):
        counts = [int(one[:9]) for one in (low, high) if one]
        product *= max([1, *counts])
    if product > MOST_REPEATS:
        raise PatternRefused(
            f"The counts in braces multiply to more than {MOST_REPEATS:,}.", "Use * or +, or smaller counts."
        )
    if _CALLS.search(pattern):
        raise PatternRefused("A pattern may not call itself or its groups, nor define any.", _CURE)


def _too_slow() -> PatternRefused:
    return PatternRefused(
        f"The pattern took longer than {MOST_SECONDS:g} second; nothing was changed.",
        "Avoid repeats inside repeats, such as (a+)+, or select fewer pictures.",
    )


_CURE = "Correct it, or search for plain text."
