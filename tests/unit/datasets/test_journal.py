"""The journal of captions on both databases: whatever was done can be taken back, and done again (E7)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from enogu.datasets import service, store
from enogu.datasets.entities import CaptionsChanged, DatasetRefused, NothingToUndo
from enogu.datasets.service import journal
from enogu.errors import NotFound, WrongUse
from enogu.storage.database import new_id, reading, transaction
from tests.unit.datasets.studio import NOW, Place, open_place, png


@pytest.fixture
def place(engine: Engine, tmp_path: Path) -> Place:
    return open_place(engine, tmp_path)


def undo(place: Place, dataset_id: str) -> int:
    with transaction(place.engine) as session:
        return service.undo_captions(session, place.owner_id, dataset_id, NOW).number


def redo(place: Place, dataset_id: str) -> int:
    with transaction(place.engine) as session:
        return service.redo_captions(session, place.owner_id, dataset_id, NOW).number


def test_a_change_is_undone_and_redone_in_another_session(place: Place) -> None:
    dataset = place.dataset({"a.png": png(1), "b.png": png(2)})
    assert place.caption(dataset.id, {"a.png": "one", "b.png": "two"}) == 2
    assert place.caption(dataset.id, {"a.png": "three"}) == 1
    assert undo(place, dataset.id) == 2
    assert place.captions(dataset.id) == {"a.png": "one", "b.png": "two"}
    assert undo(place, dataset.id) == 1
    assert place.captions(dataset.id) == {"a.png": "", "b.png": ""}
    assert not any(one.has_caption for one in place.pictures(dataset.id))
    with pytest.raises(NothingToUndo):
        undo(place, dataset.id)
    assert redo(place, dataset.id) == 1
    assert redo(place, dataset.id) == 2
    assert place.captions(dataset.id) == {"a.png": "three", "b.png": "two"}
    with pytest.raises(NothingToUndo):
        redo(place, dataset.id)


def test_a_new_change_cuts_off_what_was_undone(place: Place) -> None:
    dataset = place.dataset({"a.png": png(1)})
    place.caption(dataset.id, {"a.png": "one"})
    place.caption(dataset.id, {"a.png": "two"})
    undo(place, dataset.id)
    place.caption(dataset.id, {"a.png": "three"})
    with pytest.raises(NothingToUndo):
        redo(place, dataset.id)
    undo(place, dataset.id)
    assert place.captions(dataset.id) == {"a.png": "one"}


def test_a_change_of_nothing_makes_no_entry(place: Place) -> None:
    dataset = place.dataset({"a.png": png(1), "a.txt": b"smile"})
    assert place.caption(dataset.id, {"a.png": " smile\r\n"}) == 0
    with reading(place.engine) as session:
        assert service.list_caption_edits(session, place.owner_id, dataset.id) == ()


def test_captions_of_an_older_revision_do_not_write_over_newer_ones(place: Place) -> None:
    dataset = place.dataset({"a.png": png(1)})
    place.caption(dataset.id, {"a.png": "newer"})
    (picture,) = place.pictures(dataset.id)
    with pytest.raises(CaptionsChanged), transaction(place.engine) as session:
        service.change_captions(
            session, place.owner_id, dataset.id, {picture.id: "older"},
            words="w", now=NOW, expected_revision=dataset.captions_revision,
        )  # fmt: skip
    assert place.captions(dataset.id) == {"a.png": "newer"}


@pytest.mark.parametrize(("text", "error"), [("x" * 300_000, DatasetRefused), ("a\0b", WrongUse), ("\ud800", WrongUse)])
def test_captions_that_cannot_be_kept_are_refused_with_nothing_changed(
    place: Place, text: str, error: type[Exception]
) -> None:
    dataset = place.dataset({"a.png": png(1), "b.png": png(2)})
    with pytest.raises(error):
        place.caption(dataset.id, {"a.png": "good", "b.png": text})
    assert place.captions(dataset.id) == {"a.png": "", "b.png": ""}


def test_a_picture_of_another_dataset_is_refused(place: Place) -> None:
    dataset, other = place.dataset({"a.png": png(1)}), place.dataset({"a.png": png(1)})
    (theirs,) = place.pictures(other.id)
    with pytest.raises(NotFound), transaction(place.engine) as session:
        service.change_captions(session, place.owner_id, dataset.id, {theirs.id: "x"}, words="w", now=NOW)


def test_the_journal_forgets_its_oldest_entries_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MOST_EDITS", 3)
    dataset = place.dataset({"a.png": png(1)})
    for number in range(5):
        place.caption(dataset.id, {"a.png": f"caption {number}"})
    with reading(place.engine) as session:
        edits = service.list_caption_edits(session, place.owner_id, dataset.id)
    assert [one.number for one in edits] == [5, 4, 3]
    monkeypatch.setattr(journal, "MOST_EDIT_BYTES", 1)
    place.caption(dataset.id, {"a.png": "the last"})
    with reading(place.engine) as session:
        assert [one.number for one in service.list_caption_edits(session, place.owner_id, dataset.id)] == [6]


def test_a_change_of_a_thousand_captions_is_fast(place: Place) -> None:
    """E2: a union delete over 1,000 pictures with 30 tags within 200 ms; bounded here with room for a busy machine."""
    dataset = place.dataset({"a.png": png(1)})
    (first,) = place.pictures(dataset.id)
    caption = ", ".join(f"tag {number}" for number in range(30))
    with transaction(place.engine) as session:
        rows: list[dict[str, Any]] = [
            {**row, "id": new_id(), "caption": caption}
            for row in session.execute(store.PictureRow.__table__.select()).mappings()
            for _ in range(1000)
        ]
        session.execute(insert(store.PictureRow), rows)
    changes = {one.id: "tag 1" for one in place.pictures(dataset.id) if one.id != first.id}
    began = time.perf_counter()
    with transaction(place.engine) as session:
        service.change_captions(session, place.owner_id, dataset.id, changes, words="delete", now=NOW)
    assert time.perf_counter() - began < 1.0
    with transaction(place.engine) as session:
        service.undo_captions(session, place.owner_id, dataset.id, NOW)
    assert {one.caption for one in place.pictures(dataset.id) if one.id != first.id} == {caption}


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "x", "y, z"]))),
        st.tuples(st.sampled_from(["undo", "redo"]), st.just({})),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=Steps)
def test_any_history_is_that_of_two_stacks(place: Place, steps: list[tuple[str, dict[str, str]]]) -> None:
    dataset = place.dataset({f"{name}.png": png(number) for number, name in enumerate("abc")})
    now_there = {f"{name}.png": "" for name in "abc"}
    past: list[dict[str, str]] = []
    future: list[dict[str, str]] = []
    for what, changes in steps:
        if what == "change":
            after = now_there | {f"{name}.png": text for name, text in changes.items()}
            if place.caption(dataset.id, {f"{name}.png": text for name, text in changes.items()}):
                past.append(now_there)
                future.clear()
            now_there = after
        else:
            here, there = (past, future) if what == "undo" else (future, past)
            call = undo if what == "undo" else redo
            if here:
                call(place, dataset.id)
                there.append(now_there)
                now_there = here.pop()
            else:
                with pytest.raises(NothingToUndo):
                    call(place, dataset.id)
        assert place.captions(dataset.id) == now_there
