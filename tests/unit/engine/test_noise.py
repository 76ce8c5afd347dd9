"""Noise, targets and weights against formulas written out anew (facts/trainers.md 2d; F12, F20 to F22)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from enogu.engine.noise import (
    NoiseSchedule,
    add_multires,
    add_noise,
    add_offset,
    draw_normal,
    draw_timestep,
    perturbed,
    scaled_linear_alpha_bar,
    schedule_of,
    target,
    to_zero_terminal_snr,
)
from enogu.errors import WrongUse
from enogu.recipe.draws import random_for, seed_of
from enogu.recipe.noise import NoiseRules

EPSILON = NoiseSchedule(scaled_linear_alpha_bar())
V = NoiseSchedule(scaled_linear_alpha_bar(), "v_prediction")


def test_alpha_bar_is_stable_diffusions_own() -> None:
    """Betas linear in their roots from 0.00085 to 0.012, in float64 by hand; and what diffusers holds."""
    from diffusers import DDPMScheduler

    product, wanted = 1.0, []
    low, high = math.sqrt(0.00085), math.sqrt(0.012)
    for step in range(1000):
        product *= 1 - (low + (high - low) * step / 999) ** 2
        wanted.append(product)
    np.testing.assert_allclose(EPSILON.alpha_bar.numpy(), wanted, rtol=1e-4)
    theirs = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear").alphas_cumprod
    torch.testing.assert_close(EPSILON.alpha_bar, theirs, rtol=1e-6, atol=0)
    assert EPSILON.num_timesteps == 1000


def test_noised_latents_and_both_targets_are_those_of_diffusers() -> None:
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)
    latents_BCHW, noise_BCHW = draw_normal((3, 4, 5, 6), 1, "x"), draw_normal((3, 4, 5, 6), 1, "n")
    timesteps_B = torch.tensor([0, 421, 999])
    theirs = scheduler.add_noise(latents_BCHW, noise_BCHW, timesteps_B)  # type: ignore[arg-type]
    torch.testing.assert_close(add_noise(EPSILON, latents_BCHW, noise_BCHW, timesteps_B), theirs)
    assert torch.equal(target(EPSILON, latents_BCHW, noise_BCHW, timesteps_B), noise_BCHW)
    velocity = scheduler.get_velocity(latents_BCHW, noise_BCHW, timesteps_B)  # type: ignore[arg-type]
    torch.testing.assert_close(target(V, latents_BCHW, noise_BCHW, timesteps_B), velocity)


@given(timestep=st.integers(0, 999), seed=st.integers(0, 99))
def test_the_v_target_with_the_noised_latents_gives_back_noise_and_latents(timestep: int, seed: int) -> None:
    """v is the rotated pair: x_0 = a x_t - s v, noise = s x_t + a v; a = sqrt(alpha_bar), s = sqrt(1 - alpha_bar)."""
    latents, noise = draw_normal((1, 4, 3, 3), seed, "x"), draw_normal((1, 4, 3, 3), seed, "n")
    at = torch.tensor([timestep])
    noisy, v = add_noise(V, latents, noise, at), target(V, latents, noise, at)
    a = float(V.alpha_bar[timestep]) ** 0.5
    s = (1 - float(V.alpha_bar[timestep])) ** 0.5
    torch.testing.assert_close(a * noisy - s * v, latents, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(s * noisy + a * v, noise, rtol=1e-4, atol=1e-5)


def test_noise_offset_adds_one_number_a_channel() -> None:
    """noise += offset * randn(channel, 1, 1)"""
    noise_CHW = draw_normal((4, 6, 5), 1, "noise", 3, 0, 1)
    moved_CHW = add_offset(noise_CHW, noise_CHW, NoiseRules(offset=0.1), 1, 3, 0, 1)
    shift_CHW = (moved_CHW - noise_CHW) / 0.1
    assert float(shift_CHW.flatten(1).std(dim=1).max()) < 1e-5
    generator = torch.Generator().manual_seed(seed_of(1, "noise_offset", 3, 0, 1))
    torch.testing.assert_close(
        shift_CHW[:, 0, 0], torch.randn((4, 1, 1), generator=generator).flatten(), atol=1e-5, rtol=0
    )
    zeros = torch.zeros(4, 1, 1)
    many = torch.stack([add_offset(zeros, zeros, NoiseRules(offset=0.1), 1, number).flatten() for number in range(500)])
    assert float(many.std()) == pytest.approx(0.1, rel=0.1)


def test_no_offset_and_no_multires_leave_the_noise_as_it_is() -> None:
    noise_CHW = draw_normal((4, 6, 5), 1, "noise")
    assert add_offset(noise_CHW, noise_CHW, NoiseRules(), 1, 0) is noise_CHW
    assert perturbed(noise_CHW, NoiseRules(), 1, 0) is noise_CHW
    assert add_multires(noise_CHW, 0, 0.3, 1, 0) is noise_CHW


@pytest.mark.parametrize(("height", "width", "iterations"), [(8, 8, 1), (16, 8, 6), (9, 13, 3), (64, 64, 10)])
def test_multires_noise_follows_the_fact_sheets_loop(height: int, width: int, iterations: int) -> None:
    """The loop of 2d with bilinear enlargement of our own, on the same draws."""
    discount, draw = 0.3, (5, 0, 2)
    noise = draw_normal((4, height, width), 1, "noise", *draw)
    total = noise.double().numpy()
    chance = random_for(1, "multires_level", *draw)
    for level in range(iterations):
        r = chance.random() * 2 + 2
        small = max(1, int(height / r**level)), max(1, int(width / r**level))
        coarse = draw_normal((1, 4, *small), 1, "multires", level, *draw)[0].double().numpy()
        total = total + _bilinear(coarse, height, width) * discount**level
        if 1 in small:
            break
    wanted = total / total.std(ddof=1)
    ours = add_multires(noise, iterations, discount, 1, *draw).numpy()
    np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-5)


@given(iterations=st.integers(1, 12), discount=st.floats(0.1, 1), seed=st.integers(0, 99))
def test_multires_noise_has_unit_spread(iterations: int, discount: float, seed: int) -> None:
    noise = draw_normal((4, 8, 12), seed, "noise")
    assert float(add_multires(noise, iterations, discount, seed, 1).std()) == pytest.approx(1, abs=1e-5)


def test_a_draw_is_a_function_of_its_arguments_alone() -> None:
    """The same (seed, stream, numbers) give the same numbers whatever was drawn before; any change gives others."""
    first = draw_normal((4, 3, 3), 1, "noise", 7, 0, 1)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert torch.equal(draw_normal((4, 3, 3), 1, "noise", 7, 0, 1), first)
    assert torch.equal(torch.get_rng_state(), state)
    for other in (
        draw_normal((4, 3, 3), 2, "noise", 7, 0, 1),
        draw_normal((4, 3, 3), 1, "latent", 7, 0, 1),
        draw_normal((4, 3, 3), 1, "noise", 8, 0, 1),
        draw_normal((4, 3, 3), 1, "noise", 7, 1, 1),
        draw_normal((4, 3, 3), 1, "noise", 7, 0, 2),
    ):
        assert float((other - first).abs().max()) > 0.1


def test_timesteps_are_uniform_over_all_thousand() -> None:
    drawn = [draw_timestep(EPSILON, NoiseRules(), 3, number) for number in range(20_000)]
    assert min(drawn) < 5
    assert max(drawn) > 994
    assert np.histogram(drawn, bins=10, range=(0, 1000))[0] == pytest.approx([2000] * 10, rel=0.1)
    assert draw_timestep(EPSILON, NoiseRules(), 3, 17) == drawn[17]


def test_timesteps_are_uniform_over_the_range_that_the_recipe_gives() -> None:
    """sd-scripts: from min_timestep, up to and without max_timestep."""
    rules = NoiseRules(min_timestep=200, max_timestep=210)
    drawn = [draw_timestep(EPSILON, rules, 3, number) for number in range(2000)]
    assert np.bincount(drawn)[200:] == pytest.approx([200] * 10, rel=0.3)
    assert {draw_timestep(EPSILON, NoiseRules(min_timestep=999), 3, number) for number in range(9)} == {999}


def test_the_noise_offset_may_take_another_strength_each_time() -> None:
    """Uniform from 0 to the offset: the mean is a half of it."""
    zeros = torch.zeros(1, 1, 1)
    strengths: list[float] = []
    for number in range(400):
        generator = torch.Generator().manual_seed(seed_of(1, "noise_offset", number))
        moved = add_offset(zeros, zeros, NoiseRules(offset=0.4, random_offset=True), 1, number)
        strengths.append(float(moved) / float(torch.randn((1, 1, 1), generator=generator)))
    assert min(strengths) >= 0
    assert max(strengths) <= 0.4
    assert np.mean(strengths) == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(("scale", "wanted"), [(0.5, [0.1, 0.6, 0.35]), (-0.2, [0.1, 0.0, 0.0])])
def test_the_adaptive_offset_grows_with_the_size_of_a_channels_mean(scale: float, wanted: list[float]) -> None:
    """offset + scale * |mean over height and width|, and never below 0."""
    zeros = torch.zeros(3, 2, 2)
    clean = torch.tensor([0.0, -1.0, 0.5]).view(3, 1, 1) + torch.tensor([[-1.0, 1.0], [1.0, -1.0]])
    moved = add_offset(zeros, clean, NoiseRules(offset=0.1, adaptive_offset=scale), 1, 4)
    draws = torch.randn((3, 1, 1), generator=torch.Generator().manual_seed(seed_of(1, "noise_offset", 4)))
    torch.testing.assert_close(moved[:, 0, 0], torch.tensor(wanted) * draws[:, 0, 0])


@pytest.mark.parametrize("random", [False, True])
def test_input_perturbation_shows_more_noise_than_it_asks_for(random: bool) -> None:
    """noise + gamma * randn, gamma uniform from 0 to the given one where it is drawn."""
    noise = draw_normal((4, 6, 5), 1, "noise", 3)
    rules = NoiseRules(input_perturbation=0.1, random_input_perturbation=random)
    more = perturbed(noise, rules, 1, 3) - noise
    extra = torch.randn((4, 6, 5), generator=torch.Generator().manual_seed(seed_of(1, "input_perturbation", 3)))
    strength = 0.1 * (random_for(1, "input_perturbation_strength", 3).random() if random else 1)
    torch.testing.assert_close(more, strength * extra, atol=1e-6, rtol=1e-4)


def test_with_zero_terminal_snr_the_last_step_is_pure_noise_and_the_first_as_before() -> None:
    """Lin et al. 2023, algorithm 1 in numpy, and what diffusers makes of the same betas."""
    from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

    root = np.sqrt(EPSILON.alpha_bar.double().numpy())
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    fixed = to_zero_terminal_snr(EPSILON.alpha_bar)
    np.testing.assert_allclose(fixed.numpy(), root**2, rtol=1e-6, atol=1e-12)
    assert float(fixed[-1]) == 0
    assert float(fixed[0]) == pytest.approx(float(EPSILON.alpha_bar[0]), rel=1e-6)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    theirs = torch.cumprod(1 - rescale_zero_terminal_snr(betas), dim=0)
    torch.testing.assert_close(fixed, theirs, rtol=1e-3, atol=1e-6)


def test_the_schedule_is_the_bases_unless_the_recipe_says_otherwise() -> None:
    """C3: and the SNR comes from the fixed betas, unlike sd-scripts' (facts/trainers.md 2d)."""
    assert schedule_of(NoiseRules(), V) is V
    fixed = schedule_of(NoiseRules(prediction="v_prediction", zero_terminal_snr=True), EPSILON)
    assert fixed.prediction_type == "v_prediction"
    assert float(fixed.snr(torch.tensor([999]))) == 0
    assert schedule_of(NoiseRules(zero_terminal_snr=True), fixed) is fixed
    assert schedule_of(NoiseRules(prediction="epsilon"), V).prediction_type == "epsilon"


@pytest.mark.parametrize(
    ("rules", "base", "field"),
    [
        (NoiseRules(zero_terminal_snr=True), EPSILON, "noise.zero_terminal_snr"),
        (NoiseRules(scale_v_loss=True), EPSILON, "noise.scale_v_loss"),
        (NoiseRules(v_like_loss=0.1), V, "noise.v_like_loss"),
        (NoiseRules(prediction="epsilon"), NoiseSchedule(to_zero_terminal_snr(V.alpha_bar), "v_prediction"), "zero"),
    ],
)
def test_what_makes_no_sense_with_the_bases_prediction_is_refused(
    rules: NoiseRules, base: NoiseSchedule, field: str
) -> None:
    """F29: what only the base model can tell."""
    with pytest.raises(WrongUse, match=field):
        schedule_of(rules, base)


def _bilinear(picture_CHW: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Enlarge by weights between pixel centres, edges held (what "align_corners = False" means)."""

    def weights(length: int, small: int) -> NDArray[np.float64]:
        matrix = np.zeros((length, small))
        for out in range(length):
            at = min(max((out + 0.5) * small / length - 0.5, 0), small - 1)
            low = min(int(at), small - 1)
            high = min(low + 1, small - 1)
            matrix[out, low] += 1 - (at - low)
            matrix[out, high] += at - low
        return matrix

    rows, columns = weights(height, picture_CHW.shape[1]), weights(width, picture_CHW.shape[2])
    enlarged: NDArray[np.float64] = np.einsum("ys,csr,xr->cyx", rows, picture_CHW, columns)
    return enlarged
