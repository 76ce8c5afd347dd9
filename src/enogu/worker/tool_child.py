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
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from enogu.worker.child_loop import die_with_parent, private_streams
from enogu.worker.engine_messages import event_line, read_object

_TELL_SECONDS = 0.3


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args(arguments)
    die_with_parent(options.parent)
    commands, events = private_streams()
    values = read_object(commands.readline())
    threading.Thread(target=_end_with, args=(commands,), daemon=True).start()
    _say(events, _event_of(values, events, options.threads))
    return 0


def _event_of(values: Mapping[str, Any], events: IO[bytes], threads: int) -> dict[str, Any]:
    from enogu.engine.failures import in_words
    from enogu.engine.memory import use_threads

    use_threads(threads)
    told_at = 0.0

    def on_progress(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= _TELL_SECONDS:
            told_at = time.monotonic()
            _say(events, {"event": "Stepped", "done": done, "total": total})

    try:
        return {"event": "Done", "found": _use(values, on_progress)}
    except Exception as error:
        worded = in_words(error)
        if worded is not None:
            return {"event": "Failed", "message": worded.message, "cure": worded.cure}
        traceback.print_exception(error, file=sys.stderr)
        words = f"The tool met something that nobody thought of ({type(error).__name__}: {str(error)[:500]})."
        return {"event": "Failed", "message": words, "cure": "Try it again; the worker's log holds the details."}


def _use(values: Mapping[str, Any], on_progress: Any) -> dict[str, Any]:
    """What the tool found, for people: layers with what is left of them, or how alike they are."""
    from enogu.engine import lora_tools
    from enogu.engine.families import load_base_model
    from enogu.engine.memory import choose_compute
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
            [(path, weight) for path, weight, _ in loras], out, rank=rank, precision=precision, on_progress=on_progress
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
    compute = choose_compute("none", "cpu")
    tuned, base = (load_base_model(path, compute) for path in bases)
    tuned.name, base.name = (str(one["name"]) for one in values["bases"])
    _, layers = lora_tools.extract(
        base, tuned, out, dim=rank, conv_dim=values["conv_rank"], precision=precision, on_progress=on_progress
    )
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
