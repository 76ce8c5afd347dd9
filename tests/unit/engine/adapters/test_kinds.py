"""LoCon, LoHa, LoKr and DoRA against weights changed by hand, and what all kinds share (F13 to F15; facts 2b, 2l).

The reference builds the change of the weight entry by entry with NumPy, from the papers, and lets torch's autograd do
the rest in float64.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from enogu.engine.adapters import kinds, lokr
from enogu.engine.adapters.blocks import block_of
from enogu.engine.adapters.chance import Chance
from enogu.engine.adapters.deltas import change_of
from enogu.engine.adapters.dora import DoraLayer
from enogu.engine.adapters.layers import BesideLayer
from enogu.engine.adapters.locon import LoconLayer
from enogu.engine.adapters.loha import LohaLayer
from enogu.engine.adapters.lokr import LokrLayer
from enogu.engine.adapters.lora import AdaptedLayer, Target, detach
from enogu.engine.families import LoadedBase
from enogu.errors import WrongUse
from enogu.recipe import TrainRecipe, recipe_from_values
from enogu.recipe.adapter import PARTS, Adapter
from enogu.recipe.draws import seed_of

CPU = torch.device("cpu")
SCALE = 0.7
LAYERS: dict[str, Callable[[], nn.Linear | nn.Conv2d]] = {
    "linear": lambda: nn.Linear(6, 4),
    "1x1 convolution": lambda: nn.Conv2d(6, 4, 1),
    "3x3 convolution": lambda: nn.Conv2d(6, 4, 3, stride=2, padding=1, bias=False),
}
KINDS = ("lora", "locon", "loha", "lokr", "dora")


def adapter_of(kind: str, **values: Any) -> Adapter:
    return recipe_from_values({"adapter": {"kind": kind, **values}}).adapter


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dim_of(kind: str) -> int:
    """A LoKr of dim 2 has whole matrices on layers as small as these."""
    return 1 if kind == "lokr" else 2


def factors_for(kind: str, layer: nn.Linear | nn.Conv2d) -> dict[str, torch.Tensor]:
    """Random float64 factors of the shapes that files have, lengths near the weight's."""
    dim = dim_of(kind)
    target = Target("unet", "k", nn.Module(), "n", layer)
    conv: dict[str, Any] = {} if kind == "lora" else {"conv_dim": dim}
    if kind == "lokr":
        conv["decompose_both"] = True
    shapes = kinds._shapes(target, adapter_of(kind, dim=dim, **conv), dim)
    found = {name: draw(i, *shape).requires_grad_() for i, (name, shape) in enumerate(shapes.items())}
    if kind == "dora":
        found["dora_scale"] = (draw(9, layer.weight.shape[0], 1).abs() + 0.5).requires_grad_()
    return found


def change_by_hand(kind: str, factors: dict[str, torch.Tensor], shape: tuple[int, ...]) -> np.ndarray:
    """Entry by entry: what each kind means, without a matrix product."""
    parts = {name: factor.detach().numpy() for name, factor in factors.items()}
    out, inside = shape[0], int(np.prod(shape[1:]))
    change = np.zeros((out, inside))
    if kind == "lokr":
        w1 = parts.get("lokr_w1")
        w1 = np.einsum("ar,rb->ab", parts["lokr_w1_a"], parts["lokr_w1_b"]) if w1 is None else w1
        w2 = parts.get("lokr_w2")
        w2 = np.einsum("cr,rd->cd", parts["lokr_w2_a"], parts["lokr_w2_b"]) if w2 is None else w2
        w2 = w2.reshape(w2.shape[0], -1, *shape[2:])
        full = np.zeros(shape)
        for o, i in itertools.product(range(out), range(shape[1])):
            full[o, i] = w1[o // w2.shape[0], i // w2.shape[1]] * w2[o % w2.shape[0], i % w2.shape[1]]
        return full * SCALE
    for o, i in itertools.product(range(out), range(inside)):
        if kind == "loha":
            first = sum(parts["hada_w1_a"][o, r] * parts["hada_w1_b"][r, i] for r in range(parts["hada_w1_b"].shape[0]))
            second = sum(
                parts["hada_w2_a"][o, r] * parts["hada_w2_b"][r, i] for r in range(parts["hada_w2_b"].shape[0])
            )
            change[o, i] = first * second
        else:
            down = parts["lora_down.weight"].reshape(parts["lora_down.weight"].shape[0], -1)
            change[o, i] = sum(parts["lora_up.weight"][o, r] * down[r, i] for r in range(down.shape[0]))
    return change.reshape(shape) * SCALE


def dense_output(kind: str, layer: Any, factors: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The layer with its whole changed weight, differentiable; DoRA's norm counts as a constant."""
    weight = layer.weight
    if kind == "loha":
        w1_a, w1_b, w2_a, w2_b = factors.values()
        change = (w1_a @ w1_b) * (w2_a @ w2_b)
    elif kind == "lokr":
        w1 = factors["lokr_w1"] if "lokr_w1" in factors else factors["lokr_w1_a"] @ factors["lokr_w1_b"]
        w2 = factors["lokr_w2"] if "lokr_w2" in factors else factors["lokr_w2_a"] @ factors["lokr_w2_b"]
        w2 = w2.reshape(w2.shape[0], -1, *weight.shape[2:])
        change = torch.einsum("ab,cd...->acbd...", w1, w2)
    else:
        change = torch.einsum("or,ri->oi", factors["lora_up.weight"], factors["lora_down.weight"].flatten(1))
    changed = weight + change.reshape(weight.shape) * SCALE
    if kind == "dora":
        length = changed.detach().flatten(1).norm(dim=1).view(-1, *[1] * (weight.ndim - 1))
        changed = changed / length * factors["dora_scale"].view_as(length)
    if isinstance(layer, nn.Linear):
        return F.linear(x, changed, layer.bias)
    return F.conv2d(x, changed, layer.bias, layer.stride, layer.padding)  # type: ignore[arg-type]


def layer_of(kind: str, layer: Any, factors: dict[str, torch.Tensor], chance: Chance | None = None) -> BesideLayer:
    match kind:
        case "loha":
            return LohaLayer(layer, "k", chance, tuple(factors.values()), SCALE)
        case "lokr":
            return LokrLayer(layer, "k", chance, factors, SCALE)
        case "dora":
            made = DoraLayer(layer, "k", chance, *factors.values(), SCALE)
            made.square_O1 = layer.weight.detach().flatten(1).pow(2).sum(1, keepdim=True)  # float64, as the test
            return made
        case _:
            return LoconLayer(layer, "k", chance, *factors.values(), SCALE)


def picture_for(layer: Any) -> torch.Tensor:
    shape = (2, 5, 6) if isinstance(layer, nn.Linear) else (2, 6, 5, 4)
    return draw(77, *shape).requires_grad_()


@pytest.mark.parametrize("place", LAYERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_and_its_gradients_are_those_of_the_changed_weight(kind: str, place: str) -> None:
    layer = LAYERS[place]().double().requires_grad_(False)
    factors, x = factors_for(kind, layer), picture_for(layer)
    ours, wanted = layer_of(kind, layer, factors)(x), dense_output(kind, layer, factors, x)
    tolerance = {"rtol": 1e-6, "atol": 1e-6} if kind == "dora" else {"rtol": 0, "atol": 1e-10}
    torch.testing.assert_close(ours, wanted, **tolerance)
    weights = draw(5, *wanted.shape)
    leaves = [*factors.values(), x]
    for got, should in zip(
        torch.autograd.grad((ours * weights).sum(), leaves),
        torch.autograd.grad((wanted * weights).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(got, should, **tolerance)


@pytest.mark.parametrize("place", LAYERS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_change_that_a_file_means_is_the_one_made_entry_by_entry(kind: str, place: str) -> None:
    layer = LAYERS[place]().double().requires_grad_(False)
    factors = factors_for(kind, layer)
    tensors: dict[str, torch.Tensor] = {name: factor.detach() for name, factor in factors.items()}
    tensors["alpha"] = torch.tensor(SCALE * dim_of(kind))
    wanted = torch.from_numpy(change_by_hand(kind, factors, tuple(layer.weight.shape)))
    if kind == "dora":
        changed = layer.weight + wanted
        lengths = changed.flatten(1).norm(dim=1).view(-1, *[1] * (changed.ndim - 1))
        wanted = changed * factors["dora_scale"].detach().view_as(lengths) / lengths - layer.weight
    torch.testing.assert_close(change_of(tensors, layer.weight).double(), wanted, rtol=1e-4, atol=1e-5)


def test_tucker_cores_of_lycoris_are_read() -> None:
    """lora_mid, hada_t1 and t2, lokr_t2: a core between the two sides of a convolution."""
    weight = torch.zeros(4, 6, 3, 3)
    mid, down, up = torch.randn(2, 2, 3, 3), torch.randn(2, 6, 1, 1), torch.randn(4, 2, 1, 1)
    wanted = torch.einsum("rskl,or,si->oikl", mid, up[:, :, 0, 0], down[:, :, 0, 0])
    found = change_of({"lora_down.weight": down, "lora_up.weight": up, "lora_mid.weight": mid}, weight)
    torch.testing.assert_close(found, wanted)
    t, a, b = torch.randn(2, 2, 3, 3), torch.randn(2, 4), torch.randn(2, 6)
    half = torch.einsum("rskl,ro,si->oikl", t, a, b)
    hada = {"hada_t1": t, "hada_t2": t, "hada_w1_a": a, "hada_w1_b": b, "hada_w2_a": a, "hada_w2_b": b}
    torch.testing.assert_close(change_of(hada, weight), half * half)
    a, b, w1 = torch.randn(2, 2), torch.randn(2, 3), torch.randn(2, 2)
    wanted = torch.kron(w1[:, :, None, None], torch.einsum("rskl,ro,si->oikl", t, a, b).contiguous())
    torch.testing.assert_close(change_of({"lokr_w1": w1, "lokr_t2": t, "lokr_w2_a": a, "lokr_w2_b": b}, weight), wanted)


@pytest.mark.parametrize(
    ("number", "factor", "wanted"),
    [(127, -1, (1, 127)), (128, -1, (8, 16)), (128, 4, (4, 32)), (250, 4, (2, 125)), (250, 16, (10, 25)),
     (360, 12, (12, 30)), (360, 16, (15, 24)), (512, -1, (16, 32)), (1024, -1, (32, 32)), (1024, 2, (2, 512))],
)  # fmt: skip
def test_a_side_is_split_as_lycoris_documents_it(number: int, factor: int, wanted: tuple[int, int]) -> None:
    assert lokr.split(number, factor) == wanted


@given(st.integers(1, 5000), st.integers(-1, 64))
def test_a_split_always_multiplies_back(number: int, factor: int) -> None:
    smaller, larger = lokr.split(number, factor)
    assert smaller * larger == number and smaller <= larger


def test_files_have_lycoris_names_and_shapes(tiny_base: LoadedBase) -> None:
    """What A1111, Forge and ComfyUI look for."""
    wanted = {
        "locon": {"lora_down.weight", "lora_up.weight", "alpha"},
        "loha": {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "alpha"},
        "dora": {"lora_down.weight", "lora_up.weight", "alpha", "dora_scale"},
        "lokr": {"lokr_w1", "lokr_w2_a", "lokr_w2_b", "alpha"},
    }
    family = tiny_base.family
    conv = "lora_unet_down_blocks_0_resnets_0_conv1"
    linear = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    for kind, names in wanted.items():
        adapter = adapter_of(kind, dim=1 if kind == "lokr" else 4, conv_dim=1 if kind == "lokr" else 2)
        targets = kinds.chosen_targets(
            family.targets(tiny_base), family.conv_targets(tiny_base), adapter, PARTS[adapter.parts]
        )
        tensors = kinds.to_file(targets, kinds.new_adapter(targets, adapter, 1, CPU), torch.float16)
        assert {name.removeprefix(f"{conv}.") for name in tensors if name.startswith(f"{conv}.")} == names
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        if kind in ("locon", "dora"):
            assert shapes[f"{conv}.lora_down.weight"] == (2, 16, 3, 3)
            assert shapes[f"{conv}.lora_up.weight"] == (16, 2, 1, 1)
            assert shapes[f"{linear}.lora_down.weight"] == (4, 16)
        if kind == "dora":
            assert (shapes[f"{linear}.dora_scale"], shapes[f"{conv}.dora_scale"]) == ((16, 1), (16, 1, 1, 1))
        if kind == "loha":
            assert shapes[f"{conv}.hada_w1_b"] == (2, 16 * 9)
        if kind == "lokr":
            assert (shapes[f"{linear}.lokr_w1"], shapes[f"{conv}.lokr_w2_b"]) == ((4, 4), (1, 4 * 9))


@pytest.mark.parametrize("kind", KINDS)
def test_the_start_changes_nothing_and_hangs_on_seed_and_key_alone(tiny_base: LoadedBase, kind: str) -> None:
    family = tiny_base.family
    adapter = adapter_of(kind, dim=2, **({} if kind == "lora" else {"conv_dim": 2}))
    targets = kinds.chosen_targets(
        family.targets(tiny_base), family.conv_targets(tiny_base), adapter, PARTS[adapter.parts]
    )
    parameters = kinds.new_adapter(targets, adapter, 5, CPU)
    alone = kinds.new_adapter(targets[3:4], adapter, 5, CPU)
    for together, single in zip(parameters.matrices[targets[3].key], alone.matrices[targets[3].key], strict=True):
        assert torch.equal(together, single)
    unet, x = tiny_base.networks["unet"], torch.randn(1, 4, 8, 8)
    with torch.no_grad():
        before = unet(x, 10, torch.ones(1, 5, 32)).sample
        kinds.attach(targets, parameters)
        try:
            after = unet(x, 10, torch.ones(1, 5, 32)).sample
        finally:
            detach(targets)
    torch.testing.assert_close(after, before, rtol=0, atol=2e-5)


def test_dropouts_are_functions_of_the_step_and_off_outside_of_training() -> None:
    layer = nn.Linear(6, 4).double().requires_grad_(False)
    factors, x = factors_for("lora", layer), picture_for(layer)
    for rates in ((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)):
        chance = Chance(*rates, run_seed=3)
        adapted = layer_of("lora", layer, factors, chance)
        whole = adapted(x)
        torch.testing.assert_close(whole, dense_output("lora", layer, factors, x), rtol=0, atol=1e-10)
        outputs = []
        for step in range(12):
            chance.at(step, 0)
            once, again = adapted(x), adapted(x)
            assert torch.equal(once, again), "a repeated forward pass leaves out the same"
            outputs.append(once)
        assert any(not torch.equal(one, outputs[0]) for one in outputs)
        chance.rest()
        assert torch.equal(adapted(x), whole)


def test_module_dropout_is_all_or_nothing_and_the_others_keep_the_mean() -> None:
    layer = nn.Linear(6, 4).double().requires_grad_(False)
    factors, x = factors_for("lora", layer), picture_for(layer).detach()
    frozen, whole = layer(x), dense_output("lora", layer, factors, x).detach()
    chance = Chance(0.0, 0.0, 0.25, run_seed=1)
    adapted = layer_of("lora", layer, factors, chance)
    skipped = 0
    for step in range(400):
        chance.at(step, 0)
        y = adapted(x).detach()
        skipped += torch.equal(y, frozen)
        assert torch.allclose(y, frozen) or torch.allclose(y, whole)
    assert 70 < skipped < 130
    for rates in ((0.25, 0.0, 0.0), (0.0, 0.25, 0.0)):
        chance = Chance(*rates, run_seed=1)
        adapted = layer_of("lora", layer, factors, chance)
        total = torch.zeros_like(whole)
        for step in range(3000):
            chance.at(step, 0)
            total += adapted(x).detach()
        assert (total / 3000 - whole).abs().max() < 0.15 * (whole - frozen).abs().max()


@pytest.mark.parametrize("place", LAYERS)
@pytest.mark.parametrize("kept_out", ["network", "rank"])
def test_network_dropout_leaves_out_single_numbers_and_rank_dropout_a_rank_of_a_sample(
    place: str, kept_out: str
) -> None:
    """F13: sd-scripts' LoRAModule; what is kept is divided by the share that is kept."""
    layer = LAYERS[place]().double().requires_grad_(False)
    layer.weight.zero_()
    factors, x = factors_for("lora", layer), picture_for(layer).detach()
    up = factors["lora_up.weight"].detach().zero_()
    up[0, 0] = up[1, 1] = 1 / SCALE
    bias = 0 if layer.bias is None else layer.bias.view(-1, *[1] * (x.ndim - 2) if x.ndim == 4 else [])
    shown = layer_of("lora", layer, {**factors, "lora_up.weight": up})
    hidden = (shown(x) - bias).movedim(1, -1) if x.ndim == 4 else shown(x) - bias
    hidden = hidden[..., :2].flatten(1, -2)  # [samples, places, ranks]
    chance = Chance(0.5, 0.0, 0.0, run_seed=3) if kept_out == "network" else Chance(0.0, 0.5, 0.0, run_seed=3)
    layer_with = layer_of("lora", layer, {**factors, "lora_up.weight": up}, chance)
    patterns = []
    for step in range(40):
        chance.at(step, 0)
        y = (layer_with(x) - bias).movedim(1, -1) if x.ndim == 4 else layer_with(x) - bias
        ratio = y[..., :2].flatten(1, -2) / hidden
        assert (
            torch.isclose(ratio, torch.tensor(0.0).double()) | torch.isclose(ratio, torch.tensor(2.0).double())
        ).all()
        patterns.append(ratio > 1)
    together = torch.stack(patterns)  # [steps, samples, places, ranks]
    assert 0.35 < together.double().mean() < 0.65
    same_in_all_places = bool((together == together[:, :, :1]).all())
    assert same_in_all_places is (kept_out == "rank")
    assert not (together == together[:, :1]).all() and not (together == together[..., :1]).all()


@pytest.mark.parametrize("place", LAYERS)
@pytest.mark.parametrize("kind", ["loha", "lokr"])
def test_rank_dropout_of_products_leaves_out_rows_of_the_change_and_makes_up_for_nothing(kind: str, place: str) -> None:
    """F13: LyCORIS, whose rank_dropout_scale is off unless asked for."""
    layer = LAYERS[place]().double().requires_grad_(False)
    factors, x = factors_for(kind, layer), picture_for(layer).detach()
    frozen, whole = layer(x), dense_output(kind, layer, factors, x).detach()
    channel = 1 if x.ndim == 4 else -1
    chance = Chance(0.0, 0.3, 0.0, run_seed=2)
    adapted = layer_of(kind, layer, factors, chance)
    kept = 0
    for step in range(100):
        chance.at(step, 0)
        y = adapted(x).detach()
        for row in range(layer.weight.shape[0]):
            found, without, with_it = (one.select(channel, row) for one in (y, frozen, whole))
            assert torch.allclose(found, without) or torch.allclose(found, with_it)
            kept += torch.allclose(found, with_it)
    assert 230 < kept < 330  # of 400


def test_a_block_has_its_own_alpha_and_convolutions_a_dim_and_an_alpha_of_theirs(tiny_base: LoadedBase) -> None:
    """F14, F15: scale is alpha / dim of each; what is a matrix in a convolutional block has the common ones (2b)."""
    dims, alphas = ["8"] * 25, ["2"] * 25
    dims[1], alphas[1] = "3", "1.5"
    values = {"dim": 4, "alpha": 2.0, "block_dims": ",".join(dims), "block_alphas": ",".join(alphas)}
    family = tiny_base.family
    sizes = kinds.sizes_of(family.targets(tiny_base), adapter_of("lora", **values))
    of_block = {block_of(key): (size.dim, size.alpha, size.scale) for key, size in sizes.items()}
    assert of_block.pop(1) == (3, 1.5, 0.5)
    assert of_block.pop(None) == (4, 2.0, 0.5), "the text encoder has no blocks"
    assert set(of_block.values()) == {(8, 2.0, 0.25)}
    adapter = adapter_of("locon", dim=4, alpha=2.0, conv_dim=5, conv_alpha=1.0)
    sizes = kinds.sizes_of(family.conv_targets(tiny_base), adapter)
    resnet = "lora_unet_down_blocks_0_resnets_0"
    assert (sizes[f"{resnet}_conv1"].dim, sizes[f"{resnet}_conv1"].scale) == (5, 0.2)
    assert (sizes[f"{resnet}_time_emb_proj"].dim, sizes[f"{resnet}_time_emb_proj"].scale) == (4, 0.5)


def test_the_three_dropouts_are_the_recipes(tiny_base: LoadedBase) -> None:
    targets = tiny_base.family.targets(tiny_base)[:1]
    adapter = adapter_of("lora", network_dropout=0.1, rank_dropout=0.2, module_dropout=0.3)
    chance = kinds.new_adapter(targets, adapter, 5, CPU).chance
    assert chance is not None
    assert (chance.network, chance.rank, chance.module, chance.run_seed) == (0.1, 0.2, 0.3, 5)


def test_a_lokr_splits_by_its_factor_and_decomposes_both_where_that_is_smaller() -> None:
    """F13: the shapes that LyCORIS gives a layer of 64 by 96."""
    target = Target("unet", "k", nn.Module(), "n", nn.Linear(96, 64))
    wanted = {
        (-1, False, 2): {"lokr_w1": (8, 8), "lokr_w2_a": (8, 2), "lokr_w2_b": (2, 12)},
        (4, False, 2): {"lokr_w1": (4, 4), "lokr_w2_a": (16, 2), "lokr_w2_b": (2, 24)},
        (-1, True, 2): {"lokr_w1_a": (8, 2), "lokr_w1_b": (2, 8), "lokr_w2_a": (8, 2), "lokr_w2_b": (2, 12)},
        (-1, True, 8): {"lokr_w1": (8, 8), "lokr_w2": (8, 12)},
    }
    for (factor, both, dim), shapes in wanted.items():
        adapter = adapter_of("lokr", dim=dim, factor=factor, decompose_both=both)
        assert kinds._shapes(target, adapter, dim) == shapes


def test_blocks_have_kohyas_numbers() -> None:
    """sd-scripts' 25, 23 and 57; facts/trainers.md 2j."""
    wanted = {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q": 1,
        "lora_unet_down_blocks_2_attentions_1_proj_in": 8,
        "lora_unet_down_blocks_1_downsamplers_0_conv": 6,
        "lora_unet_mid_block_attentions_0_proj_in": 12,
        "lora_unet_up_blocks_1_attentions_0_proj_in": 16,
        "lora_unet_up_blocks_3_resnets_2_conv1": 24,
        "lora_unet_input_blocks_4_1_proj_in": 5,
        "lora_unet_middle_block_1_proj_in": 11,
        "lora_unet_output_blocks_5_1_proj_in": 18,
        "lora_unet_double_blocks_18_img_attn_qkv": 18,
        "lora_unet_single_blocks_37_linear1": 56,
        "lora_te_text_model_encoder_layers_0_mlp_fc1": None,
    }
    assert {key: block_of(key) for key in wanted} == wanted


def test_a_block_has_its_own_dim_and_none_at_zero(tiny_base: LoadedBase) -> None:
    dims = ["8"] * 25
    dims[1], dims[12] = "3", "0"
    family = tiny_base.family
    adapter = adapter_of("lora", dim=4, alpha=2.0, block_dims=",".join(dims))
    targets = kinds.chosen_targets(family.targets(tiny_base), [], adapter, PARTS[adapter.parts])
    sizes = kinds.sizes_of(targets, adapter)
    of_block = {block_of(target.key): sizes[target.key].dim for target in targets if target.part == "unet"}
    assert 12 not in of_block and of_block[1] == 3
    assert {sizes[target.key].dim for target in targets if target.part == "text_encoder"} == {4}
    assert all(sizes[target.key].alpha == 2.0 for target in targets)
    with pytest.raises(WrongUse, match="SDXL"):
        kinds.sizes_of(family.targets(tiny_base), adapter_of("lora", block_dims=",".join(["4"] * 23)))


def test_rank_stabilised_alpha_is_the_root_of_dim_larger_in_the_file(tiny_base: LoadedBase) -> None:
    """LyCORIS' rs_lora: readers divide by dim, and get alpha / sqrt(dim)."""
    targets = tiny_base.family.targets(tiny_base)[:1]
    adapter = adapter_of("lora", dim=16, alpha=8.0, rank_stabilised=True)
    size = kinds.sizes_of(targets, adapter)[targets[0].key]
    assert (size.alpha, size.scale) == (8.0 * 4, 8.0 / 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bound_shrinks_the_change_of_a_layer_to_it_and_no_further(tiny_base: LoadedBase, kind: str) -> None:
    targets = tiny_base.family.targets(tiny_base)[:2]
    adapter = adapter_of(kind, dim=2)
    parameters = kinds.new_adapter(targets, adapter, 1, CPU)
    with torch.no_grad():
        for flat in parameters.flat.values():
            flat.normal_(generator=torch.Generator().manual_seed(1))
    kinds.scale_weight_norms(parameters, 0.5)
    tensors = kinds.to_file(targets, parameters, torch.float32)
    for target in targets:
        those = {n.removeprefix(f"{target.key}."): t for n, t in tensors.items() if n.startswith(f"{target.key}.")}
        those.pop("dora_scale", None)
        assert change_of(those, target.layer.weight).norm().item() == pytest.approx(0.5, rel=1e-4)


def test_convolutions_are_targets_by_kohyas_names(tiny_base: LoadedBase) -> None:
    found = {target.key for target in tiny_base.family.conv_targets(tiny_base)}
    resnet = "lora_unet_down_blocks_0_resnets_0"
    assert {f"{resnet}_conv1", f"{resnet}_conv2", f"{resnet}_time_emb_proj"} <= found
    assert "lora_unet_down_blocks_0_downsamplers_0_conv" in found
    assert not found & {target.key for target in tiny_base.family.targets(tiny_base)}


def test_the_default_recipe_trains_the_plain_lora_of_before(tiny_base: LoadedBase) -> None:
    """Bit for bit the start that it always had; the golden curves hold the rest."""
    targets = tiny_base.family.targets(tiny_base)
    ours = kinds.new_adapter(targets, TrainRecipe().adapter, 7, CPU)
    for target in targets:
        down, up = ours.matrices[target.key]
        generator = torch.Generator().manual_seed(seed_of(7, f"init {target.key}"))
        bound = 1 / math.sqrt(target.num_in)
        assert torch.equal(down, torch.empty(16, target.num_in).uniform_(-bound, bound, generator=generator))
        assert not up.any()
    assert isinstance(kinds._layer(targets[0], ours), AdaptedLayer)
