"""Which LoRA a recipe can train further (G7): one of the base model's family, of its adapter's kind, and no larger."""

from __future__ import annotations

from collections.abc import Iterator

from enogu.errors import RecipeRefused
from enogu.recipe import TrainRecipe
from enogu.recipe.contradictions import Contradiction
from enogu.runs.entities import StartFile
from enogu.weights.families import title, why_not_together


def refuse_start(recipe: TrainRecipe, start: StartFile, base_name: str, base_family: str) -> None:
    """Raise RecipeRefused with everything about ``start`` that does not go with ``recipe``.

    A smaller dim is no contradiction, nor is a LoRA that goes on as a LoCon: the file fills a part of what is trained,
    and the rest begins as new.
    """
    if found := tuple(_problems(recipe, start, base_name, base_family)):
        raise RecipeRefused(found)


def _problems(recipe: TrainRecipe, start: StartFile, base_name: str, base_family: str) -> Iterator[Contradiction]:
    if reason := why_not_together(start.name, start.family, base_name, base_family):
        yield Contradiction(
            "start_from", reason, f"Choose a base model of {title(start.family)}, or another LoRA.", ("base_model",)
        )
        return
    adapter = recipe.adapter
    if start.kind not in ("", adapter.kind) and (start.kind, adapter.kind) != ("lora", "locon"):
        yield Contradiction(
            "adapter.kind",
            f"'{start.name}' is a {start.kind}, and a {adapter.kind} is to be trained.",
            f'Set it to "{start.kind}".',
            ("start_from",),
        )
    elif start.dim is not None and start.dim > adapter.dim:
        yield Contradiction(
            "adapter.dim",
            f"'{start.name}' has dim {start.dim:g}, and {adapter.dim} are to be trained.",
            f"Set it to {start.dim:g} or more.",
            ("start_from",),
        )
