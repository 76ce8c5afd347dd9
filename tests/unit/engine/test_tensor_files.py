"""Equal content gives equal bytes, in every process (issue 2, 7: the same seed twice gives identical bytes)."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from enogu.engine.tensor_files import tensor_file_bytes
from tests.unit.engine.tiny_run import header_of

TENSORS = {
    "b.lora_down.weight": torch.arange(6, dtype=torch.float16).view(2, 3),
    "a.alpha": torch.tensor(2.0),
    "é": torch.zeros(0, 3),
}


def test_what_is_written_reads_back_with_its_metadata(tmp_path: Path) -> None:
    metadata = {"ss_output_name": '豆 "mame"', "empty": "", "lines": "a\nb"}
    path = tmp_path / "file.safetensors"
    path.write_bytes(tensor_file_bytes(TENSORS, metadata))
    loaded = load_file(path)
    assert loaded.keys() == TENSORS.keys()
    assert all(
        torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype for name, tensor in TENSORS.items()
    )
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == metadata


def test_the_header_is_sorted_and_aligned_so_that_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    metadata = {f"ss_{number:02}": str(number) for number in range(40)}
    data = tensor_file_bytes(TENSORS, metadata)
    assert data == tensor_file_bytes(dict(reversed(TENSORS.items())), dict(reversed(metadata.items())))
    assert int.from_bytes(data[:8], "little") % 8 == 0
    path = tmp_path / "file.safetensors"
    path.write_bytes(data)
    assert list(header_of(path)["__metadata__"]) == sorted(metadata)
