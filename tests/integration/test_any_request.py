"""Requests of every form that the API's description allows, and of many that it does not: never an error of ours.

schemathesis makes them from the app's own description. Every other one names something that is there, so that not all
end at "there is no such thing". A few for each operation, always the same; ``ENOGU_EXAMPLES=100`` looks longer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from httpx2 import InvalidURL
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.integration.route_world import World

EXAMPLES = int(os.environ.get("ENOGU_EXAMPLES", "4"))
DESCRIPTION = Path(__file__).parents[2] / "docs" / "openapi.json"
LEFT_OUT = {
    ("delete", "/api/me"),  # these three end who asks
    ("post", "/api/sign-out"),
    ("put", "/api/me/password"),
}
OPERATIONS = [
    (method, path)
    for path, methods in json.loads(DESCRIPTION.read_text(encoding="utf-8"))["paths"].items()
    for method in methods
    if (method, path) not in LEFT_OUT
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = World(tmp_path_factory.mktemp("home"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def schema(world: World) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", world.app, headers={"Host": "localhost"})


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda word: word)
def test_no_request_is_an_error_of_ours(world: World, schema: Any, method: str, path: str) -> None:
    operation = schema[path][method]
    modes = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    is_followed = path.endswith("/events")  # of what is there it would wait for what happens

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
        derandomize=True,
        database=None,
    )
    @given(case=st.one_of(modes), is_real=st.booleans())
    def hold(case: Any, is_real: bool) -> None:
        if is_real and not is_followed:
            case.path_parameters = {
                name: world.ids.get(name, value) for name, value in dict(case.path_parameters or {}).items()
            }
        answer = send(world, case)
        assert answer is None or answer.status_code < 500, (
            answer.status_code,
            answer.text[:500],
            case.as_curl_command(),
        )

    hold()


def send(world: World, case: Any) -> Any:
    """As the owner's browser; None for what no HTTP client can be made to send."""
    try:
        asked = requests.Request(**case.as_transport_kwargs(base_url="http://localhost:8000")).prepare()
        headers = {name: value for name, value in asked.headers.items() if name.lower() not in ("cookie", "host")}
        return world.owner.request(asked.method or "", asked.url or "", headers=headers, content=asked.body)
    except (UnicodeError, ValueError, TypeError, requests.RequestException, InvalidURL):
        return None
