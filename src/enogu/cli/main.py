"""``enogu``: the commands put together, and what every one of them does when something goes wrong.

The contract: exit code 0 for done, 2 for wrong use, 1 for work that failed; errors on stderr in a line or two with the
cure. An error nobody foresaw is written in full under ENOGU_HOME/logs, and one line says where.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from enogu.cli import (
    account,
    admin,
    base,
    caption,
    dataset_roles,  # the commands of dataset, and its own
    draw,
    drawing,
    inspect,
    lora_files,  # the commands of lora, and its own
    plan,
    preset,
    recipe,
    run_demo,
    runs,
    serve,
    stamina,
    studio,
    tag,
    train,
)
from enogu.cli.failures import say_failure
from enogu.cli.output import SERVER_VARIABLE, TOKEN_VARIABLE, Call, Output, flowing
from enogu.settings import HOME_VARIABLE, read_settings

_INTERRUPTED = 130
"""What typer makes of Ctrl-C in a command."""
HELP_OPTIONS = ["--help", "-h"]
GLOBAL_FLAGS = ("--json",)
GLOBAL_OPTIONS = ("--home", "--server", "--token")

RUNNING = (studio.studio, serve.serve, serve.worker)
ALONE = (run_demo.run_demo, train.train, plan.plan, tag.tag, draw.draw, inspect.inspect)
IN_THE_STUDIO = {
    "dataset": dataset_roles.app,
    "caption": caption.app,
    "base": base.app,
    "runs": runs.app,
    "lora": lora_files.app,
    "drawing": drawing.app,
    "preset": preset.app,
    "stamina": stamina.app,
    "account": account.app,
}
PANELS = {
    "Run a studio": (RUNNING, {"admin": admin.app}),
    "On files of this machine, without a studio": (ALONE, {"recipe": recipe.app}),
    "In a studio: this machine's, or --server's": ((), IN_THE_STUDIO),
}
"""What the help shows, in its order: the heading, single commands, groups of commands."""


def main() -> None:
    """The program: run the arguments it was called with and end with the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that lacks a sign prints ?
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run ``arguments`` (without the program's name) and return the exit code; never raises."""
    arguments = with_global_options_first(arguments)
    try:
        program = _program(arguments)
        ended = program.main(list(arguments), prog_name="enogu", standalone_mode=False)
        if ended == _INTERRUPTED:
            print("Stopped.", file=sys.stderr)
        return ended if isinstance(ended, int) and ended in (0, 1, 2) else 1 if ended else 0
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has gone (`enogu … | head`); nothing can be said any more, not even at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return say_failure(error, arguments)


def _program(arguments: Sequence[str]) -> Any:
    """The program as click runs it, with the groups named in ``arguments`` whole and the others by name and help alone.

    Typer reads the signature of each command it is given: a hundred of them take longer than all else a help does.
    """
    program = typer.Typer(
        name="enogu",
        help="A studio for making LoRAs: tag pictures, train on them, draw with the result.",
        epilog="--json, --home, --server and --token may also stand behind the command. More: docs/cli.md",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": HELP_OPTIONS},
        callback=_global_options,
    )
    for panel, (commands, groups) in PANELS.items():
        for command in commands:
            program.command(help=flowing(command.__doc__ or ""), rich_help_panel=panel)(command)
        for name, group in groups.items():
            shown = group if name in arguments else typer.Typer(help=group.info.help)
            program.add_typer(shown, name=name, rich_help_panel=panel)
    built = typer.main.get_command(program)
    _show_flags_without_a_value(built)
    return built


def _show_flags_without_a_value(command: Any) -> None:
    """In the help of a command and of those below it: typer writes ``--json <bool>`` for what takes no value."""
    context = typer.Context(command, help_option_names=HELP_OPTIONS)
    for option in command.get_params(context):
        if getattr(option, "is_flag", False) and option.metavar is None:
            option.metavar = ""
    for below in getattr(command, "commands", {}).values():
        _show_flags_without_a_value(below)


def with_global_options_first(arguments: Sequence[str]) -> list[str]:
    """``train --json --home X`` as ``--json --home X train``: people write them where they think of them."""
    first: list[str] = []
    rest: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            rest += [argument, *waiting]
            break
        if argument in GLOBAL_FLAGS or argument.startswith(tuple(f"{option}=" for option in GLOBAL_OPTIONS)):
            first.append(argument)
        elif argument in GLOBAL_OPTIONS and waiting:
            first += [argument, waiting.pop(0)]
        else:
            rest.append(argument)
    return first + rest


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"enogu {version('enogu')}")
        raise typer.Exit


def _global_options(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON, for other programs.")] = False,
    home: Annotated[
        str, typer.Option(metavar="DIR", help=f"Where Enogu keeps its own data, instead of {HOME_VARIABLE}.")
    ] = "",
    server: Annotated[
        str,
        typer.Option(
            metavar="URL", help=f"The studio to work with, instead of {SERVER_VARIABLE}. Unset: this machine's."
        ),
    ] = "",
    token: Annotated[
        str, typer.Option(metavar="TOKEN", help=f"API token for --server, better given as {TOKEN_VARIABLE}.")
    ] = "",
    version: Annotated[
        bool, typer.Option("--version", help="Say the version.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    environment = {**os.environ, HOME_VARIABLE: home} if home else os.environ
    given = (server or os.environ.get(SERVER_VARIABLE, "").strip(), token or os.environ.get(TOKEN_VARIABLE, "").strip())
    context.obj = Call(read_settings(environment), Output(as_json), *given)
