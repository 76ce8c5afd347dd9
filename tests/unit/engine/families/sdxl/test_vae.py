"""The number format of SDXL's VAE: it overflows in fp16 unless it is the mended one (issue 5, memory)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from enogu.engine.families.sdxl.load import vae_dtype


@pytest.mark.parametrize(
    ("config", "asked", "used"),
    [
        ({}, torch.float16, torch.float32),
        ({"force_upcast": True}, torch.float16, torch.float32),
        ({"force_upcast": False}, torch.float16, torch.float16),
        ({"force_upcast": False}, torch.bfloat16, torch.float32),
        ({"force_upcast": False}, torch.float32, torch.float32),
    ],
)
def test_the_vae_computes_in_fp32_unless_its_folder_says_that_it_bears_fp16(
    config: dict[str, bool], asked: torch.dtype, used: torch.dtype, tmp_path: Path
) -> None:
    (tmp_path / "vae").mkdir()
    (tmp_path / "vae" / "config.json").write_text(json.dumps(config), "utf-8")
    assert vae_dtype(tmp_path, asked) == used
