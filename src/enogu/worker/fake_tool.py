"""Tools on LoRAs that compute nothing: the process, words and kinds of files of ``tool_child``, without torch.

For tests of everything around a tool. Files are whole and deterministic: layers of the LoRAs that were put in, with the
rank that was asked for and numbers by the hash of all that was put in. How slow it is is said on its command line.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enogu.errors import AdapterRefused, BaseModelRefused, EnoguError
from enogu.weights.header import read_header
from enogu.weights.lora_layouts import adapted_layers
from enogu.whole_file import write_whole_bytes
from enogu.worker.fake_engine import tensor_file
from enogu.worker.tool_child import OnProgress, serve, tool_parser

_NUM_STEPS = 10
_WIDTHS = (768, 320)
_KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
_SMALL = bytes(0x24 | (value & 0x81) for value in range(256))
"""The high byte of a half-precision number, so that it is small and finite."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one job."""
    parser = tool_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=0.0, help="that a job takes")
    options = parser.parse_args(arguments)

    def use(values: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
        for step in range(_NUM_STEPS):
            on_progress(step, _NUM_STEPS)
            time.sleep(options.seconds / _NUM_STEPS)
        return _use(values)

    return serve(options.parent, use, lambda error: error if isinstance(error, EnoguError) else None)


def _use(values: Mapping[str, Any]) -> dict[str, Any]:
    tool, out = str(values["tool"]), Path(values["out"])
    loras = [Path(path) for path, _, _ in values["loras"]]
    layers = _layers(loras) if loras else {_KEY: (1, *_WIDTHS)}
    if tool == "compare":
        same = loras[0].read_bytes() == loras[1].read_bytes()
        cosine = 1.0 if same else 0.75
        return {"layers": [{"key": k, "block": None, "cosine": cosine, "norm_a": 1.0, "norm_b": 1.0} for k in layers]}
    if tool == "merge_into":
        base = Path(values["base_paths"][0])
        if not base.exists():
            raise BaseModelRefused(f"{base} is no base model.", "Give a .safetensors file or a diffusers folder.")
        shutil.copytree(base, out) if base.is_dir() else shutil.copyfile(base, out)
        return {"num_layers": len(layers)}
    rank = values["rank"]
    changed = {key: (rank or before, num_in, num_out) for key, (before, num_in, num_out) in layers.items()}
    num_tensors = _write(out, changed, loras, as_diffusers=values["layout"] == "diffusers")
    if tool in ("resize", "extract"):
        told = [
            {"key": key, "rank_before": layers[key][0], "rank": rank, "retained": 0.9} for key, (rank, _, _) in
            changed.items()
        ]  # fmt: skip
        return {"layers": told}
    return {"num_tensors": num_tensors} if tool == "convert" else {}


def _layers(loras: Sequence[Path]) -> dict[str, tuple[int, int, int]]:
    """Rank, width in and width out of every layer of plain LoRAs; ranks of one layer in several files add up."""
    found: dict[str, tuple[int, int, int]] = {}
    for path in loras:
        shapes = read_header(path).shapes
        if not adapted_layers(shapes):
            raise AdapterRefused(
                f"{path.name} is no LoRA: none of its {len(shapes)} tensors has a LoRA's name.", "Choose a LoRA file."
            )
        for name, shape in shapes.items():
            key = name.removesuffix(".lora_down.weight")
            if key != name:
                before = found.get(key, (0, 0, 0))[0]
                found[key] = (before + shape[0], math.prod(shape[1:]), shapes[f"{key}.lora_up.weight"][0])
    return found


def _write(out: Path, layers: Mapping[str, tuple[int, int, int]], loras: Sequence[Path], *, as_diffusers: bool) -> int:
    chain = hashlib.sha256(b"".join(path.read_bytes() for path in loras)).hexdigest()
    tensors: dict[str, tuple[str, list[int], bytes]] = {}
    for key, (rank, num_in, num_out) in layers.items():
        start = f"unet.{key.removeprefix('lora_unet_')}" if as_diffusers else key
        down, up = ("lora_A", "lora_B") if as_diffusers else ("lora_down", "lora_up")
        for name, shape in ((down, [rank, num_in]), (up, [num_out, rank])):
            numbers = bytearray(hashlib.shake_256(f"{chain} {key} {name}".encode()).digest(2 * math.prod(shape)))
            numbers[1::2] = numbers[1::2].translate(_SMALL)
            tensors[f"{start}.{name}.weight"] = ("F16", shape, bytes(numbers))
    metadata = {"ss_base_model_version": "sd_v1", "ss_output_name": out.stem, "modelspec.title": out.stem}
    write_whole_bytes(out, tensor_file(tensors, metadata))
    return len(tensors)


if __name__ == "__main__":
    sys.exit(main())
