"""The web application: routes of all slices in their frame. ``create_app(open_studio(settings))`` is all of it."""

from __future__ import annotations

from collections.abc import Collection
from importlib import metadata

from fastapi import FastAPI
from pydantic import BaseModel

from enogu.accounts.asking import OneTransaction
from enogu.bootstrap import Studio
from enogu.loras import service as loras
from enogu.server import metrics, openapi
from enogu.server.frame import LOOPBACK_HOSTS, Frame
from enogu.server.problems import add_problem_handlers
from enogu.server.routes import ROUTERS
from enogu.server.web_app import serve_web_app

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


def health(session: OneTransaction) -> Health:
    """200 when the database answers, 503 with the reason when it does not. For whoever watches the process."""
    session.connection()
    return Health()
