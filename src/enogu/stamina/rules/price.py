"""What a run costs, as a function of its plan; the quote is the bill (A4).

The model, with R the resolution in pixels:

    pictures  per_picture × pictures_seen × (R / 512)² × (1 + dim / dim_that_doubles)
    steps     per_step × steps
    previews  per_preview_step × previews × preview_steps × preview_pixels / 512²
    start     at_start

summed exactly (fractions of the weights' decimals) and rounded up once, to at least 1. Every part rises with every
field of ``Work``, so the price does. The size that counts is the recipe's and not each bucket's own, which is up to a
fifth smaller by rounding: a quote should not jump about for that. Not counted, because they change little: the parts
that learn, precision, optimizer, caching. The weights are explained in ``plans.toml``, where they live.
"""

from __future__ import annotations

import math
from fractions import Fraction

from enogu.errors import WrongUse
from enogu.recipe import TrainPlan, TrainRecipe
from enogu.stamina.entities import MOST_STAMINA, PriceWeights, Quote, QuotePart, Work

UNIT_PIXELS = 512 * 512
"""The weights are for pictures of this many pixels."""


def work_of(recipe: TrainRecipe, plan: TrainPlan, family: str) -> Work:
    """What ``plan``, made of ``recipe``, will do on a base model of ``family``."""
    rules = recipe.previews
    resolution = recipe.pictures.resolution
    return Work(
        family=family,
        pictures_seen=sum(plan.seen_per_picture),
        steps=plan.num_steps,
        resolution=resolution,
        dim=recipe.adapter.dim,
        previews=len(rules.prompts) * rules.count * num_previewed_files(recipe, plan),
        preview_steps=rules.steps,
        preview_pixels=(rules.width or resolution) * (rules.height or resolution),
    )


def num_previewed_files(recipe: TrainRecipe, plan: TrainPlan) -> int:
    """How many of the saved files get previews: those of every n-th epoch, and the last (F27)."""
    every = recipe.previews.every_n_epochs
    return sum(file.epoch % every == 0 or file.epoch == plan.num_epochs for file in plan.saved_files)


def price(work: Work, weights: PriceWeights) -> Quote:
    """The quote for ``work``. Raises WrongUse when its family has no weights, or when the sum is absurd."""
    family = weights.families.get(work.family)
    if family is None:
        raise WrongUse(
            f"There is no price for base models of the family {work.family}.",
            f"Add [price.families.{work.family}] to plans.toml.",
        )
    size = Fraction(work.resolution * work.resolution, UNIT_PIXELS)
    of_adapter = 1 + Fraction(work.dim, weights.dim_that_doubles)
    preview_size = Fraction(work.preview_pixels, UNIT_PIXELS)
    parts = (
        QuotePart(
            "pictures", work.pictures_seen, Fraction(family.per_picture) * work.pictures_seen * size * of_adapter
        ),
        QuotePart("steps", work.steps, Fraction(family.per_step) * work.steps),
        QuotePart(
            "previews",
            work.previews,
            Fraction(family.per_preview_step) * work.previews * work.preview_steps * preview_size,
        ),
        QuotePart("start", 1, Fraction(weights.at_start)),
    )
    stamina = max(1, math.ceil(sum(part.stamina for part in parts)))
    if stamina > MOST_STAMINA:
        raise WrongUse(f"This run would cost {stamina:,} stamina.", "Use fewer pictures, repeats or epochs.")
    return Quote(stamina, parts, work)
