"""Which base model a person means by a word or a path, and which ones there are.

A word is looked up among names first and is taken for a path only when it is one, so that a folder called
``starter`` in the current directory cannot stand in for the shipped one; ``./starter`` says that the folder is meant.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from enogu import starter_data
from enogu.base_models.entities import BaseModelFolder, BaseModelList
from enogu.base_models.rules import describing, folders
from enogu.errors import BaseModelRefused, EnoguError
from enogu.settings import Settings

STARTER = "starter"


def find_base_model(reference: str, settings: Settings) -> BaseModelFolder:
    """The base model called ``reference``: ``starter``, a name under ENOGU_HOME/base_models, or a path to a diffusers
    folder or ``.safetensors`` file.

    Raises BaseModelRefused, with the names there are, when it is none of these or cannot be used; EnoguError when the
    starter is wanted and the installation lacks it.
    """
    if reference == STARTER:
        return _starter()
    named = {describing.name_of(path): path for path in reversed(_of_home(settings))}
    if reference in named:
        return describing.read_to_train(named[reference], reference, "home")
    path = folders.find_path(reference)
    if path is not None:
        return describing.read_to_train(path, describing.name_of(path.resolve()), "path")
    raise _unknown(reference, [STARTER, *sorted(named)], settings)


def list_base_models(settings: Settings) -> BaseModelList:
    """The starter, then what is in ENOGU_HOME/base_models by name. What cannot be used is listed apart."""
    found: list[BaseModelFolder] = []
    refused: list[EnoguError] = []
    try:
        found.append(_starter())
    except EnoguError as error:
        refused.append(error)
    for path in _of_home(settings):
        try:
            found.append(describing.read_to_train(path, describing.name_of(path), "home"))
        except BaseModelRefused as error:
            refused.append(error)
    return BaseModelList(tuple(found), tuple(refused))


def _of_home(settings: Settings) -> list[Path]:
    """Folders, then single files, by name."""
    parent = settings.base_models_folder
    return [*folders.find_folders(parent), *folders.find_files(parent)]


def _starter() -> BaseModelFolder:
    return folders.read_base_model(starter_data.path("base_model"), STARTER, "starter")


def _unknown(reference: str, names: list[str], settings: Settings) -> BaseModelRefused:
    if os.sep in reference or "/" in reference:
        return BaseModelRefused(
            f"There is no folder or file {reference}.", "Give the path of a diffusers folder or a .safetensors file."
        )
    close = difflib.get_close_matches(reference, names, n=1)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return BaseModelRefused(
        f"There is no base model '{reference}'.",
        f"{guess}There are: {', '.join(names)}; put a diffusers folder or .safetensors file into "
        f"{settings.base_models_folder}, or give its path.",
    )
