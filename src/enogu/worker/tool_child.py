"""The process in which a tool on LoRAs works for a worker: one job comes in, progress and a result go out.

On the processor only. It ends at once when its worker is gone, and writes nothing but the file it was asked for.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from enogu.errors import EnoguError
from enogu.worker.child_loop import die_with_parent, private_streams
from enogu.worker.engine_messages import event_line, read_object

_TELL_SECONDS = 0.3
OnProgress = Callable[[int, int], None]
"""Layers that are done, and of how many."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one job."""
    parser = tool_parser(__doc__)
    options = parser.parse_args(arguments)

    def use(values: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        from enogu.engine.memory import use_threads

        use_threads(options.threads)
        return _use(values, on_progress)

    def in_words(error: Exception) -> EnoguError | None:
        from enogu.engine import failures

        return failures.in_words(error)

    return serve(options.parent, use, in_words)


def tool_parser(words: str | None) -> argparse.ArgumentParser:
    """What the worker tells every such process on its command line."""
    parser = argparse.ArgumentParser(description=words)
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    return parser


def serve(
    parent: int,
    use: Callable[[Mapping[str, Any], OnProgress], dict[str, Any]],
    in_words: Callable[[Exception], EnoguError | None],
) -> int:
    """One job, whoever does it: progress now and then, at last Done or Failed. The same for the fake."""
    die_with_parent(parent)
    commands, events = private_streams()
    values = read_object(commands.readline())
    threading.Thread(target=_end_with, args=(commands,), daemon=True).start()
    told_at = 0.0

    def on_progress(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _TELL_SECONDS:
            told_at = time.monotonic()
            _say(events, {"event": "Stepped", "done": done, "total": total})

    try:
        _say(events, {"event": "Done", "found": use(values, on_progress)})
    except Exception as error:
        _say(events, _failed(error, in_words(error)))
    return 0


def _failed(error: Exception, worded: EnoguError | None) -> dict[str, Any]:
    if worded is not None:
        return {"event": "Failed", "message": worded.message, "cure": worded.cure}
    traceback.print_exception(error, file=sys.stderr)
    words = f"The tool met something that nobody thought of ({type(error).__name__}: {str(error)[:500]})."
    return {"event": "Failed", "message": words, "cure": "Try it again; the worker's log holds the details."}


def _use(values: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
    """What the tool found, for people: layers with what is left of them, or how alike they are."""
    from enogu.engine import lora_tools
    from enogu.engine.merging import LoraToMerge, merge_into_base

    tool, out = str(values["tool"]), Path(values["out"])
    precision, rank = str(values["precision"]), values["rank"]
    loras = [(Path(path), float(weight), float(text)) for path, weight, text in values["loras"]]
    bases = [Path(path) for path in values["base_paths"]]
    if tool == "convert":
        made = lora_tools.convert(loras[0][0], out, layout=values["layout"], precision=precision)
        return {"num_tensors": len(made.tensors)}
    if tool == "merge":
        lora_tools.merge(
            [LoraToMerge(*one) for one in loras], out, rank=rank, precision=precision, on_progress=on_progress
        )
        return {}
    if tool == "resize":
        _, layers = lora_tools.resize(
            loras[0][0], out, rank=rank, method=values["method"], parameter=values["parameter"], precision=precision,
            on_progress=on_progress,
        )  # fmt: skip
        return {"layers": [asdict(layer) for layer in layers]}
    if tool == "compare":
        compared = lora_tools.compare(loras[0][0], loras[1][0], on_progress=on_progress)
        return {"layers": [asdict(layer) for layer in compared]}
    if tool == "merge_into":
        merged = merge_into_base(
            bases[0], [LoraToMerge(*one) for one in loras], out, precision=precision, on_progress=on_progress
        )
        return {"num_layers": merged.num_layers}
    tuned, base = bases
    said = " - ".join(str(one["name"]) for one in values["bases"])
    _, layers = lora_tools.extract(
        base, tuned, out, dim=rank, conv_dim=values["conv_rank"], precision=precision, said=said,
        on_progress=on_progress,
    )  # fmt: skip
    return {"layers": [asdict(layer) for layer in layers]}


def _end_with(commands: IO[bytes]) -> None:
    while commands.readline():
        pass
    os._exit(0)  # the worker is gone


def _say(events: IO[bytes], event: Mapping[str, Any]) -> None:
    events.write(event_line(event))
    events.flush()


if __name__ == "__main__":
    sys.exit(main())
