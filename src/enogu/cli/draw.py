"""stub"""

import typer


def draw(context: typer.Context) -> None:
    """stub"""
