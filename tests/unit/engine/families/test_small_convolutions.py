"""Frozen convolutions of few pixels as products of matrices: the same numbers as torch's, and nothing kept."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from enogu.engine.families import small_convolutions
from enogu.engine.families.small_convolutions import SmallConvolution, multiply_small_ones, stock_ones


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("size", [(4, 4), (5, 3), (1, 2)])
def test_output_and_gradient_are_torchs(stride: int, has_bias: bool, size: tuple[int, int]) -> None:
    torch.manual_seed(3)
    stock = _convolution(stride, has_bias)
    ours = copy.deepcopy(stock)
    multiply_small_ones(ours)
    x = torch.randn(2, 6, *size).to(memory_format=torch.channels_last)
    wanted, wanted_gradient = _passed(stock, x)
    found, gradient = _passed(ours, x)
    assert isinstance(ours[0], SmallConvolution)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-5, atol=1e-5)


def test_its_input_is_not_kept() -> None:
    network = _convolution(1, True)
    multiply_small_ones(network)
    kept: list[torch.Tensor] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(torch.randn(2, 6, 4, 4, requires_grad=True))
    assert [tensor.data_ptr() for tensor in kept] == [network.get_parameter("0.weight").data_ptr()]


def test_larger_pictures_other_formats_and_learning_weights_are_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    network = _convolution(1, True)
    multiply_small_ones(network)
    monkeypatch.setattr(small_convolutions._ByMatrices, "apply", lambda *_: pytest.fail("multiplied"))
    network(torch.randn(2, 6, 8, 8))
    network(torch.randn(1, 6, 4, 4))
    network.double()
    network(torch.randn(2, 6, 4, 4).double())
    network.float().requires_grad_(True)
    network(torch.randn(2, 6, 4, 4))


def test_other_convolutions_are_left_alone_and_all_is_undone() -> None:
    network = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 1), nn.Conv2d(6, 6, 3))
    multiply_small_ones(network)
    assert [type(layer) for layer in network] == [SmallConvolution, nn.Conv2d, nn.Conv2d]
    stock_ones(network)
    assert all(type(layer) is nn.Conv2d for layer in network)


def _convolution(stride: int, has_bias: bool) -> nn.Sequential:
    layer = nn.Conv2d(6, 10, 3, stride=stride, padding=1, bias=has_bias)
    network = nn.Sequential(layer).requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return network


def _passed(network: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = x.clone().requires_grad_()
    y = network(leaf)
    assert isinstance(y, torch.Tensor)
    (y * torch.arange(y.numel()).view(y.shape)).sum().backward()
    assert leaf.grad is not None
    return y.detach(), leaf.grad
