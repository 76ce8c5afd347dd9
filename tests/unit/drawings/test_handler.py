"""A request on a worker: each picture kept as it comes, ends of every kind, taken over after a kill."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from enogu.drawings import service
from enogu.drawings.entities import ComparisonWish, DrawingRequest, Wish
from enogu.errors import StorageFailed
from enogu.imaging.infotext import parse_infotext
from enogu.queue import service as queue
from enogu.queue.entities import LostJob
from enogu.storage.database import reading, transaction, utc_now
from enogu.worker import drawing_handler
from enogu.worker.engine_host import DrawJob, EngineDied
from enogu.worker.handlers import WorkerStops
from tests.unit.drawings.places import Place


def picture_of(place: Place, sha256: str) -> Image.Image:
    image = Image.open(io.BytesIO(b"".join(place.files.get(sha256))))
    image.load()
    return image


def cancel(place: Place, request: DrawingRequest) -> None:
    with transaction(place.engine) as session:
        service.cancel_request(session, place.account.id, request.id, utc_now())


def test_pictures_are_drawn_and_kept_with_their_text_and_thumbnail(place: Place) -> None:
    """I2, I4."""
    place.add_lora("まめ")
    request = place.ask("まめ、笑顔 <lora:まめ:0.8>", count=2, negative_prompt="暗い")
    assert place.work().state == "done"
    done = place.get(request.id)
    assert (done.state, done.num_done, done.step) == ("done", 2, 0)
    assert done.started_at is not None
    assert done.ended_at is not None
    drawings = place.drawings_of(request.id)
    assert [(one.number, one.seed) for one in drawings] == [(0, 7), (1, 8)]
    with picture_of(place, drawings[0].sha256) as image:
        said = parse_infotext(image.text["parameters"])  # type: ignore[attr-defined]
    assert (said.prompt, said.negative_prompt) == ("まめ、笑顔 <lora:まめ:0.8>", "暗い")
    assert said.settings["Seed"] == "7"
    assert list(said.lora_hashes) == ["まめ"]
    assert picture_of(place, drawings[0].thumbnail_sha256).format == "WEBP"
    (job,) = place.scripted.jobs
    assert (job.prompt, job.count, [(one.name, one.weight) for one in job.loras]) == ("まめ、笑顔", 2, [("まめ", 0.8)])
    assert not job.out.exists()


def test_pictures_are_drawn_together_within_bounds(place: Place) -> None:
    """A large picture is drawn alone; a picture does not depend on its neighbours."""
    place.ask(count=5, width=512, height=512)
    place.work()
    assert [job.count for job in place.scripted.jobs] == [4, 1]
    place.scripted.jobs.clear()
    place.ask(count=2, width=1024, height=1024)
    place.work()
    assert [(job.seed, job.count) for job in place.scripted.jobs] == [(7, 1), (8, 1)]


def test_a_comparison_ends_with_one_labelled_sheet(place: Place) -> None:
    """I5."""
    place.add_lora("mame")
    form = Wish("starter", "", width=64, height=64, steps=1, seed=3)
    with transaction(place.engine) as session:
        wish = ComparisonWish(form, ("mame",), ("smile", "angry"))
        request = service.request_comparison(session, place.settings, place.metering, place.account, wish, utc_now())
    assert place.work().state == "done"
    done = place.get(request.id)
    assert done.sheet_sha256 is not None
    with picture_of(place, done.sheet_sha256) as sheet:
        assert sheet.width > 4 * 64
        assert sheet.height > 2 * 64
        assert "Seed: 3" in sheet.text["parameters"]  # type: ignore[attr-defined]
    assert done.sheet_size_bytes > 0
    assert len(place.drawings_of(request.id)) == 8


def test_progress_is_seen_while_a_picture_is_drawn(place: Place) -> None:
    request = place.ask(count=2, steps=5)
    seen: list[tuple[int, int, str]] = []

    def look(job: DrawJob, number: int) -> None:
        now = place.get(request.id)
        seen.append((now.num_done, now.step, now.state))

    place.scripted.before = look
    place.work()
    assert seen == [(0, 0, "running"), (1, 0, "running")]
    revisions = [one.revision for one in place.drawings_of(request.id)]
    assert revisions == sorted(set(revisions))


def test_a_running_request_is_cancelled_and_keeps_what_was_drawn(place: Place) -> None:
    request = place.ask(count=3)

    def ask_in_the_second(job: DrawJob, number: int) -> None:
        if number == 1:
            cancel(place, request)
            context.beat()

    place.scripted.before = ask_in_the_second
    job = place.take()
    assert job is not None
    context = place.context(job)
    drawing_handler.draw(context)
    ended = place.get(request.id)
    assert (ended.state, ended.num_done, ended.is_cancel_asked) == ("cancelled", 1, True)
    with reading(place.engine) as session:
        found = queue.find_job(session, job.id)
    assert found is not None
    assert found.state == "cancelled"


def test_a_failure_says_what_the_engine_said(place: Place) -> None:
    """J4."""
    request = place.ask()
    place.scripted.failure = {"kind": "WrongUse", "message": "The width 64 is no multiple of 128.", "cure": "Use 128."}
    assert place.work().state == "failed"
    failed = place.get(request.id)
    assert failed.failure is not None
    assert (failed.failure.message, failed.failure.cure) == ("The width 64 is no multiple of 128.", "Use 128.")


def test_a_lora_whose_file_is_gone_fails_in_words(place: Place) -> None:
    lora = place.add_lora("mame")
    request = place.ask("<lora:mame:1>")
    place.files.delete(lora.sha256)
    assert place.work().state == "failed"
    failure = place.get(request.id).failure
    assert failure is not None
    assert failure.message == "The LoRA 'mame' is no longer kept."


def test_a_full_disk_fails_in_words_and_can_be_continued(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    request = place.ask(count=2)

    def refuse(*_: Any) -> Any:
        raise StorageFailed("The store of files does not work.", "The disk is full: free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(place.files, "put", refuse)
        assert place.work().state == "failed"
    failure = place.get(request.id).failure
    assert failure is not None
    assert "free some space" in failure.cure
    with transaction(place.engine) as session:
        again = service.continue_request(session, place.metering, place.account, request.id, utc_now())
    assert again.failure is None
    assert place.work().state == "done"
    assert [one.seed for one in place.drawings_of(request.id)] == [7, 8]


def test_a_worker_that_takes_over_draws_what_is_left(place: Place) -> None:
    """G6, for drawings: pictures that are stored are not drawn again."""
    request = place.ask(count=3)

    def die_in_the_third(job: DrawJob, number: int) -> None:
        if number == 2 and len(place.scripted.jobs) == 1:
            raise EngineDied("The engine ended.", "", -11, ())

    place.scripted.before = die_in_the_third
    job = place.take()
    assert job is not None
    with pytest.raises(EngineDied):
        drawing_handler.draw(place.context(job))
    assert place.get(request.id).num_done == 2
    with transaction(place.engine) as session:
        queue.give_back(session, job.id, job.token, utc_now(), died_of="The engine ended.")
    assert place.work().state == "done"
    assert [(job.seed, job.count) for job in place.scripted.jobs] == [(7, 3), (9, 1)]
    assert [one.seed for one in place.drawings_of(request.id)] == [7, 8, 9]


def test_who_lost_the_job_writes_nothing_more(place: Place) -> None:
    """The fence: an old worker wakes up beside the new one."""
    request = place.ask(count=2)

    def lose(job: DrawJob, number: int) -> None:
        if len(place.scripted.jobs) == 1 and number == 0:
            with transaction(place.engine) as session:
                queue.give_back(session, old.id, old.token, utc_now())
            assert place.work().state == "done"

    place.scripted.before = lose
    old = place.take()
    assert old is not None
    with pytest.raises(LostJob):
        drawing_handler.draw(place.context(old))
    assert (place.get(request.id).state, place.get(request.id).num_done) == ("done", 2)
    assert len(place.drawings_of(request.id)) == 2


def test_a_worker_that_stops_gives_the_request_back(place: Place) -> None:
    request = place.ask(count=2)
    is_stopping = False

    def stop(job: DrawJob, number: int) -> None:
        nonlocal is_stopping
        is_stopping = number == 1

    place.scripted.before = stop
    job = place.take()
    assert job is not None
    with pytest.raises(WorkerStops):
        drawing_handler.draw(place.context(job, is_stopping=lambda: is_stopping))
    assert (place.get(request.id).state, place.get(request.id).num_done) == ("running", 1)


def test_an_engine_without_memory_says_to_draw_smaller(place: Place) -> None:
    request = place.ask()

    def die(job: DrawJob, number: int) -> None:
        raise EngineDied("The engine ended.", "", -9, ())

    place.scripted.before = die
    assert place.work().state == "failed"
    failure = place.get(request.id).failure
    assert failure is not None
    assert (failure.kind, "smaller than 64x64" in failure.cure) == ("OutOfMemory", True)


def test_a_parked_job_fails_its_request_once(place: Place) -> None:
    request = place.ask()
    job = place.take()
    assert job is not None
    with transaction(place.engine) as session:
        parked = queue.end(session, job.id, job.token, "parked", utc_now(), "Two workers died.")
    for _ in range(2):
        drawing_handler.parked(place.engine, parked)
    failed = place.get(request.id)
    assert failed.failure is not None
    assert (failed.state, "Two workers died." in failed.failure.message) == ("failed", True)


def test_a_request_whose_account_is_gone_reads_as_lost(place: Place) -> None:
    """J3."""
    place.ask(count=2)

    def delete_all(job: DrawJob, number: int) -> None:
        if number == 1:
            with transaction(place.engine) as session:
                service.DrawingData().delete(session, place.account.id)

    place.scripted.before = delete_all
    job = place.take()
    assert job is not None
    with pytest.raises(LostJob):
        drawing_handler.draw(place.context(job))


def test_loras_are_placed_once_and_the_oldest_are_forgotten(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from enogu.drawings import tasks

    monkeypatch.setattr(tasks, "MOST_CACHED_LORAS", 2)
    for name in ("a", "b", "c"):
        place.add_lora(name)
        place.ask(f"<lora:{name}:1>")
        assert place.work().state == "done"
    assert len(list((place.settings.cache_folder / "loras").iterdir())) == 2
