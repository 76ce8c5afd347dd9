"""Where a command speaks: sentences for a person or JSON for a machine on stdout, errors on stderr.

Texts are printed as they are (no rich markup), since they hold file names and prompts with square brackets. rich is
imported when something is printed, since ``enogu --help`` and machines do not need it.
"""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from enogu.settings import Settings

SERVER_VARIABLE = "ENOGU_SERVER"
TOKEN_VARIABLE = "ENOGU_TOKEN"  # noqa: S105 (a name)

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class Output:
    """What is said to a person is silent when a machine listens (``as_json``), and the other way round."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> Console:
        """rich's console on stdout; long lines are left to the terminal, so that they can be copied and searched."""
        from rich.console import Console

        return Console(markup=False, highlight=False, emoji=False, soft_wrap=True)

    def say(self, text: str = "", style: str | None = None) -> None:
        """A line (or lines) for a person."""
        if not self.as_json:
            self.console.print(text, style=style)

    def show(self, table: Table) -> None:
        """A table for a person."""
        if not self.as_json:
            self.console.print(table)

    def tell(self, value: Any) -> None:
        """The one JSON document of a command, for a machine."""
        if self.as_json:
            print(as_json(value, indent=2), flush=True)

    def tell_line(self, value: dict[str, Any]) -> None:
        """One JSON document on a line of its own, for a machine that follows a run."""
        if self.as_json:
            print(as_json(value), flush=True)


@dataclass(frozen=True)
class Call:
    """What the options before the command say: this installation's settings, and how to speak."""

    settings: Settings
    output: Output
    server: str = ""
    """The address of the studio that is worked with; empty: the one of this machine, in this process."""
    token: str = field(default="", repr=False)


def call_of(context: typer.Context) -> Call:
    """The ``Call`` that ``main.py`` made of the global options."""
    return context.find_object(Call) or Call(_no_settings(), Output(as_json=False))


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON that this stdout can carry: plain Unicode where it is UTF-8, escapes elsewhere. NaN becomes null."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(_without_nan(value), ensure_ascii=not unicode, indent=indent)


def flowing(docstring: str) -> str:
    """A docstring whose paragraphs are one line each, so that the terminal breaks them where its own width is."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity, though Python would write them."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    return value


def _no_settings() -> Settings:
    from enogu.settings import read_settings

    return read_settings()
