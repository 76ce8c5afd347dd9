"""Any tagger in the WD14 format: ``model.onnx`` with ``selected_tags.csv`` beside it (SmilingWolf's releases).

What goes in and comes out follows SmilingWolf's own demo, so a real WD14 folder gives the same numbers here: picture
composited on white, padded to a square with white, resized with Pillow's bicubic, BGR, float32 0–255, NHWC;
probabilities out, in the order of the CSV. A ``tagger.json`` beside it may hold ``recommended_threshold``: the value
where precision equals recall differs between taggers from 0.25 to 0.38.

onnxruntime is imported when a tagger is opened: its import costs start-up time that other commands need not pay.
"""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from PIL import Image

from enogu.errors import EnoguError, WrongUse
from enogu.tagging.entities import Tag, TagCategory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


DEFAULT_THRESHOLD = 0.35
"""General threshold of SmilingWolf's demo and of sd-scripts (finetune/tag_images_by_wd14_tagger.py)."""

CSV_HEADER = ("tag_id", "name", "category", "count")

CATEGORIES: dict[int, TagCategory] = {
    0: "general",
    1: "artist",
    3: "copyright",
    4: "character",
    5: "meta",
    9: "rating",
}
"""Danbooru's category numbers; 9 is WD14's own."""


class Wd14Tagger:
    """A WD14 tagger on onnxruntime."""

    def __init__(self, path: Path, *, num_threads: int | None = None, batch_size: int = 8) -> None:
        """Open the tagger folder (or its ``model.onnx``).

        ``num_threads`` limits onnxruntime (None: all cores). ``batch_size`` is how many pictures go through at once;
        a tagger with a fixed batch dimension uses its own. Raises WrongUse naming the file and the cure.
        """
        model_file, csv_file = _find_files(path)
        self._labels = read_labels(csv_file)
        self._recommended_threshold = read_recommended_threshold(model_file.parent / "tagger.json")
        self._session = _open_session(model_file, num_threads)
        self._input = _read_input(model_file, self._session)
        self._batch_size = self._input.fixed_batch or max(1, batch_size)
        self._output_name = self._session.get_outputs()[0].name
        self._model_file = model_file
        self._check_outputs(self._session.get_outputs()[0].shape)

    @property
    def recommended_threshold(self) -> float:
        """``recommended_threshold`` of tagger.json, else DEFAULT_THRESHOLD."""
        return self._recommended_threshold

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Names of the CSV in its order."""
        return tuple(name for name, _ in self._labels)

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height, pixels, that pictures are resized to."""
        return self._input.width, self._input.height

    def tag(self, images: Sequence[Image.Image]) -> list[list[Tag]]:
        """As the protocol says. Raises EnoguError when the network answers with something other than probabilities."""
        tags: list[list[Tag]] = []
        for start in range(0, len(images), self._batch_size):
            batch = images[start : start + self._batch_size]
            tags += [self._as_tags(row) for row in self._probabilities(batch)]
        return tags

    def _probabilities(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Shape [pictures, tags]; at most one batch of pictures."""
        import numpy as np

        pixels_NHWC = np.stack([prepare(image, self._input.width, self._input.height) for image in images])
        missing = self._input.fixed_batch - len(images) if self._input.fixed_batch else 0
        if missing > 0:
            pixels_NHWC = np.concatenate([pixels_NHWC, np.repeat(pixels_NHWC[-1:], missing, axis=0)])
        pixels_NHWC = pixels_NHWC.astype(self._input.dtype, copy=False)
        try:
            (answer,) = self._session.run([self._output_name], {self._input.name: pixels_NHWC})
        except Exception as error:  # onnxruntime's own exceptions share no public class
            raise EnoguError(f"{self._model_file} failed on a picture ({_one_line(error)}).", _RELEASE_CURE) from error
        answer_NT = np.asarray(answer, dtype=np.float32)
        self._check_outputs(answer_NT.shape)
        return self._checked(answer_NT[: len(images)])

    def _checked(self, answer_NT: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np

        if not np.isfinite(answer_NT).all() or answer_NT.min() < -1e-3 or answer_NT.max() > 1 + 1e-3:
            raise EnoguError(
                f"{self._model_file} does not answer with probabilities between 0 and 1.",
                "Export the tagger with its final sigmoid.",
            )
        return np.clip(answer_NT, 0.0, 1.0)

    def _as_tags(self, probabilities_T: NDArray[np.float32]) -> list[Tag]:
        import numpy as np

        order = cast("list[int]", np.argsort(-probabilities_T, kind="stable").tolist())
        return [Tag(self._labels[i][0], float(probabilities_T[i]), self._labels[i][1]) for i in order]

    def _check_outputs(self, shape: Sequence[object]) -> None:
        """A count that is known must be the CSV's; one that is a name (dynamic) is checked when the network answers."""
        count = shape[-1] if len(shape) == 2 else 0
        if (isinstance(count, int) and count != len(self._labels)) or len(shape) != 2:
            raise WrongUse(
                f"{self._model_file} answers {list(shape)}, but selected_tags.csv has {len(self._labels)} tags.",
                "Take both files from the same release of the tagger.",
            )


def prepare(image: Image.Image, width: int, height: int) -> NDArray[np.float32]:
    """A picture as WD14 networks want it: float32 0–255, BGR, HWC.

    On white, padded to a centred square with white, bicubic only when the size differs (SmilingWolf's demo).
    """
    import numpy as np

    with_alpha = image.convert("RGBA")
    side = max(with_alpha.size)
    square = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    square.alpha_composite(with_alpha, ((side - with_alpha.width) // 2, (side - with_alpha.height) // 2))
    padded = square.convert("RGB")
    if padded.size != (width, height):
        padded = padded.resize((width, height), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(padded, dtype=np.float32)[:, :, ::-1])


def read_labels(path: Path) -> list[tuple[str, TagCategory]]:
    """Name and category of each row of ``selected_tags.csv``. Raises WrongUse with file, line and cure."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUse(f"{path} cannot be read ({_one_line(error)}).", _RELEASE_CURE) from error
    if not rows or tuple(rows[0]) != CSV_HEADER:
        found = ",".join(rows[0])[:80] if rows else "nothing"
        raise WrongUse(f"{path} must begin with {','.join(CSV_HEADER)}, but begins with {found}.", _RELEASE_CURE)
    labels: list[tuple[str, TagCategory]] = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        category = CATEGORIES.get(int(row[2])) if len(row) == 4 and row[2].isdecimal() else None
        if category is None or not row[1]:
            raise WrongUse(f"{path}, line {line}: {','.join(row)[:80]} is no tag row.", _RELEASE_CURE)
        labels.append((row[1], category))
    if not labels:
        raise WrongUse(f"{path} holds no tags.", _RELEASE_CURE)
    return labels


_RELEASE_CURE = "Take model.onnx and selected_tags.csv from one release of a WD14 tagger."
_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}
"""numpy's names, which is loaded by who tags and not by who only asks what there is."""
_DEFAULT_SIDE = 448


class _Value(Protocol):
    name: str
    shape: list[object]
    type: str


class _Session(Protocol):
    """The part of onnxruntime.InferenceSession used here (the package carries no types)."""

    def get_inputs(self) -> list[_Value]: ...
    def get_outputs(self) -> list[_Value]: ...
    def run(self, names: list[str], feeds: dict[str, NDArray[Any]]) -> list[object]: ...


@dataclass(frozen=True)
class _Input:
    name: str
    fixed_batch: int
    """0 when the batch dimension is dynamic."""
    height: int
    width: int
    dtype: str


def _find_files(path: Path) -> tuple[Path, Path]:
    model_file = path / "model.onnx" if path.is_dir() else path
    csv_file = model_file.parent / "selected_tags.csv"
    if not path.exists():
        raise WrongUse(f"There is no tagger {path}.", "Name a folder with model.onnx and selected_tags.csv.")
    missing = [file.name for file in (model_file, csv_file) if not file.is_file()]
    if missing:
        raise WrongUse(f"{model_file.parent} lacks {' and '.join(missing)}.", _RELEASE_CURE)
    return model_file, csv_file


def read_recommended_threshold(path: Path) -> float:
    """What ``tagger.json`` says, or DEFAULT_THRESHOLD when there is none. Raises WrongUse when it is no such file."""
    if not path.is_file():
        return DEFAULT_THRESHOLD
    try:
        content: object = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise WrongUse(f"{path} is not JSON ({_one_line(error)}).", "Correct or delete it.") from error
    value = (
        cast("dict[str, object]", content).get("recommended_threshold", DEFAULT_THRESHOLD)
        if isinstance(content, dict)
        else None
    )
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise WrongUse(f"{path}: recommended_threshold must be a number from 0 to 1.", "Correct or delete it.")
    return float(value)


def _open_session(model_file: Path, num_threads: int | None) -> _Session:
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: its remarks on graphs are not for the people who use them
    if num_threads is not None:
        options.intra_op_num_threads = max(1, num_threads)
    available: list[str] = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in available]
    try:
        return cast("_Session", onnxruntime.InferenceSession(str(model_file), options, providers=providers))
    except Exception as error:  # onnxruntime's own exceptions share no public class
        raise WrongUse(f"{model_file} is no ONNX network ({_one_line(error)}).", _RELEASE_CURE) from error


def _read_input(model_file: Path, session: _Session) -> _Input:
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    if len(shape) != 4 or (isinstance(shape[3], int) and shape[3] != 3) or inputs[0].type not in _DTYPES:
        found = ", ".join(f"{value.type} {value.shape}" for value in inputs)
        raise WrongUse(
            f"{model_file} takes {found}; a WD14 tagger takes float [pictures, height, width, 3].", _RELEASE_CURE
        )
    batch, height, width, _ = (side if isinstance(side, int) and side > 0 else 0 for side in shape)
    return _Input(
        name=inputs[0].name,
        fixed_batch=batch,
        height=height or width or _DEFAULT_SIDE,
        width=width or height or _DEFAULT_SIDE,
        dtype=_DTYPES[inputs[0].type],
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160].rstrip(".")
