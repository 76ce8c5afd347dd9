"""``enogu runs``: trainings in the studio, which a worker does: plan, start, watch, steer, and fetch what they left."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from enogu.cli.dataset import DatasetArgument, dataset_id_of
from enogu.cli.options import NameOption, RecipeOption, SetOption, StudioBaseOption, StudioPresetOption, TriggerOption
from enogu.cli.output import Output, call_of
from enogu.cli.progress import RunDisplay, in_words
from enogu.cli.studio_client import StudioClient, in_path, studio_of
from enogu.cli.studio_words import in_bytes, moving_bar, say_facts, say_if_nobody_works, show_rows, when
from enogu.errors import TrainingFailed, WrongUse

app = typer.Typer(help="Trainings in the studio: plan, start, watch, steer, download.", no_args_is_help=True)

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Name, id, or the first letters of the id; `last`.")]
FromOption = Annotated[str | None, typer.Option("--from", metavar="RUN", help="Begin with the recipe of this run.")]
OutOption = Annotated[Path, typer.Option("--out", metavar="PATH", help="The file, or a folder to put it in.")]
_ENDED_BADLY = ("failed", "cancelled", "parked")


def run_id_of(studio: StudioClient, reference: str) -> str:
    """The id that a person means; ``last`` is the newest. Raises NotFound or WrongUse."""
    if reference == "last" and (newest := studio.get("/api/runs", limit=1)):
        return newest[0]["id"]
    return studio.find_id("run", reference, lambda: studio.pages("/api/runs"), "See `enogu runs list`.")


@app.command()
def plan(
    context: typer.Context,
    dataset: DatasetArgument,
    base: StudioBaseOption = None,
    trigger: TriggerOption = None,
    name: NameOption = None,
    recipe: RecipeOption = None,
    preset: StudioPresetOption = None,
    from_run: FromOption = None,
    settings: SetOption = None,
) -> None:
    """Say what a run would do, cost and take. Takes the options of `start`; nothing is kept."""
    from enogu.cli.memory import say_memory

    output = call_of(context).output
    with studio_of(context) as studio:
        body = wish_of(studio, dataset, base, trigger, name, recipe, preset, from_run, settings)
        planned = studio.post("/api/runs/plan", body)
    for sentence in planned["plan"]["sentences"]:
        output.say(sentence)
    if not planned["can_train"]:
        output.say(f"Cannot be trained: {planned['why_not']}", style="yellow")
    price = f"It costs {planned['quote']['stamina']} stamina"
    output.say(
        f"{price}; there are {planned['balance']}." if planned["is_metered"] else f"{price}, which nobody counts."
    )
    if planned["expected_seconds"] is not None:
        output.say(f"It takes about {in_words(planned['expected_seconds'])}.")
    say_memory(output, planned)
    for note in planned["notes"]:
        output.say(f"Note: {note['message']} {note['cure']}".rstrip(), style="yellow")
    say_proposals(output, planned)
    output.tell(planned)


@app.command()
def start(
    context: typer.Context,
    dataset: DatasetArgument,
    base: StudioBaseOption = None,
    trigger: TriggerOption = None,
    name: NameOption = None,
    recipe: RecipeOption = None,
    preset: StudioPresetOption = None,
    from_run: FromOption = None,
    settings: SetOption = None,
    watch: Annotated[bool, typer.Option("--follow", help="Watch it until it is over.")] = False,
) -> None:
    """Queue a training of a dataset. A worker trains it; later changes of the dataset change nothing of it.

    Without --recipe, --preset or --from it begins with the preset that suits the base model.
    """
    output = call_of(context).output
    with studio_of(context) as studio:
        body = wish_of(studio, dataset, base, trigger, name, recipe, preset, from_run, settings)
        started = studio.post("/api/runs", body, headers={"Idempotency-Key": str(uuid.uuid4())})
        _say_queued(studio, output, started)
        if watch:
            _follow(studio, output, started["id"])
        else:
            output.tell(started)


@app.command("list")
def list_all(
    context: typer.Context,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help="Only queued, training, paused, finished, failed, … Repeatable."),
    ] = None,
    dataset: Annotated[str, typer.Option("--dataset", metavar="DATASET", help="Only of this dataset.")] = "",
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Only those with this in their name.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")] = 50,
) -> None:
    """List trainings, newest first."""
    output = call_of(context).output
    with studio_of(context) as studio:
        dataset_id = dataset_id_of(studio, dataset) if dataset else None
        found = studio.get("/api/runs", state=state or None, dataset_id=dataset_id, text=search, limit=limit)
    rows = [
        (
            one["id"],
            one["name"],
            one["state"],
            f"{one['step']}/{one['num_steps']}",
            one["dataset_name"],
            when(one["created_at"]),
        )
        for one in found
    ]
    none = "There is no such run." if state or dataset or search else "Nothing was trained yet: `enogu runs start`."
    show_rows(output, ("id", "name", "state", "step", "dataset", "queued"), rows, none)
    output.tell(found)


@app.command()
def show(context: typer.Context, run: RunArgument) -> None:
    """Show a training: its state, and the LoRA files it has left so far."""
    output = call_of(context).output
    with studio_of(context) as studio:
        run_id = run_id_of(studio, run)
        shown = studio.get(f"/api/runs/{run_id}")
        epochs = studio.get(f"/api/runs/{run_id}/epochs")
    _say_run(output, shown)
    output.say()
    rows = [
        (one["filename"], one["epoch"], one["step"], in_bytes(one["size_bytes"]), len(one["samples"])) for one in epochs
    ]
    show_rows(output, ("file", "epoch", "step", "size", "previews"), rows, "No files yet.")
    output.tell({**shown, "epochs": epochs})


@app.command()
def follow(context: typer.Context, run: RunArgument) -> None:
    """Watch a training until it is over; with --json each event on a line. Ctrl-C leaves it running.

    Exit code 1 when the training failed, was cancelled or given up.
    """
    output = call_of(context).output
    with studio_of(context) as studio:
        run_id = run_id_of(studio, run)
        if studio.get(f"/api/runs/{run_id}")["state"] == "queued":
            say_if_nobody_works(studio, output)
        _follow(studio, output, run_id)


@app.command()
def cancel(context: typer.Context, run: RunArgument) -> None:
    """Stop a training for good. Files it has saved stay."""
    _steer(context, run, "cancel", "will stop")


@app.command()
def pause(context: typer.Context, run: RunArgument) -> None:
    """Stop a training for now, with its state kept."""
    _steer(context, run, "pause", "will pause after this step")


@app.command()
def resume(context: typer.Context, run: RunArgument) -> None:
    """Go on with a paused training."""
    _steer(context, run, "resume", "goes on", needs_worker=True)


@app.command("save-now")
def save_now(context: typer.Context, run: RunArgument) -> None:
    """Save a LoRA file of the weights as they are."""
    _steer(context, run, "save-now", "saves a file after this step")


@app.command("sample-now")
def sample_now(context: typer.Context, run: RunArgument) -> None:
    """Draw previews of the weights as they are."""
    _steer(context, run, "sample-now", "draws previews after this step")


@app.command()
def retry(context: typer.Context, run: RunArgument, settings: SetOption = None) -> None:
    """Go on with a training that failed or was cancelled; with --set, train it changed, as another run."""
    from enogu.cli.recipe_values import changes_of

    output = call_of(context).output
    with studio_of(context) as studio:
        run_id = run_id_of(studio, run)
        changes = changes_of(studio.get(f"/api/runs/{run_id}/recipe"), settings) if settings else {}
        again = studio.post(f"/api/runs/{run_id}/retry", {"changes": changes})
        _say_queued(studio, output, again)
    output.tell(again)


@app.command()
def rename(
    context: typer.Context, run: RunArgument, name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")]
) -> None:
    """Give a training another name in the history."""
    output = call_of(context).output
    with studio_of(context) as studio:
        renamed = studio.patch(f"/api/runs/{run_id_of(studio, run)}", {"name": name})
    output.say(f"It is called {renamed['name']} now.")
    output.tell(renamed)


@app.command()
def delete(context: typer.Context, run: RunArgument) -> None:
    """Delete an ended training with its files, for good. What was saved to the library stays."""
    output = call_of(context).output
    with studio_of(context) as studio:
        run_id = run_id_of(studio, run)
        studio.delete(f"/api/runs/{run_id}")
    output.say("It is deleted.")
    output.tell({"id": run_id, "deleted": True})


@app.command()
def losses(
    context: typer.Context,
    run: RunArgument,
    points: Annotated[int, typer.Option("--points", min=2, max=100_000, help="How many points at most.")] = 20,
    smoothing: Annotated[float, typer.Option("--smoothing", min=0, max=0.999, help="0 is none.")] = 0.9,
) -> None:
    """Show the curve of losses, raw and smoothed."""
    output = call_of(context).output
    with studio_of(context) as studio:
        curve = studio.get(f"/api/runs/{run_id_of(studio, run)}/losses", points=points, smoothing=smoothing)
    rows = [
        (step, f"{loss:.4f}", f"{smooth:.4f}")
        for step, loss, smooth in zip(curve["steps"], curve["losses"], curve["smoothed"], strict=True)
    ]
    show_rows(output, ("step", "loss", "smoothed"), rows, "No step was made yet.")
    output.tell(curve)


@app.command()
def download(
    context: typer.Context,
    run: RunArgument,
    out: OutOption = Path(),
    epoch: Annotated[int | None, typer.Option("--epoch", min=1, help="The file of this epoch, not the last.")] = None,
    file: Annotated[str | None, typer.Option("--file", metavar="NAME", help="A file by its name.")] = None,
    everything: Annotated[
        bool, typer.Option("--zip", help="Every file with its card and preview, as a zip for A1111's folder.")
    ] = False,
) -> None:
    """Download the last LoRA file, another one of them, or all."""
    output = call_of(context).output
    if sum((epoch is not None, file is not None, everything)) > 1:
        raise WrongUse("--epoch, --file and --zip contradict each other.", "Give one of them.")
    with studio_of(context) as studio, moving_bar(output, "Downloading") as move:
        base = f"/api/runs/{run_id_of(studio, run)}"
        if everything:
            path = f"{base}/files.zip"
        elif epoch is not None:
            path = f"{base}/epochs/{epoch}/file"
        else:
            path = f"{base}/files/{in_path(file or _last_file(studio, base, run))}"
        saved = studio.download(path, out, on_progress=move)
    output.say(f"{saved} ({in_bytes(saved.stat().st_size)})")
    output.tell({"path": str(saved), "size_bytes": saved.stat().st_size})


def _last_file(studio: StudioClient, base: str, reference: str) -> str:
    epochs = studio.get(f"{base}/epochs")
    if not epochs:
        raise WrongUse(f"{reference} has saved no file yet.", "Follow it with `enogu runs follow`.")
    whole = [one for one in epochs if not one["is_extra"]]
    return (whole or epochs)[-1]["filename"]


def say_proposals(output: Output, planned: Any) -> None:
    """What stands against a run, and ways to make it fit."""
    for one in planned["over_limits"]:
        output.say(f"Refused: {one['message']} {one['cure']}".rstrip(), style="yellow")
    for one in planned["proposals"]:
        options = " ".join(f"--set {path}={value}" for path, value in one["changes"].items())
        left_out = f", {len(one['left_out'])} pictures left out" if one["left_out"] else ""
        output.say(f"It fits into {one['stamina']} with {options or 'fewer pictures'}{left_out}.")


def wish_of(
    studio: StudioClient,
    dataset: str,
    base: str | None = None,
    trigger: str | None = None,
    name: str | None = None,
    recipe: Path | None = None,
    preset: str | None = None,
    from_run: str | None = None,
    settings: list[str] | None = None,
) -> dict[str, Any]:
    """The body of a plan and of a start. Raises WrongUse, NotFound, RecipeRefused."""
    from enogu.cli.recipe_values import recipe_values

    dataset_id = dataset_id_of(studio, dataset)
    values = recipe_values(
        studio,
        dataset_id=dataset_id,
        base=base,
        trigger=trigger,
        name=name,
        recipe_file=recipe,
        preset=preset,
        from_run_id=None if from_run is None else run_id_of(studio, from_run),
        settings=settings or (),
    )
    return {"dataset_id": dataset_id, "recipe": values}


def _say_queued(studio: StudioClient, output: Output, run: Any) -> None:
    ahead = f", with {run['runs_ahead']} before it" if run["runs_ahead"] else ""
    output.say(f"{run['name']} is queued{ahead}: {run['num_steps']} steps, {run['quoted']} stamina. {run['id']}")
    say_if_nobody_works(studio, output)


def _say_run(output: Output, run: Any) -> None:
    live, failure = run["live"], run["failure"]
    speed = live["steps_per_second"]
    left = live["seconds_left"]
    say_facts(
        output,
        [
            ("id", run["id"]),
            ("name", run["name"]),
            ("state", run["state"] + (f" (asked to {', '.join(run['asked'])})" if run["asked"] else "")),
            ("in the queue", None if run["runs_ahead"] is None else f"{run['runs_ahead']} before it"),
            ("step", f"{run['step']} of {run['num_steps']}, epoch {run['epoch']} of {run['num_epochs']}"),
            ("loss", None if live["average_loss"] is None else f"{live['average_loss']:.4f}"),
            ("speed", None if speed is None else f"{speed:.2f} steps/s on {run['device']}"),
            ("left", None if left is None else in_words(left)),
            ("dataset", f"{run['dataset_name']}, {run['num_pictures']} pictures"),
            ("base model", run["base_model_name"]),
            ("stamina", f"{run['charged']} charged of {run['quoted']} quoted"),
            ("queued", when(run["created_at"])),
            ("ended", when(run["ended_at"])),
            ("failure", None if failure is None else f"{failure['message']} {failure['cure']}".strip()),
        ],
    )


def _steer(context: typer.Context, run: str, what: str, words: str, *, needs_worker: bool = False) -> None:
    output = call_of(context).output
    with studio_of(context) as studio:
        steered = studio.post(f"/api/runs/{run_id_of(studio, run)}/{what}")
        if needs_worker:
            say_if_nobody_works(studio, output)
    is_over = steered["state"] in (*_ENDED_BADLY, "paused")
    output.say(f"{steered['name']} {'is ' + steered['state'] if is_over else words}.")
    output.tell(steered)


def _follow(studio: StudioClient, output: Output, run_id: str) -> None:
    """Until it is over or paused. Raises TrainingFailed when it did not end well."""
    with RunDisplay(output) as display:
        for event in studio.follow(f"/api/runs/{run_id}/events"):
            output.tell_line({"event": event.kind, **event.data})
            if event.kind == "StateChanged":
                if event.data["state"] in ("starting", "paused", *_ENDED_BADLY):
                    display.say(f"It is {event.data['state']}.")
            elif event.kind == "PositionChanged":
                ahead = event.data["ahead"]
                display.say(f"It waits, with {ahead} before it." if ahead else "It is the next one.")
            else:
                display.show({"event": event.kind, **event.data})
            is_pausing = event.kind == "StateChanged" and event.data["state"] == "paused"
            if is_pausing and studio.get(f"/api/runs/{run_id}")["state"] == "paused":
                break
    run = studio.get(f"/api/runs/{run_id}")
    if run["state"] in _ENDED_BADLY:
        failure = run["failure"] or {"message": f"The training is {run['state']}.", "cure": ""}
        raise TrainingFailed(failure["message"], failure["cure"] or f"Go on with `enogu runs retry {run_id}`.")
    output.say(f"It is {run['state']}. Fetch its files with `enogu runs download {run_id}`.")
