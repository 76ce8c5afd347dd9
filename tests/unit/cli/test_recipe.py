"""``enogu recipe import`` and ``export`` (F33)."""

from __future__ import annotations

from pathlib import Path

from enogu.recipe import load_recipe, recipe_fields
from tests.unit.cli.conftest import Enogu

FILES = Path(__file__).parents[1] / "recipe" / "foreign"


def test_settings_of_kohya_ss_become_a_recipe_file_and_a_report(enogu: Enogu, tmp_path: Path) -> None:
    told = enogu("recipe", "import", FILES / "kohya_gui.json", "--out", tmp_path / "mame.toml")
    recipe = load_recipe(tmp_path / "mame.toml")
    assert (recipe.output_name, recipe.adapter.dim, recipe.schedule.kind) == ("mame", 32, "cosine_with_restarts")
    assert "Enogu has no counterpart:\n  stop_text_encoder_training = 30" in told.out
    assert "is there already" in enogu(
        "recipe", "import", FILES / "kohya_gui.json", "--out", tmp_path / "mame.toml", code=2
    ).err  # fmt: skip


def test_the_dataset_that_a_toml_names_is_read_with_it(enogu: Enogu) -> None:
    told = enogu("recipe", "import", FILES / "sd_scripts.toml", "--pictures", "50", "--json").json
    assert told["source"] == "sd-scripts"
    assert told["recipe"]["trigger"] == "lines style"
    assert told["recipe"]["pictures"]["repeats"] == 6
    assert {"name", "value", "outcome", "path", "became", "words"} == told["remarks"][0].keys()


def test_a_preset_goes_to_sd_scripts_and_comes_back_the_same(enogu: Enogu, tmp_path: Path) -> None:
    enogu("recipe", "export", "sd15_character_1x8gb", "--kohya", "--out", tmp_path)
    back = enogu("recipe", "import", tmp_path / "lora.toml", "--json").json["recipe"]
    preset = next(
        p for p in enogu("recipe", "presets", "--json").json["presets"] if p["name"] == "sd15_character_1x8gb"
    )
    assert back == load_recipe(Path(preset["path"])).model_dump(mode="json") | {"previews": back["previews"]}
    assert (
        "is there already"
        in enogu("recipe", "export", "sd15_character_1x8gb", "--kohya", "--out", tmp_path, code=2).err
    )
    assert "--kohya" in enogu("recipe", "export", "sd15_character_1x8gb", "--out", tmp_path, code=2).err


def test_a_file_that_is_no_settings_names_itself(enogu: Enogu, tmp_path: Path) -> None:
    assert "nowhere.json" in enogu("recipe", "import", tmp_path / "nowhere.json", code=2).err
    (tmp_path / "picture.json").write_bytes(b"\xff\xfe\x00")
    assert "picture.json" in enogu("recipe", "import", tmp_path / "picture.json", code=2).err


def test_every_field_can_be_found_by_its_name_in_sd_scripts(enogu: Enogu) -> None:
    """F31, F33: what --set takes, for who has no docs at hand."""
    told = enogu("recipe", "fields", "network_dim")
    assert "adapter.dim  (kind = lora)" in told.out
    assert "1 to 1024; default 16; sd-scripts: network_dim" in told.out
    listed = enogu("recipe", "fields", "--json").json["fields"]
    assert [one["path"] for one in listed] == [field.path for field in recipe_fields()]
    assert "No field has nonsense" in enogu("recipe", "fields", "nonsense", code=2).err
