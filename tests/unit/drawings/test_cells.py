"""What a wish comes to, picture by picture (I3, I5), and that a worker draws each cell once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.drawings import tasks
from enogu.drawings.entities import MOST_SEED, Cell, DrawingRefused, DrawingRequest, LoraUse, Shared
from enogu.drawings.rules.cells import Row, compare, count_up

MAME = LoraUse("1" * 26, "mame", "ab" * 32, 1.0)
ZDM = LoraUse("2" * 26, "zdm", "cd" * 32, 0.5)
WEIGHTS = st.lists(st.sampled_from([-1.0, 0.5, 0.7, 0.8, 1.0, 1.2]), min_size=1, max_size=4, unique=True)
ROWS = st.lists(
    st.tuples(st.sampled_from(["smile", "angry", "笑顔"]), st.sampled_from(["a", "b", "c"]), st.booleans()),
    min_size=1,
    max_size=6,
    unique=True,
).map(
    lambda rows: [
        Row(prompt, prompt, replace(MAME, lora_id=name * 26, name=name), (ZDM,) if always else ())
        for prompt, name, always in rows
    ]
)


def request_of(cells: tuple[Cell, ...], side: int) -> DrawingRequest:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    shared = Shared("", side, side, 20, 7.0, "ddim", 1)
    return DrawingRequest(
        id="r" * 26, owner_id="o" * 26, kind="pictures", state="running", prompt="", shared=shared, seed=0,
        base_model_id="starter", base_model_name="starter", cells=cells, labels=None, num_done=0, step=0, num_steps=20,
        sheet_sha256=None, sheet_size_bytes=0, failure=None, job_id="j" * 26, is_cancel_asked=False, revision=1,
        created_at=now, started_at=now, ended_at=None,
    )  # fmt: skip


def test_seeds_count_up_and_stop_at_the_last_one() -> None:
    """I3."""
    assert [cell.seed for cell in count_up("a", "a", (), MOST_SEED - 1, 2)] == [MOST_SEED - 1, MOST_SEED]
    with pytest.raises(DrawingRefused, match="past the last seed"):
        count_up("a", "a", (), MOST_SEED, 2)


@given(ROWS, WEIGHTS, st.booleans())
def test_every_place_of_a_comparison_has_exactly_its_picture(
    rows: list[Row], weights: list[float], without_lora: bool
) -> None:
    """I5: the picture without a LoRA is drawn once for all rows that share a prompt, all others once each."""
    cells, labels = compare(rows, weights, 5, without_lora=without_lora)
    assert [cell.number for cell in cells] == list(range(len(cells)))
    by_place = {place: cell for cell in cells for place in cell.places}
    assert set(by_place) == {(row, column) for row in range(len(rows)) for column in range(len(labels.columns))}
    assert sum(len(cell.places) for cell in cells) == len(by_place)
    for (row, column), cell in by_place.items():
        bare = without_lora and column == 0
        weight = None if bare else weights[column - int(without_lora)]
        compared = () if weight is None else (replace(rows[row].compared, weight=weight),)
        assert (cell.prompt, cell.loras, cell.seed) == (rows[row].prompt, (*rows[row].always, *compared), 5)
    pictures = [(cell.prompt, cell.loras) for cell in cells]
    assert len(set(pictures)) == len(pictures)


@given(ROWS, WEIGHTS, st.integers(1, 8), st.sampled_from([64, 256, 512, 1024]), st.data())
def test_batches_hold_every_cell_that_is_left_once_and_in_order(
    rows: list[Row], weights: list[float], count: int, side: int, data: st.DataObject
) -> None:
    compared, _ = compare(rows, weights, 5, without_lora=True)
    cells = data.draw(st.sampled_from([compared, count_up("a", "a", (MAME,), 9, count)]))
    drawn = frozenset(data.draw(st.sets(st.sampled_from(range(len(cells))))))
    batches = list(tasks.batches_of(request_of(cells, side), drawn))
    assert [cell.number for batch in batches for cell in batch.cells] == [
        cell.number for cell in cells if cell.number not in drawn
    ]
    for batch in batches:
        assert len(batch.cells) == 1 or len(batch.cells) * side * side <= tasks.MOST_BATCH_PIXELS
        for place, cell in enumerate(batch.cells):
            assert (cell.prompt, cell.loras, cell.seed) == (
                batch.first.prompt,
                batch.first.loras,
                batch.first.seed + place,
            )
