"""Whether a run fits this machine's device or a studio's, and what would make it: the same words for both."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from enogu.base_models import STARTER
from enogu.cli.output import Output
from enogu.cli.preparation import Preparation
from enogu.recipe import PictureSize
from enogu.recipe.memory import estimate_memory
from enogu.recipe.memory_cures import MemoryFit, MemoryWish, Place, fit_memory
from enogu.worker.devices import DeviceFacts, choose_device, describe_device

GB = 2**30
"""Graphics cards are sold in these."""


def memory_here(
    preparation: Preparation, device: str | None = None, facts: DeviceFacts | None = None
) -> dict[str, Any]:
    """What a studio's plan says of memory, for this machine: ``memory``, ``memory_cures`` and ``memory_fit``."""
    device = choose_device("auto") if device is None else device
    facts = describe_device(device) if facts is None else facts
    kind, base = device.partition(":")[0], preparation.base
    place = Place(on_graphics_card=kind != "cpu", has_fp8=kind != "mps", has_adamw8bit=facts.has_adamw8bit)
    figures = STARTER if base.name == STARTER else base.family
    found = estimate_memory(
        preparation.recipe, preparation.plan, figures, base.size_bytes, on_graphics_card=place.on_graphics_card
    )
    if found is None:
        return {"memory": None, "memory_cures": [], "memory_fit": None}
    folders = [one for one in (preparation.folder, preparation.regularisation) if one is not None]
    sizes = [PictureSize(str(p.path), p.info.width, p.info.height) for one in folders for p in one.pictures]
    wish = MemoryWish(preparation.recipe, sizes, base.family, figures, base.size_bytes, place)
    room = facts.memory_bytes
    fit = MemoryFit((), None) if room is None else fit_memory(wish, room)
    return {
        "memory": {
            **asdict(found),
            "total": found.total,
            "on_graphics_card": place.on_graphics_card,
            "capacity": room,
            "device_name": facts.name,
            "fits": None if room is None else found.total <= room,
        },
        "memory_cures": [asdict(one) for one in fit.cures],
        "memory_fit": None if fit.together is None else asdict(fit.together),
    }


def say_memory(output: Output, planned: dict[str, Any]) -> None:
    """What a run takes, what there is, and how it would fit; of a studio's plan or of ``memory_here``."""
    memory, together = planned["memory"], planned["memory_fit"]
    if memory is None:
        return
    kind = "graphics memory" if memory["on_graphics_card"] else "main memory"
    has = ""
    if memory["capacity"] is not None:
        name = memory["device_name"] if memory["on_graphics_card"] else ""
        has = (
            f"; {name or ('the card' if memory['on_graphics_card'] else 'the machine')} has {_size(memory['capacity'])}"
        )
    output.say(f"It needs about {_size(memory['total'])} of {kind}{has}.")
    if memory["fits"] is not False:
        return
    output.say("That does not fit. These need less, the least harmful first:", style="yellow")
    for one in planned["memory_cures"]:
        output.say(f"  {_options(one['changes'])}  ({_size(one['total'])}{', fits' if one['fits'] else ''})")
    if together is None:
        output.say("Nothing makes it need less. Use a smaller base model, or a device with more memory.")
    elif together["fits"]:
        output.say(f"To make it fit: {_options(together['changes'])}  ({_size(together['total'])})", style="green")
    else:
        output.say(
            f"Nothing makes it fit: with {_options(together['changes'])} it still needs {_size(together['total'])}. "
            "Use a smaller base model, or a device with more memory.",
            style="yellow",
        )


def _size(number: int) -> str:
    return f"{number / GB:.{2 if number < 2 * GB else 1}f} GB"


def _options(changes: dict[str, Any]) -> str:
    """As they are typed."""
    return " ".join(f"--set {path}={_value(value)}" for path, value in changes.items())


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
