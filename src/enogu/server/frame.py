"""Around every request: its id and language, the hosts it may name, the size it may have, its headers and log line.

Written against ASGI itself, so that answers which are streams stay streams. Content-Security-Policy lets the page load
from this server alone and be framed by nobody. The check of the host's name is what keeps a website from reading a
studio on loopback through a name of its own that it lets point to 127.0.0.1 (DNS rebinding).
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qs

import structlog
from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from enogu.server.problems import problem
from enogu.storage.database import new_id
from enogu.words import Language, language_of_header, speaking

BODY_LIMIT_BYTES = 8 * 1024 * 1024
"""Of a request's body. Routes that stream an upload have their own limits."""
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "img-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_log = structlog.get_logger("enogu.request")


class Frame:
    """The outermost layer of the app."""

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Collection[str] | None = LOOPBACK_HOSTS,
        large_bodies: Collection[tuple[str, str]] = (),
    ) -> None:
        """``allowed_hosts`` without ports; None allows every name, for a studio behind a proxy that checks it. A body
        of any size reaches the routes of ``large_bodies``: method and address, in which ``{}`` is one part of it.
        """
        self._app = app
        self._allowed_hosts = allowed_hosts
        self._large_bodies = [
            (method, re.compile(re.escape(address).replace(r"\{\}", "[^/]+"))) for method, address in large_bodies
        ]

    def _takes_large_bodies(self, scope: Scope) -> bool:
        return any(
            method == scope["method"] and address.fullmatch(scope["path"]) for method, address in self._large_bodies
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with speaking(_language_of(scope)):
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_head = scope["method"] == "HEAD" and _is_answered_as_get(scope["path"])
        if is_head:
            scope = {**scope, "method": "GET"}  # a copy: the server itself goes by its own
        request_id = new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        started_at = time.perf_counter()
        status = 0
        is_bounded = not self._takes_large_bodies(scope)
        received_bytes = 0

        async def receive_bounded() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if is_bounded and received_bytes > BODY_LIMIT_BYTES:
                raise HTTPException(413, f"the request has more than the {BODY_LIMIT_BYTES:,} bytes that are accepted")
            return message

        async def send_framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(scope, MutableHeaders(scope=message), request_id)
            if is_head and message["type"] == "http.response.body":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _HeadAnswered  # whatever would have followed: gigabytes, or events without an end
            await send(message)

        refusal = self._refusal(scope, request_id)
        try:
            if refusal is not None:
                await refusal(scope, receive, send_framed)
            else:
                await self._app(scope, receive_bounded, send_framed)
        except _HeadAnswered:
            pass
        except Exception:
            _log.exception("request_failed", request_id=request_id, method=scope["method"], path=scope["path"])
            figures = getattr(scope["app"].state, "figures", None) if "app" in scope else None
            if figures is not None:
                figures.note_failure("Unforeseen")
            if status:
                raise  # half of an answer was sent: all that can be done is to break off
            message = "Something in the studio went wrong that nobody foresaw."
            cure = f"Look for {request_id} in the server's log."
            await problem(request_id, 500, message, cure, "Unforeseen", {})(scope, receive, send_framed)
        finally:
            seconds = round(time.perf_counter() - started_at, 4)
            _log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                path=scope["path"],
                status=status,
                seconds=seconds,
            )
            figures = getattr(scope["app"].state, "figures", None) if "app" in scope else None
            if figures is not None:
                figures.note(scope["method"], _route_of(scope), status, seconds)

    def _refusal(self, scope: Scope, request_id: str) -> Any:
        """The answer to a request that does not reach a route; None for all others."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
        if self._allowed_hosts is not None and name.lower() not in self._allowed_hosts:
            cure = f"Use {' or '.join(sorted(self._allowed_hosts))}."
            return problem(request_id, 421, f"This studio is not called {name[:80]!r}.", cure, "HostRefused", {})
        return None


def _language_of(scope: Scope) -> Language:
    """As the address asks with ``language``, since a browser's stream of events has no headers of its own; else by
    Accept-Language.
    """
    query = scope.get("query_string", b"")
    if b"language=" in query:
        asked = parse_qs(query.decode("latin-1")).get("language", [""])[0]
        if asked:
            return language_of_header(asked)
    return language_of_header(Headers(scope=scope).get("accept-language", ""))


class _HeadAnswered(Exception):
    """The headers were sent, and there is nothing more to say."""


def _is_answered_as_get(path: str) -> bool:
    """HEAD of the API's routes is GET without its body, but for uploads, where tus gives it a meaning of its own."""
    return path.startswith("/api/") and not path.startswith("/api/uploads")


def _route_of(scope: Scope) -> str:
    """The route's template, which holds no ids; one word for whatever was no route."""
    return getattr(scope.get("route"), "path", None) or "none"


def _add_headers(scope: Scope, headers: MutableHeaders, request_id: str) -> None:
    headers["X-Request-Id"] = request_id
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", "no-store")
    if scope["scheme"] == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
