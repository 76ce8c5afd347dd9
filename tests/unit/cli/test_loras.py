"""FILE:WEIGHT as people write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from enogu.cli.loras import parse_lora, parse_lora_of_two_weights
from enogu.errors import WrongUse


@pytest.mark.parametrize(
    ("text", "path", "weight"),
    [
        ("mame.safetensors:0.8", "mame.safetensors", 0.8),
        ("mame.safetensors", "mame.safetensors", 1.0),
        (r"C:\x.safetensors:0.8", r"C:\x.safetensors", 0.8),
        (r"C:\x.safetensors", r"C:\x.safetensors", 1.0),
        ("C:/loras/x.safetensors:-1", "C:/loras/x.safetensors", -1.0),
        ("豆 ちゃん.safetensors:1", "豆 ちゃん.safetensors", 1.0),
        ("a:b.safetensors:.5", "a:b.safetensors", 0.5),
    ],
)
def test_the_weight_is_what_stands_behind_the_last_colon_if_it_is_a_number(text: str, path: str, weight: float) -> None:
    assert parse_lora(text) == (Path(path), weight)


def test_a_file_whose_name_looks_like_a_weight_is_found(tmp_path: Path) -> None:
    odd = tmp_path / "x:0.8"
    odd.write_bytes(b"")
    assert parse_lora(str(odd)) == (odd, 1.0)


@pytest.mark.parametrize("weight", ["7", "-1.5", "nan", "inf"])
def test_a_weight_out_of_range_is_refused_with_the_range(weight: str) -> None:
    """I2: −1 to 2."""
    with pytest.raises(WrongUse, match="Weights go from -1 to 2"):
        parse_lora(f"x.safetensors:{weight}")


def test_a_name_too_long_for_the_disk_is_still_a_name() -> None:
    assert parse_lora("x" * 5000 + ":0.5") == (Path("x" * 5000), 0.5)


def test_a_second_number_is_the_weight_of_the_text_encoders() -> None:
    assert parse_lora_of_two_weights("a.safetensors") == (Path("a.safetensors"), 1.0, 1.0)
    assert parse_lora_of_two_weights("a.safetensors:0.8") == (Path("a.safetensors"), 0.8, 0.8)
    assert parse_lora_of_two_weights(r"C:\a.safetensors:0.8:0") == (Path(r"C:\a.safetensors"), 0.8, 0.0)
    with pytest.raises(WrongUse):
        parse_lora_of_two_weights("a.safetensors:9:0.5")
