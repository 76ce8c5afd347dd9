"""What ships with Enogu so that it works without a network: a base model, a tagger, picture sets and their licences.

The files are data beside this module rather than code, made by the scripts under ``starter/``; a clone or an installed
wheel holds them as plain files, since diffusers and onnxruntime want paths.
"""

from __future__ import annotations

from pathlib import Path

from enogu.errors import EnoguError


def path(*parts: str) -> Path:
    """The file or folder of the starter data, such as ``path("pictures", "mame")``.

    Raises ``EnoguError`` if it is not there, which means that the installation is incomplete.
    """
    found = Path(__file__).parent.joinpath(*parts)
    if not found.exists():
        raise EnoguError(
            f"{found} is missing from the installation.",
            "Install Enogu again, or restore src/enogu/starter_data from git.",
        )
    return found
