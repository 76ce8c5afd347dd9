"""Log lines: readable in a terminal, one JSON object a line elsewhere, and never a secret in them.

What is secret is known by its name (``password``, ``token``, ``cookie`` …) and, for what slipped into a text, by the
prefixes of our own tokens. Both are masked in the last step before a line is written, whoever wrote it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

MASKED = "***"
_SECRET_NAMES = re.compile(
    r"pass(word|wd)|secret|token|cookie|authori[sz]ation|setup_code|api_?key|csrf", re.IGNORECASE
)
_OUR_TOKENS = re.compile(r"enogu_[st]_[A-Za-z0-9_-]{8,}")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_IN_URLS = re.compile(r"(?<=://)([^/\s:@]+):([^/\s@]+)@")
_DEEPEST = 6


def set_up_logs(*, as_json: bool | None = None, level: str = "info", keeps_loggers: bool = True) -> None:
    """For a process: structlog and the standard library alike, to stderr. ``as_json`` None: unless in a terminal.

    ``keeps_loggers`` False lets loggers that were used follow a later set-up, which costs a little at every line.
    """
    is_json = not sys.stderr.isatty() if as_json is None else as_json
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False) if is_json else structlog.dev.ConsoleRenderer(colors=True)
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*before, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=keeps_loggers,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, without_secrets, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.INFO))
    for name in (
        "httpx",
        "httpcore",
        "httpx2",
        "httpcore2",
        "uvicorn.access",
        "uvicorn.error",
        "alembic",
        "dbos",
    ):  # what ours tell already, or nobody asks
        logging.getLogger(name).setLevel(logging.WARNING)


def _to_stderr(*_names: Any) -> structlog.PrintLogger:
    """To stderr as it is when the logger is made."""
    return structlog.PrintLogger(sys.stderr)


def without_secrets(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: ``event`` with every secret masked, however deep."""
    return {key: _masked(key, value, 0) for key, value in event.items()}


def _masked(key: str, value: Any, depth: int) -> Any:
    if _SECRET_NAMES.search(key) and value is not None and not isinstance(value, bool):
        return MASKED
    if depth >= _DEEPEST:
        return MASKED
    match value:
        case str():
            return mask_text(value)
        case bytes():
            return mask_text(value.decode("utf-8", "replace"))
        case dict():
            return {str(inner): _masked(str(inner), one, depth + 1) for inner, one in value.items()}
        case list() | tuple():
            return [_masked(key, one, depth + 1) for one in value]
        case _:
            return value


def mask_text(text: str) -> str:
    """``text`` without our tokens, credentials of headers, and passwords in URLs."""
    text = _OUR_TOKENS.sub(MASKED, text)
    text = _BEARER.sub(lambda match: f"{match[1]} {MASKED}", text)
    return _IN_URLS.sub(lambda match: f"{match[1]}:{MASKED}@", text)
