"""``enogu admin`` as it is typed: accounts, plans, sweeping, checking; in sentences and in JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enogu.cli.main import run
from enogu.storage.files_on_disk import FilesOnDisk


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What the command answers a machine."""
    assert run(["--json", "admin", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_account_is_made_listed_changed_and_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    made = told(capsys, "create-account", "豆", "--admin")
    assert (made["name"], made["is_admin"], len(made["password"])) == ("豆", True, 19)
    told(capsys, "create-account", "mame", "--plan", "pro")
    assert [one["name"] for one in told(capsys, "list")["accounts"]] == ["豆", "mame"]
    assert [one["name"] for one in told(capsys, "list", "--search", "MAM")["accounts"]] == ["mame"]
    assert told(capsys, "set-plan", "MAME", "free")["plan_name"] == "free"
    assert told(capsys, "set-admin", "mame")["is_admin"] is True
    assert told(capsys, "set-admin", "豆", "--off")["is_admin"] is False
    password = told(capsys, "set-password", "豆")["password"]
    assert password != made["password"]
    assert told(capsys, "delete-account", "豆", "--yes")["deleted"]["name"] == "豆"
    assert [one["name"] for one in told(capsys, "list")["accounts"]] == ["mame"]


def test_a_password_works_for_signing_in(capsys: pytest.CaptureFixture[str], enogu_home: Path) -> None:
    from enogu.accounts import passwords, service
    from enogu.storage.database import open_engine, reading

    made = told(capsys, "create-account", "mame")
    engine = open_engine(f"sqlite:///{enogu_home / 'enogu.sqlite3'}")
    with reading(engine) as session:
        credentials = service.find_credentials(session, "mame")
    engine.dispose()
    assert credentials is not None
    assert passwords.matches(credentials.password_hash, made["password"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["set-plan", "nobody", "pro"], "Nobody here is called 'nobody'"),
        (["create-account", "a b"], "no spaces"),
        (["create-account", "mame", "--plan", "golden"], "no stamina plan 'golden'"),
    ],
)
def test_wrong_use_is_said_with_its_cure(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert run(["admin", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_last_administrator_stays(capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "create-account", "mame", "--admin")
    assert run(["admin", "set-admin", "mame", "--off"]) == 1
    assert "only administrator" in capsys.readouterr().err


def test_the_sentences_for_a_person_say_the_password_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["admin", "create-account", "mame"]) == 0
    said = capsys.readouterr().out
    assert "mame can sign in." in said
    assert "shown here and never again" in said
    assert run(["admin", "list"]) == 0
    assert "mame" in capsys.readouterr().out


def test_a_sweep_counts_first_and_takes_away_then(capsys: pytest.CaptureFixture[str], enogu_home: Path) -> None:
    import os

    told(capsys, "check")
    files = FilesOnDisk(enogu_home / "files")
    put = files.put([b"nobody's"], 100)
    with files.local(put.sha256) as path:
        os.utime(path, (1, 1))
    assert told(capsys, "sweep", "--trial") == {
        "expired_keys": 0, "forgotten_uploads": 0, "deleted_rows": 0, "files": 1, "bytes": 8, "is_trial": True,
    }  # fmt: skip
    assert told(capsys, "sweep")["files"] == 1
    assert files.find(put.sha256) is None


def test_the_check_says_what_is_wrong_and_ends_with_one(capsys: pytest.CaptureFixture[str], enogu_home: Path) -> None:
    assert run(["admin", "check"]) == 0
    assert "ok" in capsys.readouterr().out
    (enogu_home / "files").rename(enogu_home / "elsewhere")
    (enogu_home / "files").write_bytes(b"a file where the folder should be")
    assert run(["--json", "admin", "check"]) == 1
    assert "store of files" in json.loads(capsys.readouterr().out)["problems"]["files"]


def test_the_tables_are_brought_up_to_date_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    from enogu.storage.migrations import known_revisions

    assert told(capsys, "migrate") == {"revision": known_revisions()[-1]}
