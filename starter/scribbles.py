"""Random shapes, strokes and dots: they keep the autoencoder honest on drawings that are no DiceBear person."""

from __future__ import annotations

import numpy as np

from corpus import SIZE, render_svg


def draw_scribble(index: int, size: int = SIZE) -> np.ndarray:
    """uint8 [size, size, 3] RGB; a function of ``index`` alone."""
    rng = np.random.default_rng([7, index])

    def colour() -> str:
        return "#" + "".join(f"{v:02x}" for v in rng.integers(0, 256, 3))

    def xy() -> tuple[int, int]:
        x, y = rng.integers(-10, SIZE + 10, 2)
        return int(x), int(y)

    ink = "#111111" if rng.random() < 0.6 else colour()
    parts: list[str] = []
    for _ in range(int(rng.integers(3, 14))):
        stroke = f'stroke="{ink}" stroke-width="{rng.uniform(0.6, 5):.1f}"' if rng.random() < 0.6 else ""
        (x, y), (r, q) = xy(), rng.integers(2, 45, 2)
        kind = rng.integers(0, 5)
        if kind == 0:
            parts.append(f'<ellipse cx="{x}" cy="{y}" rx="{r}" ry="{q}" fill="{colour()}" {stroke}/>')
        elif kind == 1:
            turn = rng.integers(0, 90)
            parts.append(
                f'<rect x="{x}" y="{y}" width="{r}" height="{q}" rx="{rng.integers(0, 9)}" fill="{colour()}" '
                f'transform="rotate({turn} {x} {y})" {stroke}/>'
            )
        elif kind == 2:
            points = " ".join(f"{x + int(dx)},{y + int(dy)}" for dx, dy in rng.integers(-35, 36, (4, 2)))
            parts.append(f'<polygon points="{points}" fill="{colour()}" {stroke}/>')
        else:
            (a, b), (c, d), (e, f) = xy(), xy(), xy()
            fill = colour() if rng.random() < 0.3 else "none"
            parts.append(
                f'<path d="M{x} {y} C{a} {b} {c} {d} {e} {f}" fill="{fill}" stroke="{ink}" '
                f'stroke-width="{rng.uniform(0.6, 6):.1f}" stroke-linecap="round"/>'
            )
    background = colour() if rng.random() < 0.8 else "#ffffff"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}">'
    svg = f"{head}{''.join(parts)}</svg>"
    return render_svg(svg, background, SIZE, size)
