"""``enogu plan``: everything ``train`` would do, said and not done."""

from __future__ import annotations

import typer

from enogu.cli.options import (
    BaseOption,
    NameOption,
    PicturesOption,
    PresetOption,
    RecipeOption,
    SetOption,
    TriggerOption,
)
from enogu.cli.output import call_of


def plan(
    context: typer.Context,
    pictures: PicturesOption,
    base: BaseOption = None,
    trigger: TriggerOption = None,
    name: NameOption = None,
    recipe: RecipeOption = None,
    preset: PresetOption = None,
    settings: SetOption = None,
) -> None:
    """Say what `enogu train` would do with the same options; train nothing.

    Pictures and their buckets, steps, files, how long it takes as far as earlier runs on this machine tell, and whether
    it fits the graphics card's memory: where it does not, what to change.
    """
    from enogu.cli.memory import memory_here, say_memory
    from enogu.cli.preparation import describe, preparation_to_dict, prepare, warnings_of
    from enogu.cli.recipes import RecipeWish
    from enogu.cli.speed import estimate, read_speeds

    call = call_of(context)
    wish = RecipeWish(base, trigger, name, recipe, preset, tuple(settings or ()))
    preparation = prepare(call.settings, pictures, wish)
    speeds = read_speeds(call.settings.home)
    expected = estimate(preparation.recipe, preparation.plan, preparation.base, speeds)
    call.output.say(describe(preparation))
    call.output.say(expected.words)
    memory = memory_here(preparation)
    say_memory(call.output, memory)
    for warning in warnings_of(preparation):
        call.output.say(warning, style="yellow")
    call.output.tell(
        {
            **preparation_to_dict(preparation),
            **memory,
            "seconds_expected": expected.seconds,
            "seconds_are_rough": expected.is_rough,
            "seconds_explained": expected.words,
        }
    )
