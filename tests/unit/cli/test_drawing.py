"""``enogu drawing`` over the API in this process (B10; I2 to I6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from enogu.cli import drawing
from enogu.errors import WrongUse
from tests.unit.cli.conftest import Enogu


def test_a_drawing_is_asked_for_drawn_read_downloaded_and_put_away(
    enogu: Enogu, work: Callable[[], int], tmp_path: Path
) -> None:
    asked = enogu("drawing", "draw", "--prompt", "豆, smile", "--seed", "5", "--count", "2", "--steps", "2", "--json")
    assert (asked.json["count"], asked.json["seed"], asked.json["state"]) == (2, 5, "waiting")
    assert "enogu worker" in enogu("drawing", "draw", "--prompt", "x", "--steps", "1").out
    work()
    found = enogu("drawing", "list", "--search", "smile", "--json").json["drawings"]
    assert sorted(one["seed"] for one in found) == [5, 6]
    assert "Seed: " in enogu("drawing", "show", found[0]["id"]).out
    paths = enogu("drawing", "download", *[one["id"] for one in found], "--out", tmp_path, "--json").json["paths"]
    read = enogu("drawing", "read", paths[0], "--json").json
    assert (read["prompt"], read["seed"]) == ("豆, smile", found[0]["seed"])
    enogu("drawing", "delete", found[0]["id"])
    assert found[0]["id"] in enogu("drawing", "list", "--deleted").out
    enogu("drawing", "restore", found[0]["id"])
    assert found[0]["id"] in enogu("drawing", "list").out


def test_a_comparison_has_a_sheet_when_all_is_drawn(enogu: Enogu, work: Callable[[], int]) -> None:
    enogu("runs", "start", "mame", "--set", "training.epochs=1")
    work()
    enogu("lora", "save", "last")
    asked = enogu("drawing", "compare", "mame", "--prompt", "mame", "--weights", "0.5,1", "--steps", "1", "--json").json
    assert (asked["kind"], asked["count"], asked["sheet"]["columns"]) == ("comparison", 3, asked["sheet"]["columns"])
    assert work() == 1


def test_sizes_and_weights_are_read_as_people_write_them() -> None:
    assert drawing.parse_size("512x768") == (512, 768)
    assert drawing.parse_size("") == (None, None)
    with pytest.raises(WrongUse, match="512x768"):
        drawing.parse_size("large")
    assert drawing._weighted("mame:0.8") == {"lora": "mame", "weight": 0.8}
    assert drawing._weighted("mame") == {"lora": "mame", "weight": 1.0}
    assert drawing._weighted("a:b") == {"lora": "a:b", "weight": 1.0}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("draw", "--prompt", "x", "--size", "big"), "--size big"),
        (("draw", "--prompt", "x", "--lora", "nothing"), "nothing"),
        (("compare", "x", "--prompt", "x", "--weights", "much"), "--weights much"),
        (("show", "nothing"), "no drawing nothing"),
    ],
)
def test_mistakes_end_with_2_and_name_the_culprit(enogu: Enogu, words: tuple[str, ...], part: str) -> None:
    assert part in enogu("drawing", *words, code=2).err
