"""``enogu run-demo``: train the shipped mascot on the shipped base model, and lay out what to look at.

Goes on by itself when an earlier start was interrupted; a demo that is complete is trained anew, unless --resume is
given, which then only draws the sheets again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from enogu.cli.options import BaseOption, ResumeOption, SetOption
from enogu.cli.output import Call, call_of
from enogu.errors import WrongUse

if TYPE_CHECKING:
    from PIL import Image

    from enogu.cli.preparation import Preparation
    from enogu.engine.families import LoadedBase
    from enogu.imaging.folder import PictureFolder
    from enogu.recipe import TrainRecipe


def run_demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for everything the demo leaves.")],
    resume: ResumeOption = False,
    base: BaseOption = None,
    settings: SetOption = None,
) -> None:
    """See it work: train a character from 7 shipped pictures in minutes, then look at two sheets.

    Needs no GPU and no network. Leaves ten LoRA files, previews, sheet.png (how the character comes out epoch by epoch)
    and weights.png (without the LoRA, and at three weights).
    """
    from enogu.cli import demo
    from enogu.cli.train import announce, remove_run, run_training

    call = call_of(context)
    preparation = _prepare(call, base, settings or [])
    announce(call, preparation)
    done = None
    if resume or _is_unfinished(out, preparation):
        try:
            done = run_training(call, preparation, out, resume=True)
        except WrongUse as error:  # the state is that of an older demo: another recipe, other pictures, another base
            call.output.say(f"{error.message} Starting over.", style="yellow")
    if done is None:
        remove_run(out, preparation)
        done = run_training(call, preparation, out, resume=False)
    without_lora = _draw_weight_sheet(call, preparation.recipe, done.base, done.files[-1], out)
    _lay_out_epochs(call, preparation, out, without_lora)
    sheet, weights = out / demo.SHEET_FILE, out / demo.WEIGHT_SHEET_FILE
    call.output.say()
    call.output.say(f"Look at {sheet} (each epoch, three prompts)")
    call.output.say(f"    and {weights} (no LoRA, and three weights).")
    call.output.tell_line(
        {"event": "SheetsDrawn", "sheet": str(sheet), "weights": str(weights), "lora": str(done.files[-1])}
    )


def _prepare(call: Call, base: str | None, settings: list[str]) -> Preparation:
    from enogu import starter_data
    from enogu.base_models import find_base_model
    from enogu.cli.demo import IDENTITY_TAGS, PRESET, demo_recipe
    from enogu.cli.preparation import Preparation, plan_of
    from enogu.cli.recipes import ChosenRecipe
    from enogu.imaging.folder import read_folder
    from enogu.recipe import with_settings

    recipe = with_settings(demo_recipe(base or "starter"), settings)
    found = find_base_model(recipe.base_model, call.settings)
    folder = _without_tags(read_folder(starter_data.path("pictures", "mame_kohya")), IDENTITY_TAGS)
    chosen = ChosenRecipe(recipe, ", ".join([f"preset {PRESET}", *settings]))
    note = (
        f"{len(IDENTITY_TAGS)} tags ({', '.join(IDENTITY_TAGS)}) are left out of the captions: the trigger learns them."
    )
    return Preparation(folder, chosen, found, plan_of(recipe, folder), None, {}, (*folder.notes, note))


def _without_tags(folder: PictureFolder, tags: tuple[str, ...]) -> PictureFolder:
    """The same folder with these tags deleted from every caption; the files are not touched."""
    from dataclasses import replace

    from enogu.recipe import split_tags

    def pruned(caption: str) -> str:
        return ", ".join(tag for tag in split_tags(caption) if tag not in tags)

    return replace(folder, pictures=tuple(replace(p, caption=pruned(p.caption)) for p in folder.pictures))


def _is_unfinished(out: Path, preparation: Preparation) -> bool:
    """Whether a state lies in ``out`` but not the last file."""
    from enogu.cli.train import has_state

    return has_state(out, preparation) and not (out / preparation.plan.saved_files[-1].filename).exists()


def _draw_weight_sheet(
    call: Call, recipe: TrainRecipe, base: LoadedBase, lora_path: Path, out: Path
) -> list[Image.Image]:
    """weights.png, its pictures under weights/; returns those without the LoRA."""
    from enogu.cli.demo import WEIGHT_SHEET_FILE, WEIGHTS
    from enogu.engine.infotext_of import drawing_parameters
    from enogu.engine.lora_file import load_lora
    from enogu.engine.previews import preview_requests
    from enogu.engine.sample import draw
    from enogu.imaging.infotext import save_png
    from enogu.imaging.sheets import labelled_sheet

    call.output.say("Drawing the weight sheet …")
    lora = load_lora(lora_path)
    requests = preview_requests(recipe, base.family.pixel_step)
    rows: list[list[Image.Image]] = []
    for index, request in enumerate(requests):
        row: list[Image.Image] = []
        for weight in WEIGHTS:
            loras = [] if weight is None else [(lora, weight)]
            (drawing,) = draw(base, request, loras)
            row.append(drawing.image)
            name = f"{index:02d}_{'no_lora' if weight is None else f'weight_{weight:.1f}'}.png"
            save_png(drawing.image, out / "weights" / name, drawing_parameters(base, request, loras, drawing.seed))
        rows.append(row)
    labels = ["no LoRA" if weight is None else f"weight {weight:.1f}" for weight in WEIGHTS]
    sheet = labelled_sheet(rows, _prompt_labels(recipe), labels, f"{recipe.output_name}: weights")
    save_png(sheet, out / WEIGHT_SHEET_FILE)
    return [row[0] for row in rows]


def _lay_out_epochs(call: Call, preparation: Preparation, out: Path, without_lora: list[Image.Image]) -> None:
    """sheet.png: a row for each prompt; no LoRA, then each epoch, from the previews that were drawn on the way."""
    from enogu.cli.demo import SHEET_FILE
    from enogu.engine.previews import preview_path
    from enogu.imaging.decoding import open_picture
    from enogu.imaging.infotext import save_png
    from enogu.imaging.sheets import labelled_sheet

    recipe = preparation.recipe
    files = preparation.plan.saved_files
    rows: list[list[Image.Image | None]] = []
    for index, before in enumerate(without_lora):
        row: list[Image.Image | None] = [before]
        for file in files:
            path = preview_path(out / file.filename, recipe, file.epoch, index, recipe.previews.seed)
            row.append(open_picture(path).image if path.exists() else None)
        rows.append(row)
    labels = ["no LoRA", *(f"epoch {file.epoch}" for file in files)]
    title = f"{recipe.output_name}: epoch by epoch, at weight {recipe.previews.weight:.1f}"
    save_png(labelled_sheet(rows, _prompt_labels(recipe), labels, title), out / SHEET_FILE)


def _prompt_labels(recipe: TrainRecipe) -> tuple[str, ...]:
    """Short words for the demo's own prompts; prompts of a --set stand for themselves."""
    from enogu.cli.demo import PROMPT_LABELS, PROMPTS

    return PROMPT_LABELS if recipe.previews.prompts == PROMPTS else recipe.previews.prompts
