"""One step's batch: every draw a function of (seed, stream, step, micro-step, sample) (architecture: the engine)."""

from __future__ import annotations

import torch

from enogu.engine.data.latent_cache import Latents
from enogu.engine.data.loader import TrainBatch, TrainSet, held_out_batch, make_batch
from enogu.engine.noise import NoiseSchedule, scaled_linear_alpha_bar
from enogu.recipe.buckets import Bucket
from enogu.recipe.plan import Batch
from tests.unit.engine.tiny_run import tiny_recipe

SCHEDULE = NoiseSchedule(scaled_linear_alpha_bar())
V_SCHEDULE = NoiseSchedule(scaled_linear_alpha_bar(), "v_prediction")
CAPTIONS = ("1girl, hat", "1boy\nsecond line")


def _latents() -> dict[tuple[int, bool], Latents]:
    return {
        (index, flip): Latents(torch.full((4, 8, 8), index + 10.0 * flip), torch.full((4, 8, 8), 0.0))
        for index in range(2)
        for flip in (False, True)
    }


def _batch(*indices: int, settings: tuple[str, ...] = (), step: int = 5, micro_step: int = 0) -> TrainBatch:
    batch = Batch(Bucket(64, 64), indices)
    return make_batch(tiny_recipe(*settings), SCHEDULE, TrainSet(_latents(), CAPTIONS), batch, step, micro_step)


def test_the_same_place_in_the_run_gives_the_same_batch_and_any_other_place_another() -> None:
    first, again = _batch(0, 1), _batch(0, 1)
    assert torch.equal(first.noisy_BCHW, again.noisy_BCHW)
    assert torch.equal(first.target_BCHW, again.target_BCHW)
    assert torch.equal(first.timesteps_B, again.timesteps_B)
    for other in (_batch(0, 1, step=6), _batch(0, 1, micro_step=1), _batch(0, 1, settings=("seed=8",))):
        assert not torch.equal(other.target_BCHW, first.target_BCHW)
        assert not torch.equal(other.timesteps_B, first.timesteps_B)


def test_a_samples_noise_does_not_depend_on_its_company() -> None:
    options = ("noise.multires_iterations=4", "noise.offset=0.1")
    alone, together = _batch(0, settings=options), _batch(0, 1, settings=options)
    assert torch.equal(alone.noisy_BCHW[0], together.noisy_BCHW[0])
    assert torch.equal(alone.target_BCHW[0], together.target_BCHW[0])
    assert not torch.equal(together.target_BCHW[0], together.target_BCHW[1])


def test_noised_latents_follow_the_forward_process() -> None:
    batch = _batch(1, 0)
    for sample, index in enumerate((1, 0)):
        alpha_bar = float(SCHEDULE.alpha_bar[batch.timesteps_B[sample]])
        wanted = alpha_bar**0.5 * index + (1 - alpha_bar) ** 0.5 * batch.target_BCHW[sample]
        torch.testing.assert_close(batch.noisy_BCHW[sample], wanted)


def test_the_autoencoders_spread_is_drawn_anew_each_step() -> None:
    latents = {(0, False): Latents(torch.zeros(4, 8, 8), torch.ones(4, 8, 8))}
    drawn: list[torch.Tensor] = []
    for step in range(2):
        batch = Batch(Bucket(64, 64), (0,))
        made = make_batch(tiny_recipe(), V_SCHEDULE, TrainSet(latents, CAPTIONS), batch, step, 0)
        alpha_bar = V_SCHEDULE.alpha_bar[made.timesteps_B[0]]
        drawn.append(alpha_bar.sqrt() * made.noisy_BCHW[0] - (1 - alpha_bar).sqrt() * made.target_BCHW[0])
    assert 0.8 < float(drawn[0].std()) < 1.2
    assert not torch.allclose(drawn[0], drawn[1], atol=0.1)


def test_flips_and_captions_follow_the_rules() -> None:
    """F16 and D8: the trigger comes first, only the first line counts."""
    assert _batch(0, 1).captions == ("mame, 1girl, hat", "mame, 1boy")
    assert _batch(0, settings=("captions.dropout_rate=0.999",)).captions == ("",)
    means = [
        float((b.noisy_BCHW - (1 - SCHEDULE.alpha_bar[b.timesteps_B]).sqrt() * b.target_BCHW).mean())
        / float(SCHEDULE.alpha_bar[b.timesteps_B].sqrt())
        for b in (_batch(0, settings=("pictures.flip=true",), step=step) for step in range(60))
    ]
    flipped = sum(abs(mean - 10) < 0.1 for mean in means)
    assert all(abs(mean) < 0.1 or abs(mean - 10) < 0.1 for mean in means)
    assert 15 < flipped < 45


def test_each_sample_of_a_batch_has_its_tags_mixed_by_itself() -> None:
    """F16: as sd-scripts, which mixes a picture's tags each time that it is used, also twice in one batch."""
    pictures = TrainSet(_latents(), (", ".join("abcdefgh"),))
    batch = make_batch(tiny_recipe("captions.shuffle=true"), SCHEDULE, pictures, Batch(Bucket(64, 64), (0,) * 4), 5, 0)
    assert len(set(batch.captions)) == 4
    assert all(sorted(text.removeprefix("mame, ").split(", ")) == [*"abcdefgh"] for text in batch.captions)


def test_captions_are_left_out_in_the_epochs_that_the_recipe_names() -> None:
    """F28: in every third epoch, whatever the step."""
    recipe = tiny_recipe("captions.dropout_every_n_epochs=3")
    pictures, batch = TrainSet(_latents(), CAPTIONS), Batch(Bucket(64, 64), (1,))
    texts = [make_batch(recipe, SCHEDULE, pictures, batch, 5, 0, epoch=epoch).captions[0] for epoch in range(1, 7)]
    assert texts == ["mame, 1boy", "mame, 1boy", "", "mame, 1boy", "mame, 1boy", ""]


def test_regularisation_pictures_have_their_weight_and_no_trigger() -> None:
    """F28: sd-scripts' prior_loss_weight, 1 for the others."""
    recipe = tiny_recipe("pictures.prior_loss_weight=0.25")
    pictures = TrainSet(_latents(), CAPTIONS, regularisation=frozenset({1}))
    batch = make_batch(recipe, SCHEDULE, pictures, Batch(Bucket(64, 64), (0, 1, 0)), 5, 0)
    assert batch.weights_B.tolist() == [1, 0.25, 1]
    assert batch.captions == ("mame, 1girl, hat", "1boy", "mame, 1girl, hat")


def test_a_batch_has_masks_only_where_one_of_its_pictures_has_one() -> None:
    """F28: all of a picture without one counts."""
    mask = torch.rand(1, 8, 8)
    pictures = TrainSet(_latents(), CAPTIONS, masks={(1, False): mask})
    recipe = tiny_recipe()
    batch = make_batch(recipe, SCHEDULE, pictures, Batch(Bucket(64, 64), (0, 1)), 5, 0)
    assert batch.masks_B1HW is not None
    assert torch.equal(batch.masks_B1HW, torch.stack([torch.ones(1, 8, 8), mask]))
    assert make_batch(recipe, SCHEDULE, pictures, Batch(Bucket(64, 64), (0, 0)), 5, 0).masks_B1HW is None


def test_a_held_out_picture_is_measured_at_four_fixed_noises_with_its_caption_as_it_is() -> None:
    """sd-scripts' 200, 400, 600, 800; nothing is left to chance from one measurement to the next."""
    recipe = tiny_recipe("captions.shuffle=true", "captions.dropout_rate=0.9", "pictures.flip=true")
    pictures = TrainSet(_latents(), CAPTIONS)
    first = held_out_batch(recipe, SCHEDULE, pictures, Bucket(64, 64), 1, 4)
    again = held_out_batch(recipe, SCHEDULE, pictures, Bucket(64, 64), 1, 4)
    assert first.timesteps_B.tolist() == [200, 400, 600, 800]
    assert first.captions == ("mame, 1boy",) * 4
    assert torch.equal(first.noisy_BCHW, again.noisy_BCHW)
    assert torch.equal(first.target_BCHW, again.target_BCHW)
