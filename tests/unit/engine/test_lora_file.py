"""Files that somebody hands us: opened only when they are what they say (I1; issue 2, 7: bad input)."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from enogu.engine.lora_file import load_lora
from enogu.errors import AdapterRefused
from enogu.weights.header import read_header, tensor_bytes_sha256

GOOD = {"lora_unet_x.lora_down.weight": torch.ones(2, 3), "lora_unet_x.lora_up.weight": torch.ones(4, 2)}


def test_a_lora_is_read_with_metadata_and_the_hash_of_its_tensors(tmp_path: Path) -> None:
    path = tmp_path / "豆 lora.safetensors"
    save_file(GOOD, path, {"ss_output_name": "mame"})
    file = load_lora(path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    assert file.metadata == {"ss_output_name": "mame"}
    assert file.tensors.keys() == GOOD.keys()
    assert file.tensor_sha256 == tensor_bytes_sha256(path) == hashlib.sha256(data[8 + length :]).hexdigest()
    assert read_header(path).tensors["lora_unet_x.lora_down.weight"] == ("F32", (2, 3))


def test_a_pickle_is_never_opened_whatever_its_name_ends_in(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (ran,))

    plain, zipped = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    plain.write_bytes(pickle.dumps(Evil()))
    torch.save({"lora": torch.ones(2)}, zipped)
    for path in (plain, zipped):
        with pytest.raises(AdapterRefused, match=f"{path.name} is a pickle") as refused:
            load_lora(path)
        assert ".safetensors" in refused.value.cure
    assert not ran.exists()


def _with_header(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no safetensors file"),
        (b"\x10", "no safetensors file"),
        (b"not a safetensors file, just text in a file", "no safetensors file"),
        (struct.pack("<Q", 2**63) + b"{}", "no safetensors file"),
        (struct.pack("<Q", 50) + b"{}", "cut off"),
        (_with_header(b"\xff\xfe\x00"), "damaged header"),
        (_with_header(b"[1, 2]"), "damaged header"),
        (_with_header(b"7"), "damaged header"),
        (_with_header(b'{"a": 7}'), "damaged header"),
        (_with_header(b'{"a": {"dtype": "F32"}}'), "damaged header"),
        (_with_header(b'{"__metadata__": [1]}'), "damaged header"),
        (_with_header(b"[" * 100_000), "damaged header"),
        (_with_header(b"{}"), "is no LoRA"),
    ],
)
def test_damage_is_named_with_the_file(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(AdapterRefused, match=words) as refused:
        load_lora(path)
    assert "x.safetensors" in refused.value.message
    assert refused.value.cure


@given(cut=st.integers(1, 200), keep_header=st.booleans())
def test_a_truncated_file_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: int, keep_header: bool) -> None:
    path = tmp_path_factory.mktemp("cut") / "x.safetensors"
    save_file(GOOD, path)
    data = path.read_bytes()
    body = len(data) - 8 - int.from_bytes(data[:8], "little")
    path.write_bytes(data[: -min(cut, body if keep_header else len(data))])
    with pytest.raises(AdapterRefused):
        load_lora(path)


def test_a_header_longer_than_we_are_willing_to_read_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enogu.weights.header.MAX_HEADER_BYTES", 100)
    path = tmp_path / "x.safetensors"
    path.write_bytes(_with_header(json.dumps({"__metadata__": {"k": "v" * 200}}).encode()))
    with pytest.raises(AdapterRefused, match="no safetensors file"):
        read_header(path)


def test_an_offset_beyond_the_file_is_refused(tmp_path: Path) -> None:
    header = {"x.lora_down.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    path = tmp_path / "x.safetensors"
    path.write_bytes(_with_header(json.dumps(header).encode(), b"\0" * 4))
    with pytest.raises(AdapterRefused, match="damaged header"):
        load_lora(path)


def test_nan_in_a_file_is_named_with_its_layer(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({**GOOD, "lora_unet_x.lora_up.weight": torch.full((4, 2), float("nan"))}, path)
    with pytest.raises(AdapterRefused, match=r"lora_unet_x\.lora_up\.weight"):
        load_lora(path)


def test_a_checkpoint_that_is_no_lora_and_half_a_lora_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for name, words in (
        ("model.diffusion_model.input_blocks.0.0.weight", "is no LoRA"),
        ("unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight", "not known here"),
    ):
        save_file({name: torch.ones(2, 2)}, path)
        with pytest.raises(AdapterRefused, match=words):
            load_lora(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(AdapterRefused, match="There is no file"):
            load_lora(path)
