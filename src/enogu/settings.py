"""Where this installation keeps its data: one folder, ``ENOGU_HOME``, and named places inside it.

A frozen value that is read once at the edge (the command line, later the server) and handed down, and not a global:
a test, or a second studio on the same machine, simply has another one. Imports nothing heavy, since every command
reads it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_data_path

from enogu.errors import WrongUse

HOME_VARIABLE = "ENOGU_HOME"
DATABASE_VARIABLE = "ENOGU_DATABASE_URL"
FILES_VARIABLE = "ENOGU_FILES_URL"
PUBLIC_URL_VARIABLE = "ENOGU_PUBLIC_URL"
METRICS_VARIABLE = "ENOGU_METRICS_TOKEN"
OPENID_VARIABLES = {
    "issuer": "ENOGU_OIDC_ISSUER",
    "client_id": "ENOGU_OIDC_CLIENT_ID",
    "client_secret": "ENOGU_OIDC_CLIENT_SECRET",
    "title": "ENOGU_OIDC_TITLE",
    "creates_accounts": "ENOGU_OIDC_CREATES_ACCOUNTS",
}


@dataclass(frozen=True)
class Settings:
    """Everything that depends on the machine and not on the recipe. Nothing is created by reading it."""

    home: Path
    """Absolute path of the folder that holds all of Enogu's data."""
    given_database_url: str = field(default="", repr=False)
    """``ENOGU_DATABASE_URL`` as it was written; may hold a password, so it is not shown."""
    given_files_url: str = field(default="", repr=False)
    """``ENOGU_FILES_URL`` as it was written."""
    public_url: str = ""
    """``ENOGU_PUBLIC_URL``: the studio's address as browsers know it; needed behind a proxy that renames it."""
    metrics_token: str = field(default="", repr=False)
    """``ENOGU_METRICS_TOKEN``: what a program sends as a bearer token to read ``/metrics``; empty: nobody can so."""
    openid: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """The ``ENOGU_OIDC_…`` variables that are set, by their short names; understood by ``bootstrap``."""

    @property
    def database_url(self) -> str:
        """``sqlite:///`` or ``postgresql://``; unless told otherwise, one file in the home folder."""
        return self.given_database_url or f"sqlite:///{self.home / 'enogu.sqlite3'}"

    @property
    def files_url(self) -> str:
        """``s3://bucket/prefix?endpoint=...`` or a folder's path; unless told otherwise, one in the home folder."""
        return self.given_files_url or str(self.home / "files")

    @property
    def incoming_folder(self) -> Path:
        """Files on their way to or from a store that is not on this disk; what is left there may be deleted."""
        return self.home / "incoming"

    @property
    def cache_folder(self) -> Path:
        """Latents and text-encoder outputs, by content; may be deleted at any time."""
        return self.home / "cache"

    @property
    def base_models_folder(self) -> Path:
        """One diffusers folder per base model; its name is how ``--base`` calls it."""
        return self.home / "base_models"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process, from ``environment`` (``os.environ`` unless told otherwise).

    ``ENOGU_HOME`` may begin with ``~`` and may be relative to the current folder; unset or empty means the platform's
    user data folder (platformdirs: ``~/.local/share/enogu`` on Linux). Raises WrongUse when it names a file. The two
    URLs are understood by who opens them (``storage.database.open_engine``, ``storage.files.open_files``).
    """
    variables = os.environ if environment is None else environment
    value = variables.get(HOME_VARIABLE, "").strip()
    home = Path(os.path.abspath(_expanded(value))) if value else user_data_path("enogu", appauthor=False)  # noqa: PTH100 (Path.absolute keeps "..")
    if home.exists() and not home.is_dir():
        raise WrongUse(f"{HOME_VARIABLE} is {home}, which is a file.", "Set it to a folder, or leave it unset.")
    openid = {name: variables.get(variable, "").strip() for name, variable in OPENID_VARIABLES.items()}
    return Settings(
        home,
        variables.get(DATABASE_VARIABLE, "").strip(),
        variables.get(FILES_VARIABLE, "").strip(),
        variables.get(PUBLIC_URL_VARIABLE, "").strip(),
        variables.get(METRICS_VARIABLE, "").strip(),
        {name: value for name, value in openid.items() if value},
    )


def _expanded(value: str) -> Path:
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise WrongUse(
            f"{HOME_VARIABLE} is {value}, and no home folder is known for it.", "Write it in full."
        ) from error
