"""What the trainer sees: the captions of one step as they go to the text encoder (E8).

The same plan, the same chance and the same function as in the engine, so these are the captions and not examples of
them: ``engine/data/loader.py`` draws by (seed, "caption", step, micro-step, sample) and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from enogu.errors import WrongUse
from enogu.recipe import CaptionRules, PictureSize, TrainRecipe, final_caption, plan_training
from enogu.recipe.draws import random_for


@dataclass(frozen=True)
class FedPicture:
    """One picture as far as its caption's way to the trainer goes."""

    picture_id: str
    name: str
    caption: str
    width: int
    height: int
    repeats: int


@dataclass(frozen=True)
class FedCaption:
    """One caption at one step."""

    picture_id: str
    name: str
    epoch: int
    step: int
    written: str
    fed: str
    """Empty when the recipe drops it this time."""


def captions_fed(
    recipe: TrainRecipe, pictures: Sequence[FedPicture], *, step: int, most: int
) -> tuple[tuple[FedCaption, ...], int]:
    """The first ``most`` captions from ``step`` (counted from 1) on, and how many steps the run has.

    Raises WrongUse when there is no such step or no picture.
    """
    sizes = [PictureSize(f"{number:06d}", one.width, one.height, one.repeats) for number, one in enumerate(pictures, 1)]
    plan = plan_training(recipe, sizes)
    if not 1 <= step <= plan.num_steps:
        raise WrongUse(f"There is no step {step:,}.", f"This run has {plan.num_steps:,} steps.")
    found: list[FedCaption] = []
    first_epoch = (step - 1) // plan.steps_per_epoch + 1
    for epoch in range(first_epoch, plan.num_epochs + 1):
        for in_epoch, batches in enumerate(plan.epoch_updates(epoch), 1):
            number = (epoch - 1) * plan.steps_per_epoch + in_epoch
            if number < step:
                continue
            for micro_step, batch in enumerate(batches):
                for sample, index in enumerate(batch.picture_indices):
                    one = pictures[index]
                    chance = random_for(recipe.seed, "caption", number - 1, micro_step, sample)
                    fed = final_caption(one.caption, recipe.captions, trigger=recipe.trigger, rng=chance, epoch=epoch)
                    found.append(FedCaption(one.picture_id, one.name, epoch, number, one.caption, fed))
                    if len(found) == most:
                        return tuple(found), plan.num_steps
    return tuple(found), plan.num_steps


def with_trigger(text: str, trigger: str) -> str:
    """A caption as it is fed when nothing is left to chance."""
    return final_caption(text, CaptionRules(), trigger=trigger, rng=random_for(0, "none of these rules draws"), epoch=1)
