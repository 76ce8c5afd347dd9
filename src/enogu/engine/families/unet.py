"""What SD1.5 and SDXL do alike: the VAE, the noise schedule, which layers get an adapter, and the layers' two names.

Layers (sd-scripts, networks/lora.py): in the U-Net every Linear and 1x1 Conv2d inside ``Transformer2DModel``, in a text
encoder every Linear inside ``CLIPAttention`` and ``CLIPMLP``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from enogu.engine.adapters.lora import Target
from enogu.engine.families import LoadedBase
from enogu.engine.families.lean import make_lean
from enogu.engine.families.small_convolutions import multiply_small_ones
from enogu.engine.memory import ComputePlan
from enogu.engine.noise import NoiseSchedule, scaled_linear_alpha_bar, to_zero_terminal_snr
from enogu.engine.stored import store
from enogu.errors import BaseModelRefused, TrainingFailed

UNET_CLASSES = ("Transformer2DModel",)
CONVOLUTIONAL_CLASSES = ("ResnetBlock2D", "Downsample2D", "Upsample2D")
TEXT_ENCODER_CLASSES = ("CLIPAttention", "CLIPSdpaAttention", "CLIPMLP")


def encode_pictures(base: LoadedBase, pixels_B3HW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of the VAE's posterior, unscaled, fp32, [B, C, H/8, W/8]; pixels in -1..1."""
    vae = base.network("vae")
    pixels = pixels_B3HW.to(base.compute.device, vae.dtype).to(memory_format=base.compute.memory_format)
    with torch.inference_mode():
        posterior = vae.encode(pixels).latent_dist
        return posterior.mean.float().contiguous().cpu(), posterior.std.float().contiguous().cpu()


def decode_latents(base: LoadedBase, latents_BCHW: torch.Tensor) -> torch.Tensor:
    """Pixels in -1..1, fp32 [B, 3, H, W], from latents as the U-Net sees them (scaled)."""
    vae = base.network("vae")
    latents = latents_BCHW.float() / base.scaling_factor + base.shift_factor
    latents = latents.to(vae.dtype).to(memory_format=base.compute.memory_format)
    with torch.inference_mode():
        return vae.decode(latents).sample.float().clamp(-1, 1)


def schedule_of(config: dict[str, Any], title: str) -> NoiseSchedule:
    """The noise schedule that a diffusers scheduler's config describes; ``title`` is the family's, for messages."""
    if config.get("beta_schedule", "scaled_linear") != "scaled_linear":
        raise BaseModelRefused(
            f"The base model's noise schedule is {config['beta_schedule']!r}; {title} uses 'scaled_linear'.",
            "Choose another base model.",
        )
    alpha_bar = scaled_linear_alpha_bar(
        int(config.get("num_train_timesteps", 1000)),
        float(config.get("beta_start", 0.00085)),
        float(config.get("beta_end", 0.012)),
    )
    if config.get("rescale_betas_zero_snr"):
        alpha_bar = to_zero_terminal_snr(alpha_bar)
    return NoiseSchedule(alpha_bar, str(config.get("prediction_type", "epsilon")))


def unet_layers(unet: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Linear | nn.Conv2d]]:
    """(diffusers path, parent, name, layer) of every layer of a ``UNet2DConditionModel`` that gets an adapter."""
    return layers_inside(unet, UNET_CLASSES)


def convolutional_layers(unet: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Linear | nn.Conv2d]]:
    """Those that get an adapter beside them when it has a dim for convolutions (sd-scripts' conv_dim)."""
    return layers_inside(unet, CONVOLUTIONAL_CLASSES, any_kernel=True)


def text_encoder_targets(text_encoder: nn.Module, beginning: str = "lora_te_") -> list[Target]:
    """Targets of a transformers ``CLIPTextModel``, with or without the ``text_model`` wrapper.

    transformers 5 dropped the wrapper from the path of the model without projection, so it is put back.
    """
    found: list[Target] = []
    for path, parent, name, layer in layers_inside(text_encoder, TEXT_ENCODER_CLASSES):
        full = path if path.startswith("text_model.") else f"text_model.{path}"
        found.append(Target("text_encoder", beginning + full.replace(".", "_"), parent, name, layer))
    return found


def layers_inside(
    root: nn.Module, classes: tuple[str, ...], *, any_kernel: bool = False
) -> Iterator[tuple[str, nn.Module, str, nn.Linear | nn.Conv2d]]:
    """Every Linear and Conv2d (1x1, or any) inside modules of these classes, once each, in the network's own order."""
    seen: set[str] = set()
    for outer_path, outer in root.named_modules():
        if type(outer).__name__ not in classes:
            continue
        for inner_path, layer in outer.named_modules():
            if not isinstance(layer, nn.Linear | nn.Conv2d):
                continue
            if isinstance(layer, nn.Conv2d) and not any_kernel and layer.kernel_size != (1, 1):
                continue
            path = f"{outer_path}.{inner_path}" if outer_path else inner_path
            if path in seen:
                continue
            seen.add(path)
            parent_path, _, name = path.rpartition(".")
            yield path, root.get_submodule(parent_path), name, layer


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE_BLOCKS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_PLACE = re.compile(r"(down|up|mid)_blocks?\.(?:(\d+)\.)?(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.?(.*)")


def ldm_path(path: str, layers_per_block: int = 2, up_with_attention: frozenset[int] = frozenset({0, 1})) -> str:
    """Stability's name of a layer of diffusers' U-Net, as ``input_blocks.4.1.proj_in``: Kohya's names of SDXL.

    ``up_with_attention`` are the numbers of the up blocks that have attention; behind it their upsampler stands.
    """
    outside = next((name for name in _OUTSIDE_BLOCKS if path == name or path.startswith(f"{name}.")), None)
    if outside is not None:
        return _OUTSIDE_BLOCKS[outside] + path[len(outside) :]
    found = _PLACE.fullmatch(path)
    if found is None:
        raise ValueError(f"no layer of a U-Net: {path}")
    side, kind, number, rest = found[1], found[3], int(found[4]), found[5]
    block, length = int(found[2] or 0), layers_per_block + 1
    first, _, tail = rest.partition(".")
    if kind == "resnets" and first in _RESNET:
        rest = ".".join(filter(None, (_RESNET[first], tail)))
    if side == "mid":
        place = "middle_block.1" if kind == "attentions" else f"middle_block.{2 * number}"
    elif kind == "downsamplers":
        place, rest = f"input_blocks.{length * (block + 1)}.0", "op" + rest.removeprefix("conv")
    elif kind == "upsamplers":
        place = f"output_blocks.{length * block + layers_per_block}.{2 if block in up_with_attention else 1}"
    else:
        index = 1 + length * block + number if side == "down" else length * block + number
        place = f"{'input' if side == 'down' else 'output'}_blocks.{index}.{0 if kind == 'resnets' else 1}"
    return ".".join(filter(None, (place, rest)))


def diffusers_names(
    network: nn.Module, tensors: Mapping[str, torch.Tensor], up_with_attention: frozenset[int]
) -> dict[str, torch.Tensor]:
    """The U-Net's tensors, given by Stability's names, by those of diffusers' ``network``; what is not there is not."""
    named: dict[str, torch.Tensor] = {}
    for name in network.state_dict():
        path, _, kind = name.rpartition(".")
        old = f"{ldm_path(path, up_with_attention=up_with_attention)}.{kind}"
        if old in tensors:
            named[name] = tensors[old]
    return named


def place(networks: dict[str, Any], compute: ComputePlan, resting: Collection[str] = ()) -> None:
    """Freeze the networks and put them on the compute device, but for those that rest until they are asked, and for
    weights that are stored (``compute.fp8_base``, ``compute.blocks_to_swap``; T5's blocks with either).

    Convolutional ones are laid out in the device's memory format; on a processor, small ones are multiplied.
    """
    for part, network in networks.items():
        network.requires_grad_(False)
        network.eval()
        _drop_nothing_out(network)
        if not part.startswith("text_encoder"):
            network.to(memory_format=compute.memory_format)
        if part == "unet":
            swapped = swapped_blocks(network, compute.blocks_to_swap)
            store(network, compute.device, fp8=compute.fp8_base, swapped=swapped)
            make_lean(network)
        elif compute.stores and part.startswith("text_encoder"):
            store(network, compute.device, swapped=t5_blocks(network))
        if part not in resting:
            network.to(compute.device)
        if part == "unet" and compute.device.type == "cpu":
            multiply_small_ones(network)


def _drop_nothing_out(network: nn.Module) -> None:
    """Attention of transformers drops out by a number of its own wherever it counts as in training, which it does with
    gradient checkpointing: T5's a tenth, and another tenth at each look.
    """
    for module in network.modules():
        if isinstance(vars(module).get("dropout"), float):
            module.dropout = 0.0  # pyright: ignore[reportArgumentType] (no module)


def t5_blocks(network: Any) -> list[nn.Module]:
    """The blocks of a T5, in the order of a forward pass; none of another text encoder.

    T5-XXL is as large as what is left of a transformer in eight bits. Where memory is short its blocks wait in main
    memory too, since it is asked for each caption once, and for the prompts of previews.
    """
    return list(getattr(getattr(network, "encoder", None), "block", ()))


def swapped_blocks(network: Any, count: int) -> list[nn.Module]:
    """The blocks of Flux' transformer that wait in main memory, in the order of a forward pass.

    As sd-scripts counts (flux_models.py): half of ``count`` are double blocks, and for each of the others two single
    ones, which are half as large; the last of each kind. Two of each kind always stay. Raises TrainingFailed otherwise.
    """
    if not count:
        return []
    doubles = list(getattr(network, "transformer_blocks", ()))
    singles = list(getattr(network, "single_transformer_blocks", ()))
    num_double, num_single = count // 2, 2 * (count - count // 2)
    if num_double > len(doubles) - 2 or num_single > len(singles) - 2:
        raise TrainingFailed(
            f"This base model has {len(doubles)} double and {len(singles)} single blocks, so {num_double} and "
            f"{num_single} of them cannot wait in main memory: two of each stay.",
            "Set training.blocks_to_swap lower, or to 0.",
        )
    return [*doubles[len(doubles) - num_double :], *singles[len(singles) - num_single :]]
