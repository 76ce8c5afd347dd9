"""What a route asks of the app that answers: its store of files and its settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from enogu.settings import Settings
from enogu.storage.files import Files


def files_of(request: Request) -> Files:
    """The store of files of the app that answers ``request``."""
    return request.app.state.files


def settings_of(request: Request) -> Settings:
    """The settings of the app that answers ``request``."""
    return request.app.state.settings


TheFiles = Annotated[Files, Depends(files_of)]
TheSettings = Annotated[Settings, Depends(settings_of)]
