"""ENOGU_HOME: what it may be, what it means, and that reading it changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from enogu.errors import WrongUse
from enogu.settings import Settings, read_settings


def test_the_home_folder_is_the_one_that_the_variable_names(tmp_path: Path) -> None:
    settings = read_settings({"ENOGU_HOME": str(tmp_path / "絵 の具")})
    assert settings == Settings(tmp_path / "絵 の具")
    assert settings.cache_folder == tmp_path / "絵 の具" / "cache"
    assert settings.base_models_folder == tmp_path / "絵 の具" / "base_models"


def test_reading_the_settings_creates_no_folder(tmp_path: Path) -> None:
    read_settings({"ENOGU_HOME": str(tmp_path / "new")})
    assert list(tmp_path.glob("new")) == []


@pytest.mark.parametrize("environment", [{}, {"ENOGU_HOME": ""}, {"ENOGU_HOME": "  "}])
def test_unset_or_empty_means_the_user_data_folder(environment: dict[str, str]) -> None:
    home = read_settings(environment).home
    assert home.is_absolute()
    assert home.name == "enogu"


def test_a_relative_home_is_made_absolute_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the current folder must not move the data."""
    monkeypatch.chdir(tmp_path)
    assert read_settings({"ENOGU_HOME": "data/../mine"}).home == tmp_path / "mine"


def test_a_tilde_stands_for_the_home_of_the_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert read_settings({"ENOGU_HOME": "~/enogu"}).home == tmp_path / "enogu"


def test_a_home_of_nobody_is_refused_with_the_cure() -> None:
    with pytest.raises(WrongUse, match="Write it in full"):
        read_settings({"ENOGU_HOME": "~nobody-of-this-name/enogu"})


def test_a_file_as_home_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WrongUse, match="file, which is a file"):
        read_settings({"ENOGU_HOME": str(tmp_path / "file")})


def test_without_an_argument_the_environment_of_the_process_counts(enogu_home: Path) -> None:
    assert read_settings().home == enogu_home


def test_database_and_files_lie_in_the_home_folder_unless_told_otherwise(tmp_path: Path) -> None:
    settings = read_settings({"ENOGU_HOME": str(tmp_path), "ENOGU_DATABASE_URL": "", "ENOGU_FILES_URL": " "})
    assert settings.database_url == f"sqlite:///{tmp_path / 'enogu.sqlite3'}"
    assert settings.files_url == str(tmp_path / "files")


def test_database_and_files_are_where_their_variables_say(tmp_path: Path) -> None:
    database, files = "postgresql://mame:secret@db/enogu", "s3://bucket/studio?endpoint=http://127.0.0.1:9000"
    settings = read_settings(
        {"ENOGU_HOME": str(tmp_path), "ENOGU_DATABASE_URL": database, "ENOGU_FILES_URL": f" {files} "}
    )
    assert (settings.database_url, settings.files_url) == (database, files)


def test_a_password_in_a_url_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "postgresql://mame:secret@db/enogu", "s3://bucket?secret=1")
    assert "secret" not in repr(settings)
