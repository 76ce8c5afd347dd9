"""The adapted layer against plain autograd, and its flat parameters (issue 2, section 4; facts/trainers.md 2b, 2l)."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from enogu.engine.adapters.kinds import attach, to_file
from enogu.engine.adapters.lora import (
    AdaptedLayer,
    AdaptedProduct,
    Target,
    attached,
    check_fits,
    detach,
)
from enogu.engine.families import LoadedBase, TextRules
from enogu.errors import AdapterRefused
from tests.unit.engine.tiny_run import plain_lora, random_lora

CPU = torch.device("cpu")


class _Draw:
    """Float64 tensors from a seed."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, *shape: int, grad: bool = False) -> torch.Tensor:
        return torch.randn(*shape, generator=self._generator, dtype=torch.float64).requires_grad_(grad)


@given(
    rows=st.integers(1, 5),
    num_in=st.integers(1, 6),
    num_out=st.integers(1, 6),
    dim=st.integers(1, 4),
    scale=st.floats(-2, 2),
    with_bias=st.booleans(),
    with_input_grad=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_product_and_its_gradients_equal_plain_autograd_in_float64(
    rows: int, num_in: int, num_out: int, dim: int, scale: float, with_bias: bool, with_input_grad: bool, seed: int
) -> None:
    draw = _Draw(seed)
    x_MI, w_OI = draw(rows, num_in, grad=with_input_grad), draw(num_out, num_in)
    bias_O = draw(num_out) if with_bias else None
    a_RI, b_OR = draw(dim, num_in, grad=True), draw(num_out, dim, grad=True)
    wanted = x_MI @ w_OI.T + (bias_O if bias_O is not None else 0) + scale * (x_MI @ a_RI.T) @ b_OR.T
    ours = AdaptedProduct.apply(x_MI, w_OI, bias_O, a_RI, b_OR, scale)
    assert ours is not None
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-10)
    weights = draw(rows, num_out)
    leaves = [a_RI, b_OR, *([x_MI] if with_input_grad else [])]
    wanted_gradients = torch.autograd.grad((wanted * weights).sum(), leaves)
    our_gradients = torch.autograd.grad((ours * weights).sum(), leaves)
    for our_gradient, wanted_gradient in zip(our_gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(our_gradient, wanted_gradient, rtol=0, atol=1e-10)


@pytest.mark.parametrize("with_input_grad", [True, False])
def test_gradients_that_are_there_are_added_to_in_place(with_input_grad: bool) -> None:
    draw = _Draw(5)
    x_MI, w_OI = draw(6, 4, grad=with_input_grad), draw(5, 4)
    a_RI, b_OR = draw(2, 4, grad=True), draw(5, 2, grad=True)
    wanted = torch.autograd.grad((x_MI @ w_OI.T + 0.5 * (x_MI @ a_RI.T) @ b_OR.T).pow(2).sum(), [a_RI, b_OR])
    for leaf in (a_RI, b_OR):
        leaf.grad = torch.ones_like(leaf)
    memory = [leaf.grad.data_ptr() for leaf in (a_RI, b_OR) if leaf.grad is not None]
    for _ in range(2):
        y_MO = AdaptedProduct.apply(x_MI, w_OI, None, a_RI, b_OR, 0.5)
        assert y_MO is not None
        y_MO.pow(2).sum().backward()
    for leaf, gradient, address in zip((a_RI, b_OR), wanted, memory, strict=True):
        assert leaf.grad is not None
        assert leaf.grad.data_ptr() == address
        torch.testing.assert_close(leaf.grad, 1 + 2 * gradient, rtol=0, atol=1e-10)


def test_gradcheck_agrees_with_finite_differences() -> None:
    draw = _Draw(3)
    w_OI, bias_O = draw(5, 4), draw(5)
    inputs = (draw(6, 4, grad=True), draw(2, 4, grad=True), draw(5, 2, grad=True))
    assert torch.autograd.gradcheck(lambda x, a, b: AdaptedProduct.apply(x, w_OI, bias_O, a, b, 0.7), inputs)


def test_no_gradient_is_made_for_the_frozen_weight_and_bias() -> None:
    layer = nn.Linear(4, 5)
    draw = _Draw(1)
    adapted = AdaptedLayer(layer, draw(2, 4, grad=True), draw(5, 2, grad=True), 0.5)
    adapted.double()(draw(3, 4)).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad is None


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_a_1x1_convolution_is_adapted_as_a_product_over_channels(memory_format: torch.memory_format) -> None:
    draw = _Draw(5)
    conv = nn.Conv2d(6, 8, 1).double()
    conv.requires_grad_(False)
    a_RI, b_OR = draw(3, 6, grad=True), draw(8, 3, grad=True)
    x_BCHW = draw(2, 6, 4, 5, grad=True)
    shaped = x_BCHW.contiguous(memory_format=memory_format)
    wanted = conv(shaped) + 0.5 * nn.functional.conv2d(
        nn.functional.conv2d(shaped, a_RI[:, :, None, None]), b_OR[:, :, None, None]
    )
    ours = AdaptedLayer(conv, a_RI, b_OR, 0.5)(shaped)
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-10)
    weights = draw(2, 8, 4, 5)
    leaves = (x_BCHW, a_RI, b_OR)
    for our_gradient, wanted_gradient in zip(
        torch.autograd.grad((ours * weights).sum(), leaves),
        torch.autograd.grad((wanted * weights).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(our_gradient, wanted_gradient, rtol=0, atol=1e-10)


def test_a_linear_layer_is_adapted_whatever_stands_before_its_last_axis() -> None:
    draw = _Draw(6)
    layer = nn.Linear(6, 8, bias=False).double()
    a_RI, b_OR = draw(3, 6), draw(8, 3)
    for shape in ((6,), (2, 6), (2, 3, 6), (2, 3, 4, 6)):
        x = draw(*shape)
        wanted = layer(x) + 0.25 * x @ a_RI.T @ b_OR.T
        torch.testing.assert_close(AdaptedLayer(layer, a_RI, b_OR, 0.25)(x), wanted, rtol=0, atol=1e-10)


def test_a_starts_uniform_within_one_over_the_root_of_the_width_and_b_at_zero(tiny_base: LoadedBase) -> None:
    """kaiming_uniform(a = sqrt 5), so that step 0 draws as the base does (facts/trainers.md 2l)."""
    targets = tiny_base.family.targets(tiny_base)
    parameters = plain_lora(targets, 64, 8.0, 1)
    assert {size.scale for size in parameters.sizes.values()} == {0.125}
    for target in targets:
        a_RI, b_OR = parameters.matrices[target.key]
        bound = 1 / math.sqrt(target.num_in)
        assert 0.9 * bound < float(a_RI.detach().abs().max()) <= bound
        assert a_RI.shape == (64, target.num_in)
        assert b_OR.shape == (target.num_out, 64)
        assert not b_OR.any()


def test_a_layer_starts_the_same_whichever_others_are_trained(tiny_base: LoadedBase) -> None:
    """Every draw is a function of (seed, stream): the U-Net alone starts as the U-Net beside the text encoder."""
    targets = tiny_base.family.targets(tiny_base)
    alone = [target for target in targets if target.part == "text_encoder"]
    both, one = plain_lora(targets, 4, 4, 9), plain_lora(alone, 4, 4, 9)
    other_seed = plain_lora(alone, 4, 4, 10)
    for target in alone:
        assert torch.equal(both.matrices[target.key][0], one.matrices[target.key][0])
        assert not torch.equal(other_seed.matrices[target.key][0], one.matrices[target.key][0])
    assert set(one.flat) == {"text_encoder"}


def test_the_gradients_of_all_layers_gather_in_one_flat_tensor_a_part(tiny_base: LoadedBase) -> None:
    targets = tiny_base.family.targets(tiny_base)
    parameters = plain_lora(targets, 2, 2, 1)
    sum((a.sum() * 2 + b.sum() * 3 for a, b in parameters.matrices.values()), torch.zeros(())).backward()
    for part, flat in parameters.flat.items():
        assert flat.grad is not None
        numbers = sum(2 * (t.num_in + t.num_out) for t in targets if t.part == part)
        assert flat.numel() == numbers
        assert float(flat.grad.sum()) == sum(2 * 2 * t.num_in + 2 * 3 * t.num_out for t in targets if t.part == part)
        with torch.no_grad():
            flat.fill_(0.5)
    assert all(bool((a == 0.5).all()) and bool((b == 0.5).all()) for a, b in parameters.matrices.values())
    parameters.zero_gradients()
    assert not any(a.grad is None or a.grad.any() for a, _ in parameters.matrices.values())


def test_attaching_a_new_adapter_changes_nothing_and_detaching_puts_the_very_layers_back(
    tiny_base: LoadedBase,
) -> None:
    targets = tiny_base.family.targets(tiny_base)
    before = _layers(tiny_base)
    plain = _predict(tiny_base)
    attach(targets, plain_lora(targets, 4, 4, 1))
    try:
        assert len([m for m in _layers(tiny_base) if isinstance(m, AdaptedLayer)]) == len(targets)
        torch.testing.assert_close(_predict(tiny_base), plain, rtol=1e-5, atol=1e-5)
    finally:
        detach(targets)
    assert _same_objects(_layers(tiny_base), before)
    assert torch.equal(_predict(tiny_base), plain)


def test_several_loras_at_once_equal_the_sum_of_their_deltas(tiny_base: LoadedBase) -> None:
    """I2: several LoRAs in one picture, each at its weight, of different dims, on different parts."""
    loras = [
        (random_lora(tiny_base, 4, seed=1), 0.7),
        (random_lora(tiny_base, 7, seed=2), -0.4),
        (random_lora(tiny_base, 2, seed=3, part="text_encoder"), 1.3),
        (random_lora(tiny_base, 3, seed=4, part="unet"), 0.5),
    ]
    targets = tiny_base.family.targets(tiny_base)
    with torch.no_grad(), attached(targets, loras):
        ours = _predict(tiny_base)
    with _merged(tiny_base, loras):
        wanted = _predict(tiny_base)
    assert float((wanted - _predict(tiny_base)).abs().max()) > 0.05
    torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-5)


def test_weight_zero_equals_no_lora(tiny_base: LoadedBase) -> None:
    targets = tiny_base.family.targets(tiny_base)
    plain = _predict(tiny_base)
    with torch.no_grad(), attached(targets, [(random_lora(tiny_base, 4, seed=1), 0.0)]):
        assert torch.equal(_predict(tiny_base), plain)


def test_a_lora_without_alpha_has_scale_one(tiny_base: LoadedBase) -> None:
    """Missing alpha = dim (facts/trainers.md 2b)."""
    with_alpha = random_lora(tiny_base, 4, seed=1)
    without = {name: tensor for name, tensor in with_alpha.items() if not name.endswith(".alpha")}
    full = {name: torch.tensor(4.0) if name.endswith(".alpha") else t for name, t in with_alpha.items()}
    targets = tiny_base.family.targets(tiny_base)
    drawn: list[torch.Tensor] = []
    for tensors in (without, full, with_alpha):
        with torch.no_grad(), attached(targets, [(tensors, 1.0)]):
            drawn.append(_predict(tiny_base))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_exact_layers_are_back_after_an_exception(tiny_base: LoadedBase) -> None:
    targets = tiny_base.family.targets(tiny_base)
    before = _layers(tiny_base)
    with pytest.raises(KeyError), attached(targets, [(random_lora(tiny_base, 4, seed=1), 1.0)]):
        assert not _same_objects(_layers(tiny_base), before)
        raise KeyError
    assert _same_objects(_layers(tiny_base), before)


def test_an_adapter_that_trains_is_put_aside_while_a_file_is_drawn_and_comes_back(tiny_base: LoadedBase) -> None:
    """Previews are drawn from the saved file alone, not from the file on top of what is trained."""
    targets = tiny_base.family.targets(tiny_base)
    tensors = random_lora(tiny_base, 4, seed=1)
    with torch.no_grad(), attached(targets, [(tensors, 1.0)]):
        wanted = _predict(tiny_base)
    parameters = plain_lora(targets, 4, 4, 1)
    for flat in parameters.flat.values():
        with torch.no_grad():
            flat.fill_(0.1)
    attach(targets, parameters)
    try:
        training = _layers(tiny_base)
        with torch.no_grad(), attached(targets, [(tensors, 1.0)]):
            assert torch.equal(_predict(tiny_base), wanted)
        assert _same_objects(_layers(tiny_base), training)
    finally:
        detach(targets)


def test_a_file_holds_kohyas_names_shapes_and_one_alpha_a_layer(tiny_base: LoadedBase) -> None:
    targets = tiny_base.family.targets(tiny_base)
    parameters = plain_lora(targets, 4, 2.0, 1)
    tensors = to_file(targets, parameters, torch.float16)
    assert len(tensors) == 3 * len(targets)
    for target in targets:
        square = (1, 1) if target.is_conv else ()
        assert tensors[f"{target.key}.lora_down.weight"].shape == (4, target.num_in, *square)
        assert tensors[f"{target.key}.lora_up.weight"].shape == (target.num_out, 4, *square)
        assert tensors[f"{target.key}.alpha"].shape == ()
        assert float(tensors[f"{target.key}.alpha"]) == 2.0
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}


def test_what_is_trained_draws_the_same_from_its_file(tiny_base: LoadedBase) -> None:
    targets = tiny_base.family.targets(tiny_base)
    parameters = plain_lora(targets, 4, 2.0, 1)
    for part, flat in parameters.flat.items():
        noise = torch.randn(flat.shape, generator=torch.Generator().manual_seed(len(part)))
        with torch.no_grad():
            flat.add_(0.1 * noise)
    attach(targets, parameters)
    try:
        trained = _predict(tiny_base)
    finally:
        detach(targets)
    with torch.no_grad(), attached(targets, [(to_file(targets, parameters, torch.float32), 1.0)]):
        torch.testing.assert_close(_predict(tiny_base), trained, rtol=1e-5, atol=1e-5)


def _spoilt(kind: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    name = "lora_te_text_model_encoder_layers_0_self_attn_q_proj"
    down, up = f"{name}.lora_down.weight", f"{name}.lora_up.weight"
    if kind == "no lora at all":
        return {"weight": torch.zeros(3)}
    if kind == "wider":
        return {**tensors, down: torch.zeros(4, 33)}
    if kind == "another output":
        return {**tensors, up: torch.zeros(31, 4)}
    if kind == "dims disagree":
        return {**tensors, up: torch.zeros(32, 5)}
    if kind == "up is missing":
        return {key: tensor for key, tensor in tensors.items() if key != up}
    if kind == "a vector":
        return {**tensors, down: torch.zeros(4)}
    if kind == "a 3x3 convolution":
        return {**tensors, down: torch.zeros(4, 32, 3, 3), up: torch.zeros(32, 4, 1, 1)}
    if kind == "several alphas":
        return {**tensors, f"{name}.alpha": torch.zeros(4)}
    if kind == "an unknown kind":
        return {**tensors, f"{name}.oft_blocks": torch.zeros(4, 8, 8)}
    if kind == "lengths of nothing":
        return {**tensors, f"{name}.dora_scale": torch.zeros(7, 1)}
    stranger = "lora_te2_text_model_encoder_layers_0_self_attn_q_proj"
    return {**tensors, f"{stranger}.lora_down.weight": torch.zeros(4, 32), f"{stranger}.lora_up.weight": tensors[up]}


@pytest.mark.parametrize(
    "kind",
    [
        "no lora at all",
        "wider",
        "another output",
        "dims disagree",
        "up is missing",
        "a vector",
        "a 3x3 convolution",
        "several alphas",
        "an unknown kind",
        "lengths of nothing",
        "another family",
    ],
)
def test_a_lora_that_does_not_fit_is_refused_before_anything_is_attached(tiny_base: LoadedBase, kind: str) -> None:
    """Nothing of a file is silently left out: a part that cannot be applied is a reason to refuse it."""
    targets = tiny_base.family.targets(tiny_base)
    tensors = _spoilt(kind, random_lora(tiny_base, 4, seed=1))
    before = _layers(tiny_base)
    with pytest.raises(AdapterRefused) as refused:
        check_fits(targets, tensors)
    assert refused.value.cure
    with pytest.raises(AdapterRefused), attached(targets, [(tensors, 1.0)]):
        pass
    assert _same_objects(_layers(tiny_base), before)


def _predict(base: LoadedBase) -> torch.Tensor:
    """The U-Net's answer on a fixed input with text from the text encoder: both parts matter."""
    noisy_BCHW = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        states_BTC = base.family.encode_captions(base, ["1girl, bean", ""], TextRules())
        return base.family.predict(base, noisy_BCHW, torch.tensor([10, 700]), states_BTC)


class _merged:  # noqa: N801 - a context manager, named as a word in a sentence
    """The reference: every delta added into the frozen weights by hand, and taken out again."""

    def __init__(self, base: LoadedBase, loras: list[tuple[dict[str, torch.Tensor], float]]) -> None:
        self._targets = base.family.targets(base)
        self._loras = loras
        self._before: list[torch.Tensor] = []

    def __enter__(self) -> None:
        for target in self._targets:
            weight = target.layer.weight
            assert isinstance(weight, torch.Tensor)
            self._before.append(copy.deepcopy(weight.data))
            for tensors, strength in self._loras:
                down = tensors.get(f"{target.key}.lora_down.weight")
                if down is None:
                    continue
                up = tensors[f"{target.key}.lora_up.weight"]
                scale = float(tensors[f"{target.key}.alpha"]) / down.shape[0]
                delta = up.flatten(1).double() @ down.flatten(1).double() * scale * strength
                weight.data = (weight.data.double() + delta.view(weight.shape)).float()

    def __exit__(self, *_: object) -> None:
        for target, data in zip(self._targets, self._before, strict=True):
            target.layer.weight.data = data  # type: ignore[union-attr]


def _layers(base: LoadedBase) -> list[nn.Module]:
    return [module for network in base.networks.values() for module in network.modules()]


def _same_objects(left: list[nn.Module], right: list[nn.Module]) -> bool:
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))


def test_a_target_knows_its_width_and_kind() -> None:
    parent = nn.ModuleDict({"layer": nn.Conv2d(3, 5, 1)})
    target = Target("unet", "key", parent, "layer", parent["layer"])
    assert (target.num_in, target.num_out, target.is_conv) == (3, 5, True)
