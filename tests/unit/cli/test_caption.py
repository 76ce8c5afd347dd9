"""``enogu caption`` over the API in this process (B5; E1 to E8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from enogu import starter_data
from tests.unit.cli.conftest import Enogu


@pytest.fixture
def enogu_k(enogu: Enogu) -> Enogu:
    """With a dataset ``k`` of seven captions."""
    enogu("dataset", "create", "k")
    enogu("dataset", "add", "k", Path(starter_data.path("pictures")) / "mame_kohya")
    return enogu


def captions(enogu: Enogu, *words: str) -> list[str]:
    return [one["caption"] for one in enogu("caption", "show", "k", *words, "--json").json["captions"]]


def test_captions_are_shown_and_filtered_and_their_tags_counted(enogu_k: Enogu) -> None:
    """E1, E3."""
    assert len(captions(enogu_k)) == 7
    smiling = captions(enogu_k, "--filter", "smile")
    assert 0 < len(smiling) < 7 and all("smile" in one for one in smiling)
    tags = enogu_k("caption", "union", "k", "--json").json["tags"]
    assert {one["shown"]: one["count"] for one in tags}["green hair"] == 7
    assert "green hair" in enogu_k("caption", "union", "k").out


def test_each_command_is_one_change_that_undo_takes_back(enogu_k: Enogu) -> None:
    """E2."""
    before = captions(enogu_k)
    assert "would be changed" in enogu_k("caption", "delete", "k", "smile", "--dry-run").out
    assert captions(enogu_k) == before
    assert enogu_k("caption", "add", "k", "mascot", "one bean", "--where", "first", "--json").json["num_changed"] == 7
    enogu_k("caption", "rename", "k", "bob cut", "bangs", "--to", "hair")
    enogu_k("caption", "replace", "k", "gr(een)", "bl\\1", "--pattern")
    enogu_k("caption", "set", "k", "mame_01.png", "mame, only this")
    enogu_k("caption", "respell", "k", "--to", "underscores", "--picture", "mame_02.png")
    after = captions(enogu_k)
    assert after[0] == "mame, only this"
    assert "one_bean" in after[1] and "one bean" in after[2]
    assert "bleen hair" in after[2] and "bob cut" not in after[2]
    assert enogu_k("caption", "history", "k").out.count("\n") >= 7
    for _ in range(5):
        enogu_k("caption", "undo", "k")
    assert captions(enogu_k) == before
    assert "Done again" in enogu_k("caption", "redo", "k").out


def test_the_advisor_and_what_the_trainer_sees_are_told(enogu_k: Enogu) -> None:
    """E6, E7, E8."""
    advice = enogu_k("caption", "advise", "k")
    assert "enogu caption delete k" in advice.out
    fed = enogu_k("caption", "see", "k", "--most", "2", "--json").json["captions"]
    assert len(fed) == 2 and all(one["fed"].startswith("mame") for one in fed)
    assert all(one["num_tokens"] > 20 for one in enogu_k("caption", "tokens", "k", "--json").json)
    assert "150 or 225" in enogu_k("caption", "tokens", "k", "--limit", "76", code=2).err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("show", "nothing"), "no dataset nothing"),
        (("show", "k", "--filter", "(smile"), "character"),
        (("add", "k", "x", "--where", "before"), "--anchor"),
        (("replace", "k", "(", "x", "--pattern"), "("),
        (("set", "k", "nothing.png", "x"), "no picture nothing.png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_mistakes_end_with_2_and_name_the_culprit(enogu_k: Enogu, words: tuple[str, ...], part: str) -> None:
    assert part in enogu_k("caption", *words, code=2).err


def test_nothing_to_undo_is_said_as_a_failure(enogu: Enogu) -> None:
    enogu("dataset", "create", "k")
    assert enogu("caption", "undo", "k", code=1).err
