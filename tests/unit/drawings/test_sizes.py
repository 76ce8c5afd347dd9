"""Which sizes the drawing page offers (I3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.drawings.rules.sizes import suitable_sizes


@pytest.mark.parametrize(
    ("family", "side", "size"),
    [("sdxl", 1024, (832, 1216)), ("sdxl", 1024, (1344, 768)), ("sd15", 512, (512, 768)), ("sd15", 128, (96, 160))],
)
def test_the_sizes_that_people_know_are_among_them(family: str, side: int, size: tuple[int, int]) -> None:
    assert size in suitable_sizes(family, side)


@given(side=st.integers(8, 256).map(lambda eighth: eighth * 8))
def test_all_can_be_drawn_and_have_about_as_many_pixels(side: int) -> None:
    sizes = suitable_sizes("sdxl", side)
    assert sizes[0] == (side, side)
    assert len(set(sizes)) == len(sizes)
    for width, height in sizes:
        assert width % 8 == height % 8 == 0
        assert (height, width) in sizes
        assert 0.6 * side * side <= width * height <= side * side
