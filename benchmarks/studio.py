"""What the studio's server costs: start, memory, datasets by their size, fifty people at once, a long queue.

``python benchmarks/studio.py`` for all of it, ``--quick`` to see that it runs. Four questions:

* How long from the start of the process to its first answer, cold (tables are made) and warm; how much memory is held
  then, after the first job was put into the queue, and after 200 mixed requests (aims: 1.5 s warm, under 150 MB)?
* What do the list, the union of tags, a deletion in all captions, its undo and the findings cost at 100, 1,000 and
  10,000 pictures of 30 tags (aim: a deletion over 1,000 within 0.2 s)? Also as a ratio to the size before: ten times
  the pictures should cost ten times as much at most.
* How long do 50 clients wait who ask at once?
* What does a position in the queue cost when 100, 1,000 and 10,000 jobs wait?

Server and clients share this machine, on loopback only; every count is fixed and every wait has its bound. A number is
the median of its rounds, and all ratios come from the same run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from enogu.accounts import service as accounts
from enogu.bootstrap import Studio, open_studio
from enogu.datasets import service as datasets
from enogu.datasets.store.datasets import DatasetRow
from enogu.datasets.store.pictures import PictureRow
from enogu.queue import service as queue
from enogu.queue.store import JobRow
from enogu.settings import Settings
from enogu.storage.database import new_id, reading, transaction, utc_now
from machine import machine

RECIPE = {"base_model": "starter", "training": {"epochs": 1}, "previews": {"prompts": ["mame, smile"]}}
WAIT_SECONDS = 120
REST_SECONDS = 11
MIB = 2**20


def main() -> None:
    options = _options()
    sizes = (20, 200) if options.quick else (100, 1_000, 10_000)
    rounds = 2 if options.quick else options.rounds
    report: dict[str, Any] = {"machine": machine(), "quick": options.quick, "rounds": rounds}
    with tempfile.TemporaryDirectory(prefix="enogu-bench-") as folder:
        report["server"] = measure_server(Path(folder) / "small", rounds)
        home = Path(folder) / "large"
        studio = open_studio(Settings(home))
        try:
            report["position in the queue"] = measure_queue(studio, sizes, rounds * 5)
            ids = {size: fill_dataset(studio, size) for size in sizes}
        finally:
            studio.close()
        with served(home) as (process, client, _):
            report["datasets"] = measure_datasets(client, ids, rounds)
            report["clients at once"] = measure_clients(str(client.base_url), ids[sizes[0]], 5 if options.quick else 50)
            report["memory after it, MiB"] = rss_at_rest_mib(process)
    _print_tables(report)
    print(json.dumps(report))
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


@contextmanager
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client, float]]:
    """A server on a free port, a client of it, and the seconds from its start to its first answer."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "enogu", "--json", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "ENOGU_HOME": str(home)},
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with httpx.Client(base_url=url, timeout=WAIT_SECONDS) as client:
            client.get("/health").raise_for_status()
            yield process, client, time.perf_counter() - began
    finally:
        process.kill()
        process.communicate(timeout=30)


def rss_at_rest_mib(process: subprocess.Popen[str]) -> float:
    """The same when what requests left free was given back, as the server does it every ten seconds."""
    time.sleep(REST_SECONDS)
    return rss_mib(process)


def rss_mib(process: subprocess.Popen[str]) -> float:
    """Resident memory of one process."""
    return round(psutil.Process(process.pid).memory_info().rss / MIB, 1)


# --- start and memory -----------------------------------------------------------------------------------------------


def measure_server(home: Path, rounds: int) -> dict[str, Any]:
    """Cold once, warm several times; memory on the way through what a person does first."""
    found: dict[str, Any] = {}
    with served(home) as (process, client, seconds):
        found["cold start, s"] = round(seconds, 2)
        found["memory cold, MiB"] = rss_mib(process)
        use(client)
        found["memory cold and 200 requests later, MiB"] = rss_at_rest_mib(process)
    starts: list[float] = []
    for _ in range(rounds):
        with served(home) as (process, client, seconds):
            starts.append(seconds)
            found["memory warm, MiB"] = rss_mib(process)
            dataset = ask(client, "GET", "/api/datasets")["datasets"][0]["id"]
            ask(client, "POST", "/api/runs", json={"dataset_id": dataset, "recipe": RECIPE})
            found["memory after the first job was queued, MiB"] = rss_mib(process)
            if len(starts) == rounds:
                use(client)
                found["memory 200 requests later, MiB"] = rss_at_rest_mib(process)
            for run in ask(client, "GET", "/api/runs"):
                client.post(f"/api/runs/{run['id']}/cancel")
    found["warm start, s"] = round(statistics.median(starts), 2)
    return found


def use(client: httpx.Client, count: int = 200) -> None:
    """Requests of all kinds: pages, pictures, plans, captions."""
    dataset = ask(client, "POST", "/api/datasets/samples", json={"name": "mame"})["id"]
    pictures = ask(client, "GET", f"/api/datasets/{dataset}/pictures")["pictures"]
    first = f"/api/datasets/{dataset}/pictures/{pictures[0]['id']}"
    captions = f"/api/datasets/{dataset}/captions"
    kinds: list[Callable[[], httpx.Response]] = [
        lambda: client.get("/"),
        lambda: client.get("/openapi.json"),
        lambda: client.get("/api/me"),
        lambda: client.get("/api/stamina"),
        lambda: client.get("/api/base-models"),
        lambda: client.get(f"/api/datasets/{dataset}/pictures"),
        lambda: client.get(f"{first}/thumb"),
        lambda: client.get(f"{first}/file"),
        lambda: client.get(f"/api/datasets/{dataset}/findings"),
        lambda: client.get(f"{captions}/union"),
        lambda: client.post(f"{captions}/edits", json={"command": {"kind": "add", "tags": ["bean"]}}),
        lambda: client.post(f"{captions}/undo"),
        lambda: client.get(f"{captions}/advice"),
        lambda: client.get("/api/recipe/schema"),
        lambda: client.post("/api/runs/plan", json={"dataset_id": dataset, "recipe": RECIPE}),
        lambda: client.get("/api/runs"),
        lambda: client.get("/api/loras"),
        lambda: client.get("/api/drawings"),
        lambda: client.get(f"/api/datasets/{dataset}/zip"),
        lambda: client.get("/metrics"),
    ]
    for number in range(count):
        kinds[number % len(kinds)]().raise_for_status()


# --- datasets by their size -----------------------------------------------------------------------------------------


def fill_dataset(studio: Studio, size: int) -> str:
    """The rows of a dataset of ``size`` pictures with 30 tags each, all different to the eye; no files behind them."""
    chance = random.Random(size)
    words = [f"tag {number}" for number in range(400)]
    now = utc_now()
    with transaction(studio.engine) as session:
        owner_id = accounts.ensure_loopback_owner(session, now).account.id
        dataset_id = datasets.create_dataset(session, owner_id, f"{size} pictures", now).id
        session.add_all(
            PictureRow(
                id=new_id(), dataset_id=dataset_id, name=f"{number:05}.png", position=number + 1,
                sha256=f"{number:064x}", size_bytes=100_000, format="PNG", width=768, height=1024, notes=[],
                pixel_sha256=f"{number:064x}", fingerprint=f"{chance.getrandbits(640):0160x}", blur=0.2,
                bright_level=0.95, dark_level=0.05, thumbnail_sha256=f"{number:064x}",
                caption=", ".join(["mame", "smile", *chance.sample(words, 28)]), has_caption=True, repeats=1,
                class_tokens="", crop=None, cropped_sha256=None, cropped_thumbnail_sha256=None, added_at=now,
                deleted_at=None,
            )
            for number in range(size)
        )  # fmt: skip
        row = session.get(DatasetRow, dataset_id)
        assert row is not None
        row.num_pictures = size
    return dataset_id


def measure_datasets(client: httpx.Client, ids: dict[int, str], rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of each operation at each size, over HTTP."""
    found: dict[str, dict[str, float]] = {}
    for size, dataset_id in ids.items():
        path = f"/api/datasets/{dataset_id}"
        operations: dict[str, Callable[[], Any]] = {
            "a page of 200": lambda path=path: ask(client, "GET", f"{path}/pictures?limit=200"),
            "all pictures": lambda path=path: ask(client, "GET", f"{path}/pictures?limit=10000"),
            "union": lambda path=path: ask(client, "GET", f"{path}/captions/union"),
            "delete a tag in all": lambda path=path: ask(
                client, "POST", f"{path}/captions/edits", json={"command": {"kind": "delete", "tags": ["smile"]}}
            ),
            "undo it": lambda path=path: ask(client, "POST", f"{path}/captions/undo"),
            "findings": lambda path=path: ask(client, "GET", f"{path}/findings"),
        }
        times: dict[str, list[float]] = {name: [] for name in operations}
        for _ in range(rounds):
            for name, operation in operations.items():
                times[name].append(_seconds(operation))
        for name, seconds in times.items():
            found.setdefault(name, {})[str(size)] = statistics.median(seconds)
    return found


# --- many at once ---------------------------------------------------------------------------------------------------


def measure_clients(url: str, dataset_id: str, num_clients: int, each: int = 20) -> dict[str, Any]:
    """``num_clients`` people who each make ``each`` requests in turn, all at the same time; and one alone."""
    paths = [
        "/api/me", "/api/datasets", f"/api/datasets/{dataset_id}/pictures?limit=100", "/api/runs",
        f"/api/datasets/{dataset_id}/captions/union",
    ]  # fmt: skip
    alone = sorted(_visit(url, paths, each, threading.Barrier(1)))
    together: list[float] = []
    barrier = threading.Barrier(num_clients)
    threads = [
        threading.Thread(target=lambda: together.extend(_visit(url, paths, each, barrier)), daemon=True)
        for _ in range(num_clients)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    seconds = time.perf_counter() - began
    together.sort()
    assert len(together) == num_clients * each, "every request was answered"
    return {
        "clients": num_clients,
        "requests": len(together),
        "one alone, p50 s": _part(alone, 0.5),
        "p50 s": _part(together, 0.5),
        "p95 s": _part(together, 0.95),
        "longest s": together[-1],
        "requests a second": len(together) / seconds,
    }


def _visit(url: str, paths: list[str], count: int, barrier: threading.Barrier) -> list[float]:
    with httpx.Client(base_url=url, timeout=WAIT_SECONDS) as client:
        barrier.wait(WAIT_SECONDS)
        return [
            _seconds(lambda number=number: ask(client, "GET", paths[number % len(paths)])) for number in range(count)
        ]


def _part(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


# --- the queue ------------------------------------------------------------------------------------------------------


def measure_queue(studio: Studio, sizes: tuple[int, ...], rounds: int) -> dict[str, dict[str, float]]:
    """Seconds of asking for the last one's position, and of putting one more in, when so many wait."""
    found: dict[str, dict[str, float]] = {"position of the last": {}, "put one in": {}}
    there = 0
    for size in sizes:
        _fill_queue(studio, there, size)
        there = size
        entering = [_seconds(lambda: _enqueue(studio)) for _ in range(rounds)]
        there += rounds
        with reading(studio.engine) as session:
            last = session.query(JobRow.id).order_by(JobRow.priority.desc(), JobRow.turn.desc()).limit(1).scalar()

        def ask_position(last: str = last) -> None:
            with reading(studio.engine) as session:
                assert queue.find_position(session, last) is not None

        found["position of the last"][str(size)] = statistics.median(_seconds(ask_position) for _ in range(rounds))
        found["put one in"][str(size)] = statistics.median(entering)
    with transaction(studio.engine) as session:
        session.query(JobRow).delete()
    return found


def _enqueue(studio: Studio) -> None:
    with transaction(studio.engine) as session:
        queue.enqueue(
            session, lane="train", kind="train_run", owner_id=new_id(), subject_id=new_id(), priority=1, now=utc_now(),
            payload={"seconds": 60},
        )  # fmt: skip


def _fill_queue(studio: Studio, start: int, size: int) -> None:
    """Rows as ``enqueue`` makes them, of 50 owners; without their wake-ups, which nobody looks at here."""
    owners = [new_id() for _ in range(50)]
    with transaction(studio.engine) as session:
        session.add_all(
            JobRow(
                id=new_id(), lane="train", kind="train_run", owner_id=owners[number % 50], subject_id=new_id(),
                payload={"seconds": 60}, state="waiting", priority=1, turn=number // 50 + 1, dispatch=1, token=0,
                attempts=0, deaths=0, mark=0, mark_at_death=0, worker_id=None, created_at=utc_now(), started_at=None,
                beat_at=None, ended_at=None, asked=[], progress={}, reason="", untold=False,
            )
            for number in range(start, size)
        )  # fmt: skip


# --- what is printed ------------------------------------------------------------------------------------------------


def ask(client: httpx.Client, method: str, path: str, **more: Any) -> Any:
    """The JSON of an answer that serves."""
    answer = client.request(method, path, **more)
    if not answer.is_success:
        raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
    return answer.json()


def _seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _print_tables(report: dict[str, Any]) -> None:
    print("\n".join(f"{key}: {value}" for key, value in report["machine"].items()))
    print("\n| server | |\n|---|---:|")
    for name, value in report["server"].items():
        print(f"| {name} | {value} |")
    for title in ("datasets", "position in the queue"):
        table: dict[str, dict[str, float]] = report[title]
        sizes = list(next(iter(table.values())))
        ratios = [f"{large}/{small}" for small, large in itertools.pairwise(sizes)]
        print(f"\n| {title}, ms | " + " | ".join([*sizes, *ratios]) + " |\n|---" + "|---:" * (2 * len(sizes) - 1) + "|")
        for name, by_size in table.items():
            values = list(by_size.values())
            shown = [f"{value * 1000:.1f}" for value in values]
            shown += [f"x {large / small:.1f}" for small, large in itertools.pairwise(values)]
            print(f"| {name} | " + " | ".join(shown) + " |")
    print("\n| clients at once | |\n|---|---:|")
    for name, value in report["clients at once"].items():
        print(f"| {name} | {round(value, 3)} |")
    print(f"| p95 together / p50 alone | {_over(report['clients at once'], 'p95 s', 'one alone, p50 s'):.1f} |")
    print(f"| memory after it, MiB | {report['memory after it, MiB']} |\n")


def _over(found: dict[str, Any], over: str, under: str) -> float:
    return found[over] / found[under]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, two rounds: only to see that it runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="also write the JSON report to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
