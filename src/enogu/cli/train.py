"""``enogu train``: read the folder, say what will happen, train, leave the files.

Also where ``run-demo`` comes for its training. The engine (and with it torch) is imported when the first step is near,
so that a wrong option is answered at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from enogu.cli.options import (
    BaseOption,
    NameOption,
    PicturesOption,
    PresetOption,
    RecipeOption,
    ResumeOption,
    SetOption,
    TriggerOption,
)
from enogu.cli.output import Call, call_of

if TYPE_CHECKING:
    from enogu.cli.interruption import Interruption
    from enogu.cli.members import Member
    from enogu.cli.preparation import Preparation
    from enogu.engine.families import LoadedBase
    from enogu.engine.loop import TrainPicture
    from enogu.engine.lora_file import LoraFile


@dataclass(frozen=True)
class TrainingDone:
    """What a run left, and the base model it has in memory."""

    files: tuple[Path, ...]
    base: LoadedBase


def train(
    context: typer.Context,
    pictures: PicturesOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the LoRA files and previews.")],
    base: BaseOption = None,
    trigger: TriggerOption = None,
    name: NameOption = None,
    recipe: RecipeOption = None,
    preset: PresetOption = None,
    settings: SetOption = None,
    regularisation: Annotated[
        Path | None,
        typer.Option("--regularisation", metavar="DIR", help="Folder of pictures that keep what the base model knows."),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option("--masks", metavar="DIR", help="Folder of masks named as the pictures, white where to learn."),
    ] = None,
    resume: ResumeOption = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Start over, replacing an earlier run's files.")
    ] = False,
    devices: Annotated[
        int,
        typer.Option("--devices", min=1, max=64, metavar="N", help="Share each batch among so many graphics cards."),
    ] = 1,
) -> None:
    """Train a LoRA on a folder of pictures.

    Says first what will happen: how often each picture is seen, how many steps, which files at which epochs. Leaves one
    file per epoch in --out, with recipe.toml (to train the same again), events.jsonl and the state to resume from.
    Ctrl-C saves the state.
    """
    from enogu.cli.members import hear_no_interruption, this_member
    from enogu.cli.preparation import RECIPE_FILE, prepare, refuse_foreign_run
    from enogu.cli.recipes import RecipeWish

    call = call_of(context)
    wish = RecipeWish(base, trigger, name, recipe, preset, tuple(settings or ()))
    earlier = out / RECIPE_FILE
    preparation = prepare(
        call.settings,
        pictures,
        wish,
        resumed=earlier if resume and earlier.is_file() else None,
        regularisation=regularisation,
        masks=masks,
    )
    member = this_member(os.environ, devices)
    if member.rank > 0:
        from enogu.engine.loop import TrainingStopped

        hear_no_interruption()
        with suppress(TrainingStopped):  # the first one says it
            _train(call, preparation, out, resume, lambda _: None, None, member)
        return
    if overwrite and not resume:
        remove_run(out, preparation)
    elif not resume:
        refuse_foreign_run(out, preparation)
    announce(call, preparation)
    if member.size == 1:
        warn_of_memory(call, preparation)
    if member.size > preparation.recipe.training.batch_size:
        call.output.say(
            f"A batch of {preparation.recipe.training.batch_size} leaves some of {member.size} devices without work: "
            f"set training.batch_size to {member.size} or a multiple of it.",
            style="yellow",
        )
    if resume and not has_state(out, preparation):
        call.output.say(f"There is no state to go on from in {out}: this starts with the first step.", style="yellow")
    run_training(call, preparation, out, resume=resume, member=member)
    call.output.say(f"The LoRA is {out / preparation.plan.saved_files[-1].filename}")


def announce(call: Call, preparation: Preparation) -> None:
    """Say what will happen before it does."""
    from enogu.cli.preparation import describe, warnings_of
    from enogu.cli.speed import estimate, read_speeds

    call.output.say(describe(preparation))
    speeds = read_speeds(call.settings.home)
    call.output.say(estimate(preparation.recipe, preparation.plan, preparation.base, speeds).words)
    call.output.say()
    for warning in warnings_of(preparation):
        call.output.say(warning, style="yellow")


def warn_of_memory(call: Call, preparation: Preparation) -> None:
    """Say what would make it fit where this machine's device has too little; it is trained all the same."""
    from enogu.cli.memory import memory_here, say_memory

    found = memory_here(preparation)
    if found["memory"] is not None and found["memory"]["fits"] is False:
        say_memory(call.output, found)


def run_training(
    call: Call, preparation: Preparation, out: Path, *, resume: bool, member: Member | None = None
) -> TrainingDone:
    """Train as ``preparation`` says, showing and keeping every event. Raises TrainingFailed when interrupted."""
    from enogu.cli.event_log import EventLog
    from enogu.cli.interruption import Interruption
    from enogu.cli.members import Member, others_beside
    from enogu.cli.preparation import RECIPE_FILE, preparation_to_dict
    from enogu.cli.progress import RunDisplay
    from enogu.cli.speed import SpeedMeter, keep_speed
    from enogu.errors import TrainingFailed
    from enogu.recipe import recipe_to_toml
    from enogu.whole_file import make_folder, write_whole_bytes

    make_folder(out)
    write_whole_bytes(out / RECIPE_FILE, recipe_to_toml(preparation.recipe).encode())
    meter = SpeedMeter(time.monotonic())
    member = member or Member()
    with (
        EventLog(out / "events.jsonl") as log,
        RunDisplay(call.output) as display,
        Interruption() as interruption,
        others_beside(member),
    ):

        def hear(event: dict[str, Any]) -> None:
            log.write(event)
            call.output.tell_line(event)
            meter.hear(event, time.monotonic())
            display.show(event)

        hear({"event": "Planned", **preparation_to_dict(preparation)})
        try:
            files, base = _train(call, preparation, out, resume, hear, interruption, member)
        except KeyboardInterrupt:
            raise TrainingFailed(
                "Stopped at once; what was saved before is whole.", "Start again with --resume to go on from there."
            ) from None
    keep_speed(call.settings.home, meter.measured(preparation.recipe, preparation.base))
    return TrainingDone(files, base)


def _train(
    call: Call,
    preparation: Preparation,
    out: Path,
    resume: bool,
    hear: Callable[[dict[str, Any]], None],
    interruption: Interruption | None,
    member: Member,
) -> tuple[tuple[Path, ...], LoadedBase]:
    """``interruption`` is None for a member that does not lead: it is told."""
    call.output.say(f"Loading {preparation.base.name} …")
    from enogu.engine.collector import collect_seldom

    collect_seldom()
    from enogu.engine.control import Asked
    from enogu.engine.events import Event, Started, event_to_dict
    from enogu.engine.families import load_base_model
    from enogu.engine.loop import train as train_lora
    from enogu.engine.memory import compute_for, device_of_member
    from enogu.engine.team import joined

    def emit(event: Event) -> None:
        if isinstance(event, Started) and interruption is not None:
            interruption.wait_for_steps()
        hear(event_to_dict(event))

    device = device_of_member(member.local) if member.size > 1 else None
    base = load_base_model(preparation.base.folder, compute_for(preparation.recipe.training, device))
    base.name = preparation.base.name
    with joined(member.rank, member.size, member.address, base.compute.device) as team:
        result = train_lora(
            preparation.recipe,
            pictures_of(preparation),
            base,
            out,
            emit,
            cache=call.settings.cache_folder / "latents",
            resume=resume,
            start=None if resume else _start(preparation.recipe.start_from),
            between_steps=lambda _: Asked(stop=interruption is not None and interruption.asked()),
            team=team,
        )
    return result.files, base


def pictures_of(preparation: Preparation) -> list[TrainPicture]:
    """The folders' pictures as the engine wants them, in the order of the plan.

    A regularisation picture without a caption has the class in its folder's name, as in sd-scripts: ``1_1girl``.
    """
    from enogu.engine.loop import TrainPicture

    found: list[TrainPicture] = []
    for is_regularisation, folder in ((False, preparation.folder), (True, preparation.regularisation)):
        for picture in folder.pictures if folder else ():
            name = picture.path.resolve().parent.name
            found.append(
                TrainPicture(
                    path=picture.path,
                    caption=picture.caption or (_class_of(name) if is_regularisation else ""),
                    repeats=picture.repeats,
                    width=picture.info.width,
                    height=picture.info.height,
                    folder=name,
                    is_regularisation=is_regularisation,
                    mask=None if is_regularisation else preparation.masks.get(picture.path.stem),
                )
            )
    return found


def _start(reference: str) -> LoraFile | None:
    """The LoRA that is trained further, if one is. Raises AdapterRefused when it is none."""
    from enogu.engine.lora_file import load_lora

    return load_lora(Path(reference).expanduser()) if reference else None


def _class_of(folder: str) -> str:
    number, _, words = folder.partition("_")
    return words if number.isdigit() else folder


def has_state(out: Path, preparation: Preparation) -> bool:
    """Whether there is something that ``resume`` can go on from."""
    return any(path.exists() for path in _states(out, preparation))


def _states(out: Path, preparation: Preparation) -> tuple[Path, Path]:
    """Where the engine keeps the newest state and the one before it."""
    folder = out / f"{preparation.recipe.output_name}-state"
    return folder / "state.safetensors", folder / "older.safetensors"


def remove_run(out: Path, preparation: Preparation) -> None:
    """Remove what an earlier run of this name left to go on from: its states and its events. Its LoRA files are
    replaced as the new ones are saved.
    """
    from enogu.whole_file import storage_failed

    for path in (*_states(out, preparation), out / "events.jsonl"):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise storage_failed(path, error) from error
