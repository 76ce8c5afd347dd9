"""What the trainer sees (E8): the very captions that the engine's loader makes, step by step."""

from __future__ import annotations

import pytest
import torch

from enogu.captions.rules.fed import FedPicture, captions_fed
from enogu.engine.data.latent_cache import Latents
from enogu.engine.data.loader import TrainSet, make_batch
from enogu.engine.noise import NoiseSchedule, scaled_linear_alpha_bar
from enogu.errors import WrongUse
from enogu.recipe import PictureSize, plan_training, recipe_from_values

PICTURES = [
    FedPicture(str(number), f"{number}.png", f"hat, smile, boots, tag {number}\nnot read", 64, 64, 2)
    for number in range(3)
]
RECIPE = recipe_from_values(
    {
        "trigger": "zdm",
        "seed": 7,
        "training": {"batch_size": 2, "epochs": 3, "gradient_accumulation": 2},
        "captions": {"shuffle": True, "tag_dropout_rate": 0.3, "dropout_rate": 0.1, "keep_tokens": 2},
    }
)


def test_the_captions_shown_are_those_that_the_engine_feeds() -> None:
    """E8."""
    plan = plan_training(RECIPE, [PictureSize(f"{n:06d}", one.width, one.height, one.repeats)
                                  for n, one in enumerate(PICTURES, 1)])  # fmt: skip
    latents = {(index, False): Latents(torch.zeros(4, 8, 8), torch.zeros(4, 8, 8)) for index in range(3)}
    schedule = NoiseSchedule(scaled_linear_alpha_bar())
    wanted: list[str] = []
    step = 0  # the engine counts steps that are done
    for epoch in range(1, plan.num_epochs + 1):
        for batches in plan.epoch_updates(epoch):
            for micro_step, batch in enumerate(batches):
                texts = [one.caption for one in PICTURES]
                wanted += make_batch(
                    RECIPE, schedule, TrainSet(latents, texts), batch, step, micro_step, epoch=epoch
                ).captions
            step += 1
    found, num_steps = captions_fed(RECIPE, PICTURES, step=1, most=1000)
    assert ([one.fed for one in found], num_steps) == (wanted, plan.num_steps)
    assert len({one.fed for one in found}) > 3
    later, _ = captions_fed(RECIPE, PICTURES, step=3, most=2)
    assert [one.step for one in later] == [3, 3]
    assert later[0] in found


def test_a_step_that_the_run_does_not_have_is_refused() -> None:
    with pytest.raises(WrongUse, match="no step"):
        captions_fed(RECIPE, PICTURES, step=1000, most=3)
