"""The library of LoRAs on both databases (H3, H5, C5): what comes in, names, undo, and who owns what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enogu.errors import AdapterRefused, NotFound, WrongUse
from enogu.loras import service
from enogu.loras.entities import Lora, LoraNameRefused
from enogu.storage.database import Session, reading, transaction, utc_now
from tests.unit.loras.lora_files import leave_epoch, lora_bytes, upload
from tests.unit.runs.places import Place

NOW = utc_now()


def add(place: Place, name: str | None = None, data: bytes | None = None, filename: str = "mame.safetensors") -> Lora:
    uploaded = upload(place, lora_bytes() if data is None else data, filename)
    with transaction(place.engine) as session:
        return service.add_upload(session, place.files, place.account.id, uploaded, name, now=NOW)


def test_an_uploaded_file_is_read_and_not_believed_by_its_name(place: Place) -> None:
    """C4."""
    metadata = {"enogu_trigger": "mame", "ss_sd_model_name": "ponyDiffusionV6XL", "ss_network_alpha": "99"}
    lora = add(place, data=lora_bytes(metadata, width=2048), filename="C:\\loras\\my sd15 lora.safetensors")
    assert (lora.name, lora.family, lora.trigger, lora.dim, lora.alpha) == ("my sd15 lora", "sdxl", "mame", 4, 2)
    assert (lora.base_model_name, lora.facts["derivative"]) == ("ponyDiffusionV6XL", "pony")
    with reading(place.engine) as session:
        assert service.get_lora(session, place.account.id, lora.id) == lora
        assert service.find_by_name(session, place.account.id, "MY SD15 LORA") == lora
        assert service.list_named_files(session) == {lora.sha256}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80\x02]q\0.", "is a pickle"),
        (b"PK\x03\x04 a zip as torch writes it", "is a pickle"),
        (b"hello", "no safetensors file"),
        (lora_bytes()[:-1], "damaged header"),
        (lora_bytes() + b"\0", "damaged header"),
        (lora_bytes().replace(b"lora_down", b"some_name"), "is no LoRA"),
    ],
)
def test_what_is_no_lora_is_refused_with_its_name_and_stays_an_upload(place: Place, data: bytes, words: str) -> None:
    """C3: nothing is ever unpickled."""
    uploaded = upload(place, data, "bad.safetensors")
    for _ in range(2):  # refused again: the upload was not used up
        with pytest.raises(AdapterRefused, match=f"bad.safetensors .*{words}"), transaction(place.engine) as session:
            service.add_upload(session, place.files, place.account.id, uploaded, now=NOW)


def test_an_upload_of_another_kind_is_no_lora(place: Place) -> None:
    uploaded = upload(place, lora_bytes(), kind="base_model")
    with pytest.raises(WrongUse, match="uploaded as a base_model"), transaction(place.engine) as session:
        service.add_upload(session, place.files, place.account.id, uploaded, now=NOW)


def test_an_epoch_is_saved_once_with_its_preview_and_outlives_its_run(place: Place) -> None:
    """H3."""
    run = place.start()
    with transaction(place.engine) as session:
        leave_epoch(place, session, run, 2, preview=b"png")
        first = service.save_epoch(session, place.files, place.account.id, run.id, 2, now=NOW)
        again = service.save_epoch(session, place.files, place.account.id, run.id, 2, now=NOW)
        other = service.save_epoch(session, place.files, place.account.id, run.id, 2, "another name", now=NOW)
    assert first == again
    assert (first.name, first.epoch, first.run_id, first.trigger) == ("zdm-000002", 2, run.id, "zdm")
    assert (first.base_model_name, first.filename) == ("starter", "zdm-000002.safetensors")
    assert first.preview_sha256 is not None
    assert other.id != first.id
    with pytest.raises(NotFound, match="epoch 3"), transaction(place.engine) as session:
        service.save_epoch(session, place.files, place.account.id, run.id, 3, now=NOW)


def test_names_that_a_prompt_cannot_hold_are_refused(place: Place) -> None:
    for name in ("a:b", "<lora>", "a/b", "", "  ", "a\nb", "x" * 101, ".hidden", "a\u202eb"):
        with pytest.raises(LoraNameRefused):
            add(place, name)
    assert add(place, "  まめ 2号 ").name == "まめ 2号"


def test_a_name_is_taken_by_case_and_width_and_a_default_one_gets_a_number(place: Place) -> None:
    add(place, "Mame")
    with pytest.raises(LoraNameRefused, match="already have a LoRA named 'ＭＡＭＥ'"):
        add(place, "ＭＡＭＥ")
    assert [add(place).name for _ in range(2)] == ["mame-2", "mame-3"]


def test_renaming_and_notes_change_the_row_and_not_the_file(place: Place) -> None:
    lora = add(place)
    with transaction(place.engine) as session:
        changed = service.change_lora(
            session, place.account.id, lora.id,
            name="zdm", trigger="zdm, 1boy", notes="いい", negative="bad", preferred_weight=0.8,
        )  # fmt: skip
        assert service.get_lora(session, place.account.id, lora.id) == changed
    assert (changed.sha256, changed.filename) == (lora.sha256, lora.filename)
    assert service.sidecar(changed) == {
        "description": "", "sd version": "SD1", "activation text": "zdm, 1boy", "preferred weight": 0.8,
        "negative text": "bad", "notes": "いい",
    }  # fmt: skip
    with pytest.raises(WrongUse, match="goes from 0"), transaction(place.engine) as session:
        service.change_lora(session, place.account.id, lora.id, preferred_weight=3)
    with pytest.raises(WrongUse, match="characters"), transaction(place.engine) as session:
        service.change_lora(session, place.account.id, lora.id, notes="n" * (service.LONGEST_TEXT + 1))


def test_a_deleted_one_is_gone_until_it_is_brought_back_under_a_free_name(place: Place) -> None:
    lora = add(place, "mame")
    with transaction(place.engine) as session:
        service.delete_lora(session, place.account.id, lora.id, NOW)
        assert service.find_by_name(session, place.account.id, "mame") is None
        with pytest.raises(NotFound):
            service.get_lora(session, place.account.id, lora.id)
        assert service.list_loras(session, place.account.id).total == 0
        assert [one.id for one in service.list_loras(session, place.account.id, deleted=True).loras] == [lora.id]
        assert service.list_named_files(session) == {lora.sha256}, "it can be undone"
    add(place, "mame")
    with transaction(place.engine) as session:
        assert service.restore_lora(session, place.account.id, lora.id).name == "mame-2"
        assert service.restore_lora(session, place.account.id, lora.id).name == "mame-2"


def test_a_deleted_one_is_forgotten_after_thirty_days(place: Place) -> None:
    old, young = add(place, "old"), add(place, "young")
    with transaction(place.engine) as session:
        service.delete_lora(session, place.account.id, old.id, NOW - service.KEPT_FOR - timedelta(seconds=1))
        service.delete_lora(session, place.account.id, young.id, NOW)
        assert service.restore_lora(session, place.account.id, young.id).name == "young"
        with pytest.raises(NotFound):
            service.restore_lora(session, place.account.id, old.id)


def test_the_list_is_searched_filtered_and_paged(place: Place) -> None:
    for number in range(3):
        add(place, f"まめ_{number}")
    add(place, "Big", lora_bytes({"enogu_trigger": "100% mame"}, width=2048))
    with reading(place.engine) as session:

        def names(**query: object) -> list[str]:
            return [one.name for one in service.list_loras(session, place.account.id, **query).loras]  # pyright: ignore[reportArgumentType]

        assert names() == ["Big", "まめ_2", "まめ_1", "まめ_0"]
        assert (names(text="BIG"), names(text="0% MAM"), names(text="め_1")) == (["Big"], ["Big"], ["まめ_1"])
        assert names(text="%") == ["Big"], "a sign of the database's is a sign"
        assert (names(family="sdxl"), names(family="flux")) == (["Big"], [])
        page = service.list_loras(session, place.account.id, limit=3)
        assert (page.total, page.next_offset) == (4, 3)
        assert service.list_loras(session, place.account.id, offset=3, limit=3).next_offset is None


def test_another_owner_gets_not_found_everywhere(place: Place) -> None:
    run = place.start()
    with transaction(place.engine) as session:
        leave_epoch(place, session, run, 1)
    lora, uploaded = add(place, "mine"), upload(place, lora_bytes())
    other = place.other.id
    calls: list[Callable[[Session], object]] = [
        lambda session: service.get_lora(session, other, lora.id),
        lambda session: service.change_lora(session, other, lora.id, name="yours"),
        lambda session: service.set_preview(session, other, lora.id, None),
        lambda session: service.show_sample(session, other, lora.id, "s" * 26),
        lambda session: service.delete_lora(session, other, lora.id, NOW),
        lambda session: service.restore_lora(session, other, lora.id),
        lambda session: service.add_upload(session, place.files, other, uploaded, now=NOW),
        lambda session: service.save_epoch(session, place.files, other, run.id, 1, now=NOW),
        lambda session: service.list_fitting_base_models(session, place.settings, other, lora.id),
    ]
    for call in calls:
        with pytest.raises(NotFound), transaction(place.engine) as session:
            call(session)
    with transaction(place.engine) as session:
        assert service.list_loras(session, other).total == 0
        assert service.find_by_name(session, other, "mine") is None
        assert service.get_lora(session, place.account.id, lora.id) == lora


def test_the_export_has_each_file_and_deleting_leaves_no_row(place: Place) -> None:
    """J3."""
    lora = add(place, "mine")
    data = service.LoraData()
    with transaction(place.engine) as session:
        assert [one.path for one in data.export(session, place.account.id)] == [
            f"loras/{lora.id}.json", f"loras/{lora.id}.safetensors",
        ]  # fmt: skip
        assert list(data.export(session, place.other.id)) == []
        data.delete(session, place.other.id)
        assert service.list_loras(session, place.account.id).total == 1
        data.delete(session, place.account.id)
        assert service.list_named_files(session) == frozenset()


@given(st.text(max_size=150))
def test_a_name_that_is_accepted_is_read_back_from_a_prompt(name: str) -> None:
    try:
        shown = service.checked_name(name)
    except LoraNameRefused:
        return
    assert f"<lora:{shown}:0.8>".strip("<>").split(":") == ["lora", shown, "0.8"]
    assert service.checked_name(shown) == shown
