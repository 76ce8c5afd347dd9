"""Runs: check a recipe, plan and quote, start, watch, steer, retry, and what has been left so far (B6 to B9, F, G, H1).

Split by what is asked; who is outside imports from here. Every function takes the ``session`` first and never commits,
and knows one owner's runs only: another's are NotFound.
"""

from __future__ import annotations

from enogu.runs.service.history import (
    FindLora,
    find_epoch,
    find_sample,
    get_epoch,
    get_file,
    get_run,
    list_epochs,
    list_events,
    list_pictures,
    list_runs,
    list_samples,
    loss_curve,
    no_library,
    read_plan,
    validation_curve,
    zip_entries_of,
)
from enogu.runs.service.outlooks import expect_times, find_asked, find_position
from enogu.runs.service.owned import RunData, list_named_files
from enogu.runs.service.planning import PlannedRun, RunWish, outlook_of, plan_run
from enogu.runs.service.recipes import (
    CheckedRecipe,
    check_recipe,
    delete_preset,
    diff_recipes,
    get_preset,
    list_presets,
    save_preset,
)
from enogu.runs.service.starting import JOB_KIND, retry_run, start_run
from enogu.runs.service.steering import ask_run, cancel_run, delete_run, pause_run, rename_run, resume_run

__all__ = [
    "JOB_KIND",
    "CheckedRecipe",
    "FindLora",
    "PlannedRun",
    "RunData",
    "RunWish",
    "ask_run",
    "cancel_run",
    "check_recipe",
    "delete_preset",
    "delete_run",
    "diff_recipes",
    "expect_times",
    "find_asked",
    "find_epoch",
    "find_position",
    "find_sample",
    "get_epoch",
    "get_file",
    "get_preset",
    "get_run",
    "list_epochs",
    "list_events",
    "list_named_files",
    "list_pictures",
    "list_presets",
    "list_runs",
    "list_samples",
    "loss_curve",
    "no_library",
    "outlook_of",
    "pause_run",
    "plan_run",
    "read_plan",
    "rename_run",
    "resume_run",
    "retry_run",
    "save_preset",
    "start_run",
    "validation_curve",
    "zip_entries_of",
]
