"""``enogu lora inspect``, ``convert``, ``merge``, ``resize``, ``extract``, ``compare``: files, without a studio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from enogu.cli.lora import app
from enogu.cli.loras import parse_lora, parse_lora_of_two_weights
from enogu.cli.output import Output, call_of
from enogu.errors import WrongUse

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A LoRA file (.safetensors), of any layout.")]
OutFile = Annotated[
    Path, typer.Option("--out", metavar="FILE", help="Where the new file goes; nothing is overwritten.")
]
Precision = Annotated[str, typer.Option("--precision", metavar="NAME", help="fp32, fp16, bf16, or same.")]


@app.command()
def inspect(context: typer.Context, file: FileArgument) -> None:
    """Say what a LoRA file is: as `enogu inspect`."""
    from enogu.cli.inspect import inspect as look

    look(context, file)


@app.command()
def convert(
    context: typer.Context,
    file: FileArgument,
    out: OutFile,
    layout: Annotated[str, typer.Option("--to", metavar="LAYOUT", help="kohya, or diffusers.")] = "kohya",
    precision: Precision = "same",
) -> None:
    """Write a LoRA in another layout or precision."""
    from enogu.engine import lora_tools

    if layout not in ("kohya", "diffusers"):
        raise WrongUse(f"There is no layout {layout}.", "Use kohya or diffusers.")
    made = lora_tools.convert(file, out, layout=layout, precision=_precision(precision))
    _say(call_of(context).output, out, len(made.tensors))


@app.command()
def merge(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE:WEIGHT…",
            help="LoRAs, such as a.safetensors:0.7; with --into a second number is for text encoders.",
        ),
    ],
    out: OutFile,
    into: Annotated[
        str | None, typer.Option("--into", metavar="BASE", help="A base model: make a new one with the LoRAs in it.")
    ] = None,
    rank: Annotated[int | None, typer.Option("--rank", min=1, help="Bring it to this rank; else ranks add up.")] = None,
    precision: Annotated[
        str | None, typer.Option("--precision", metavar="NAME", help="fp32, fp16, bf16, or same (with --into usual).")
    ] = None,
) -> None:
    """Put several LoRAs at their weights into one that draws the same, or into a base model."""
    output = call_of(context).output
    if into is not None:
        if rank is not None:
            raise WrongUse("A base model has no rank.", "Leave out --rank, or --into.")
        _merge_into(context, into, files, out, _precision(precision or "same"))
        return
    from enogu.engine import lora_tools

    loras = [parse_lora(text) for text in files]
    made = lora_tools.merge(loras, out, rank=rank, precision=_precision(precision or "fp16"))
    _say(output, out, len(made.tensors))


def _merge_into(context: typer.Context, base: str, files: Sequence[str], out: Path, precision: str) -> None:
    from enogu.base_models import find_base_model
    from enogu.engine.merging import LoraToMerge, merge_into_base

    call = call_of(context)
    loras = [LoraToMerge(*parse_lora_of_two_weights(text)) for text in files]
    made = merge_into_base(find_base_model(base, call.settings).folder, loras, out, precision=precision)
    call.output.say(f"{out}: {made.num_layers} layers of the base model are changed.")
    told = {"family": made.family, "num_layers": made.num_layers, "sha256": list(made.sha256)}
    call.output.tell({"path": str(out), **told})


@app.command()
def resize(
    context: typer.Context,
    file: FileArgument,
    out: OutFile,
    rank: Annotated[int, typer.Option("--rank", min=1, help="The new rank, or the most there may be.")],
    method: Annotated[
        str, typer.Option("--by", metavar="NAME", help="fixed, sv_ratio, sv_cumulative, or sv_fro.")
    ] = "fixed",
    parameter: Annotated[float | None, typer.Option("--parameter", help="Of the method, such as 0.9.")] = None,
    precision: Precision = "fp16",
) -> None:
    """Bring a LoRA to a lower rank, and say how much of it is kept."""
    from enogu.engine import lora_tools

    if method not in ("fixed", "sv_ratio", "sv_cumulative", "sv_fro"):
        raise WrongUse(f"There is no way {method}.", "Use fixed, sv_ratio, sv_cumulative or sv_fro.")
    made, layers = lora_tools.resize(
        file, out, rank=rank, method=method, parameter=parameter, precision=_precision(precision)
    )
    _say_retained(call_of(context).output, out, len(made.tensors), layers)


@app.command()
def extract(
    context: typer.Context,
    tuned: Annotated[str, typer.Argument(metavar="TUNED", help="The base model that has learnt: a name, or a path.")],
    base: Annotated[str, typer.Option("--base", metavar="BASE", help="The base model it was made from.")],
    out: OutFile,
    dim: Annotated[int, typer.Option("--dim", min=1, help="The rank.")] = 32,
    conv_dim: Annotated[int, typer.Option("--conv-dim", min=0, help="That of convolutions; 0 leaves them out.")] = 0,
    precision: Precision = "fp16",
) -> None:
    """Make a LoRA of what differs between two base models."""
    from enogu.base_models import find_base_model
    from enogu.engine import lora_tools
    from enogu.engine.families import load_base_model
    from enogu.engine.memory import choose_compute

    call = call_of(context)
    compute = choose_compute("none", "cpu")
    first, second = (load_base_model(find_base_model(name, call.settings).folder, compute) for name in (base, tuned))
    made, layers = lora_tools.extract(first, second, out, dim=dim, conv_dim=conv_dim, precision=_precision(precision))
    _say_retained(call.output, out, len(made.tensors), layers)


@app.command()
def compare(
    context: typer.Context,
    a: FileArgument,
    b: Annotated[Path, typer.Argument(metavar="OTHER", help="Another LoRA file.")],
) -> None:
    """Say how alike two LoRAs are, block by block: 1 is the same direction, 0 none in common."""
    from dataclasses import asdict

    from enogu.engine import lora_tools

    output = call_of(context).output
    layers = lora_tools.compare(a, b)
    blocks: dict[str, list[Any]] = {}
    for layer in layers:
        blocks.setdefault("text encoder" if layer.block is None else f"block {layer.block}", []).append(layer)
    for name, those in blocks.items():
        norms = [sum(one**2 for one in side) ** 0.5 for side in ([x.norm_a for x in those], [x.norm_b for x in those])]
        dot = sum(one.cosine * one.norm_a * one.norm_b for one in those)
        alike = dot / (norms[0] * norms[1]) if all(norms) else 0.0
        output.say(f"{name}: alike {alike:.3f}, norms {norms[0]:.4g} and {norms[1]:.4g}, {len(those)} layers")
    output.tell({"layers": [asdict(layer) for layer in layers]})


def _precision(text: str) -> str:
    if text not in ("fp32", "fp16", "bf16", "same"):
        raise WrongUse(f"There is no precision {text}.", "Use fp32, fp16, bf16 or same.")
    return text


def _say(output: Output, out: Path, num_tensors: int) -> None:
    output.say(f"Wrote {out}: {num_tensors} tensors.")
    output.tell({"path": str(out), "num_tensors": num_tensors})


def _say_retained(output: Output, out: Path, num_tensors: int, layers: Sequence[Any]) -> None:
    from dataclasses import asdict

    mean = sum(layer.retained for layer in layers) / max(1, len(layers))
    worst = min(layers, key=lambda layer: layer.retained)
    output.say(f"Wrote {out}: of each layer's norm {mean:.1%} is kept, at least {worst.retained:.1%} ({worst.key}).")
    told = {"retained_mean": mean, "layers": [asdict(layer) for layer in layers]}
    output.tell({"path": str(out), "num_tensors": num_tensors, **told})
