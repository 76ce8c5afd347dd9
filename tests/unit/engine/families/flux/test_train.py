"""A tiny Flux is trained, saved, opened by diffusers and drawn; its own strengths of noise (C2, G2, facts 2d)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FluxPipeline

from enogu.engine.data.latent_cache import PlacedPicture, latents_of, picture_sha256
from enogu.engine.families import LoadedBase, TextRules
from enogu.engine.flow import FlowSchedule, shifted
from enogu.engine.loop import TrainPicture
from enogu.engine.lora_file import load_lora
from enogu.engine.memory import gradient_checkpointing
from enogu.engine.noise import draw_normal
from enogu.engine.sample import DrawRequest, draw
from enogu.errors import WrongUse
from enogu.recipe import TrainRecipe
from enogu.recipe.draws import random_for
from enogu.recipe.flow import FlowRules
from enogu.recipe.noise import NoiseRules
from enogu.recipe.plan import PictureSize, plan_training
from enogu.weights.header import read_header
from enogu.weights.lora_facts import describe_lora
from tests.unit.engine.tiny_run import header_of, loss_with, tiny_recipe, tiny_train


@pytest.fixture(scope="module")
def lora_path(
    tiny_flux: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two epochs of the transformer and CLIP-L."""
    run = tiny_train(tiny_recipe("previews.sampler=euler"), tiny_pictures, tiny_flux, tmp_path_factory.mktemp("out"))
    assert run.result is not None
    return run.result.files[-1]


def test_a_run_on_it_learns_the_pictures(
    tiny_flux: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], lora_path: Path
) -> None:
    before = loss_with(tiny_flux, tiny_recipe(), tiny_pictures, None)
    assert loss_with(tiny_flux, tiny_recipe(), tiny_pictures, load_lora(lora_path).tensors) < 0.99 * before


def test_the_file_has_kohyas_names_and_says_that_it_is_flux(lora_path: Path) -> None:
    header = read_header(lora_path)
    told = describe_lora(header.metadata, header.shapes)
    assert (told["family"], told["layout"]) == ("flux", "kohya")
    assert told["modules"] == {"unet": 2 * 10 + 2 * 3, "text_encoder": 12}
    metadata = header_of(lora_path)["__metadata__"]
    assert (metadata["ss_base_model_version"], metadata["modelspec.architecture"]) == ("flux1", "flux-1-dev/lora")
    assert "modelspec.prediction_type" not in metadata
    assert (metadata["ss_timestep_sampling"], metadata["ss_discrete_flow_shift"]) == ("shift", "3.1582")


def test_ours_and_diffusers_draw_the_same_without_a_lora(tiny_flux: LoadedBase, tiny_flux_folder: Path) -> None:
    pipeline = FluxPipeline.from_pretrained(tiny_flux_folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(5))
    packed = FluxPipeline._pack_latents(noise, 1, 16, 8, 8)
    theirs = pipeline(
        "mame, bean", num_inference_steps=3, guidance_scale=3.5, width=64, height=64, latents=packed,
        output_type="np",
    ).images[0]  # fmt: skip
    request = DrawRequest("mame, bean", width=64, height=64, steps=3, cfg=3.5, sampler="euler", seed=5)
    ours = draw(tiny_flux, request)[0].image
    np.testing.assert_allclose(np.asarray(ours) / 255, theirs, atol=0.02)


def test_a_lora_shows_in_a_drawing(tiny_flux: LoadedBase, lora_path: Path) -> None:
    request = DrawRequest("mame", width=64, height=64, steps=3, sampler="euler")
    plain = np.asarray(draw(tiny_flux, request)[0].image, dtype=float)
    with_it = np.asarray(draw(tiny_flux, request, [(load_lora(lora_path), 1.0)])[0].image, dtype=float)
    assert np.abs(plain - with_it).mean() > 1


def test_another_sampler_than_eulers_is_refused_with_the_cure(tiny_flux: LoadedBase) -> None:
    with pytest.raises(WrongUse, match="drawn with Euler") as refused:
        draw(tiny_flux, DrawRequest("a", width=64, height=64, sampler="dpmpp_2m"))
    assert "euler" in refused.value.cure


def _drawn(rules: FlowRules, patches: int = 1024) -> torch.Tensor:
    schedule = FlowSchedule(rules=rules)
    return torch.tensor([schedule.timestep(NoiseRules(), patches, 1, n) for n in range(4000)]) / 1000


def test_strengths_of_noise_are_drawn_as_sd_scripts_does() -> None:
    """Their quantiles: a sigmoid of normal numbers, moved by the shift or by the size of the picture."""
    quantiles = torch.tensor([0.1, 0.5, 0.9])
    normal = torch.tensor([-1.2816, 0.0, 1.2816])
    sigma = torch.sigmoid(normal)
    mu = 0.5 + 0.65 * (1024 - 256) / 3840
    wanted = {
        "uniform": quantiles,
        "sigmoid": sigma,
        "shift": 3.1582 * sigma / (1 + 2.1582 * sigma),
        "flux_shift": np.exp(mu) / (np.exp(mu) + (1 / sigma - 1)),
    }
    for kind, values in wanted.items():
        drawn = _drawn(FlowRules(timesteps=kind)).quantile(quantiles)  # pyright: ignore[reportArgumentType]
        torch.testing.assert_close(drawn, values.float(), rtol=0, atol=0.025)
    assert shifted(0.5, 4096) > shifted(0.5, 256) > 0.5


def test_the_line_from_picture_to_noise_and_where_it_leads() -> None:
    schedule = FlowSchedule()
    clean, noise = torch.full((2, 1, 1, 1), 2.0), torch.full((2, 1, 1, 1), -1.0)
    noisy = schedule.noisy(clean, noise, torch.tensor([250.0, 1000.0]))
    assert noisy.flatten().tolist() == pytest.approx([0.75 * 2 - 0.25, -1.0])
    assert schedule.target(clean, noise, torch.tensor([250.0, 1000.0])).flatten().tolist() == [-3.0, -3.0]


@pytest.mark.parametrize(
    "settings",
    [
        ("flow.guidance=4",),
        ("flow.timesteps=uniform",),
        ("flow.timesteps=sigmoid", "flow.sigmoid_scale=0.3"),
        ("flow.timesteps=shift", "flow.shift=9"),
        ("flow.timesteps=flux_shift",),
        ("noise.input_perturbation=0.5",),
        ("loss.kind=huber",),
    ],
)
def test_the_first_step_has_the_loss_that_the_formulas_say(
    tiny_flux: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, settings: tuple[str, ...]
) -> None:
    """Facts 2d, written out: at the first step an adapter changes nothing. The random numbers and networks are ours."""
    always = ("training.epochs=1", "training.batch_size=1", "pictures.buckets=false", "previews.sampler=euler")
    recipe = tiny_recipe(*always, *settings)
    run = tiny_train(recipe, tiny_pictures, tiny_flux, tmp_path / "out")
    wanted = _loss_of_first_step(recipe, tiny_pictures, tiny_flux)
    assert run.losses[0] == pytest.approx(wanted, rel=2e-4)
    assert abs(wanted / _loss_of_first_step(tiny_recipe(*always), tiny_pictures, tiny_flux) - 1) > 2e-4


def _loss_of_first_step(recipe: TrainRecipe, pictures: tuple[TrainPicture, ...], base: LoadedBase) -> float:
    o = recipe.model_dump()
    plan = plan_training(recipe, [PictureSize(str(p.path), p.width, p.height, p.repeats) for p in pictures])
    (index,) = plan.epoch_batches(1)[0].picture_indices
    picture = pictures[index]
    placed = PlacedPicture(picture.path, picture_sha256(picture.path), plan.placements[index], "#ffffff")
    posterior = latents_of(base, [placed], flips=(False,), folder=None, progress=lambda *_: None)[0, False]
    clean, noise, extra = (
        draw_normal(tuple(posterior.mean_CHW.shape), recipe.seed, stream, 0, 0, 0)
        for stream in ("latent", "noise", "input_perturbation")
    )
    clean = posterior.mean_CHW + posterior.std_CHW * clean
    chance, kind = random_for(recipe.seed, "timestep", 0, 0, 0), o["flow"]["timesteps"]
    sigma = chance.random() if kind == "uniform" else 1 / (1 + np.exp(-o["flow"]["sigmoid_scale"] * chance.gauss(0, 1)))
    shift = {"shift": o["flow"]["shift"], "flux_shift": np.exp(0.5 + 0.65 * (16 - 256) / 3840)}.get(kind, 1.0)
    sigma = shift * sigma / (1 + (shift - 1) * sigma)
    shown = (1 - sigma) * clean + sigma * (noise + o["noise"]["input_perturbation"] * extra)
    told = base.family.encode_captions(base, [f"{recipe.trigger}, {picture.caption}"], TextRules())
    with torch.no_grad():
        predicted = base.family.predict(
            base, shown[None].float(), torch.tensor([sigma * 1000]), replace(told, guidance=o["flow"]["guidance"])
        )[0]
    difference = predicted.double() - (noise - clean).double()
    if o["loss"]["kind"] == "l2":
        return float(difference.square().mean())
    bound = 0.9 / (1 + sigma / (1 - sigma)) ** 2 + 0.1
    return float((2 * bound * ((difference**2 + bound**2).sqrt() - bound)).mean())


def test_checkpointing_drops_nothing_out_of_t5(tiny_flux: LoadedBase) -> None:
    """T5's attention drops out a tenth where it counts as in training, which checkpointing makes it do."""
    with torch.no_grad():
        plain = tiny_flux.family.encode_captions(tiny_flux, ["mame, bean"], TextRules())
        with gradient_checkpointing(tiny_flux.networks, on=True):
            checkpointed = tiny_flux.family.encode_captions(tiny_flux, ["mame, bean"], TextRules())
    assert torch.equal(plain.states_BTC, checkpointed.states_BTC)
