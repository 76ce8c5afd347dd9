"""A small table in which every two values of different columns meet in some row (a covering array of strength two)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, product

Pair = frozenset[tuple[str, str]]


def pairs_of(columns: Mapping[str, Sequence[str]]) -> set[Pair]:
    """Every two values of different columns."""
    return {
        frozenset({(a, x), (b, y)}) for a, b in combinations(columns, 2) for x, y in product(columns[a], columns[b])
    }


def covering_rows(columns: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Rows with one value of every column, so that each pair of values is in some row. Always the same rows.

    Each row begins with the first pair that is still missing, and takes in every other column the value that brings
    most missing pairs with what is in the row already; of equals, the one that was used least.
    """
    missing = pairs_of(columns)
    order = sorted(missing, key=sorted)
    used = {(name, value): 0 for name, values in columns.items() for value in values}
    rows: list[dict[str, str]] = []
    while missing:
        row = dict(next(pair for pair in order if pair in missing))
        for name in sorted(columns, key=lambda name: (-len(columns[name]), name)):
            if name in row:
                continue

            row[name] = _best(name, columns[name], row, missing, used)
        missing -= {frozenset(pair) for pair in combinations(row.items(), 2)}
        for one in row.items():
            used[one] += 1
        rows.append({name: row[name] for name in columns})
    return rows


def _best(
    name: str, values: Sequence[str], row: Mapping[str, str], missing: set[Pair], used: Mapping[tuple[str, str], int]
) -> str:
    def gain(value: str) -> tuple[int, int]:
        new = sum(frozenset({(name, value), one}) in missing for one in row.items())
        return new, -used[name, value]

    return max(values, key=gain)
