"""Figures for whoever watches the studio, in Prometheus' text format under ``/metrics``.

Requests are counted by the route's template and never by its address, which holds ids. What lies in the database
(queue, workers) is read when it is asked for. Who may ask: on loopback whoever reaches the studio, else an
administrator, or a program with the bearer token of ``ENOGU_METRICS_TOKEN``.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable

from fastapi import APIRouter, FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from enogu.accounts import service as accounts
from enogu.accounts.asking import Door, TheDoor, identify
from enogu.delivery import count_streams
from enogu.queue import service as queue
from enogu.storage.database import reading, utc_now

TEXT = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

router = APIRouter()


class Figures:
    """The counters of one app."""

    def __init__(self, app: FastAPI, door: Door) -> None:
        """Nothing global: two studios in one process count apart."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "enogu_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "enogu_request_seconds", "Time to the answer's end.", ("route",), buckets=_BUCKETS, registry=self.registry
        )
        self._failures = Counter(
            "enogu_failures", "Requests that database or files failed.", ("kind",), registry=self.registry
        )
        for kind in ("DatabaseFailed", "StorageFailed", "Unforeseen"):
            self._failures.labels(kind)  # zero is a figure too
        self.registry.register(_FromTheDatabase(app, door))

    def note_failure(self, kind: str) -> None:
        """One request that failed through no fault of its sender's."""
        self._failures.labels(kind).inc()

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request that ended."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


class _FromTheDatabase(Collector):
    """Queue and workers, as they are when somebody asks."""

    def __init__(self, app: FastAPI, door: Door) -> None:
        self._app = app
        self._door = door
        self._started_at = time.time()

    def collect(self) -> Iterable[Metric]:
        """Read once per scrape."""
        yield GaugeMetricFamily("enogu_started_seconds", "When the server started.", value=self._started_at)
        yield GaugeMetricFamily("enogu_open_streams", "Live streams.", value=count_streams(self._app))
        with reading(self._door.engine) as session:
            counts = queue.count_jobs(session)
            num_alive = len(queue.list_live_workers(session, utc_now()))
        jobs = GaugeMetricFamily("enogu_jobs", "Jobs that wait or run.", labels=("lane", "state"))
        for (lane, state), count in sorted(counts.items()):
            jobs.add_metric((lane, state), count)
        yield jobs
        yield GaugeMetricFamily("enogu_workers_alive", "Workers that beat.", value=num_alive)


@router.get("/metrics", tags=["studio"], response_class=Response)
def get_metrics(request: Request, door: TheDoor) -> Response:
    """Figures in Prometheus' text format; for administrators and programs with the metrics token."""
    expected = request.app.state.settings.metrics_token
    sent = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not expected or not hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode()):
        with reading(door.engine) as session:
            accounts.require_admin(identify(request, session, door))
    return Response(generate_latest(request.app.state.figures.registry), media_type=TEXT)
