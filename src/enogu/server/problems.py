"""Every error as JSON (RFC 9457, application/problem+json): what is wrong, the cure, and the request's id.

The kind of an error decides its status; the words are the error's own, in the language of the request. What nobody
foresaw is told nothing about: its details are in the log, under the request's id.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from enogu.accounts.entities import NotAllowed, OpenIdUnavailable, SignInNeeded, SignInRefused, TooManyAttempts
from enogu.errors import (
    DatabaseFailed,
    EnoguError,
    NotFound,
    PictureRefused,
    Problem,
    StorageFailed,
    TooLarge,
    WrongUse,
)
from enogu.words import said, spoken

STATUS: dict[type[EnoguError], int] = {
    SignInNeeded: 401,
    SignInRefused: 401,
    NotAllowed: 403,
    NotFound: 404,
    TooLarge: 413,
    PictureRefused: 422,
    WrongUse: 422,
    TooManyAttempts: 429,
    OpenIdUnavailable: 503,
    DatabaseFailed: 503,
    StorageFailed: 503,
    EnoguError: 409,
}
"""By the nearest of the error's own classes. 409: it is right, and does not go just now."""


def add_problem_handlers(app: FastAPI) -> None:
    """Errors that a route raises; what comes from elsewhere is ``server.frame``'s."""

    @app.exception_handler(EnoguError)
    def refused(request: Request, error: EnoguError) -> JSONResponse:
        headers = {"Retry-After": str(error.retry_after_seconds)} if isinstance(error, TooManyAttempts) else {}
        status = status_of(error)
        figures = getattr(request.app.state, "figures", None)
        if figures is not None and isinstance(error, DatabaseFailed | StorageFailed):
            figures.note_failure(type(error).__name__)
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        more: dict[str, Any] = {"problems": found} if (found := _problems_of(error)) else {}
        if isinstance(position := getattr(error, "position", None), int):
            more["position"] = position  # in the text that was refused, counted from 0: a field points at it
        return problem(
            request.state.request_id, status, error.message, error.cure, type(error).__name__, headers, **more
        )

    @app.exception_handler(RequestValidationError)
    def misshapen(request: Request, error: RequestValidationError) -> JSONResponse:
        """Every field with its fault; never its value, which may be a password."""
        fields = [
            {"path": ".".join(str(part) for part in one["loc"]), "message": said(str(one["msg"]))}
            for one in error.errors()
        ]
        shown = "; ".join(f"{one['path']}: {one['message']}" for one in fields[:5])
        return problem(
            request.state.request_id, 422, f"The request is not of the form it should have: {shown}.",
            "See /openapi.json for the form.", "RequestRefused", {}, problems=fields,
        )  # fmt: skip

    @app.exception_handler(HTTPException)
    def plain(request: Request, error: HTTPException) -> JSONResponse:
        end = "。" if spoken() == "ja" else "."
        told = f"{request.method} {request.url.path[:200]}: {said(str(error.detail))}{end}"
        return problem(request.state.request_id, error.status_code, told, "", "RequestRefused", error.headers or {})


def status_of(error: EnoguError) -> int:
    """The HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def _problems_of(error: EnoguError) -> list[dict[str, str]]:
    """The single problems of an error that has several, each with its field: a form shows them there."""
    listed = getattr(error, "problems", ())
    return [
        {"path": one.path, "message": said(one.message), "cure": said(one.cure)}
        for one in listed
        if isinstance(one, Problem)
    ]


def problem(
    request_id: str, status: int, message: str, cure: str, kind: str, headers: Mapping[str, str], **more: Any
) -> JSONResponse:
    """One problem as an answer."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "kind": kind,
        "detail": said(message),
        "cure": said(cure),
        "request_id": request_id,
        **more,
    }
    return JSONResponse(content, status, dict(headers), media_type="application/problem+json")
