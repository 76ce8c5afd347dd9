"""Every error a person can meet: what is wrong, which thing is the culprit, and what to do about it.

``str(error)`` is one or two lines that can be shown as they are. ``exit_code`` follows the command line's contract:
2 for wrong use (the person can fix it before anything ran), 1 for work that failed.
"""

from __future__ import annotations

from dataclasses import dataclass


class EnoguError(Exception):
    """Something a person should read: a message that names the culprit, and a cure."""

    exit_code = 1

    def __init__(self, message: str, cure: str = "") -> None:
        super().__init__(message, cure)
        self.message = message
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.message} {self.cure}".strip()


class WrongUse(EnoguError):
    """The call itself cannot work as it stands; nothing was started."""

    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One contradiction or bad value in a recipe: the field's dotted path, what is wrong, and the cure."""

    path: str
    message: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message} {self.cure}".strip()


class RecipeRefused(WrongUse):
    """A recipe with unknown keys, values out of range, or contradictions."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[RecipeRefused], tuple[tuple[Problem, ...]]]:
        """Pickled by its problems, so that a child process can send it."""
        return type(self), (self.problems,)


class PictureRefused(EnoguError):
    """A picture that cannot be used; ``message`` begins with its file name."""


class BaseModelRefused(WrongUse):
    """A file or folder that is no base model we can use."""


class AdapterRefused(WrongUse):
    """A file that is no LoRA we can use, or one of another family or shape."""


class TrainingFailed(EnoguError):
    """A run that stopped: the cause in words and the setting to change."""


class StorageFailed(EnoguError):
    """A file could not be written: disk full, folder read-only, path too long."""


class DatabaseFailed(EnoguError):
    """The database could not be reached, was locked for too long, is damaged or full."""


class NotFound(EnoguError):
    """What was asked for does not exist, or is not the asking person's: the two are not told apart."""


class TooLarge(WrongUse):
    """More bytes, pixels or pieces than are accepted; the message names the limit."""
