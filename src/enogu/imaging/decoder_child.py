"""The process in which strangers' pictures are decoded: limits itself, then answers one request after the other.

``python -m enogu.imaging.decoder_child '{"memory_mib": 4096, "cpu_seconds": 30}'``, as ``decoder.SafeDecoder`` starts
it. Where the platform has resource limits (Linux; macOS but for memory) it may hold no more memory than that, compute
no longer than that for one picture, write to no file and open only a few. On Windows there are none, and only the
parent's clock ends a picture that takes too long.

Requests and answers are messages of ``decoder_messages`` on stdin and stdout; a closed stdin ends the process, so that
it never outlives its parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from enogu.errors import EnoguError
from enogu.imaging.decoder_messages import read_message, write_message
from enogu.imaging.decoding import MAX_FILE_BYTES, PictureInfo, decode_picture
from enogu.imaging.examining import examine_picture
from enogu.imaging.infotext import find_parameters

_MAX_OPEN_FILES = 32


def main() -> int:
    """Answer until stdin is closed."""
    limits: dict[str, int] = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our stdin
    answers = _take_stdout()
    requests = sys.stdin.buffer
    _limit_ourselves(limits["memory_mib"] * 2**20)
    write_message(answers, {"ready": True})
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            request, (data,) = read_message(requests, MAX_FILE_BYTES)
            _allow_seconds(limits["cpu_seconds"])
            write_message(answers, *_answer(request, data))
    return 0


def _answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], Sequence[bytes]]:
    try:
        if request["wanted"] == "examination":
            return _examination(data, request["name"], request["background"])
        if request["wanted"] == "parameters":
            text = find_parameters(data, request["name"])
            return {}, () if text is None else [text.encode("utf-8", "replace")]
        return _pixels(data, request["name"], request["background"])
    except EnoguError as error:
        return {"refused": error.message, "cure": error.cure}, ()
    except MemoryError:
        name = Path(request["name"]).name
        return {
            "refused": f"{name} needs more memory to open than there is.",
            "cure": "Make it smaller and add it again.",
        }, ()


def _examination(data: bytes, name: str, background: str) -> tuple[dict[str, Any], Sequence[bytes]]:
    found = examine_picture(data, name, background)
    header = {
        "info": _info(found.info),
        "file_sha256": found.file_sha256,
        "pixel_sha256": found.pixel_sha256,
        "fingerprint": str(found.fingerprint) if found.fingerprint else None,
        "quality": asdict(found.quality),
    }
    return header, [found.thumbnail]


def _pixels(data: bytes, name: str, background: str) -> tuple[dict[str, Any], Sequence[bytes]]:
    decoded = decode_picture(data, Path(name), background)
    return {"info": _info(decoded.info), "file_sha256": decoded.sha256}, [decoded.image.tobytes()]


def _info(info: PictureInfo) -> dict[str, Any]:
    return {**asdict(info), "path": info.path.name}


def _take_stdout() -> IO[bytes]:
    """Keep stdout for answers alone: what a library prints goes nowhere."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return answers


if sys.platform == "win32":

    def _limit_ourselves(memory_bytes: int) -> None:
        """Windows has no limits that a process can set on itself without further libraries."""

    def _allow_seconds(cpu_seconds: int) -> None:
        """See above: only the parent's clock counts."""

else:
    import resource

    def _limit_ourselves(memory_bytes: int) -> None:
        """No more memory, no file written, few opened, no core dump. A limit that the system refuses is left out."""
        limits = {
            resource.RLIMIT_AS: memory_bytes,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_NOFILE: _MAX_OPEN_FILES,
            resource.RLIMIT_CORE: 0,
        }
        for kind, limit in limits.items():
            with contextlib.suppress(ValueError, OSError):  # macOS does not limit addresses; a lower one is set already
                resource.setrlimit(kind, (limit, limit))

    def _allow_seconds(cpu_seconds: int) -> None:
        """So many seconds of computing from now on; then the system ends this process with SIGXCPU."""
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 1 + cpu_seconds, hard))


if __name__ == "__main__":
    sys.exit(main())
