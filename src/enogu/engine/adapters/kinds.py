"""The five kinds of adapter as one: what the loop makes, hangs in front of layers, bounds, and writes to files."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from enogu.engine.adapters import dora, loha, lokr
from enogu.engine.adapters.blocks import block_of, num_blocks_of
from enogu.engine.adapters.chance import Chance
from enogu.engine.adapters.dora import DoraLayer
from enogu.engine.adapters.layers import is_plain
from enogu.engine.adapters.locon import LoconLayer
from enogu.engine.adapters.loha import LohaLayer
from enogu.engine.adapters.lokr import LokrLayer
from enogu.engine.adapters.lora import AdaptedLayer, Target, setattr_path
from enogu.engine.adapters.parameters import AdapterParameters, Shape, Size, allocate, uniform_as_linear
from enogu.errors import WrongUse
from enogu.recipe.adapter import NUM_BLOCKS, Adapter, LokrAdapter, block_values, dims_of_convolutions
from enogu.recipe.draws import seed_of


def chosen_targets(
    attention: Sequence[Target], convolutions: Sequence[Target], adapter: Adapter, parts: Sequence[str]
) -> list[Target]:
    """The layers of the ``parts`` that learn; of the convolutional blocks only when the adapter has a dim for them."""
    targets = [*attention, *(convolutions if dims_of_convolutions(adapter)[0] else ())]
    sizes = sizes_of(targets, adapter)
    return [target for target in targets if target.part in parts and sizes[target.key].dim > 0]


def sizes_of(targets: Sequence[Target], adapter: Adapter) -> dict[str, Size]:
    """Dim and alpha of each layer: its block's, that of convolutions, or the common one. Raises WrongUse."""
    dims, alphas = block_values(adapter.block_dims), block_values(adapter.block_alphas)
    found = num_blocks_of(target.key for target in targets)
    if dims and found and len(dims) != found:
        raise WrongUse(
            f"adapter.block_dims has {len(dims)} numbers, and this base model's U-Net has {found} blocks "
            f"({NUM_BLOCKS[found]}).",
            f"Give {found} numbers, or choose a base model of {NUM_BLOCKS[len(dims)]}.",
        )
    conv_dim, conv_alpha = dims_of_convolutions(adapter)
    sizes: dict[str, Size] = {}
    for target in targets:
        dim, alpha = (adapter.dim, adapter.alpha) if is_plain(target.layer) else (conv_dim, conv_alpha)
        block = block_of(target.key) if target.part == "unet" else None
        if dims and block is not None:
            if is_plain(target.layer) or dims[block] == 0:
                dim = int(dims[block])
            if is_plain(target.layer):
                alpha = alphas[block] if alphas else adapter.alpha
        if adapter.rank_stabilised and dim:
            alpha = alpha * dim**0.5
        sizes[target.key] = Size(dim, alpha)
    return sizes


def new_adapter(targets: Sequence[Target], adapter: Adapter, run_seed: int, device: torch.device) -> AdapterParameters:
    """Starts that change nothing at step 0; each layer's depends on the seed and its key alone."""
    sizes = sizes_of(targets, adapter)
    shapes = {target.key: _shapes(target, adapter, sizes[target.key].dim) for target in targets}
    if adapter.kind == "lokr":
        for key, those in shapes.items():
            if "lokr_w1" in those and "lokr_w2" in those:
                sizes[key] = Size(sizes[key].dim, float(sizes[key].dim))  # two whole matrices have scale 1
    flat, matrices = allocate(((target.part, target.key, shapes[target.key]) for target in targets), device)
    with torch.no_grad():
        for target in targets:
            generator = torch.Generator().manual_seed(seed_of(run_seed, f"init {target.key}"))
            for (name, shape), matrix in zip(shapes[target.key].items(), matrices[target.key], strict=True):
                matrix.copy_(_start(adapter.kind, name, shape, target, generator))
    names = {key: tuple(those) for key, those in shapes.items()}
    network = getattr(adapter, "network_dropout", 0.0)
    rates = (network, adapter.rank_dropout, adapter.module_dropout)
    chance = Chance(*rates, run_seed) if any(rates) else None
    return AdapterParameters(flat, matrices, names, sizes, adapter.kind, chance)


def attach(targets: Sequence[Target], parameters: AdapterParameters) -> None:
    """Hang an adapted layer in front of every target; ``lora.detach`` undoes it."""
    for target in targets:
        setattr_path(target, _layer(target, parameters))


def to_file(targets: Sequence[Target], parameters: AdapterParameters, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Kohya's and LyCORIS' tensors, of their shapes; alpha is stored for each layer."""
    tensors: dict[str, torch.Tensor] = {}
    for target in targets:
        for name, matrix in parameters.named(target.key).items():
            shape = _shape_in_file(name, matrix, target)
            tensors[f"{target.key}.{name}"] = matrix.detach().to("cpu", dtype, copy=True).view(shape).contiguous()
        tensors[f"{target.key}.alpha"] = torch.tensor(parameters.sizes[target.key].alpha, dtype=dtype)
    return tensors


def scale_weight_norms(parameters: AdapterParameters, most: float) -> None:
    """Shrink the factors of each layer alike until the size of its change is at most ``most`` (sd-scripts' max_norm).

    Of a LoRA |B A| comes from two matrices of dim x dim: |B A|^2 = sum((B^T B) * (A A^T)). The lengths of a DoRA are
    left alone. Nothing is read back to the host.
    """
    with torch.no_grad():
        for key in parameters.matrices:
            factors = parameters.named(key)
            factors.pop("dora_scale", None)
            norm = (_size_of_change(factors) * parameters.sizes[key].scale).clamp(min=most / 2)
            factor = (most / norm).clamp(max=1.0) ** (1 / len(factors))
            for matrix in factors.values():
                matrix.mul_(factor)


def _size_of_change(factors: dict[str, torch.Tensor]) -> torch.Tensor:
    if "lora_down.weight" in factors:
        a_RI, b_OR = factors["lora_down.weight"].flatten(1), factors["lora_up.weight"]
        return ((b_OR.t() @ b_OR) * (a_RI @ a_RI.t())).sum().clamp(min=0).sqrt()
    if "hada_w1_a" in factors:
        w1_a, w1_b, w2_a, w2_b = factors.values()
        return torch.linalg.vector_norm((w1_a @ w1_b) * (w2_a @ w2_b))
    w1, w2 = lokr.factors_of(factors, ())
    return torch.linalg.vector_norm(w1) * torch.linalg.vector_norm(w2)


def _shapes(target: Target, adapter: Adapter, dim: int) -> dict[str, Shape]:
    num_out, num_in, *kernel = target.shape
    pixels = kernel[0] * kernel[1] if kernel else 1
    match adapter.kind:
        case "loha":
            return loha.shapes(num_out, num_in * pixels, dim)
        case "lokr":
            assert isinstance(adapter, LokrAdapter)  # noqa: S101 - its kind says so
            return lokr.shapes(num_out, num_in, tuple(kernel), dim, adapter.factor, adapter.decompose_both)
        case _:
            down: Shape = (dim, num_in) if is_plain(target.layer) else (dim, num_in, *kernel)
            found: dict[str, Shape] = {"lora_down.weight": down, "lora_up.weight": (num_out, dim)}
            return {**found, "dora_scale": (num_out, 1)} if adapter.kind == "dora" else found


def _start(kind: str, name: str, shape: Shape, target: Target, generator: torch.Generator) -> torch.Tensor:
    starts: dict[str, Callable[[str, Shape, torch.Generator], torch.Tensor]] = {"loha": loha.start, "lokr": lokr.start}
    if kind in starts:
        return starts[kind](name, shape, generator)
    if name == "dora_scale":
        return dora.row_lengths(target.layer.weight.detach())
    return torch.zeros(shape) if name == "lora_up.weight" else uniform_as_linear(shape, generator)


def _layer(target: Target, parameters: AdapterParameters) -> nn.Module:
    layer, key, chance = target.layer, target.key, parameters.chance
    scale, matrices = parameters.sizes[key].scale, parameters.matrices[key]
    match parameters.kind:
        case "loha":
            return LohaLayer(layer, key, chance, matrices, scale)
        case "lokr":
            return LokrLayer(layer, key, chance, parameters.named(key), scale)
        case "dora":
            down, up, lengths_O1 = matrices
            return DoraLayer(layer, key, chance, down, up, lengths_O1, scale)
        case _ if is_plain(layer) and chance is None:
            return AdaptedLayer(layer, matrices[0], matrices[1], scale)
        case _:
            return LoconLayer(layer, key, chance, matrices[0], matrices[1], scale)


def _shape_in_file(name: str, matrix: torch.Tensor, target: Target) -> Shape:
    """Of a convolution LoRA's matrices and DoRA's lengths are written with four sides."""
    shape = tuple(matrix.shape)
    if target.is_conv and name in ("lora_down.weight", "lora_up.weight", "dora_scale"):
        return shape + (1,) * (4 - len(shape))
    return shape
