"""What an administrator does: accounts, keys, plans, and a look at queue and workers that shows nobody's work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from enogu.accounts import service
from enogu.accounts.asking import Door
from enogu.bootstrap import OWNED_DATA, Studio
from enogu.imaging.decoder import DirectDecoder
from enogu.queue import service as queue
from enogu.server.app import create_app
from enogu.settings import Settings
from enogu.stamina.rules.plan_file import SHIPPED, load_metering
from enogu.storage.database import Engine, transaction, utc_now
from enogu.storage.files_in_memory import FilesInMemory

SERVER = "http://localhost:8000"


class Stage:
    """A studio with an administrator and somebody else, each in a browser."""

    def __init__(self, engine: Engine, home: Path) -> None:
        queue.prepare(engine)
        self.engine = engine
        door = Door(engine, "password", owned_data=OWNED_DATA)
        self.app = create_app(
            Studio(Settings(home), engine, FilesInMemory(), door, load_metering(SHIPPED), DirectDecoder())
        )
        self.admin_id, self.admin = self.browser("admin", is_admin=True)
        self.mame_id, self.mame = self.browser("mame")

    def browser(self, name: str, *, is_admin: bool = False) -> tuple[str, TestClient]:
        with transaction(self.engine) as session:
            account = service.create_account(session, name, None, utc_now(), is_admin=is_admin)
            secret = service.open_session(session, account.id, utc_now()).secret
        client = TestClient(self.app, base_url=SERVER, cookies={"enogu": secret})
        client.headers["X-CSRF-Token"] = client.get("/api/me").json()["csrf_token"]
        return account.id, client

    def script(self, account_id: str) -> TestClient:
        with transaction(self.engine) as session:
            secret = service.create_api_token(session, account_id, "script", utc_now()).secret
        return TestClient(self.app, base_url=SERVER, headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def stage(engine: Engine, tmp_path: Path) -> Iterator[Stage]:
    yield Stage(engine, tmp_path)


def test_accounts_are_listed_by_pages_and_found_by_a_part_of_their_name(stage: Stage) -> None:
    listed = stage.admin.get("/api/admin/accounts").json()
    assert [one["name"] for one in listed] == ["admin", "mame"]
    (second,) = stage.admin.get("/api/admin/accounts", params={"after": listed[0]["id"], "limit": 1}).json()
    assert second["name"] == "mame"
    assert [one["name"] for one in stage.admin.get("/api/admin/accounts", params={"search": "MA"}).json()] == ["mame"]
    assert stage.admin.get("/api/admin/accounts", params={"search": "%"}).json() == []


def test_a_new_account_signs_in_with_the_password_that_is_shown_once(stage: Stage) -> None:
    made = stage.admin.post("/api/admin/accounts", json={"name": "豆", "plan_name": "pro"}).json()
    assert (made["account"]["plan_name"], made["account"]["is_admin"]) == ("pro", False)
    new = TestClient(stage.app, base_url=SERVER)
    answer = new.post("/api/sign-in", json={"name": "豆", "password": made["password"]})
    assert answer.status_code == 200
    assert made["password"] not in stage.admin.get(f"/api/admin/accounts/{made['account']['id']}").text


def test_a_reset_password_works_and_signs_the_person_out(stage: Stage) -> None:
    password = stage.admin.post(f"/api/admin/accounts/{stage.mame_id}/password").json()["password"]
    assert stage.mame.get("/api/me").status_code == 401
    body = {"name": "mame", "password": password}
    assert TestClient(stage.app, base_url=SERVER).post("/api/sign-in", json=body).status_code == 200


def test_plans_and_administrators_are_changed_within_reason(stage: Stage) -> None:
    """A3."""
    url = f"/api/admin/accounts/{stage.mame_id}"
    assert stage.admin.patch(url, json={"plan_name": "beginner"}).json()["plan_name"] == "beginner"
    refused = stage.admin.patch(url, json={"plan_name": "golden"})
    assert (refused.status_code, "free, beginner, pro" in refused.json()["cure"]) == (422, True)
    own = f"/api/admin/accounts/{stage.admin_id}"
    assert stage.admin.patch(own, json={"is_admin": False}).status_code == 403, "the last one stays"
    assert stage.admin.patch(url, json={"is_admin": True}).json()["is_admin"] is True
    assert stage.admin.patch(own, json={"is_admin": False}).status_code == 200
    assert stage.admin.get("/api/admin/accounts").status_code == 403


def test_keys_are_revoked_of_browsers_and_scripts_alike(stage: Stage) -> None:
    script = stage.script(stage.mame_id)
    assert stage.admin.delete(f"/api/admin/accounts/{stage.mame_id}/keys").json() == {"num_revoked": 2}
    assert (stage.mame.get("/api/me").status_code, script.get("/api/me").status_code) == (401, 401)


def test_a_deleted_account_is_gone_with_its_waiting_jobs(stage: Stage) -> None:
    """J3."""
    with transaction(stage.engine) as session:
        queue.enqueue(
            session, lane="task", kind="crop_and_tag", owner_id=stage.mame_id, subject_id="d", priority=1, now=utc_now()
        )
    assert stage.admin.delete(f"/api/admin/accounts/{stage.mame_id}").status_code == 204
    assert stage.admin.get("/api/admin/queue").json()["jobs"] == []
    assert stage.mame.get("/api/me").status_code == 401


def test_the_queue_is_seen_without_what_is_in_it(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        job = queue.enqueue(
            session, lane="draw", kind="draw", owner_id=stage.mame_id, subject_id="d", priority=1, now=utc_now(),
            payload={"prompt": "a secret wish"},
        )  # fmt: skip
        queue.start_worker(session, "host:cpu", ("draw",), "cpu", utc_now(), device_name="EPYC", memory_bytes=2**34)
    answer = stage.admin.get("/api/admin/queue")
    assert answer.json()["counts"] == {"draw": {"waiting": 1}}
    assert [(one["id"], one["owner_id"], one["state"]) for one in answer.json()["jobs"]] == [
        (job.id, stage.mame_id, "waiting")
    ]
    assert "secret wish" not in answer.text
    (worker,) = stage.admin.get("/api/admin/workers").json()
    assert (worker["id"], worker["lanes"], worker["is_alive"]) == ("host:cpu", ["draw"], True)
    assert (worker["device_name"], worker["memory_bytes"]) == ("EPYC", 2**34)


def test_places_in_the_queue_are_counted_lane_by_lane_over_all_owners(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        for lane, owner_id in (("train", stage.mame_id), ("train", stage.admin_id), ("draw", stage.mame_id)):
            queue.enqueue(session, lane=lane, kind="draw", owner_id=owner_id, subject_id="d", priority=1, now=utc_now())
    jobs = stage.admin.get("/api/admin/queue").json()["jobs"]
    assert [(one["lane"], one["owner_id"], one["position"]) for one in jobs] == [
        ("draw", stage.mame_id, 1), ("train", stage.mame_id, 1), ("train", stage.admin_id, 2)
    ]  # fmt: skip


def test_somebodys_waiting_training_is_cancelled_as_they_could_themselves(stage: Stage) -> None:
    dataset = stage.mame.post("/api/datasets/samples", json={"name": "mame"}).json()["id"]
    started = stage.mame.post("/api/runs", json={"dataset_id": dataset, "recipe": {"base_model": "starter"}}).json()
    balance = stage.mame.get("/api/stamina").json()
    (job,) = stage.admin.get("/api/admin/queue").json()["jobs"]
    assert (job["kind"], job["owner_id"], job["may_be_cancelled"]) == ("train_run", stage.mame_id, True)
    url = f"/api/admin/queue/{job['id']}/cancel"
    assert stage.mame.post(url).status_code == 403, "her own run has a way of its own"
    assert stage.script(stage.admin_id).post(url).status_code == 403, "a script has no power over others"
    answer = stage.admin.post(url)
    assert (answer.status_code, answer.json()["state"], answer.json()["position"]) == (202, "cancelled", None)
    run = stage.mame.get(f"/api/runs/{started['id']}", headers={"Accept-Language": "ja"}).json()
    assert (run["state"], run["failure"]["kind"]) == ("cancelled", "CancelledByAdministrator")
    assert run["failure"]["message"] == "管理者がこの学習を中止しました。", "its owner is told, in her language"
    assert stage.mame.get("/api/stamina").json() != balance, "what was reserved is free again"
    assert stage.admin.get("/api/admin/queue").json()["jobs"] == []
    assert stage.admin.post(url).status_code == 409
    assert stage.admin.post("/api/admin/queue/nothing/cancel").status_code == 404


def test_work_that_must_be_told_to_what_it_is_about_is_not_cancelled_here(stage: Stage) -> None:
    with transaction(stage.engine) as session:
        job = queue.enqueue(
            session, lane="task", kind="crop_and_tag", owner_id=stage.mame_id, subject_id="d", priority=1, now=utc_now()
        )
    assert stage.admin.get("/api/admin/queue").json()["jobs"][0]["may_be_cancelled"] is False
    assert stage.admin.post(f"/api/admin/queue/{job.id}/cancel").status_code == 422
    assert len(stage.admin.get("/api/admin/queue").json()["jobs"]) == 1


def test_power_over_other_accounts_is_for_a_person_and_not_for_a_token(stage: Stage) -> None:
    script = stage.script(stage.admin_id)
    assert script.get("/api/admin/accounts").status_code == 200
    url = f"/api/admin/accounts/{stage.mame_id}"
    assert script.post("/api/admin/accounts", json={"name": "x"}).status_code == 403
    assert script.post(f"{url}/password").status_code == 403
    assert script.patch(url, json={"is_admin": True}).status_code == 403
    assert script.delete(f"{url}/keys").status_code == 403
    assert script.delete(url).status_code == 403


def test_nobody_but_an_administrator_gets_any_of_it(stage: Stage) -> None:
    url = f"/api/admin/accounts/{stage.admin_id}"
    for method, path in (
        ("GET", "/api/admin/accounts"), ("POST", "/api/admin/accounts"), ("GET", url), ("PATCH", url),
        ("DELETE", url), ("POST", f"{url}/password"), ("DELETE", f"{url}/keys"), ("GET", "/api/admin/workers"),
        ("GET", "/api/admin/queue"), ("POST", "/api/admin/queue/x/cancel"),
    ):  # fmt: skip
        body = {"POST": {"name": "x"}, "PATCH": {}}.get(method)
        assert stage.mame.request(method, path, json=body).status_code == 403, (method, path)
        assert TestClient(stage.app, base_url=SERVER).request(method, path, json=body).status_code == 401


@pytest.mark.parametrize("number", range(20))
def test_a_password_by_chance_is_long_and_easily_read(number: int) -> None:
    from enogu.accounts.passwords import new_password

    made = new_password()
    assert len(made) == 19 and made != new_password()
    assert not set(made) & set("0O1lI")
