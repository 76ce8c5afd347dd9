"""Runs: check a recipe, plan and quote, start, watch, steer, retry, and what has been left so far (B6 to B9, F, G, H1).

Split by what is asked; who is outside imports from here. Every function takes the ``session`` first and never commits,
and knows one owner's runs only: another's are NotFound.
"""

from __future__ import annotations

from enogu.runs.service.history import (
    find_epoch,
    find_sample,
    get_epoch,
    get_run,
    list_epochs,
    list_runs,
    list_samples,
)

__all__ = ["find_epoch", "find_sample", "get_epoch", "get_run", "list_epochs", "list_runs", "list_samples"]
