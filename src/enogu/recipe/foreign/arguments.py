"""Arguments of sd-scripts on their way into a recipe: who takes one strikes it off, what is left is reported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Arguments:
    """Name to value, in the order of the file. Parts of list arguments are ``optimizer_args.weight_decay``."""

    def __init__(self, values: dict[str, Any], assumed: dict[str, Any] | None = None) -> None:
        self._values = dict(values)
        self._assumed = {name: value for name, value in (assumed or {}).items() if name not in self._values}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def peek(self, name: str) -> Any:
        """The value of the file, else what the other trainer assumes, else None."""
        return self._values.get(name, self._assumed.get(name))

    def is_on(self, name: str) -> bool:
        """Whether a switch is on."""
        return as_bool(self.peek(name)) is True

    def take(self, name: str) -> Any:
        """The same as ``peek``, and nobody else gets it."""
        value = self.peek(name)
        self._values.pop(name, None)
        self._assumed.pop(name, None)
        return value

    def put(self, name: str, value: Any) -> None:
        """Set a value, as if the file had it."""
        self._values[name] = value

    def is_assumed(self, name: str) -> bool:
        """Whether the file left it out."""
        return name not in self._values and name in self._assumed

    def left(self) -> Iterator[str]:
        """Names that nobody took, those of the file first."""
        yield from tuple(self._values)
        yield from tuple(self._assumed)


def is_off(value: Any) -> bool:
    """Whether this is how a form or a command line says that something is not used."""
    return value in (None, False, 0, "", "0", "0.0") or value == [] or value == {}


def as_bool(value: Any) -> bool | None:
    """true, false, or None for what is neither."""
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    return {"true": True, "1": True, "false": False, "0": False}.get(text)


def as_number(value: Any) -> float | None:
    """A number however it is written; None for what is none."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value) if not isinstance(value, str) else float(value.strip())
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number - number == 0 else None


def as_list(value: Any) -> list[Any]:
    """A list, or the parts of a text between commas; brackets around them do not count."""
    if isinstance(value, list | tuple):
        return list(value)  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
    text = str(value).strip().strip("()[]")
    return [part.strip() for part in text.split(",") if part.strip()]
