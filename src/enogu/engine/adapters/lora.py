"""LoRA (Hu et al. 2021) on Linear layers and 1x1 convolutions:  y = W x + b + (alpha / dim) * B A x.

The adapted layer is one autograd operation of our own. Wrappers made of stock layers run 14 to 20 tensor calls a
layer and step; this runs 8, keeps the input once instead of twice, and computes no gradient for the frozen weight.
A is Kohya's ``lora_down`` [dim, in], B its ``lora_up`` [out, dim]. Both are fp32 whatever the base runs in.

Training parameters live in one flat fp32 tensor for each part (U-Net, text encoder, T5), with A and B as views of it:
norm, clipping and the optimizer work on one tensor instead of on hundreds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.autograd import Function

from enogu.engine.adapters.deltas import SUFFIXES, ChangedLayer, change_of, kind_of, layers_of, scale_of
from enogu.engine.adapters.layers import is_plain
from enogu.engine.stored import is_stored
from enogu.errors import AdapterRefused

MOST_MERGED_BYTES = 64 * 2**20
"""Of weights that are changed while pictures are drawn."""


@dataclass(frozen=True)
class Target:
    """A layer that gets an adapter: its part ("unet", "text_encoder" or "t5"), Kohya key, and where it hangs."""

    part: str
    key: str
    parent: nn.Module
    name: str
    layer: nn.Linear | nn.Conv2d

    @property
    def is_conv(self) -> bool:
        """A convolution, saved 4-D by Kohya."""
        return isinstance(self.layer, nn.Conv2d)

    @property
    def num_in(self) -> int:
        """Input width."""
        return self.shape[1]

    @property
    def num_out(self) -> int:
        """Output width."""
        return self.shape[0]

    @property
    def shape(self) -> torch.Size:
        """Of its weight, which is not looked at."""
        layer: Any = self.layer
        return layer.stored.shape if is_stored(layer) else layer.weight.shape


class AdaptedProduct(Function):
    """y = x W^T + b + scale (x A^T) B^T on x [..., in]; eight products forward and backward together.

    Gradients: dB = g^T h, dA = (scale g B)^T x, dx = g W + (scale g B) A, with h = scale x A^T. None for W and b.
    Those of A and B are added to their ``.grad`` in place where that is there already and of the same format.
    """

    @staticmethod
    def forward(  # noqa: D102 - described by the class
        ctx: Any,
        x: torch.Tensor,
        weight_OI: torch.Tensor,
        bias_O: torch.Tensor | None,
        a_RI: torch.Tensor,
        b_OR: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        x_MI = x.reshape(-1, x.shape[-1])
        ctx.leaves, ctx.shape = (a_RI, b_OR), x.shape
        a_RI, b_OR = a_RI.to(x_MI.dtype), b_OR.to(x_MI.dtype)
        y_MO = torch.mm(x_MI, weight_OI.t()) if bias_O is None else torch.addmm(bias_O, x_MI, weight_OI.t())
        h_MR = torch.mm(x_MI, a_RI.t())
        y_MO.addmm_(h_MR, b_OR.t(), alpha=scale)
        ctx.save_for_backward(x_MI, weight_OI, a_RI, b_OR, h_MR)
        ctx.scale = scale
        return y_MO.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # noqa: D102
        g_MO = grads[0].reshape(-1, grads[0].shape[-1])
        x_MI, weight_OI, a_RI, b_OR, h_MR = ctx.saved_tensors
        down, up = ctx.leaves
        gh_MR = torch.mm(g_MO, b_OR).mul_(ctx.scale)
        grad_a = grad_b = None
        if down.dtype == x_MI.dtype and down.grad is not None and up.grad is not None:
            up.grad.addmm_(g_MO.t(), h_MR, alpha=ctx.scale)
            down.grad.addmm_(gh_MR.t(), x_MI)
        else:
            grad_b = torch.mm(g_MO.t(), h_MR).mul_(ctx.scale).to(up.dtype)
            grad_a = torch.mm(gh_MR.t(), x_MI).to(down.dtype)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.mm(g_MO, weight_OI).addmm_(gh_MR, a_RI).view(ctx.shape)
        return grad_x, None, None, grad_a, grad_b, None


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
            rows = x.permute(0, 2, 3, 1)
            y = AdaptedProduct.apply(rows, weight.flatten(1), self.bias, self.a_RI, self.b_OR, self.scale)
            return y.permute(0, 3, 1, 2)
        return AdaptedProduct.apply(x, weight, self.bias, self.a_RI, self.b_OR, self.scale)


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
    sum_i w_i s_i B_i A_i = [w_1 s_1 B_1 | w_2 s_2 B_2 | ...] [A_1; A_2; ...]. Of a small base the changed weights are
    made beside its own: a picture has many steps, and each is then as quick as without a LoRA.
    """
    for tensors, _ in loras:
        check_fits(targets, tensors)
    layers = [(layers_of(tensors), weight) for tensors, weight in loras if weight != 0]
    before = {id(target): target.parent._modules[target.name] for target in targets}
    merges = _can_merge([target.layer for target in targets if any(target.key in those for those, _ in layers)])
    try:
        for target in targets:
            files = [(those[target.key], weight) for those, weight in layers if target.key in those]
            setattr_path(target, _drawn_layer(target, files, merges=merges) if files else target.layer)
        yield
    finally:
        for target in targets:
            target.parent._modules[target.name] = before[id(target)]


def _can_merge(layers: Sequence[nn.Linear | nn.Conv2d]) -> bool:
    """Whether the weights of these layers may be made once more, changed."""
    if any(is_stored(layer) or layer.weight.dtype != torch.float32 for layer in layers):
        return False
    return sum(layer.weight.nbytes for layer in layers) <= MOST_MERGED_BYTES


def _drawn_layer(
    target: Target, files: Sequence[tuple[Mapping[str, torch.Tensor], float]], *, merges: bool
) -> nn.Module:
    if merges:
        return _merged_layer(target.layer, files)
    if not is_plain(target.layer) or any(not _is_plain_lora(tensors) for tensors, _ in files):
        return ChangedLayer(target.layer, target.key, files)
    downs = [tensors["lora_down.weight"].flatten(1).float() for tensors, _ in files]
    ups = [tensors["lora_up.weight"].flatten(1).float() * (scale_of(tensors) * weight) for tensors, weight in files]
    place = target.layer.weight.device
    return AdaptedLayer(target.layer, torch.cat(downs).to(place), torch.cat(ups, dim=1).to(place), 1.0)


def _merged_layer(layer: nn.Linear | nn.Conv2d, files: Sequence[tuple[Mapping[str, torch.Tensor], float]]) -> nn.Module:
    """The layer with a weight of its own in place of the base's."""
    weight = layer.weight.detach()
    total = weight.clone(memory_format=torch.preserve_format)
    for tensors, factor in files:
        on_device = {name: tensor.to(weight.device) for name, tensor in tensors.items()}
        total += change_of(on_device, weight) * factor
    merged = copy.copy(layer)
    merged._parameters = {**layer._parameters, "weight": nn.Parameter(total, requires_grad=False)}
    return merged


def _is_plain_lora(tensors: Mapping[str, torch.Tensor]) -> bool:
    return "lora_down.weight" in tensors and not tensors.keys() & {"dora_scale", "lora_mid.weight"}


def check_fits(targets: Sequence[Target], tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise AdapterRefused when the file has layers this base model lacks, or of another width."""
    places = {target.key: target for target in targets}
    layers = layers_of(tensors)
    keys = {key for key, layer in layers.items() if kind_of(layer)}
    if not keys:
        raise AdapterRefused("This file holds no LoRA in Kohya's layout.", "Choose a LoRA .safetensors file.")
    strangers = sorted(keys - places.keys())
    if strangers:
        raise AdapterRefused(
            f"This LoRA has {len(strangers)} layers that the base model lacks, such as {strangers[0]}.",
            "It was made for another family of base models: choose a base model of its family.",
        )
    for key in sorted(keys):
        if kind_of(layers[key]) in ("lora", "dora"):
            _check_fits_layer(places[key], layers[key])
        _check_belongs_together(places[key], layers[key])
    known = {f"{key}.{suffix}" for key in keys for suffix in SUFFIXES}
    unknown = sorted(tensors.keys() - known)
    if unknown:
        raise AdapterRefused(
            f"This file holds more than we know how to draw with ({len(unknown)} tensors such as {unknown[0]}), "
            "and without them it would draw something else.",
            "Choose a LoRA, LoCon, LoHa, LoKr or DoRA, or convert this one.",
        )


def _check_fits_layer(place: Target, layer: Mapping[str, torch.Tensor]) -> None:
    key, down, up, alpha = place.key, layer["lora_down.weight"], layer.get("lora_up.weight"), layer.get("alpha")
    if up is None:
        raise AdapterRefused(f"This LoRA lacks {key}.lora_up.weight.", "Copy or download it again.")
    kernel = () if isinstance(place.layer, nn.Linear) else place.layer.kernel_size
    of_down = ((), (1, 1)) if kernel == (1, 1) else ((1, 1), kernel) if kernel else ((),)
    of_up = ((), (1, 1)) if kernel else ((),)
    if down.ndim < 2 or up.ndim < 2 or tuple(down.shape[2:]) not in of_down or tuple(up.shape[2:]) not in of_up:
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


def _check_belongs_together(place: Target, layer: Mapping[str, torch.Tensor]) -> None:
    """Whether the layer's change comes out in the weight's shape, tried with shapes alone."""
    shapes_only = {name: tensor.to("meta") for name, tensor in layer.items() if name != "alpha"}
    alpha = layer.get("alpha")
    try:
        if alpha is not None and alpha.numel() != 1:
            raise ValueError("alpha is no single number")
        change_of(shapes_only, torch.empty(place.shape, device="meta"))
    except (RuntimeError, KeyError, ValueError, IndexError) as error:
        raise AdapterRefused(
            f"This LoRA does not fit the base model: the tensors of {place.key} make no weight of the shape "
            f"{list(place.shape)}.",
            "Choose the base model it was trained on, or copy the LoRA again.",
        ) from error
