"""What a person means by a name on the Hugging Face hub, and which of a repository's files make a base model.

Nothing here asks the hub; ``tasks.downloading`` does. A repository often holds several copies of the same weights
(pickles, a half-precision variant, ONNX): only the safetensors of one of them are taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from enogu.base_models.rules.folders import INDEX, PICKLE_SUFFIXES
from enogu.base_models.rules.hashes import ENDINGS
from enogu.base_models.rules.packed import MOST_PARTS, MOST_TOTAL_BYTES, is_plain_path
from enogu.errors import BaseModelRefused

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REVISION = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_REFERENCE = re.compile(rf"(?P<repo>{_NAME}/{_NAME})(?:@(?P<revision>{_REVISION}))?(?P<rest>/.*)?")
_ADDRESS = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/", re.IGNORECASE)
_PAGE = re.compile(rf"/(?:tree|blob|resolve)/(?P<revision>{_REVISION})(?P<rest>/.*)?")
_FOLDERS = frozenset(
    {"unet", "transformer", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"}
)
_VARIANT = ".fp16"


@dataclass(frozen=True)
class HubReference:
    """A repository on the hub, and one file of it or, when ``file`` is empty, whatever base model it holds."""

    repo: str
    """``owner/name``."""
    revision: str = "main"
    file: str = ""

    def __str__(self) -> str:
        revision = "" if self.revision == "main" else f"@{self.revision}"
        return f"{self.repo}{revision}{f'/{self.file}' if self.file else ''}"

    @property
    def name(self) -> str:
        """What the base model is called unless a person says otherwise."""
        return PurePosixPath(self.file).stem if self.file else self.repo.partition("/")[2]


def parse_reference(text: str) -> HubReference:
    """``owner/name``, ``owner/name@revision``, either with ``/file.safetensors`` behind it, or the address of the
    repository's or file's page. Raises BaseModelRefused, naming what it should look like.
    """
    given = text.strip()
    bare = _ADDRESS.sub("", given)
    if bare != given:
        bare = bare.split("?")[0].split("#")[0].rstrip("/")
    parts = bare.split("/")
    revision, rest = "main", ""
    if bare != given and (page := _PAGE.fullmatch("/" + "/".join(parts[2:]))):
        bare, revision, rest = "/".join(parts[:2]), page["revision"], page["rest"] or ""
    found = _REFERENCE.fullmatch(bare)
    if found is None or ".." in bare or "--" in found["repo"]:
        raise _no_reference(given)
    file = (rest or found["rest"] or "").strip("/")
    if file and (".." in file or not all(is_plain_path(piece) for piece in file.split("/"))):
        raise _no_reference(given)
    if file and PurePosixPath(file).suffix.lower() in PICKLE_SUFFIXES:
        raise BaseModelRefused(
            f"{file} is a pickle, which can run any program when it is opened.", "Name a .safetensors file."
        )
    if file and not file.lower().endswith(".safetensors"):
        raise BaseModelRefused(f"{file} is no .safetensors file.", "Name one, or the repository alone.")
    return HubReference(found["repo"], found["revision"] or revision, file)


def choose_files(reference: HubReference, sizes: Mapping[str, int]) -> dict[str, str]:
    """Which files of the repository to take: {path there: path in the base model}.

    ``sizes`` are all its files with their sizes in bytes. A diffusers folder becomes a folder; its half-precision
    variant is taken, under the plain name, where there is no other. Raises BaseModelRefused with the reason.
    """
    if reference.file:
        if reference.file not in sizes:
            raise BaseModelRefused(
                f"{reference.repo} has no file {reference.file}.", f"It has {_named(_checkpoints(sizes))}."
            )
        chosen = {reference.file: PurePosixPath(reference.file).name}
    elif INDEX in sizes:
        chosen = _folder(sizes)
    else:
        chosen = _only_checkpoint(reference, sizes)
    if len(chosen) > MOST_PARTS or sum(sizes[path] for path in chosen) > MOST_TOTAL_BYTES:
        raise BaseModelRefused(
            f"{reference} is larger than {MOST_TOTAL_BYTES // 2**30} GiB or has over {MOST_PARTS} parts.",
            "Name one of its files.",
        )
    return chosen


def _folder(sizes: Mapping[str, int]) -> dict[str, str]:
    parts = [path for path in sizes if path == INDEX or _is_part(path)]
    plain = {path for path in parts if _VARIANT not in path}
    chosen = {path: path for path in plain}
    for path in parts:
        folder = str(PurePosixPath(path).parent)
        has_plain = any(one.endswith(".safetensors") and str(PurePosixPath(one).parent) == folder for one in plain)
        if path not in plain and not has_plain:
            chosen[path] = path.replace(_VARIANT, "", 1)
    return chosen


def _is_part(path: str) -> bool:
    pure = PurePosixPath(path)
    in_place = len(pure.parts) == 2 and pure.parts[0] in _FOLDERS
    return in_place and pure.suffix.lower() in ENDINGS and is_plain_path(path) and "non_ema" not in pure.name


def _only_checkpoint(reference: HubReference, sizes: Mapping[str, int]) -> dict[str, str]:
    found = _checkpoints(sizes)
    if len(found) == 1:
        return {found[0]: PurePosixPath(found[0]).name}
    if found:
        raise BaseModelRefused(
            f"{reference.repo} holds {len(found)} checkpoints: {_named(found)}.",
            f"Name the one you want, such as {reference.repo}/{found[0]}.",
        )
    if any(PurePosixPath(path).suffix.lower() in PICKLE_SUFFIXES for path in sizes):
        raise BaseModelRefused(
            f"{reference.repo} has nothing but pickles, which can run any program when they are opened.",
            "Choose a copy with .safetensors files.",
        )
    raise BaseModelRefused(f"{reference.repo} holds no base model.", "Choose another repository.")


def _checkpoints(sizes: Mapping[str, int]) -> list[str]:
    return sorted(path for path in sizes if path.lower().endswith(".safetensors") and "/" not in path)


def _named(files: list[str]) -> str:
    shown = ", ".join(files[:8])
    return f"{shown}, …" if len(files) > 8 else shown or "no .safetensors file in its top folder"


def _no_reference(given: str) -> BaseModelRefused:
    return BaseModelRefused(
        f"'{given[:200]}' is no name on the Hugging Face hub.",
        "Write owner/name, owner/name/file.safetensors, or copy the page's address.",
    )
