"""``enogu drawing``: pictures that the studio's worker draws with base models and LoRAs of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from enogu.cli.output import Output, call_of
from enogu.cli.studio_client import StudioClient, studio_of
from enogu.cli.studio_words import in_bytes, moving_bar, say_facts, say_if_nobody_works, show_rows, when
from enogu.errors import EnoguError, WrongUse

app = typer.Typer(help="Drawing in the studio: draw, compare, look, download.", no_args_is_help=True)

DrawingsArgument = Annotated[list[str], typer.Argument(metavar="DRAWING...", help="Ids, or their first letters.")]
BaseOption = Annotated[str, typer.Option("--base", metavar="NAME", help="Base model; see `enogu base list`.")]
NegativeOption = Annotated[str, typer.Option("--negative", metavar="TEXT", help="What should not be drawn.")]
SizeOption = Annotated[str, typer.Option("--size", metavar="WxH", help="Default: what the base model likes.")]
StepsOption = Annotated[int, typer.Option("--steps", min=1, max=200, help="How often the picture is refined.")]
CfgOption = Annotated[float, typer.Option("--cfg", min=1, max=30, help="How closely the prompt is followed.")]
SamplerOption = Annotated[
    str | None,
    typer.Option("--sampler", metavar="NAME", help="euler_a, dpmpp_2m, … (default: the base model's usual one)."),
]
ScheduleOption = Annotated[
    Literal["automatic", "karras", "exponential", "sgm_uniform"],
    typer.Option("--schedule", help="At which strengths of noise the sampler stops."),
]
SeedOption = Annotated[int, typer.Option("--seed", min=-1, help="-1: the studio chooses one and tells which.")]
ClipSkipOption = Annotated[
    int | None, typer.Option("--clip-skip", min=1, max=12, help="Default: as the LoRA was trained.")
]
FolderOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Wait, and put the pictures into this folder.")
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Wait until they are drawn.")]


@app.command()
def draw(
    context: typer.Context,
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="What to draw; may hold <lora:name:weight>.")],
    base: BaseOption = "starter",
    lora: Annotated[
        list[str] | None, typer.Option("--lora", metavar="NAME:WEIGHT", help="LoRA of the library. Repeatable.")
    ] = None,
    negative: NegativeOption = "",
    size: SizeOption = "",
    steps: StepsOption = 20,
    cfg: CfgOption = 7.0,
    sampler: SamplerOption = None,
    schedule: ScheduleOption = "automatic",
    seed: SeedOption = -1,
    count: Annotated[int, typer.Option("--count", min=1, help="How many, with the seed counting up.")] = 1,
    clip_skip: ClipSkipOption = None,
    add_trigger: Annotated[bool, typer.Option("--add-trigger", help="Put the LoRAs' triggers in front.")] = False,
    out: FolderOption = None,
    wait: WaitOption = False,
) -> None:
    """Draw pictures of a prompt. They come into the gallery, and with --out into a folder."""
    body = {
        **_form(base, negative, size, steps, cfg, sampler, schedule, seed, clip_skip),
        "loras": [_weighted(one) for one in lora or ()],
        "prompt": prompt,
        "count": count,
        "add_trigger": add_trigger,
    }
    _ask(context, "/api/drawings", body, out, wait)


@app.command()
def compare(
    context: typer.Context,
    lora: Annotated[list[str], typer.Argument(metavar="LORA...", help="Names in the library, such as two epochs.")],
    prompt: Annotated[list[str], typer.Option("--prompt", metavar="TEXT", help="One row of pictures. Repeatable.")],
    weights: Annotated[str, typer.Option("--weights", metavar="LIST", help="With commas between.")] = "0.7,0.8,1",
    without_lora: Annotated[
        bool, typer.Option("--without-lora/--only-lora", help="A first column without the LoRA, or none.")
    ] = True,
    base: BaseOption = "starter",
    negative: NegativeOption = "",
    size: SizeOption = "",
    steps: StepsOption = 20,
    cfg: CfgOption = 7.0,
    sampler: SamplerOption = None,
    schedule: ScheduleOption = "automatic",
    seed: SeedOption = -1,
    clip_skip: ClipSkipOption = None,
    out: FolderOption = None,
    wait: WaitOption = False,
) -> None:
    """Draw LoRAs at several weights beside each other, at one seed, as a labelled sheet."""
    try:
        numbers = [float(one) for one in weights.split(",")]
    except ValueError as error:
        raise WrongUse(f"--weights {weights} are no numbers.", "Write them as 0.7,0.8,1.") from error
    body = {
        **_form(base, negative, size, steps, cfg, sampler, schedule, seed, clip_skip),
        "prompts": prompt,
        "compare": lora,
        "weights": numbers,
        "without_lora": without_lora,
    }
    _ask(context, "/api/drawings/comparison", body, out, wait)


@app.command("list")
def list_all(
    context: typer.Context,
    search: Annotated[str, typer.Option("--search", metavar="TEXT", help="Words that are in the prompt.")] = "",
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that were put away.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")] = 50,
) -> None:
    """List the gallery, newest first."""
    output = call_of(context).output
    with studio_of(context) as studio:
        page = studio.get("/api/drawings", q=search, deleted="true" if deleted else None, limit=limit)
    rows = [
        (one["id"], one["seed"], ", ".join(f"{lora['name']}:{lora['weight']:g}" for lora in one["loras"]),
         when(one["created_at"]), one["prompt"])
        for one in page["drawings"]
    ]  # fmt: skip
    none = "Nothing was drawn yet: `enogu drawing draw`." if not (search or deleted) else "There is no such drawing."
    show_rows(output, ("id", "seed", "LoRAs", "drawn", "prompt"), rows, none)
    output.tell(page)


@app.command()
def show(context: typer.Context, drawing: Annotated[str, typer.Argument(metavar="DRAWING", help="Its id.")]) -> None:
    """Show how a picture was drawn."""
    output = call_of(context).output
    with studio_of(context) as studio:
        shown = studio.get(f"/api/drawings/{_drawing_id_of(studio, drawing)}")
    output.say(shown["parameters"])
    output.say()
    facts = [("id", shown["id"]), ("request", shown["request_id"]), ("drawn", when(shown["created_at"]))]
    say_facts(output, [*facts, ("size", in_bytes(shown["size_bytes"]))])
    output.tell(shown)


@app.command()
def download(
    context: typer.Context,
    drawings: DrawingsArgument,
    out: Annotated[Path, typer.Option("--out", metavar="PATH", help="The file, or a folder to put them in.")] = Path(),
) -> None:
    """Download pictures with their text inside."""
    output = call_of(context).output
    if len(drawings) > 1 and not out.is_dir():
        raise WrongUse(f"{out} is no folder, and there are {len(drawings)} drawings.", "Give --out a folder.")
    with studio_of(context) as studio:
        saved = [
            studio.download(f"/api/drawings/{_drawing_id_of(studio, one)}/picture", out, download="true")
            for one in drawings
        ]
    for path in saved:
        output.say(str(path))
    output.tell({"paths": [str(path) for path in saved]})


@app.command()
def delete(context: typer.Context, drawings: DrawingsArgument) -> None:
    """Put pictures away; `restore` brings them back."""
    output = call_of(context).output
    with studio_of(context) as studio:
        changed = studio.post("/api/drawings/delete", {"ids": [_drawing_id_of(studio, one) for one in drawings]})
    output.say(f"{len(changed['ids'])} put away. Back again: enogu drawing restore {' '.join(changed['ids'])}")
    output.tell(changed)


@app.command()
def restore(context: typer.Context, drawings: DrawingsArgument) -> None:
    """Bring pictures back that were put away."""
    output = call_of(context).output
    with studio_of(context) as studio:
        ids = [_drawing_id_of(studio, one, is_deleted=True) for one in drawings]
        changed = studio.post("/api/drawings/restore", {"ids": ids})
    output.say(f"{len(changed['ids'])} are back.")
    output.tell(changed)


@app.command()
def read(
    context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="A PNG, JPEG or WebP.")]
) -> None:
    """Read how a picture was drawn, and which of its LoRAs and base models the studio has."""
    output = call_of(context).output
    with studio_of(context) as studio:
        form = studio.post_files("/api/drawings/read-parameters", [(file.name, file)], field="file")
    names = (
        "prompt", "negative_prompt", "width", "height", "steps", "cfg", "sampler", "schedule_type", "seed", "clip_skip",
    )  # fmt: skip
    facts: list[tuple[str, Any]] = [(name.replace("_", " "), form[name]) for name in names]
    for lora in form["loras"]:
        has = f"in the library as {lora['library_name']}" if lora["lora_id"] else "not in the library"
        facts.append(("LoRA", f"{lora['name']}:{lora['weight']:g}, {has}"))
    if form["base_model"] is not None:
        has = "" if form["base_model"]["base_model_id"] else ", not in this studio"
        facts.append(("base model", f"{form['base_model']['name']}{has}"))
    say_facts(output, facts)
    for note in form["notes"]:
        output.say(f"Note: {note}", style="yellow")
    output.tell(form)


def _ask(context: typer.Context, path: str, body: dict[str, Any], out: Path | None, wait: bool) -> None:
    output = call_of(context).output
    with studio_of(context) as studio:
        asked = studio.post(path, body)
        ahead = f", with {asked['ahead']} before it" if asked["ahead"] else ""
        pictures = "A picture is" if asked["count"] == 1 else f"{asked['count']} pictures are"
        output.say(f"{pictures} asked for{ahead}. Seed {asked['seed']}. {asked['id']}")
        say_if_nobody_works(studio, output)
        if not wait and out is None:
            output.tell(asked)
            return
        drawn = _wait(studio, output, asked["id"])
        paths = [] if out is None else _fetch(studio, drawn, out)
    for saved in paths:
        output.say(str(saved))
    output.tell({**drawn, "paths": [str(one) for one in paths]})
    if drawn["state"] != "done":
        failure = drawn["failure"] or {"message": f"The drawing is {drawn['state']}.", "cure": ""}
        raise EnoguError(failure["message"], failure["cure"])


def _wait(studio: StudioClient, output: Output, request_id: str) -> Any:
    path = f"/api/drawings/requests/{request_id}"
    with moving_bar(output, "Drawing") as move:
        for event in studio.follow(f"{path}/events"):
            if event.kind == "changed":
                request = event.data
                part = request["step"] / request["num_steps"] if request["num_steps"] else 0
                done = min(request["num_done"] + min(part, 1), request["count"])
                move(done, request["count"], f"Drawing {request['num_done']}/{request['count']}")
    return studio.get(path)


def _fetch(studio: StudioClient, request: Any, folder: Path) -> list[Path]:
    from enogu.whole_file import make_folder

    make_folder(folder)
    saved: list[Path] = []
    for one in request["drawings"]:
        number = f"_{one['number']:02d}" if len(request["drawings"]) > 1 else ""
        target = folder / f"{request['id'][-6:]}{number}_{one['seed']}.png"
        saved.append(studio.download(f"/api/drawings/{one['id']}/picture", target))
    if request["sheet"] is not None and request["sheet"]["is_ready"]:
        path = f"/api/drawings/requests/{request['id']}/sheet"
        saved.append(studio.download(path, folder / f"{request['id'][-6:]}_sheet.png"))
    return saved


def _drawing_id_of(studio: StudioClient, reference: str, *, is_deleted: bool = False) -> str:
    query = {"deleted": "true"} if is_deleted else {}
    cure = "See `enogu drawing list --deleted`." if is_deleted else "See `enogu drawing list`."
    return studio.find_id("drawing", reference, lambda: studio.pages("/api/drawings", "drawings", query), cure)


def _form(
    base: str,
    negative: str,
    size: str,
    steps: int,
    cfg: float,
    sampler: str | None,
    schedule: str,
    seed: int,
    clip_skip: int | None,
) -> dict[str, Any]:
    width, height = parse_size(size)
    return {
        "base_model": base,
        "negative_prompt": negative,
        "width": width,
        "height": height,
        "steps": steps,
        "cfg": cfg,
        "sampler": sampler,
        "schedule_type": schedule,
        "seed": seed,
        "clip_skip": clip_skip,
    }


def parse_size(size: str) -> tuple[int | None, int | None]:
    """``512x768``; empty is none of both. Raises WrongUse."""
    if not size:
        return None, None
    width, _, height = size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise WrongUse(f"--size {size} is no size.", "Write it as 512x768.")
    return int(width), int(height)


def _weighted(text: str) -> dict[str, Any]:
    """``name`` or ``name:0.8``; a name may hold a colon itself."""
    name, colon, weight = text.rpartition(":")
    try:
        return {"lora": name, "weight": float(weight)} if colon else {"lora": text, "weight": 1.0}
    except ValueError:
        return {"lora": text, "weight": 1.0}
