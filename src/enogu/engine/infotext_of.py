"""The A1111 ``parameters`` text of a drawing: what was asked, with which base model and LoRAs."""

from __future__ import annotations

from collections.abc import Sequence

from enogu.engine.families import LoadedBase
from enogu.engine.lora_file import LoraFile
from enogu.engine.sample import DrawRequest
from enogu.imaging.infotext import SettingValue, write_infotext, write_lora_hashes
from enogu.recipe.samplers import SAMPLER_TITLES, SCHEDULE_TITLES


def drawing_parameters(
    base: LoadedBase, request: DrawRequest, loras: Sequence[tuple[LoraFile, float]], seed: int
) -> str:
    """The text A1111 writes into a PNG; each LoRA stands in the prompt as ``<lora:name:weight>``, to be read back."""
    tags = [f"<lora:{lora.path.stem}:{weight:g}>" for lora, weight in loras if weight != 0]
    settings: dict[str, SettingValue] = {
        "Steps": request.steps,
        "Sampler": SAMPLER_TITLES[request.sampler],
        "Schedule type": SCHEDULE_TITLES[request.schedule_type],
        "CFG scale": request.cfg,
        "Seed": seed,
        "Size": f"{request.width}x{request.height}",
        "Model hash": base.hash[:10],
        "Model": base.name,
    }
    if request.clip_skip > 1:
        settings["Clip skip"] = request.clip_skip
    settings["RNG"] = "CPU"
    settings["Lora hashes"] = write_lora_hashes({lora.path.stem: lora.tensor_sha256[:12] for lora, _ in loras})
    settings["Version"] = "Enogu"
    return write_infotext(" ".join([request.prompt, *tags]), request.negative_prompt, settings)
