"""Any order of what people and workers do: states follow the table, and the ledger stays right (A4, A6, G5, G6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.errors import EnoguError
from enogu.queue import service as queue
from enogu.queue.entities import LostJob
from enogu.runs import service, tasks
from enogu.runs.entities import Run
from enogu.runs.rules import states
from enogu.stamina import service as stamina
from enogu.storage.database import open_engine, reading, transaction, utc_now
from tests.unit.runs.places import Place, ScriptedEngine, make_place

ACTIONS = (
    *("begin",) * 4, *("train",) * 5, *("stop",) * 3, *("resume", "retry") * 2,
    "finish", "fail", "die", "stop_worker", "cancel", "pause", "save", "delete",
)  # fmt: skip
"""What brings a run further comes more often, else most histories would end before they began."""


class World:
    """One run, its people and its workers; an old worker may always come back and try to write."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.run_id = place.start().id
        self.workers: list[tasks.OnWorker] = []

    def do(self, action: str, which: int) -> None:
        with suppress(EnoguError):
            getattr(self, f"_{action}")(self.workers[-1 - which % len(self.workers)] if self.workers else None)

    def _begin(self, _worker: object) -> None:
        with transaction(self.place.engine) as session:
            job = queue.take_next(session, "train", "here:cpu", utc_now())
        if job is not None:
            worker = self.place.on_worker(job)
            self.workers.append(worker)
            tasks.begin_run(worker)

    def _train(self, worker: tasks.OnWorker | None) -> None:
        if worker is not None:
            run = self.place.get(self.run_id)
            says = ScriptedEngine(run, worker.folder / "out")
            number = min(run.num_epochs, run.checkpoint_step // run.steps_per_epoch + 1)
            tasks.note_events(worker, run, [says.started(run.checkpoint_step), *says.epoch(number)])

    def _finish(self, worker: tasks.OnWorker | None) -> None:
        if worker is not None:
            tasks.finish(worker)

    def _fail(self, worker: tasks.OnWorker | None) -> None:
        if worker is not None:
            tasks.fail(worker, tasks.failure_said(self.place.get(self.run_id), {"message": "No."}))

    def _stop(self, worker: tasks.OnWorker | None) -> None:
        if worker is not None:
            asked = self.place.job_of(self.run_id).asked
            if asked & {"cancel", "pause"}:
                tasks.stop(worker, "cancel" if "cancel" in asked else "pause")

    def _die(self, _worker: object) -> None:
        for job in queue.reap_worker(self.place.engine, "here:cpu", utc_now()):
            if job.state == "parked":
                tasks.park(self.place.engine, job)

    def _stop_worker(self, worker: tasks.OnWorker | None) -> None:
        if worker is not None:
            tasks.give_back(worker)
            with transaction(self.place.engine) as session:
                queue.give_back(session, worker.job.id, worker.job.token, utc_now())

    def _cancel(self, _worker: object) -> None:
        with transaction(self.place.engine) as session:
            service.cancel_run(session, self.place.account.id, self.run_id, utc_now())

    def _pause(self, _worker: object) -> None:
        with transaction(self.place.engine) as session:
            service.pause_run(session, self.place.account.id, self.run_id, utc_now())

    def _resume(self, _worker: object) -> None:
        with transaction(self.place.engine) as session:
            service.resume_run(session, self.place.metering, self.place.account, self.run_id, utc_now())

    def _retry(self, _worker: object) -> None:
        place = self.place
        with transaction(place.engine) as session:
            service.retry_run(session, place.settings, place.metering, place.account, self.run_id, utc_now())

    def _save(self, _worker: object) -> None:
        with transaction(self.place.engine) as session:
            service.ask_run(session, self.place.account.id, self.run_id, "save", utc_now())

    def _delete(self, _worker: object) -> None:
        run = self.place.get(self.run_id)
        if not run.is_over:
            with pytest.raises(EnoguError), transaction(self.place.engine) as session:
                service.delete_run(session, self.place.account.id, self.run_id)

    def check(self, before: Run) -> Run:
        """What holds after every single step."""
        place, run = self.place, self.place.get(self.run_id)
        assert run.attempt in (before.attempt, before.attempt + 1)
        if before.is_over and run.attempt == before.attempt:
            assert (run.state, run.charged) == (before.state, before.charged)
        assert run.checkpoint_step >= before.checkpoint_step or run.state == "finished"
        assert run.charged <= run.quoted
        assert run.num_events >= before.num_events
        with reading(place.engine) as session:
            entries = stamina.list_entries(session, place.metering, place.account, utc_now(), None, 200)
            balance = stamina.get_balance(session, place.metering, place.account, utc_now()).stamina
        assert min(one.balance_after for one in entries) >= 0
        spent = -sum(one.amount for one in entries if one.run_id == self.run_id)
        reserved = run.quoted - run.charged if run.state in states.GOING_ON else 0
        assert spent == run.charged + reserved
        assert balance == 100_000 - spent
        settled = [one.attempt for one in entries if one.kind == "settled"]
        ended = run.attempt if run.is_over else run.attempt - 1
        assert sorted(settled) == list(range(1, ended + 1))
        if run.state == "finished":
            assert run.charged == run.quoted
        job = place.job_of(self.run_id)
        assert job.has_ended == (run.state not in states.WAITING_OR_TRAINING)
        return run


@pytest.fixture(scope="module")
def place(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One database for all histories; each has a run of its own. What differs between databases is tested elsewhere."""
    folder = tmp_path_factory.mktemp("histories")
    (folder / "enogu.sqlite3").write_bytes(migrated_sqlite.read_bytes())
    engine = open_engine(f"sqlite:///{folder / 'enogu.sqlite3'}")
    with pytest.MonkeyPatch.context() as patch:
        yield make_place(engine, folder, patch)
    engine.dispose()


@settings(max_examples=120)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from((0, 0, 0, 1))), min_size=8, max_size=30))
def test_no_history_charges_twice_or_goes_backwards(place: Place, actions: list[tuple[str, int]]) -> None:
    place.account = _new_account(place)
    world = World(place)
    run = place.get(world.run_id)
    for number, (action, which) in enumerate(actions):
        world.do(action, which)
        try:
            run = world.check(run)
        except AssertionError as error:
            raise AssertionError(f"after {actions[: number + 1]}") from error
    _leave_nothing_waiting(place, world)


def test_a_lost_worker_can_do_nothing_more(place: Place) -> None:
    place.account = _new_account(place)
    world = World(place)
    world.do("begin", 0)
    world.do("die", 0)
    old = world.workers[0]
    for call in (lambda: tasks.finish(old), lambda: tasks.stop(old, "cancel"), lambda: tasks.give_back(old)):
        with pytest.raises(LostJob):
            call()
    _leave_nothing_waiting(place, world)


def _new_account(place: Place) -> Account:
    with transaction(place.engine) as session:
        return accounts.create_account(session, f"p{utc_now().timestamp():.6f}".replace(".", "-"), None, utc_now())


def _leave_nothing_waiting(place: Place, world: World) -> None:
    with transaction(place.engine) as session:
        queue.delete_jobs(session, place.account.id)
