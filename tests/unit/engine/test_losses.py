"""How errors are measured and weighted, against formulas written out anew (facts/trainers.md 2d; F12, F28)."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from enogu.engine.losses import errors, huber_bound, loss_weight
from enogu.engine.noise import NoiseSchedule, scaled_linear_alpha_bar, to_zero_terminal_snr
from enogu.recipe.loss import AbsoluteLoss, HuberLoss, SmoothL1Loss, SquaredLoss
from enogu.recipe.noise import NoiseRules

EPSILON = NoiseSchedule(scaled_linear_alpha_bar())
V = NoiseSchedule(scaled_linear_alpha_bar(), "v_prediction")
TIMESTEPS = st.integers(0, 999)


def _snr(timestep: int) -> float:
    alpha_bar = float(EPSILON.alpha_bar[timestep].double())
    return alpha_bar / (1 - alpha_bar)


def _weight(schedule: NoiseSchedule, timestep: int, **rules: float) -> float:
    return float(loss_weight(NoiseRules(**rules), schedule, torch.tensor([timestep])))  # type: ignore[arg-type]


@given(timestep=TIMESTEPS, gamma=st.floats(0.1, 20))
def test_min_snr_weights_are_the_smaller_of_snr_and_gamma_over_snr_or_snr_plus_one(timestep: int, gamma: float) -> None:
    snr = _snr(timestep)
    assert _weight(EPSILON, timestep, min_snr_gamma=gamma) == pytest.approx(min(snr, gamma) / snr, rel=1e-4)
    assert _weight(V, timestep, min_snr_gamma=gamma) == pytest.approx(min(snr, gamma) / (snr + 1), rel=1e-4)


@given(timestep=TIMESTEPS)
def test_the_other_weights_by_noise_are_sd_scripts(timestep: int) -> None:
    """The SNR is capped at 1000 in all three."""
    snr = min(_snr(timestep), 1000.0)
    assert _weight(EPSILON, timestep, debiased=True) == pytest.approx(1 / math.sqrt(snr), rel=1e-4)
    assert _weight(V, timestep, debiased=True) == pytest.approx(1 / (snr + 1), rel=1e-4)
    assert _weight(V, timestep, scale_v_loss=True) == pytest.approx(snr / (snr + 1), rel=1e-4)
    assert _weight(EPSILON, timestep, v_like_loss=0.3) == pytest.approx(1 + 0.3 * (snr + 1) / snr, rel=1e-4)


@given(timestep=TIMESTEPS)
def test_the_weights_by_noise_stack(timestep: int) -> None:
    """sd-scripts multiplies them one after another."""
    snr, capped = _snr(timestep), min(_snr(timestep), 1000.0)
    all_of_them = _weight(V, timestep, min_snr_gamma=5, scale_v_loss=True, debiased=True)
    wanted = min(snr, 5) / (snr + 1) * capped / (capped + 1) / (capped + 1)
    assert all_of_them == pytest.approx(wanted, rel=1e-4)


def test_without_any_of_them_every_sample_weighs_one() -> None:
    assert loss_weight(NoiseRules(), V, torch.tensor([1, 999])).tolist() == [1, 1]


def test_where_no_signal_is_left_weights_are_still_numbers() -> None:
    """SNR is 0 at the last step of zero terminal SNR; sd-scripts takes it from betas that are not yet fixed."""
    pure = NoiseSchedule(to_zero_terminal_snr(V.alpha_bar), "v_prediction")
    assert _weight(pure, 999, min_snr_gamma=5) == 0
    assert _weight(pure, 999, debiased=True) == 1
    bound = huber_bound(HuberLoss(), pure, torch.tensor([999]))
    assert float(bound) == pytest.approx(0.1)


@given(difference=st.floats(-4, 4), timestep=TIMESTEPS, bound=st.floats(0.01, 1))
def test_errors_are_measured_as_each_kind_says(difference: float, timestep: int, bound: float) -> None:
    """huber: 2c(sqrt(d^2 + c^2) - c); smooth_l1: the same without the first c."""
    at, predicted = torch.tensor([timestep]), torch.full((1, 1, 1, 1), difference)

    def measured(loss: SquaredLoss | AbsoluteLoss | HuberLoss | SmoothL1Loss) -> float:
        return float(errors(loss, EPSILON, predicted, torch.zeros(1, 1, 1, 1), at))

    assert measured(SquaredLoss()) == pytest.approx(difference**2, rel=1e-5, abs=1e-6)
    assert measured(AbsoluteLoss()) == pytest.approx(abs(difference), rel=1e-5, abs=1e-6)
    smooth = 2 * (math.hypot(difference, bound) - bound)
    assert measured(SmoothL1Loss(bound=bound, bound_schedule="constant")) == pytest.approx(smooth, rel=1e-3, abs=1e-5)
    wanted = pytest.approx(bound * smooth, rel=1e-3, abs=1e-5)
    assert measured(HuberLoss(bound=bound, bound_schedule="constant")) == wanted


@given(timestep=TIMESTEPS, c=st.floats(0.01, 1), scale=st.floats(0.1, 10))
def test_the_bound_moves_with_the_noise_as_the_schedule_says(timestep: int, c: float, scale: float) -> None:
    def bound(schedule: str) -> float:
        loss = HuberLoss(bound=c, bound_scale=scale, bound_schedule=schedule)  # type: ignore[arg-type]
        return float(huber_bound(loss, EPSILON, torch.tensor([timestep])))

    sigma = 1 / math.sqrt(_snr(timestep))
    assert bound("constant") == pytest.approx(c * scale, rel=1e-4)
    assert bound("exponential") == pytest.approx(math.exp(math.log(c) / 1000 * timestep) * scale, rel=1e-4)
    assert bound("snr") == pytest.approx((1 - c) / (1 + sigma) ** 2 + c, rel=1e-4)
