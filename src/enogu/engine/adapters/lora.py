"""LoRA (Hu et al. 2021) on Linear layers and 1x1 convolutions:  y = W x + b + (alpha / dim) * B A x.

The adapted layer is one autograd operation of our own. Wrappers made of stock layers run 14 to 20 tensor calls a
layer and step; this runs 8, keeps the input once instead of twice, and computes no gradient for the frozen weight.
A is Kohya's ``lora_down`` [dim, in], B its ``lora_up`` [out, dim]. Both are fp32 whatever the base runs in.

Training parameters live in one flat fp32 tensor for each part (U-Net, text encoder), with A and B as views of it:
norm, clipping and the optimizer work on one tensor instead of on hundreds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.autograd import Function

from enogu.errors import AdapterRefused
from enogu.recipe.draws import seed_of

_SUFFIXES = ("lora_down.weight", "lora_up.weight", "alpha")


@dataclass(frozen=True)
class Target:
    """A layer that gets an adapter: its part ("unet" or "text_encoder"), Kohya key, and where it hangs."""

    part: str
    key: str
    parent: nn.Module
    name: str
    layer: nn.Linear | nn.Conv2d

    @property
    def is_conv(self) -> bool:
        """A 1x1 convolution, saved 4-D by Kohya."""
        return isinstance(self.layer, nn.Conv2d)

    @property
    def num_in(self) -> int:
        """Input width."""
        return self.layer.weight.shape[1]

    @property
    def num_out(self) -> int:
        """Output width."""
        return self.layer.weight.shape[0]


class AdaptedProduct(Function):
    """y = x W^T + b + scale (x A^T) B^T on x [M, in]; eight tensor calls forward and backward together.

    Gradients: dB = g^T h, dA = (scale g B)^T x, dx = g W + (scale g B) A, with h = scale x A^T. None for W and b.
    """

    @staticmethod
    def forward(  # noqa: D102 - described by the class
        ctx: Any,
        x_MI: torch.Tensor,
        weight_OI: torch.Tensor,
        bias_O: torch.Tensor | None,
        a_RI: torch.Tensor,
        b_OR: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        ctx.parameter_dtype = a_RI.dtype
        a_RI, b_OR = a_RI.to(x_MI.dtype), b_OR.to(x_MI.dtype)
        y_MO = x_MI @ weight_OI.t() if bias_O is None else torch.addmm(bias_O, x_MI, weight_OI.t())
        h_MR = x_MI @ a_RI.t()
        y_MO.addmm_(h_MR, b_OR.t(), alpha=scale)
        ctx.save_for_backward(x_MI, weight_OI, a_RI, b_OR, h_MR)
        ctx.scale = scale
        return y_MO

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: D102
        (g_MO,) = grads
        x_MI, weight_OI, a_RI, b_OR, h_MR = ctx.saved_tensors
        gh_MR = (g_MO @ b_OR).mul_(ctx.scale)
        grad_b = (g_MO.t() @ h_MR).mul_(ctx.scale)
        grad_a = gh_MR.t() @ x_MI
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = (g_MO @ weight_OI).addmm_(gh_MR, a_RI)
        return grad_x, None, None, grad_a.to(ctx.parameter_dtype), grad_b.to(ctx.parameter_dtype), None


class AdaptedLayer(nn.Module):
    """Stands in for a frozen Linear or 1x1 Conv2d while an adapter is attached; holds no copy of its weight."""

    def __init__(self, layer: nn.Linear | nn.Conv2d, a_RI: torch.Tensor, b_OR: torch.Tensor, scale: float) -> None:
        super().__init__()
        self.frozen = layer
        self.a_RI = a_RI
        self.b_OR = b_OR
        self.scale = scale
        self.is_conv = isinstance(layer, nn.Conv2d)

    @property
    def weight(self) -> torch.Tensor:
        """The frozen weight; some callers look at its dtype."""
        return self.frozen.weight

    @property
    def bias(self) -> torch.Tensor | None:
        """The frozen bias."""
        return self.frozen.bias

    def forward(self, x: torch.Tensor, *_: Any) -> torch.Tensor:
        """[..., in] to [..., out]; for a convolution [B, in, H, W] to [B, out, H, W]."""
        weight = self.weight
        if self.is_conv:
            x_BHWC = x.permute(0, 2, 3, 1)
            flat = x_BHWC.reshape(-1, x_BHWC.shape[-1])
            y = AdaptedProduct.apply(flat, weight.flatten(1), self.bias, self.a_RI, self.b_OR, self.scale)
            return y.view(*x_BHWC.shape[:-1], -1).permute(0, 3, 1, 2)
        flat = x.reshape(-1, x.shape[-1])
        y = AdaptedProduct.apply(flat, weight, self.bias, self.a_RI, self.b_OR, self.scale)
        return y.view(*x.shape[:-1], -1)


@dataclass
class LoraParameters:
    """The trained numbers: one flat fp32 tensor and its gradient a part, A and B of every target as views of them."""

    flat: dict[str, torch.Tensor]
    matrices: dict[str, tuple[torch.Tensor, torch.Tensor]]
    """Kohya key to (A [dim, in], B [out, dim]), both leaves whose ``.grad`` are views of ``flat[part].grad``."""
    dim: int
    alpha: float

    @property
    def scale(self) -> float:
        """alpha / dim, the factor on B A."""
        return self.alpha / self.dim

    def zero_gradients(self) -> None:
        """In place, so that the views stay views."""
        for flat in self.flat.values():
            assert flat.grad is not None  # noqa: S101 - set by new_parameters
            flat.grad.zero_()


def new_parameters(
    targets: Sequence[Target], dim: int, alpha: float, run_seed: int, device: torch.device
) -> LoraParameters:
    """A from kaiming_uniform(a=sqrt(5)), that is U(-1/sqrt(in), 1/sqrt(in)); B zero, so step 0 draws as the base.

    Each layer's start depends on the seed and its key alone, not on which other layers are adapted.
    """
    sizes: dict[str, int] = {}
    for target in targets:
        sizes[target.part] = sizes.get(target.part, 0) + dim * (target.num_in + target.num_out)
    flat = {part: torch.zeros(size, device=device) for part, size in sizes.items()}
    for tensor in flat.values():
        tensor.grad = torch.zeros_like(tensor)
    matrices: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    offsets = dict.fromkeys(sizes, 0)
    for target in targets:
        pair: list[torch.Tensor] = []
        for shape in ((dim, target.num_in), (target.num_out, dim)):
            start, size = offsets[target.part], shape[0] * shape[1]
            pair.append(_view_leaf(flat[target.part], start, shape))
            offsets[target.part] = start + size
        generator = torch.Generator().manual_seed(seed_of(run_seed, f"init {target.key}"))
        bound = 1 / math.sqrt(target.num_in)
        start_values = torch.empty(dim, target.num_in).uniform_(-bound, bound, generator=generator)
        with torch.no_grad():
            pair[0].copy_(start_values)
        matrices[target.key] = (pair[0], pair[1])
    return LoraParameters(flat, matrices, dim, alpha)


def attach(targets: Sequence[Target], parameters: LoraParameters) -> None:
    """Hang an adapted layer in front of every target; ``detach`` undoes it."""
    for target in targets:
        a_RI, b_OR = parameters.matrices[target.key]
        setattr_path(target, AdaptedLayer(target.layer, a_RI, b_OR, parameters.scale))


def detach(targets: Sequence[Target]) -> None:
    """Put the frozen layers back where they were."""
    for target in targets:
        setattr_path(target, target.layer)


def setattr_path(target: Target, module: nn.Module) -> None:
    """Replace the target's place in its parent (works for ModuleList places such as ``to_out.0`` too)."""
    target.parent._modules[target.name] = module


@contextmanager
def attached(targets: Sequence[Target], loras: Sequence[tuple[Mapping[str, torch.Tensor], float]]) -> Iterator[None]:
    """Draw with several LoRA files at once: ``loras`` holds (tensors of a file, weight).

    Nothing is merged into the base. Several LoRAs on one layer are one LoRA of the added dims, exactly:
    sum_i w_i s_i B_i A_i = [w_1 s_1 B_1 | w_2 s_2 B_2 | ...] [A_1; A_2; ...].
    """
    for tensors, _ in loras:
        check_fits(targets, tensors)
    before = {id(target): target.parent._modules[target.name] for target in targets}
    try:
        for target in targets:
            downs: list[torch.Tensor] = []
            ups: list[torch.Tensor] = []
            for tensors, weight in loras:
                down = tensors.get(f"{target.key}.lora_down.weight")
                if down is None or weight == 0:
                    continue
                up = tensors[f"{target.key}.lora_up.weight"]
                alpha = tensors.get(f"{target.key}.alpha")
                dim = down.shape[0]
                scale = (float(alpha) if alpha is not None else dim) / dim
                downs.append(down.flatten(1).float())
                ups.append(up.flatten(1).float() * (scale * weight))
            if downs:
                place = target.layer.weight.device
                down, up = torch.cat(downs).to(place), torch.cat(ups, dim=1).to(place)
                setattr_path(target, AdaptedLayer(target.layer, down, up, 1.0))
            else:
                setattr_path(target, target.layer)
        yield
    finally:
        for target in targets:
            target.parent._modules[target.name] = before[id(target)]


def to_file(targets: Sequence[Target], parameters: LoraParameters, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Kohya's tensors: ``<key>.lora_down.weight`` [dim, in(, 1, 1)], ``.lora_up.weight`` [out, dim], ``.alpha``."""
    tensors: dict[str, torch.Tensor] = {}
    for target in targets:
        a_RI, b_OR = (matrix.detach().to("cpu", dtype, copy=True) for matrix in parameters.matrices[target.key])
        if target.is_conv:
            a_RI, b_OR = a_RI[:, :, None, None], b_OR[:, :, None, None]
        tensors[f"{target.key}.lora_down.weight"] = a_RI.contiguous()
        tensors[f"{target.key}.lora_up.weight"] = b_OR.contiguous()
        tensors[f"{target.key}.alpha"] = torch.tensor(parameters.alpha, dtype=dtype)
    return tensors


def check_fits(targets: Sequence[Target], tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise AdapterRefused when the file has layers this base model lacks, or of another width."""
    places = {target.key: target for target in targets}
    keys = {name.split(".", 1)[0] for name in tensors if name.endswith(".lora_down.weight")}
    if not keys:
        raise AdapterRefused("This file holds no LoRA in Kohya's layout.", "Choose a LoRA .safetensors file.")
    strangers = sorted(keys - places.keys())
    if strangers:
        raise AdapterRefused(
            f"This LoRA has {len(strangers)} layers that the base model lacks, such as {strangers[0]}.",
            "It was made for another family of base models: choose a base model of its family.",
        )
    for key in sorted(keys):
        _check_fits_layer(places[key], tensors)
    names = {f"{key}.{suffix}" for key in keys for suffix in _SUFFIXES}
    unknown = sorted(tensors.keys() - names)
    if unknown:
        raise AdapterRefused(
            f"This file holds more than a plain LoRA ({len(unknown)} tensors such as {unknown[0]}), "
            "and without them it would draw something else.",
            "Choose a plain LoRA, or convert this one.",
        )


def _check_fits_layer(place: Target, tensors: Mapping[str, torch.Tensor]) -> None:
    key = place.key
    down, up, alpha = (tensors.get(f"{key}.{suffix}") for suffix in _SUFFIXES)
    assert down is not None  # noqa: S101 - the keys are those that have one
    if up is None:
        raise AdapterRefused(f"This LoRA lacks {key}.lora_up.weight.", "Copy or download it again.")
    allowed = ((), (1, 1)) if place.is_conv else ((),)
    if down.ndim < 2 or up.ndim < 2 or down.shape[2:] not in allowed or up.shape[2:] not in allowed:
        raise AdapterRefused(
            f"This LoRA does not fit the base model: {key} has the shapes {list(down.shape)} and {list(up.shape)}.",
            "Choose a plain LoRA made for this base model.",
        )
    if down.shape[0] != up.shape[1] or (alpha is not None and alpha.numel() != 1):
        raise AdapterRefused(f"The tensors of {key} do not belong together.", "Copy or download the LoRA again.")
    for side, in_file, in_base in (("in", down.shape[1], place.num_in), ("out", up.shape[0], place.num_out)):
        if in_file != in_base:
            raise AdapterRefused(
                f"This LoRA does not fit the base model: {key} is {in_file} wide ({side}) in the file and "
                f"{in_base} in the base model.",
                "Choose the base model it was trained on, or one of the same size.",
            )


def _view_leaf(flat: torch.Tensor, start: int, shape: tuple[int, int]) -> torch.Tensor:
    """A leaf tensor that shares ``flat``'s memory, and whose gradient shares ``flat.grad``'s."""
    size = shape[0] * shape[1]
    leaf = flat[start : start + size].view(shape).detach().requires_grad_()
    assert flat.grad is not None  # noqa: S101 - set by new_parameters
    leaf.grad = flat.grad[start : start + size].view(shape)
    return leaf
