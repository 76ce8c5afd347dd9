"""A run on a worker: files first, then rows; all of it may be repeated, and who lost the job writes nothing (G6)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest

from enogu.errors import EnoguError, StorageFailed
from enogu.queue import service as queue
from enogu.queue.entities import LostJob
from enogu.runs import service, store, tasks
from enogu.runs.entities import Run, Speed
from enogu.storage.database import reading, transaction, utc_now
from tests.unit.runs.places import SMALL, Place, ScriptedEngine, loss_of


def begun(place: Place) -> tuple[tasks.OnWorker, tasks.PreparedRun, ScriptedEngine]:
    worker = place.take()
    run = tasks.begin_run(worker)
    assert run is not None
    prepared = tasks.prepare_run(worker, run)
    return worker, prepared, ScriptedEngine(run, prepared.out)


def epochs_of(place: Place, run_id: str) -> list[tuple[str, int, bool]]:
    with reading(place.engine) as session:
        return [
            (one.filename, one.step, one.is_extra) for one in service.list_epochs(session, place.account.id, run_id)
        ]


def test_pictures_lie_in_their_order_and_are_used_again_when_whole(place: Place) -> None:
    place.start()
    worker, prepared, _ = begun(place)
    paths = [one.path for one in prepared.pictures]
    assert [path.name for path in paths] == [f"{number:06d}.png" for number in range(1, 8)]
    before = paths[0].stat().st_mtime_ns
    paths[1].write_bytes(b"damaged")
    again = tasks.prepare_run(worker, prepared.run)
    assert paths[0].stat().st_mtime_ns == before
    assert paths[1].read_bytes() == b"picture 2"
    assert not again.resume


def test_masks_and_regularisation_pictures_are_counted_and_laid_out_for_the_engine(place: Place) -> None:
    """F28: the plan takes two regularisation pictures until they are as many as the five that are learnt."""
    mask = place.files.put([b"a mask"], 100).sha256
    place.pictures[0] = replace(place.pictures[0], mask_sha256=mask, mask_cut=(1, 2, 30, 40, 768, 768))
    place.pictures[5:] = [replace(one, is_regularisation=True, repeats=1) for one in place.pictures[5:]]
    run = place.start({**SMALL, "pictures": {**SMALL["pictures"], "masked_loss": True}})
    assert run.num_steps == 4 * (5 * 2 + 10) // 2
    worker, prepared, _ = begun(place)
    first, last = prepared.pictures[0], prepared.pictures[-1]
    assert first.mask is not None
    assert first.mask.read_bytes() == b"a mask"
    assert first.picture.mask_cut == (1, 2, 30, 40, 768, 768)
    assert (last.mask, last.picture.is_regularisation) == (None, True)
    with reading(place.engine) as session:
        assert mask in set(service.list_named_files(session))
    place.files.delete(mask)
    first.mask.unlink()
    with pytest.raises(EnoguError, match=r"The mask of 01\.png is no longer kept"):
        tasks.prepare_run(worker, prepared.run)


def test_a_picture_that_is_gone_is_named(place: Place) -> None:
    place.start()
    worker = place.take()
    run = tasks.begin_run(worker)
    assert run is not None
    place.files.delete(place.pictures[2].sha256)
    with pytest.raises(EnoguError, match=r"03\.png is no longer kept"):
        tasks.prepare_run(worker, run)


def test_what_the_engine_says_is_kept_in_rows_and_files(place: Place) -> None:
    """G4, H2: steps that follow each other are one event."""
    run = place.start()
    worker, _, says = begun(place)
    safe = tasks.note_events(worker, run, [says.started(), *says.epoch(1), says.stepped(8), says.saved_now(8)])
    assert safe == 8
    shown = place.get(run.id)
    assert (shown.state, shown.step, shown.epoch, shown.device) == ("training", 8, 2, "cpu")
    assert (shown.live.seconds_left, shown.checkpoint_step) == (10.0, 7)
    assert epochs_of(place, run.id) == [("zdm-000001.safetensors", 7, False), ("zdm-step00000008.safetensors", 8, True)]
    with reading(place.engine) as session:
        events = service.list_events(session, place.account.id, run.id)
        samples = service.list_samples(session, place.account.id, run.id)
        curve = service.loss_curve(session, place.account.id, run.id, weight=0.0)
        entries = service.zip_entries_of(session, place.account.id, run.id)
    assert [one.number for one in events] == list(range(1, len(events) + 1))
    assert [one.kind for one in events] == [
        "StateChanged", "StateChanged", "StateChanged", "Started", "Stepped", "Saved", "Sampled", "Checkpointed",
        "Stepped", "Saved",
    ]  # fmt: skip
    assert [one.loss for one in curve] == [loss_of(step) for step in range(1, 9)]
    assert b"".join(place.files.get(samples[0].sha256)) == b"preview 1"
    assert [name for name, _ in entries][:3] == ["zdm-000001.safetensors", "zdm-000001.json", "zdm-000001.png"]


def test_a_file_that_is_kept_already_is_not_kept_again(place: Place) -> None:
    """G6: a worker died between the file and the state, and the next one saves the epoch again."""
    run = place.start()
    worker, _, says = begun(place)
    tasks.note_events(worker, run, [says.started(), *list(says.epoch(1))[:8]])
    with reading(place.engine) as session:
        first = service.get_epoch(session, place.account.id, run.id, 1)
    event = says.saved(1)
    (says.out / first.filename).write_bytes(b"the same weights with another time in the header")
    tasks.note_events(worker, run, [event])
    with reading(place.engine) as session:
        assert service.get_epoch(session, place.account.id, run.id, 1) == first
    assert len(epochs_of(place, run.id)) == 1


def test_the_newest_two_states_are_kept_as_long_as_the_run_is_not_finished(place: Place) -> None:
    run = place.start()
    worker, _, says = begun(place)
    tasks.note_events(worker, run, [says.started()])
    kept = [_keep_state(place, worker, run, says, step) for step in (3, 5, 7)]
    now = place.get(run.id)
    assert (now.checkpoint_sha256, now.checkpoint_step) == (kept[2], 7)
    assert (now.older_checkpoint_sha256, now.older_checkpoint_step) == (kept[1], 5)
    assert [place.files.find(sha256) is not None for sha256 in kept] == [False, True, True]
    tasks.finish(worker)
    assert place.get(run.id).checkpoint_sha256 is None
    assert [place.files.find(sha256) for sha256 in kept] == [None, None, None]


def test_a_state_that_is_told_twice_does_not_push_out_the_older_one(place: Place) -> None:
    run = place.start()
    worker, _, says = begun(place)
    tasks.note_events(worker, run, [says.started()])
    first, second, again = (_keep_state(place, worker, run, says, step) for step in (3, 5, 5))
    assert second == again
    assert place.get(run.id).older_checkpoint_sha256 == first


@pytest.mark.parametrize("loss", ["damaged", "gone"])
@pytest.mark.parametrize(("lost", "step"), [((5,), 3), ((5, 3), 0), ((3,), 5)])
def test_a_state_that_the_store_has_lost_is_not_the_end_of_a_run(
    place: Place, monkeypatch: pytest.MonkeyPatch, loss: str, lost: tuple[int, ...], step: int
) -> None:
    """The one before it, or the beginning. People hear of it, and the next states are kept as ever."""
    run = place.start()
    worker, _, says = begun(place)
    tasks.note_events(worker, run, [says.started()])
    kept = {at: _keep_state(place, worker, run, says, at) for at in (3, 5)}
    bad = {kept[at] for at in lost}
    with transaction(place.engine) as session:
        queue.give_back(session, worker.job.id, worker.job.token, utc_now())
    get = place.files.get

    def damaged(sha256: str, *range_of: int) -> Iterator[bytes]:
        return iter([b"other bytes"]) if sha256 in bad and place.files.find(sha256) else get(sha256, *range_of)

    shutil.rmtree(worker.folder)
    with monkeypatch.context() as patch:
        if loss == "gone":
            for sha256 in bad:
                place.files.delete(sha256)
        else:
            patch.setattr(place.files, "get", damaged)
        worker, prepared, says = begun(place)
    path = tasks.state_path(prepared.out, prepared.recipe)
    assert prepared.resume == (step > 0)
    assert path.exists() == (step > 0)
    now = place.get(run.id)
    if step == 5:
        assert now.live.went_back_to is None
        return
    assert f'"step":"{step}"'.encode() in path.read_bytes() if step else now.checkpoint_sha256 is None
    assert (now.checkpoint_step, now.older_checkpoint_sha256) == (step, None)
    assert now.live.went_back_to == step
    with reading(place.engine) as session:
        events = service.list_events(session, place.account.id, run.id)
    assert [event.data for event in events if event.kind == "WentBack"] == [{"step": step}]
    assert all(place.files.find(sha256) is None for sha256 in bad)
    tasks.note_events(worker, run, [says.started()])
    newest = _keep_state(place, worker, run, says, 5)
    assert place.files.find(newest) is not None
    assert place.get(run.id).checkpoint_step == 5


def test_an_older_state_of_this_machine_is_not_gone_back_to(place: Place) -> None:
    """It may be later than the newest one that the row names."""
    run = place.start()
    worker, prepared, says = begun(place)
    tasks.note_events(worker, run, [says.started()])
    _keep_state(place, worker, run, says, 3)
    older = tasks.state_path(prepared.out, prepared.recipe).with_name("older.safetensors")
    older.write_bytes(b"of step 9")
    with transaction(place.engine) as session:
        queue.give_back(session, worker.job.id, worker.job.token, utc_now())
    begun(place)
    assert not older.exists()


def _keep_state(place: Place, worker: tasks.OnWorker, run: Run, says: ScriptedEngine, step: int) -> str:
    """The sha256 of what the row names afterwards."""
    tasks.note_events(worker, run, [tasks.set_aside(worker, says.checkpointed(step))])
    sha256 = place.get(run.id).checkpoint_sha256
    assert sha256 is not None
    return sha256


def test_two_states_of_one_step_do_not_take_each_others_file(place: Place) -> None:
    """A pause at a step that keeps a state anyway: the second is set aside before the first is kept and let go."""
    run = place.start()
    worker, _, says = begun(place)
    tasks.note_events(worker, run, [says.started()])
    first, second = (tasks.set_aside(worker, says.checkpointed(3)) for _ in range(2))
    tasks.note_events(worker, run, [first])
    tasks.note_events(worker, run, [second])
    kept = place.get(run.id)
    assert kept.checkpoint_step == 3
    assert kept.checkpoint_sha256 is not None
    assert place.files.find(kept.checkpoint_sha256) is not None


def test_a_state_that_was_written_over_is_not_taken_for_the_older_one(place: Place) -> None:
    """The engine is quicker than the store of files: set aside at once, and looked into before it is believed."""
    run = place.start()
    worker, _, says = begun(place)
    early = tasks.set_aside(worker, says.checkpointed(3))
    mistaken = says.checkpointed(4)
    says.checkpointed(5)
    tasks.note_events(worker, run, [says.started(), early, mistaken])
    assert place.get(run.id).checkpoint_step == 3


def test_a_worker_that_takes_over_goes_on_from_the_state_of_the_row(place: Place) -> None:
    """G6: not from a later one of its own disk, which may know of files that nobody has."""
    run = place.start()
    worker, prepared, says = begun(place)
    tasks.note_events(worker, run, [says.started(), *says.epoch(1)])
    says.checkpointed(12)
    with transaction(place.engine) as session:
        queue.give_back(session, worker.job.id, worker.job.token, utc_now())
    again, prepared, _ = begun(place)
    assert prepared.resume
    assert b'"step":"7"' in tasks.state_path(prepared.out, prepared.recipe).read_bytes()
    with pytest.raises(LostJob):
        tasks.note_events(worker, run, [says.stepped(9)])
    with pytest.raises(LostJob):
        tasks.finish(worker)
    assert again.job.token > worker.job.token
    assert place.get(run.id).state == "starting"


def test_a_store_of_files_that_refuses_leaves_no_row(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    run = place.start()
    worker, _, says = begun(place)
    events = [says.started(), *says.epoch(1)]

    def refuse(*_arguments: object) -> None:
        raise StorageFailed("The disk is full.", "Free some space.")

    with monkeypatch.context() as patch:
        patch.setattr(place.files, "put", refuse)
        with pytest.raises(StorageFailed):
            tasks.note_events(worker, run, events)
    assert epochs_of(place, run.id) == []
    tasks.note_events(worker, run, events)
    assert len(epochs_of(place, run.id)) == 1


def test_a_parked_run_is_free_and_hears_of_it_twice_without_harm(place: Place) -> None:
    run = place.start()
    worker, _, says = begun(place)
    tasks.note_events(worker, run, [says.started(), *says.epoch(1)])
    with transaction(place.engine) as session:
        job = queue.end(session, worker.job.id, worker.job.token, "parked", utc_now(), "died")
    tasks.park(place.engine, job)
    tasks.park(place.engine, job)
    parked = place.get(run.id)
    assert (parked.state, parked.charged) == ("parked", 0)
    assert parked.failure is not None
    assert parked.failure.cure


def test_a_job_of_a_run_that_is_over_is_put_away(place: Place) -> None:
    run = place.start()
    worker = place.take()
    with transaction(place.engine) as session:
        store.change_run(session, run.id, state="cancelled")
    assert tasks.begin_run(worker) is None
    assert place.job_of(run.id).state == "cancelled"


def test_a_given_back_run_waits_again_and_a_base_model_that_changed_is_refused(place: Place) -> None:
    run = place.start()
    worker, _, _ = begun(place)
    tasks.give_back(worker)
    assert place.get(run.id).state == "queued"
    changed = place.base_models["starter"]
    place.base_models["starter"] = type(changed)("starter", "starter", "sd15", hash="cd" * 32)
    with pytest.raises(EnoguError, match="another one than when"):
        tasks.prepare_run(worker, run)


def test_finished_runs_tell_how_long_the_next_one_takes(place: Place) -> None:
    """G1."""
    place.start()
    worker, prepared, _ = begun(place)
    tasks.finish(worker, Speed("sd15", "cpu", "unet_and_text_encoder", 2 * 512 * 512, 2.0, 1.0, 6.0))
    assert not worker.folder.exists()
    assert prepared.run.expected_seconds is None
    assert place.start().expected_seconds == pytest.approx(6 + 28 / 2)
