"""The table itself: every pair is in it, and it is small."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.unit.engine.pairs import covering_rows, pairs_of


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2, 2, 2), (6, 6, 5, 4, 4, 2, 2, 2), (4, 1, 3)])
def test_every_two_values_of_different_columns_meet_in_a_row(sizes: tuple[int, ...]) -> None:
    columns = {f"c{number}": [f"{number}.{value}" for value in range(size)] for number, size in enumerate(sizes)}
    rows = covering_rows(columns)
    met = {frozenset(pair) for row in rows for pair in combinations(row.items(), 2)}
    assert met == pairs_of(columns)
    assert all(row.keys() == columns.keys() for row in rows)
    least = sorted(sizes)[-1] * sorted(sizes)[-2]
    assert least <= len(rows) <= 1.4 * least + 2
    assert rows == covering_rows(columns)
