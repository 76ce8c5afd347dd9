"""Short ways through the U-Net: the same numbers to the bit, and diffusers' own way for whatever is not plain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from enogu.engine.families import LoadedBase
from enogu.engine.families.lean import GatedGelu, NormedConvolution, _through_norm, make_lean, undo_lean
from enogu.engine.families.small_convolutions import SmallConvolution, is_frozen_convolution, multiply_small_ones


@pytest.fixture
def unet(tiny_base: LoadedBase) -> Iterator[Any]:
    network = tiny_base.networks["unet"]
    make_lean(network)
    yield network
    make_lean(network)


def test_output_and_gradient_are_diffusers_to_the_bit(unet: Any) -> None:
    lean = _passed(unet)
    with torch.no_grad():
        drawn = _predicted(unet, *_inputs(unet))
    undo_lean(unet)
    stock = _passed(unet)
    for ours, theirs in zip(lean, stock, strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(drawn, stock[0])


def test_every_attention_resnet_and_gate_of_the_base_is_lean_and_all_is_undone(unet: Any) -> None:
    kinds = [type(module).__name__ for module in unet.modules() if "forward" in vars(module)]
    wanted = [type(module).__name__ for module in unet.modules()]
    for kind in ("Attention", "ResnetBlock2D", "GEGLU"):
        assert kinds.count(kind) == wanted.count(kind) > 0
    undo_lean(unet)
    assert not [module for module in unet.modules() if "forward" in vars(module)]


def test_what_is_not_plain_goes_diffusers_own_way(unet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    attention = next(module for module in unet.modules() if type(module).__name__ == "Attention")
    resnet = next(module for module in unet.modules() if type(module).__name__ == "ResnetBlock2D")
    undo_lean(unet)
    monkeypatch.setattr(attention, "rescale_output_factor", 2.0)
    monkeypatch.setattr(resnet, "output_scale_factor", 2.0)
    make_lean(unet)
    assert "forward" not in vars(attention)
    assert "forward" not in vars(resnet)


def test_a_mask_is_heard(unet: Any) -> None:
    attention = next(module for module in unet.modules() if type(module).__name__ == "Attention")
    width = attention.to_q.in_features
    x = torch.randn(2, 5, width)
    mask = torch.zeros(2, 1, 5)
    mask[:, :, 3:] = -10_000
    found = attention(x, attention_mask=mask)
    torch.testing.assert_close(found, _masked(attention, x))


def test_the_gate_keeps_its_input_alone() -> None:
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    both = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        GatedGelu.apply(both)
    assert [tensor.data_ptr() for tensor in kept] == [both.data_ptr()]
    assert torch.autograd.gradcheck(lambda x: GatedGelu.apply(x), both)


@pytest.mark.parametrize("small", [False, True], ids=["torch's own", "multiplied"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels last"])
def test_a_normed_convolution_keeps_its_input_alone_and_gives_torchs_gradient(
    small: bool, stride: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(2)
    norm, convolution = nn.GroupNorm(2, 6), nn.Conv2d(6, 4, 3, stride=stride, padding=1)
    nn.init.normal_(norm.weight)
    norm.requires_grad_(False)
    convolution.requires_grad_(False)
    convolution.weight.data = convolution.weight.data.to(memory_format=layout)
    if small:
        multiply_small_ones(nn.Sequential(convolution))
        assert type(convolution) is SmallConvolution
    x = torch.randn(2, 6, 4, 5).to(memory_format=layout).requires_grad_()
    kept: list[int] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        found = NormedConvolution.apply(x, norm, convolution)
    assert kept == [x.data_ptr()]
    assert found is not None
    towards = torch.randn_like(found)
    (gradient,) = torch.autograd.grad(found, x, towards)
    wanted = convolution(F.silu(norm(x)))
    (wanted_gradient,) = torch.autograd.grad(wanted, x, towards)
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(gradient, wanted_gradient)
    anywhere = _through_norm(x, norm, convolution, towards)
    torch.testing.assert_close(anywhere, gradient, rtol=0, atol=0)


def test_a_normed_convolutions_gradient_is_that_of_small_differences() -> None:
    norm, convolution = nn.GroupNorm(2, 4).double(), nn.Conv2d(4, 3, 3, padding=1).double()
    norm.requires_grad_(False)
    convolution.requires_grad_(False)
    x = torch.randn(2, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: NormedConvolution.apply(x, norm, convolution), x)


def test_a_convolution_that_learns_or_has_an_adapter_goes_the_usual_way(unet: Any) -> None:
    resnet = next(module for module in unet.modules() if type(module).__name__ == "ResnetBlock2D")
    assert is_frozen_convolution(resnet.conv1)
    resnet.conv1.weight.requires_grad_(True)
    assert not is_frozen_convolution(resnet.conv1)
    _predicted(unet, *_inputs(unet)).sum().backward()
    assert resnet.conv1.weight.grad is not None
    resnet.conv1.weight.grad = None  # the base is one for many tests
    resnet.conv1.weight.requires_grad_(False)
    assert not is_frozen_convolution(nn.Sequential(resnet.conv1))


def _masked(attention: Any, x: torch.Tensor) -> torch.Tensor:
    """Queries of all, keys and values of the first three alone."""
    heads = attention.heads
    query, key, value = (
        layer(part).unflatten(-1, (heads, -1)).transpose(1, 2)
        for layer, part in ((attention.to_q, x), (attention.to_k, x[:, :3]), (attention.to_v, x[:, :3]))
    )
    found = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    out = attention.to_out[0](found)
    assert isinstance(out, torch.Tensor)
    return out


def _inputs(unet: Any) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, 4, 8, 8), torch.randn(2, 77, unet.config.cross_attention_dim)


def _predicted(unet: Any, noisy: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    predicted = unet(noisy, torch.tensor([10, 700]), states, return_dict=False)[0]
    assert isinstance(predicted, torch.Tensor)
    return predicted


def _passed(unet: Any) -> list[torch.Tensor]:
    noisy, states = (tensor.requires_grad_() for tensor in _inputs(unet))
    predicted = _predicted(unet, noisy, states)
    predicted.pow(2).sum().backward()
    assert noisy.grad is not None
    assert states.grad is not None
    return [predicted.detach(), noisy.grad, states.grad]
