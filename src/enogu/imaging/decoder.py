"""Decode strangers' pictures where they can do no harm: in a small warm process with limits, replaced when it dies.

Pillow's readers are C code that has had holes before and will have them again. Here a picture that finds one ends
the child (or, at worst, rules a process that may not write a file, has none of our environment and answers in bounded
JSON), and the caller gets PictureRefused like for any other broken file. The same goes for pictures that take too
much memory or time.

What limits the child differs by platform, see ``decoder_child``: Linux has all limits, macOS all but memory, Windows
only the clock. Nowhere is the network cut off.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, cast

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from enogu.errors import EnoguError, PictureRefused
from enogu.imaging.decoder_messages import Garbled, read_message, write_message
from enogu.imaging.decoding import MAX_FILE_BYTES, MAX_PIXELS, DecodedPicture, PictureInfo, decode_picture, parse_colour
from enogu.imaging.duplicates import parse_fingerprint
from enogu.imaging.examining import Examination, examine_picture
from enogu.imaging.infotext import find_parameters
from enogu.imaging.quality import QualityMeasures


@dataclass(frozen=True)
class DecoderLimits:
    """What one picture may cost, and how long one process is kept."""

    memory_mib: int = 4096
    """Address space of the child. A picture of 100 megapixels with transparency needs about 2600."""
    cpu_seconds: int = 60
    """Computing for one picture."""
    wall_seconds: float = 180.0
    """Time on the clock for one picture; generous, since the machine may be busy training."""
    start_seconds: float = 180.0
    """Time on the clock until a new child is ready."""
    max_pictures: int = 500
    """After so many pictures a child is replaced, so that nothing it leaks or lost can add up."""


class Decoder(Protocol):
    """Who looks at pictures for a dataset: ``SafeDecoder``, or ``DirectDecoder`` in tests and for one's own files."""

    def examine(self, data: bytes, name: str, background: str = "#ffffff") -> Examination:
        """Size, hashes, quality and thumbnail. Raises PictureRefused; ``name`` is for its message."""
        ...

    def decode(self, data: bytes, name: str, background: str = "#ffffff") -> DecodedPicture:
        """The pixels: RGB, upright, transparency laid on ``background``. Raises PictureRefused."""
        ...

    def find_parameters(self, data: bytes, name: str) -> str | None:
        """The text that says how a picture was drawn (``infotext``), None without one. Raises PictureRefused."""
        ...


class DirectDecoder:
    """The same answers from this very process: for pictures that are trusted, and the fake of tests."""

    def examine(self, data: bytes, name: str, background: str = "#ffffff") -> Examination:
        """See Decoder."""
        return examine_picture(data, _shown(name), background)

    def decode(self, data: bytes, name: str, background: str = "#ffffff") -> DecodedPicture:
        """See Decoder."""
        return decode_picture(data, Path(_shown(name)), background)

    def find_parameters(self, data: bytes, name: str) -> str | None:
        """See Decoder."""
        return find_parameters(data, _shown(name))


class SafeDecoder:
    """A pool of limited children (one, unless asked for more), started when first needed. Safe to share by threads.

    Use it as a context manager or call ``close``. Should the parent die, its children find their stdin closed and end.
    """

    def __init__(
        self, limits: DecoderLimits | None = None, *, num_children: int = 1, command: Sequence[str] | None = None
    ) -> None:
        """``command`` replaces what is started (for tests); the limits as JSON are put behind it."""
        self._limits = limits or DecoderLimits()
        given = {"memory_mib": self._limits.memory_mib, "cpu_seconds": self._limits.cpu_seconds}
        self._command = [*(command or _COMMAND), json.dumps(given)]
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        self._num_children = num_children
        for _ in range(num_children):
            self._idle.put(None)

    def examine(self, data: bytes, name: str, background: str = "#ffffff") -> Examination:
        """Size, hashes, quality and thumbnail. Raises PictureRefused, also when the picture ended the child; EnoguError
        when no child can be started; WrongUse when ``background`` is no colour.
        """
        answer, parts = self._ask("examination", data, name, background)
        with _believed(name):
            found = _ExaminationAnswer.model_validate(answer)
            fingerprint = None if found.fingerprint is None else parse_fingerprint(found.fingerprint)
            (thumbnail,) = parts
        return Examination(
            info=found.info.as_info(name),
            file_sha256=found.file_sha256,
            pixel_sha256=found.pixel_sha256,
            fingerprint=fingerprint,
            quality=QualityMeasures(**found.quality.model_dump()),
            thumbnail=thumbnail,
        )

    def decode(self, data: bytes, name: str, background: str = "#ffffff") -> DecodedPicture:
        """The pixels: RGB, upright, transparency laid on ``background``. Raises as ``examine`` does."""
        answer, parts = self._ask("pixels", data, name, background)
        with _believed(name):
            found = _PixelsAnswer.model_validate(answer)
            (pixels,) = parts
            image = Image.frombytes("RGB", (found.info.width, found.info.height), pixels)
        return DecodedPicture(image=image, sha256=found.file_sha256, info=found.info.as_info(name))

    def find_parameters(self, data: bytes, name: str) -> str | None:
        """The text that says how a picture was drawn, None without one. Raises as ``examine`` does."""
        _, parts = self._ask("parameters", data, name, "#ffffff")
        with _believed(name):
            return b"".join(parts).decode() if parts else None

    def close(self) -> None:
        """End the children, after the picture each is at. The decoder cannot be used afterwards."""
        for _ in range(self._num_children):
            if child := self._idle.get():
                child.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, wanted: str, data: bytes, name: str, background: str) -> tuple[dict[str, Any], list[bytes]]:
        parse_colour(background)
        if len(data) > MAX_FILE_BYTES or not data:  # needs no child to be refused, and would not fit its pipe
            decode_picture(data, Path(_shown(name)), background)
        request = {"wanted": wanted, "name": _shown(name), "background": background}
        child = self._idle.get()
        try:
            child, (answer, parts) = self._ask_one(child, request, data)
        except _Died as death:
            child = None
            raise PictureRefused(f"{_shown(name)} {death}.", _DIED_CURE) from None
        finally:
            self._idle.put(child)
        if refused := answer.get("refused"):
            raise PictureRefused(str(refused), str(answer.get("cure", "")))
        return answer, parts

    def _ask_one(
        self, child: _Child | None, request: dict[str, Any], data: bytes
    ) -> tuple[_Child | None, tuple[dict[str, Any], list[bytes]]]:
        """Ask ``child``, or a new one. A child that was warm may have died of something else, so ask a new one then."""
        if child is not None:
            try:
                return self._asked(child, request, data)
            except _Died as death:
                if death.by_limit:
                    raise
        return self._asked(_Child(self._command, self._limits), request, data)

    def _asked(
        self, child: _Child, request: dict[str, Any], data: bytes
    ) -> tuple[_Child | None, tuple[dict[str, Any], list[bytes]]]:
        try:
            answer = child.ask(request, data)
        except BaseException:
            child.end()
            raise
        if child.is_usable:
            return child, answer
        child.end()
        return None, answer


_COMMAND = (sys.executable, "-P", "-m", "enogu.imaging.decoder_child")
_DIED_CURE = "Open it in a paint program and save it again as PNG, or leave it out."
_MAX_ANSWER_BYTES = MAX_PIXELS * 3
_KEPT_ENVIRONMENT = ("PATH", "HOME", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME")
_MAX_NAME_CHARACTERS = 200


class _Died(Exception):
    """The child ended before it answered; the message goes behind the picture's name."""

    def __init__(self, message: str, *, by_limit: bool) -> None:
        super().__init__(message)
        self.by_limit = by_limit


class _Child:
    """One child process and the pipes to it. Not safe to share by threads."""

    def __init__(self, command: Sequence[str], limits: DecoderLimits) -> None:
        """Start it and wait until it is ready. Raises EnoguError when it does not come up."""
        self._limits = limits
        self._num_pictures = 0
        self._end_lock = threading.Lock()
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and module, no word of a stranger's)
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise _not_started(str(error.strerror or error)) from error
        self._requests = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        try:
            self._in_time(limits.start_seconds, lambda: read_message(self._answers, 0))
        except _Died as death:
            self.end()
            late = f"not ready after {limits.start_seconds:g} seconds"
            raise _not_started(late if death.by_limit else "it ended at once") from None

    def ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes]]:
        """Send one picture, wait for the answer. Raises _Died."""
        self._num_pictures += 1

        def send_and_wait() -> tuple[dict[str, Any], list[bytes]]:
            write_message(self._requests, request, [data])
            return read_message(self._answers, _MAX_ANSWER_BYTES)

        return self._in_time(self._limits.wall_seconds, send_and_wait)

    @property
    def is_usable(self) -> bool:
        """Whether it may be given another picture."""
        return self._num_pictures < self._limits.max_pictures and self._process.poll() is None

    def end(self) -> None:
        """Kill it when it still runs, and close the pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._answers):
            with contextlib.suppress(OSError):  # what was not sent yet cannot be sent any more
                pipe.close()

    def _in_time(
        self, seconds: float, talk: Callable[[], tuple[dict[str, Any], list[bytes]]]
    ) -> tuple[dict[str, Any], list[bytes]]:
        """``talk``, with the child killed after ``seconds``, which ends any wait for its pipes. Raises _Died."""
        is_over = is_late = False

        def kill() -> None:
            nonlocal is_late
            with self._end_lock:
                if not is_over:
                    is_late = True
                    self._process.kill()

        clock = threading.Timer(seconds, kill)
        clock.daemon = True
        clock.start()
        try:
            answer = talk()
        except (OSError, EOFError, Garbled):
            answer = None
        finally:
            clock.cancel()
            with self._end_lock:
                is_over = True
        if is_late:
            raise _Died(f"took longer than {seconds:g} seconds to open", by_limit=True)
        if answer is None:
            raise self._death()
        return answer

    def _death(self) -> _Died:
        """How it ended, in words."""
        self._process.kill()
        code = self._process.wait()
        if sys.platform != "win32" and code == -signal.SIGXCPU:
            return _Died(f"took more than {self._limits.cpu_seconds} seconds of computing to open", by_limit=True)
        return _Died("made the picture reader crash", by_limit=False)


class _InfoAnswer(BaseModel):
    """PictureInfo as a child tells it, believed only within these bounds."""

    model_config = ConfigDict(strict=True, extra="forbid")
    path: str
    width: int = Field(ge=1, le=MAX_PIXELS)
    height: int = Field(ge=1, le=MAX_PIXELS)
    format: str = Field(max_length=10)
    notes: list[str] = Field(max_length=20)

    def as_info(self, name: str) -> PictureInfo:
        return PictureInfo(Path(_shown(name)), self.width, self.height, self.format, tuple(self.notes))


class _PixelsAnswer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    info: _InfoAnswer
    file_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _QualityAnswer(BaseModel):
    """QualityMeasures as a child tells them."""

    model_config = ConfigDict(strict=True, extra="forbid")
    blur: float = Field(ge=0, le=1)
    bright_level: float = Field(ge=0, le=1)
    dark_level: float = Field(ge=0, le=1)


class _ExaminationAnswer(_PixelsAnswer):
    pixel_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    fingerprint: str | None
    quality: _QualityAnswer


@contextlib.contextmanager
def _believed(name: str) -> Generator[None, None, None]:
    """An answer that cannot be true comes from a child that is no longer ours."""
    try:
        yield
    except (ValidationError, ValueError) as error:
        raise PictureRefused(f"{_shown(name)} made the picture reader answer nonsense.", _DIED_CURE) from error


def _shown(name: str) -> str:
    """The last part of a name, without signs that would break a message into lines."""
    last = "".join(sign if sign.isprintable() else "?" for sign in Path(name).name)
    return last[-_MAX_NAME_CHARACTERS:] or "The picture"


def _environment() -> dict[str, str]:
    """What a Python needs to start, and nothing else: no password, no address of a database."""
    kept = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}


def _not_started(reason: str) -> EnoguError:
    return EnoguError(f"The process that opens pictures did not start ({reason}).", "Look at the machine's memory.")
