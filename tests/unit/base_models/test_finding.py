"""Which base model a word or a path means (C7), and what is said when it means none."""

from __future__ import annotations

from pathlib import Path

import pytest

from enogu import starter_data
from enogu.base_models import find_base_model, list_base_models
from enogu.errors import BaseModelRefused, EnoguError
from enogu.settings import Settings
from tests.unit.base_models.checkpoints import checkpoint, safetensors_of
from tests.unit.base_models.diffusers_folders import write_base_model


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "home")


@pytest.fixture
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the shipped base model."""
    folder = write_base_model(tmp_path / "shipped" / "base_model")
    monkeypatch.setattr(starter_data, "path", lambda *parts: (tmp_path / "shipped").joinpath(*parts))
    return folder


@pytest.mark.usefixtures("starter")
def test_starter_means_the_base_model_that_ships(settings: Settings, starter: Path) -> None:
    found = find_base_model("starter", settings)
    assert (found.name, found.folder, found.origin) == ("starter", starter, "starter")


@pytest.mark.usefixtures("starter")
def test_a_folder_called_starter_nearby_does_not_replace_the_shipped_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_base_model(tmp_path / "starter")
    write_base_model(settings.base_models_folder / "starter")
    monkeypatch.chdir(tmp_path)
    assert find_base_model("starter", settings).origin == "starter"
    assert find_base_model("./starter", settings).folder == tmp_path / "starter"


def test_a_name_means_the_folder_under_the_home(settings: Settings) -> None:
    write_base_model(settings.base_models_folder / "anime v3")
    found = find_base_model("anime v3", settings)
    assert (found.name, found.origin) == ("anime v3", "home")


def test_a_path_means_the_folder_there_by_its_own_name(settings: Settings, tmp_path: Path) -> None:
    write_base_model(tmp_path / "elsewhere")
    found = find_base_model(str(tmp_path / "elsewhere" / ".." / "elsewhere"), settings)
    assert (found.name, found.folder, found.origin) == ("elsewhere", tmp_path / "elsewhere", "path")


def test_an_unknown_name_is_answered_with_the_names_there_are(settings: Settings) -> None:
    write_base_model(settings.base_models_folder / "anime")
    with pytest.raises(BaseModelRefused, match=r"'anmie'.*mean 'anime'.*starter, anime.*base_models"):
        find_base_model("anmie", settings)


def test_a_path_that_leads_nowhere_is_not_taken_for_a_name(settings: Settings) -> None:
    with pytest.raises(BaseModelRefused, match="no folder or file models/none"):
        find_base_model("models/none", settings)


def test_an_empty_reference_does_not_mean_the_current_folder(settings: Settings) -> None:
    with pytest.raises(BaseModelRefused, match="no base model ''"):
        find_base_model("", settings)


@pytest.mark.parametrize("name", ["anime.ckpt", "anime.PT"])
def test_a_pickle_is_refused_with_the_reason(settings: Settings, tmp_path: Path, name: str) -> None:
    """C3."""
    (tmp_path / name).touch()
    with pytest.raises(BaseModelRefused, match="is a pickle, which can run any program"):
        find_base_model(str(tmp_path / name), settings)


def test_a_single_file_of_sd15_is_found_by_path_and_name(settings: Settings, tmp_path: Path) -> None:
    """C3."""
    (tmp_path / "anime.safetensors").write_bytes(checkpoint())
    found = find_base_model(str(tmp_path / "anime.safetensors"), settings)
    assert (found.name, found.layout, found.origin, found.native_side) == ("anime", "single_file", "path", 512)
    settings.base_models_folder.mkdir(parents=True)
    (tmp_path / "anime.safetensors").rename(settings.base_models_folder / "anime.safetensors")
    assert find_base_model("anime", settings).origin == "home"
    assert "anime" in [one.name for one in list_base_models(settings).base_models]


@pytest.mark.parametrize(
    ("data", "said"),
    [(checkpoint(width=1024), "It is SD2; the engine"), (b"", "no safetensors file"), (safetensors_of({}), "is no")],
)
def test_a_single_file_that_cannot_be_trained_says_why(
    settings: Settings, tmp_path: Path, data: bytes, said: str
) -> None:
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(BaseModelRefused, match=said):
        find_base_model(str(tmp_path / "x.safetensors"), settings)


@pytest.mark.usefixtures("starter")
def test_the_list_begins_with_the_starter_and_sorts_the_rest(settings: Settings) -> None:
    for name in ("b", "a"):
        write_base_model(settings.base_models_folder / name)
    listed = list_base_models(settings)
    assert [one.name for one in listed.base_models] == ["starter", "a", "b"]
    assert listed.refused == ()


@pytest.mark.usefixtures("starter")
def test_a_broken_folder_is_listed_apart_and_hides_no_other(settings: Settings) -> None:
    write_base_model(settings.base_models_folder / "whole")
    (settings.base_models_folder / "broken").mkdir()
    listed = list_base_models(settings)
    assert [one.name for one in listed.base_models] == ["starter", "whole"]
    assert "broken" in str(listed.refused[0])


def test_an_installation_without_its_starter_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: str) -> Path:
        raise EnoguError("base_model is missing from the installation.", "Install Enogu again.")

    monkeypatch.setattr(starter_data, "path", missing)
    with pytest.raises(EnoguError, match="missing from the installation"):
        find_base_model("starter", settings)
    assert [error.cure for error in list_base_models(settings).refused] == ["Install Enogu again."]


def test_the_starter_that_ships_is_a_base_model_of_sd15(settings: Settings) -> None:
    """C7, and the size that issue 2 allows."""
    found = find_base_model("starter", settings)
    assert (found.family, found.prediction_type) == ("sd15", "epsilon")
    assert found.size_bytes <= 45_000_000
