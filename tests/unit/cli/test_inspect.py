"""``enogu inspect``: what a safetensors file is, by its content and without torch."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from pathlib import Path

import pytest

from enogu.cli.main import run

UNET = "model.diffusion_model."


def write_file(path: Path, shapes: dict[str, tuple[int, ...]], metadata: dict[str, str]) -> Path:
    header: dict[str, object] = {"__metadata__": metadata}
    position = 0
    for name, shape in shapes.items():
        end = position + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(position))
    return path


def inspect(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    assert run(["--json", "inspect", str(path)]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_base_model_in_a_single_file_is_told_by_its_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C4."""
    shapes: dict[str, tuple[int, ...]] = {
        f"{UNET}input_blocks.0.0.weight": (4, 4, 3, 3),
        f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (4, 768),
        "cond_stage_model.transformer.text_model.final_layer_norm.bias": (8,),
        "v_pred": (0,),
    }
    path = write_file(tmp_path / "何か.safetensors", shapes, {"modelspec.title": "Bean mix"})
    told = inspect(path, capsys)
    assert (told["kind"], told["family"], told["prediction_type"]) == ("base model", "sd15", "v_prediction")
    assert (told["title"], told["missing"]) == ("Bean mix", ["VAE"])
    assert told["short_hash"] == hashlib.sha256(path.read_bytes()).hexdigest()[:10]


def test_alphas_are_read_from_the_tensors_in_half_precision(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shapes: dict[str, tuple[int, ...]] = {
        "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": (4, 64),
        "lora_unet_mid_block_attentions_0_proj_in.alpha": (),
    }
    path = write_file(tmp_path / "x.safetensors", shapes, {"ss_network_alpha": "8"})
    data = bytearray(path.read_bytes())
    data[-2:] = struct.pack("<e", 2.5)
    path.write_bytes(data)
    told = inspect(path, capsys)
    assert (told["kind"], told["dim"], told["alpha"]) == ("LoRA", 4, 2.5)
