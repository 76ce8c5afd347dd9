"""Reading other trainers' files: JSON, TOML and YAML of strangers, bounded, without code and without YAML's aliases."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import Any, cast

from enogu.errors import WrongUse

MAX_CHARACTERS = 1_000_000
Values = dict[str, Any]


@dataclass(frozen=True)
class SettingsFile:
    """A file's name and its text."""

    name: str
    text: str

    @property
    def ending(self) -> str:
        """Such as ".toml", in small letters."""
        return f".{self.name.rpartition('.')[2].lower()}" if "." in self.name else ""


def read_values(file: SettingsFile) -> Values:
    """The values of a JSON, TOML or YAML file, by its ending or else by what it can be read as. Raises WrongUse."""
    if len(file.text) > MAX_CHARACTERS:
        raise WrongUse(f"{file.name} is too large for settings.", "Choose the file with the training settings.")
    text = file.text.removeprefix("\ufeff")
    readers = {".json": (_json,), ".toml": (_toml,), ".yaml": (_yaml,), ".yml": (_yaml,)}
    said = ""
    for reader in readers.get(file.ending, (_json, _toml, _yaml)):
        try:
            values = reader(text)
        except (ValueError, RecursionError) as error:  # also what tomllib and json raise
            said = str(error).splitlines()[0] if str(error) else "it is nested too deeply"
            continue
        if isinstance(values, dict):
            return {str(name): value for name, value in cast("dict[Any, Any]", values).items()}
        said = "it holds no named settings"
    raise WrongUse(f"{file.name} cannot be read: {said}.", "Choose a .json, .toml or .yaml file of training settings.")


def _json(text: str) -> Any:
    return json.loads(text)


def _toml(text: str) -> Any:
    return tomllib.loads(text)


def _yaml(text: str) -> Any:
    import yaml  # here, since forms and quotes do not need it

    try:
        # A few lines of aliases can stand for gigabytes.
        if any(isinstance(token, yaml.AliasToken) for token in cast("Any", yaml).scan(text, yaml.SafeLoader)):
            raise ValueError("it uses an alias (*), which is not accepted")
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
