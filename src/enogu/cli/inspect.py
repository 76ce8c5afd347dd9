"""``enogu inspect``: what a file says about itself: a LoRA, a picture's parameters, a base model's folder.

What it is is taken from its content, never from its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from enogu.cli.output import call_of
from enogu.errors import WrongUse

if TYPE_CHECKING:
    from enogu.weights.header import Header

PICTURE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
"""First bytes of the pictures we read; AVIF is known by the ``ftyp`` behind its first four."""


def inspect(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A LoRA file, a picture, or a base model's file or folder.")
    ],
) -> None:
    """Say what a LoRA, a drawn picture or a base model is.

    Of a LoRA: family, dim and alpha, modules, base model, steps, tags, trigger, hashes. Of a picture: the parameters it
    was drawn with. Of a base model's file or folder: family and sizes.
    """
    call = call_of(context)
    if file.is_dir():
        told = _base_model(file, call.settings)
    elif not file.exists():
        raise WrongUse(f"There is no file {file}.", "Check the path.")
    elif _is_picture(file):
        told = _picture(file)
    else:
        told = _adapter(file)
    call.output.tell(told)
    _say(call.output, told)


def _say(output: Any, told: dict[str, Any]) -> None:
    if output.as_json:
        return
    shown = {key: value for key, value in told.items() if value not in (None, [], {}) and not _is_repeated(key, told)}
    width = max(len(key) for key in shown)
    for key, value in shown.items():
        size = " bytes" if key.endswith("bytes") else ""
        label = key.removesuffix("_bytes").replace("_", " ").ljust(width)
        output.say(f"{label}  {_in_words(value, width + 2)}{size}")


def _is_repeated(key: str, told: dict[str, Any]) -> bool:
    """A person has read the parameters in their parts already; a machine may want the text as it is."""
    return key == "parameters" and "prompt" in told


def _in_words(value: Any, indent: int) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_in_words(entry, indent)}" for name, entry in value.items())
    if isinstance(value, list):
        return ", ".join(_in_words(entry, indent) for entry in value)
    if isinstance(value, int):
        return f"{value:,}" if value >= 100_000 else str(value)
    return str(value).replace("\n", "\n" + " " * indent)


def _is_picture(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            start = opened.read(12)
    except OSError as error:
        raise WrongUse(f"{file} cannot be read: {error.strerror or error}.", "Check its permissions.") from error
    return start.startswith(PICTURE_STARTS) or start[4:8] == b"ftyp"


def _picture(file: Path) -> dict[str, Any]:
    from enogu.imaging.decoding import probe_picture
    from enogu.imaging.infotext import parse_infotext, read_parameters

    info = probe_picture(file)
    told: dict[str, Any] = {
        "kind": "picture",
        "file": str(file),
        "format": info.format,
        "width": info.width,
        "height": info.height,
        "notes": list(info.notes),
    }
    text = read_parameters(file)
    if text is None:
        return {**told, "parameters": "none: it does not say how it was drawn"}
    parsed = parse_infotext(text)
    return {
        **told,
        "prompt": parsed.prompt,
        "negative_prompt": parsed.negative_prompt or None,
        "settings": dict(parsed.settings),
        "parameters": text,
    }


def _base_model(folder: Path, settings: Any) -> dict[str, Any]:
    from enogu.base_models import find_base_model
    from enogu.cli.preparation import native_side

    base = find_base_model(str(folder.resolve()), settings)
    parts = {
        part: sum(file.stat().st_size for file in (base.folder / part).glob("*.safetensors"))
        for part in ("unet", "text_encoder", "vae")
    }
    return {
        "kind": "base model",
        "folder": str(base.folder),
        "family": base.family,
        "prediction_type": base.prediction_type,
        "made_for_pixels": native_side(base),
        "size_bytes": base.size_bytes,
        "parts_bytes": parts,
    }


def _adapter(file: Path) -> dict[str, Any]:
    from enogu.weights.header import read_header, read_scalars, reader_of, tensor_bytes_sha256
    from enogu.weights.lora_facts import describe_lora

    header = read_header(file)
    if (checkpoint := _checkpoint(file, header)) is not None:
        return checkpoint
    alphas = read_scalars(header, reader_of(file), [name for name in header.tensors if name.endswith(".alpha")])
    return {
        "file": str(file),
        **describe_lora(header.metadata, header.shapes, alphas),
        "precision": sorted({dtype for dtype, _ in header.tensors.values()}),
        "size_bytes": header.num_bytes,
        "sha256": _sha256(file),
        "tensors_sha256": tensor_bytes_sha256(file),
    }


def _checkpoint(file: Path, header: Header) -> dict[str, Any] | None:
    """What a base model in a single file is; None when it is none."""
    from enogu.errors import BaseModelRefused
    from enogu.weights.base_facts import describe_checkpoint

    try:
        facts = describe_checkpoint(file.name, header.metadata, header.shapes)
    except BaseModelRefused:
        return None
    sha256 = _sha256(file)
    return {
        "kind": "base model",
        "file": str(file),
        "family": facts.family,
        "derivative": facts.derivative or None,
        "prediction_type": facts.prediction_type,
        "made_for_pixels": facts.native_side,
        "made_for_task": facts.special or None,
        "missing": list(facts.missing),
        "title": facts.title or None,
        "licence": facts.licence or None,
        "precision": sorted({dtype for dtype, _ in header.tensors.values()}),
        "size_bytes": header.num_bytes,
        "sha256": sha256,
        "short_hash": sha256[:10],
    }


def _sha256(file: Path) -> str:
    import hashlib

    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
