"""What a run costs, as a function of its plan; the quote is the bill (A4).

The model, with R the resolution in pixels:

    pictures  per_picture × pictures_seen × (network + texts + encoding)
      network   (1 - text_share) × (R / 512)² × (1 + dim / dim_that_doubles), without the dim where it does not learn
      texts     (text_share × passes / 2 + t5_share × passes / 2) × (1 + dim / dim_that_doubles), alike
      encoding  encoding_share × (R / 512)², for pictures that are cut anew each time
    steps     per_step × steps
    previews  per_preview_step × previews × preview_steps × preview_pixels / 512²
    start     at_start

summed exactly (fractions of the weights' decimals) and rounded up once, to at least 1. Every part rises with every
field of ``Work``, so the price does. The size that counts is the recipe's and not each bucket's own, which is up to a
fifth smaller by rounding: a quote should not jump about for that. A text encoder that learns alone spares nothing of
the network, through which its gradient goes. Not counted: precision, optimizer, gradient checkpointing, caching. The
weights are explained in ``plans.toml``, where they live.
"""

from __future__ import annotations

import math
from fractions import Fraction

from enogu.errors import WrongUse
from enogu.recipe import TrainPlan, TrainRecipe
from enogu.stamina.entities import MOST_STAMINA, FamilyWeights, PriceWeights, Quote, QuotePart, Work

UNIT_PIXELS = 512 * 512
"""The weights are for pictures of this many pixels."""


def work_of(recipe: TrainRecipe, plan: TrainPlan, family: str) -> Work:
    """What ``plan``, made of ``recipe``, will do on a base model of ``family``."""
    rules = recipe.previews
    resolution = recipe.pictures.resolution
    trains_text, trains_t5 = recipe.adapter.parts != "unet", recipe.training.train_t5
    # Kept states are of a caption as it is read in the end; a mixed one is hardly ever met again.
    is_read_anew = trains_text or recipe.captions.shuffle or recipe.captions.tag_dropout_rate > 0
    return Work(
        family=family,
        pictures_seen=sum(plan.seen_per_picture),
        steps=plan.num_steps,
        resolution=resolution,
        dim=recipe.adapter.dim if recipe.adapter.parts != "text_encoder" else 0,
        previews=len(rules.prompts) * rules.count * num_previewed_files(recipe, plan),
        preview_steps=rules.steps,
        preview_pixels=(rules.width or resolution) * (rules.height or resolution),
        text_dim=recipe.adapter.dim if trains_text else 0,
        text_passes=(is_read_anew + trains_text) * recipe.captions.max_token_length // 75,
        t5_passes=is_read_anew + trains_t5,
        encodings=int(recipe.pictures.random_crop),
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
    preview_size = Fraction(work.preview_pixels, UNIT_PIXELS)
    parts = (
        QuotePart("pictures", work.pictures_seen, work.pictures_seen * _of_a_picture(work, family, weights, size)),
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


def _of_a_picture(work: Work, family: FamilyWeights, weights: PriceWeights, size: Fraction) -> Fraction:
    """One picture seen once."""
    text_share, t5_share = Fraction(family.text_share), Fraction(family.t5_share)
    network = (1 - text_share) * size * (1 + Fraction(work.dim, weights.dim_that_doubles))
    texts = (text_share * work.text_passes + t5_share * work.t5_passes) / 2
    texts *= 1 + Fraction(work.text_dim, weights.dim_that_doubles)
    encoding = Fraction(family.encoding_share) * size * work.encodings
    return Fraction(family.per_picture) * (network + texts + encoding)
