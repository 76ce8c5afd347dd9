"""Captions on both databases (E1 to E8): edits and undoing, lists of tags, completion; and whose they are (J3)."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from enogu.captions import service, tasks
from enogu.captions.entities import (
    AddTags,
    Command,
    DeleteTags,
    RenameTags,
    ReplaceText,
    SetCaption,
    SortTags,
    Vocabulary,
    VocabularyRefused,
)
from enogu.captions.service.owned import CaptionsData
from enogu.captions.service.vocabularies import UNFINISHED_FOR
from enogu.datasets import service as datasets
from enogu.datasets.entities import CaptionEdit, CaptionsChanged, Dataset
from enogu.errors import NotFound
from enogu.storage.database import reading, transaction
from enogu.words import speaking
from tests.unit.captions.article import CAPTIONS, NINE_TAGS
from tests.unit.datasets.studio import NOW, Place, open_place

Make = Callable[..., Dataset]

CSV = b"""black_hair,0,900,"dark_hair",\xe9\xbb\x92\xe9\xab\xaa
hair_ribbon,0,500,,
hat,0,700,"headgear",\xe5\xb8\xbd\xe5\xad\x90
hatsune_miku,4,800,"miku",
the_hat,3,10,,
"""


def edit(place: Place, dataset_id: str, command: Command, **more: object) -> CaptionEdit | None:
    return tasks.edit_captions(
        place.engine, place.settings, place.files, place.owner_id, dataset_id, command, NOW, **more  # type: ignore[arg-type]
    )[1]  # fmt: skip


def imported(place: Place, data: bytes = CSV, name: str = "danbooru") -> Vocabulary:
    return tasks.import_vocabulary(place.engine, place.owner_id, name, io.BytesIO(data), NOW)[0]


def completed(place: Place, typed: str, **more: object) -> list[str]:
    with reading(place.engine) as session:
        found = service.complete(session, place.settings, place.files, place.owner_id, typed, **more)  # type: ignore[arg-type]
    return [one.name for one in found]


def test_deleting_from_the_union_and_undoing_restores_every_byte(place: Place, with_captions: Make) -> None:
    """E2."""
    made = with_captions(CAPTIONS)
    before = place.captions(made.id)
    kept = edit(place, made.id, DeleteTags(NINE_TAGS))
    assert kept is not None
    assert (kept.num_pictures, kept.words) == (7, "delete black hair, short hair, ahoge and 6 more from 7 pictures")
    assert place.captions(made.id)["0001.png"] == (
        "zdm, 1boy, solo, smile, standing, full body, looking at viewer, white background"
    )
    with transaction(place.engine) as session:
        datasets.undo_captions(session, place.owner_id, made.id, NOW)
    assert place.captions(made.id) == before
    with transaction(place.engine) as session:
        datasets.redo_captions(session, place.owner_id, made.id, NOW)
    assert "black hair" not in place.captions(made.id)["0002.png"]


def test_only_pictures_that_are_named_and_taken_by_the_filter_change(place: Place, with_captions: Make) -> None:
    """E3."""
    made = with_captions(["zdm, smile", "zdm, smile, hat", "zdm, smile, hat"])
    ids = [one.id for one in place.pictures(made.id)]
    edit(place, made.id, AddTags(("boots",)), picture_ids=ids[:2], expression="hat")
    assert list(place.captions(made.id).values()) == ["zdm, smile", "zdm, smile, hat, boots", "zdm, smile, hat"]


def test_a_dry_run_says_what_would_change_and_changes_nothing(place: Place, with_captions: Make) -> None:
    """E2."""
    made = with_captions(["zdm, smile", "zdm, hat"])
    prepared, kept = tasks.edit_captions(
        place.engine, place.settings, place.files, place.owner_id, made.id, DeleteTags(("hat",)), NOW, is_dry_run=True
    )
    assert kept is None
    assert [asdict(one)["after"] for one in prepared.changes.changed] == ["zdm"]
    assert place.look(made.id).captions_revision == made.captions_revision
    assert edit(place, made.id, DeleteTags(("boots",))) is None


def test_an_edit_of_captions_that_somebody_else_changed_is_refused(place: Place, with_captions: Make) -> None:
    made = with_captions(["zdm, smile"])
    revision = made.captions_revision
    edit(place, made.id, AddTags(("hat",)), expected_revision=revision)
    with pytest.raises(CaptionsChanged):
        edit(place, made.id, AddTags(("boots",)), expected_revision=revision)
    assert place.captions(made.id) == {"0001.png": "zdm, smile, hat"}


def test_a_caption_written_anew_keeps_the_trigger_and_sorting_knows_counts(place: Place, with_captions: Make) -> None:
    """D8, E3."""
    made = with_captions(["zdm, smile, hat", "zdm, hat", ""])
    edit(place, made.id, SortTags("count"))
    assert place.captions(made.id)["0001.png"] == "zdm, hat, smile"
    edit(place, made.id, SetCaption("boots"), expression="caption:none")
    edit(place, made.id, RenameTags(("hat",), "cap"))
    edit(place, made.id, ReplaceText("^cap$", "beanie", is_pattern=True, scope="tag"))
    assert list(place.captions(made.id).values()) == ["zdm, beanie, smile", "zdm, beanie", "zdm, boots"]


def test_the_union_has_categories_and_translations_of_what_is_known(place: Place, with_captions: Make) -> None:
    """E1, E4."""
    made = with_captions(["zdm, black hair, hatsune miku", "zdm, smile"])
    imported(place)
    with reading(place.engine) as session:
        _, union = service.union(session, place.settings, place.files, place.owner_id, made.id)
        with speaking("ja"):
            _, in_japanese = service.union(session, place.settings, place.files, place.owner_id, made.id)
    shipped = {one.key: one.translation for one in union}, {one.key: one.translation for one in in_japanese}
    assert [one["smile"] for one in shipped] == ["", "笑顔"], "what ships is in Japanese, and only said there"
    found = {one.key: (one.count, one.category, one.translation) for one in union}
    assert found["zdm"] == (2, "trigger", "")
    assert found["black hair"] == (1, "general", "黒髪")
    assert found["hatsune miku"] == (1, "character", "")


def test_problems_of_pictures_and_tokens_can_be_filtered_for(place: Place, with_captions: Make) -> None:
    """E3, E7."""
    made = with_captions(["zdm, smile", "zdm, " + "smile, " * 40])
    with reading(place.engine) as session:
        known, found = service.list_captions(session, place.owner_id, made.id, "tokens>75")
        assert [one.name for one in found] == ["0002.png"]
        blurred = service.selected_ids(session, place.owner_id, known, None, "problem:blurred")
        assert blurred == {known.pictures[0].picture_id}
        rows = service.count_caption_tokens(session, place.owner_id, made.id, 75)
    assert [one.first_beyond for one in rows] == [None, "smile"]


def test_advice_on_a_dataset_uses_what_vocabularies_know(place: Place, with_captions: Make) -> None:
    """E6."""
    made = with_captions(CAPTIONS)
    with reading(place.engine) as session:
        advice = service.advise(session, place.settings, place.files, place.owner_id, made.id, "outfit")
    assert {one.key for one in advice.proposals} == set(NINE_TAGS)


def test_completion_asks_own_tags_the_tagger_what_ships_and_imported_lists(place: Place, with_captions: Make) -> None:
    """E4."""
    made = with_captions(["zdm, hat of straw", "zdm, hat of straw, black hair"])
    imported(place)
    assert completed(place, "hat", dataset_id=made.id)[:3] == ["hat of straw", "hatsune miku", "hat"]
    assert completed(place, "dark_h") == ["black hair"]
    assert "black hair" in completed(place, "黒")
    assert "hatsune_miku" in completed(place, "ha", limit=50, spelling="underscores")
    assert "the hat" in completed(place, "hat", limit=50)
    assert completed(place, " ") == []
    assert "suspenders" in completed(place, "susp")


def test_names_and_their_translations_may_come_in_two_lists(place: Place, with_captions: Make) -> None:
    """E4: as a1111-sd-webui-tagcomplete has them, in whatever order they are brought."""
    made = with_captions(["zdm, persimmon hat"])
    imported(place, "persimmon_orchard,柿畑\npersimmon_hat,柿の帽子\n".encode())
    imported(place, b"persimmon_orchard,4,1234,\npersimmon_hat,0,77,\n")
    imported(place, "persimmon_orchard,柿の畑\n".encode())
    with reading(place.engine) as session:
        found = service.complete(session, place.settings, place.files, place.owner_id, "persimmon o")
        union = service.union(session, place.settings, place.files, place.owner_id, made.id)[1]
    assert [(one.name, one.count, one.translation) for one in found] == [("persimmon orchard", 1234, "柿畑")]
    assert {one.key: one.translation for one in union}["persimmon hat"] == "柿の帽子"


def test_a_changed_caption_shows_in_completion_at_once(place: Place, with_captions: Make) -> None:
    """E4."""
    made = with_captions(["zdm, quasar"])
    assert completed(place, "qua", dataset_id=made.id)[0] == "quasar"
    edit(place, made.id, RenameTags(("quasar",), "quagga"))
    assert completed(place, "qua", dataset_id=made.id)[0] == "quagga"


def test_a_list_is_imported_whole_or_not_at_all(place: Place) -> None:
    """E4."""
    made = imported(place)
    assert (made.name, made.num_tags) == ("danbooru", 5)
    with pytest.raises(VocabularyRefused):
        imported(place, b"hat,0,1,\n" + b"\xff\xfe")
    with reading(place.engine) as session:
        assert service.list_vocabularies(session, place.owner_id) == (made,)
    with transaction(place.engine) as session:
        service.delete_vocabulary(session, place.owner_id, made.id)
    assert completed(place, "hatsune") == []


def test_a_list_whose_import_broke_off_is_not_shown_and_goes_with_the_next(place: Place) -> None:
    with transaction(place.engine) as session:
        broken = service.start_vocabulary(session, place.owner_id, "broken", NOW)
    with reading(place.engine) as session:
        assert service.list_vocabularies(session, place.owner_id) == ()
    later = NOW + UNFINISHED_FOR + timedelta(seconds=1)
    tasks.import_vocabulary(place.engine, place.owner_id, "\n new\tlist ", io.BytesIO(CSV), later)
    with reading(place.engine) as session, pytest.raises(NotFound):
        service.get_vocabulary(session, place.owner_id, broken)
    with reading(place.engine) as session:
        assert [one.name for one in service.list_vocabularies(session, place.owner_id)] == ["new list"]


def test_a_long_list_is_found_by_its_shortest_beginnings_in_order_of_count(place: Place) -> None:
    """E4."""
    rows = "".join(f"tag_{number},0,{number},\n" for number in range(9000))
    imported(place, rows.encode())
    assert completed(place, "t", limit=3) == ["tag 8999", "tag 8998", "tag 8997"]
    assert completed(place, "ta", limit=1) == completed(place, "tag_8", limit=1) == ["tag 8999"]


def test_everything_is_private_to_its_owner(place: Place, with_captions: Make, engine: Engine) -> None:
    """J3."""
    made, listed = with_captions(["zdm, quasar"]), imported(place, b"xylophone,0,3,\n")
    other = open_place(engine, place.home, "other")
    asked = (
        lambda s: service.read_captions(s, other.owner_id, made.id),
        lambda s: service.list_captions(s, other.owner_id, made.id),
        lambda s: service.union(s, place.settings, place.files, other.owner_id, made.id),
        lambda s: service.advise(s, place.settings, place.files, other.owner_id, made.id, "outfit"),
        lambda s: service.count_caption_tokens(s, other.owner_id, made.id, 75),
        lambda s: service.captions_fed(s, other.owner_id, made.id, {}),
        lambda s: service.complete(s, place.settings, place.files, other.owner_id, "q", dataset_id=made.id),
        lambda s: service.get_vocabulary(s, other.owner_id, listed.id),
    )
    for ask in asked:
        with reading(engine) as session, pytest.raises(NotFound):
            ask(session)
    with pytest.raises(NotFound):
        edit(other, made.id, AddTags(("hat",)))
    with transaction(engine) as session, pytest.raises(NotFound):
        service.delete_vocabulary(session, other.owner_id, listed.id)
    assert completed(other, "xylo") == completed(other, "quasar") == []
    assert completed(place, "xylo") == ["xylophone"]


def test_a_picture_of_another_dataset_cannot_be_selected(place: Place, with_captions: Make) -> None:
    made, other = with_captions(["zdm"]), with_captions(["zdm"])
    with pytest.raises(NotFound):
        edit(place, made.id, AddTags(("hat",)), picture_ids=[place.pictures(other.id)[0].id])


def test_an_owners_lists_are_exported_and_deleted(place: Place) -> None:
    """J3."""
    made = imported(place)
    data = CaptionsData()
    with reading(place.engine) as session:
        (record,) = data.export(session, place.owner_id)
        assert record.path == f"captions/{made.id}-1.json"
        assert record.value["tags"][0] == ["black_hair", "general", 900, "黒髪"]  # type: ignore[union-attr]
    with transaction(place.engine) as session:
        data.delete(session, place.owner_id)
        assert list(data.export(session, place.owner_id)) == []
