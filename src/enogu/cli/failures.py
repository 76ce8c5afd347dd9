"""What is said when a command fails: our own errors in their words, others in one line with the log's place."""

from __future__ import annotations

import os
import platform
import sys
import traceback
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from enogu.errors import EnoguError
from enogu.settings import HOME_VARIABLE, read_settings
from enogu.words import language_of_environment, said


def say_failure(error: Exception, arguments: Sequence[str]) -> int:
    """Say on stderr what went wrong and what to do, and return the exit code."""
    if isinstance(error, EnoguError):
        return _say(said(f"{error}", language_of_environment(os.environ)), error.exit_code)
    if _is_usage_error(error):
        return _say(_usage_text(error), 2)
    if isinstance(error, OSError) and error.strerror and error.filename:
        return _say(f"{error.filename}: {error.strerror}. Check the path, its permissions and the disk's space.", 1)
    summary = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".rstrip(": ")
    text = _log_text(error, arguments)
    try:
        log = _write_log(text, arguments)
    except (EnoguError, OSError):
        return _say(f"{text}\nEnogu met an error it does not know ({summary}), and its log could not be written.", 1)
    return _say(f"Enogu met an error it does not know: {summary}\nThe full log is in {log}; please report it.", 1)


def _say(text: str, exit_code: int) -> int:
    print(text, file=sys.stderr)
    return exit_code


def _is_usage_error(error: Exception) -> bool:
    """typer keeps its copy of click's classes private; all of them have ``format_message`` and exit code 2."""
    return getattr(error, "exit_code", None) == 2 and hasattr(error, "format_message")


def _usage_text(error: Exception) -> str:
    message = " ".join(error.format_message().split())  # type: ignore[attr-defined]  # see _is_usage_error
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "enogu"
    return f"{message} See {command} --help." if message else f"See {command} --help."


def _log_text(error: Exception, arguments: Sequence[str]) -> str:
    shown = ["***" if i and arguments[i - 1] == "--token" else word for i, word in enumerate(arguments)]
    shown = ["--token=***" if word.startswith("--token=") else word for word in shown]
    where = f"Python {platform.python_version()} on {platform.platform()}"
    trace = "".join(traceback.format_exception(error))
    return f"enogu {' '.join(map(repr, shown))}\n{where}\n\n{trace}"


def _write_log(text: str, arguments: Sequence[str]) -> Path:
    """A new file under ENOGU_HOME/logs. Not through ``whole_file``: a log that is cut short is still worth having."""
    homes = [arguments[i + 1] for i, word in enumerate(arguments[:-1]) if word == "--home"]
    homes += [word.partition("=")[2] for word in arguments if word.startswith("--home=")]
    folder = read_settings({**os.environ, HOME_VARIABLE: homes[0]} if homes else None).home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now():%Y-%m-%d_%H%M%S}_{os.getpid()}.log"
    path.write_text(text, encoding="utf-8")
    return path
