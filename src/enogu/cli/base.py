"""``enogu base``: the base models of this installation."""

from __future__ import annotations

import typer

from enogu.cli.output import call_of

app = typer.Typer(help="Base models: what a LoRA is trained and drawn on.", no_args_is_help=True)


@app.command("list")
def list_all(context: typer.Context) -> None:
    """List the base models there are, and folders that cannot be used with the reason."""
    from rich import box
    from rich.table import Table

    from enogu.base_models import list_base_models

    call = call_of(context)
    found = list_base_models(call.settings)
    table = Table("name", "family", "size", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("folder", overflow="fold")
    for base in found.base_models:
        table.add_row(base.name, base.family, f"{base.size_bytes / 1e6:,.0f} MB", str(base.folder))
    if found.base_models:
        call.output.show(table)
    for error in found.refused:
        call.output.say(f"Cannot be used: {error}", style="yellow")
    call.output.say(f"Put diffusers folders into {call.settings.base_models_folder}, or give --base a folder's path.")
    call.output.tell(
        {
            "base_models": [
                {
                    "name": base.name,
                    "family": base.family,
                    "prediction_type": base.prediction_type,
                    "origin": base.origin,
                    "folder": str(base.folder),
                    "size_bytes": base.size_bytes,
                }
                for base in found.base_models
            ],
            "refused": [str(error) for error in found.refused],
        }
    )
