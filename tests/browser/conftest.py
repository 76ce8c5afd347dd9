"""Browser proofs: a real chromium before a real studio; every page that is opened is watched for what must not happen.

Skipped with a reason where there is no chromium or the app cannot be built, so that ``make test`` works anywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

ROOT = Path(__file__).parents[2]
SECONDS = 60
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=20_000)


def chromium_path() -> str | None:
    """Debian's; Playwright brings none."""
    return "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else shutil.which("chromium")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One for all tests, without a window."""
    path = chromium_path()
    if path is None:
        pytest.skip("no chromium at /usr/bin/chromium or on PATH; Debian: apt install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def web_app(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Built from the sources as they are now, by one process at a time."""
    with FileLock(tmp_path_factory.getbasetemp().parent / "web_app.lock"):
        built = subprocess.run([sys.executable, "tools/build_web.py"], cwd=ROOT, capture_output=True, text=True)
    if built.returncode != 0:
        pytest.skip(f"the browser app cannot be built here: {built.stderr[-300:]}")


ODD_WORKER = """
import sys
from enogu.settings import read_settings
from enogu.worker.main import run_worker
card = [int(word) for word in sys.argv[1:2] if word.isdecimal()]
engine = [sys.executable, "-m", "enogu.worker.fake_engine", *sys.argv[1 + len(card):]]
device = "cuda:0" if card else "cpu"
run_worker(read_settings(), device=device, engine_command=engine, memory_bytes=card[0] if card else None)
"""
"""A worker whose fake engine is slow, or fails: what it is told stands on its command line, behind the bytes of a
graphics card where it is to have one.
"""


class Studio:
    """A server and a worker, as processes that a test may kill; the engine pretends unless a real one is wanted."""

    def __init__(
        self,
        home: Path,
        *options: str,
        engine: str = "fake",
        threads: int = 1,
        fake_options: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self.options = options
        self.port = 0
        self.setup_code = ""
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("ENOGU_")},
            "ENOGU_HOME": str(home),
            "OMP_NUM_THREADS": str(threads),
            **(variables or {}),
        }
        self.start_server()
        if fake_options:
            self.worker = self._worker([sys.executable, "-c", ODD_WORKER, *fake_options])
        else:
            self.worker = self._worker([sys.executable, "-m", "enogu", "worker", "--engine", engine])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def change_worker(self, *fake_options: str) -> None:
        """Another worker for the one that is there, which ends as when it is told to: its engine has these options,
        behind the bytes of a graphics card where it is to have one.
        """
        self.worker.send_signal(signal.SIGTERM)
        self.worker.communicate(timeout=SECONDS)
        self.worker = self._worker([sys.executable, "-c", ODD_WORKER, *fake_options])

    def _worker(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.home / "worker.log").open("ab") as log:
            return subprocess.Popen(command, env=self._environment, stdout=log, stderr=subprocess.STDOUT)

    def start_server(self) -> None:
        """On the port it had before, if any."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "enogu", "--json", "serve", "--port", str(self.port), *self.options]
        with (self.home / "server.log").open("ab") as log:
            self.server = subprocess.Popen(
                command, env=self._environment, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line, (self.home / "server.log").read_text()
        ready = json.loads(line)
        self.port = urlsplit(ready["url"]).port or 0
        self.setup_code = ready.get("setup_code") or self.setup_code

    def kill_server(self) -> None:
        """As an outage does it: no goodbye."""
        self.server.kill()
        self.server.communicate(timeout=SECONDS)

    def post(self, path: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
        """One call past the page; raises for a refusal."""
        answer = httpx.post(f"{self.url}/api{path}", json=body or {}, timeout=SECONDS, **more)
        assert answer.is_success, answer.text
        return answer.json()

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """A change past the page; raises for a refusal."""
        answer = httpx.patch(f"{self.url}/api{path}", json=body, timeout=SECONDS)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        """What the API answers."""
        answer = httpx.get(f"{self.url}/api{path}", timeout=SECONDS)
        assert answer.is_success, answer.text
        return answer.json()

    def close(self) -> None:
        """Both, by their own ids."""
        for process in (self.worker, self.server):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in (self.worker, self.server):
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate(timeout=SECONDS)


@contextmanager
def open_studio(
    home: Path,
    *options: str,
    engine: str = "fake",
    threads: int = 1,
    fake_options: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Iterator[Studio]:
    """A studio that is closed at the end, whatever happened."""
    studio = Studio(home, *options, engine=engine, threads=threads, fake_options=fake_options, variables=variables)
    try:
        yield studio
    finally:
        studio.close()


@pytest.fixture(scope="session")
def studio(web_app: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """For the tests that harm no process; they share it and each brings its own data."""
    with open_studio(tmp_path_factory.mktemp("studio") / "home") as one:
        yield one


@pytest.fixture
def own_studio(web_app: None, tmp_path: Path) -> Iterator[Studio]:
    """For the tests that kill it."""
    with open_studio(tmp_path / "own-home") as one:
        yield one


@pytest.fixture
def locked_studio(web_app: None, tmp_path: Path) -> Iterator[Studio]:
    """Where people sign in."""
    with open_studio(tmp_path / "own-home", "--sign-in", "password") as one:
        yield one


@dataclass
class Watched:
    """What pages did that they must not do."""

    host: str
    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    """Pieces of console errors that this test brings about itself."""

    def watch(self, page: Page) -> None:
        """Listen from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("request", self._request)
        page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme in {"http", "https", "ws", "wss"} and where.netloc != self.host:
            self.faults.append(f"another host: {request.url}")

    def check(self) -> None:
        """Fails when there was a fault that was not allowed."""
        faults = [fault for fault in self.faults if not any(piece in fault for piece in self.allowed)]
        assert not faults, "\n".join(faults)


class Address(Protocol):
    """Where a page is opened: a studio, or a line to one."""

    @property
    def url(self) -> str:
        """Without a path."""
        ...


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """``open_page(studio, language="ja", scheme="light", width=1280, height=800, touch=False, allowed=())``."""
    contexts: list[BrowserContext] = []
    watches: list[Watched] = []

    def opened(
        at: Address,
        *,
        language: str = "ja",
        scheme: str = "light",
        width: int = 1280,
        height: int = 800,
        touch: bool = False,
        allowed: tuple[str, ...] = (),
        path: str = "/",
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            locale={"ja": "ja-JP", "en": "en-GB"}[language],
            timezone_id="Asia/Tokyo",
            color_scheme="dark" if scheme == "dark" else "light",
            has_touch=touch,
            is_mobile=touch,
            reduced_motion="reduce",
            accept_downloads=True,
        )
        contexts.append(context)
        watched = Watched(urlsplit(at.url).netloc, allowed=list(allowed))
        watches.append(watched)
        context.on("page", watched.watch)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(at.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    for watched in watches:
        watched.check()


def wait_until(true: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Bounded; for what no page shows."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.1)
