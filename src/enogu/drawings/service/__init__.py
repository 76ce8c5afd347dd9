"""Drawings: asking for them, following and cancelling, the gallery, and reading a picture's text (I2 to I6).

In the order of a request's life: ``asking``, ``gallery``; beside it ``reading_text`` and ``owned``. What a worker does
is in ``enogu.drawings.tasks``.
"""

from enogu.drawings.service.asking import (
    HIGHEST_SIDE,
    JOB_KIND,
    LOWEST_SIDE,
    SIDE_STEP,
    cancel_request,
    continue_request,
    describe_form,
    find_position,
    get_request,
    list_requests,
    request_comparison,
    request_drawing,
)
from enogu.drawings.service.gallery import (
    delete_drawings,
    empty_bin,
    get_drawing,
    list_drawings,
    list_of_request,
    restore_drawings,
)
from enogu.drawings.service.owned import DrawingData, list_named_files
from enogu.drawings.service.reading_text import read_parameters

__all__ = [
    "HIGHEST_SIDE",
    "JOB_KIND",
    "LOWEST_SIDE",
    "SIDE_STEP",
    "DrawingData",
    "cancel_request",
    "continue_request",
    "delete_drawings",
    "describe_form",
    "empty_bin",
    "find_position",
    "get_drawing",
    "get_request",
    "list_drawings",
    "list_named_files",
    "list_of_request",
    "list_requests",
    "read_parameters",
    "request_comparison",
    "request_drawing",
    "restore_drawings",
]
