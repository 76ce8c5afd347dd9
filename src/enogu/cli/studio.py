"""``enogu studio``: server and worker together, as ``make run`` starts them; one terminal, one Ctrl-C.

Two child processes and nothing else in this one, so that the parts are the same programs that a larger studio runs
apart. A worker that dies is started again, at most a few times a minute; when the server ends, all ends.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from typing import Annotated

import typer

from enogu.cli.output import call_of
from enogu.cli.serve import HostOption, PortOption, engine_command
from enogu.errors import EnoguError
from enogu.settings import HOME_VARIABLE

_POLL_SECONDS = 0.2
_STOP_SECONDS = 20
_ENDINGS = (signal.SIGTERM,) if sys.platform == "win32" else (signal.SIGTERM, signal.SIGHUP)
"""Told to end by a service manager, or its terminal closed: as Ctrl-C, so that no part is left behind."""
_MOST_RESTARTS = 5
"""Of the worker within a minute; then something is wrong that starting it again does not mend."""


def studio(
    context: typer.Context,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8765,
    device: Annotated[str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda:0, …")] = "auto",
    engine: Annotated[
        str, typer.Option("--engine", metavar="KIND", help="real, or fake for trying things out.")
    ] = "real",
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Start the studio: page, API and one worker on this machine, without signing in.

    The starter base model, its tagger and the picture set mame are there at once. Ctrl-C loses nothing; starting again
    goes on where it was.
    """
    call = call_of(context)
    engine_command(engine)  # refused now and not by a child
    _put_samples_in(call.settings)
    environment = {**os.environ, HOME_VARIABLE: str(call.settings.home)}
    program = [sys.executable, "-m", "enogu", *(["--json"] if call.output.as_json else [])]
    worker_command = [*program, "worker", "--device", device, "--engine", engine]
    port = port or _free_port(host)
    for ending in _ENDINGS:
        signal.signal(ending, signal.default_int_handler)
    server = _start([*program, "serve", "--host", host, "--port", str(port)], environment)
    worker = _start(worker_command, environment)
    starts: deque[float] = deque([time.monotonic()], maxlen=_MOST_RESTARTS)
    call.output.say(f"Starting the studio in {call.settings.home}. Ctrl-C ends it; nothing is lost.")
    opens_page = open_page
    try:
        while server.poll() is None:
            if opens_page and _answers(host, port):
                import webbrowser

                webbrowser.open(f"http://{host}:{port}/")
                opens_page = False
            if worker.poll() is not None:
                if len(starts) == _MOST_RESTARTS and time.monotonic() - starts[0] < 60:
                    raise EnoguError(
                        f"The worker ended {_MOST_RESTARTS} times within a minute.", "The lines above say why."
                    )
                starts.append(time.monotonic())
                worker = _start(worker_command, environment)
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        call.output.say("Stopping: what is being trained is saved.")
    finally:
        _stop(worker, server)
    if server.returncode not in (0, -signal.SIGINT, -signal.SIGTERM):
        raise typer.Exit(server.returncode if server.returncode in (1, 2) else 1)


def _put_samples_in(settings: object) -> None:
    from enogu.bootstrap import open_studio, put_samples_in

    opened = open_studio(settings)  # type: ignore[arg-type]  # Settings, imported lazily with the rest
    try:
        put_samples_in(opened)
    finally:
        opened.close()


def _free_port(host: str) -> int:
    """One that nobody has just now, so that this process knows it too, for the page."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.2).close()
    except OSError:
        return False
    return True


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """In a group of its own, so that Ctrl-C reaches this process first, which then ends both in order."""
    if sys.platform == "win32":
        return subprocess.Popen(command, env=environment, creationflags=subprocess.CREATE_NEW_PROCESS_GROUP)  # noqa: S603 (our own program)
    return subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 (our own program)


def _stop(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else signal.SIGTERM)
    until = time.monotonic() + _STOP_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()
