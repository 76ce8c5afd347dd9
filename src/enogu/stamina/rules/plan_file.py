"""The plans file: TOML of the installation, read once and checked whole, so that a typing error is met at the start."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from enogu.errors import WrongUse
from enogu.stamina.entities import Metering

SHIPPED = Path(__file__).parent.parent / "plans.toml"
"""The plans that ship: free, beginner and pro."""
_MAX_BYTES = 1_000_000


def load_metering(path: Path) -> Metering:
    """What the plans file ``path`` says. Raises WrongUse naming the file, every wrong key, and the cure."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise WrongUse(f"{path} is too large for a plans file.", f"Start from a copy of {SHIPPED}.")
        return parse_metering(data.decode("utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise WrongUse(f"{path} is not written in UTF-8.", "Save it as UTF-8.") from error
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror or error}.", "Check it and its permissions.") from error


def parse_metering(text: str, source: str = "plans.toml") -> Metering:
    """What TOML ``text`` says; ``source`` is what errors call it. Decimals are kept exact. Raises WrongUse."""
    try:
        values = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise WrongUse(f"{source} is not written in TOML: {error}.", "Correct that line.") from error
    try:
        return Metering.model_validate(_named(values))
    except ValidationError as error:
        wrong = [_words(cast(tuple[str | int, ...], one["loc"]), one["msg"]) for one in error.errors(include_url=False)]
        cure = f"Correct these, or start from a copy of {SHIPPED}."
        raise WrongUse(f"{source} cannot be used: {'; '.join(wrong)}.", cure) from error


def _named(values: dict[str, Any]) -> dict[str, Any]:
    """Each plan knows the name of its table."""
    plans = values.get("plans")
    if not isinstance(plans, dict):
        return values
    tables = cast(dict[str, Any], plans)
    named = {name: {**cast(dict[str, Any], plan), "name": name} if isinstance(plan, dict) else plan
             for name, plan in tables.items()}  # fmt: skip
    return {**values, "plans": named}


def _words(location: tuple[str | int, ...], message: str) -> str:
    path = ".".join(str(part) for part in location)
    told = message.removeprefix("Value error, ")
    return f"{path}: {told}" if path else told
