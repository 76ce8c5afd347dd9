"""Any history of jobs, workers, deaths and asks: nothing is lost, nothing is done by two, the order is right (D5).

A machine of Hypothesis's drives the real service on SQLite; a plain model beside it knows what must be so.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from enogu.queue import service as queue
from enogu.queue.entities import ENDED, Job, LostJob
from enogu.storage.database import open_engine, reading, transaction
from enogu.storage.migrations import migrate

OWNERS = ("ann", "ben", "cat")
WORKERS = ("one", "two", "three")


class Histories(RuleBasedStateMachine):
    """``held`` is what each worker believes to have, rightly or not."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = open_engine(f"sqlite:///{Path(self.folder.name) / 'enogu.sqlite3'}")
        migrate(self.engine)
        queue.prepare(self.engine)
        self.now = datetime(2026, 11, 25, tzinfo=UTC)
        self.made: list[str] = []
        self.ended: dict[str, str] = {}
        self.believed: list[tuple[str, Job]] = []
        self.holder: dict[str, int] = {}
        self.tokens: set[tuple[str, int]] = set()

    def teardown(self) -> None:
        self.engine.dispose()
        self.folder.cleanup()

    def jobs(self) -> list[Job]:
        with reading(self.engine) as session:
            found = [queue.find_job(session, job_id) for job_id in self.made]
        assert all(found)
        return [job for job in found if job is not None]

    @initialize()
    def begin_with_one(self) -> None:
        self.enqueue("ann", 10)

    @rule(owner=st.sampled_from(OWNERS), priority=st.sampled_from((1, 10)))
    def enqueue(self, owner: str, priority: int) -> None:
        with transaction(self.engine) as session:
            job = queue.enqueue(
                session,
                lane="train",
                kind="train_run",
                owner_id=owner,
                subject_id="run",
                priority=priority,
                now=self.now,
            )
        self.made.append(job.id)

    @rule(worker=st.sampled_from(WORKERS))
    def take(self, worker: str) -> None:
        waiting = sorted(
            (job for job in self.jobs() if job.state == "waiting"), key=lambda job: (job.priority, job.turn, job.id)
        )
        with transaction(self.engine) as session:
            job = queue.take_next(session, "train", worker, self.now)
        if job is None:
            assert not waiting
            return
        assert job.id == waiting[0].id
        assert (job.id, job.token) not in self.tokens, "a token was given twice"
        self.tokens.add((job.id, job.token))
        self.holder[job.id] = job.token
        self.believed.append((worker, job))

    @precondition(lambda self: self.believed)
    @rule(data=st.data(), mark=st.integers(0, 5), what=st.sampled_from(("beat", "end", "give back", "die of")))
    def act(self, data: st.DataObject, mark: int, what: str) -> None:
        """Somebody who has a job, or believes so, goes on with it."""
        number = data.draw(st.integers(0, len(self.believed) - 1))
        _, job = self.believed[number]
        is_holder = self.holder.get(job.id) == job.token
        try:
            with transaction(self.engine) as session:
                if what == "beat":
                    queue.beat(session, job.id, job.token, self.now, mark=mark)
                elif what == "end":
                    queue.end(session, job.id, job.token, "done", self.now)
                else:
                    queue.give_back(session, job.id, job.token, self.now, died_of="" if what == "give back" else "fire")
        except LostJob:
            assert not is_holder, "who holds the token was turned away"
            self.believed.pop(number)
            return
        assert is_holder, "somebody wrote with an old token"
        if what != "beat":
            self.believed.pop(number)
            del self.holder[job.id]

    @rule(seconds=st.floats(0, 20))
    def reap(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        for job in queue.reap(self.engine, self.now):
            del self.holder[job.id]

    @rule(worker=st.sampled_from(WORKERS))
    def start_again(self, worker: str) -> None:
        for job in queue.reap_worker(self.engine, worker, self.now):
            del self.holder[job.id]

    @precondition(lambda self: self.made)
    @rule(data=st.data(), what=st.sampled_from(("cancel", "save")))
    def ask(self, data: st.DataObject, what: str) -> None:
        job_id = data.draw(st.sampled_from(self.made))
        job = next(job for job in self.jobs() if job.id == job_id)
        if job.has_ended:
            return
        with transaction(self.engine) as session:
            after = queue.ask(session, job_id, what, self.now)  # pyright: ignore[reportArgumentType]
        assert (after.state == "cancelled") == (job.state == "waiting" and what == "cancel")

    @invariant()
    def nothing_is_lost_or_comes_back(self) -> None:
        jobs = self.jobs()
        assert len(jobs) == len(self.made)
        for job in jobs:
            assert job.state in ("waiting", "running") or job.state in ENDED
            assert (job.state == "running") == (job.id in self.holder)
            assert job.attempts == job.token
            if job.has_ended:
                assert self.ended.setdefault(job.id, job.state) == job.state
            else:
                assert job.id not in self.ended
                assert job.deaths < 2
            if job.state == "running":
                assert self.holder[job.id] == job.token

    @invariant()
    def an_owners_jobs_stand_in_different_rounds(self) -> None:
        places = [(job.owner_id, job.priority, job.turn) for job in self.jobs() if not job.has_ended]
        assert len(places) == len(set(places))


@pytest.mark.timeout(120)
class TestHistories(Histories.TestCase):
    settings = settings(max_examples=12, stateful_step_count=30, deadline=None)
