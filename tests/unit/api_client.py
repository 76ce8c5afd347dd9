"""Routers alone in an application, and somebody signed in to ask them: for tests of one slice over HTTP."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from enogu.accounts import service as accounts
from enogu.accounts.asking import Door
from enogu.server.app import LARGE_BODIES
from enogu.server.frame import Frame
from enogu.server.problems import add_problem_handlers
from enogu.storage.database import transaction, utc_now


def app_of(engine: Engine, *routers: APIRouter, **state: object) -> FastAPI:
    """An application of these routers with the server's own frame and answers to errors; ``state`` is what they use."""
    app = FastAPI()
    app.state.door = Door(engine, "password")
    for name, value in state.items():
        setattr(app.state, name, value)
    app.add_middleware(Frame, allowed_hosts=None, large_bodies=LARGE_BODIES)
    add_problem_handlers(app)
    for router in routers:
        app.include_router(router)
    return app


def client_of(app: FastAPI, engine: Engine, account_id: str) -> TestClient:
    """Signed in by an API token of this account."""
    with transaction(engine) as session:
        secret = accounts.create_api_token(session, account_id, "test", utc_now()).secret
    return TestClient(app, headers={"Authorization": f"Bearer {secret}"})
