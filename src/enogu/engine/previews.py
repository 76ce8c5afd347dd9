"""Preview pictures of an epoch, drawn from the file that was saved, by the code that draws every other picture.

What is shown is therefore what the file does. A preview that cannot be drawn never stops the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from enogu.engine.adapters.lora import Target
from enogu.engine.events import Event, Sampled, SampleFailed
from enogu.engine.families import LoadedBase
from enogu.engine.infotext_of import drawing_parameters
from enogu.engine.lora_file import LoraFile, load_lora
from enogu.engine.sample import DrawRequest, draw_each
from enogu.imaging.infotext import save_png
from enogu.recipe import TrainRecipe


def preview_path(lora_file: Path, recipe: TrainRecipe, epoch: int, prompt_index: int, seed: int) -> Path:
    """``sample/{name}_e000003_00_1.png`` beside the LoRA file, as sd-scripts names them but for the time of day."""
    return lora_file.parent / "sample" / f"{recipe.output_name}_e{epoch:06d}_{prompt_index:02d}_{seed}.png"


def step_preview_path(out: Path, recipe: TrainRecipe, step: int, prompt_index: int, seed: int) -> Path:
    """``sample/{name}_000123_00_1.png``: a preview that was asked for between two steps, as sd-scripts names it."""
    return out / "sample" / f"{recipe.output_name}_{step:06d}_{prompt_index:02d}_{seed}.png"


def preview_requests(recipe: TrainRecipe, pixel_step: int) -> list[DrawRequest]:
    """One request a prompt; sizes are rounded down to what the networks can draw."""
    rules = recipe.previews
    width, height = (rules.width or recipe.pictures.resolution), (rules.height or recipe.pictures.resolution)
    return [
        DrawRequest(
            prompt=prompt,
            negative_prompt=rules.negative_prompt,
            width=max(pixel_step, width // pixel_step * pixel_step),
            height=max(pixel_step, height // pixel_step * pixel_step),
            steps=rules.steps,
            cfg=rules.cfg,
            sampler=rules.sampler,
            seed=rules.seed,
            count=rules.count,
            clip_skip=recipe.training.clip_skip,
        )
        for prompt in rules.prompts
    ]


class PreviewsStopped(Exception):
    """``wants_stop`` said so in the middle of a picture."""


def draw_previews(
    recipe: TrainRecipe,
    base: LoadedBase,
    targets: Sequence[Target],
    lora: Path | LoraFile,
    epoch: int,
    step: int,
    emit: Callable[[Event], None],
    wants_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Draw every preview prompt with ``lora``; says Sampled for each, or SampleFailed and goes on.

    A LoraFile in place of a path gives the same pictures where the file of its path is not (any more). ``wants_stop``
    is asked at every step of a picture; raises PreviewsStopped.
    """
    path = lora if isinstance(lora, Path) else lora.path
    _draw_all(
        recipe,
        base,
        targets,
        lambda: load_lora(lora) if isinstance(lora, Path) else lora,
        lambda index, seed: preview_path(path, recipe, epoch, index, seed),
        (epoch, step),
        emit,
        wants_stop,
    )


def draw_previews_now(
    recipe: TrainRecipe,
    base: LoadedBase,
    targets: Sequence[Target],
    file: LoraFile,
    epoch: int,
    step: int,
    emit: Callable[[Event], None],
    wants_stop: Callable[[], bool] = lambda: False,
) -> None:
    """The same with a LoRA that is not saved, ``file``, whose path names the file it would be; for a look between."""
    if not recipe.previews.prompts:
        emit(SampleFailed(epoch, step, "This run has no preview prompts (previews.prompts)."))
    _draw_all(
        recipe,
        base,
        targets,
        lambda: file,
        lambda index, seed: step_preview_path(file.path.parent, recipe, step, index, seed),
        (epoch, step),
        emit,
        wants_stop,
    )


def _draw_all(
    recipe: TrainRecipe,
    base: LoadedBase,
    targets: Sequence[Target],
    open_file: Callable[[], LoraFile],
    path_of: Callable[[int, int], Path],
    at: tuple[int, int],
    emit: Callable[[Event], None],
    wants_stop: Callable[[], bool],
) -> None:
    """``at`` is (epoch, step); ``path_of(prompt_index, seed)``."""
    if not recipe.previews.prompts:
        return
    epoch, step = at

    def on_step(_done: int, _total: int) -> None:
        if wants_stop():
            raise PreviewsStopped

    try:
        file = open_file()
        weight = recipe.previews.weight
        requests = preview_requests(recipe, base.family.pixel_step)
        for index, drawing in draw_each(base, requests, [(file, weight)], targets=targets, on_step=on_step):
            request, path = requests[index], path_of(index, drawing.seed)
            save_png(drawing.image, path, drawing_parameters(base, request, [(file, weight)], drawing.seed))
            emit(Sampled(epoch, step, index, request.prompt, drawing.seed, str(path)))
    except PreviewsStopped:
        raise
    except Exception as error:  # whatever it is: hours of training are worth more than a preview
        emit(SampleFailed(epoch, step, str(error) or type(error).__name__))
