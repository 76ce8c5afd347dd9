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
    loss_weight,
    scaled_linear_alpha_bar,
    target,
)
from enogu.recipe.draws import random_for, seed_of

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


@given(timestep=st.integers(0, 999), gamma=st.floats(0.1, 20))
def test_min_snr_weights_are_the_smaller_of_snr_and_gamma_over_snr_or_snr_plus_one(timestep: int, gamma: float) -> None:
    alpha_bar = float(EPSILON.alpha_bar[timestep].double())
    snr = alpha_bar / (1 - alpha_bar)
    at = torch.tensor([timestep])
    assert float(loss_weight(EPSILON, at, gamma)) == pytest.approx(min(snr, gamma) / snr, rel=1e-4)
    assert float(loss_weight(V, at, gamma)) == pytest.approx(min(snr, gamma) / (snr + 1), rel=1e-4)
    assert float(EPSILON.snr(at)) == pytest.approx(snr, rel=1e-4)


def test_without_min_snr_every_sample_weighs_one() -> None:
    assert loss_weight(V, torch.tensor([1, 999]), None).tolist() == [1, 1]


def test_noise_offset_adds_one_number_a_channel() -> None:
    """noise += offset * randn(channel, 1, 1)"""
    noise_CHW = draw_normal((4, 6, 5), 1, "noise", 3, 0, 1)
    moved_CHW = add_offset(noise_CHW, 0.1, 1, 3, 0, 1)
    shift_CHW = (moved_CHW - noise_CHW) / 0.1
    assert float(shift_CHW.flatten(1).std(dim=1).max()) < 1e-5
    generator = torch.Generator().manual_seed(seed_of(1, "noise_offset", 3, 0, 1))
    torch.testing.assert_close(
        shift_CHW[:, 0, 0], torch.randn((4, 1, 1), generator=generator).flatten(), atol=1e-5, rtol=0
    )
    many = torch.stack([add_offset(torch.zeros(4, 1, 1), 0.1, 1, number).flatten() for number in range(500)])
    assert float(many.std()) == pytest.approx(0.1, rel=0.1)


def test_no_offset_and_no_multires_leave_the_noise_as_it_is() -> None:
    noise_CHW = draw_normal((4, 6, 5), 1, "noise")
    assert add_offset(noise_CHW, 0, 1, 0) is noise_CHW
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
    drawn = [draw_timestep(EPSILON, 3, number) for number in range(20_000)]
    assert min(drawn) < 5
    assert max(drawn) > 994
    assert np.histogram(drawn, bins=10, range=(0, 1000))[0] == pytest.approx([2000] * 10, rel=0.1)
    assert draw_timestep(EPSILON, 3, 17) == drawn[17]


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
