"""The queue's rules: who is next, who has what, what is lost and what never is (D5, G1)."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text

from enogu.errors import NotFound
from enogu.queue import service as queue
from enogu.queue.entities import Job, JobOver, Lane, LostJob, Position
from enogu.queue.store import JobRow
from enogu.storage.database import new_id, open_engine, reading, transaction
from enogu.storage.migrations import migrate

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ANN, BEN, CAT = (name * 26 for name in "abc")


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def enqueue(
    engine: Engine, owner: str = ANN, *, lane: Lane = "train", priority: int = 10, seconds: float | None = None
) -> Job:
    with transaction(engine) as session:
        return queue.enqueue(
            session,
            lane=lane,
            kind="train_run",
            owner_id=owner,
            subject_id=new_id(),
            priority=priority,
            now=NOW,
            payload={} if seconds is None else {"seconds": seconds},
        )


def take(engine: Engine, worker: str = "one", now: datetime = NOW, lane: Lane = "train") -> Job | None:
    with transaction(engine) as session:
        return queue.take_next(session, lane, worker, now)


def taken(engine: Engine, worker: str = "one", now: datetime = NOW) -> Job:
    job = take(engine, worker, now)
    assert job is not None
    return job


def end(engine: Engine, job: Job, now: datetime = NOW) -> None:
    with transaction(engine) as session:
        queue.end(session, job.id, job.token, "done", now)


def look(engine: Engine, job: Job) -> Job:
    with reading(engine) as session:
        found = queue.find_job(session, job.id)
    assert found is not None
    return found


def order(engine: Engine) -> list[str]:
    """Everything that waits, as it is done by one worker."""
    ids = []
    while (job := take(engine)) is not None:
        ids.append(job.id)
        end(engine, job)
    return ids


def count_wakes(engine: Engine) -> int:
    table = "dbos.workflow_status" if engine.dialect.name == "postgresql" else "workflow_status"
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608


class TestEnqueue:
    def test_a_job_waits_with_a_wake_up_of_its_own(self, engine: Engine) -> None:
        job = enqueue(engine)
        assert (job.state, job.dispatch, job.token, job.attempts) == ("waiting", 1, 0, 0)
        assert count_wakes(engine) == 1

    def test_a_rollback_leaves_neither_row_nor_wake_up(self, engine: Engine) -> None:
        with pytest.raises(ZeroDivisionError), transaction(engine) as session:
            job = queue.enqueue(
                session, lane="draw", kind="draw", owner_id=ANN, subject_id=new_id(), priority=1, now=NOW
            )
            raise ZeroDivisionError
        with reading(engine) as session:
            assert queue.find_job(session, job.id) is None
        assert count_wakes(engine) == 0

    def test_nobody_sees_the_job_of_another_owner(self, engine: Engine) -> None:
        job = enqueue(engine, ANN)
        with reading(engine) as session:
            assert queue.get_job(session, ANN, job.id) == job
            assert queue.list_jobs(session, BEN) == ()
            with pytest.raises(NotFound):
                queue.get_job(session, BEN, job.id)

    def test_jobs_are_listed_newest_first_by_kind_state_and_subject(self, engine: Engine) -> None:
        first, second = enqueue(engine), enqueue(engine)
        end(engine, taken(engine))
        with reading(engine) as session:
            assert [job.id for job in queue.list_jobs(session, ANN)] == [second.id, first.id]
            assert [job.id for job in queue.list_jobs(session, ANN, states=["waiting"])] == [second.id]
            assert queue.list_jobs(session, ANN, kind="draw") == ()
            assert [job.id for job in queue.list_jobs(session, ANN, subject_id=first.subject_id)] == [first.id]

    def test_a_deleted_owners_jobs_are_gone_and_lost_to_their_worker(self, engine: Engine) -> None:
        enqueue(engine)
        job = taken(engine)
        with transaction(engine) as session:
            queue.delete_jobs(session, ANN)
        with pytest.raises(LostJob), transaction(engine) as session:
            queue.hold(session, job.id, job.token)


class TestOrder:
    def test_a_lower_priority_number_comes_first(self, engine: Engine) -> None:
        slow, fast = enqueue(engine, priority=10), enqueue(engine, priority=1)
        assert order(engine) == [fast.id, slow.id]

    def test_owners_of_one_priority_take_turns(self, engine: Engine) -> None:
        a = [enqueue(engine, ANN).id for _ in range(3)]
        b = [enqueue(engine, BEN).id for _ in range(2)]
        c = enqueue(engine, CAT).id
        assert order(engine) == [a[0], b[0], c, a[1], b[1], a[2]]

    def test_who_comes_while_another_is_served_stands_in_that_round(self, engine: Engine) -> None:
        a = [enqueue(engine, ANN).id for _ in range(3)]
        running = taken(engine)
        late = enqueue(engine, BEN).id
        end(engine, running)
        assert order(engine) == [late, a[1], a[2]]

    def test_who_has_just_been_served_stands_behind_who_comes_after(self, engine: Engine) -> None:
        enqueue(engine, ANN)
        running = taken(engine)
        again, other = enqueue(engine, ANN).id, enqueue(engine, BEN).id
        end(engine, running)
        assert order(engine) == [other, again]

    def test_rounds_begin_anew_when_nothing_is_left(self, engine: Engine) -> None:
        for _ in range(3):
            enqueue(engine)
        order(engine)
        assert enqueue(engine).turn == 0

    def test_lanes_do_not_wait_for_each_other(self, engine: Engine) -> None:
        enqueue(engine)
        drawing = enqueue(engine, lane="draw")
        job = take(engine, lane="draw")
        assert job is not None and job.id == drawing.id
        with reading(engine) as session:
            assert queue.find_position(session, drawing.id) is None

    def test_positions_count_who_comes_before_and_who_waits(self, engine: Engine) -> None:
        jobs = [enqueue(engine, ANN), enqueue(engine, ANN), enqueue(engine, BEN)]
        with reading(engine) as session:
            assert [queue.find_position(session, job.id) for job in jobs] == [
                Position(0, 3),
                Position(2, 3),
                Position(1, 3),
            ]
            assert queue.find_position(session, new_id()) is None

    def test_a_position_among_ten_thousand_is_found_quickly(self, engine: Engine) -> None:
        last = enqueue(engine, BEN, priority=99)
        row = {column.name: getattr(last, column.name, 0) for column in JobRow.__table__.columns}
        row |= {"asked": [], "mark_at_death": 0, "untold": False, "priority": 10}
        with transaction(engine) as session:
            session.execute(insert(JobRow), [row | {"id": new_id(), "turn": number} for number in range(10_000)])
        seconds = []
        for _ in range(5):
            with reading(engine) as session:
                begun = time.perf_counter()
                assert queue.find_position(session, last.id) == Position(10_000, 10_001)
                seconds.append(time.perf_counter() - begun)
        print(f"position among 10,000 on {engine.dialect.name}: {min(seconds) * 1000:.1f} ms")
        assert min(seconds) < 0.1


class TestWork:
    def test_a_stale_dispatch_is_nothing_to_do(self, engine: Engine) -> None:
        job = enqueue(engine)
        with transaction(engine) as session:
            assert queue.begin(session, job.id, 2, "one", NOW) is None
            begun = queue.begin(session, job.id, 1, "one", NOW)
            assert begun is not None and (begun.state, begun.token, begun.worker_id) == ("running", 1, "one")
            assert queue.begin(session, job.id, 1, "two", NOW) is None

    def test_progress_and_marks_are_kept_and_marks_never_go_back(self, engine: Engine) -> None:
        enqueue(engine)
        job = taken(engine)
        with transaction(engine) as session:
            queue.beat(session, job.id, job.token, after(1), mark=7, progress={"step": 7})
            queue.beat(session, job.id, job.token, after(2), mark=3)
        seen = look(engine, job)
        assert (seen.mark, seen.progress, seen.beat_at) == (7, {"step": 7}, after(2))

    def test_two_who_take_at_once_take_two_jobs(self, engine: Engine) -> None:
        for _ in range(8):
            enqueue(engine)
        got: list[str] = []

        def work(name: str) -> None:
            while (job := take(engine, name)) is not None:
                got.append(job.id)

        threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two", "three")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(got) == len(set(got)) == 8

    def test_an_ended_job_is_over_for_its_worker_too(self, engine: Engine) -> None:
        enqueue(engine)
        job = taken(engine)
        end(engine, job)
        with pytest.raises(LostJob), transaction(engine) as session:
            queue.end(session, job.id, job.token, "failed", NOW)
        assert look(engine, job).state == "done"

    def test_a_job_that_is_given_back_keeps_its_place_and_counts_no_death(self, engine: Engine) -> None:
        first, second = enqueue(engine), enqueue(engine)
        job = taken(engine)
        with transaction(engine) as session:
            queue.give_back(session, job.id, job.token, NOW)
        seen = look(engine, job)
        assert (seen.state, seen.dispatch, seen.deaths) == ("waiting", 2, 0)
        assert count_wakes(engine) == 3
        assert order(engine) == [first.id, second.id]


class TestAsk:
    @pytest.mark.parametrize("what", ["cancel", "pause"])
    def test_a_waiting_job_ends_at_once(self, engine: Engine, what: str) -> None:
        job = enqueue(engine)
        with transaction(engine) as session:
            assert queue.ask(session, job.id, what, NOW).state == "cancelled"  # pyright: ignore[reportArgumentType]
        assert take(engine) is None

    def test_a_running_job_hears_of_it_with_its_next_beat(self, engine: Engine) -> None:
        enqueue(engine)
        job = taken(engine)
        with transaction(engine) as session:
            queue.ask(session, job.id, "save", NOW)
            queue.ask(session, job.id, "save", NOW)
            queue.ask(session, job.id, "cancel", NOW)
        with transaction(engine) as session:
            assert queue.beat(session, job.id, job.token, NOW) == {"save", "cancel"}
            queue.forget_ask(session, job.id, job.token, "save")
            assert queue.beat(session, job.id, job.token, NOW) == {"cancel"}

    def test_nothing_can_be_asked_of_what_is_over(self, engine: Engine) -> None:
        enqueue(engine)
        job = taken(engine)
        end(engine, job)
        with transaction(engine) as session, pytest.raises(JobOver):
            queue.ask(session, job.id, "cancel", NOW)
        with transaction(engine) as session, pytest.raises(NotFound):
            queue.ask(session, new_id(), "cancel", NOW)

    def test_a_cancel_outlives_the_worker_that_did_not_do_it(self, engine: Engine) -> None:
        enqueue(engine)
        job = taken(engine)
        with transaction(engine) as session:
            queue.ask(session, job.id, "cancel", NOW)
        queue.reap(engine, after(60))
        assert taken(engine, "two").asked == {"cancel"}


class TestDeath:
    def test_a_silent_workers_job_is_dispatched_again_and_the_dead_may_not_write(self, engine: Engine) -> None:
        enqueue(engine)
        job = taken(engine)
        assert queue.reap(engine, after(7)) == []
        (again,) = queue.reap(engine, after(9))
        assert (again.state, again.dispatch, again.deaths) == ("waiting", 2, 1)
        with pytest.raises(LostJob), transaction(engine) as session:
            queue.hold(session, job.id, job.token)
        other = taken(engine, "two", after(9))
        assert (other.id, other.token) == (job.id, 2)
        for call in (
            queue.hold,
            lambda s, i, t: queue.beat(s, i, t, NOW),
            lambda s, i, t: queue.give_back(s, i, t, NOW),
        ):
            with pytest.raises(LostJob), transaction(engine) as session:
                call(session, job.id, job.token)

    def test_a_beat_keeps_a_job(self, engine: Engine) -> None:
        enqueue(engine)
        job = taken(engine)
        with transaction(engine) as session:
            queue.beat(session, job.id, job.token, after(30))
        assert queue.reap(engine, after(35)) == []

    def test_two_deaths_without_progress_park_a_job_in_words(self, engine: Engine) -> None:
        enqueue(engine)
        for number in (1, 2):
            taken(engine, f"worker {number}", NOW)
            (job,) = queue.reap(engine, after(20))
        assert job.state == "parked" and "worker 2" in job.reason and "2 times" in job.reason
        with reading(engine) as session:
            assert [one.id for one in queue.list_untold(session)] == [job.id]
        with transaction(engine) as session:
            queue.mark_told(session, job.id)
        with reading(engine) as session:
            assert queue.list_untold(session) == ()

    def test_progress_between_deaths_lets_a_job_go_on(self, engine: Engine) -> None:
        enqueue(engine)
        for mark in (10, 20, 30, 40):
            job = taken(engine)
            with transaction(engine) as session:
                queue.beat(session, job.id, job.token, NOW, mark=mark)
            (job,) = queue.reap(engine, after(20))
            assert (job.state, job.deaths) == ("waiting", 1)
        taken(engine)
        (job,) = queue.reap(engine, after(20))
        assert job.state == "parked"

    def test_reapers_at_once_bury_each_job_once(self, engine: Engine) -> None:
        for _ in range(6):
            enqueue(engine)
        while take(engine) is not None:
            pass
        buried: list[Job] = []
        threads = [threading.Thread(target=lambda: buried.extend(queue.reap(engine, after(20)))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(buried) == 6 and all(job.deaths == 1 for job in buried)

    def test_a_worker_that_starts_again_has_its_old_jobs_back_at_once(self, engine: Engine) -> None:
        enqueue(engine), enqueue(engine)
        mine, other = taken(engine, "one"), taken(engine, "two")
        assert [job.id for job in queue.reap_worker(engine, "one", NOW)] == [mine.id]
        assert look(engine, other).state == "running"

    def test_a_lost_wake_up_is_made_good_once(self, engine: Engine) -> None:
        enqueue(engine)
        table = "dbos.workflow_status" if engine.dialect.name == "postgresql" else "workflow_status"
        with engine.begin() as connection:
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
        queue.keep_awake(engine)
        queue.keep_awake(engine)
        assert count_wakes(engine) == 1


class TestExpectation:
    """G1: when a job will start, from what the running and the waiting ones say of themselves."""

    def start_worker(self, engine: Engine, name: str, now: datetime = NOW) -> None:
        with transaction(engine) as session:
            queue.start_worker(session, name, ["train"], "cpu", now)

    def test_nothing_is_known_without_a_worker(self, engine: Engine) -> None:
        job = enqueue(engine)
        with reading(engine) as session:
            assert queue.expect_start(session, job.id, NOW) is None

    def test_an_idle_worker_means_now(self, engine: Engine) -> None:
        self.start_worker(engine, "one")
        job = enqueue(engine)
        with reading(engine) as session:
            assert queue.expect_start(session, job.id, NOW) == NOW

    def test_running_and_waiting_jobs_are_added_up_over_the_workers(self, engine: Engine) -> None:
        for name in ("one", "two"):
            self.start_worker(engine, name)
        enqueue(engine), enqueue(engine)
        for name, left in (("one", 100), ("two", 30)):
            job = taken(engine, name)
            with transaction(engine) as session:
                queue.beat(session, job.id, job.token, NOW, progress={"seconds_left": left})
        waiting = [enqueue(engine, seconds=50), enqueue(engine, seconds=500), enqueue(engine)]
        with reading(engine) as session:
            starts = queue.estimate_starts(session, "train", NOW)
            assert [starts[job.id] for job in waiting] == [after(30), after(80), after(100)]
            assert queue.expect_start(session, waiting[2].id, NOW) == after(100)

    def test_a_job_that_does_not_say_how_long_hides_what_is_behind(self, engine: Engine) -> None:
        self.start_worker(engine, "one")
        enqueue(engine)
        behind = enqueue(engine)
        with reading(engine) as session:
            assert queue.expect_start(session, behind.id, NOW) is None

    def test_dead_and_stopped_workers_do_not_count(self, engine: Engine) -> None:
        self.start_worker(engine, "dead", NOW - timedelta(minutes=1))
        self.start_worker(engine, "stopped")
        with transaction(engine) as session:
            queue.stop_worker(session, "stopped", NOW)
        job = enqueue(engine)
        with reading(engine) as session:
            assert queue.expect_start(session, job.id, NOW) is None
            assert [one.id for one in queue.list_workers(session)] == ["dead", "stopped"]
            assert queue.list_live_workers(session, NOW) == ()

    def test_a_worker_that_beats_is_alive_and_one_that_starts_again_too(self, engine: Engine) -> None:
        self.start_worker(engine, "one")
        with transaction(engine) as session:
            queue.stop_worker(session, "one", NOW)
        self.start_worker(engine, "one", after(100))
        with transaction(engine) as session:
            queue.beat_worker(session, "one", after(120))
        with reading(engine) as session:
            (worker,) = queue.list_live_workers(session, after(125))
        assert (worker.started_at, worker.beat_at, worker.stopped_at) == (after(100), after(120), None)


class TestPrepare:
    def test_processes_that_prepare_at_once_prepare_it_once(self, empty_engine: Engine) -> None:
        migrate(empty_engine)
        url = empty_engine.url.render_as_string(hide_password=False)
        failures: list[BaseException] = []

        def prepare() -> None:
            own = open_engine(url)
            try:
                queue.prepare(own)
            except BaseException as error:
                failures.append(error)
            finally:
                own.dispose()

        threads = [threading.Thread(target=prepare) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        enqueue(empty_engine)

    def test_preparing_again_is_cheap(self, engine: Engine) -> None:
        queue.prepare(engine)
        begun = time.perf_counter()
        queue.prepare(engine)
        assert time.perf_counter() - begun < 0.2

    def test_wake_ups_that_did_their_work_are_forgotten(self, engine: Engine, tmp_path: Path) -> None:
        enqueue(engine)
        table = "dbos.workflow_status" if engine.dialect.name == "postgresql" else "workflow_status"
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE {table} SET status = 'SUCCESS', created_at = 1000"))  # noqa: S608
        queue.tidy(engine, NOW)
        assert count_wakes(engine) == 0


def test_deleting_an_account_takes_its_jobs_along_and_nobody_elses(engine: Engine) -> None:
    enqueue(engine, ANN)
    other = enqueue(engine, BEN)
    data = queue.JobData()
    with transaction(engine) as session:
        assert data.export(session, ANN) == ()
        data.delete(session, ANN)
    with reading(engine) as session:
        assert queue.list_jobs(session, ANN) == ()
    assert look(engine, other) == other
