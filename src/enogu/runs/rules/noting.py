"""What a person should know before starting a run, and what mostly went wrong when it failed: words, no refusals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from enogu.recipe import TrainRecipe, finds_its_rate
from enogu.runs.entities import Failure, FrozenPicture, Note

MANY_PICTURES_SEEN = 1000
"""How often one picture may be seen before a note says that more will not help."""
_SIDE_OF_FAMILY = {"sd15": 512, "sdxl": 1024, "flux": 1024}


def notes_on(
    recipe: TrainRecipe, pictures: Sequence[FrozenPicture], family: str, native_side: int | None = None
) -> tuple[Note, ...]:
    """Sentences to read before starting. ``native_side`` is the size in pixels that the base model was made for, when
    it says so; else its family's.
    """
    return tuple(_notes_on(recipe, pictures, native_side or _SIDE_OF_FAMILY.get(family)))


def failure_of(kind: str, message: str, cure: str, recipe: TrainRecipe, path: str = "", value: Any = None) -> Failure:
    """A failure with the one setting that is the first to change, if one is to blame (G8): the one that was told, or
    what mostly helps.
    """
    if not path:
        path, value = _change_after(kind, message, recipe)
    return Failure(kind, message, cure, path, value, {path: value} if path and value is not None else {})


def _notes_on(recipe: TrainRecipe, listed: Sequence[FrozenPicture], side: int | None) -> Iterator[Note]:
    pictures = [one for one in listed if not one.is_regularisation]
    without = sum(not picture.caption.strip() for picture in pictures)
    if without and without == len(pictures):
        yield Note(
            "no_captions", "captions", "No picture has a caption.", "Tag them: the LoRA will obey prompts better."
        )
    elif without:
        words = "One picture has" if without == 1 else f"{without} pictures have"
        yield Note("some_captions", "captions", f"{words} no caption.", "Tag them, or write captions by hand.")
    if not recipe.trigger and recipe.captions.dropout_rate < 1:
        yield Note(
            "no_trigger", "trigger", "There is no trigger word: what is learnt will show in every picture.",
            "Give one that the base model does not know, such as zdm.",
        )  # fmt: skip
    if len(pictures) == 1:
        yield Note(
            "one_picture", "pictures", "There is one picture only: the LoRA will repeat it rather than learn from it.",
            "Add some, from other sides and in other poses.",
        )  # fmt: skip
    resolution = recipe.pictures.resolution
    if side and not side / 2 <= resolution <= side * 2:
        yield Note(
            "far_from_native_size", "pictures.resolution",
            f"The base model was made for pictures of {side} pixels, and this trains at {resolution}.",
            f"Set pictures.resolution to {side}.",
        )  # fmt: skip
    masked = sum(picture.mask_sha256 is not None for picture in pictures)
    if masked and not recipe.pictures.masked_loss:
        yield Note(
            "masks_unused", "pictures.masked_loss",
            f"{masked} of the pictures have masks or transparent parts, which do nothing while masked loss is off.",
            "Set pictures.masked_loss to true to learn the white or opaque parts only.",
        )  # fmt: skip
    times = [(recipe.pictures.repeats or picture.repeats) * recipe.training.epochs for picture in pictures]
    if times and max(times) > MANY_PICTURES_SEEN:
        yield Note(
            "long_run", "training.epochs", f"A picture is seen {max(times):,} times, which mostly learns it by heart.",
            "50 to 300 times is usual.",
        )  # fmt: skip


def _change_after(kind: str, message: str, recipe: TrainRecipe) -> tuple[str, Any]:
    """The field to change first, and its value, by what failed."""
    if kind in ("OutOfMemory", "OutOfMemoryError") or "out of memory" in message.lower():
        if not recipe.training.gradient_checkpointing:
            return "training.gradient_checkpointing", True
        if recipe.training.batch_size > 1:
            return "training.batch_size", max(1, recipe.training.batch_size // 2)
        smaller = recipe.pictures.resolution * 3 // 4 // 64 * 64
        if smaller >= 256:
            return "pictures.resolution", smaller
        return "adapter.dim", max(1, recipe.adapter.dim // 2)
    if "NaN" in message or "loss became" in message or "infinite" in message:
        if finds_its_rate(recipe.optimizer):
            return "optimizer.kind", "adamw"
        return "optimizer.learning_rate", recipe.optimizer.learning_rate / 4
    if kind == "BaseModelRefused":
        return "base_model", None
    return "", None
