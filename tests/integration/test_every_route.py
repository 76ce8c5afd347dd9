"""Every route × (nobody, somebody else, an administrator, the owner, the owner's script): who gets what (section 5).

The table is ``route_rows.py``. Everything is private to its owner: to others, administrators too, it is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Route

from enogu.server.frame import SECURITY_HEADERS
from tests.integration.route_rows import ROWS, Row
from tests.integration.route_world import PROMPT, World

GUARDED = tuple(row for row in ROWS if row.who != "anybody")
LASTING = tuple(row for row in GUARDED if not row.is_final)
"""All but those that sign out or delete whoever calls."""


def each(rows: Iterable[Row]) -> pytest.MarkDecorator:
    """One test for each row, called by its route."""
    return pytest.mark.parametrize("row", list(rows), ids=lambda row: row.route)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    opened = World(tmp_path_factory.mktemp("home"))
    yield opened
    opened.close()


def filled(world: World, value: Any, **more: str) -> Any:
    """``value`` with the world's ids for its words in braces."""
    match value:
        case str():
            return re.sub(r"\{(\w+)\}", lambda found: (world.ids | more)[found[1]], value)
        case bytes():
            return value.replace(b"{png}", world.png)
        case dict():
            return {key: filled(world, one) for key, one in value.items()}
        case list() | tuple():
            return type(value)(filled(world, one) for one in value)
        case _:
            return value


def call(world: World, row: Row, client: TestClient) -> Any:
    method, template = row.route.split(" ", 1)
    others = {word: world.ids[name] for word, name in row.ids.items()}
    more: dict[str, Any] = {"headers": dict(row.headers)}
    if row.content is not None:
        more["content"] = filled(world, row.content)
    elif row.files is not None:
        more["files"] = filled(world, dict(row.files))
    elif row.body is not None:
        more["json"] = filled(world, row.body)
    answer = client.request(method, filled(world, template + row.query, **others), **more)
    assert answer.status_code < 500, (row.route, answer.text)
    for name, value in SECURITY_HEADERS.items():
        if name == "Content-Security-Policy":
            assert "default-src" in answer.headers[name] and "unsafe" not in answer.headers[name], row.route
        else:
            assert answer.headers[name] == value, row.route
    assert answer.headers["cache-control"], row.route
    return answer


def test_every_route_of_the_app_has_a_row(world: World) -> None:
    there = {
        f"{method} {route.path}"
        for route in world.app.routes
        if isinstance(route, Route | APIRoute)
        for method in route.methods or ()
    } | routes_of(world)
    listed = [row.route for row in ROWS]
    assert len(set(listed)) == len(listed), "a route has two rows"
    assert there - set(listed) == set(), "add a row for these to tests/integration/route_rows.py"
    assert set(listed) - there == set(), "these rows are of no route"


def routes_of(world: World) -> set[str]:
    """As the OpenAPI document has them: an included router may not be flat among the app's routes."""
    paths = world.app.openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


@each(GUARDED)
def test_nobody_gets_anything_without_signing_in(world: World, row: Row) -> None:
    answer = call(world, row, world.anybody)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@each(LASTING)
def test_a_stranger_gets_nothing_that_is_somebody_elses(world: World, row: Row) -> None:
    answer = call(world, row, world.other)
    if row.who == "admin":
        assert answer.status_code == 403
    elif row.who == "owner":
        assert answer.status_code in row.not_there, answer.text
    else:
        assert answer.status_code in row.ok, answer.text
    assert_tells_nothing(world, row, answer)


@each(row for row in LASTING if row.who != "admin")
def test_an_administrator_sees_nobodys_work(world: World, row: Row) -> None:
    """Not through the routes that people have; see ``server.admin_api`` for those that administrators have."""
    answer = call(world, row, world.admin)
    if row.who == "owner":
        assert answer.status_code in row.not_there, answer.text
    else:
        assert answer.status_code in row.ok, answer.text
    assert_tells_nothing(world, row, answer)


@each(row for row in ROWS if row.in_person and row.who != "admin")
def test_what_is_for_a_person_is_not_for_their_script(world: World, row: Row) -> None:
    assert call(world, row, world.script).status_code == 403


@each(row for row in ROWS if row.who == "anybody")
def test_what_is_for_anybody_tells_of_nobody(world: World, row: Row) -> None:
    answer = call(world, row, world.anybody)
    assert answer.status_code in row.ok, answer.text
    assert_tells_nothing(world, row, answer)


def test_owners_and_administrators_are_served(world: World) -> None:
    """In the table's order, so that what is taken away is not asked for afterwards. Without this, the tests above
    might be refused for another reason.
    """
    wrong: list[tuple[str, int, str]] = []
    for number, row in enumerate(GUARDED):
        client = world.admin if row.who == "admin" else world.owner
        if row.is_final:
            _, client = world.person(f"passer-by-{number}")
        answer = call(world, row, client)
        if answer.status_code not in row.ok:
            wrong.append((row.route, answer.status_code, answer.text[:300]))
    assert wrong == []


@pytest.mark.parametrize("path", ["/etc", "/etc/passwd", "../..", "C:\\Windows", "file:///etc", "\0"])
def test_a_path_of_the_server_is_nothing_for_a_stranger(world: World, path: str) -> None:
    """Whether there is such a file is not told either: the answer is the same for all."""
    answer = world.other.post("/api/base-models", json={"path": path})
    assert (answer.status_code, answer.json()["kind"]) == (403, "NotAllowed")


def assert_tells_nothing(world: World, row: Row, answer: Any) -> None:
    """Neither ids of the owner's things, but for those that the caller named, nor their words."""
    text = answer.text if "zip" not in answer.headers.get("content-type", "") else ""
    asked = f"{answer.request.url} {filled(world, row.body)}"
    ids = {name: value for name, value in world.ids.items() if len(value) == 26 and name != "account_id"}
    assert [name for name, value in ids.items() if value in text and value not in asked] == []
    assert PROMPT not in text
