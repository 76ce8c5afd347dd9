"""``enogu lora`` over the API in this process (H3, H5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.unit.cli.conftest import Enogu


def test_what_a_training_left_is_saved_found_downloaded_and_deleted_with_undo(
    enogu: Enogu, work: Callable[[], int], tmp_path: Path
) -> None:
    enogu("runs", "start", "mame", "--set", "training.epochs=2")
    assert "has saved no file yet" in enogu("lora", "save", "last", code=2).err
    work()
    assert "<lora:mame:1>" in enogu("lora", "save", "last").out
    first = enogu("lora", "save", "last", "--epoch", "1", "--name", "early", "--json").json
    assert (first["name"], first["epoch"]) == ("early", 1)
    assert {"mame", "early"} <= {one["name"] for one in enogu("lora", "list", "--json").json["loras"]}
    path = Path(enogu("lora", "download", "mame", "--out", tmp_path, "--json").json["path"])
    assert path.name == "mame.safetensors"
    added = enogu("lora", "upload", path, "--name", "sent", "--json").json
    assert added["sha256"] == enogu("lora", "show", "mame", "--json").json["sha256"]
    enogu("lora", "set", "sent", "--trigger", "zdm", "--weight", "0.8")
    card = tmp_path / "card.json"
    enogu("lora", "sidecar", "sent", "--out", card)
    assert json.loads(card.read_text())["activation text"] == "zdm"
    enogu("lora", "delete", "sent")
    assert "sent" not in enogu("lora", "list").out
    assert "sent" in enogu("lora", "list", "--deleted").out
    assert enogu("lora", "restore", "sent", "--json").json["id"] == added["id"]
    zipped = enogu("lora", "download-all", "--out", tmp_path, "--json").json["path"]
    assert Path(zipped).stat().st_size > path.stat().st_size


def test_a_file_that_is_no_lora_is_refused_in_words(enogu: Enogu, tmp_path: Path) -> None:
    (tmp_path / "no.safetensors").write_bytes(b"no lora at all")
    assert "no.safetensors" in enogu("lora", "upload", tmp_path / "no.safetensors", code=2).err
    assert "no LoRA nothing" in enogu("lora", "show", "nothing", code=2).err
