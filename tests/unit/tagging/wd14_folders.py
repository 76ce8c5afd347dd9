"""Makers of tiny taggers in the WD14 format, so that no weights are needed to test what reads them.

The network averages the picture and answers for tag i the sigmoid of (weights[i] · mean BGR/255 + bias): enough to
see channel order, range, padding and batching from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LABELS = (
    ("safe", 9),
    ("questionable", 9),
    ("blue", 0),
    ("green_hair", 0),
    ("red", 0),
    ("^_^", 0),
    ("mame_(bean)", 4),
)
WEIGHTS_TC = np.array(
    [[1, 1, 1], [-1, -1, -1], [8, -4, -4], [-4, 8, -4], [-4, -4, 8], [0, 0, 0], [-8, 8, -8]], dtype=np.float32
)
"""In BGR order: the tag blue rises with the first channel."""

CSV = "tag_id,name,category,count\n" + "".join(f"{100 + i},{n},{c},999\n" for i, (n, c) in enumerate(LABELS))


def expected_probabilities(mean_BGR: Sequence[float]) -> NDArray[np.float64]:
    """What the network answers for a picture of that mean (0–255)."""
    return 1 / (1 + np.exp(-(WEIGHTS_TC.astype(np.float64) @ np.asarray(mean_BGR) / 255)))


def write_tagger(
    folder: Path,
    *,
    batch: int | str = "N",
    side: int | str = 32,
    channels: int = 3,
    outputs: int | None = None,
    csv: str = CSV,
    dynamic_outputs: bool = False,
    with_sigmoid: bool = True,
    dtype: int = TensorProto.FLOAT,
) -> Path:
    """Write model.onnx and selected_tags.csv, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(LABELS) if outputs is None else outputs
    kind = np.float16 if dtype == TensorProto.FLOAT16 else np.float32
    weights_CT = np.resize(WEIGHTS_TC, (count, channels)).T.astype(kind) / kind(255)
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
    ]
    if with_sigmoid:
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["probabilities"]))
    constants = {"axes": np.array([1, 2]), "weights": weights_CT}
    if dynamic_outputs:  # cut at a place that only running shows, so that onnxruntime cannot infer it
        constants |= {"first": np.array([0]), "second": np.array([1]), "count": np.array([count])}
        nodes += [
            helper.make_node("Shape", ["pixels"], ["shape"]),
            helper.make_node("Gather", ["shape", "first"], ["pictures"]),
            helper.make_node("Mul", ["pictures", "first"], ["nothing"]),
            helper.make_node("Add", ["nothing", "count"], ["end"]),
            helper.make_node("Slice", [nodes[-1].output[0], "first", "end", "second"], ["cut"]),
        ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", dtype, [batch, side, side, channels])],
        [helper.make_tensor_value_info(nodes[-1].output[0], dtype, [batch, "T" if dynamic_outputs else count])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (folder / "model.onnx").write_bytes(network.SerializeToString())
    (folder / "selected_tags.csv").write_text(csv, encoding="utf-8")
    onnx.checker.check_model(network)
    return folder
