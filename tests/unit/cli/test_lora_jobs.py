"""``enogu lora convert`` and its like on LoRAs of the studio: jobs of a worker, waited for (issue 5, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enogu.cli import lora_jobs
from enogu.weights.header import read_header
from tests.unit.cli.conftest import Enogu
from tests.unit.loras.test_tools import lora_file


@pytest.fixture(autouse=True)
def worker(work: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """It works at the moment in which a command would say that nobody does."""

    def do_all(*_: Any) -> None:
        work()

    monkeypatch.setattr(lora_jobs, "say_if_nobody_works", do_all)
    monkeypatch.setattr(lora_jobs, "_POLL_SECONDS", 0.01)


@pytest.fixture
def library(enogu: Enogu, tmp_path: Path) -> None:
    for seed, name in enumerate(("mame", "sumi")):
        (tmp_path / f"{name}.safetensors").write_bytes(lora_file(seed))
        enogu("lora", "upload", tmp_path / f"{name}.safetensors")


@pytest.mark.usefixtures("library")
def test_loras_of_the_studio_go_through_every_tool_by_their_names(enogu: Enogu, tmp_path: Path) -> None:
    fetched = tmp_path / "fetched.safetensors"
    said = enogu("lora", "convert", "mame", "--to", "diffusers", "--name", "there", "--out", fetched)
    assert "In the library: there" in said.out and str(fetched) in said.out
    assert any(name.endswith("lora_A.weight") for name in read_header(fetched).shapes)

    merged = enogu("lora", "merge", "mame:0.5:0.25", "sumi", "--name", "both", "--precision", "fp32", "--json").json
    assert merged["state"] == "done"
    assert enogu("lora", "show", "both", "--json").json["dim"] == 8

    told = enogu("lora", "resize", merged["made_lora_id"], "--rank", "3", "--by", "sv_fro", "--parameter", "0.9",
                 "--json").json  # fmt: skip
    assert told["layers"][0]["rank"] <= 3
    assert 0 < told["retained_mean"] < 1

    assert "alike" in enogu("lora", "compare", "mame", "both").out
    assert enogu("lora", "inspect", "both", "--json").json["family"] == "sd15"

    base = enogu("lora", "merge", "mame", "--into", "starter", "--name", "tuned", "--json").json
    assert base["made_base_model_id"]
    assert "tuned" in enogu("base", "list").out


@pytest.mark.usefixtures("library")
def test_what_the_studio_refuses_and_what_is_mixed_up_is_told_with_a_cure(enogu: Enogu, tmp_path: Path) -> None:
    file = tmp_path / "mame.safetensors"
    assert "enogu lora list" in enogu("lora", "convert", "nobody", code=2).err
    assert "enogu lora upload" in enogu("lora", "merge", file, "sumi", "--out", tmp_path / "x.safetensors", code=2).err
    assert "rank 4 already" in enogu("lora", "resize", "mame", "--rank", "4", code=2).err
    assert "is there already" in enogu("lora", "convert", "mame", "--out", file, code=2).err
    assert "no file" in enogu("lora", "inspect", tmp_path / "gone.safetensors", code=2).err
    into = ("lora", "merge", "mame", "--into", "starter", "--out", tmp_path / "base")
    assert "stays in the studio" in enogu(*into, code=2).err
    assert enogu("lora", "list", "--json").json["total"] == 2


@pytest.mark.usefixtures("library")
def test_a_tool_that_fails_in_the_studio_ends_with_its_reason(enogu: Enogu, tmp_path: Path) -> None:
    wide = tmp_path / "wide.safetensors"
    wide.write_bytes(lora_file(3).replace(b"attn2_to_k", b"attn9_to_k"))
    enogu("lora", "upload", wide)
    failed = enogu("lora", "merge", "wide", "--into", "starter", code=1)
    assert "attn9" in failed.err
