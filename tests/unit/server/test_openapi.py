"""The API's description: fresh as committed, names that stay, a sentence for each route, problems as they are sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enogu.bootstrap import open_studio
from enogu.server.app import create_app
from enogu.settings import Settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    studio = open_studio(Settings(tmp_path_factory.mktemp("home")))
    yield create_app(studio).openapi()
    studio.close()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_committed_description_is_what_the_routes_say() -> None:
    told = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "write_openapi.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert told.returncode == 0, told.stderr


def test_every_operation_is_called_by_its_slice_and_function(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert "runs-start_run" in ids
    assert all(one.replace("-", "").replace("_", "").isalnum() for one in ids)


def test_every_route_says_in_a_sentence_what_it_does(document: dict[str, Any]) -> None:
    for route, operation in operations(document):
        assert 3 <= len(operation["summary"]) <= 120, (route, operation["summary"])
        assert operation.get("description"), route
        assert "(A1" not in operation["description"], "ids of the product's description mean nothing here"


def test_refusals_are_described_as_they_are_sent(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    for route, operation in operations(document):
        assert "application/problem+json" in operation["responses"]["default"]["content"], route
        assert "422" not in operation["responses"], route
