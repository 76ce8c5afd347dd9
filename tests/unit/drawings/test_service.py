"""Asking for drawings, comparing, the gallery: on both databases (I2, I3, I5, I6, C5, J3)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from enogu.drawings import service
from enogu.drawings.entities import (
    MOST_SEED,
    MOST_WAITING_REQUESTS,
    ComparisonWish,
    Drawing,
    DrawingRefused,
    DrawingRequest,
    GalleryFilter,
    LoraUnknown,
    RequestEnded,
    TooManyWaiting,
    Wish,
    WrongFamily,
)
from enogu.errors import BaseModelRefused, NotFound, WrongUse
from enogu.queue import service as queue
from enogu.storage.database import reading, transaction, utc_now
from tests.unit.drawings.places import Place


def compare(place: Place, **more: Any) -> DrawingRequest:
    form = Wish(
        **{"base_model": "starter", "prompt": "", "width": 64, "height": 64, "steps": 1, "seed": 3}
        | more.pop("form", {})
    )
    given: dict[str, Any] = {"compared": ("mame",), "prompts": ("mame, smile", "mame, angry"), **more}
    with transaction(place.engine) as session:
        return service.request_comparison(
            session, place.settings, place.metering, place.account, ComparisonWish(form, **given), utc_now()
        )


def gallery(place: Place, **wanted: Any) -> list[Drawing]:
    with reading(place.engine) as session:
        return list(service.list_drawings(session, place.account.id, GalleryFilter(**wanted)))


# ---- asking ----------------------------------------------------------------------------------------------------------


def test_a_request_is_kept_whole_and_queued_in_the_lane_of_drawings(place: Place) -> None:
    """I3."""
    lora = place.add_lora("mame")
    request = place.ask("mame, smile <lora:mame:0.8>", count=3, negative_prompt="dark", sampler="euler_a", cfg=5)
    assert (request.state, request.kind, request.seed, len(request.cells)) == ("waiting", "pictures", 7, 3)
    assert [cell.seed for cell in request.cells] == [7, 8, 9]
    assert request.cells[0].prompt == "mame, smile"
    assert request.cells[0].written_prompt == "mame, smile <lora:mame:0.8>"
    assert [(one.lora_id, one.weight, one.sha256) for one in request.cells[0].loras] == [(lora.id, 0.8, lora.sha256)]
    assert place.get(request.id) == request
    with reading(place.engine) as session:
        job = queue.find_job(session, request.job_id)
        position = service.find_position(session, request)
    assert job is not None
    assert (job.lane, job.kind, job.subject_id) == ("draw", "draw", request.id)
    assert job.priority == place.metering.plans["free"].queue_priority
    assert position is not None
    assert position.ahead == 0


def test_a_seed_of_minus_one_is_chosen_and_told(place: Place) -> None:
    """I3."""
    seeds = {place.ask(seed=-1).seed for _ in range(4)}
    assert len(seeds) == 4
    assert all(0 <= seed <= MOST_SEED for seed in seeds)


def test_what_is_left_out_suits_base_model_and_lora(place: Place) -> None:
    """F24: clip skip as the LoRA was trained."""
    place.add_lora("mame", clip_skip=2)
    place.add_lora("zdm", "sdxl", clip_skip=2)
    own = place.ask(width=None, height=None, loras=[("mame", 1)]).shared
    assert (own.width, own.height, own.clip_skip) == (128, 128, 2)
    large = place.ask(base_model="pony", width=None, height=1536, loras=[("zdm", 1)]).shared
    assert (large.width, large.height, large.clip_skip) == (1024, 1536, 1)
    assert place.ask(clip_skip=1, loras=[("mame", 1)]).shared.clip_skip == 1


def test_triggers_are_added_when_asked_for(place: Place) -> None:
    """I1: the drawing page opens with the LoRA set and its trigger put in."""
    place.add_lora("mame", trigger="mame")
    assert place.ask("smile <lora:mame:1>", add_trigger=True).cells[0].prompt == "mame, smile"
    assert place.ask("smile <lora:mame:1>").cells[0].prompt == "smile"


def test_a_lora_of_weight_zero_is_not_used(place: Place) -> None:
    place.add_lora("mame")
    assert place.ask("<lora:mame:0> smile").cells[0].loras == ()


def test_an_unknown_lora_is_refused_with_the_names_that_are_near(place: Place) -> None:
    """I2."""
    place.add_lora("mame_v2")
    with pytest.raises(LoraUnknown, match="no LoRA 'mame_v3'") as refused:
        place.ask("<lora:mame_v3:1>")
    assert "'mame_v2'" in refused.value.cure
    with pytest.raises(LoraUnknown) as refused:
        place.ask("<lora:something else:1>")
    assert refused.value.cure == "There are: mame_v2."


def test_a_lora_of_another_family_is_refused_and_both_are_named(place: Place) -> None:
    """C5."""
    place.add_lora("zdm", "sdxl")
    with pytest.raises(WrongFamily, match=r"'zdm' is for SDXL, and the base model 'starter' is SD1\.5"):
        place.ask("<lora:zdm:1>")
    assert place.ask("<lora:zdm:1>", base_model="pony").base_model_name == "Pony"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"width": 65}, "width 65 is no multiple of 8"),
        ({"height": 4096}, "height 4096"),
        ({"steps": 0}, "steps is 0"),
        ({"cfg": 31.0}, "cfg is 31"),
        ({"sampler": "plms"}, "no sampler 'plms'"),
        ({"sampler": "lcm", "schedule_type": "karras"}, "LCM cannot be drawn along the schedule Karras"),
        ({"clip_skip": 13}, "clip skip is 13"),
        ({"count": 65}, "65 pictures"),
        ({"seed": -2}, "-2 is no seed"),
        ({"seed": MOST_SEED, "count": 2}, "past the last seed"),
        ({"negative_prompt": "x" * 10_001}, "10,001 characters"),
        ({"negative_prompt": "\0"}, "NUL"),
        ({"loras": [("mame", 3.0)]}, "mame is to be used at weight 3"),
        ({"loras": [("mame", 1.0), ("mame", 0.5)]}, "'mame' is asked for twice"),
        ({"base_model": "coming"}, "not ready yet"),
    ],
)
def test_a_wish_that_cannot_be_drawn_is_refused_in_words(place: Place, more: dict[str, Any], words: str) -> None:
    place.add_lora("mame")
    with pytest.raises(DrawingRefused, match=words):
        place.ask(**more)
    with reading(place.engine) as session:
        assert service.list_requests(session, place.account.id) == ()
        assert queue.list_jobs(session, place.account.id) == ()


def test_an_unknown_base_model_is_refused(place: Place) -> None:
    with pytest.raises(BaseModelRefused):
        place.ask(base_model="nothing")


def test_the_same_lora_in_prompt_and_list_is_refused(place: Place) -> None:
    lora = place.add_lora("mame")
    with pytest.raises(DrawingRefused, match="twice"):
        place.ask("<lora:mame:1>", loras=[(lora.id, 0.5)])


def test_only_so_many_requests_of_one_owner_wait(place: Place) -> None:
    """Drawings cost no stamina; this keeps them fair."""
    first = place.ask()
    for _ in range(MOST_WAITING_REQUESTS - 1):
        place.ask()
    with pytest.raises(TooManyWaiting):
        place.ask()
    with transaction(place.engine) as session:
        service.cancel_request(session, place.account.id, first.id, utc_now())
    place.ask()


def test_requests_that_come_at_once_cannot_pass_the_bound(place: Place) -> None:
    for _ in range(MOST_WAITING_REQUESTS - 2):
        place.ask()
    together = threading.Barrier(6)
    outcomes: list[str] = []

    def ask() -> None:
        together.wait()
        try:
            place.ask()
            outcomes.append("queued")
        except TooManyWaiting:
            outcomes.append("refused")

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["queued"] * 2 + ["refused"] * 4


def test_a_waiting_request_is_cancelled_at_once_and_can_be_continued(place: Place) -> None:
    request = place.ask()
    with transaction(place.engine) as session:
        cancelled = service.cancel_request(session, place.account.id, request.id, utc_now())
    assert (cancelled.state, cancelled.ended_at is not None) == ("cancelled", True)
    with pytest.raises(RequestEnded), transaction(place.engine) as session:
        service.cancel_request(session, place.account.id, request.id, utc_now())
    with transaction(place.engine) as session:
        again = service.continue_request(session, place.metering, place.account, request.id, utc_now())
    assert (again.state, again.ended_at, again.job_id == request.job_id) == ("waiting", None, False)
    with pytest.raises(RequestEnded), transaction(place.engine) as session:
        service.continue_request(session, place.metering, place.account, request.id, utc_now())


# ---- comparing -------------------------------------------------------------------------------------------------------


def test_a_comparison_has_a_column_without_the_lora_and_one_for_each_weight(place: Place) -> None:
    """I5: the article's 0.7, 0.8 and 1 at one seed."""
    place.add_lora("mame")
    request = compare(place)
    assert request.kind == "comparison"
    assert request.labels is not None
    assert request.labels.columns == ("no LoRA", "0.7", "0.8", "1")
    assert request.labels.rows == ("mame, smile", "mame, angry")
    assert [([one.weight for one in cell.loras], cell.places) for cell in request.cells[:4]] == [
        ([], ((0, 0),)),
        ([0.7], ((0, 1),)),
        ([0.8], ((0, 2),)),
        ([1.0], ((0, 3),)),
    ]
    assert {cell.seed for cell in request.cells} == {3}
    assert len(request.cells) == 8


def test_epochs_that_are_compared_share_the_picture_without_a_lora(place: Place) -> None:
    """I5."""
    place.add_lora("mame-1")
    place.add_lora("mame-2")
    request = compare(place, compared=("mame-1", "mame-2"), prompts=("smile",), weights=(1.0,))
    assert request.labels is not None
    assert request.labels.rows == ("mame-1", "mame-2")
    assert [(len(cell.loras), cell.places) for cell in request.cells] == [
        (0, ((0, 0), (1, 0))),
        (1, ((0, 1),)),
        (1, ((1, 1),)),
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"compared": ("mame", "zdm")}, "'zdm' is for SDXL"),
        ({"weights": (0.5, 3.0)}, "weight 3"),
        ({"prompts": ("a",) * 20}, "80 pictures"),
        ({"prompts": ()}, "needs a prompt"),
        ({"prompts": ("<lora:mame:1>",)}, "compared, and in the prompt"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(place: Place, more: dict[str, Any], words: str) -> None:
    place.add_lora("mame")
    place.add_lora("zdm", "sdxl")
    with pytest.raises(DrawingRefused, match=words):
        compare(place, **more)


# ---- the gallery -----------------------------------------------------------------------------------------------------


def test_the_gallery_is_searched_by_words_lora_and_base_model(place: Place) -> None:
    """I6."""
    lora = place.add_lora("mame")
    place.add_lora("zdm", "sdxl")
    place.ask("mame, SMILE, 100%_real <lora:mame:1>")
    place.ask("ずんだもん、笑顔")
    place.ask("smile <lora:zdm:1>", base_model="pony")
    for _ in range(3):
        assert place.work().state == "done"
    assert [one.base_model_name for one in gallery(place)] == ["Pony", "starter", "starter"]
    assert [one.prompt for one in gallery(place, words="笑顔 ずんだ")] == ["ずんだもん、笑顔"]
    assert len(gallery(place, words="smile")) == 2
    assert len(gallery(place, words="smile mame")) == 1
    assert len(gallery(place, words="100% real")) == 1
    assert gallery(place, words="100%x") == []
    assert [one.loras[0].name for one in gallery(place, lora_id=lora.id)] == ["mame"]
    assert [one.base_model_id for one in gallery(place, base_model_id="pony")] == ["pony"]


def test_the_gallery_comes_in_pages(place: Place) -> None:
    place.ask(count=5)
    place.work()
    seen: list[int] = []
    before: str | None = None
    with reading(place.engine) as session:
        while page := service.list_drawings(session, place.account.id, GalleryFilter(), before=before, limit=2):
            seen += [one.seed for one in page]
            before = page[-1].id
    assert seen == [11, 10, 9, 8, 7]


def test_deleted_drawings_come_back_until_the_bin_is_emptied(place: Place) -> None:
    """I6: delete with undo."""
    request = place.ask(count=3)
    place.work()
    first, second, third = (one.id for one in place.drawings_of(request.id))
    with transaction(place.engine) as session:
        assert service.delete_drawings(session, place.account.id, [first, second], utc_now()) == (first, second)
        assert service.delete_drawings(session, place.account.id, [first], utc_now()) == ()
    assert [one.id for one in gallery(place)] == [third]
    assert [one.id for one in gallery(place, deleted=True)] == [second, first]
    with transaction(place.engine) as session:
        assert service.restore_drawings(session, place.account.id, [first]) == (first,)
        assert service.empty_bin(session, place.account.id) == 1
        with pytest.raises(NotFound):
            service.restore_drawings(session, place.account.id, [second])
    assert [one.id for one in gallery(place)] == [third, first]
    with transaction(place.engine) as session:
        service.delete_drawings(session, place.account.id, [first, third], utc_now())
        service.empty_bin(session, place.account.id)
        assert service.list_requests(session, place.account.id) == ()


def test_the_bin_leaves_pictures_of_a_request_that_is_not_over(place: Place) -> None:
    """Else its worker would draw them again."""
    request = place.ask(count=2)
    place.work()
    with transaction(place.engine) as session:
        ids = [one.id for one in service.list_of_request(session, request)]
        service.delete_drawings(session, place.account.id, ids, utc_now())
        from enogu.drawings import store

        store.change_request(session, request.id, state="running")
        assert service.empty_bin(session, place.account.id) == 0


def test_too_many_or_no_drawings_at_once_are_refused(place: Place) -> None:
    for ids in ([], ["x"] * 1001):
        with pytest.raises(WrongUse), transaction(place.engine) as session:
            service.delete_drawings(session, place.account.id, ids, utc_now())


# ---- whose it is -----------------------------------------------------------------------------------------------------


def test_another_owner_sees_and_changes_nothing(place: Place) -> None:
    """J3."""
    request = place.ask()
    place.work()
    (drawing,) = place.drawings_of(request.id)
    other = place.other.id
    with transaction(place.engine) as session:
        for call in (
            lambda: service.get_request(session, other, request.id),
            lambda: service.cancel_request(session, other, request.id, utc_now()),
            lambda: service.continue_request(session, place.metering, place.other, request.id, utc_now()),
            lambda: service.get_drawing(session, other, drawing.id),
            lambda: service.delete_drawings(session, other, [drawing.id], utc_now()),
            lambda: service.restore_drawings(session, other, [drawing.id]),
        ):
            with pytest.raises(NotFound):
                call()
        assert service.list_requests(session, other) == ()
        assert service.list_drawings(session, other, GalleryFilter()) == ()
        assert service.empty_bin(session, other) == 0
    lora = place.add_lora("mame")
    with pytest.raises(LoraUnknown), transaction(place.engine) as session:
        wish = Wish("starter", f"<lora:{lora.name}:1>")
        service.request_drawing(session, place.settings, place.metering, place.other, wish, utc_now())


def test_everything_of_an_owner_is_exported_and_deleted(place: Place) -> None:
    """J3."""
    place.add_lora("mame")
    compare(place, prompts=("a",), weights=(1.0,))
    place.work()
    waiting = place.ask()
    (first, _) = gallery(place)
    with transaction(place.engine) as session:
        service.delete_drawings(session, place.account.id, [first.id], utc_now())
    data = service.DrawingData()
    with reading(place.engine) as session:
        pieces = list(data.export(session, place.account.id))
        assert list(data.export(session, place.other.id)) == []
    paths = [piece.path for piece in pieces]
    assert len(paths) == len(set(paths)) == 2 + 1 + 4
    assert all(path.startswith("drawings/") for path in paths)
    with transaction(place.engine) as session:
        data.delete(session, place.account.id)
    assert gallery(place) == []
    with reading(place.engine) as session:
        job = queue.find_job(session, waiting.job_id)
    assert job is not None
    assert job.state == "cancelled"


def test_every_file_that_is_needed_is_named(place: Place) -> None:
    """What nothing names is swept."""
    lora = place.add_lora("mame")
    request = compare(place, prompts=("a",), weights=(1.0,))
    with reading(place.engine) as session:
        assert set(service.list_named_files(session)) == {lora.sha256}
    place.work()
    with reading(place.engine) as session:
        named = set(service.list_named_files(session))
    drawings = place.drawings_of(request.id)
    expected = {one.sha256 for one in drawings} | {one.thumbnail_sha256 for one in drawings}
    assert named == expected | {place.get(request.id).sheet_sha256}
    assert all(place.files.find(sha256) for sha256 in named)


def test_how_long_it_takes_is_learnt_from_the_last_request(place: Place) -> None:
    """G1: others' starts are estimated from it."""
    first = place.ask(count=2)
    place.work()
    with transaction(place.engine) as session:
        from enogu.drawings import store

        row = session.get_one(store.RequestRow, first.id)
        row.ended_at = (row.started_at or utc_now()) + timedelta(seconds=8)
    request = place.ask(count=3, steps=4)
    with reading(place.engine) as session:
        job = queue.find_job(session, request.job_id)
    assert job is not None
    assert job.payload == {"seconds": 24.0}
