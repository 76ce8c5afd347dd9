"""The JSON that kohya_ss saves, as arguments of sd-scripts: its own names and units, and what its form derives."""

from __future__ import annotations

import shlex
from typing import Any

from enogu.recipe.foreign.arguments import as_number, is_off

OWN_NAMES = {"epoch", "LoRA_type", "max_resolution", "optimizer", "lr_warmup"}
"""By some of these such a file is known."""
_RENAMED = {"optimizer": "optimizer_type", "max_resolution": "resolution"}
_IN_NETWORK_ARGS = (
    "conv_dim", "conv_alpha", "block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas",
    "down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold", "rank_dropout", "module_dropout",
    "train_t5xxl",
)  # fmt: skip
_OF_LYCORIS = ("factor", "use_tucker", "use_scalar", "decompose_both", "dora_wd", "rank_dropout_scale", "train_norm")
_KINDS = {
    "Standard": "networks.lora",
    "Kohya LoCon": "networks.lora",
    "Flux1": "networks.lora_flux",
    "LyCORIS/LoCon": "lycoris.kohya locon",
    "LyCORIS/LoHa": "lycoris.kohya loha",
    "LyCORIS/LoKr": "lycoris.kohya lokr",
}


def arguments_of(values: dict[str, Any]) -> dict[str, Any]:
    """Names and values of sd-scripts. What is not used in the form is left out."""
    found: dict[str, Any] = {_RENAMED.get(name, name): value for name, value in values.items()}
    _length(found)
    _network(found)
    _rates(found)
    _noise(found)
    extra = found.pop("additional_parameters", "")
    if isinstance(extra, str) and extra.strip():
        found |= _command_line(extra)
    return found


def _length(found: dict[str, Any]) -> None:
    """``epoch`` counts unless epochs or steps are given beside it."""
    epoch = found.pop("epoch", None)
    for name in ("max_train_epochs", "max_train_steps"):
        if is_off(found.get(name)):
            found.pop(name, None)
    if epoch is not None and "max_train_epochs" not in found and "max_train_steps" not in found:
        found["max_train_epochs"] = epoch
    if is_off(found.get("lr_warmup_steps")):
        found.pop("lr_warmup_steps", None)
        found["lr_warmup_percent"] = found.pop("lr_warmup", 0)
    else:
        found.pop("lr_warmup", None)


def _network(found: dict[str, Any]) -> None:
    said = found.pop("LoRA_type", "Standard")
    module, _, algorithm = _KINDS.get(str(said), str(said)).partition(" ")
    found["network_module"] = module
    if algorithm:
        found["network_args.algo"] = algorithm
        if preset := found.pop("LyCORIS_preset", ""):
            found["network_args.preset"] = preset
    else:
        found.pop("LyCORIS_preset", None)
    for name in _IN_NETWORK_ARGS:
        value = found.pop(name, None)
        has_conv = said != "Standard" or not name.startswith("conv")
        if not is_off(value) and has_conv:
            found[f"network_args.{name}"] = value
    for name in _OF_LYCORIS:
        value = found.pop(name, None)
        if algorithm and not is_off(value) and not (name == "factor" and value == -1):
            found[f"network_args.{name}"] = value


def _rates(found: dict[str, Any]) -> None:
    """A part whose rate is 0 is not trained; if both are, the common rate holds for both."""
    unet, text = (as_number(found.get(name) or 0) for name in ("unet_lr", "text_encoder_lr"))
    if "unet_lr" not in found or "text_encoder_lr" not in found:
        return
    if not unet and not text:
        found.pop("unet_lr")
        found.pop("text_encoder_lr")


def _noise(found: dict[str, Any]) -> None:
    """The form has both kinds of noise and uses the chosen one."""
    chosen = found.pop("noise_offset_type", None)
    unused = {
        "Original": ("multires_noise_iterations", "multires_noise_discount"),
        "Multires": ("noise_offset", "adaptive_noise_scale"),
    }
    for name in unused.get(str(chosen), ()):
        found.pop(name, None)
    if is_off(found.get("multires_noise_iterations")):
        found.pop("multires_noise_discount", None)


def _command_line(text: str) -> dict[str, Any]:
    """``--name value --switch`` as people add it by hand."""
    try:
        words = shlex.split(text)
    except ValueError:
        return {"additional_parameters": text}
    found: dict[str, Any] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            found[name] = value or True
        elif name:
            found[name] = word if found[name] is True else f"{found[name]} {word}"
    return found
