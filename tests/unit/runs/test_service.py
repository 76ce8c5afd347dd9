"""Starting, steering and history of runs (B8, G3, G5, H1), on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from enogu.errors import BaseModelRefused, NotFound, RecipeRefused, WrongUse
from enogu.queue import service as queue
from enogu.runs import service, tasks
from enogu.runs.entities import NotInThisState, RunRefused, StartFile, TooManyRuns
from enogu.runs.service import RunWish
from enogu.stamina import service as stamina
from enogu.stamina.entities import NotEnoughStamina
from enogu.storage.database import Session, reading, transaction, utc_now
from tests.unit.runs.places import DATASET, REFERENCE, SMALL, Place, ScriptedEngine, metering_with


def balance(place: Place) -> int:
    with reading(place.engine) as session:
        return stamina.get_balance(session, place.metering, place.account, utc_now()).stamina


def train(place: Place, num_epochs: int) -> tasks.OnWorker:
    """A worker takes the next run and trains so many epochs."""
    worker = place.take()
    run = tasks.begin_run(worker)
    assert run is not None
    prepared = tasks.prepare_run(worker, run)
    says = ScriptedEngine(run, prepared.out)
    events = [says.started(), *(event for number in range(1, num_epochs + 1) for event in says.epoch(number))]
    tasks.note_events(worker, run, events)
    return worker


def test_the_reference_run_starts_for_157_stamina_and_waits(place: Place) -> None:
    """A4, B8: trigger and file name come from the dataset."""
    run = place.start(REFERENCE)
    assert (run.quoted, run.num_steps, run.num_epochs, run.state) == (157, 700, 10, "queued")
    assert (run.recipe["trigger"], run.recipe["output_name"], run.name) == ("zdm", "zdm", "zdm")
    assert run.base_model.family == "sdxl"
    assert balance(place) == 100_000 - 157
    assert place.job_of(run.id).subject_id == run.id


def test_what_is_frozen_does_not_change_with_its_dataset(place: Place) -> None:
    run = place.start()
    place.pictures.clear()
    with reading(place.engine) as session:
        pictures = service.list_pictures(session, place.account.id, run.id)
    assert [one.caption for one in pictures] == [f"zdm, 1boy, pose {number}" for number in range(1, 8)]


def test_the_same_key_starts_a_run_once(place: Place) -> None:
    first, second = place.start(start_key="a key"), place.start(start_key="a key")
    assert first.id == second.id
    assert balance(place) == 100_000 - first.quoted


def test_each_refusal_says_why_and_takes_nothing(place: Place) -> None:
    """A4, F29."""
    refusals: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({**SMALL, "adapter": {"dim": 4, "alpha": 8.0}}, RecipeRefused, "adapter.alpha"),
        ({**SMALL, "base_model": "nothing"}, BaseModelRefused, "nothing"),
        ({**SMALL, "base_model": "locked"}, RunRefused, "being imported"),
    ]
    for values, kind, word in refusals:
        with pytest.raises(kind, match=word):
            place.start(values)
    place.pictures.clear()
    with pytest.raises(RunRefused, match="no pictures"):
        place.start()
    assert balance(place) == 100_000
    with reading(place.engine) as session:
        assert service.list_runs(session, place.account.id) == ()


def test_a_run_that_is_too_dear_is_refused_with_ways_to_make_it_fit(place: Place) -> None:
    """A5."""
    place.metering = metering_with(150)
    with pytest.raises(NotEnoughStamina, match=r"previews\.every_n_epochs = 2"):
        place.start(REFERENCE)
    assert balance(place) == 150


def test_limits_of_the_stamina_plan_are_kept(place: Place) -> None:
    """A3."""
    place.metering = metering_with(most_steps=10)
    with pytest.raises(RunRefused, match="28 steps") as refused:
        place.start()
    assert refused.value.problems[0].path == "training.epochs"
    place.metering = metering_with(most_waiting_runs=2)
    place.start()
    place.start()
    with pytest.raises(TooManyRuns):
        place.start()


def test_a_waiting_run_is_cancelled_at_once_and_costs_nothing(place: Place) -> None:
    run = place.start()
    with transaction(place.engine) as session:
        cancelled = service.cancel_run(session, place.account.id, run.id, utc_now())
    assert (cancelled.state, cancelled.charged) == ("cancelled", 0)
    assert place.job_of(run.id).state == "cancelled"
    assert balance(place) == 100_000


def test_a_training_run_is_asked_and_pays_for_what_it_delivered(place: Place) -> None:
    """A4: two of four epochs."""
    run = place.start()
    worker = train(place, 2)
    with transaction(place.engine) as session:
        assert service.cancel_run(session, place.account.id, run.id, utc_now()).state == "training"
        assert service.find_asked(session, service.get_run(session, place.account.id, run.id)) == {"cancel"}
    tasks.stop(worker, "cancel")
    ended = place.get(run.id)
    assert (ended.state, ended.charged, ended.paid_epochs) == ("cancelled", run.quoted * 2 // 4, 2)
    assert balance(place) == 100_000 - ended.charged


@pytest.mark.parametrize("hears", [True, False])
def test_a_run_says_that_an_administrator_cancelled_it_unless_it_finished_before_it_heard(
    place: Place, hears: bool
) -> None:
    run = place.start()
    worker = train(place, 2)
    with transaction(place.engine) as session:
        service.cancel_run(session, place.account.id, run.id, utc_now(), by_administrator=True)
    asked = place.get(run.id).failure
    assert asked is not None
    assert asked.message == "An administrator cancelled this training."
    tasks.stop(worker, "cancel") if hears else tasks.finish(worker)
    ended = place.get(run.id)
    assert (ended.state, ended.failure) == (("cancelled", asked) if hears else ("finished", None))
    if hears:
        with transaction(place.engine) as session:
            again = service.retry_run(session, place.settings, place.metering, place.account, run.id, utc_now())
        assert again.failure is None, "what ended the attempt before is no news of this one"


def test_a_retry_after_a_cancel_costs_only_what_the_quote_has_left(place: Place) -> None:
    """A4: attempts together never cost more than the quote."""
    run = place.start()
    tasks.stop(train(place, 2), "cancel")
    with transaction(place.engine) as session:
        again = service.retry_run(session, place.settings, place.metering, place.account, run.id, utc_now())
    assert (again.id, again.attempt, again.state, again.checkpoint_step) == (run.id, 2, "queued", 14)
    worker = place.take()
    begun = tasks.begin_run(worker)
    assert begun is not None
    assert tasks.prepare_run(worker, begun).resume
    tasks.finish(worker)
    ended = place.get(run.id)
    assert (ended.state, ended.charged) == ("finished", run.quoted)
    assert balance(place) == 100_000 - run.quoted


def test_a_failed_run_is_free_and_its_retry_may_cost_the_whole_quote(place: Place) -> None:
    run = place.start()
    worker = train(place, 3)
    tasks.fail(worker, tasks.failure_said(run, {"kind": "OutOfMemory", "message": "No memory.", "cure": "Less."}))
    failed = place.get(run.id)
    assert failed.failure is not None
    assert (failed.failure.path, failed.failure.value) == ("training.gradient_checkpointing", True)
    assert balance(place) == 100_000
    with transaction(place.engine) as session:
        service.retry_run(session, place.settings, place.metering, place.account, run.id, utc_now())
    assert balance(place) == 100_000 - run.quoted
    assert place.get(run.id).failure is None


def test_a_retry_with_changes_is_another_run_on_the_same_pictures(place: Place) -> None:
    run = place.start()
    tasks.fail(train(place, 1), tasks.failure_said(run, {}))
    place.pictures.clear()
    with transaction(place.engine) as session:
        other = service.retry_run(
            session, place.settings, place.metering, place.account, run.id, utc_now(),
            changes={"training.epochs": 2, "pictures.repeats": None},
        )  # fmt: skip
        pictures = service.list_pictures(session, place.account.id, other.id)
    assert other.id != run.id
    assert (other.made_of_run_id, other.num_epochs, other.num_pictures, len(pictures)) == (run.id, 2, 7, 7)
    assert other.steps_per_epoch == 70


def test_a_paused_run_keeps_its_stamina_and_goes_on_from_its_state(place: Place) -> None:
    """G5."""
    run = place.start()
    worker = train(place, 2)
    with transaction(place.engine) as session:
        service.pause_run(session, place.account.id, run.id, utc_now())
    tasks.stop(worker, "pause")
    assert place.get(run.id).state == "paused"
    assert balance(place) == 100_000 - run.quoted
    with transaction(place.engine) as session:
        resumed = service.resume_run(session, place.metering, place.account, run.id, utc_now())
    assert (resumed.state, resumed.attempt) == ("queued", 1)
    worker = place.take()
    begun = tasks.begin_run(worker)
    assert begun is not None
    assert tasks.prepare_run(worker, begun).resume
    tasks.finish(worker)
    assert place.get(run.id).charged == run.quoted


def test_saving_now_is_for_runs_that_train(place: Place) -> None:
    run = place.start()
    with pytest.raises(NotInThisState, match="queued"), transaction(place.engine) as session:
        service.ask_run(session, place.account.id, run.id, "save", utc_now())
    train(place, 1)
    with transaction(place.engine) as session:
        service.ask_run(session, place.account.id, run.id, "sample", utc_now())
    assert place.job_of(run.id).asked == {"sample"}


def test_only_what_has_ended_is_deleted_and_its_files_are_no_longer_named(place: Place) -> None:
    run = place.start()
    worker = train(place, 2)
    with pytest.raises(NotInThisState), transaction(place.engine) as session:
        service.delete_run(session, place.account.id, run.id)
    tasks.stop(worker, "cancel")
    with reading(place.engine) as session:
        epochs = service.list_epochs(session, place.account.id, run.id)
        assert {one.sha256 for one in epochs} <= set(service.list_named_files(session))
        assert {one.sha256 for one in place.pictures} <= set(service.list_named_files(session))
    with transaction(place.engine) as session:
        service.delete_run(session, place.account.id, run.id)
        assert list(service.list_named_files(session)) == []


def test_the_history_is_searched_filtered_and_paged(place: Place) -> None:
    """H1."""
    runs = [place.start(name=name) for name in ("Zundamon A", "ずんだもん", "other")]
    owner = place.account.id
    with transaction(place.engine) as session:
        service.cancel_run(session, owner, runs[0].id, utc_now())
        service.rename_run(session, owner, runs[2].id, "ＺＵＮＤＡ 2")
    with reading(place.engine) as session:
        assert [one.id for one in service.list_runs(session, owner)] == [one.id for one in reversed(runs)]
        assert [one.id for one in service.list_runs(session, owner, text="zunda")] == [runs[2].id, runs[0].id]
        assert [one.id for one in service.list_runs(session, owner, text="ずんだ")] == [runs[1].id]
        assert [one.id for one in service.list_runs(session, owner, states=["cancelled"])] == [runs[0].id]
        page = service.list_runs(session, owner, limit=2)
        assert [one.id for one in service.list_runs(session, owner, before=page[-1].id)] == [runs[0].id]
        assert service.list_runs(session, owner, dataset_id="x") == ()
        assert service.list_runs(session, owner, text="%") == ()


def test_another_owner_finds_nothing_of_a_run(place: Place) -> None:
    """J3: on every function that names a run or a preset."""
    run = place.start()
    train(place, 1)
    mine = place.account
    with transaction(place.engine) as session:
        preset = service.save_preset(session, mine.id, "mine", SMALL, utc_now())
    place.account, other, now = place.other, place.other.id, utc_now()
    calls: list[Callable[[Any], object]] = [
        lambda s: service.get_run(s, other, run.id),
        lambda s: service.list_pictures(s, other, run.id),
        lambda s: service.list_epochs(s, other, run.id),
        lambda s: service.get_epoch(s, other, run.id, 1),
        lambda s: service.get_file(s, other, run.id, "zdm-000001.safetensors"),
        lambda s: service.list_samples(s, other, run.id),
        lambda s: service.find_sample(s, other, run.id, "x"),
        lambda s: service.list_events(s, other, run.id),
        lambda s: service.loss_curve(s, other, run.id, weight=0.5),
        lambda s: service.read_plan(s, other, run.id),
        lambda s: service.zip_entries_of(s, other, run.id),
        lambda s: service.cancel_run(s, other, run.id, now),
        lambda s: service.pause_run(s, other, run.id, now),
        lambda s: service.resume_run(s, place.metering, place.other, run.id, now),
        lambda s: service.ask_run(s, other, run.id, "save", now),
        lambda s: service.rename_run(s, other, run.id, "x"),
        lambda s: service.delete_run(s, other, run.id),
        lambda s: service.retry_run(s, place.settings, place.metering, place.other, run.id, now),
        lambda s: service.diff_recipes(s, other, {}, run.id),
        lambda s: service.get_preset(s, other, preset.id),
        lambda s: service.delete_preset(s, other, preset.id),
        lambda s: service.save_preset(s, other, "x", {}, now, preset_id=preset.id),
        lambda s: service.plan_run(
            s, place.settings, place.metering, place.other, RunWish(DATASET, SMALL), now
        ),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(NotFound), transaction(place.engine) as session:
            call(session)
    with reading(place.engine) as session:
        assert service.list_runs(session, other) == ()


def test_presets_are_saved_by_name_changed_and_deleted(place: Place) -> None:
    """B8, F32: those that ship are there for everybody and stay as they are."""
    owner, now = place.account.id, utc_now()
    with transaction(place.engine) as session:
        saved = service.save_preset(session, owner, " My  style ", SMALL, now, purpose="for tests")
        assert (saved.name, service.get_preset(session, owner, saved.id).values) == ("My style", SMALL)
        with pytest.raises(WrongUse, match="already"):
            service.save_preset(session, owner, "MY STYLE", SMALL, now)
        with pytest.raises(RecipeRefused):
            service.save_preset(session, owner, "bad", {"training": {"epochs": 0}}, now)
        service.save_preset(session, owner, "My style", REFERENCE, now, preset_id=saved.id)
        names = [one.name for one in service.list_presets(session, owner)]
        assert (names[0], "starter_character_cpu" in names) == ("My style", True)
        with pytest.raises(WrongUse, match="ships"):
            service.delete_preset(session, owner, "starter_character_cpu")
        service.delete_preset(session, owner, saved.id)
        assert all(one.is_shipped for one in service.list_presets(session, owner))


def test_a_diff_names_every_field_with_its_sentence(place: Place) -> None:
    """F32."""
    run = place.start()
    with reading(place.engine) as session:
        found = service.diff_recipes(session, place.account.id, run.id, {**run.given, "training": {"epochs": 5}})
    assert [(one.path, one.before, one.after) for one in found] == [("training.epochs", 4, 5)]
    assert found[0].sentence


def test_everything_of_an_owner_is_exported_and_deleted_unless_it_trains(place: Place) -> None:
    """J3."""
    first, waiting = place.start(), place.start()
    worker = train(place, 1)
    data = service.RunData()
    with reading(place.engine) as session:
        paths = [one.path for one in data.export(session, place.account.id)]
    assert {"runs/presets.json", f"runs/{first.id}/run.json", f"runs/{waiting.id}/run.json"} < set(paths)
    assert f"runs/{first.id}/files/0001.safetensors" in paths
    with pytest.raises(NotInThisState, match="trains"), transaction(place.engine) as session:
        data.delete(session, place.account.id)
    tasks.stop(worker, "cancel")
    job = place.job_of(waiting.id)
    with transaction(place.engine) as session:
        data.delete(session, place.account.id)
        assert service.list_runs(session, place.account.id) == ()
        left = queue.find_job(session, job.id)
        assert left is not None
        assert left.state == "cancelled"


def test_a_plan_says_what_is_known_before_the_start(place: Place) -> None:
    """F2, G1: nothing is promised before a run was measured."""
    now = utc_now()
    with reading(place.engine) as session:
        planned = service.plan_run(
            session, place.settings, place.metering, place.account, RunWish(DATASET, REFERENCE), now
        )
        outlook = service.outlook_of(session, place.metering, place.account, planned, now)
    assert (planned.quoted.quote.stamina, planned.plan.num_steps, planned.expected_seconds) == (157, 700, None)
    assert (outlook.ahead, outlook.starts_in_seconds) == (0, None)
    assert [one.kind for one in planned.notes] == []


def test_a_run_may_go_on_from_a_file_of_another_run(place: Place) -> None:
    """Any epoch of one's own runs; the file is brought to the machine that trains, unless there is a state already."""
    first = place.start()
    tasks.finish(train(place, 4))
    further = place.start({**SMALL, "start_from": f"run:{first.id}/zdm-000002.safetensors"})
    worker = place.take()
    run = tasks.begin_run(worker)
    assert run is not None and run.id == further.id
    prepared = tasks.prepare_run(worker, run)
    assert prepared.start_from is not None
    assert prepared.start_from.read_bytes() == b"lora zdm-000002.safetensors of step 14"


def test_the_file_that_is_trained_further_stays_when_its_run_is_deleted(place: Place) -> None:
    """G7: as a run's pictures stay whatever becomes of their dataset."""
    first = place.start()
    tasks.finish(train(place, 4))
    further = place.start({**SMALL, "start_from": f"run:{first.id}/zdm-000002.safetensors"})
    with transaction(place.engine) as session:
        service.delete_run(session, place.account.id, first.id)
        assert further.start_sha256 in service.list_named_files(session)
    worker = place.take()
    run = tasks.begin_run(worker)
    assert run is not None and run.start_name == "zdm-000002.safetensors"
    assert tasks.prepare_run(worker, run).start_from is not None


def test_a_lora_of_the_library_is_trained_further_and_a_strangers_is_not_there(place: Place) -> None:
    """G7; the library lies above runs and is handed in."""
    put = place.files.put([b"a LoRA from elsewhere"], 100)

    def find_lora(session: Session, owner_id: str, lora_id: str) -> StartFile:
        if (owner_id, lora_id) != (place.account.id, "mine"):
            raise NotFound("There is no such LoRA.")
        return StartFile("まめ", put.sha256, "sd15", "lora", 4)

    place.start({**SMALL, "start_from": "lora:mine"}, find_lora=find_lora)
    worker = place.take()
    run = tasks.begin_run(worker)
    assert run is not None and run.start_name == "まめ"
    path = tasks.prepare_run(worker, run).start_from
    assert path is not None and path.read_bytes() == b"a LoRA from elsewhere"
    for more in ({"find_lora": find_lora}, {}):
        with pytest.raises(NotFound):
            place.start({**SMALL, "start_from": "lora:theirs"}, **more)


@pytest.mark.parametrize(
    ("start", "path", "words"),
    [
        (StartFile("zdm", "0" * 64, "sdxl", "lora", 4), "start_from", "'zdm' is for SDXL, and the base model"),
        (StartFile("zdm", "0" * 64, "sd15", "loha", 4), "adapter.kind", "'zdm' is a loha, and a lora is to be trained"),
        (StartFile("zdm", "0" * 64, "sd15", "", 128), "adapter.dim", "'zdm' has dim 128, and 16 are to be trained"),
    ],
)
def test_a_lora_that_does_not_go_with_the_recipe_is_refused_at_its_field(
    place: Place, start: StartFile, path: str, words: str
) -> None:
    """C5, F29: before anything is queued."""
    with pytest.raises(RecipeRefused) as refused:
        place.start({**SMALL, "start_from": "lora:1"}, find_lora=lambda session, owner_id, lora_id: start)
    (problem,) = refused.value.problems
    assert problem.path == path
    assert words in problem.message
    assert problem.cure


def test_a_smaller_lora_and_one_that_goes_on_as_a_locon_are_taken(place: Place) -> None:
    start = StartFile("zdm", place.files.put([b"x"], 9).sha256, "sd15", "lora", 4)
    values = {**SMALL, "start_from": "lora:1", "adapter": {"kind": "locon", "dim": 8}}
    assert place.start(values, find_lora=lambda session, owner_id, lora_id: start).start_name == "zdm"


@pytest.mark.parametrize(
    ("reference", "error"),
    [("/etc/passwd", WrongUse), ("../zdm.safetensors", WrongUse), ("run:0/zdm.safetensors", NotFound)],
)
def test_what_a_run_starts_from_is_never_a_path(place: Place, reference: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        place.start({**SMALL, "start_from": reference})


def test_that_memory_ran_out_is_told_as_long_as_the_run_is_shown(place: Place) -> None:
    """G8: the run goes on, and says why it is slower."""
    run = place.start()
    worker = train(place, 1)
    assert place.get(run.id).live.spared_memory_at is None
    says = ScriptedEngine(run, worker.folder)
    tasks.note_events(worker, run, [{"event": "SparedMemory", "step": 7}, *says.epoch(2)])
    shown = place.get(run.id)
    assert (shown.live.spared_memory_at, shown.step) == (7, 14)


def test_the_loss_on_held_out_pictures_is_told_once_an_epoch(place: Place) -> None:
    """A worker that was taken over may have told it twice."""
    run = place.start()
    worker = train(place, 1)
    told = [{"event": "Validated", "epoch": 1, "step": 7, "loss": loss, "num_pictures": 2} for loss in (0.3, 0.2)]
    tasks.note_events(worker, run, [*told, {**told[0], "epoch": 2, "step": 14, "loss": 0.25}])
    with reading(place.engine) as session:
        found = service.validation_curve(session, place.account.id, run.id)
    assert [(one["epoch"], one["loss"]) for one in found] == [(1, 0.2), (2, 0.25)]
