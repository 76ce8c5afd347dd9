"""sd-scripts' preview prompts: one a line, ``text --n negative --w 512 --h 768 --d seed --s steps --l cfg``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_FLAG = re.compile(r"(?:^|\s)--(?=[A-Za-z])")
FLAGS = ("n", "w", "h", "d", "s", "l")
"""Those that a recipe has a field for."""


@dataclass(frozen=True)
class PromptLine:
    """A prompt and its flags by name, without the dashes."""

    prompt: str
    flags: dict[str, str] = field(default_factory=dict[str, str])


def read_prompt_lines(text: str) -> list[PromptLine]:
    """All prompts; empty lines and those that begin with # are left out, as sd-scripts does."""
    lines = (line.strip() for line in text.splitlines())
    return [_read_line(line) for line in lines if line and not line.startswith("#")]


def is_writable(prompt: str) -> bool:
    """Whether a prompt can stand on such a line and be read back as it was."""
    return (
        bool(prompt)
        and prompt == " ".join(prompt.split(" ")).strip()
        and len(prompt.splitlines()) == 1
        and not prompt.startswith("#")
        and _FLAG.search(prompt) is None
    )


def writable(prompt: str) -> str:
    """The nearest prompt that can stand on a line; may be empty."""
    text = " ".join(prompt.split())
    while _FLAG.search(text):
        text = _FLAG.sub(" ", text).strip()
    return " ".join(text.lstrip("#").split())


def _read_line(line: str) -> PromptLine:
    prompt, *parts = _FLAG.split(line)
    flags: dict[str, str] = {}
    for part in parts:
        name, _, value = part.strip().partition(" ")
        flags[name.lower()] = value.strip()
    return PromptLine(prompt.strip(), flags)
