"""``enogu base``, ``stamina``, ``account`` and ``preset`` over the API in this process (A3 to A6, B8, C1 to C5, J3)."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from enogu import starter_data
from enogu.recipe import load_recipe
from tests.unit.cli.conftest import Enogu

STARTER = Path(starter_data.path("base_model"))


def test_a_folder_is_registered_where_it_lies_and_forgotten_without_touching_it(enogu: Enogu) -> None:
    assert "starter" in enogu("base", "list").out
    added = enogu("base", "register", STARTER, "--name", "mine", "--json").json
    assert (added["family"], added["can_train"]) == ("sd15", True)
    enogu("base", "set", "mine", "--notes", "for tests")
    assert "for tests" in enogu("base", "show", "mine").out
    enogu("base", "delete", "mine")
    assert "no base model mine" in enogu("base", "show", "mine", code=2).err
    assert (STARTER / "model_index.json").is_file()


def test_a_file_that_is_no_base_model_is_refused_in_words(enogu: Enogu, tmp_path: Path) -> None:
    (tmp_path / "no.safetensors").write_bytes(b"nothing")
    assert "no.safetensors" in enogu("base", "upload", tmp_path / "no.safetensors", code=2).err
    assert "nowhere" in enogu("base", "register", tmp_path / "nowhere", code=2).err


def test_stamina_tells_its_balance_and_what_was_spent_on_what(enogu: Enogu) -> None:
    assert enogu("stamina", "balance", "--json").json["stamina"] == 150
    quote = enogu("stamina", "quote", "mame", "--json").json["quote"]["stamina"]
    run_id = enogu("runs", "start", "mame", "--json").json["id"]
    assert "free, 150 a day" in enogu("stamina", "balance").out
    newest = enogu("stamina", "ledger", "--json").json[0]
    assert (newest["kind"], newest["amount"], newest["run_id"]) == ("reserved", -quote, run_id)
    assert "beginner" in enogu("stamina", "plans").out
    assert enogu("stamina", "try", "beginner", "--json").json["plan"] == "beginner"
    enogu("stamina", "try", "beginner", code=None)
    assert "in all." in enogu("stamina", "quote", "mame").out


def test_tokens_are_made_shown_once_and_revoked(enogu: Enogu) -> None:
    made = enogu("account", "tokens", "create", "script", "--days", "3", "--json").json
    assert made["secret"].startswith("enogu_t_")
    listed = enogu("account", "tokens", "list")
    assert "script" in listed.out and made["secret"] not in listed.out
    enogu("account", "tokens", "revoke", "script")
    assert enogu("account", "tokens", "list", "--json").json == []


def test_everything_one_owns_is_exported_and_deletion_wants_the_name(enogu: Enogu, tmp_path: Path) -> None:
    """J3."""
    assert "owner of the studio on this machine" in enogu("account", "me").out
    told = enogu("account", "export", "--out", tmp_path, "--json").json
    with zipfile.ZipFile(told["path"]) as archive:
        assert any(name.endswith(".png") for name in archive.namelist())
    assert "not as nobody" in enogu("account", "delete", "--really", "nobody", code=2).err
    assert "mame" in enogu("dataset", "list").out


def test_a_recipe_is_saved_under_a_name_shown_as_a_file_and_recalled(enogu: Enogu, tmp_path: Path) -> None:
    """B8: the name recalls it."""
    saved = enogu("preset", "save", "mine", "--preset", "starter_character_cpu", "--set", "training.epochs=3", "--json")
    file = tmp_path / "mine.toml"
    file.write_text(enogu("preset", "show", "mine").out, encoding="utf-8")
    assert load_recipe(file).training.epochs == 3
    again = enogu("preset", "save", "mine", "--recipe", file, "--purpose", "beans", "--json").json
    assert (again["id"], again["purpose"]) == (saved.json["id"], "beans")
    assert enogu("runs", "plan", "mame", "--preset", "mine", "--json").json["plan"]["num_epochs"] == 3
    run_id = enogu("runs", "start", "mame", "--preset", "mine", "--json").json["id"]
    enogu("preset", "save", "of_run", "--from", run_id)
    enogu("preset", "delete", "mine")
    assert "no preset mine" in enogu("runs", "plan", "mame", "--preset", "mine", code=2).err
    assert "ships with Enogu" in enogu("preset", "delete", "starter_character_cpu", code=2).err
    assert "one of --recipe" in enogu("preset", "save", "x", code=2).err


def test_nothing_to_work_for_is_told_only_when_nobody_works(enogu: Enogu, work: Callable[[], int]) -> None:
    assert "No worker is running" in enogu("runs", "start", "mame").out
    assert work() == 1
    assert "finished" in enogu("runs", "list").out
