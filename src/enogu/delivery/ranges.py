"""The Range header (RFC 9110, section 14): one range of bytes, or the whole."""

from __future__ import annotations

import re

_ONE_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.IGNORECASE | re.ASCII)


class RangeUnsatisfiable(Exception):
    """A range that begins behind the end: 416."""


def parse_range(header: str, size_bytes: int) -> tuple[int, int] | None:
    """First byte and the byte behind the last one; None when the whole is to be sent.

    That is what a server may do with anything it does not understand, and what this one does with several ranges at
    once. Raises RangeUnsatisfiable.
    """
    match = _ONE_RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:  # the last so many bytes
        if int(last) == 0 or size_bytes == 0:
            raise RangeUnsatisfiable
        return max(0, size_bytes - int(last)), size_bytes
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise RangeUnsatisfiable
    return start, min(size_bytes, int(last) + 1) if last else size_bytes
