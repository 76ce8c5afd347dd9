"""``enogu dataset`` over the API in this process (B1, B2, B4; D1 to D10)."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from enogu import starter_data
from tests.unit.cli.conftest import Enogu

PICTURES = Path(starter_data.path("pictures"))


def test_a_dataset_goes_from_its_making_to_its_deletion_and_back(enogu: Enogu) -> None:
    made = enogu("dataset", "create", "mine", "--trigger", "zdm", "--json").json
    assert (made["name"], made["trigger"], made["num_pictures"]) == ("mine", "zdm", 0)
    assert "mine" in enogu("dataset", "list").out
    enogu("dataset", "delete", "mine")
    assert "mine" not in enogu("dataset", "list").out
    assert "mine" in enogu("dataset", "list", "--deleted").out
    assert enogu("dataset", "restore", "mine", "--json").json["id"] == made["id"]
    assert enogu("dataset", "show", made["id"][:24], "--json").json["name"] == "mine"


def test_a_kohya_folder_is_added_with_its_repeats_and_captions(enogu: Enogu) -> None:
    """D1, D2."""
    enogu("dataset", "create", "k")
    said = enogu("dataset", "add", "k", PICTURES / "mame_kohya")
    assert "7 pictures added. k has 7." in said.out
    shown = enogu("dataset", "show", "k", "--json").json
    assert {one["repeats"] for one in shown["pictures"]} == {20}
    assert all(one["caption"].startswith("mame, ") for one in shown["pictures"])
    again = enogu("dataset", "add", "k", PICTURES / "mame_kohya")
    assert "0 pictures added. 7 were there already." in again.out


def test_single_files_and_zips_are_added_and_what_is_refused_is_named(enogu: Enogu, tmp_path: Path) -> None:
    picture = next((PICTURES / "mame").rglob("*.png"))
    zipped = tmp_path / "set.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(next((PICTURES / "lines").rglob("*.png")), "one.png")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    enogu("dataset", "create", "mixed")
    said = enogu("dataset", "add", "mixed", picture, zipped, broken, "--json").json
    assert (said["num_new"], [one["name"] for one in said["refused"]]) == (2, ["broken.png"])
    only_broken = enogu("dataset", "add", "mixed", broken, code=1)
    assert "Left out: broken.png" in only_broken.out


def test_files_are_sent_in_batches_that_keep_a_caption_with_its_picture(tmp_path: Path) -> None:
    from enogu.cli import dataset

    for number in range(230):
        (tmp_path / f"{number}.png").write_bytes(b"x")
        (tmp_path / f"{number}.txt").write_text("x")
    files = list(dataset._files([tmp_path]))
    batches = list(dataset._batches(files))
    assert sorted(one for batch in batches for one in batch) == sorted(files)
    assert all(len(batch) <= dataset.BATCH_FILES + 1 for batch in batches)
    for batch in batches:
        stems = [name.rpartition(".")[0] for name, _ in batch]
        assert all(stems.count(stem) == 2 for stem in stems)


def test_what_is_not_there_is_wrong_use_with_the_command_that_lists(enogu: Enogu, tmp_path: Path) -> None:
    assert "See `enogu dataset list`." in enogu("dataset", "show", "nothing", code=2).err
    assert "There is no" in enogu("dataset", "add", "mame", tmp_path / "nothing", code=2).err


def test_a_name_that_two_have_is_refused_with_their_ids(enogu: Enogu) -> None:
    ids = [enogu("dataset", "create", "twin", "--json").json["id"] for _ in range(2)]
    said = enogu("dataset", "show", "twin", code=2)
    assert all(one in said.err for one in ids)


def test_settings_are_changed_and_what_is_left_out_stays(enogu: Enogu) -> None:
    """D5 to D10."""
    changed = enogu("dataset", "set", "mame", "--crop", "smart", "--size", "256x128", "--existing", "append", "--json")
    assert (changed.json["crop"]["method"], changed.json["crop"]["width"], changed.json["crop"]["height"]) == (
        "smart", 256, 128,
    )  # fmt: skip
    assert changed.json["tag"]["existing"] == "append"
    assert changed.json["trigger"] == "mame"
    assert "--size" in enogu("dataset", "set", "mame", "--size", "big", code=2).err
    assert "Nothing to change" in enogu("dataset", "set", "mame", code=2).err


def test_crop_and_tag_is_queued_and_says_that_nobody_works(enogu: Enogu, work: Callable[[], int]) -> None:
    """D9."""
    said = enogu("dataset", "crop-and-tag", "mame")
    assert "Queued" in said.out and "enogu worker" in said.out
    assert work() == 1
    pictures = enogu("dataset", "show", "mame", "--json").json["pictures"]
    assert all(one["caption"].startswith("mame") for one in pictures)


def test_findings_name_pictures_that_are_the_same(enogu: Enogu, tmp_path: Path) -> None:
    """D4."""
    from PIL import Image

    assert "Nothing to point out." in enogu("dataset", "findings", "mame").out
    picture = sorted((PICTURES / "mame").rglob("*.png"))[0]
    with Image.open(picture) as opened:
        opened.convert("RGB").save(tmp_path / "again.jpg", quality=90)
    enogu("dataset", "add", "mame", tmp_path / "again.jpg")
    assert "again.jpg" in enogu("dataset", "findings", "mame").out


def test_the_zip_holds_originals_and_captions_under_the_datasets_name(enogu: Enogu, tmp_path: Path) -> None:
    enogu("dataset", "create", "豆")
    enogu("dataset", "add", "豆", PICTURES / "mame_kohya")
    told = enogu("dataset", "download", "豆", "--out", tmp_path, "--json").json
    assert Path(told["path"]).name == "豆.zip"
    with zipfile.ZipFile(told["path"]) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".png")]) == 7


def test_pictures_are_marked_for_regularisation_by_name_or_pattern_and_back(enogu: Enogu) -> None:
    """F28."""
    names = [one["name"] for one in enogu("dataset", "roles", "mame", "--json").json["pictures"]]
    said = enogu("dataset", "roles", "mame", names[0], "*_02.png", "--set", "regularisation")
    assert said.out.count("regularisation") == 2
    listed = enogu("dataset", "roles", "mame", "--json").json["pictures"]
    assert [one["role"] for one in listed] == ["regularisation"] * 2 + ["learn"] * (len(names) - 2)
    assert "regularisation" in enogu("dataset", "show", "mame").out
    enogu("dataset", "roles", "mame", "*", "--set", "learn")
    assert {one["role"] for one in enogu("dataset", "roles", "mame", "--json").json["pictures"]} == {"learn"}
    assert "There is no picture nobody.png" in enogu("dataset", "roles", "mame", "nobody.png", code=2).err
    assert "which pictures" in enogu("dataset", "roles", "mame", "--set", "learn", code=2).err


def test_masks_are_given_by_name_saved_and_removed(enogu: Enogu, tmp_path: Path) -> None:
    """F28: of another size or name they are refused in words, and the rest comes in."""
    from PIL import Image

    pictures = enogu("dataset", "show", "mame", "--json").json["pictures"]
    first, second = pictures[0], pictures[1]
    masks = tmp_path / "masks"
    masks.mkdir()

    def draw(name: str, size: tuple[int, int]) -> Path:
        half = Image.new("L", size, 0)
        half.paste(255, (0, 0, size[0] // 2, size[1]))
        half.save(masks / name)
        return masks / name

    draw(first["name"], (first["width"], first["height"]))
    draw(second["name"], (8, 8))
    draw("nobody.png", (8, 8))
    told = enogu("dataset", "mask", "mame", masks, "--json").json
    assert [one["picture"] for one in told["given"]] == [first["name"]]
    assert {Path(one["mask"]).name for one in told["refused"]} == {second["name"], "nobody.png"}
    assert "No picture is called nobody" in enogu("dataset", "mask", "mame", masks / "nobody.png", code=1).out
    whole = draw("other.png", (second["width"], second["height"]))
    said = enogu("dataset", "mask", "mame", whole, "--picture", second["name"])
    assert "1 mask given" in said.out and "pictures.masked_loss=true" in said.out
    listed = enogu("dataset", "roles", "mame", "--json").json["pictures"]
    assert [one["has_mask"] for one in listed][:3] == [True, True, False]
    assert "learn, masked" in enogu("dataset", "show", "mame").out
    saved = enogu("dataset", "mask", "mame", "--out", tmp_path / "saved", "--json").json["saved"]
    assert [Path(one).name for one in saved] == [first["name"], second["name"]]
    with Image.open(saved[0]) as back, Image.open(masks / first["name"]) as sent:
        assert back.convert("L").tobytes() == sent.tobytes()
    assert "2 masks removed." in enogu("dataset", "mask", "mame", "--remove", "*").out
    assert "nothing to do" in enogu("dataset", "mask", "mame", code=2).err
    assert "There is no" in enogu("dataset", "mask", "mame", tmp_path / "gone", code=2).err
