"""``enogu recipe``: the recipes to start from."""

from __future__ import annotations

import typer

from enogu.cli.output import call_of

app = typer.Typer(help="Recipes: what to train, as one file.", no_args_is_help=True)


@app.command("presets")
def presets(context: typer.Context) -> None:
    """List the presets that --preset takes, each with its purpose."""
    from enogu.presets import preset_names, preset_path, preset_purpose

    call = call_of(context)
    for name in preset_names():
        call.output.say(name, style="bold")
        call.output.say(f"  {preset_purpose(name)}")
    call.output.tell(
        {
            "presets": [
                {"name": name, "purpose": preset_purpose(name), "path": str(preset_path(name))}
                for name in preset_names()
            ]
        }
    )
