"""How commands over the API speak: short tables, times, bytes, moving bars, and whether anybody is there to work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from enogu.cli.output import Output
from enogu.cli.studio_client import StudioAnswered, StudioClient

if TYPE_CHECKING:
    from rich.table import Table

_WIDE = 1000
NO_WORKER = "No worker is running, so nothing happens yet: start one with `enogu worker`."


class Bar(Protocol):
    """A bar that moves, or nothing at all for a machine."""

    def __call__(self, done: float, total: float | None, words: str = "") -> None:
        """How far it is."""
        ...


def show_rows(output: Output, columns: Sequence[str], rows: Sequence[Sequence[Any]], nothing: str) -> None:
    """A table for a person, or the sentence ``nothing``."""
    from rich import box
    from rich.table import Table

    if not rows:
        output.say(nothing)
        return
    table: Table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "id")
    for row in rows:
        table.add_row(*("" if one is None else str(one) for one in row))
    if not output.as_json and not output.console.is_terminal:
        output.console.width = _WIDE  # a program or a file reads it: one line stays one line
    output.show(table)


def say_facts(output: Output, facts: Sequence[tuple[str, Any]]) -> None:
    """One line a fact; those that are None or empty are left out."""
    width = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        if value is not None and value != "":
            output.say(f"{name:<{width}}  {value}")


def when(text: str | None) -> str:
    """``2026-11-25 16:30`` in this machine's time."""
    return "" if text is None else f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}"


def in_bytes(count: int) -> str:
    """``640 B``, ``2.1 MB``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} B"


def say_if_nobody_works(studio: StudioClient, output: Output) -> None:
    """Tell a person whose work was queued that no worker lives. Only an administrator's call can know."""
    if output.as_json:
        return
    try:
        workers = studio.get("/api/admin/workers")
    except StudioAnswered:
        return
    if not any(one["is_alive"] for one in workers):
        output.say(NO_WORKER, style="yellow")


@contextmanager
def moving_bar(output: Output, words: str) -> Iterator[Bar]:
    """A bar on a terminal; elsewhere nothing moves."""
    if output.as_json or not output.console.is_terminal:
        yield lambda done, total, words="": None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    column = TextColumn("{task.description}", markup=False)
    with Progress(column, BarColumn(24), TaskProgressColumn(), console=output.console, transient=True) as progress:
        task = progress.add_task(words, total=None)

        def move(done: float, total: float | None, words: str = "") -> None:
            progress.update(task, completed=done, total=total, description=words or None)

        yield move
