"""What ``plan`` says and ``train`` does, decided in one place and without torch: pictures, recipe, base model, plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enogu.base_models import BaseModelFolder, find_base_model
from enogu.cli.recipes import ChosenRecipe, RecipeWish, choose_recipe
from enogu.errors import WrongUse
from enogu.imaging.folder import PictureFolder, parse_kohya_name, read_folder
from enogu.recipe import PictureSize, TrainPlan, TrainRecipe, describe_plan, plan_training
from enogu.recipe.for_family import refuse_for_family
from enogu.settings import Settings
from enogu.weights.families import title

RECIPE_FILE = "recipe.toml"


@dataclass(frozen=True)
class Preparation:
    """Everything that is known before the first step."""

    folder: PictureFolder
    chosen: ChosenRecipe
    base: BaseModelFolder
    plan: TrainPlan
    regularisation: PictureFolder | None
    masks: dict[str, Path]
    """By the name of the picture without its ending."""
    notes: tuple[str, ...]
    """Sentences a person should read before the run: on the folder, on captions, on sizes."""

    @property
    def recipe(self) -> TrainRecipe:
        """The recipe of the run."""
        return self.chosen.recipe


def prepare(
    settings: Settings,
    pictures: Path,
    wish: RecipeWish,
    *,
    resumed: Path | None = None,
    regularisation: Path | None = None,
    masks: Path | None = None,
) -> Preparation:
    """Read the folders, choose the recipe, find the base model, count the steps. Trains and writes nothing."""
    folder = read_folder(pictures)
    spared = None if regularisation is None else read_folder(regularisation)
    found_masks = {} if masks is None else _masks(masks, folder)
    has_repeats = any(parse_kohya_name(picture.path.resolve().parent.name) for picture in folder.pictures)
    is_chosen = wish.recipe_file is not None or wish.preset is not None or resumed is not None
    family = "" if is_chosen or wish.base is None else find_base_model(wish.base, settings).family
    chosen = choose_recipe(wish, resumed=resumed, folder_has_repeats=has_repeats, family=family)
    base = find_base_model(chosen.recipe.base_model, settings)
    refuse_for_family(chosen.recipe, base.family, title(base.family))
    if found_masks and not chosen.recipe.pictures.masked_loss:
        raise WrongUse(
            "Masks do nothing while pictures.masked_loss is off.",
            "Add --set pictures.masked_loss=true, or leave --masks out.",
        )
    plan = plan_of(chosen.recipe, folder, spared)
    notes = (*folder.notes, *(spared.notes if spared else ()), *_notes(folder, chosen.recipe, base))
    return Preparation(folder, chosen, base, plan, spared, found_masks, notes)


def plan_of(recipe: TrainRecipe, folder: PictureFolder, regularisation: PictureFolder | None = None) -> TrainPlan:
    """The plan of these pictures, as the engine will make it too."""
    sizes = [
        PictureSize(str(p.path), p.info.width, p.info.height, p.repeats, is_regularisation)
        for is_regularisation, one in ((False, folder), (True, regularisation))
        for p in (one.pictures if one else ())
    ]
    return plan_training(recipe, sizes)


def _masks(masks: Path, folder: PictureFolder) -> dict[str, Path]:
    """The masks by their pictures' names without ending. Raises WrongUse when none belongs to a picture."""
    names = {picture.path.stem for picture in folder.pictures}
    found = {path.stem: path for path in sorted(masks.rglob("*")) if path.is_file() and path.stem in names}
    if not found:
        raise WrongUse(
            f"No file in {masks} has the name of a picture.", "Name a mask as its picture: hat.png for hat.jpg."
        )
    return found


def describe(preparation: Preparation) -> str:
    """What will happen, for a person."""
    p = preparation
    buckets = ", ".join(
        f"{count.bucket.width}x{count.bucket.height} ({count.num_pictures})" for count in p.plan.bucket_counts
    )
    lines = [
        f"Pictures    {len(p.folder.pictures)} in {p.folder.path}",
        *([f"Beside them {len(p.regularisation.pictures)} in {p.regularisation.path}"] if p.regularisation else []),
        *([f"Masks       {len(p.masks)}"] if p.masks else []),
        f"Base model  {p.base.name} ({p.base.size_bytes / 1e6:.0f} MB)",
        f"Recipe      {p.chosen.source}",
        f"Buckets     {buckets}",
    ]
    return "\n".join([*lines, "", describe_plan(p.plan)])


def warnings_of(preparation: Preparation) -> list[str]:
    """Refused pictures with their reasons, then the notes."""
    folders = (preparation.folder, preparation.regularisation)
    refused = [f"Left out: {refusal}" for folder in folders if folder for refusal in folder.refused]
    return [*refused, *(f"Note: {note}" for note in preparation.notes)]


def preparation_to_dict(preparation: Preparation) -> dict[str, Any]:
    """The same as plain values, for a machine."""
    p = preparation
    return {
        "pictures": [
            {
                "path": str(picture.path),
                "width": picture.info.width,
                "height": picture.info.height,
                "has_caption": picture.has_caption,
                "bucket": [place.bucket.width, place.bucket.height],
                "seen": seen,
            }
            for picture, place, seen in zip(p.folder.pictures, p.plan.placements, p.plan.seen_per_picture, strict=False)
        ],
        "num_regularisation_pictures": len(p.regularisation.pictures) if p.regularisation else 0,
        "num_held_out": len(p.plan.held_out),
        "refused": [str(refusal) for refusal in p.folder.refused],
        "notes": list(p.notes),
        "base_model": {"name": p.base.name, "family": p.base.family, "folder": str(p.base.folder)},
        "recipe_from": p.chosen.source,
        "recipe": p.recipe.model_dump(mode="json"),
        "buckets": [
            {
                "width": count.bucket.width,
                "height": count.bucket.height,
                "pictures": count.num_pictures,
                "uses_per_epoch": count.num_uses,
                "batches_per_epoch": count.num_batches,
            }
            for count in p.plan.bucket_counts
        ],
        "num_epochs": p.plan.num_epochs,
        "steps_per_epoch": p.plan.steps_per_epoch,
        "num_steps": p.plan.num_steps,
        "files": [{"epoch": file.epoch, "step": file.step, "name": file.filename} for file in p.plan.saved_files],
    }


def _notes(folder: PictureFolder, recipe: TrainRecipe, base: BaseModelFolder) -> list[str]:
    notes: list[str] = []
    without = [picture for picture in folder.pictures if not picture.caption]
    if without:
        which = "No picture" if len(without) == len(folder.pictures) else f"{len(without)} pictures do not"
        verb = "has" if which == "No picture" else "have"
        notes.append(f"{which} {verb} a caption: `enogu tag` writes them, and they make the LoRA obey prompts better.")
    if not recipe.trigger:
        notes.append("There is no trigger word: what is learnt will show in every picture. --trigger WORD gives one.")
    if len(folder.pictures) == 1:
        notes.append("There is one picture only: the LoRA will repeat it rather than learn from it.")
    side = native_side(base)
    if side and not side / 2 <= recipe.pictures.resolution <= side * 2:
        notes.append(
            f"{base.name} was made for pictures of {side} pixels, and pictures.resolution is "
            f"{recipe.pictures.resolution}: --set pictures.resolution={side} suits it."
        )
    return notes


def native_side(base: BaseModelFolder) -> int | None:
    """Side in pixels of the pictures that the base model was made for; None when its files do not say."""
    return base.native_side


def refuse_foreign_run(out: Path, preparation: Preparation) -> None:
    """Raise WrongUse when ``out`` already holds a run of this name, which training anew would write over."""
    name = preparation.recipe.output_name
    files = [file.filename for file in preparation.plan.saved_files if (out / file.filename).exists()]
    if files or (out / f"{name}-state").exists():
        held = files[-1] if files else f"the state of {name}"
        raise WrongUse(
            f"{out} already holds {held} of an earlier run.",
            "Add --resume to go on with it, --overwrite to start over, or choose another --out or --name.",
        )
