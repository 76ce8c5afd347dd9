"""The server as a process: one studio, one application, one socket, until a signal comes.

A studio that opens without signing in listens on loopback only: anybody who reaches it is its owner. The port is bound
before anything else is opened, so that a busy one is said in words and at once. When the process is told to stop, live
streams are ended first (browsers come again), then requests under way have ``STOP_SECONDS``.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import ipaddress
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import FrameType

import structlog
import uvicorn
from anyio import to_thread

from enogu.accounts.asking import SignInMode
from enogu.bootstrap import Studio, is_up_to_date, open_studio
from enogu.delivery import end_streams
from enogu.errors import WrongUse
from enogu.server.app import create_app, prepare_first_visit
from enogu.server.frame import LOOPBACK_HOSTS
from enogu.settings import DATABASE_VARIABLE, HOME_VARIABLE, Settings
from enogu.storage.database import utc_now
from enogu.sweeping import sweep

DEFAULT_PORT = 8765
STOP_SECONDS = 5
KEEP_ALIVE_SECONDS = 75
"""How long a connection may be quiet. Longer than a proxy's own time (a minute, mostly): a side that closes just when
the other one sends is an error for whoever sent."""
THREADS = 16
"""That answer requests. Python runs one at a time, so more of them wait for each other, and cost memory."""
GIVE_BACK_SECONDS = 10.0
"""Between two times that free memory is given back."""
_MOST_WAITING = 512
_M_ARENA_MAX = -8
_log = structlog.get_logger("enogu.server")


@dataclass(frozen=True)
class Serving:
    """How a studio is served."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """0: any free one."""
    sign_in: SignInMode = "loopback"
    allowed_hosts: tuple[str, ...] = ()
    """Names it may be called by, beside its own address; ``*`` allows any, for a proxy that checks them."""
    trusted_proxies: str = ""
    """Addresses whose ``X-Forwarded-…`` headers are believed, with commas between."""
    certificate: str = ""
    """Path of a TLS certificate in PEM, and of its key."""
    key: str = ""


@dataclass(frozen=True)
class Ready:
    """What can be told once the studio answers."""

    url: str
    setup_code: str | None


def serve(settings: Settings, serving: Serving, on_ready: Callable[[Ready], None] = lambda ready: None) -> None:
    """Serve until SIGINT or SIGTERM. Raises WrongUse, or what opening the studio raises, before anything is served."""
    refuse_open_doors(serving)
    listening = bound(serving)
    _keep_memory_together()
    try:
        _prepare_elsewhere(settings)
        studio = open_studio(settings, serving.sign_in)
        sweeps = DailySweeps(studio)
        try:
            sweeps.start()
            app = create_app(studio, _allowed_hosts(serving))
            gc.freeze()  # what is there by now stays, and need never be looked at again
            gc.enable()
            config = uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=bool(serving.trusted_proxies),
                forwarded_allow_ips=serving.trusted_proxies or None,
                timeout_graceful_shutdown=STOP_SECONDS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                ssl_certfile=serving.certificate or None,
                ssl_keyfile=serving.key or None,
            )
            server = _Server(config, lambda: on_ready(Ready(url_of(serving, listening), studio.door.setup_code)))
            server.run(sockets=[listening])
        finally:
            sweeps.stop()
            studio.close()
    finally:
        listening.close()


def _keep_memory_together() -> None:
    """glibc gives every thread a heap of its own, which here are tens of megabytes of holes: two are enough. What
    requests leave free in them is given back to the system now and then, which takes a millisecond or two.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_M_ARENA_MAX, 2)
            threading.Thread(target=_give_back, args=(libc.malloc_trim,), name="memory", daemon=True).start()


def _give_back(trim: Callable[[int], int]) -> None:
    while True:
        time.sleep(GIVE_BACK_SECONDS)
        trim(0)


def _prepare_elsewhere(settings: Settings) -> None:
    """Bring the database to this version in another process, where there is something to do.

    Alembic and DBOS are needed for nothing else here, and would keep 25 MB until the server ends. What goes wrong there
    goes wrong once more in ``open_studio``, and is said by that.
    """
    if is_up_to_date(settings):
        return
    environment = {**os.environ, HOME_VARIABLE: str(settings.home), DATABASE_VARIABLE: settings.database_url}
    subprocess.run(
        [sys.executable, "-m", "enogu", "--json", "admin", "migrate"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def refuse_open_doors(serving: Serving) -> None:
    """Raises WrongUse for a studio without sign-in that others could reach."""
    if serving.sign_in == "loopback" and not _is_loopback(serving.host):
        raise WrongUse(
            f"A studio that opens without signing in would be anybody's on {serving.host}.",
            "Add --sign-in password, or listen on 127.0.0.1.",
        )
    if bool(serving.certificate) != bool(serving.key):
        raise WrongUse("A TLS certificate and its key come together.", "Give both --certificate and --key.")


def url_of(serving: Serving, listening: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host = serving.host if serving.host not in ("0.0.0.0", "::") else "localhost"  # noqa: S104 (compared, not bound)
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if serving.certificate else 'http'}://{shown}:{listening.getsockname()[1]}/"


class DailySweeps:
    """A thread that sweeps the studio some minutes after its start and then once a day."""

    def __init__(self, studio: Studio, first_seconds: float = 600, seconds: float = 24 * 3600) -> None:
        self._studio = studio
        self._pauses = (first_seconds, seconds)
        self._has_stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="daily-sweep", daemon=True)

    def start(self) -> None:
        """Begin to wait for the first one."""
        self._thread.start()

    def stop(self) -> None:
        """No more; one that goes on has a few seconds to end."""
        self._has_stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        pause_seconds, next_seconds = self._pauses
        while not self._has_stopped.wait(pause_seconds):
            pause_seconds = next_seconds
            try:
                sweep(self._studio, utc_now())
            except Exception:  # a database or a bucket that is away today may be there tomorrow
                _log.exception("sweep_failed")


class _Server(uvicorn.Server):
    """uvicorn's, which says when it answers, and ends live streams before it waits for requests."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._preparing: asyncio.Task[None] | None = None  # kept, as the loop keeps none

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        await super().startup(sockets)
        if self.started:
            self._on_ready()
            self._preparing = asyncio.create_task(prepare_first_visit(self.config.app))  # type: ignore[arg-type]  # FastAPI

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        end_streams(self.config.app)  # type: ignore[arg-type]  # it is the FastAPI app that was given above
        super().handle_exit(sig, frame)


def _allowed_hosts(serving: Serving) -> Collection[str] | None:
    if "*" in serving.allowed_hosts:
        return None
    own = {serving.host.lower(), f"[{serving.host}]"}
    if serving.host in ("0.0.0.0", "::") and not serving.allowed_hosts:  # noqa: S104 (compared, not bound)
        return None  # whatever name leads here; passwords guard it
    return LOOPBACK_HOSTS | own | {name.lower() for name in serving.allowed_hosts}


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bound(serving: Serving) -> socket.socket:
    """The socket that is listened on. Raises WrongUse for a port that cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in serving.host else socket.AF_INET
        listening = socket.create_server((serving.host, serving.port), family=family, backlog=_MOST_WAITING)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise WrongUse(
            f"Port {serving.port} on {serving.host} cannot be listened on: {reason}.",
            "End the program that has it (another studio?), or choose another with --port.",
        ) from error
    # asyncio sends small answers at once (TCP_NODELAY) only on sockets that name TCP, which create_server's do not:
    # without it the second of two writes waits 40 ms for the client's acknowledgement.
    named = socket.socket(listening.family, listening.type, socket.IPPROTO_TCP, fileno=listening.detach())
    named.setblocking(False)
    return named
