"""Short ways through diffusers' U-Net for what SD1.5 and SDXL are: the same numbers in fewer calls, and less kept.

diffusers' blocks serve many models. Each attention asks for its processor's signature at every pass, each block divides
by a factor of 1, and the gate of a feed-forward keeps four tensors for its gradient where two are enough. A network as
small as the starter spends a third of its step on calls (docs/log.md, 2026-11-26). A module that is set up in any other
way keeps diffusers' own way.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function

from enogu.engine.families.small_convolutions import gradient_of_input, is_frozen_convolution


def make_lean(network: nn.Module) -> None:
    """Give the modules that are plain their short way; ``undo_lean`` takes it back."""
    for module in network.modules():
        kind: Any = module
        match type(module).__name__:
            case "Attention" if _is_plain_attention(kind):
                kind.forward = MethodType(_attention, module)
            case "ResnetBlock2D" if _is_plain_resnet(kind):
                kind.forward = MethodType(_resnet, module)
            case "GEGLU":
                kind.forward = MethodType(_gated, module)
            case _:
                pass


def undo_lean(network: nn.Module) -> None:
    """diffusers' own ways again."""
    for module in network.modules():
        vars(module).pop("forward", None)


def _is_plain_attention(module: Any) -> bool:
    extras = (module.spatial_norm, module.group_norm, module.norm_q, module.norm_k, module.norm_cross)
    return (
        type(module.processor).__name__ == "AttnProcessor2_0"
        and all(extra is None for extra in extras)
        and not module.residual_connection
        and module.rescale_output_factor == 1
        and module.to_out[1].p == 0
    )


def _attention(
    self: Any,
    hidden_states: torch.Tensor,
    encoder_hidden_states: torch.Tensor | None = None,
    attention_mask: torch.Tensor | None = None,
    **others: Any,
) -> torch.Tensor:
    if attention_mask is not None or others or hidden_states.ndim != 3:
        usual: torch.Tensor = type(self).forward(
            self, hidden_states, encoder_hidden_states, attention_mask=attention_mask, **others
        )
        return usual
    seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
    query, key, value = self.to_q(hidden_states), self.to_k(seen), self.to_v(seen)
    batch, _, width = key.shape
    shape = (batch, -1, self.heads, width // self.heads)
    found = F.scaled_dot_product_attention(
        query.view(shape).transpose(1, 2), key.view(shape).transpose(1, 2), value.view(shape).transpose(1, 2)
    )
    out: torch.Tensor = self.to_out[0](found.transpose(1, 2).reshape(batch, -1, width))
    return out


def _is_plain_resnet(module: Any) -> bool:
    return (
        module.upsample is None
        and module.downsample is None
        and module.time_emb_proj is not None
        and module.time_embedding_norm == "default"
        and isinstance(module.nonlinearity, nn.SiLU)
        and not module.skip_time_act
        and module.output_scale_factor == 1
        and module.dropout.p == 0
    )


def _resnet(self: Any, input_tensor: torch.Tensor, temb: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    hidden = _convolved(self.norm1, self.conv1, input_tensor)
    hidden = hidden + self.time_emb_proj(F.silu(temb))[:, :, None, None]
    hidden = _convolved(self.norm2, self.conv2, hidden)
    straight = input_tensor if self.conv_shortcut is None else self.conv_shortcut(input_tensor)
    out: torch.Tensor = straight + hidden
    return out


def _convolved(norm: nn.GroupNorm, convolution: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The convolution of silu(norm(x))."""
    if not torch.is_grad_enabled():
        drawn: torch.Tensor = convolution(F.silu(norm(x), inplace=True))
        return drawn
    if is_frozen_convolution(convolution):
        y = NormedConvolution.apply(x, norm, convolution)
        assert y is not None  # noqa: S101 - for the type checker
        return y
    usual: torch.Tensor = convolution(F.silu(norm(x)))
    return usual


class NormedConvolution(Function):
    """W * silu(group_norm(x)) with frozen weights. Keeps x alone; the norm is taken again in backward.

    Stock layers keep x, the norm and its silu: the convolution its input too, which only a gradient of its weight
    would need.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, norm: nn.GroupNorm, convolution: nn.Conv2d) -> torch.Tensor:  # noqa: D102
        ctx.save_for_backward(x)
        ctx.norm, ctx.convolution = norm, convolution
        y: torch.Tensor = convolution(F.silu(norm(x), inplace=True))
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, None, None]:  # noqa: D102
        (x,) = ctx.saved_tensors
        taken_again = _through_norm_on_a_processor if x.device.type == "cpu" else _through_norm
        return taken_again(x, ctx.norm, ctx.convolution, grads[0]), None, None


def _through_norm(x: torch.Tensor, norm: nn.GroupNorm, convolution: nn.Conv2d, g: torch.Tensor) -> torch.Tensor:
    """The gradient of x, on any device."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        activated = F.silu(norm(x))
    return torch.autograd.grad(activated, x, gradient_of_input(convolution, g, activated))[0]


def _through_norm_on_a_processor(
    x: torch.Tensor, norm: nn.GroupNorm, convolution: nn.Conv2d, g: torch.Tensor
) -> torch.Tensor:
    """The same numbers in fewer calls (a thirtieth of a step of the starter), in the layouts torch asks for there."""
    layout = torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    x = x.contiguous(memory_format=layout)
    (batch, channels), pixels = x.shape[:2], x.shape[2:].numel()
    normed, mean, rstd = torch.ops.aten.native_group_norm(
        x, norm.weight, norm.bias, batch, channels, pixels, norm.num_groups, norm.eps
    )
    of_normed = torch.ops.aten.silu_backward(gradient_of_input(convolution, g, normed), normed)
    of_x, *_ = torch.ops.aten.native_group_norm_backward(
        of_normed.contiguous(memory_format=layout),
        x, mean, rstd, norm.weight, batch, channels, pixels, norm.num_groups, [True, False, False],
    )  # fmt: skip
    found: torch.Tensor = of_x
    return found


def _gated(self: Any, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    gated = GatedGelu.apply(self.proj(hidden_states))
    assert gated is not None  # noqa: S101 - for the type checker
    return gated


class GatedGelu(Function):
    """first half * gelu(second half), along the last axis. Keeps its input alone; gelu is taken again in backward."""

    @staticmethod
    def forward(ctx: Any, both: torch.Tensor) -> torch.Tensor:  # noqa: D102 - described by the class
        value, gate = both.chunk(2, dim=-1)
        ctx.save_for_backward(both)
        return F.gelu(gate).mul_(value)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:  # noqa: D102
        (g,), (both,) = grads, ctx.saved_tensors
        value, gate = both.chunk(2, dim=-1)
        of_both = torch.empty_like(both)
        of_value, of_gate = of_both.chunk(2, dim=-1)
        torch.mul(g, F.gelu(gate), out=of_value)
        torch.ops.aten.gelu_backward.grad_input(g * value, gate, approximate="none", grad_input=of_gate)
        return of_both
