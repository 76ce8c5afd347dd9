"""Lay pictures out as one labelled sheet: rows × columns, quiet grey labels, so that the pictures do the talking.

No font is shipped: Latin text uses the one inside Pillow; when a label holds Japanese or another script, a font file
of the operating system is looked for in its usual places and used for the whole sheet, so that it looks of a piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

CJK_FONT_FILES = (
    # Debian, Ubuntu
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJKjp-Regular.otf",
    "/usr/share/fonts/opentype/ipaexfont-gothic/ipaexg.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipagp.ttf",
    "/usr/share/fonts/truetype/fonts-japanese-gothic.ttf",
    "/usr/share/fonts/truetype/takao-gothic/TakaoPGothic.ttf",
    "/usr/share/fonts/truetype/vlgothic/VL-PGothic-Regular.ttf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    # Fedora, Arch
    "/usr/share/fonts/google-noto-sans-cjk-fonts/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    # Windows
    "C:/Windows/Fonts/YuGothM.ttc",
    "C:/Windows/Fonts/meiryo.ttc",
    "C:/Windows/Fonts/msgothic.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    # macOS
    "/System/Library/Fonts/ヒラギノ角ゴシック W3.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/Library/Fonts/Arial Unicode.ttf",
    "/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
)
"""Where operating systems keep a font with Japanese, in order of preference."""

LATIN_FONT_FILES = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "C:/Windows/Fonts/arial.ttf",
    "/System/Library/Fonts/Supplemental/Arial.ttf",
)
"""Fonts for accents, Greek and Cyrillic, which the built-in one lacks."""


def labelled_sheet(
    cells: Sequence[Sequence[Image.Image | None]],
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    title: str = "",
    *,
    cell_long_side: int | None = None,
    font_file: Path | None = None,
) -> Image.Image:
    """One RGB picture with ``cells`` (rows of pictures; None leaves a gap) and their labels.

    Cells get the largest width and height among the pictures, which are centred in them; ``cell_long_side`` (pixels)
    scales every picture to that long side first. Long labels wrap and end with … when they outgrow their place.
    Raises ValueError when there is no picture, or a label list has neither zero nor a matching number of entries.
    """
    title, row_labels, column_labels = (
        title.translate(_RESPELLED),
        [label.translate(_RESPELLED) for label in row_labels],
        [label.translate(_RESPELLED) for label in column_labels],
    )
    rows = [[_scaled(image, cell_long_side) for image in row] for row in cells]
    pictures = [image for row in rows for image in row if image is not None]
    num_columns = max((len(row) for row in rows), default=0)
    if not pictures:
        raise ValueError("a sheet needs at least one picture")
    if len(row_labels) not in (0, len(rows)) or len(column_labels) not in (0, num_columns):
        raise ValueError(f"{len(rows)}×{num_columns} cells, but {len(row_labels)} and {len(column_labels)} labels")

    cell_width = max(image.width for image in pictures)
    cell_height = max(image.height for image in pictures)
    texts = (*row_labels, *column_labels, title)
    label_size = min(max(cell_width // 11, 12), 28)
    label_font = _find_font(texts, label_size, font_file)
    title_font = _find_font(texts, round(label_size * 1.5), font_file)

    gap = max(4, cell_width // 32)
    margin = 3 * gap + 8
    row_blocks = [_wrapped(text, label_font, _row_label_width(cell_width), cell_height) for text in row_labels]
    column_blocks = [_wrapped(text, label_font, cell_width, 6 * label_size) for text in column_labels]
    rows_width = num_columns * (cell_width + gap) - gap
    label_width = max((block.width for block in row_blocks), default=0)
    left = margin + (label_width + 2 * gap if label_width else 0)
    title_block = _wrapped(title, title_font, left - margin + rows_width, 6 * label_size)
    header_height = max((block.height for block in column_blocks), default=0)
    top = margin + (title_block.height + 3 * gap if title_block.lines else 0)
    top += header_height + gap + 2 if header_height else 0

    sheet = Image.new("RGB", (left + rows_width + margin, top + len(rows) * (cell_height + gap) - gap + margin), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, title_block, margin, margin, _INK)
    for column, block in enumerate(column_blocks):
        centre = left + column * (cell_width + gap) + cell_width // 2
        _write(draw, block, centre, top - gap - 2 - block.height, _QUIET_INK, align="centre")
    for index, row in enumerate(rows):
        y = top + index * (cell_height + gap)
        if row_blocks:
            block = row_blocks[index]
            _write(draw, block, left - 2 * gap, y + (cell_height - block.height) // 2, _QUIET_INK, align="right")
        for column, image in enumerate(row):
            x = left + column * (cell_width + gap)
            if image is None:
                draw.rectangle((x, y, x + cell_width - 1, y + cell_height - 1), fill=_GAP)
            else:
                sheet.paste(
                    image.convert("RGB"), (x + (cell_width - image.width) // 2, y + (cell_height - image.height) // 2)
                )
    return sheet


def find_font_file(text: str) -> Path | None:
    """A font file of this machine for what ``text`` holds beyond the built-in font; None when that one suffices.

    Also None when there is no such file: the built-in font then draws what it can.
    """
    signs = set(text) - _BUILT_IN_SIGNS
    if not signs:
        return None
    latin_first = all(ord(sign) < _FIRST_CJK_SIGN for sign in signs)
    names = (*LATIN_FONT_FILES, *CJK_FONT_FILES) if latin_first else (*CJK_FONT_FILES, *LATIN_FONT_FILES)
    return next((path for path in map(Path, names) if path.is_file()), None)


_PAPER = (255, 255, 255)
_GAP = (245, 245, 245)
_INK = (70, 70, 70)
_QUIET_INK = (128, 128, 128)
_ELLIPSIS = "…"
_FIRST_CJK_SIGN = 0x2E80
_BUILT_IN_SIGNS = frozenset("\n" + "".join(map(chr, range(0x20, 0x7F))) + "©«°±´·»‘’“”…‹›⁄")
_RESPELLED = str.maketrans({"×": "x", "–": "-", "—": "-", "−": "-", "→": ">", "•": "·", "\t": " ", "\r": ""})
"""Signs common in titles that are not worth another font."""


@dataclass(frozen=True)
class _Block:
    """Wrapped text with its size in pixels."""

    lines: tuple[str, ...]
    font: Font
    width: int
    line_height: int

    @property
    def height(self) -> int:
        return len(self.lines) * self.line_height


def _row_label_width(cell_width: int) -> int:
    """Room for a row's label: wide enough for words beside small cells, never wider than a large cell."""
    return min(max(cell_width, 150), 280)


def _scaled(image: Image.Image | None, long_side: int | None) -> Image.Image | None:
    if image is None or long_side is None or max(image.size) == long_side:
        return image
    factor = long_side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _find_font(texts: Sequence[str], size: int, font_file: Path | None) -> Font:
    font_file = font_file or find_font_file("".join(texts))
    if font_file is not None:
        try:
            return ImageFont.truetype(font_file, size)
        except OSError:  # a font this Pillow cannot read: labels are not worth failing for
            pass
    return ImageFont.load_default(size)


def _wrapped(text: str, font: Font, max_width: int, max_height: int) -> _Block:
    """Break at spaces and commas, inside a word only when it is too long alone or is CJK; cut at ``max_height``."""
    line_height = round(_font_size(font) * 1.3)
    lines = [line for paragraph in text.split("\n") for line in _lines(paragraph.strip(), font, max_width)]
    lines = lines if any(lines) else []
    max_lines = max(1, max_height // line_height)
    if len(lines) > max_lines:
        last = lines[max_lines - 1].rstrip(" ,、。")
        while last and font.getlength(last + _ELLIPSIS) > max_width:
            last = last[:-1]
        lines = [*lines[: max_lines - 1], last + _ELLIPSIS]
    width = max((int(font.getlength(line)) + 1 for line in lines), default=0)
    return _Block(tuple(lines), font, width, line_height)


def _lines(paragraph: str, font: Font, max_width: int) -> list[str]:
    lines = [""]
    for piece in _pieces(paragraph):
        if font.getlength((lines[-1] + piece).rstrip()) <= max_width:
            lines[-1] += piece
            continue
        if font.getlength(piece.rstrip()) <= max_width:
            lines.append(piece)
            continue
        for sign in piece:  # a word too long for any line
            if lines[-1] and font.getlength(lines[-1] + sign) > max_width:
                lines.append("")
            lines[-1] += sign
    return [line.strip() for line in lines if line.strip()]


def _pieces(paragraph: str) -> list[str]:
    """Words with the space behind them; each CJK sign on its own, closing punctuation kept with the sign before it."""
    pieces: list[str] = []
    glued = False
    for sign in paragraph:
        wide = ord(sign) >= _FIRST_CJK_SIGN
        if pieces and sign in "、。，．！？）」』ー" + " ":
            pieces[-1] += sign
            glued = False
        elif wide or not glued:
            pieces.append(sign)
            glued = not wide
        else:
            pieces[-1] += sign
    return pieces


def _font_size(font: Font) -> int:
    return round(font.size) if isinstance(font, ImageFont.FreeTypeFont) else 11


def _write(
    draw: ImageDraw.ImageDraw, block: _Block, x: int, y: int, ink: tuple[int, int, int], align: str = "left"
) -> None:
    shift = {"left": 0.0, "centre": 0.5, "right": 1.0}[align]
    for index, line in enumerate(block.lines):
        draw.text(
            (round(x - shift * block.font.getlength(line)), y + index * block.line_height),
            line,
            font=block.font,
            fill=ink,
        )
