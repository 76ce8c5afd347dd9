"""``enogu draw``: pictures from a prompt, with any number of LoRAs, each PNG telling how it was drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from enogu.cli.loras import parse_lora
from enogu.cli.output import Output, call_of
from enogu.errors import WrongUse

if TYPE_CHECKING:
    from enogu.engine.families import LoadedBase
    from enogu.engine.lora_file import LoraFile
    from enogu.engine.sample import Drawing, DrawRequest
    from enogu.recipe.samplers import Sampler, ScheduleType


def draw(
    context: typer.Context,
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="What to draw.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The PNG to write; with --count, FILE_01.png and so on.")
    ],
    base: Annotated[
        str,
        typer.Option("--base", metavar="NAME", help="Base model: starter, a name of `enogu base list`, or a folder."),
    ] = "starter",
    lora: Annotated[
        list[str] | None, typer.Option("--lora", metavar="FILE:WEIGHT", help="LoRA file and weight. Repeatable.")
    ] = None,
    negative: Annotated[str, typer.Option("--negative", metavar="TEXT", help="What should not be drawn.")] = "",
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Pixels, such as 512x768 (default: what the base model likes).")
    ] = "",
    steps: Annotated[int, typer.Option("--steps", min=1, max=200, help="How often the picture is refined.")] = 20,
    cfg: Annotated[float, typer.Option("--cfg", min=1, max=30, help="How closely the prompt is followed.")] = 7.0,
    sampler: Annotated[
        str | None,
        typer.Option("--sampler", metavar="NAME", help="euler_a, dpmpp_2m, … (default: the base model's usual one)."),
    ] = None,
    schedule: Annotated[
        str, typer.Option("--schedule", metavar="TYPE", help="automatic, karras, exponential or sgm_uniform.")
    ] = "automatic",
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same seed draws the same picture again.")
    ] = 1,
    count: Annotated[int, typer.Option("--count", min=1, max=64, help="How many, with the seed counting up.")] = 1,
    clip_skip: Annotated[
        int | None,
        typer.Option(
            "--clip-skip", min=1, max=12, help="Layer of the text encoder (default: as the LoRA was trained)."
        ),
    ] = None,
) -> None:
    """Draw with a base model and LoRAs.

    The PNG carries A1111's parameters text, so that it can be drawn again; `enogu inspect` reads it.
    """
    from enogu.base_models import find_base_model

    call = call_of(context)
    paths = _paths(out, count)
    wanted = [parse_lora(text) for text in lora or []]
    wanted_size = _parse_size(size) if size else None
    schedule_type = _schedule_of(schedule)
    sampler_name = None if sampler is None else _sampler_of(sampler)
    found = find_base_model(base, call.settings)

    from enogu.engine.collector import collect_seldom

    collect_seldom()
    from enogu.engine.families import load_base_model
    from enogu.engine.infotext_of import drawing_parameters
    from enogu.engine.lora_file import load_lora
    from enogu.engine.memory import choose_compute
    from enogu.engine.sample import DrawRequest
    from enogu.imaging.infotext import save_png
    from enogu.recipe.samplers import samplers_of

    loras = [(load_lora(path), weight) for path, weight in wanted]
    loaded = load_base_model(found.folder, choose_compute("fp16"))
    loaded.name = found.name
    width, height = wanted_size or _own_size(loaded)
    request = DrawRequest(
        prompt=prompt,
        negative_prompt=negative,
        width=width,
        height=height,
        steps=steps,
        cfg=cfg,
        sampler=sampler_name or samplers_of(loaded.family.name)[0],
        schedule_type=schedule_type,
        seed=seed,
        count=count,
        clip_skip=_clip_skip_of(loras) if clip_skip is None else clip_skip,
    )
    drawings = _draw_with_bar(call.output, loaded, request, loras)
    pictures = []
    for path, drawing in zip(paths, drawings, strict=True):
        parameters = drawing_parameters(loaded, request, loras, drawing.seed)
        save_png(drawing.image, path, parameters)
        call.output.say(f"{path} (seed {drawing.seed})")
        pictures.append({"path": str(path), "seed": drawing.seed, "parameters": parameters})
    call.output.tell({"pictures": pictures})


def _draw_with_bar(
    output: Output, loaded: LoadedBase, request: DrawRequest, loras: Sequence[tuple[LoraFile, float]]
) -> list[Drawing]:
    """Draw, with a bar in a terminal."""
    from enogu.engine.sample import draw as draw_pictures

    if output.as_json or not output.console.is_terminal:
        return draw_pictures(loaded, request, loras)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("Drawing"), BarColumn(30), MofNCompleteColumn(), console=output.console, transient=True
    ) as bar:
        task = bar.add_task("steps", total=request.steps)
        return draw_pictures(
            loaded, request, loras, on_step=lambda done, total: bar.update(task, completed=done, total=total)
        )


def _paths(out: Path, count: int) -> list[Path]:
    """``x.png``, or ``x_01.png`` … when there are several. Raises WrongUse for what is no PNG's name."""
    if out.is_dir():
        raise WrongUse(f"{out} is a folder.", f"Give a file, such as --out {out / 'drawn.png'}.")
    if out.suffix.lower() != ".png":
        raise WrongUse(f"{out.name} does not end in .png, and pictures are written as PNG.", f"Write {out.stem}.png.")
    if count == 1:
        return [out]
    return [out.with_name(f"{out.stem}_{number:02d}{out.suffix}") for number in range(1, count + 1)]


def _parse_size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*(\d{1,5})\s*[xX×*]\s*(\d{1,5})\s*", text)
    if match is None:
        raise WrongUse(f"--size {text} is no size.", "Write width and height in pixels, such as 512x768.")
    return int(match[1]), int(match[2])


def _own_size(loaded: LoadedBase) -> tuple[int, int]:
    """The side the U-Net was made for, as its config says; 512 when it does not."""
    sample = getattr(loaded.networks["unet"], "config", {}).get("sample_size")
    side = sample * loaded.family.pixels_per_latent if isinstance(sample, int) else 512
    return side, side


def _sampler_of(text: str) -> Sampler:
    """By our name or by A1111's (``Euler a``). Raises WrongUse with the names there are."""
    from enogu.recipe.samplers import SAMPLER_TITLES

    for name, title in SAMPLER_TITLES.items():
        if text.strip().lower() in (name, title.lower()):
            return name
    raise WrongUse(f"There is no sampler {text!r}.", f"Use one of {', '.join(SAMPLER_TITLES)}.")


def _schedule_of(text: str) -> ScheduleType:
    """By our name or by A1111's (``SGM Uniform``). Raises WrongUse with the names there are."""
    from enogu.recipe.samplers import SCHEDULE_TITLES

    for name, title in SCHEDULE_TITLES.items():
        if text.strip().lower() in (name, title.lower()):
            return name
    raise WrongUse(f"There is no schedule type {text!r}.", f"Use one of {', '.join(SCHEDULE_TITLES)}.")


def _clip_skip_of(loras: Sequence[tuple[LoraFile, float]]) -> int:
    """What the first LoRA that tells was trained with, since it is drawn best with the same; else 1."""
    for lora, _ in loras:
        said = lora.metadata.get("ss_clip_skip", "")
        if said.isdecimal() and 1 <= int(said) <= 12:
            return int(said)
    return 1
