"""The web application: routes of all slices in their frame. ``create_app(open_studio(settings))`` is all of it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from importlib import metadata
from typing import get_args

from anyio import to_thread
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import Message

from enogu.accounts.asking import OneTransaction
from enogu.bootstrap import Studio
from enogu.loras import service as loras
from enogu.runs.api import schema_in
from enogu.server import metrics, openapi
from enogu.server.frame import LOOPBACK_HOSTS, Frame
from enogu.server.problems import add_problem_handlers
from enogu.server.routes import ROUTERS
from enogu.server.web_app import serve_web_app
from enogu.words import Language

LARGE_BODIES = (
    ("POST", "/api/datasets/{}/pictures"),
    ("PATCH", "/api/uploads/{}"),
    ("POST", "/api/drawings/read-parameters"),
    ("POST", "/api/vocabularies"),
)
"""Routes that take large bodies and bound them themselves; ``{}`` for an id."""


class Health(BaseModel):
    """The answer of a studio that works."""

    status: str = "ok"


def create_app(studio: Studio, allowed_hosts: Collection[str] | None = LOOPBACK_HOSTS) -> FastAPI:
    """The application of one open studio, which stays the caller's to close. ``allowed_hosts`` as ``Frame`` has it."""
    app = FastAPI(
        title="Enogu",
        version=metadata.version("enogu"),
        docs_url=None,  # they load their scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
    )
    app.state.studio = studio
    app.state.door = studio.door
    app.state.metering = studio.metering
    app.state.settings = studio.settings
    app.state.files = studio.files
    app.state.decoder = studio.decoder
    app.state.find_lora = loras.find_to_train
    app.add_middleware(Frame, allowed_hosts=allowed_hosts, large_bodies=LARGE_BODIES)
    add_problem_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(metrics.router)
    app.get("/health", tags=["studio"])(health)
    openapi.describe(app)
    serve_web_app(app)
    app.state.figures = metrics.Figures(app, studio.door)
    return app


async def prepare_first_visit(app: FastAPI) -> None:
    """Do now what would be left to the first request: FastAPI puts its routes together (0.4 s), and the recipe's form
    is written in each language (0.1 s). Whoever visits meanwhile waits no longer than without.
    """
    nobody = {
        "type": "http", "method": "GET", "path": "/assets/", "raw_path": b"/assets/", "root_path": "",
        "query_string": b"", "headers": [], "app": app,
    }  # fmt: skip
    with suppress(HTTPException):  # no route answers it
        await app.router(nobody, _nothing_comes, _nothing_goes)
    for language in get_args(Language):
        await to_thread.run_sync(schema_in, language)


async def _nothing_comes() -> Message:
    return {"type": "http.disconnect"}


async def _nothing_goes(message: Message) -> None:
    pass


def health(session: OneTransaction) -> Health:
    """200 when the database answers, 503 with the reason when it does not. For whoever watches the process."""
    session.connection()
    return Health()
