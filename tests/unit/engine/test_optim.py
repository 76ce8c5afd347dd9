"""The optimizers on flat parameters, and clipping, against torch's own and against their papers' formulas (F5, F9)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from enogu.engine.adapters.kinds import scale_weight_norms
from enogu.engine.adapters.parameters import AdapterParameters
from enogu.engine.control import Asked
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainingStopped, TrainPicture
from enogu.engine.optim import clip_gradients, make_optimizer, part_rate, rates_of, set_rates
from enogu.errors import WrongUse
from enogu.recipe import TrainRecipe
from enogu.recipe.fields import kinds_of_section
from enogu.recipe.optimizer import Adafactor, DAdaptAdam, DAdaptation, Lion, Prodigy
from tests.unit.engine.tiny_run import plain_lora, tiny_recipe, tiny_train

FINDING = ("dadaptation", "dadapt_adam", "prodigy")
FACTORS = (0.25, 0.5, 1.0, 1.0, 0.5)
"""A schedule over the steps that the formulas go through."""
Row = NDArray[np.float64]


def test_each_part_has_its_own_rate_else_the_common_one() -> None:
    recipe = tiny_recipe("optimizer.learning_rate=0.1", "optimizer.text_encoder_learning_rate=0.05")
    assert (part_rate(recipe, "unet"), part_rate(recipe, "text_encoder")) == (0.1, 0.05)


def test_the_groups_carry_part_rate_and_the_recipes_settings(tiny_base: LoadedBase) -> None:
    recipe = tiny_recipe(
        "optimizer.unet_learning_rate=0.2",
        "optimizer.weight_decay=0.3",
        "optimizer.beta1=0.8",
        "optimizer.beta2=0.98",
        "optimizer.epsilon=1e-6",
    )
    optimizer = make_optimizer(recipe, _parameters(tiny_base))
    assert [(group["part"], group["lr"], group["full_rate"]) for group in optimizer.param_groups] == [
        ("unet", 0.2, 0.2),
        ("text_encoder", 0.02, 0.02),
    ]
    for group in optimizer.param_groups:
        assert (group["weight_decay"], group["betas"], group["eps"]) == (0.3, (0.8, 0.98), 1e-6)


@pytest.mark.parametrize("max_norm", [0.0, 0.5, 1e6])
def test_clipping_and_adamw_on_flat_tensors_equal_torchs_on_separate_ones(
    tiny_base: LoadedBase, max_norm: float
) -> None:
    recipe = tiny_recipe(
        "optimizer.weight_decay=0.1", "optimizer.beta1=0.7", "optimizer.beta2=0.95", "optimizer.epsilon=0.01"
    )
    parameters = _parameters(tiny_base)
    separate = [m.detach().clone().requires_grad_() for pair in parameters.matrices.values() for m in pair]
    ours = make_optimizer(recipe, parameters)
    theirs = torch.optim.AdamW(
        separate, lr=0.02, weight_decay=0.1, betas=(0.7, 0.95), eps=0.01, foreach=False, fused=False
    )
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        for matrix, copy in zip((m for pair in parameters.matrices.values() for m in pair), separate, strict=True):
            gradient = torch.randn(copy.shape, generator=generator)
            assert matrix.grad is not None
            matrix.grad.add_(gradient)
            copy.grad = gradient.clone()
        clip_gradients(parameters, max_norm)
        if max_norm:
            torch.nn.utils.clip_grad_norm_(separate, max_norm, foreach=False)
        ours.step()
        theirs.step()
        parameters.zero_gradients()
    for matrix, copy in zip((m for pair in parameters.matrices.values() for m in pair), separate, strict=True):
        torch.testing.assert_close(matrix, copy, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", [(), ("weight_decay=0.1",), ("beta1=0.5", "beta2=0.9")])
def test_lion_steps_by_the_sign_of_its_papers_formula(tiny_base: LoadedBase, settings: tuple[str, ...]) -> None:
    """F9: Chen et al. 2023, algorithm 2, written out in numpy; the decay is that of the weights."""
    recipe = _recipe("lion", *settings)
    options = _options(recipe)
    ours, start, gradients = _steps(tiny_base, recipe)
    weight, average = start, np.zeros_like(start)
    for gradient, factor in zip(gradients, FACTORS, strict=True):
        direction = np.sign(options["beta1"] * average + (1 - options["beta1"]) * gradient)
        average = options["beta2"] * average + (1 - options["beta2"]) * gradient
        weight = weight - 0.02 * factor * (direction + options["weight_decay"] * weight)
    np.testing.assert_allclose(ours, weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        ("clip_threshold=0.5",),
        ("clip_threshold=0.5", "weight_decay=0.3"),
        ("scale_parameter=true",),
        ("relative_step=true",),
        ("relative_step=true", "warmup_init=true", "clip_threshold=100"),
        ("relative_step=true", "warmup_init=true", "scale_parameter=true", "weight_decay=0.3"),
    ],
)
def test_adafactor_keeps_a_row_and_a_column_of_each_matrix(tiny_base: LoadedBase, settings: tuple[str, ...]) -> None:
    """F9: Shazeer & Stern 2018, algorithms 4, 5 and 6 and their table of proposed numbers, in numpy, on one matrix of
    many: a rate of its own is at most 0.01 or a millionth of the step, and times the matrix' size where it is scaled.
    """
    recipe = _recipe("adafactor", *settings)
    options = _options(recipe)
    parameters = _parameters(tiny_base)
    optimizer = make_optimizer(recipe, parameters)
    key = next(iter(parameters.matrices))
    matrix = parameters.matrices[key][0]
    weight = matrix.detach().double().numpy().copy()
    start = weight.copy()
    row, column = np.zeros(weight.shape[0]), np.zeros(weight.shape[1])
    for step, factor in enumerate(FACTORS, start=1):
        set_rates(optimizer, factor)
        gradient = _fill(parameters, step)[key]
        optimizer.step()
        square, keep = gradient**2 + 1e-30, 1 - step**-0.8
        row = keep * row + (1 - keep) * square.mean(1)
        column = keep * column + (1 - keep) * square.mean(0)
        change = gradient / np.sqrt(np.outer(row, column) / row.mean())
        change /= max(1.0, np.sqrt((change**2).mean()) / options["clip_threshold"])
        rate = 0.02 * factor
        if options["relative_step"]:
            rate = min(1e-6 * step if options["warmup_init"] else 1e-2, step**-0.5)
        if options["scale_parameter"]:
            rate *= max(1e-3, np.sqrt((weight**2).mean()))
        weight = weight - rate * change - options["weight_decay"] * rate * weight
    np.testing.assert_allclose(matrix.detach().numpy() - start, weight - start, rtol=3e-3, atol=3e-8)


@pytest.mark.parametrize(
    "settings",
    [
        ("rate_coefficient=2",),
        ("first_estimate=0.0005",),
        ("growth_rate=1.1",),
        ("bias_correction=true",),
        ("safeguard_warmup=true",),
        ("weight_decay=0.5",),
        ("weight_decay=0.5", "decouple=false"),
        ("beta1=0.5", "beta2=0.9", "epsilon=0.01"),
    ],
)
def test_prodigy_finds_its_rate_by_its_papers_formula(tiny_base: LoadedBase, settings: tuple[str, ...]) -> None:
    """F9: Mishchenko & Defazio 2023, algorithm 4, over both parts at once, written out in numpy."""
    ours, _, gradients = _checked_against(_prodigy, tiny_base, "prodigy", settings)
    assert len(gradients) == len(FACTORS) and np.isfinite(ours).all()


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("growth_rate=1.1",),
        ("bias_correction=true",),
        ("weight_decay=0.5",),
        ("weight_decay=0.5", "decouple=true"),
        ("beta1=0.5", "beta2=0.9", "epsilon=0.01"),
    ],
)
def test_d_adaptation_finds_its_rate_by_its_papers_formula(tiny_base: LoadedBase, settings: tuple[str, ...]) -> None:
    """F9: Defazio & Mishchenko 2023, DAdaptAdam, over both parts at once, written out in numpy."""
    _checked_against(_d_adaptation, tiny_base, "dadapt_adam", settings)


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("growth_rate=1.1",),
        ("weight_decay=0.5",),
        ("weight_decay=0.5", "decouple=true"),
        ("beta1=0.5", "beta2=0.9", "epsilon=0.01"),
    ],
)
def test_the_first_d_adaptation_finds_its_rate_by_its_preprints_formula(
    tiny_base: LoadedBase, settings: tuple[str, ...]
) -> None:
    """F9: the preprint's DAdaptAdam, which sd-scripts calls DAdaptation, written out in numpy."""
    _checked_against(_first_d_adaptation, tiny_base, "dadaptation", settings)


def test_every_option_of_every_optimizer_is_in_a_case_that_can_tell() -> None:
    """Of each method that finds its rate, every field but clipping is set to another value somewhere above."""
    source = Path(__file__).read_text(encoding="utf-8")
    for kind in (Adafactor, Lion, DAdaptation, DAdaptAdam, Prodigy):
        for name in kind.model_fields:
            if "rate" in name.split("_")[-1:] and name != "growth_rate":
                continue  # rates of parts: the groups carry them
            if name not in ("kind", "max_grad_norm") and not name.endswith("block_rates"):
                assert f'"{name}=' in source, f"{kind.__name__}.{name}"


@pytest.mark.parametrize("kind", FINDING)
def test_a_method_that_finds_its_rate_has_one_for_both_parts_and_tells_it(tiny_base: LoadedBase, kind: str) -> None:
    """F9: their libraries refuse two rates at the first step; what is shown is the rate that was found."""
    recipe = tiny_recipe(f"optimizer.kind={kind}", "optimizer.first_estimate=0.001")
    parameters = _parameters(tiny_base)
    optimizer = make_optimizer(recipe, parameters)
    assert {group["lr"] for group in optimizer.param_groups} == {1.0}
    for step in range(3):
        set_rates(optimizer, 0.5)
        _fill(parameters, step)
        optimizer.step()
    rates = rates_of(optimizer)
    assert set(rates) == {"unet", "text_encoder"}
    assert len(set(rates.values())) == 1
    assert rates["unet"] >= 0.0005


def test_adafactor_may_take_a_step_size_of_its_own(tiny_base: LoadedBase) -> None:
    """F9: sd-scripts' relative_step: at most 0.01, falling as one by the root of the step."""
    recipe = tiny_recipe("optimizer.kind=adafactor", "optimizer.relative_step=true")
    parameters = _parameters(tiny_base)
    optimizer = make_optimizer(recipe, parameters)
    assert rates_of(optimizer) == {"unet": 0.0, "text_encoder": 0.0}
    set_rates(optimizer, 0.5)
    _fill(parameters, 1)
    optimizer.step()
    assert rates_of(optimizer) == pytest.approx({"unet": 0.01, "text_encoder": 0.01})


def test_adamw8bit_is_refused_with_the_cure_where_there_is_no_nvidia_card(tiny_base: LoadedBase) -> None:
    """F9: and not silently replaced."""
    with pytest.raises(WrongUse, match="NVIDIA cards only") as refused:
        make_optimizer(tiny_recipe("optimizer.kind=adamw8bit"), _parameters(tiny_base))
    assert 'optimizer.kind = "adamw"' in refused.value.cure


@pytest.mark.parametrize("kind", [kind for kind in kinds_of_section("optimizer") if kind != "adamw8bit"])
def test_a_run_that_was_stopped_ends_with_the_same_bytes_with_every_optimizer(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, kind: str, fixed_date: None
) -> None:
    """G6: N steps, saved, loaded into a new process's objects, N more."""
    found = ["optimizer.first_estimate=0.001"] if kind in FINDING else []
    recipe = tiny_recipe(f"optimizer.kind={kind}", "schedule.kind=cosine", "schedule.warmup_percent=25", *found)
    straight = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "straight")
    with pytest.raises(TrainingStopped):
        tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out", between_steps=lambda at: Asked(at.step == 4))
    resumed = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out", resume=True)
    assert resumed.file_bytes() == straight.file_bytes()
    first, last = (load_file(straight.out / name) for name in ("tiny-000001.safetensors", "tiny.safetensors"))
    assert any(not torch.equal(first[name], last[name]) for name in first), "it learns"


def test_no_layers_change_grows_over_the_given_size(tiny_base: LoadedBase) -> None:
    """F28: sd-scripts' max_norm_regularization, on the whole product: both matrices shrink by the root of it."""
    parameters = _parameters(tiny_base)
    generator = torch.Generator().manual_seed(3)
    for number, (a_RI, b_OR) in enumerate(parameters.matrices.values()):
        with torch.no_grad():
            a_RI.copy_(torch.randn(a_RI.shape, generator=generator))
            b_OR.copy_(torch.randn(b_OR.shape, generator=generator) * (0.001 if number % 2 else 1))
    before = {key: (a.detach().clone(), b.detach().clone()) for key, (a, b) in parameters.matrices.items()}
    scale_weight_norms(parameters, 1.5)
    for number, (key, (a_RI, b_OR)) in enumerate(parameters.matrices.items()):
        norm = float((before[key][1] @ before[key][0] * 0.5).norm())
        ratio = min(max(norm, 0.75), 1.5) / max(norm, 0.75)
        assert (ratio == 1) is bool(number % 2)
        torch.testing.assert_close(a_RI.detach(), before[key][0] * ratio**0.5)
        torch.testing.assert_close(b_OR.detach(), before[key][1] * ratio**0.5)


def test_the_gradients_size_is_told_and_is_no_number_when_one_gradient_is_none(tiny_base: LoadedBase) -> None:
    parameters = _parameters(tiny_base)
    _fill(parameters, 1)
    gradients = torch.cat([flat.grad for flat in parameters.flat.values() if flat.grad is not None])
    torch.testing.assert_close(clip_gradients(parameters, 0.5), gradients.norm())
    for matrices in list(parameters.matrices.values())[-1:]:
        assert matrices[0].grad is not None
        matrices[0].grad[0, 0] = torch.nan
    assert not torch.isfinite(clip_gradients(parameters, 0.5))


def _prodigy(start: Row, gradients: Sequence[Row], o: Mapping[str, Any]) -> Row:
    """What is found is d, starting from d0; ``s`` and the growing dot product are over all numbers there are."""
    weight, first, second, s = start, 0.0 * start, 0.0 * start, 0.0 * start
    d0 = d = largest = o["first_estimate"]
    r, root = 0.0, np.sqrt(o["beta2"])
    for step, (plain, factor) in enumerate(zip(gradients, FACTORS, strict=True), start=1):
        coupled = 0.0 if o["decouple"] else o["weight_decay"]
        gradient = plain + coupled * weight
        rate = d * factor * _correction(o, step)
        r = root * r + d / d0 * rate * float(gradient @ (start - weight))
        s = root * s + d / d0 * (d if o["safeguard_warmup"] else rate) * gradient
        first = o["beta1"] * first + (1 - o["beta1"]) * d * gradient
        second = o["beta2"] * second + (1 - o["beta2"]) * d * d * gradient**2
        found = o["rate_coefficient"] * r / np.abs(s).sum()
        d = max(d, found) if d == d0 else d
        largest = max(largest, found)
        d = min(largest, d * _growth(o))
        decay = o["weight_decay"] * rate if o["decouple"] else 0.0
        weight = weight * (1 - decay) - rate * first / (np.sqrt(second) + d * o["epsilon"])
    return weight


def _d_adaptation(start: Row, gradients: Sequence[Row], o: Mapping[str, Any]) -> Row:
    weight, first, second, s = start, 0.0 * start, 0.0 * start, 0.0 * start
    d, numerator, root = o["first_estimate"], 0.0, np.sqrt(o["beta2"])
    for step, (plain, factor) in enumerate(zip(gradients, FACTORS, strict=True), start=1):
        gradient = plain + (0.0 if o["decouple"] else o["weight_decay"]) * weight
        rate = d * factor * _correction(o, step)
        along = float(gradient @ (s / (np.sqrt(second) + o["epsilon"])))
        numerator = root * numerator + (1 - root) * rate * along
        first = o["beta1"] * first + (1 - o["beta1"]) * rate * gradient
        second = o["beta2"] * second + (1 - o["beta2"]) * gradient**2
        s = root * s + (1 - root) * rate * gradient
        d = max(d, min(numerator / ((1 - root) * np.abs(s).sum()), d * _growth(o)))
        decay = o["weight_decay"] * rate if o["decouple"] else 0.0
        weight = weight * (1 - decay) - first / (np.sqrt(second) + o["epsilon"])
    return weight


def _first_d_adaptation(start: Row, gradients: Sequence[Row], o: Mapping[str, Any]) -> Row:
    weight, first, second, s = start, 0.0 * start, 0.0 * start, 0.0 * start
    d, weighted = o["first_estimate"], 0.0
    for plain, factor in zip(gradients, FACTORS, strict=True):
        gradient = plain + (0.0 if o["decouple"] else o["weight_decay"]) * weight
        rate, keep = d * factor, o["beta2"]
        first = o["beta1"] * first + (1 - o["beta1"]) * rate * gradient
        second = keep * second + (1 - keep) * gradient**2
        below = np.sqrt(second) + o["epsilon"]
        s = keep * s + (1 - keep) * rate * gradient
        weighted = keep * weighted + (1 - keep) * rate * rate * float((gradient**2 / below).sum())
        found = (float((s * s / below).sum()) / (1 - keep) - weighted) / np.abs(s).sum()
        d = max(d, min(found, d * _growth(o)))
        decay = o["weight_decay"] * rate if o["decouple"] else 0.0
        weight = weight * (1 - decay) - first / below
    return weight


def _correction(o: Mapping[str, Any], step: int) -> float:
    """Adam's, of both averages, which have only begun."""
    return float((1 - o["beta2"] ** step) ** 0.5 / (1 - o["beta1"] ** step)) if o["bias_correction"] else 1.0


def _growth(o: Mapping[str, Any]) -> float:
    return math.inf if o["growth_rate"] is None else float(o["growth_rate"])


def _checked_against(
    formula: Callable[[Row, Sequence[Row], Mapping[str, Any]], Row],
    base: LoadedBase,
    kind: str,
    settings: Sequence[str],
) -> tuple[Row, Row, list[Row]]:
    """A run of the optimizer is what ``formula`` says, and is told from what it says at the defaults."""
    recipe = _recipe(kind, "first_estimate=0.001", *settings)
    ours, start, gradients = _steps(base, recipe)
    told = formula(start, gradients, _options(recipe))
    np.testing.assert_allclose(ours - start, told - start, rtol=2e-3, atol=2e-6)
    if settings:
        plain = formula(start, gradients, _options(_recipe(kind, "first_estimate=0.001")))
        assert np.abs(told - plain).max() > 100 * np.abs(ours - told).max()
    return ours, start, gradients


def _recipe(kind: str, *settings: str) -> TrainRecipe:
    return tiny_recipe(f"optimizer.kind={kind}", *(f"optimizer.{setting}" for setting in settings))


def _options(recipe: TrainRecipe) -> dict[str, Any]:
    return recipe.optimizer.model_dump()


def _steps(base: LoadedBase, recipe: TrainRecipe) -> tuple[Row, Row, list[Row]]:
    """(Weights after as many steps as FACTORS, weights before, gradients), all numbers in one fp64 row."""
    parameters = _parameters(base)
    optimizer = make_optimizer(recipe, parameters)
    start = _row(parameters.flat.values())
    gradients: list[Row] = []
    for step, factor in enumerate(FACTORS):
        set_rates(optimizer, factor)
        _fill(parameters, step)
        gradients.append(_row(flat.grad for flat in parameters.flat.values() if flat.grad is not None))
        optimizer.step()
    return _row(parameters.flat.values()), start, gradients


def _fill(parameters: AdapterParameters, seed: int) -> dict[str, Row]:
    """Gradients of one direction with some noise; what A of each layer got."""
    for number, flat in enumerate(parameters.flat.values()):
        assert flat.grad is not None
        same = torch.randn(flat.shape, generator=torch.Generator().manual_seed(1000 + number))
        noise = torch.randn(flat.shape, generator=torch.Generator().manual_seed(10 * seed + number))
        flat.grad.copy_(same + 0.3 * noise)
    return {key: a_RI.grad.double().numpy() for key, (a_RI, _) in parameters.matrices.items() if a_RI.grad is not None}


def _row(tensors: Iterable[torch.Tensor]) -> Row:
    return torch.cat([tensor.detach().double().flatten() for tensor in tensors]).numpy().copy()


def _parameters(base: LoadedBase) -> AdapterParameters:
    return plain_lora(base.family.targets(base), 4, 2.0, 1)
