"""A studio as the command line talks to it: over the network with ``--server``, else in this process.

Both are the same HTTP API, so a command does not know where its studio is. In this process the application is opened
on ENOGU_HOME and called as the owner of a studio on loopback; no port is opened, and `enogu serve` may run beside it.

httpx2 and not httpx: Starlette's TestClient, which calls an application in the same process and streams its answers, is
a client of httpx2, so local and remote are one type.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, unquote

from enogu.cli.unfinished_uploads import UnfinishedUploads
from enogu.errors import EnoguError, NotFound, WrongUse
from enogu.whole_file import write_whole
from enogu.words import language_of_environment

if TYPE_CHECKING:
    import httpx2
    import typer

    from enogu.cli.output import Call

CONNECT_SECONDS = 10
READ_SECONDS = 120
"""The heartbeat of a stream of events comes every 15 seconds; a plan of 10,000 pictures takes a few."""
PIECE_BYTES = 4 * 1024 * 1024
"""Of an upload, in one request: what is sent again at most when the line is cut."""
PATIENCE_SECONDS = 120.0
"""How long a studio that does not answer is waited for, while something is followed or sent."""
_PAUSE_SECONDS = 1.5
_ID_LENGTH = 26
_MOST_LISTED = 5000
_LOCAL = "http://127.0.0.1"
_BY_THE_CALLER = frozenset({400, 401, 403, 404, 405, 413, 422})
"""Statuses of requests that would not work however often they are tried: exit code 2."""

OnProgress = Callable[[int, int | None], None]
"""Bytes so far, and of how many (None: unknown)."""


class StudioAnswered(EnoguError):
    """The studio refused or failed, in its own words."""

    def __init__(self, message: str, cure: str, status: int) -> None:
        super().__init__(message, cure)
        self.status = status
        self.exit_code = 2 if status in _BY_THE_CALLER else 1

    def __reduce__(self) -> tuple[type[StudioAnswered], tuple[str, str, int]]:
        """Pickled with its status."""
        return type(self), (self.message, self.cure, self.status)


class StudioUnreachable(EnoguError):
    """Nobody answers at the address, or the line was cut."""


@dataclass(frozen=True)
class StreamEvent:
    """One event of a stream."""

    id: str
    kind: str
    data: dict[str, Any]


class StudioClient:
    """One studio. Paths begin with ``/api``; bodies and answers are JSON's values. Raises EnoguError."""

    def __init__(self, http: httpx2.Client, shown: str, unfinished: UnfinishedUploads) -> None:
        self._http = http
        self.shown = shown
        """How a person knows it: its address, or the folder of its data."""
        self._unfinished = unfinished

    def get(self, path: str, **query: Any) -> Any:
        """What there is."""
        return self._json("GET", path, query=query)

    def post(self, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any) -> Any:
        """Make or do."""
        return self._json("POST", path, body=body, headers=headers, query=query)

    def put(self, path: str, body: Any) -> Any:
        """Set."""
        return self._json("PUT", path, body=body)

    def patch(self, path: str, body: Any) -> Any:
        """Change."""
        return self._json("PATCH", path, body=body)

    def delete(self, path: str) -> Any:
        """Away with it."""
        return self._json("DELETE", path)

    def post_files(self, path: str, files: list[tuple[str, Path]], *, field: str = "files") -> Any:
        """Files with their names as a form."""
        from contextlib import ExitStack

        with ExitStack() as opened:
            form = [(field, (name, opened.enter_context(_opened(file)))) for name, file in files]
            return self._json("POST", path, files=form)

    def put_file(self, path: str, file: Path) -> Any:
        """One file as a form, which takes the place of what was there."""
        with _opened(file) as opened:
            return self._json("PUT", path, files=[("files", (file.name, opened))])

    # ---- finding what is meant ---------------------------------------------------------------------------------------

    def pages(
        self, path: str, key: str = "", query: Mapping[str, Any] | None = None, *, by: str = "before", limit: int = 200
    ) -> list[Any]:
        """All entries of a list that comes in pages, each behind the id of the last, or at an ``offset``."""
        found: list[Any] = []
        while len(found) < _MOST_LISTED:
            more = {} if not found else {by: len(found) if by == "offset" else found[-1]["id"]}
            answer = self.get(path, limit=limit, **(query or {}), **more)
            page = answer[key] if key else answer
            found += page
            if len(page) < limit:
                break
        return found

    def find_id(self, what: str, reference: str, entries: Callable[[], list[Any]], cure: str) -> str:
        """The id that ``reference`` means: an id, a name that only one has, or the beginning of one id.

        Raises NotFound, or WrongUse when it could be several; ``what`` is a word such as "dataset".
        """
        listed = entries()
        for matches in (
            lambda one: one["id"] == reference,
            lambda one: one.get("name") == reference,
            lambda one: len(reference) >= 4 and one["id"].startswith(reference.lower()),
        ):
            found = [one for one in listed if matches(one)]
            if len(found) == 1:
                return found[0]["id"]
            if found:
                ids = ", ".join(one["id"] for one in found[:5])
                raise WrongUse(f"{reference} could be any of {len(found)} {what}s.", f"Give one of the ids: {ids}.")
        if len(reference) == _ID_LENGTH and reference.isalnum():
            return reference  # not among those that are listed; the studio knows
        raise _NotThere(f"There is no {what} {reference}.", cure)

    # ---- streams, uploads, downloads ---------------------------------------------------------------------------------

    def follow(self, path: str, after: str = "") -> Iterator[StreamEvent]:
        """The events of a stream until it is over; a line that is cut is mended and goes on behind the last event.

        Raises StudioUnreachable when nobody answers for ``PATIENCE_SECONDS``.
        """
        last, silent_since = after, None
        while True:
            try:
                for event in self._stream(path, last):
                    silent_since = None
                    last = event.id or last
                    if event.kind == "over":
                        return
                    yield event
            except StudioUnreachable:
                silent_since = silent_since or time.monotonic()
                if time.monotonic() - silent_since > PATIENCE_SECONDS:
                    raise
            time.sleep(_PAUSE_SECONDS)

    def upload(self, file: Path, kind: str, *, name: str = "", on_progress: OnProgress | None = None) -> str:
        """Send a file and return the upload's id; goes on where it was cut, now or in an earlier call (tus 1.0)."""
        size_bytes = _size(file)
        key = self._unfinished.key(self.shown, kind, file)
        upload_id, offset = self._begun(key, size_bytes)
        if upload_id is None:
            upload_id, offset = self._announce(name or file.name, kind, size_bytes), 0
            self._unfinished.note(key, upload_id)
        with _opened(file) as opened:
            silent_since: float | None = None
            while True:
                if on_progress is not None:
                    on_progress(offset, size_bytes)
                if offset >= size_bytes and size_bytes:
                    break
                try:
                    opened.seek(offset)
                    offset = self._send(upload_id, offset, opened.read(PIECE_BYTES))
                    silent_since = None
                    if not size_bytes:
                        break
                except StudioUnreachable:
                    silent_since = silent_since or time.monotonic()
                    if time.monotonic() - silent_since > PATIENCE_SECONDS:
                        raise
                    time.sleep(_PAUSE_SECONDS)
                    offset = self._offset_or(upload_id, offset)
        self._unfinished.forget(key)
        return upload_id

    def download(self, path: str, target: Path, *, on_progress: OnProgress | None = None, **query: Any) -> Path:
        """A file, whole or not at all. ``target`` is a file, or a folder in which it gets the studio's name for it."""
        given = {name: value for name, value in query.items() if value is not None and value != ""}
        with self._streamed("GET", path, query=given) as answer:
            if target.is_dir():
                target = target / _name_of(answer, path)
            total = answer.headers.get("content-length", "")

            def write(aside: Path) -> None:
                done = 0
                with aside.open("wb") as file:
                    for piece in self._pieces(answer):
                        file.write(piece)
                        done += len(piece)
                        if on_progress is not None:
                            on_progress(done, int(total) if total.isdigit() else None)

            write_whole(target, write)
        return target

    # ---- how it is done ----------------------------------------------------------------------------------------------

    def _json(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        files: Any = None,
    ) -> Any:
        import httpx2

        given = {name: value for name, value in (query or {}).items() if value is not None and value != ""}
        try:
            answer = self._http.request(method, path, json=body, params=given, headers=headers, files=files)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            self._cut(error)
        if not answer.is_success:
            raise _refusal(answer.status_code, answer.content)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise StudioUnreachable(f"{self.shown} is no Enogu studio.", "Mend --server.") from error

    @contextmanager
    def _streamed(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx2.Response]:
        import httpx2

        try:
            with self._http.stream(method, path, params=query, headers=headers) as answer:
                if not answer.is_success:
                    raise _refusal(answer.status_code, answer.read())
                yield answer
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            self._cut(error)

    def _pieces(self, answer: httpx2.Response) -> Iterator[bytes]:
        """The body, whose end is checked by httpx2 when its length was told."""
        yield from answer.iter_bytes(1024 * 1024)

    def _stream(self, path: str, after: str) -> Iterator[StreamEvent]:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": after} if after else {})}
        event_id, kind, data = "", "message", [""]
        with self._streamed("GET", path, headers=headers) as answer:
            data.clear()
            for line in answer.iter_lines():
                if line.startswith(":"):
                    continue
                if not line:
                    if data:
                        yield StreamEvent(event_id, kind, json.loads("\n".join(data)))
                    event_id, kind, data = "", "message", []
                    continue
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if field == "id":
                    event_id = value
                elif field == "event":
                    kind = value
                elif field == "data":
                    data.append(value)

    def _begun(self, key: str, size_bytes: int) -> tuple[str | None, int]:
        """An earlier call's upload of this very file, and how far it came."""
        upload_id = self._unfinished.find(key)
        if upload_id is None:
            return None, 0
        try:
            known = self.get(f"/api/uploads/{upload_id}")
        except StudioAnswered:
            return None, 0
        return (upload_id, known["offset"]) if known["size_bytes"] == size_bytes else (None, 0)

    def _announce(self, name: str, kind: str, size_bytes: int) -> str:
        told = ",".join(
            f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in (("filename", name), ("kind", kind))
        )
        import httpx2

        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size_bytes), "Upload-Metadata": told}
        try:
            answer = self._http.post("/api/uploads", headers=headers)
        except httpx2.HTTPError as error:
            self._cut(error)
        if not answer.is_success:
            raise _refusal(answer.status_code, answer.content)
        return answer.headers["location"].rpartition("/")[2]

    def _send(self, upload_id: str, offset: int, piece: bytes) -> int:
        """How many bytes are there afterwards."""
        import httpx2

        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        try:
            answer = self._http.patch(f"/api/uploads/{upload_id}", content=piece, headers=headers)
        except httpx2.HTTPError as error:
            self._cut(error)
        if answer.status_code >= 500:
            raise StudioUnreachable(str(_refusal(answer.status_code, answer.content)))
        if answer.status_code == 409:  # somebody, perhaps this very call before the line was cut, wrote meanwhile
            return self._offset_or(upload_id, offset)
        if not answer.is_success:
            raise _refusal(answer.status_code, answer.content)
        return int(answer.headers["upload-offset"])

    def _offset_or(self, upload_id: str, offset: int) -> int:
        try:
            return self.get(f"/api/uploads/{upload_id}")["offset"]
        except StudioUnreachable:
            return offset

    def _cut(self, error: Exception) -> NoReturn:
        said = " ".join(str(error).split()) or type(error).__name__
        raise StudioUnreachable(
            f"The studio at {self.shown} does not answer: {said[:200]}.",
            "Start it with `enogu studio`, or mend --server.",
        ) from error


class _NotThere(NotFound):
    """Named on the command line: wrong use, where in the service it is an answer."""

    exit_code = 2


@contextmanager
def studio_of(context: typer.Context) -> Iterator[StudioClient]:
    """The studio that this call is about: ``--server``'s, else that of ENOGU_HOME."""
    from enogu.cli.output import call_of

    call = call_of(context)
    unfinished = UnfinishedUploads(call.settings.home / "unfinished_uploads.json")
    if call.server:
        with _remote(call) as http:
            yield StudioClient(http, call.server, unfinished)
    else:
        with _here(call) as http:
            yield StudioClient(http, str(call.settings.home), unfinished)


@contextmanager
def _remote(call: Call) -> Iterator[httpx2.Client]:
    import httpx2

    if not call.server.startswith(("http://", "https://")):
        raise WrongUse(f"--server {call.server} is no address.", "Write it as http://127.0.0.1:8765.")
    headers = {"Accept-Language": language_of_environment(os.environ)}
    if call.token:
        headers["Authorization"] = f"Bearer {call.token}"
    timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    try:
        http = httpx2.Client(base_url=call.server.rstrip("/"), headers=headers, timeout=timeout)
    except (httpx2.InvalidURL, ValueError) as error:
        raise WrongUse(f"--server {call.server} is no address: {error}.", "Write it as http://host:port.") from error
    with http:
        yield http


@contextmanager
def _here(call: Call) -> Iterator[httpx2.Client]:
    from starlette.testclient import TestClient

    from enogu.bootstrap import open_studio
    from enogu.server.app import create_app
    from enogu.server.logs import set_up_logs

    set_up_logs(level="error", keeps_loggers=False)
    studio = open_studio(call.settings)
    try:
        with TestClient(create_app(studio), base_url=_LOCAL, raise_server_exceptions=False) as http:
            http.headers["user-agent"] = "enogu"
            http.headers["accept-language"] = language_of_environment(os.environ)
            yield http
    finally:
        studio.close()


def _refusal(status: int, content: bytes) -> EnoguError:
    """A problem (RFC 9457) as an error."""
    try:
        told = json.loads(content)
        message, cure = str(told["detail"]), str(told.get("cure", ""))
    except (ValueError, TypeError, KeyError):
        message, cure = f"The studio answered with status {status}.", "Is --server the address of an Enogu studio?"
        return StudioAnswered(message, cure, status)
    if status == 401:
        cure = "Make an API token on the studio's account page, and give it with --token or ENOGU_TOKEN."
    problems = told.get("problems") or ()
    lines = [f"{one['path']}: {one['message']} {one.get('cure', '')}".strip() for one in problems if "path" in one]
    if lines and told.get("kind") != "RequestRefused" and not all(line in message for line in lines):
        message = "\n".join(dict.fromkeys([message, *lines]))
    return StudioAnswered(message, cure, status)


def _name_of(answer: httpx2.Response, path: str) -> str:
    """The file name of Content-Disposition (RFC 6266: ``filename*`` before ``filename``), without folders."""
    import re

    header = answer.headers.get("content-disposition", "")
    if found := re.search(r"filename\*=UTF-8''([^;]+)", header, re.IGNORECASE):
        name = unquote(found[1])
    elif found := re.search(r'filename="([^"]*)"', header):
        name = found[1]
    else:
        name = unquote(path.rpartition("/")[2])
    name = Path(name.replace("\\", "/")).name
    return name if name not in ("", ".", "..") else "download"


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise WrongUse(f"{file}: {error.strerror}.", "Check the path.") from error


def _opened(file: Path) -> Any:
    try:
        return file.open("rb")
    except OSError as error:
        raise WrongUse(f"{file}: {error.strerror}.", "Check the path and its permissions.") from error


def in_path(part: str) -> str:
    """A part of a path, whatever it holds."""
    return quote(part, safe="")
