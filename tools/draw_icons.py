"""The app's icons as PNG, for phones that install it: three drops of paint, as ``web/public/icon.svg`` has them.

python tools/draw_icons.py    # writes web/public/icon-192.png, icon-512.png, icon-maskable-512.png, icon-apple-180.png
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

FOLDER = Path(__file__).resolve().parent.parent / "web" / "public"
PAPER = (0xFA, 0xF9, 0xF7, 255)
DROPS = (((24, 25), (0x41, 0x68, 0xB9, 255)), ((40, 25), (0xB8, 0x3B, 0x24, 219)), ((32, 40), (0x29, 0x78, 0x5A, 219)))
SIDE, RADIUS, CORNER = 64, 13, 14
"""In the units of icon.svg."""
FINER = 4
"""Drawn so many times larger and made smaller, for smooth edges."""


def draw(side: int, *, fills: bool = False, share: float = 1.0) -> Image.Image:
    """One icon. ``fills``: paper up to the corners, which the system cuts itself; ``share``: of it that is drawn on."""
    large = side * FINER
    scale = large / SIDE
    paper = Image.new("RGBA", (large, large), PAPER if fills else (0, 0, 0, 0))
    if not fills:
        ImageDraw.Draw(paper).rounded_rectangle((0, 0, large - 1, large - 1), CORNER * scale, fill=PAPER)
    for (x, y), colour in DROPS:
        drop = Image.new("RGBA", paper.size, (0, 0, 0, 0))
        middle_x, middle_y = (SIDE / 2 + (one - SIDE / 2) * share for one in (x, y))
        radius = RADIUS * share
        box = [scale * one for one in (middle_x - radius, middle_y - radius, middle_x + radius, middle_y + radius)]
        ImageDraw.Draw(drop).ellipse(box, fill=colour)
        paper = Image.alpha_composite(paper, drop)
    return paper.resize((side, side), Image.Resampling.LANCZOS)


def main() -> None:
    """Write all of them."""
    draw(192).save(FOLDER / "icon-192.png", optimize=True)
    draw(512).save(FOLDER / "icon-512.png", optimize=True)
    draw(512, fills=True, share=0.78).save(FOLDER / "icon-maskable-512.png", optimize=True)
    draw(180, fills=True, share=0.9).convert("RGB").save(FOLDER / "icon-apple-180.png", optimize=True)


if __name__ == "__main__":
    main()
