"""How much of a device's memory a run needs at its most, said before it starts.

What the networks' passes hold comes from ``memory_figures.toml``, which tools/measure_memory.py measures on the real
networks' shapes: bytes for each latent pixel of each picture of a batch and bytes for each picture, in half precision.
Everything else is counted: weights, the adapter's numbers with their gradients, what the optimizer keeps of each.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from enogu.recipe.adapter import DoraAdapter, LohaAdapter, LokrAdapter, block_values, dims_of_convolutions
from enogu.recipe.captions import captions_vary
from enogu.recipe.plan import TrainPlan
from enogu.recipe.train import TrainRecipe

FIGURES = Path(__file__).with_name("memory_figures.toml")
FRAGMENTS = 1.08
"""What an allocator holds above what lives: pieces that are too small for the next tensor."""
CONTEXT_BYTES = 600 * 2**20
"""What a driver and its libraries keep on a graphics card; on a processor, what Python and torch take themselves."""
PIXELS_PER_LATENT = 8
DOUBLE_BLOCK, SINGLE_BLOCK = 339_831_296, 141_591_808
"""Numbers of a block of Flux' transformer."""
T5_EMBEDDINGS, T5_BLOCK = 131_596_288, 192_946_176
"""Numbers of T5-XXL's table of tokens, and of a block."""

_KEPT_BYTES = {
    "adamw": 8.0, "adamw8bit": 2.1, "adafactor": 0.2, "lion": 4.0, "dadaptation": 12.0, "dadapt_adam": 12.0,
    "prodigy": 16.0,
}  # fmt: skip
"""Bytes that an optimizer keeps for each trained number of a full matrix."""
_MOST_OF_A_LOKR = 0.25
"""Trained numbers of a LoKr that chooses its factor, in those of a LoRA of the same dim."""
_LENGTHS = 0.6
"""What a DoRA has besides, in the sides of its layers: one number an output."""
_KEPT_BESIDE = {"lokr": 1.45, "dora": 1.6}
"""What a pass holds with each kind, in what it holds with a LoRA: a DoRA keeps each layer's output, a LoKr a part.
Measured as the figures are, on the U-Nets of the starter, SD1.5 and SDXL (1.33 to 1.43, 1.49 to 1.58)."""
_KEPT_BESIDE_CONVOLUTIONS = {"locon": 1.3, "lokr": 1.65, "dora": 1.9}
"""The same with an adapter on convolutions too, which then keep what frozen ones need not (1.29, 1.65, 1.88)."""
_WHOLE_CHANGE_BYTES = 20
"""For each number of the largest layer, where the whole change of a weight is made: five of its size in fp32."""


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes at the most of a run, and what they are for."""

    weights: int
    """Of the frozen networks that are on the device at that moment, in the number format that they run in."""
    adapter: int
    """Trained numbers, gradients, and what the optimizer keeps; with a copy where an average of them is kept."""
    passes: int
    """What forward and backward hold, or encoding and drawing where that is more."""
    overhead: int

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.adapter + self.passes + self.overhead


def estimate_memory(
    recipe: TrainRecipe, plan: TrainPlan, family: str, base_bytes: int, *, on_graphics_card: bool
) -> MemoryEstimate | None:
    """Of ``recipe`` on a base model of ``family`` ("starter" for the one that ships), whose file has ``base_bytes``.

    Without a graphics card everything is computed in fp32 and stays where it is. None for a family without figures,
    and for a base model that is far smaller than its family's.
    """
    if not has_figures(family, base_bytes):
        return None
    largest = max(one.bucket.width * one.bucket.height for one in plan.placements)
    return estimate_at(recipe, largest, family, on_graphics_card=on_graphics_card)


def has_figures(family: str, base_bytes: int) -> bool:
    """Whether anything can be said of a base model whose file has ``base_bytes``."""
    figures = _figures().get(family)
    return figures is not None and base_bytes >= figures["network"]["parameters"]


def estimate_at(recipe: TrainRecipe, pixels: int, family: str, *, on_graphics_card: bool) -> MemoryEstimate:
    """As ``estimate_memory``, where the largest bucket has ``pixels``. Raises KeyError for a family without figures."""
    figures = _figures()[family]
    latent_pixels = pixels // PIXELS_PER_LATENT**2
    network, texts, vae = figures["network"], figures["text"], figures["vae"]
    number_bytes = 2 if on_graphics_card and recipe.training.mixed_precision != "none" else 4
    trains_network = recipe.adapter.parts != "text_encoder"
    trains_text = recipe.adapter.parts != "unet"
    batch = recipe.training.batch_size

    text_weights = number_bytes * sum(_text_numbers(recipe, text["parameters"], on_graphics_card) for text in texts)
    weights = _network_bytes(recipe, network, number_bytes, on_graphics_card=on_graphics_card)
    weights += text_weights + 4 * vae["parameters"]
    resting = 0
    if on_graphics_card:  # what has done its part goes to main memory until a preview asks for it
        texts_rest = not trains_text and not captions_vary(recipe.captions)
        vae_rests = not recipe.pictures.random_crop
        resting = (4 * vae["parameters"] if vae_rests else 0) + (text_weights if texts_rest else 0)

    way = "training_checkpointed" if recipe.training.gradient_checkpointing else "training"
    step = batch * _on_line(network[way], latent_pixels)
    if trains_text:
        windows = recipe.captions.max_token_length // 75
        step += batch * windows * sum(text.get("training", 0) for text in texts)
    if recipe.training.train_t5:
        step += batch * sum(text.get(f"t5_{way}", 0) for text in texts)
    step = round(step * _held_beside(recipe) * number_bytes / 2) + _whole_changes(recipe, network)

    preview, side = recipe.previews, recipe.pictures.resolution
    drawn = (preview.width or side) * (preview.height or side) // PIXELS_PER_LATENT**2 if preview.prompts else 0
    drawing = 2 * round(_on_line(network["drawing"], drawn) * number_bytes / 2) if drawn else 0
    decoding = vae["decoding"] * drawn * PIXELS_PER_LATENT**2
    encoding = vae["encoding"] * latent_pixels * PIXELS_PER_LATENT**2
    beside = max(drawing, decoding, encoding)
    if step > resting + beside:
        weights, passes = weights - resting, step
    else:
        passes = max(beside, step - resting)

    numbers = _trained_numbers(recipe, network, texts, trains_network=trains_network, trains_text=trains_text)
    kept = 4 + 4 + _KEPT_BYTES[recipe.optimizer.kind] + (4 if recipe.training.ema_decay else 0)
    adapter = round(numbers * kept)
    overhead = CONTEXT_BYTES + round((weights + adapter + passes) * (FRAGMENTS - 1))
    return MemoryEstimate(weights, adapter, passes, overhead)


def _network_bytes(
    recipe: TrainRecipe, network: Mapping[str, Any], number_bytes: int, *, on_graphics_card: bool
) -> int:
    """Of the U-Net's or transformer's weights on the device, stored as the recipe says."""
    number_bytes = 1 if recipe.training.fp8_base else number_bytes
    swapped = recipe.training.blocks_to_swap if on_graphics_card else 0
    waiting = swapped // 2 * DOUBLE_BLOCK + 2 * (swapped - swapped // 2) * SINGLE_BLOCK
    coming = 2 * DOUBLE_BLOCK if swapped else 0  # the block that computes, and the next
    return number_bytes * max(0, network["parameters"] - waiting + coming)


def _text_numbers(recipe: TrainRecipe, parameters: int, on_graphics_card: bool) -> int:
    """Of a text encoder on the device. T5's blocks wait in main memory where weights are stored at all."""
    stores = recipe.training.fp8_base or recipe.training.blocks_to_swap > 0
    if on_graphics_card and stores and parameters > T5_EMBEDDINGS + 2 * T5_BLOCK:
        return T5_EMBEDDINGS + 2 * T5_BLOCK
    return parameters


def _trained_numbers(
    recipe: TrainRecipe, network: Mapping[str, Any], texts: list[dict[str, Any]], *, trains_network: bool,
    trains_text: bool,
) -> float:  # fmt: skip
    adapter = recipe.adapter
    sides = network["sides"] if trains_network else 0
    sides += sum(text.get("sides", 0) for text in texts) if trains_text else 0
    sides += sum(text.get("t5_sides", 0) for text in texts) if recipe.training.train_t5 else 0
    dim = max((adapter.dim, *block_values(adapter.block_dims)))
    numbers = dim * sides
    if trains_network and (convolution_dim := dims_of_convolutions(adapter)[0]):
        numbers += convolution_dim * network["convolution_sides"] + dim * network["convolution_linears"]
    match adapter:
        case LohaAdapter():
            return 2.0 * numbers
        case LokrAdapter():
            return numbers / adapter.factor if adapter.factor > 0 else _MOST_OF_A_LOKR * numbers
        case DoraAdapter():
            return numbers + _LENGTHS * numbers / dim
        case _:
            return numbers


def _held_beside(recipe: TrainRecipe) -> float:
    """What a pass holds with this kind of adapter, in what it holds with a LoRA."""
    kinds = _KEPT_BESIDE_CONVOLUTIONS if dims_of_convolutions(recipe.adapter)[0] else _KEPT_BESIDE
    return kinds.get(recipe.adapter.kind, 1.0)


def _whole_changes(recipe: TrainRecipe, network: Mapping[str, Any]) -> int:
    """Of kinds that make the change of a weight whole: a LoHa of each layer, a LoKr of convolutions."""
    adapter = recipe.adapter
    whole = network["largest"] if isinstance(adapter, LohaAdapter) else 0
    if isinstance(adapter, LohaAdapter | LokrAdapter) and dims_of_convolutions(adapter)[0]:
        whole = max(whole, network["largest_convolution"])
    return _WHOLE_CHANGE_BYTES * whole


def _on_line(line: list[int], pixels: int) -> int:
    return line[0] * pixels + line[1]


@cache
def _figures() -> dict[str, Any]:
    return tomllib.loads(FIGURES.read_text("utf-8"))
