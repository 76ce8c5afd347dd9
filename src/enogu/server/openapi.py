"""The API's own description, /openapi.json: names that stay, a sentence for each route, problems as they are sent.

Clients are made from it (the page's types, other people's scripts), so an operation is called by its slice and its
function, ``runs-start_run``, whatever its address becomes. FastAPI alone would call it by the address, and would say
that refusals have a form that ours do not have.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "What does not go, and what to do about it (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "kind", "detail", "cure", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "kind": {"type": "string", "description": "What a program may decide by, such as NotFound."},
        "detail": {"type": "string", "description": "What is wrong, in a sentence that names the culprit."},
        "cure": {"type": "string", "description": "What to do about it; may be empty."},
        "request_id": {"type": "string", "description": "Where to look in the server's log."},
        "problems": {
            "type": "array",
            "description": "Each field with what stands against it, where there are several.",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {
                    "path": {"type": "string"},
                    "message": {"type": "string"},
                    "cure": {"type": "string"},
                },
            },
        },
    },
}
REFUSED = {
    "description": "Refused, with the reason and the cure.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
DESCRIPTION = """A studio for making LoRAs: pictures, captions, trainings, a library, drawings.

A studio on loopback asks nobody who they are. Elsewhere a script sends `Authorization: Bearer` with an API token of
`POST /api/me/tokens`. A browser is known by its cookie, and sends `X-CSRF-Token` with each request that changes
something. Everything is private to its owner; what is somebody else's is answered with 404. Files are sent whole or by
`Range`, events as `text/event-stream` that goes on behind `Last-Event-ID`."""
_OURS_ONLY = ("HTTPValidationError", "ValidationError")
_REFERENCES = re.compile(r"\s*\((?:[A-J]\d+(?:, | to | and )?)+\)")
"""Ids of the product's description, which mean nothing here."""


def operation_id(route: APIRoute) -> str:
    """``slice-function``: unique, and the same whatever the address becomes."""
    tag = str(route.tags[0]) if route.tags else "studio"
    return f"{tag.replace(' ', '_')}-{route.name}"


def describe(app: FastAPI) -> None:
    """Let ``app`` describe itself as this module's docstring says; made when it is first asked for."""

    def description() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = description


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for name in _OURS_ONLY:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An API token."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "enogu", "description": "A browser that is signed in."},
    }
    document["security"] = [{"token": []}, {"cookie": []}, {}]
    for operations in document["paths"].values():
        for operation in operations.values():
            _amend(operation)
    return document


def _amend(operation: dict[str, Any]) -> None:
    name = operation["operationId"].partition("-")[2]
    operation["summary"] = name.replace("_", " ").capitalize()
    operation["description"] = _REFERENCES.sub("", operation.get("description", "")).replace("``", "`")
    operation["responses"].pop("422", None)
    operation["responses"].setdefault("default", REFUSED)
