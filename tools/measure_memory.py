"""Measure what training and drawing hold in memory at the real width of each family, and without its weights: every
tensor is a fake one that knows its shape and nothing else. Writes src/enogu/recipe/memory_figures.toml (two minutes).

The peak of live storages is counted through a dispatch mode, so that backward's own tensors and what gradient
checkpointing computes twice are in it. What a real allocator adds (fragments, workspaces) is not.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from enogu import starter_data
from enogu.engine.adapters import kinds, lora
from enogu.engine.adapters.layers import is_plain
from enogu.engine.adapters.lora import Target
from enogu.engine.families.flux.encode import DEV_TOKENS
from enogu.engine.families.flux.keys import t5_targets
from enogu.engine.families.lean import make_lean
from enogu.engine.families.sd15.keys import unet_targets
from enogu.engine.families.unet import convolutional_layers, text_encoder_targets
from enogu.engine.memory import gradient_checkpointing
from enogu.recipe.adapter import Adapter, LoraAdapter

DIM = 16
"""Of the adapter that is attached while activations are measured; what it keeps itself is nearly nothing."""


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of storages made inside the block, now and at their most."""

    def __init__(self, known: Iterable[torch.Tensor]) -> None:
        """``known`` are tensors that were there before; views of them cost nothing."""
        super().__init__()
        self.now = 0
        self.peak = 0
        self._known = {tensor.untyped_storage()._cdata for tensor in known}
        self._live: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every operation's results are looked at."""
        result = func(*args, **(kwargs or {}))
        for one in tree_iter(result):
            if isinstance(one, torch.Tensor):
                self._add(one.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._live or key in self._known:
            return
        self._live.add(key)
        size = storage.nbytes()
        weakref.finalize(storage, self._drop, key, size)
        self.now += size
        self.peak = max(self.peak, self.now)

    def _drop(self, key: int, size: int) -> None:
        if key in self._live:
            self._live.discard(key)
            self.now -= size


def tensors_of(*networks: nn.Module) -> list[torch.Tensor]:
    """All weights and buffers."""
    return [tensor for network in networks for tensor in (*network.parameters(), *network.buffers())]


def training_peak(
    network: nn.Module, targets: list[Target], step: Callable[[], torch.Tensor], adapter: Adapter | None = None
) -> int:
    """Bytes above weights, adapter and gradients at the most of one forward and backward pass."""
    parameters = kinds.new_adapter(targets, adapter or LoraAdapter(dim=DIM), 1, torch.device("cpu"))
    own = [one for flat in parameters.flat.values() for one in (flat, flat.grad) if one is not None]
    kinds.attach(targets, parameters)
    try:
        with LiveBytes([*tensors_of(network), *own]) as live:
            step().float().pow(2).mean().backward()
    finally:
        lora.detach(targets)
    return live.peak


def drawing_peak(network: nn.Module, run: Callable[[], object]) -> int:
    """Bytes above the weights at the most of one pass without gradients."""
    with torch.no_grad(), LiveBytes(tensors_of(network)) as live:
        run()
    return live.peak


@contextmanager
def fake_networks(dtype: torch.dtype) -> Iterator[None]:
    """Networks made inside have no weights; they are of ``dtype``."""
    torch.set_default_dtype(dtype)
    try:
        with FakeTensorMode():
            yield
    finally:
        torch.set_default_dtype(torch.float32)


NO_CHECKPOINTING, CHECKPOINTING = False, True
SIDES = (64, 128)
"""Of latents: pictures of 512 and 1024 pixels, between and beyond which memory grows in proportion."""
FIGURES = Path(__file__).parents[1] / "src" / "enogu" / "recipe" / "memory_figures.toml"

SD15 = {"cross_attention_dim": 768, "sample_size": 64}
SDXL = {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
    "use_linear_projection": True,
}
VAE = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "sample_size": 512,
}
CLIP_L = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
CLIP_G = {
    "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20,
    "projection_dim": 1280, "hidden_act": "gelu",
}  # fmt: skip
T5_XXL = {
    "d_model": 4096, "d_ff": 10240, "d_kv": 64, "num_heads": 64, "num_layers": 24, "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu",
}  # fmt: skip


@dataclass
class Denoiser:
    """The network that learns to take noise away, and how one pass of it is called at a side of latents."""

    network: Any
    targets: list[Target]
    run: Callable[[int], torch.Tensor]
    of_convolutions: list[Target] = field(default_factory=list[Target])
    """What an adapter that has a dim for convolutions is put on besides."""

    def figures(self, sides: tuple[int, int] = SIDES) -> dict[str, Any]:
        """Numbers, and bytes as [for each latent pixel of each picture, for each picture]."""
        convolutions = [
            layer for layer in self.network.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1)
        ]
        return {
            "parameters": sum(one.numel() for one in self.network.parameters()),
            "largest": max(target.num_in * target.num_out for target in self.targets),
            "largest_convolution": max((one.layer.weight.numel() for one in self.of_convolutions), default=0),
            "convolution_linears": sum(one.num_in + one.num_out for one in self.of_convolutions if is_plain(one.layer)),
            "sides": sum(target.num_in + target.num_out for target in self.targets),
            "convolution_sides": sum(
                one.in_channels * one.kernel_size[0] ** 2 + one.out_channels for one in convolutions
            ),
            "training": line(sides, lambda side: self.training_peak(side, NO_CHECKPOINTING)),
            "training_checkpointed": line(sides, lambda side: self.training_peak(side, CHECKPOINTING)),
            "drawing": line(sides, lambda side: drawing_peak(self.network, lambda: self.run(side))),
        }

    def training_peak(self, side: int, checkpointing: bool) -> int:
        """Of one picture with latents of ``side`` by ``side``."""
        with gradient_checkpointing({"unet": self.network}, on=checkpointing):
            return training_peak(self.network, self.targets, lambda: self.run(side))


def unet(config: Mapping[str, Any]) -> Denoiser:
    """A U-Net of SD1.5's or SDXL's kind."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    network = UNet2DConditionModel(**config).requires_grad_(requires_grad=False).eval()
    make_lean(network)
    is_xl = config.get("addition_embed_type") == "text_time"

    def run(side: int) -> torch.Tensor:
        noisy, states = torch.zeros(1, 4, side, side), torch.zeros(1, 77, config["cross_attention_dim"])
        added = {"text_embeds": torch.zeros(1, 1280), "time_ids": torch.zeros(1, 6)} if is_xl else None
        return network(noisy, torch.zeros(1, dtype=torch.long), states, added_cond_kwargs=added).sample

    of_convolutions = [
        Target("unet", path, parent, name, layer) for path, parent, name, layer in convolutional_layers(network)
    ]
    return Denoiser(network, unet_targets(network), run, of_convolutions)


def flux() -> Denoiser:
    """Flux dev's transformer; latents are counted before they are packed."""
    from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel

    network = FluxTransformer2DModel(guidance_embeds=True).requires_grad_(requires_grad=False).eval()

    def run(side: int) -> torch.Tensor:
        tokens = side * side // 4
        return network(
            torch.zeros(1, tokens, 64), torch.zeros(1, 512, 4096), torch.zeros(1, 768), torch.zeros(1),
            torch.zeros(tokens, 3), torch.zeros(512, 3), torch.zeros(1), return_dict=False,
        )[0]  # fmt: skip

    return Denoiser(network, transformer_targets(network), run)


def transformer_targets(network: nn.Module) -> list[Target]:
    """Every Linear of Flux' blocks, as diffusers has them."""
    return [
        Target("unet", path, network.get_submodule(path.rpartition(".")[0]), path.rpartition(".")[2], layer)
        for path, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and "transformer_blocks" in path
    ]


def text_figures(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of a CLIP text encoder: its numbers, and bytes for each window of 77 tokens while it is trained."""
    from transformers import CLIPTextConfig, CLIPTextModel

    encoder = CLIPTextModel(CLIPTextConfig(**config)).requires_grad_(requires_grad=False).eval()
    targets = text_encoder_targets(encoder)

    def run() -> torch.Tensor:
        return encoder(torch.zeros(1, 77, dtype=torch.long)).last_hidden_state

    return {
        "parameters": sum(one.numel() for one in encoder.parameters()),
        "sides": sum(target.num_in + target.num_out for target in targets),
        "training": training_peak(encoder, targets, run),
    }


def t5_figures() -> dict[str, Any]:
    """Of T5's encoder: its numbers, and bytes for each caption of 512 tokens while it is trained (``train_t5``)."""
    from transformers import T5Config, T5EncoderModel

    encoder = T5EncoderModel(T5Config(**T5_XXL)).requires_grad_(requires_grad=False).eval()
    targets = t5_targets(encoder)

    def run() -> torch.Tensor:
        return encoder(torch.zeros(1, DEV_TOKENS, dtype=torch.long)).last_hidden_state

    def peak(checkpointing: bool) -> int:
        with gradient_checkpointing({"t5": encoder}, on=checkpointing):
            return training_peak(encoder, targets, run)

    return {
        "parameters": sum(one.numel() for one in encoder.parameters()),
        "t5_sides": sum(target.num_in + target.num_out for target in targets),
        "t5_training": peak(NO_CHECKPOINTING),
        "t5_training_checkpointed": peak(CHECKPOINTING),
    }


def vae_figures(config: Mapping[str, Any]) -> dict[str, Any]:
    """Of the autoencoder, in fp32 always: bytes for each pixel while a picture is encoded, and decoded."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    vae = AutoencoderKL(**config).requires_grad_(requires_grad=False).eval()
    channels = vae.config["latent_channels"]
    side = 1024
    encoding = drawing_peak(vae, lambda: vae.encode(torch.zeros(1, 3, side, side)))
    latents: Any = torch.zeros(1, channels, side // 8, side // 8)
    decoding = drawing_peak(vae, lambda: vae.decode(latents))
    return {
        "parameters": sum(one.numel() for one in vae.parameters()),
        "encoding": round(encoding / side**2),
        "decoding": round(decoding / side**2),
    }


def line(sides: tuple[int, int], peak: Callable[[int], int]) -> list[int]:
    """[bytes for each latent pixel, bytes besides] through the peaks at two sides of the latents."""
    low, high = sides
    slope = (peak(high) - peak(low)) / (high**2 - low**2)
    return [round(slope), max(0, round(peak(low) - slope * low**2))]


def figures_of(family: str) -> dict[str, Any]:
    """Of one family, or of the starter as its files in the package describe it. In half precision but for the VAE."""
    if family == "starter":
        folder = starter_data.path("base_model")
        configs = {part: _config(folder / part / "config.json") for part in ("unet", "text_encoder", "vae")}
        with fake_networks(torch.float16):
            network, text = unet(configs["unet"]).figures((16, 32)), [text_figures(configs["text_encoder"])]
        with fake_networks(torch.float32):
            return {"network": network, "text": text, "vae": vae_figures(configs["vae"])}
    with fake_networks(torch.float16):
        clip_l = text_figures(CLIP_L)
        network, text = {
            "sd15": lambda: (unet(SD15), [clip_l]),
            "sdxl": lambda: (unet(SDXL), [clip_l, text_figures(CLIP_G)]),
            "flux": lambda: (flux(), [clip_l, t5_figures()]),
        }[family]()
        found = network.figures()
    with fake_networks(torch.float32):
        vae = vae_figures({**VAE, "latent_channels": 16 if family == "flux" else 4})
    return {"network": found, "text": text, "vae": vae}


def _config(path: Path) -> dict[str, Any]:
    values = json.loads(path.read_text("utf-8"))
    return {name: value for name, value in values.items() if not name.startswith("_")}


def as_toml(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The file's text."""
    lines = ["# Written by tools/measure_memory.py; what the numbers mean is said in memory.py.", ""]
    for family, networks in figures.items():
        for name, found in networks.items():
            for one in found if isinstance(found, list) else [found]:
                lines.append(f"[[{family}.{name}]]" if isinstance(found, list) else f"[{family}.{name}]")
                lines += [f"{key} = {value}" for key, value in one.items()] + [""]
    return "\n".join(lines)


if __name__ == "__main__":
    FIGURES.write_text(as_toml({family: figures_of(family) for family in ("starter", "sd15", "sdxl", "flux")}), "utf-8")
