"""Settings that mean nothing to base models of one family (F29): refused before anything is queued.

The recipe does not know base models: whoever found one names its family.
"""

from __future__ import annotations

from collections.abc import Iterator

from enogu.errors import RecipeRefused
from enogu.recipe.contradictions import Contradiction
from enogu.recipe.samplers import SAMPLER_TITLES, samplers_of
from enogu.recipe.section import Section
from enogu.recipe.train import TrainRecipe

_ONLY_DIFFUSION = (
    "noise.min_snr_gamma", "noise.debiased", "noise.scale_v_loss", "noise.v_like_loss", "noise.offset",
    "noise.multires_iterations", "noise.min_timestep", "noise.max_timestep", "noise.prediction",
    "noise.zero_terminal_snr", "captions.weighted", "captions.max_token_length",
)  # fmt: skip
_ONLY_FLOW = ("flow.timesteps", "flow.sigmoid_scale", "flow.shift", "flow.guidance", "training.blocks_to_swap",
              "training.train_t5")  # fmt: skip
_DOES_NOTHING = {"flux": _ONLY_DIFFUSION, "sd15": _ONLY_FLOW, "sdxl": _ONLY_FLOW}
SDXL_CLIP_SKIP = 2


def families_of(path: str) -> tuple[str, ...]:
    """Families of base models that the setting at ``path`` means something to; empty where it does to all (F30)."""
    knowing = tuple(family for family, nothing in _DOES_NOTHING.items() if path not in nothing)
    return () if len(knowing) == len(_DOES_NOTHING) else knowing


def refuse_for_family(recipe: TrainRecipe, family: str, title: str) -> None:
    """Raise RecipeRefused with every setting that base models of ``family`` have no use for; ``title`` names it."""
    if found := tuple(_problems(recipe, family, title)):
        raise RecipeRefused(found)


def _problems(recipe: TrainRecipe, family: str, title: str) -> Iterator[Contradiction]:
    for path in _DOES_NOTHING.get(family, ()):
        section, _, name = path.partition(".")
        rules: Section = getattr(recipe, section)
        if getattr(rules, name) != type(rules).model_fields[name].default:
            yield Contradiction(
                path,
                f"it does nothing on base models of the family {title}.",
                "Leave it out; it is for other families.",
                ("base_model",),
            )
    if family == "sdxl" and recipe.training.clip_skip != SDXL_CLIP_SKIP:
        yield Contradiction(
            "training.clip_skip",
            "SDXL is always read at the layer before the last, which is 2.",
            "Set it to 2, or leave it out.",
            ("base_model",),
        )
    known = samplers_of(family)
    if recipe.previews.prompts and recipe.previews.sampler not in known:
        yield Contradiction(
            "previews.sampler",
            f"{title} is drawn with {SAMPLER_TITLES[known[0]]} alone.",
            f'Set it to "{known[0]}".',
            ("base_model",),
        )
