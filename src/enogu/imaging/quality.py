"""What is wrong with a picture as something to learn from (product D4): too small, blurred, dark, washed out, blank.

Nothing is refused for it; it is pointed out. ``measure_quality`` looks at the pixels once, without knowing for what
they will be used, so its numbers can be kept; ``find_problems`` holds them against the size of a training.

*Blur* is the blur effect of Crété-Roffet, Dolmiere, Ladret and Nicolas, "The blur effect: perception and estimation
with a new no-reference perceptual blur metric", SPIE 6492, 2007: blur the picture once more, and see how much of the
differences between neighbours goes. The better known variance of the Laplacian measures how much detail there is, and
calls a cleanly drawn figure on a white ground blurred; here the amount of detail cancels out. It is measured at the
size of a training, so that a photograph of 40 megapixels that is only sharp when seen from afar counts as sharp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


ProblemKind = Literal["too_small", "blurred", "dark", "washed_out", "blank"]

BLUR_LIMIT = 0.65
"""Above it a picture is called blurred: 0 is the sharpest there can be, 1 no detail at all."""

DARK_LIMIT = 0.25
"""A picture whose brightest parts (98 % of it are darker) stay below this is dark: 0 is black, 1 white."""

WASHED_OUT_LIMIT = 0.5
"""A picture whose darkest parts (0.2 % of it are darker) stay above this is washed out; drawn lines are darker."""

BLANK_RANGE = 0.03
"""A picture whose levels lie this close together is of one colour."""

ENLARGED_LIMIT = 1.1
"""How far a picture may be enlarged for a training before it is called too small."""


@dataclass(frozen=True)
class QualityMeasures:
    """Numbers on a picture's pixels, each between 0 and 1."""

    blur: float
    """The blur effect: about 0.2 for a sharp picture, drawn or not. A Gaussian blur of one pixel at the size of a
    training makes it 0.4 to 0.55, of two 0.6 to 0.75, of three 0.75 to 0.85.
    """
    bright_level: float
    """Brightness that 98 % of the pixels do not exceed."""
    dark_level: float
    """Brightness below which 0.2 % of the pixels lie."""


@dataclass(frozen=True)
class PictureProblem:
    """One remark, for the page to show beside the picture."""

    kind: ProblemKind
    message: str


def measure_quality(image: Image.Image) -> QualityMeasures:
    """Measure an upright RGB picture."""
    import numpy as np

    grey = image.convert("L")
    levels = np.cumsum(np.asarray(grey.histogram(), dtype=np.float64))
    levels /= levels[-1]
    return QualityMeasures(
        blur=_blur_effect(_normalised(grey)),
        bright_level=_quantile(levels, 0.98),
        dark_level=_quantile(levels, 0.002),
    )


def find_problems(measures: QualityMeasures, width: int, height: int, resolution: int) -> tuple[PictureProblem, ...]:
    """What to say of a picture of ``width``×``height`` pixels that is to be trained at about ``resolution`` squared."""
    problems: list[PictureProblem] = []
    enlarged = resolution / (width * height) ** 0.5
    if enlarged > ENLARGED_LIMIT:
        problems.append(
            PictureProblem(
                "too_small",
                f"{width}×{height} pixels are too few to train at {resolution}: it would be enlarged "
                f"{enlarged:.1f} times.",
            )
        )
    if measures.bright_level - measures.dark_level < BLANK_RANGE:
        problems.append(PictureProblem("blank", "It has one colour only: there is nothing to learn from."))
        return tuple(problems)
    if measures.blur > BLUR_LIMIT:
        problems.append(PictureProblem("blurred", "It is blurred: a LoRA learns the blur too."))
    if measures.bright_level < DARK_LIMIT:
        problems.append(PictureProblem("dark", "It is dark all over: details are lost."))
    if measures.dark_level > WASHED_OUT_LIMIT:
        problems.append(PictureProblem("washed_out", "It is overexposed: nothing in it is dark."))
    return tuple(problems)


_NORMAL_SIDE = 512
"""Shorter side, in pixels, at which blur is measured: what most trainings see of a picture."""
_WINDOW = 9
"""Pixels that are averaged to blur once more, as in the paper."""
_LITTLE_DETAIL = 0.1
"""Of both directions' differences: stripes have none along themselves, and are not blurred for that."""


def _normalised(grey: Image.Image) -> NDArray[np.float32]:
    """At most _NORMAL_SIDE on the shorter side, and eight times that on the longer; never enlarged."""
    import numpy as np

    scale = min(_NORMAL_SIDE / min(grey.size), 8 * _NORMAL_SIDE / max(grey.size))
    if scale < 1:
        size = max(1, round(grey.width * scale)), max(1, round(grey.height * scale))
        grey = grey.resize(size, Image.Resampling.BOX, reducing_gap=4.0)
    return np.asarray(grey, dtype=np.float32)


def _blur_effect(grey_HW: NDArray[np.float32]) -> float:
    """The larger of both directions, since motion blurs one of them; one that has next to no detail does not count."""
    directions = [_differences(grey_HW), _differences(grey_HW.T)]
    total = sum(before for before, _ in directions)
    return max((kept / before for before, kept in directions if before > _LITTLE_DETAIL * total), default=1.0)


def _differences(grey_HW: NDArray[np.float32]) -> tuple[float, float]:
    """Between neighbours in a row, summed; and how much of that is left when rows are averaged over _WINDOW pixels."""
    import numpy as np

    padded = np.pad(grey_HW, ((0, 0), (_WINDOW // 2 + 1, _WINDOW // 2)), mode="edge")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    blurred_HW = (sums[:, _WINDOW:] - sums[:, :-_WINDOW]) / _WINDOW
    before = np.abs(np.diff(grey_HW, axis=1))
    after = np.abs(np.diff(blurred_HW, axis=1))
    return float(before.sum(dtype=np.float64)), float(np.minimum(before, after).sum(dtype=np.float64))


def _quantile(cumulated: Sequence[float] | NDArray[np.float64], share: float) -> float:
    import numpy as np

    return int(np.searchsorted(cumulated, share)) / 255
