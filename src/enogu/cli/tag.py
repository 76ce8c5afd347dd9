"""stub"""

import typer


def tag(context: typer.Context) -> None:
    """stub"""
