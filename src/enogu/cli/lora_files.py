"""``enogu lora inspect``, ``convert``, ``merge``, ``resize``, ``extract``, ``compare``: files, or LoRAs of the studio.

Files need no studio; what is no file is a LoRA of the studio, where a worker does the same (``lora_jobs``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from enogu.cli.lora import app
from enogu.cli.lora_jobs import are_in_studio, show_lora, use_tool
from enogu.cli.loras import parse_lora_of_two_weights
from enogu.cli.output import Output, call_of
from enogu.errors import WrongUse

if TYPE_CHECKING:
    from enogu.engine.lora_file import LoraFile
    from enogu.engine.merging import LoraToMerge

FileArgument = Annotated[
    str, typer.Argument(metavar="LORA", help="A LoRA file (.safetensors) of any layout, or a LoRA of the studio.")
]
OutFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Where the new file goes; nothing is overwritten. Needed for files."),
]
NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="What is made is called so in the studio.")]
Precision = Annotated[str, typer.Option("--precision", metavar="NAME", help="fp32, fp16, bf16, or same.")]
_METHODS = ("fixed", "sv_ratio", "sv_cumulative", "sv_fro")


@app.command()
def inspect(context: typer.Context, file: FileArgument) -> None:
    """Say what a LoRA is: of a file as `enogu inspect`."""
    if are_in_studio([file]):
        show_lora(context, file)
        return
    from enogu.cli.inspect import inspect as look

    look(context, Path(file))


@app.command()
def convert(
    context: typer.Context,
    file: FileArgument,
    out: OutFile = None,
    layout: Annotated[str, typer.Option("--to", metavar="LAYOUT", help="kohya, or diffusers.")] = "kohya",
    precision: Precision = "same",
    name: NameOption = "",
) -> None:
    """Write a LoRA in another layout or precision. Of one in the studio another is made there; --out fetches it."""
    if layout not in ("kohya", "diffusers"):
        raise WrongUse(f"There is no layout {layout}.", "Use kohya or diffusers.")
    common = {"precision": _precision(precision), "name": name}
    if are_in_studio([file]):
        job = use_tool(context, {"tool": "convert", "lora_id": file, "layout": layout, **common}, out)
        call_of(context).output.tell(job)
        return
    from enogu.engine import lora_tools

    target = _needed(out)
    made = lora_tools.convert(Path(file), target, layout=layout, precision=precision)
    _say(call_of(context).output, target, len(made.tensors))


@app.command()
def merge(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="LORA:WEIGHT…",
            help="Files or LoRAs of the studio, as a.safetensors:0.7; a second number is for text encoders.",
        ),
    ],
    out: OutFile = None,
    into: Annotated[
        str | None, typer.Option("--into", metavar="BASE", help="A base model: make a new one with the LoRAs in it.")
    ] = None,
    rank: Annotated[int | None, typer.Option("--rank", min=1, help="Bring it to this rank; else ranks add up.")] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="NAME", help="fp32, fp16, bf16, or same (with --into usual).")
    ] = None,
    name: NameOption = "",
) -> None:
    """Put several LoRAs at their weights into one that draws the same, or into a base model."""
    output = call_of(context).output
    if into is not None and rank is not None:
        raise WrongUse("A base model has no rank.", "Leave out --rank, or --into.")
    number_format = _precision(precision or ("fp16" if into is None else "same"))
    loras = [parse_lora_of_two_weights(text) for text in files]
    if are_in_studio([str(path) for path, _, _ in loras]):
        weighed = [{"id": str(path), "weight": weight, "text_weight": text} for path, weight, text in loras]
        common = {"loras": weighed, "precision": number_format, "name": name}
        if into is None:
            output.tell(use_tool(context, {"tool": "merge", "rank": rank, **common}, out))
            return
        if out is not None:
            raise WrongUse("The new base model stays in the studio.", "Leave out --out.")
        output.tell(use_tool(context, {"tool": "merge_into", "base_model_id": into, **common}))
        return
    target = _needed(out)
    from enogu.engine.merging import LoraToMerge

    if into is not None:
        _merge_into(context, into, [LoraToMerge(*one) for one in loras], target, number_format)
        return
    from enogu.engine import lora_tools

    made = lora_tools.merge([LoraToMerge(*one) for one in loras], target, rank=rank, precision=number_format)
    _say(output, target, len(made.tensors))


def _merge_into(context: typer.Context, base: str, loras: Sequence[LoraToMerge], out: Path, precision: str) -> None:
    from enogu.base_models import find_base_model
    from enogu.engine.merging import merge_into_base

    call = call_of(context)
    made = merge_into_base(find_base_model(base, call.settings).folder, loras, out, precision=precision)
    call.output.say(f"{out}: {made.num_layers} layers of the base model are changed.")
    told = {"family": made.family, "num_layers": made.num_layers, "sha256": list(made.sha256)}
    call.output.tell({"path": str(out), **told})


@app.command()
def resize(
    context: typer.Context,
    file: FileArgument,
    rank: Annotated[int, typer.Option("--rank", min=1, help="The new rank, or the most there may be.")],
    out: OutFile = None,
    method: Annotated[
        str, typer.Option("--by", metavar="NAME", help="fixed, sv_ratio, sv_cumulative, or sv_fro.")
    ] = "fixed",
    parameter: Annotated[float | None, typer.Option("--parameter", help="Of the method, such as 0.9.")] = None,
    precision: Precision = "fp16",
    name: NameOption = "",
) -> None:
    """Bring a LoRA to a lower rank, and say how much of it is kept."""
    if method not in _METHODS:
        raise WrongUse(f"There is no way {method}.", "Use fixed, sv_ratio, sv_cumulative or sv_fro.")
    output = call_of(context).output
    common = {"rank": rank, "method": method, "parameter": parameter, "precision": _precision(precision)}
    if are_in_studio([file]):
        job = use_tool(context, {"tool": "resize", "lora_id": file, "name": name, **common}, out)
        _say_retained(output, job["name"], job["result"]["layers"], job)
        return
    from dataclasses import asdict

    from enogu.engine import lora_tools

    target = _needed(out)
    made, layers = lora_tools.resize(
        Path(file), target, rank=rank, method=method, parameter=parameter, precision=precision
    )
    _say_retained(output, target, [asdict(one) for one in layers], _told(target, made))


@app.command()
def extract(
    context: typer.Context,
    tuned: Annotated[str, typer.Argument(metavar="TUNED", help="The base model that has learnt: a name, or a path.")],
    base: Annotated[str, typer.Option("--base", metavar="BASE", help="The base model it was made from.")],
    out: OutFile = None,
    dim: Annotated[int, typer.Option("--dim", min=1, help="The rank.")] = 32,
    conv_dim: Annotated[int, typer.Option("--conv-dim", min=0, help="That of convolutions; 0 leaves them out.")] = 0,
    precision: Precision = "fp16",
    name: NameOption = "",
) -> None:
    """Make a LoRA of what differs between two base models: with --server of that studio's, else of this machine's."""
    from dataclasses import asdict

    call = call_of(context)
    if call.server:
        asked = {"tool": "extract", "tuned_id": tuned, "base_model_id": base, "rank": dim, "conv_rank": conv_dim}
        job = use_tool(context, {**asked, "precision": _precision(precision), "name": name}, out)
        _say_retained(call.output, job["name"], job["result"]["layers"], job)
        return
    from enogu.base_models import find_base_model
    from enogu.engine import lora_tools

    target = _needed(out)
    first, second = (find_base_model(one, call.settings).folder for one in (base, tuned))
    made, layers = lora_tools.extract(
        first, second, target, dim=dim, conv_dim=conv_dim, precision=_precision(precision)
    )
    _say_retained(call.output, target, [asdict(one) for one in layers], _told(target, made))


@app.command()
def compare(
    context: typer.Context,
    a: FileArgument,
    b: Annotated[str, typer.Argument(metavar="LORA", help="The other one.")],
) -> None:
    """Say how alike two LoRAs are, block by block: the angle between their changes, and their norms."""
    output = call_of(context).output
    if are_in_studio([a, b]):
        layers = use_tool(context, {"tool": "compare", "lora_ids": [a, b]})["result"]["layers"]
    else:
        from dataclasses import asdict

        from enogu.engine import lora_tools

        layers = [asdict(layer) for layer in lora_tools.compare(Path(a), Path(b))]
    blocks: dict[str, list[Any]] = {}
    for layer in layers:
        where = "text encoder" if layer["block"] is None else f"block {layer['block']}"
        blocks.setdefault(where, []).append(layer)
    for where, those in blocks.items():
        norms = [sum(one[side] ** 2 for one in those) ** 0.5 for side in ("norm_a", "norm_b")]
        dot = sum(one["cosine"] * one["norm_a"] * one["norm_b"] for one in those)
        alike = dot / (norms[0] * norms[1]) if all(norms) else 0.0
        output.say(f"{where}: alike {alike:.3f}, norms {norms[0]:.4g} and {norms[1]:.4g}, {len(those)} layers")
    output.tell({"layers": layers})


def _needed(out: Path | None) -> Path:
    if out is None:
        raise WrongUse("Where the new file goes was not said.", "Give --out FILE.")
    return out


def _precision(text: str) -> str:
    if text not in ("fp32", "fp16", "bf16", "same"):
        raise WrongUse(f"There is no precision {text}.", "Use fp32, fp16, bf16 or same.")
    return text


def _say(output: Output, out: Path, num_tensors: int) -> None:
    output.say(f"Wrote {out}: {num_tensors} tensors.")
    output.tell({"path": str(out), "num_tensors": num_tensors})


def _told(out: Path, made: LoraFile) -> dict[str, Any]:
    return {"path": str(out), "num_tensors": len(made.tensors)}


def _say_retained(
    output: Output, made: Path | str, layers: Sequence[Mapping[str, Any]], told: Mapping[str, Any]
) -> None:
    mean = sum(layer["retained"] for layer in layers) / max(1, len(layers))
    worst = min(layers, key=lambda layer: layer["retained"])
    least = f"at least {worst['retained']:.1%} ({worst['key']})"
    output.say(f"Wrote {made}: of each layer's norm {mean:.1%} is kept, {least}.")
    output.tell({**told, "retained_mean": mean, "layers": layers})
