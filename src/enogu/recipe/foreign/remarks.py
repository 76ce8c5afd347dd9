"""What became of one value of another trainer's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

Outcome = Literal["taken", "converted", "default", "own", "no_effect", "refused", "no_counterpart"]
"""taken: it stands in the recipe as it was. converted: it means the same, written otherwise. default: the file left it
out, and what the other trainer does then is written. own: Enogu sees to it by itself. no_effect: it did nothing there
either. refused: there is such a field, and it does not take this. no_counterpart: there is no such field."""

_LONGEST = 120


@dataclass(frozen=True)
class Remark:
    """``name`` is the other trainer's; ``path`` is the field of the recipe, or empty."""

    name: str
    value: str
    outcome: Outcome
    path: str = ""
    became: Any = None
    words: str = ""


def shown(value: Any) -> str:
    """A value of a file as a person reads it, shortened."""
    text = ", ".join(shown(one) for one in cast("list[Any]", value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
