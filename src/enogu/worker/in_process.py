"""A worker without a process, a thread of its own, or DBOS: takes the next job and does it, here and now.

For tests of slices, and for who wants to look at one job in a debugger. It takes by the same rules and does by the
same code as ``main``; only waking up, dying and stopping are not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from enogu.bootstrap import Studio
from enogu.queue import service as queue
from enogu.queue.entities import LANES, Job, Lane
from enogu.storage.database import reading, transaction
from enogu.worker.doing import Workplace, do_job, tell_parked
from enogu.worker.engine_host import EngineHost
from enogu.worker.handlers import BEAT_SECONDS, Handler, Handlers

WORKER_ID = "in-process:cpu"


def run_one_job(
    studio: Studio,
    handlers: Mapping[str, Handler] | Handlers | None = None,
    *,
    lanes: Sequence[Lane] = LANES,
    engine_host: EngineHost | None = None,
    beat_seconds: float = BEAT_SECONDS,
) -> Job | None:
    """Do the next waiting job of the first lane that has one; as it is afterwards, None when none waits.

    ``handlers`` by kind; those that the program has are found without being given.
    """
    table = handlers if isinstance(handlers, Handlers) else Handlers(handlers or {})
    hosts = [] if engine_host is None else [engine_host]

    def host() -> EngineHost:
        if not hosts:
            hosts.append(EngineHost(device="cpu"))
        return hosts[0]

    place = Workplace(studio, table, host, beat_seconds=beat_seconds)
    try:
        for lane in lanes:
            now = queue.read_now(studio.engine)
            with transaction(studio.engine) as session:
                job = queue.take_next(session, lane, WORKER_ID, now)
            if job is None:
                continue
            do_job(place, job)
            tell_parked(place)
            with reading(studio.engine) as session:
                return queue.find_job(session, job.id)
        return None
    finally:
        if engine_host is None and hosts:
            hosts[0].close()
