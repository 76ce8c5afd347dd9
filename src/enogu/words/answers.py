"""Fields of answers that the program wrote, said in the language of the request."""

from __future__ import annotations

from typing import Annotated

from pydantic import PlainSerializer

from enogu.words import said


def _say(text: str) -> str:
    return said(text)


Words = Annotated[str, PlainSerializer(_say, return_type=str, when_used="json")]
"""Not for what people wrote: that is theirs."""
