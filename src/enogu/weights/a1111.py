"""What A1111 and Forge want beside a LoRA file: ``name.json`` with what its card shows, and ``name.png``.

The keys are those that their metadata editor reads and writes (extensions-builtin/Lora/ui_edit_user_metadata.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

UiLayout = Literal["a1111", "comfyui"]

_VERSIONS = {"sd15": "SD1", "sd2": "SD2", "sdxl": "SDXL"}
"""The choices of A1111's list; everything else is Unknown there."""


@dataclass(frozen=True)
class LoraForUi:
    """One LoRA file as it goes to another program."""

    name: str
    """Without the ending; what ``<lora:name:1>`` calls it."""
    sha256: str
    family: str
    trigger: str = ""
    description: str = ""
    notes: str = ""
    negative: str = ""
    preferred_weight: float = 0
    preview_sha256: str | None = None
    """Of a PNG."""


def sidecar(lora: LoraForUi) -> dict[str, Any]:
    """The content of ``name.json``. ``preferred weight`` 0 means that none is preferred."""
    return {
        "description": lora.description,
        "sd version": _VERSIONS.get(lora.family, "Unknown"),
        "activation text": lora.trigger,
        "preferred weight": lora.preferred_weight,
        "negative text": lora.negative,
        "notes": lora.notes,
    }


def sidecar_bytes(values: Mapping[str, Any]) -> bytes:
    """As A1111 writes it: UTF-8 JSON, indented by four."""
    return json.dumps(values, ensure_ascii=False, indent=4).encode()


def zip_entries(loras: Iterable[LoraForUi], layout: UiLayout = "a1111") -> list[tuple[str, str | bytes]]:
    """(name in the zip, sha256 in the store of files or the bytes themselves) for ``delivery.zip_answer``.

    ``a1111``: all flat, to be put into ``models/Lora``. ``comfyui``: under ``models/loras``, to be put over ComfyUI's
    own folder. Names that differ only in case get a number, since some disks tell them not apart.
    """
    folder = "models/loras/" if layout == "comfyui" else ""
    entries: list[tuple[str, str | bytes]] = []
    taken: set[str] = set()
    for lora in loras:
        stem = _free_name(lora.name, taken)
        entries.append((f"{folder}{stem}.safetensors", lora.sha256))
        entries.append((f"{folder}{stem}.json", sidecar_bytes(sidecar(lora))))
        if lora.preview_sha256 is not None:
            entries.append((f"{folder}{stem}.png", lora.preview_sha256))
    return entries


def _free_name(name: str, taken: set[str]) -> str:
    stem = "".join("_" if letter in '/\\:*?"<>|' or not letter.isprintable() else letter for letter in name)
    stem = stem.strip(" .")[:120] or "lora"
    free, number = stem, 2
    while free.casefold() in taken:
        free, number = f"{stem} ({number})", number + 1
    taken.add(free.casefold())
    return free
