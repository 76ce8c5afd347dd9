"""Several devices for one training: who this process is among them, and starting the others.

``enogu train --devices 2`` starts one more process like itself; ``torchrun --nproc-per-node 2 -m enogu train …`` starts
both. Either way they know each other by torchrun's own variables.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from enogu.errors import WrongUse

GOODBYE_SECONDS = 20
LOOK_SECONDS = 1.0
"""How often is looked whether the others are there."""
GRACE_SECONDS = 30.0
"""As long as one that has failed may take this one to notice by itself. Gloo does at once; between graphics cards who
waits for one that is gone waits for hours, and nothing that Python raises reaches it.
"""


@dataclass(frozen=True)
class Member:
    """One process of a training."""

    rank: int = 0
    size: int = 1
    local: int = 0
    """Which of the machine's devices it has."""
    address: str = ""
    """Where all meet."""
    starts_others: bool = False


def this_member(environment: Mapping[str, str], devices: int) -> Member:
    """By torchrun's variables, or the first of ``devices``. Raises WrongUse when both ask for something else."""
    if all(name in environment for name in ("WORLD_SIZE", "RANK", "MASTER_PORT")):
        rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
        if devices not in (1, size):
            raise WrongUse(
                f"torchrun started {size} processes and --devices asks for {devices}.", "Leave --devices out."
            )
        address = f"tcp://{environment.get('MASTER_ADDR', '127.0.0.1')}:{environment['MASTER_PORT']}"
        return Member(rank, size, int(environment.get("LOCAL_RANK", rank)), address)
    if devices == 1:
        return Member()
    return Member(0, devices, 0, f"tcp://127.0.0.1:{_free_port()}", starts_others=True)


@contextmanager
def others_beside(member: Member) -> Iterator[None]:
    """Start the other members with this command's own arguments, if that is for this one to do; wait for them then."""
    if not member.starts_others:
        yield
        return
    command = [sys.executable, "-m", "enogu", *sys.argv[1:]]
    host, _, port = member.address.removeprefix("tcp://").partition(":")
    shared = {**os.environ, "WORLD_SIZE": str(member.size), "MASTER_ADDR": host, "MASTER_PORT": port}
    others = [
        subprocess.Popen(  # noqa: S603 (our own program with its own arguments)
            command, env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stdout=subprocess.DEVNULL
        )
        for rank in range(1, member.size)
    ]
    is_over = threading.Event()
    threading.Thread(target=_watch, args=(others, is_over), name="members", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
        for other in others:
            try:
                other.wait(GOODBYE_SECONDS)
            except subprocess.TimeoutExpired:
                other.kill()
                other.wait()


def _watch(others: Sequence[subprocess.Popen[bytes]], is_over: threading.Event) -> None:
    """End all of them when one has failed and this one did not notice."""
    while not is_over.wait(LOOK_SECONDS):
        if any(other.poll() not in (None, 0) for other in others) and not is_over.wait(GRACE_SECONDS):
            for other in others:
                other.kill()
            sys.stderr.write(
                "A process that trains on another device is gone. Look at what it said last, and start again with "
                "--resume.\n"
            )
            sys.stderr.flush()
            os._exit(1)


def hear_no_interruption() -> None:
    """Ctrl-C reaches every process of a terminal; the first one tells the others what to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
