"""The mascot's drawings and the people that share her parts (``starter/mascot.py``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

STARTER = Path(__file__).parents[3] / "starter"


@pytest.fixture(scope="module")
def mascot() -> Any:
    """The script's module; the renderer is only installed for making the starter."""
    pytest.importorskip("dicebear")
    pytest.importorskip("pyvips")
    sys.path.insert(0, str(STARTER))
    try:
        import mascot

        return mascot
    finally:
        sys.path.remove(str(STARTER))


def test_mame_has_the_tags_that_make_her_herself(mascot: Any) -> None:
    assert set(mascot.draw_sprite(mascot.MAME).tags) >= mascot.MAME_TAGS
    assert mascot.is_mame(mascot.draw_sprite(mascot.MAME).tags)


def test_nobody_in_the_mixtures_is_mame(mascot: Any) -> None:
    """Green bob, bean pods, suspenders and shorts together are never drawn for the tagger, in no range of numbers."""
    for start in (0, 900_000_000, 1_000_000_000):
        for index in range(start, start + 150):
            assert not set(mascot.draw_mixture(index).tags) >= mascot.MAME_TAGS


def test_mame_in_an_upper_body_framing_is_rejected_although_her_shorts_are_hidden(mascot: Any) -> None:
    hidden = mascot.replace(mascot.MAME, framing="upper body")
    tags = mascot.draw_sprite(hidden).tags
    assert "shorts" not in tags
    assert mascot.is_mame(tags)


def test_a_mixture_that_happens_to_be_mame_is_drawn_again(mascot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = mascot.replace(mascot.MAME, hair="#2f6fe0")
    people = iter([mascot.MAME, mascot.replace(mascot.MAME, framing="upper body"), other])
    monkeypatch.setattr(mascot, "random_sprite", lambda _rng: next(people))
    assert "blue hair" in mascot.draw_mixture(5).tags


def test_every_part_can_be_drawn_and_the_drawing_can_be_rendered(mascot: Any) -> None:
    from corpus import render  # made importable by the fixture

    choices = {
        "hair_style": mascot.HAIR_TAGS,
        "ears": mascot.EAR_TAGS,
        "sprout": mascot.SPROUT_TAGS,
        "top": mascot.TOP_GARMENTS,
        "bottom": mascot.BOTTOMS,
        "eyes": mascot.EYES,
        "mouth": mascot.MOUTHS,
        "brows": mascot.BROWS,
        "pose": mascot.POSES,
        "scene": mascot.SCENES,
        "framing": ("full body", "upper body"),
    }
    drawn = set()
    for field, values in choices.items():
        for value in values:
            picture = mascot.draw_sprite(mascot.replace(mascot.MAME, **{field: value}))
            assert render(picture, 32).shape == (32, 32, 3)
            assert picture.tags[0] == "chibi style"
            assert len(set(picture.tags)) == len(picture.tags)
            drawn.add(picture.svg)
    assert len(drawn) >= sum(len(values) for values in choices.values()) - len(choices)


def test_a_mixture_is_a_function_of_its_number(mascot: Any) -> None:
    assert mascot.draw_mixture(17) == mascot.draw_mixture(17)
    assert mascot.draw_mixture(17) != mascot.draw_mixture(18)
