"""``enogu lora convert``, ``merge``, ``resize``, ``compare`` on files of this machine (issue 5, section 4)."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from enogu.weights.header import read_header
from tests.tiny_base import write_tiny_base
from tests.unit.cli.conftest import Enogu

KEY = "lora_unet_down_blocks_0_attentions_0_proj_in"


def write_lora(path: Path, dim: int) -> Path:
    down, up = torch.randn(dim, 32, 1, 1), torch.randn(32, dim, 1, 1)
    save_file({f"{KEY}.lora_down.weight": down, f"{KEY}.lora_up.weight": up, f"{KEY}.alpha": torch.tensor(1.0)}, path)
    return path


def test_files_are_converted_merged_resized_and_compared(enogu: Enogu, tmp_path: Path) -> None:
    a, b = write_lora(tmp_path / "a.safetensors", 4), write_lora(tmp_path / "b.safetensors", 2)
    merged = tmp_path / "merged.safetensors"
    assert enogu("lora", "merge", f"{a}:0.5", b, "--out", merged, "--json").json["num_tensors"] == 3
    told = enogu("lora", "resize", merged, "--rank", "3", "--out", tmp_path / "small.safetensors", "--json").json
    assert (told["layers"][0]["rank_before"], told["layers"][0]["rank"]) == (6, 3)
    assert 0 < told["retained_mean"] < 1
    enogu("lora", "convert", a, "--to", "diffusers", "--out", tmp_path / "d.safetensors")
    assert "block 1: alike 1.000" in enogu("lora", "compare", a, tmp_path / "d.safetensors").out
    assert enogu("lora", "inspect", a, "--json").json["kind"] == "LoRA"


def test_wrong_words_and_files_that_are_there_are_refused(enogu: Enogu, tmp_path: Path) -> None:
    a = write_lora(tmp_path / "a.safetensors", 4)
    assert "is there already" in enogu("lora", "convert", a, "--out", a, code=2).err
    assert "Give --out" in enogu("lora", "convert", a, code=2).err
    assert "fp32" in enogu("lora", "convert", a, "--out", tmp_path / "x.safetensors", "--precision", "half", code=2).err
    resize = ("lora", "resize", a, "--rank", "2", "--out", tmp_path / "x.safetensors", "--by")
    assert "sv_fro" in enogu(*resize, "magic", code=2).err
    assert "needs a number" in enogu(*resize, "sv_fro", code=2).err


def test_loras_are_merged_into_a_base_model_with_two_weights_each(enogu: Enogu, tmp_path: Path) -> None:
    base = write_tiny_base(tmp_path / "base")
    width = read_header(base / "unet" / "diffusion_pytorch_model.safetensors").shapes[
        "down_blocks.0.attentions.0.proj_in.weight"
    ][0]
    down, up = torch.randn(2, width, 1, 1), torch.randn(width, 2, 1, 1)
    save_file({f"{KEY}.lora_down.weight": down, f"{KEY}.lora_up.weight": up}, tmp_path / "a.safetensors")
    out = tmp_path / "merged"
    told = enogu("lora", "merge", f"{tmp_path / 'a.safetensors'}:0.5:0", "--into", base, "--out", out, "--json").json
    assert (told["family"], told["num_layers"]) == ("sd15", 1)
    assert enogu("inspect", out, "--json").json["family"] == "sd15"
    again = ("lora", "merge", tmp_path / "a.safetensors", "--into", base, "--out")
    assert "is there already" in enogu(*again, out, code=2).err
    assert "no rank" in enogu(*again, tmp_path / "x", "--rank", "4", code=2).err
