"""stub"""

import typer


def inspect(context: typer.Context) -> None:
    """stub"""
