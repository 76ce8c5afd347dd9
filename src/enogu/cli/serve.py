"""``enogu serve`` and ``enogu worker``: the two parts of a studio, each a process in the foreground."""

from __future__ import annotations

import gc
import sys
from typing import Annotated, Literal, cast, get_args

import typer

from enogu.cli.output import call_of
from enogu.errors import WrongUse

SignIn = Literal["loopback", "password"]
HostOption = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")]
PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes any free one.")]


def serve(
    context: typer.Context,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8765,
    sign_in: Annotated[
        str,
        typer.Option(
            "--sign-in", metavar="MODE", help="loopback: nobody signs in, this machine only; password: everybody does."
        ),
    ] = "loopback",
    allowed_host: Annotated[
        list[str] | None,
        typer.Option("--allowed-host", metavar="NAME", help="A name it may be called by; * for any. Repeatable."),
    ] = None,
    trusted_proxies: Annotated[
        str, typer.Option("--trusted-proxies", metavar="IPS", help="Whose X-Forwarded headers are believed.")
    ] = "",
    certificate: Annotated[str, typer.Option("--certificate", metavar="FILE", help="TLS certificate in PEM.")] = "",
    key: Annotated[str, typer.Option("--key", metavar="FILE", help="The key of that certificate.")] = "",
) -> None:
    """Serve the studio's page and API until Ctrl-C.

    Work that is queued is done by `enogu worker`, here or on other machines with the same database and files.
    `enogu studio` starts both.
    """
    call = call_of(context)
    if sign_in not in get_args(SignIn):
        raise WrongUse(f"There is no way to sign in called {sign_in!r}.", "Use --sign-in loopback or password.")

    gc.disable()  # nothing that is imported is garbage, and looking for some takes a seventh of the start
    _import_structlog()

    from enogu.server.logs import set_up_logs
    from enogu.server.main import Ready, Serving
    from enogu.server.main import serve as serve_until_stopped

    set_up_logs()

    def on_ready(ready: Ready) -> None:
        call.output.say(f"Enogu is ready at {ready.url}")
        if ready.setup_code is not None:
            call.output.say(f"There is no administrator yet. The setup code for the first one: {ready.setup_code}")
        call.output.tell_line({"url": ready.url, "setup_code": ready.setup_code})

    serving = Serving(host, port, cast(SignIn, sign_in), tuple(allowed_host or ()), trusted_proxies, certificate, key)
    serve_until_stopped(call.settings, serving, on_ready)


def worker(
    context: typer.Context,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda:0, … One worker for each device.")
    ] = "auto",
    lanes: Annotated[
        str, typer.Option("--lanes", metavar="NAMES", help="Which work it takes: train, draw, task.")
    ] = "train,draw,task",
    name: Annotated[str, typer.Option("--name", help="Tells two workers on one device apart.")] = "",
    memory: Annotated[
        float | None,
        typer.Option(
            "--memory", metavar="GB", min=0.1, help="What a training may take of the device; else all that it says."
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option("--engine", metavar="KIND", help="real, or fake: draws scribbles, for trying things out.")
    ] = "real",
) -> None:
    """Do the studio's work: train, draw, crop and tag.

    Ctrl-C saves the state of what is being trained; any worker goes on with it. Several may run, on several machines,
    with the same ENOGU_DATABASE_URL and ENOGU_FILES_URL.
    """
    call = call_of(context)
    wanted = tuple(lane.strip() for lane in lanes.split(",") if lane.strip())

    from enogu.queue.entities import LANES, Lane
    from enogu.server.logs import set_up_logs
    from enogu.worker.main import run_worker

    if not wanted or not set(wanted) <= set(LANES):
        raise WrongUse(f"--lanes {lanes} names no work, or some that there is not.", f"There are: {', '.join(LANES)}.")
    set_up_logs()
    run_worker(
        call.settings,
        device=device,
        lanes=cast("tuple[Lane, ...]", wanted),
        name=name,
        engine_command=engine_command(engine),
        memory_bytes=None if memory is None else round(memory * 2**30),
    )


def _import_structlog() -> None:
    """structlog loads rich where it finds it, for coloured tracebacks that ``set_up_logs`` never asks for.

    It does without where there is none.
    """
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # how an import is told that there is none
    try:
        import structlog  # noqa: F401 (to be there, as it is, for whoever imports it next)
    finally:
        del sys.modules["rich"]


def engine_command(engine: str) -> tuple[str, ...] | None:
    """The command line of the engine's process; None is the real one."""
    if engine not in ("real", "fake"):
        raise WrongUse(f"There is no engine called {engine!r}.", "Use --engine real or fake.")
    return None if engine == "real" else (sys.executable, "-m", "enogu.worker.fake_engine")
