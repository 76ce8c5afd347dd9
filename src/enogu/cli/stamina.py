"""``enogu stamina``: what there is to spend, what it was spent on, and what a run would cost."""

from __future__ import annotations

from typing import Annotated

import typer

from enogu.cli.dataset import DatasetArgument
from enogu.cli.options import RecipeOption, SetOption, StudioBaseOption, StudioPresetOption
from enogu.cli.output import call_of
from enogu.cli.studio_client import studio_of
from enogu.cli.studio_words import say_facts, show_rows, when

app = typer.Typer(help="Stamina: balance, ledger, plans, quotes.", no_args_is_help=True)


@app.command()
def balance(context: typer.Context) -> None:
    """Say what there is to spend."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.get("/api/stamina")
    if shown["is_metered"]:
        facts = [
            ("stamina", shown["stamina"]),
            ("plan", f"{shown['plan']}, {shown['stamina_per_day']} a day"),
            ("next day", when(shown["next_day_at"])),
            ("trial ends", shown["trial_ends_on"]),
            ("may be tried", ", ".join(shown["can_try"])),
        ]
        say_facts(output, facts)
    else:
        output.say("Nobody counts stamina here.")
    output.tell(shown)


@app.command()
def ledger(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many lines at most.")] = 50,
) -> None:
    """List every charge and refund, newest first."""
    output = call_of(context).output
    with studio_of(context) as studio:
        found = studio.get("/api/stamina/ledger", limit=limit)
    rows = [
        (when(one["at"]), one["kind"], f"{one['amount']:+}", one["balance_after"], one["run_id"] or one["reason"])
        for one in found
    ]
    show_rows(output, ("when", "kind", "amount", "balance", "run or reason"), rows, "Nothing happened yet.")
    output.tell(found)


@app.command()
def plans(context: typer.Context) -> None:
    """List the plans of this studio with their limits."""
    output = call_of(context).output
    with studio_of(context) as studio:
        found = studio.get("/api/stamina/plans")
    rows = [
        (
            one["name"],
            one["stamina_per_day"],
            one["trial_days"] or "",
            *(one["limits"][key] for key in ("most_pictures", "most_steps", "most_resolution", "most_waiting_runs")),
        )
        for one in found
    ]
    columns = ("plan", "a day", "trial days", "most pictures", "most steps", "most pixels a side", "most waiting runs")
    show_rows(output, columns, rows, "There are no plans.")
    output.tell(found)


@app.command("try")
def try_plan(
    context: typer.Context, plan: Annotated[str, typer.Argument(metavar="PLAN", help="See `enogu stamina plans`.")]
) -> None:
    """Try a plan for its days; once."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.post("/api/stamina/trials", {"plan": plan})
    output.say(f"The trial of {shown['plan']} goes until {shown['trial_ends_on']}; there are {shown['stamina']} now.")
    output.tell(shown)


@app.command()
def quote(
    context: typer.Context,
    dataset: DatasetArgument,
    base: StudioBaseOption = None,
    recipe: RecipeOption = None,
    preset: StudioPresetOption = None,
    settings: SetOption = None,
) -> None:
    """Say what training a dataset would cost, part by part, and how to make it fit."""
    from enogu.cli.runs import say_proposals, wish_of

    output = call_of(context).output
    with studio_of(context) as studio:
        body = wish_of(studio, dataset, base=base, recipe=recipe, preset=preset, settings=settings)
        planned = studio.post("/api/runs/plan", body)
    quoted = planned["quote"]
    rows = [(one["name"], one["count"], f"{one['stamina']:.2f}") for one in quoted["parts"]]
    show_rows(output, ("part", "count", "stamina"), rows, "It costs nothing.")
    there = f" There are {planned['balance']}." if planned["is_metered"] else " Nobody counts it here."
    output.say(f"{quoted['stamina']} in all.{there}")
    say_proposals(output, planned)
    told = ("quote", "balance", "is_metered", "is_affordable", "over_limits", "proposals")
    output.tell({key: planned[key] for key in told})
