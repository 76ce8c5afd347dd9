"""Write the picture sets that ship: ``mame`` (7), the same as a Kohya folder with captions, and ``lines`` (12).

Every picture is a function of this file, so running it again writes the same bytes. ``lines`` is drawn by DiceBear's
lorelei (CC0, Lisa Wischofsky), a style that the base model has never seen; its variants have numbers for names, so the
words are written here, by looking at them.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from dicebear import Avatar
from PIL import Image

from corpus import SIZE, Picture, _style, render, render_svg
from mascot import MAME, Sprite, draw_sprite

PIXELS = 512
TRIGGER = "mame"
LINES_TRIGGER = "lines"
OUT = Path(__file__).parents[1] / "src" / "enogu" / "starter_data" / "pictures"

MAME_SET: tuple[Sprite, ...] = (
    replace(MAME.feeling("smile"), pose="down", background="#a8cdf5"),
    replace(MAME.feeling("happy"), brows="plain", pose="waving", scene="sky", tilt=4),
    replace(MAME.feeling("wink"), pose="pointing", scene="dots", background="#f9c6d8", tilt=-4),
    replace(MAME.feeling("surprised"), pose="up", scene="hills", jumping=True, scale=0.94),
    replace(MAME.feeling("angry"), pose="hips", background="#fbe28a"),
    replace(MAME.feeling("asleep"), pose="cheeks", scene="night", tilt=6, scale=0.96, shift_x=-6),
    replace(MAME.feeling("laughing"), pose="spread", scene="room", framing="upper body"),
)

# hair, eyes, mouth, extras, background, words
LINES_SET: tuple[tuple[str, str, str, dict[str, object], str, str], ...] = (
    ("19", "21", "happy01", {}, "#ffffff", "bob cut, bangs, open eyes, smile, white background"),
    ("04", "16", "happy05", {}, "#a8cdf5", "short hair, open eyes, big smile, blue background"),
    ("24", "09", "happy02", {"freckles": 1}, "#ffffff", "curly hair, freckles, wide eyes, smile, white background"),
    ("26", "02", "happy09", {}, "#f9c6d8", "hair buns, open eyes, tongue out, pink background"),
    ("08", "03", "sad05", {"glasses": "04"}, "#ffffff",
     "pompadour, glasses, square glasses, flat mouth, white background"),
    ("16", "19", "happy01", {}, "#c9bdf2", "long hair, bangs, closed eyes, smile, purple background"),
    ("27", "14", "happy10", {}, "#fbe28a", "mohawk, open eyes, smirk, yellow background"),
    ("42", "20", "happy06", {"flowers": 1}, "#ffffff",
     "ponytail, bangs, hair flowers, open eyes, big smile, white background"),
    ("25", "13", "happy01", {"beard": "02"}, "#c9ccd1", "balding, beard, open eyes, gray background"),
    ("35", "24", "happy08", {}, "#8fd6cf", "long wavy hair, open eyes, open mouth, teal background"),
    ("13", "05", "sad01", {"glasses": "01"}, "#ffffff",
     "medium hair, bangs, glasses, round glasses, surprised, white background"),
    ("20", "18", "happy16", {}, "#f7b27a", "spiky hair, wink, grin, orange background"),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    out: Path = parser.parse_args().out
    for number, sprite in enumerate(MAME_SET, 1):
        picture = draw_sprite(sprite)
        png = png_bytes(render(picture, PIXELS))
        _write(out / "mame" / f"mame_{number:02d}.png", png)
        kohya = out / "mame_kohya" / f"20_{TRIGGER} 1girl" / f"mame_{number:02d}.png"
        _write(kohya, png)
        _write(kohya.with_suffix(".txt"), (", ".join((TRIGGER, *picture.tags)) + "\n").encode())
    for number in range(1, len(LINES_SET) + 1):
        picture = line_drawing(number)
        path = out / "lines" / f"lines_{number:02d}.png"
        _write(path, png_bytes(render_svg(picture.svg, picture.background, SIZE, PIXELS)))
        _write(path.with_suffix(".txt"), (", ".join((LINES_TRIGGER, *picture.tags)) + "\n").encode())


def line_drawing(number: int) -> Picture:
    """Picture ``number`` (from 1) of the ``lines`` set."""
    hair, eyes, mouth, extras, background, words = LINES_SET[number - 1]
    options: dict[str, object] = {
        "seed": f"lines-{number}",
        "size": SIZE,
        "backgroundColor": [background],
        "hairVariant": [f"variant{hair}"],
        "eyesVariant": [f"variant{eyes}"],
        "mouthVariant": [mouth],
        "frecklesProbability": 100 if "freckles" in extras else 0,
        "hairAccessoriesProbability": 100 if "flowers" in extras else 0,
        "flip": "horizontal" if number % 3 == 0 else "none",
    }
    for part in ("glasses", "beard", "earrings"):
        options[f"{part}Probability"] = 100 if part in extras else 0
        if part in extras:
            options[f"{part}Variant"] = [f"variant{extras[part]}"]
    svg = str(Avatar(_style("lorelei"), options).to_json()["svg"])
    return Picture("lorelei", svg, background, ("black hair", *words.split(", ")))


def png_bytes(pixels: np.ndarray) -> bytes:
    """uint8 RGB pixels as an optimised PNG without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main()
