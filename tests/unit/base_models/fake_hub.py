"""A Hugging Face hub on loopback with a few files: as much of its protocol as its own library asks for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """``repos``: name to path to bytes. ``gated`` names are refused without a token, ``cut_after`` breaks lines off."""

    repos: Mapping[str, Mapping[str, bytes]]
    licence: str = "openrail"
    gated: frozenset[str] = frozenset()
    cut_after: int | None = None
    """So many bytes of each answer with a file are sent before the line is cut."""
    url: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of what was asked for files."""


@contextmanager
def open_hub(hub: FakeHub) -> Iterator[FakeHub]:
    """Listening until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            if path.startswith("/api/models/"):
                return self._info(path.removeprefix("/api/models/"))
            repo, _, rest = path.strip("/").partition("/resolve/")
            data = hub.repos.get(repo, {}).get(rest.partition("/")[2])
            hub.asked.append((self.command, rest.partition("/")[2], self.headers.get("Range", "")))
            if data is None:
                return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
            if repo in hub.gated and "Authorization" not in self.headers:
                return self._send(401, b"", {"X-Error-Code": "GatedRepo"})
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            headers = {
                "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
                "X-Repo-Commit": COMMIT,
                "Accept-Ranges": "bytes",
            }
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self._send(206 if start else 200, data[start:], headers, cut=hub.cut_after)

        def _info(self, rest: str) -> None:
            repo = rest.partition("/revision/")[0]
            if repo not in hub.repos:
                return self._send(401, b"", {"X-Error-Code": "RepoNotFound"})
            siblings = [{"rfilename": path, "size": len(data)} for path, data in hub.repos[repo].items()]
            body = {"id": repo, "sha": COMMIT, "siblings": siblings, "cardData": {"license": hub.licence}}
            return self._send(200, json.dumps(body).encode(), {"Content-Type": "application/json"})

        def _send(self, status: int, body: bytes, headers: Mapping[str, str], cut: int | None = None) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[:cut])
                self.close_connection = cut is not None and cut < len(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
