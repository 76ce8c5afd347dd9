"""Tools on LoRAs of a studio: asked for, waited for, and what they made downloaded (files: ``lora_files``).

What is there as a file, or is written as one, is a file; everything else is a LoRA of the studio by its name or id.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from enogu.cli.lora import lora_id_of
from enogu.cli.output import call_of
from enogu.cli.studio_client import StudioClient, studio_of
from enogu.cli.studio_words import in_bytes, moving_bar, say_facts, say_if_nobody_works
from enogu.errors import EnoguError, WrongUse

_POLL_SECONDS = 0.5
_ENDED = ("done", "failed", "cancelled", "parked")


def are_in_studio(references: Sequence[str]) -> bool:
    """Whether these are LoRAs of the studio. Raises WrongUse for files and LoRAs of the studio together."""
    files = [one for one in references if _is_file(one)]
    if files and len(files) < len(references):
        raise WrongUse(
            f"{files[0]} is a file, and not all of these are.",
            "Bring files into the studio with `enogu lora upload`, or download the others with `enogu lora download`.",
        )
    return not files


def use_tool(context: typer.Context, body: Mapping[str, Any], out: Path | None = None) -> dict[str, Any]:
    """Ask the studio for a tool, wait for it, and download the LoRA it made to ``out`` if there is one.

    ``loras``, ``lora_id``, ``lora_ids`` and base models in ``body`` are as a person gave them. Ctrl-C leaves the tool
    going on in the studio. Returns the job, with ``path`` when it was downloaded.
    """
    output = call_of(context).output
    if out is not None and out.is_file():
        raise WrongUse(f"{out} is there already.", "Choose another --out, or move it away.")
    with studio_of(context) as studio:
        job = studio.post("/api/lora-jobs", _with_ids(studio, body))
        if job["state"] not in _ENDED:
            say_if_nobody_works(studio, output)
        job = _waited_for(context, studio, job)
        if job["state"] != "done":
            raise EnoguError(
                job["reason"] or f"The tool is {job['state']}.", "Nothing was made. Mend it and try again."
            )
        if job["made_lora_id"] is not None:
            output.say(f"In the library: {job['name']}. Write <lora:{job['name']}:1> in a prompt.")
        elif job["made_base_model_id"] is not None:
            output.say(f"Among the base models: {job['name']}.")
        if out is not None and job["made_lora_id"] is not None:
            with moving_bar(output, "Downloading") as move:
                saved = studio.download(f"/api/loras/{job['made_lora_id']}/file", out, on_progress=move)
            output.say(f"{saved} ({in_bytes(saved.stat().st_size)})")
            job["path"] = str(saved)
    return dict(job)


def show_lora(context: typer.Context, reference: str) -> None:
    """What the header of a LoRA of the studio tells."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.get(f"/api/loras/{lora_id_of(studio, reference)}")
    told = {**shown["facts"], "name": shown["name"], "size_bytes": shown["size_bytes"], "sha256": shown["sha256"]}
    say_facts(output, [(key.replace("_", " "), one) for key, one in told.items() if one not in ([], {})])
    output.tell(told)


def _is_file(text: str) -> bool:
    separators = ("/", os.sep)
    return text.lower().endswith(".safetensors") or any(one in text for one in separators) or Path(text).is_file()


def _with_ids(studio: StudioClient, body: Mapping[str, Any]) -> dict[str, Any]:
    from enogu.cli.base import base_model_id_of

    asked = {key: value for key, value in body.items() if value is not None}
    if "lora_id" in asked:
        asked["lora_id"] = lora_id_of(studio, asked["lora_id"])
    if "lora_ids" in asked:
        asked["lora_ids"] = [lora_id_of(studio, one) for one in asked["lora_ids"]]
    if "loras" in asked:
        asked["loras"] = [{**one, "id": lora_id_of(studio, one["id"])} for one in asked["loras"]]
    for key in ("base_model_id", "tuned_id"):
        if key in asked:
            asked[key] = base_model_id_of(studio, asked[key])
    return asked


def _waited_for(context: typer.Context, studio: StudioClient, job: Any) -> Any:
    with moving_bar(call_of(context).output, "Waiting for a worker") as move:
        while job["state"] not in _ENDED:
            if job["total"]:
                move(job["done"], job["total"], "Working")
            time.sleep(_POLL_SECONDS)
            job = studio.get(f"/api/lora-jobs/{job['id']}")
    return job
