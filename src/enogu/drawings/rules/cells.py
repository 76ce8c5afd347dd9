"""What a wish comes to, picture by picture: seeds that count up, and a comparison's rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from enogu.drawings.entities import MOST_SEED, Cell, DrawingRefused, LoraUse, SheetLabels

_MOST_LABEL_CHARACTERS = 120


@dataclass(frozen=True)
class Row:
    """One row of a comparison: a prompt with one of the compared LoRAs."""

    prompt: str
    """What the encoder reads."""
    written_prompt: str
    compared: LoraUse
    always: tuple[LoraUse, ...]
    """The LoRAs that are in every cell."""


def count_up(prompt: str, written_prompt: str, loras: tuple[LoraUse, ...], seed: int, count: int) -> tuple[Cell, ...]:
    """``count`` pictures of one prompt: seed, seed + 1, … as in A1111. Raises DrawingRefused behind the last seed."""
    if seed + count - 1 > MOST_SEED:
        raise DrawingRefused(
            f"{count} pictures from seed {seed} on would go past the last seed.", f"Begin at {MOST_SEED - count + 1}."
        )
    return tuple(Cell(number, prompt, written_prompt, seed + number, loras) for number in range(count))


def compare(
    rows: Sequence[Row], weights: Sequence[float], seed: int, *, without_lora: bool
) -> tuple[tuple[Cell, ...], SheetLabels]:
    """The cells of a comparison, row by row, and what stands beside them.

    The picture without the compared LoRA is the same whichever one is compared: rows that share a prompt share it.
    """
    cells: list[Cell] = []
    bare: dict[tuple[str, tuple[LoraUse, ...]], int] = {}
    for row_number, row in enumerate(rows):
        columns: list[float | None] = [*([None] if without_lora else []), *weights]
        for column, weight in enumerate(columns):
            loras = row.always if weight is None else (*row.always, replace(row.compared, weight=weight))
            drawn = bare.get((row.prompt, row.always)) if weight is None else None
            place = (row_number, column)
            if drawn is not None:
                cells[drawn] = replace(cells[drawn], places=(*cells[drawn].places, place))
                continue
            if weight is None:
                bare[row.prompt, row.always] = len(cells)
            cells.append(Cell(len(cells), row.prompt, row.written_prompt, seed, loras, (place,)))
    return tuple(cells), _labels(rows, weights, seed, without_lora=without_lora)


def _labels(rows: Sequence[Row], weights: Sequence[float], seed: int, *, without_lora: bool) -> SheetLabels:
    names = list(dict.fromkeys(row.compared.name for row in rows))
    prompts = list(dict.fromkeys(row.prompt for row in rows))
    labels = [
        "\n".join(
            [
                *([row.compared.name] if len(names) > 1 else []),
                *([row.prompt] if len(prompts) > 1 or len(names) == 1 else []),
            ]
        )
        for row in rows
    ]
    title = (
        f"{names[0]}, seed {seed}"
        if len(names) == 1
        else f"{prompts[0]}, seed {seed}"
        if len(prompts) == 1
        else f"Seed {seed}"
    )
    columns = [*(["no LoRA"] if without_lora else []), *(f"{weight:g}" for weight in weights)]
    return SheetLabels(_short(title), tuple(map(_short, labels)), tuple(columns))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_LABEL_CHARACTERS else text[: _MOST_LABEL_CHARACTERS - 1] + "…"
