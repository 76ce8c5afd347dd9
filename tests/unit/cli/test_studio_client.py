"""A studio over the network: tokens, words of errors, lines that are cut, uploads and streams that go on (D1, G4)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from enogu.accounts import service as accounts
from enogu.bootstrap import Studio, open_studio
from enogu.cli import studio_client
from enogu.cli.main import run
from enogu.cli.output import Call, Output
from enogu.cli.studio_client import StudioAnswered, StudioUnreachable
from enogu.cli.unfinished_uploads import UnfinishedUploads
from enogu.server.app import create_app
from enogu.server.logs import set_up_logs
from enogu.settings import read_settings
from enogu.storage.database import transaction, utc_now
from tests.unit.cli.conftest import Enogu


class Cutting:
    """The app behind a bad line: breaks off what ``cuts`` says, once each."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.cuts: list[Callable[[Scope, int], bool]] = []
        self.paths: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self.paths.append(f"{scope['method']} {scope['path']}")
        num_sent = 0

        async def cutting_send(message: Message) -> None:
            nonlocal num_sent
            num_sent += 1
            for cut in self.cuts:
                if cut(scope, num_sent):
                    self.cuts.remove(cut)
                    raise ConnectionResetError
            await send(message)

        await self._app(scope, receive, cutting_send)


@pytest.fixture
def studio(home: Path) -> Iterator[Studio]:
    studio = open_studio(read_settings({"ENOGU_HOME": str(home)}), "password")
    yield studio
    studio.close()


@pytest.fixture
def cutting(studio: Studio) -> Cutting:
    return Cutting(create_app(studio))


@pytest.fixture
def url(cutting: Cutting) -> Iterator[str]:
    set_up_logs(level="critical", keeps_loggers=False)
    server = uvicorn.Server(uvicorn.Config(cutting, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def token(studio: Studio) -> str:
    """Of another person than the owner of what is in the home already."""
    with transaction(studio.engine) as session:
        account = accounts.create_account(session, "someone", None, utc_now())
        return accounts.create_api_token(session, account.id, "for tests", utc_now()).secret


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio_client, "_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(studio_client, "PATIENCE_SECONDS", 30.0)


@pytest.fixture
def remote(url: str, token: str, home: Path, quick: None) -> Iterator[studio_client.StudioClient]:
    call = Call(read_settings({"ENOGU_HOME": str(home)}), Output(as_json=False), url, token)
    with studio_client._remote(call) as http:
        yield studio_client.StudioClient(http, url, UnfinishedUploads(home / "unfinished.json"))


def test_a_studio_elsewhere_is_worked_with_by_address_and_token(enogu: Enogu, url: str, token: str) -> None:
    far = ("--server", url, "--token", token)
    assert enogu("account", "me", *far, "--json").json["account"]["name"] == "someone"
    enogu("dataset", "create", "there", *far)
    assert [one["name"] for one in enogu("dataset", "list", *far, "--json").json["datasets"]] == ["there"]
    assert [one["name"] for one in enogu("dataset", "list", "--json").json["datasets"]] == ["mame"]


def test_server_and_token_may_come_from_the_environment(
    enogu: Enogu, url: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENOGU_SERVER", url + "/")
    monkeypatch.setenv("ENOGU_TOKEN", token)
    assert enogu("account", "me", "--json").json["kind"] == "api_token"


def test_without_a_token_the_cure_says_where_to_get_one(enogu: Enogu, url: str) -> None:
    assert "--token or ENOGU_TOKEN" in enogu("dataset", "list", "--server", url, code=2).err


@pytest.mark.parametrize("address", ["127.0.0.1:8765", "ftp://x", "http://", "http://127.0.0.1:99999"])
def test_an_address_that_is_none_is_said_in_words(enogu: Enogu, address: str) -> None:
    said = enogu("dataset", "list", "--server", address, code=None)
    assert said.code in (1, 2)
    assert "--server" in said.err


def test_nobody_at_the_address_is_a_failure_with_the_cure(enogu: Enogu) -> None:
    assert "enogu studio" in enogu("dataset", "list", "--server", "http://127.0.0.1:1", code=1).err


def test_an_unforeseen_error_never_writes_the_token_into_the_log(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(call: Call) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(studio_client, "_remote", broken)
    assert run(["dataset", "list", "--server", "http://x", "--token", "very-secret", "--home", str(home)]) == 1
    assert run(["dataset", "list", "--server", "http://x", "--token=very-secret", "--home", str(home)]) == 1
    logs = list((home / "logs").iterdir())
    assert logs
    assert not any("very-secret" in log.read_text() for log in logs)


def test_ctrl_c_is_answered_with_a_word_and_exit_code_1(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(call: Call) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(studio_client, "_here", stopped)
    assert run(["dataset", "list"]) == 1
    assert capsys.readouterr().err.strip() == "Stopped."


def test_the_kind_of_an_answer_decides_the_exit_code(remote: studio_client.StudioClient) -> None:
    with pytest.raises(StudioAnswered) as missing:
        remote.get("/api/datasets/nothing")
    assert (missing.value.status, missing.value.exit_code) == (404, 2)
    with pytest.raises(StudioAnswered) as refused:
        remote.post("/api/datasets", {"name": ""})
    assert (refused.value.status, refused.value.exit_code) == (422, 2)


def test_an_upload_goes_on_where_the_line_was_cut(
    remote: studio_client.StudioClient, cutting: Cutting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio_client, "PIECE_BYTES", 1000)
    file = tmp_path / "set.zip"
    file.write_bytes(bytes(range(256)) * 20)
    cutting.cuts.append(lambda scope, sent: scope["method"] == "PATCH")
    upload_id = remote.upload(file, "zip")
    known = remote.get(f"/api/uploads/{upload_id}")
    assert (known["is_finished"], known["offset"]) == (True, 5120)
    assert sum(path.startswith("PATCH") for path in cutting.paths) == 6, "no piece was sent twice"


def test_the_same_command_goes_on_with_an_upload_that_was_stopped(
    remote: studio_client.StudioClient, cutting: Cutting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio_client, "PIECE_BYTES", 1000)
    file = tmp_path / "set.zip"
    file.write_bytes(bytes(5000))

    def stop(done: int, total: int | None) -> None:
        if done == 3000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remote.upload(file, "zip", on_progress=stop)
    begun = len(cutting.paths)
    remote.upload(file, "zip")
    assert sum(path.startswith("PATCH") for path in cutting.paths[begun:]) == 2
    assert sum(path == "POST /api/uploads" for path in cutting.paths) == 1
    file.write_bytes(bytes(4000))
    remote.upload(file, "zip")
    assert sum(path == "POST /api/uploads" for path in cutting.paths) == 2, "a changed file is another one"


def test_a_stream_that_is_cut_goes_on_behind_its_last_event(
    remote: studio_client.StudioClient, cutting: Cutting, studio: Studio
) -> None:
    run_id = _cancelled_run(remote)
    whole = [(one.id, one.kind) for one in remote.follow(f"/api/runs/{run_id}/events")]
    assert len(whole) >= 2
    cutting.cuts += [lambda scope, sent: sent == 3 and scope["path"].endswith("/events")] * 2
    assert [(one.id, one.kind) for one in remote.follow(f"/api/runs/{run_id}/events")] == whole


def test_patience_with_a_studio_that_does_not_answer_has_an_end(
    home: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio_client, "PATIENCE_SECONDS", 0.2)
    call = Call(read_settings({"ENOGU_HOME": str(home)}), Output(as_json=False), "http://127.0.0.1:1", "")
    with studio_client._remote(call) as http, pytest.raises(StudioUnreachable):
        client = studio_client.StudioClient(http, call.server, UnfinishedUploads(home / "unfinished.json"))
        list(client.follow("/api/runs/x/events"))


def test_a_download_that_breaks_off_leaves_no_half_file(
    remote: studio_client.StudioClient, cutting: Cutting, tmp_path: Path
) -> None:
    made = remote.post("/api/datasets/samples", {"name": "mame"})
    cutting.cuts.append(lambda scope, sent: sent == 3 and scope["path"].endswith("/zip"))
    with pytest.raises(StudioUnreachable):
        remote.download(f"/api/datasets/{made['id']}/zip", tmp_path / "x.zip")
    assert list(tmp_path.glob("*x.zip*")) == []


def test_uploads_that_were_begun_are_forgotten_when_the_file_cannot_be_read(tmp_path: Path) -> None:
    kept = UnfinishedUploads(tmp_path / "u.json")
    kept.note("a", "1")
    assert kept.find("a") == "1"
    (tmp_path / "u.json").write_text("[")
    assert kept.find("a") is None
    (tmp_path / "u.json").write_text(json.dumps(["a"]))
    assert kept.find("a") is None
    kept.forget("a")


def _cancelled_run(remote: studio_client.StudioClient) -> str:
    dataset = remote.post("/api/datasets/samples", {"name": "mame"})
    recipe = next(one for one in remote.get("/api/presets") if one["name"] == "starter_character_cpu")["recipe"]
    run_id = remote.post("/api/runs", {"dataset_id": dataset["id"], "recipe": recipe})["id"]
    remote.post(f"/api/runs/{run_id}/cancel")
    return run_id
